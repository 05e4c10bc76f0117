/* Turning a data set into batches: nothing is computed but where bytes become numbers, in float.
 *
 *   gather   a block copies as many rows as it has threads for, or a piece of one row; the threads of a row take units of
 *            16, 4 or 1 bytes in turns, the widest of which rows begin and end at multiples
 *   make_batch
 *            y = x (1 / 255 deviation) - mean / deviation, x the image that an order names, or the batch's own, moved at
 *            random. A block makes elements of one image, four side by side in y a thread, where channels or pixels lie
 *            innermost, whatever the layout of x, of whose bytes a warp reads few lines. Which image that is, and how it is
 *            moved, one thread each finds out for the block
 */
#include "data.h"
#include "numeric.cuh"

constexpr int threads = 256;

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

/* The row of image n: that which the order has n places behind the cursor. */
__device__ __forceinline__ int64_t row_of(const struct kernel_intake &how, const int32_t *order,
                                          const int64_t *cursor, int64_t n, struct kernel_fault *fault) {
    if (how.n_order == 0) return n;
    const int64_t row = order[(*cursor % how.n_order + how.n_order + n) % how.n_order];
    if (row >= 0 && row < how.n_rows) return row;
    report_fault(fault, KERNEL_FAULT_INDEX, row, how.n_rows);
    return 0;
}

/* Elements of an image in the order of y's memory: channels or pixels lie side by side. */
template <class T>
__global__ void make_batch(const uint8_t *x, struct kernel_view from, const float *mean,
                           const float *deviation, const int32_t *order, const int64_t *cursor,
                           const int64_t *rng, struct kernel_intake how, T *y, struct kernel_view to,
                           bool channels_last, bool dense, struct kernel_fault *fault) {
    SHARED(int64_t, row, [1]);
    SHARED(struct moved_image, moved, [KERNEL_MOVES]);
    const int64_t n = blockIdx.x;
    if (threadIdx.x == 0) row[0] = row_of(how, order, cursor, n, fault);
    UNROLL
    for (int m = 0; m < KERNEL_MOVES; m++)
        if (m < how.moves && threadIdx.x == (m + 1) * 32u)
            move_image(&moved[m], &how.move[m], rng, n, static_cast<int>(to.dim[2]),
                       static_cast<int>(to.dim[3]));
    __syncthreads();
    const unsigned channels = static_cast<unsigned>(to.dim[1]);
    const int height = static_cast<int>(to.dim[2]), width = static_cast<int>(to.dim[3]);
    const unsigned pixels = static_cast<unsigned>(height) * width, count = channels * pixels;
    const uint8_t *source = x + row[0] * from.stride[0];
    T *target = y + n * to.stride[0];
    for (unsigned i = (blockIdx.y * threads + threadIdx.x) * 4; i < count; i += gridDim.y * threads * 4) {
        unsigned c = channels_last ? i % channels : i / pixels;
        const int pixel = static_cast<int>(channels_last ? i / channels : i % pixels);
        int h = pixel / width, w = pixel % width;
        float numbers[4] = {};
        int64_t places[4] = {};
        UNROLL
        for (int k = 0; k < 4; k++) {
            if (i + k >= count) break;
            places[k] = c * to.stride[1] + h * to.stride[2] + w * to.stride[3];
            int from_h = h, from_w = w;
            bool inside = true;
            UNROLL
            for (int m = KERNEL_MOVES - 1; m >= 0; m--)
                if (m < how.moves && inside) inside = moved_from(&moved[m], height, width, &from_h, &from_w);
            if (inside) {
                const uint8_t byte =
                    source[c * from.stride[1] + from_h * from.stride[2] + from_w * from.stride[3]];
                const float scale = 1 / deviation[c];
                numbers[k] = (static_cast<float>(byte) * (1 / 255.0f) - mean[c]) * scale;
            }
            bool wrapped = !channels_last || ++c == channels;
            if (wrapped && channels_last) c = 0;
            if (wrapped) w++;
            wrapped = w == width;
            if (wrapped) w = 0, h++;
            if (wrapped && h == height && !channels_last) h = 0, c++;
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

/* Whether elements of an image follow one another as `order` says, innermost first, and every image begins at a multiple of
 * four of them. */
static bool is_dense(const struct kernel_view *view, const int (&order)[3]) {
    int64_t stride = 1;
    for (int d : order) {
        if (view->dim[d] > 1 && view->stride[d] != stride) return false;
        stride *= view->dim[d];
    }
    return view->stride[0] % 4 == 0;
}

extern "C" kernel_status kernel_batch(const uint8_t *x, const struct kernel_view *x_view, const float *mean,
                                      const float *deviation, const int32_t *order, const int64_t *cursor,
                                      const int64_t *rng, const struct kernel_intake *how, void *y,
                                      const struct kernel_view *y_view, enum kernel_type type,
                                      struct kernel_fault *fault, void *stream) {
    const int64_t work = (y_view->dim[1] * y_view->dim[2] * y_view->dim[3] + 3) / 4;
    const dim3 blocks(static_cast<unsigned>(y_view->dim[0]), blocks_for(work, threads, 32));
    const bool channels_last = y_view->stride[1] == 1 && y_view->dim[1] > 1;
    const bool dense = channels_last ? is_dense(y_view, {1, 3, 2}) : is_dense(y_view, {3, 2, 1});
    WITH_TYPE(type, T,
              LAUNCH((make_batch<T>), blocks, threads, 0, stream, x, *x_view, mean, deviation, order, cursor,
                     rng, *how, static_cast<T *>(y), *y_view, channels_last, dense, fault));
    return cudaGetLastError();
}
