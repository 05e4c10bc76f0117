/* Turning a data set into batches: nothing is computed but where bytes become numbers, in float.
 *
 *   gather   a block copies as many rows as it has threads for, or a piece of one row; the threads of a row take units of
 *            16, 4 or 1 bytes in turns, the widest of which rows begin and end at multiples
 *   convert  y = x (1 / 255 deviation) - mean / deviation. A thread makes four elements that lie side by side in y, where
 *            channels or pixels lie innermost, whatever the layout of x, of whose bytes a warp reads few lines. Images lie
 *            along the grid's y axis */
#include "data.h"
#include "numeric.cuh"

constexpr int threads = 256, most_images = 65535;

/* A block is `lanes` threads (a power of two) for each of threads / lanes rows. */
template <class T>
__global__ void gather(const T *data, int64_t n_rows, int64_t row_units, const int32_t *order,
                       int64_t n_order, const int64_t *cursor, T *batch, int64_t n_batch, int lanes,
                       struct kernel_fault *fault) {
    const int lane = threadIdx.x & (lanes - 1);
    const int64_t i = (blockIdx.x * int64_t{threads} + threadIdx.x) / lanes;
    if (i >= n_batch) return;
    int64_t at = (*cursor % n_order + n_order + i) % n_order, row = order[at];
    if (row < 0 || row >= n_rows) {
        if (lane == 0 && blockIdx.y == 0) report_fault(fault, KERNEL_FAULT_INDEX, row, n_rows);
        row = 0;
    }
    for (int64_t unit = blockIdx.y * int64_t{lanes} + lane; unit < row_units;
         unit += gridDim.y * int64_t{lanes})
        batch[i * row_units + unit] = data[row * row_units + unit];
}

template <class T>
static void launch_gather(const void *data, int64_t n_rows, int64_t row_bytes, const int32_t *order,
                          int64_t n_order, const int64_t *cursor, void *batch, int64_t n_batch,
                          struct kernel_fault *fault, void *stream) {
    const int64_t units = row_bytes / static_cast<int64_t>(sizeof(T));
    int lanes = 1;
    while (lanes < threads && lanes < units) lanes *= 2;
    const int64_t blocks = (n_batch * lanes + threads - 1) / threads;
    const dim3 grid(static_cast<unsigned>(blocks), blocks_for(units, 4 * lanes, 16));
    LAUNCH((gather<T>), grid, threads, 0, stream, static_cast<const T *>(data), n_rows, units, order, n_order,
           cursor, static_cast<T *>(batch), n_batch, lanes, fault);
}

/* Whether rows begin and end at multiples of T. */
template <class T> static bool divides(const void *data, const void *batch, int64_t row_bytes) {
    return (reinterpret_cast<uintptr_t>(data) | reinterpret_cast<uintptr_t>(batch) |
            static_cast<uintptr_t>(row_bytes)) %
               sizeof(T) ==
           0;
}

extern "C" kernel_status kernel_gather(const void *data, int64_t n_rows, int64_t row_bytes,
                                       const int32_t *order, int64_t n_order, const int64_t *cursor,
                                       void *batch, int64_t n_batch, struct kernel_fault *fault,
                                       void *stream) {
    const auto launch = divides<uint4>(data, batch, row_bytes)      ? launch_gather<uint4>
                        : divides<uint32_t>(data, batch, row_bytes) ? launch_gather<uint32_t>
                                                                    : launch_gather<uint8_t>;
    launch(data, n_rows, row_bytes, order, n_order, cursor, batch, n_batch, fault, stream);
    return cudaGetLastError();
}

/* Elements of an image in the order of y's memory: `inner` of them lie side by side, channels or pixels. */
template <class T>
__global__ void convert(const uint8_t *x, struct kernel_view from, const float *mean, const float *deviation,
                        T *y, struct kernel_view to, bool channels_last) {
    const unsigned count = static_cast<unsigned>(to.dim[1] * to.dim[2]),
                   inner = static_cast<unsigned>(channels_last ? to.dim[1] : to.dim[2]);
    const int64_t inner_stride = channels_last ? to.stride[1] : to.stride[2],
                  outer_stride = channels_last ? to.stride[2] : to.stride[1];
    const bool dense =
        inner_stride == 1 && (outer_stride == inner || count == inner) && to.stride[0] % 4 == 0;
    for (int64_t n = blockIdx.y; n < to.dim[0]; n += gridDim.y) {
        const uint8_t *source = x + n * from.stride[0];
        T *target = y + n * to.stride[0];
        for (unsigned i = (blockIdx.x * threads + threadIdx.x) * 4; i < count; i += gridDim.x * threads * 4) {
            unsigned a = i % inner, b = i / inner;
            float numbers[4] = {};
            int64_t places[4] = {};
            UNROLL
            for (int k = 0; k < 4; k++) {
                if (i + k >= count) break;
                const int64_t c = channels_last ? a : b, p = channels_last ? b : a;
                const float scale = 1 / deviation[c];
                const float byte = static_cast<float>(source[c * from.stride[1] + p * from.stride[2]]);
                numbers[k] = (byte * (1 / 255.0f) - mean[c]) * scale;
                places[k] = a * inner_stride + b * outer_stride;
                if (++a == inner) a = 0, b++;
            }
            if (dense && i + 4 <= count) {
                store_floats(target + i, numbers);
                continue;
            }
            UNROLL
            for (int k = 0; k < 4; k++)
                if (i + k < count) target[places[k]] = from_float<T>(numbers[k]);
        }
    }
}

extern "C" kernel_status kernel_convert(const uint8_t *x, const struct kernel_view *x_view, const float *mean,
                                        const float *deviation, void *y, const struct kernel_view *y_view,
                                        enum kernel_type type, void *stream) {
    const int64_t images = y_view->dim[0], work = (y_view->dim[1] * y_view->dim[2] + 3) / 4;
    const dim3 blocks(blocks_for(work, threads, 1024),
                      static_cast<unsigned>(images < most_images ? images : most_images));
    const bool channels_last = y_view->stride[1] == 1 && y_view->dim[1] > 1;
    WITH_TYPE(type, T,
              LAUNCH((convert<T>), blocks, threads, 0, stream, x, *x_view, mean, deviation,
                     static_cast<T *>(y), *y_view, channels_last));
    return cudaGetLastError();
}
