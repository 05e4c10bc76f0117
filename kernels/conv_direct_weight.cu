/* The weight of a convolution by direct summation over places, and the addition of partial sums.
 *
 * For any strides, groups and numbers of channels. A block makes, for a range of places (n, h', w'), a tile of the
 * weight: `across` slots, a slot being R outputs of one group, times 256 / across elements of the window's
 * j = (k, l, c), one of each to a thread. The range is gone through in chunks of places, whose y the block keeps as
 * float in shared memory together with where the image starts under them. Sums are float; ranges are short, and their
 * sums are added by a second launch in an order that does not depend on timing. */
#include "conv.cuh"

constexpr int threads = 256, chunk = 32, most_across = 32, sum_rows = 8;

/* Where x is read for a place: at its window's corner. */
struct alignas(16) corner {
    int64_t x, y;
    int h, w;
};

static __device__ void set_corner(corner &corner, const kernel_conv &conv, int64_t place) {
    const division row = divide(place, conv.axis[1].places),
                   plane = divide(row.quotient, conv.axis[0].places);
    const int64_t n = plane.quotient;
    corner.h = plane.remainder * conv.axis[0].stride - conv.axis[0].pad;
    corner.w = row.remainder * conv.axis[1].stride - conv.axis[1].pad;
    corner.x = n * conv.x_stride[0] + corner.h * conv.x_stride[2] + corner.w * conv.x_stride[3];
    corner.y = n * conv.y_stride[0] + plane.remainder * conv.y_stride[2] + row.remainder * conv.y_stride[3];
}

/* A slot's group and first output of that group; the output is past the last where there is no such slot. */
struct slot {
    int group, output;
};
template <int R> __device__ slot slot_of(const kernel_conv &conv, int64_t index) {
    const division place = divide(index, (conv.outputs + R - 1) / R);
    if (place.quotient >= conv.groups) return {0, conv.outputs};
    return {static_cast<int>(place.quotient), place.remainder * R};
}

template <int R, class T>
__global__ void __launch_bounds__(threads)
    conv_direct_weight(const kernel_conv conv, const T *x, const T *y, float *parts, int across,
                       int slot_tiles, int element_tiles, int64_t places_each, bool slots_first) {
    SHARED(corner, corners, [chunk]);
    SHARED(float, numbers, [chunk * most_across * R]);
    const int thread = static_cast<int>(threadIdx.x), down = threads / across, columns = across * R;
    const division block = divide(blockIdx.x, element_tiles), slice = divide(block.quotient, slot_tiles);
    const int64_t first_slot = int64_t{slice.remainder} * across, split = slice.quotient;
    const int64_t places = int64_t{conv.batch} * conv.axis[0].places * conv.axis[1].places;
    const int64_t begin = split * places_each,
                  end = begin + places_each < places ? begin + places_each : places;

    const int my_slot = slots_first ? thread % across : thread / down;
    const slot mine = slot_of<R>(conv, first_slot + my_slot);
    const int window = conv.axis[0].window * conv.axis[1].window;
    const int64_t element = int64_t{block.remainder} * down + (slots_first ? thread / across : thread % down);
    const division tap = divide(element, conv.channels);
    const bool exists = tap.quotient < window && mine.output < conv.outputs;
    const int l = static_cast<int>(tap.quotient % conv.axis[1].window),
              k = static_cast<int>(tap.quotient / conv.axis[1].window);
    const int dh = k * conv.axis[0].dilation, dw = l * conv.axis[1].dilation;
    const int64_t my_x = (int64_t{mine.group} * conv.channels + tap.remainder) * conv.x_stride[1] +
                         dh * conv.x_stride[2] + dw * conv.x_stride[3];

    const int column = thread % columns;
    const slot fetched = slot_of<R>(conv, first_slot + column / R);
    const int fetched_output = fetched.output + column % R;
    const T *const fetched_y =
        y + (int64_t{fetched.group} * conv.outputs + fetched_output) * conv.y_stride[1];

    float sum[R] = {};
    for (int64_t first = begin; first < end; first += chunk) {
        const int count = static_cast<int>(end - first < chunk ? end - first : chunk);
        __syncthreads();
        if (thread < count) set_corner(corners[thread], conv, first + thread);
        __syncthreads();
        for (int p = thread / columns; p < count; p += threads / columns)
            numbers[p * columns + column] =
                fetched_output < conv.outputs ? to_float(fetched_y[corners[p].y]) : 0.f;
        __syncthreads();
        for (int p = 0; p < count && exists; p++) {
            const corner &corner = corners[p];
            float factor[R];
            load_floats(&numbers[p * columns + my_slot * R], factor);
            const bool inside =
                static_cast<unsigned>(corner.h + dh) < static_cast<unsigned>(conv.axis[0].image) &&
                static_cast<unsigned>(corner.w + dw) < static_cast<unsigned>(conv.axis[1].image);
            const float number = inside ? to_float(x[my_x + corner.x]) : 0.f;
            UNROLL
            for (int r = 0; r < R; r++) sum[r] = fmaf(number, factor[r], sum[r]);
        }
    }
    if (!exists) return;
    float *const part = parts + split * conv.groups * conv.outputs * conv.channels * window;
    UNROLL
    for (int r = 0; r < R; r++)
        if (mine.output + r < conv.outputs)
            part[((int64_t{mine.group} * conv.outputs + mine.output + r) * conv.channels + tap.remainder) *
                     window +
                 tap.quotient] = sum[r];
}

/* Of 32 numbers, one to each column of threads; rows of threads take every eighth split. */
template <class Y>
__global__ void __launch_bounds__(32 * sum_rows)
    add_splits(const float *parts, int splits, int64_t n, Y *result) {
    SHARED(float, sums, [sum_rows][32]);
    const int64_t i = blockIdx.x * int64_t{32} + threadIdx.x;
    float sum = 0;
    if (i < n)
        for (int s = static_cast<int>(threadIdx.y); s < splits; s += sum_rows) sum += parts[s * n + i];
    sums[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.y != 0 || i >= n) return;
    for (int row = 1; row < sum_rows; row++) sum += sums[row][threadIdx.x];
    result[i] = from_float<Y>(sum);
}

extern "C" kernel_status kernel_conv_add_splits(const float *parts, int splits, int64_t n, void *result,
                                                enum kernel_type type, void *stream) {
    const unsigned blocks = static_cast<unsigned>((n + 31) / 32);
    WITH_TYPE(type, Y,
              LAUNCH((add_splits<Y>), blocks, dim3(32, sum_rows), 0, stream, parts, splits, n,
                     static_cast<Y *>(result)));
    return cudaGetLastError();
}

template <class T>
static void launch(const kernel_conv *conv, const void *x, const void *y, float *parts, int splits,
                   void *stream) {
    const int each = conv->outputs >= 4 ? 4 : 1;
    const int64_t slots = int64_t{conv->groups} * ((conv->outputs + each - 1) / each),
                  elements = int64_t{conv->axis[0].window} * conv->axis[1].window * conv->channels,
                  places = int64_t{conv->batch} * conv->axis[0].places * conv->axis[1].places;
    /* No more slots than leave the other threads an element each, as far as there are so many slots. */
    int across = 1;
    while (across < most_across && across < slots && (across < 8 || elements < threads / across)) across *= 2;
    const int64_t slot_tiles = (slots + across - 1) / across,
                  element_tiles = (elements + threads / across - 1) / (threads / across);
    const unsigned blocks = static_cast<unsigned>(slot_tiles * element_tiles * splits);
    const int64_t places_each = (places + splits - 1) / splits;
    const auto *image = static_cast<const T *>(x), *place = static_cast<const T *>(y);
    if (each == 4)
        LAUNCH((conv_direct_weight<4, T>), blocks, threads, 0, stream, *conv, image, place, parts, across,
               static_cast<int>(slot_tiles), static_cast<int>(element_tiles), places_each,
               conv->channels == 1);
    else
        LAUNCH((conv_direct_weight<1, T>), blocks, threads, 0, stream, *conv, image, place, parts, across,
               static_cast<int>(slot_tiles), static_cast<int>(element_tiles), places_each,
               conv->channels == 1);
}

extern "C" kernel_status kernel_conv_direct_weight(const struct kernel_conv *conv, const void *x,
                                                   const void *y, void *weight, int splits, float *workspace,
                                                   void *stream) {
    const bool at_once = splits == 1 && conv->result_type == KERNEL_F32;
    float *const parts = at_once ? static_cast<float *>(weight) : workspace;
    WITH_TYPE(conv->type, T, launch<T>(conv, x, y, parts, splits, stream));
    const kernel_status status = cudaGetLastError();
    if (status != cudaSuccess || at_once) return status;
    const int64_t n =
        int64_t{conv->groups} * conv->outputs * conv->channels * conv->axis[0].window * conv->axis[1].window;
    return kernel_conv_add_splits(parts, splits, n, weight, conv->result_type, stream);
}
