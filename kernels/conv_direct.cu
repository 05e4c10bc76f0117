/* Places and image of a convolution by direct summation (conv.cuh tells the scheme that makes them one kernel).
 *
 * For any strides, groups and numbers of channels. A block makes, of one phase, a tile of result rows' positions times
 * `across` slots, a slot being R result channels of one group. A thread makes 4 positions of a slot; its neighbours take
 * the next slots where channels lie side by side in the result, the next positions otherwise. The sum goes over
 * k = (element of the window, source channel) in chunks, for which the block keeps a table of where to read and the
 * weights as float in shared memory. Sums are float, in the order of k: the same bits in every run. */
#include "conv.cuh"

constexpr int threads = 256, chunk = 32, positions = 4, most_across = 32;

/* Where one k reads: rows and columns beyond the position's first, all of it in elements, and in the weight. */
struct alignas(16) tap {
    int64_t source, weight;
    int h, w;
};

/* Fills in the tap of k. */
template <bool image>
__device__ void set_tap(tap &tap, const kernel_conv &conv, const conv_taps &vertical,
                        const conv_taps &horizontal, int64_t k) {
    const conv_sides<image> sides{conv};
    const division by_channel = divide(k, sides.sources()),
                   by_column = divide(by_channel.quotient, horizontal.count);
    const int row = static_cast<int>(by_column.quotient), column = by_column.remainder;
    const int64_t *stride = sides.source_stride();
    const int64_t width = conv.axis[1].window, window = conv.axis[0].window * width;
    tap.h = vertical.from + row * vertical.by;
    tap.w = horizontal.from + column * horizontal.by;
    tap.source = by_channel.remainder * stride[1] + tap.h * stride[2] + tap.w * stride[3];
    tap.weight = by_channel.remainder * (image ? conv.channels * window : window) +
                 (vertical.first + row * vertical.step) * width + horizontal.first + column * horizontal.step;
}

/* A slot's first channel, of its group's; `channel` is past the last where there is no such slot. */
struct slot {
    int group, channel;
};
template <bool image, int R> __device__ slot slot_of(const kernel_conv &conv, int64_t index) {
    const int results = conv_sides<image>{conv}.results(), each = (results + R - 1) / R;
    const division place = divide(index, each);
    if (place.quotient >= conv.groups) return {0, results};
    return {static_cast<int>(place.quotient), place.remainder * R};
}

/* Where a position reads first and writes: of group 0, channel 0. Beyond the last one, h keeps every read out. */
struct position {
    int64_t source, result;
    int h, w;
};
template <bool image>
__device__ position position_of(const kernel_conv &conv, int scale_h, int scale_w, int phase_h, int phase_w,
                                int64_t index) {
    const conv_sides<image> sides{conv};
    const division row = divide(index, sides.rows(1)), plane = divide(row.quotient, sides.rows(0));
    const int64_t n = plane.quotient, *from = sides.source_stride(), *to = sides.result_stride();
    const int h = plane.remainder, w = row.remainder;
    const int result_h = image ? h * conv.axis[0].stride + phase_h : h,
              result_w = image ? w * conv.axis[1].stride + phase_w : w;
    if (n >= conv.batch || result_h >= sides.result_size(0) || result_w >= sides.result_size(1))
        return {0, -1, INT32_MIN / 2, 0};
    return {n * from[0] + int64_t{h} * scale_h * from[2] + int64_t{w} * scale_w * from[3],
            n * to[0] + result_h * to[2] + result_w * to[3], h * scale_h, w * scale_w};
}

template <bool image, int R, class T, class Y>
__global__ void __launch_bounds__(threads, 2)
    conv_direct(const kernel_conv conv, const T *source, const T *weight, const float *bias, Y *result,
                int across, int64_t tiles, int slot_tiles, bool slots_first) {
    SHARED(tap, taps, [chunk]);
    SHARED(float, weights, [chunk * most_across * R]);
    const conv_sides<image> sides{conv};
    const int thread = static_cast<int>(threadIdx.x), down = threads / across, columns = across * R;
    const division block = divide(blockIdx.x, slot_tiles);
    const int64_t phase = block.quotient / tiles, tile = block.quotient - phase * tiles;
    const int64_t first_slot = int64_t{block.remainder} * across;
    const int phase_h = static_cast<int>(phase) / sides.phases(1),
              phase_w = static_cast<int>(phase) % sides.phases(1);
    const conv_taps vertical = taps_of<image>(conv.axis[0], phase_h),
                    horizontal = taps_of<image>(conv.axis[1], phase_w);
    const int64_t sum_length = int64_t{vertical.count} * horizontal.count * sides.sources();
    const int64_t window = int64_t{conv.axis[0].window} * conv.axis[1].window;

    const int my_slot = slots_first ? thread % across : thread / down;
    const int my_position = slots_first ? thread / across : thread % down;
    const slot mine = slot_of<image, R>(conv, first_slot + my_slot);
    const T *const mine_source = source + mine.group * int64_t{sides.sources()} * sides.source_stride()[1];
    position at[positions];
    UNROLL
    for (int p = 0; p < positions; p++)
        at[p] = position_of<image>(conv, vertical.scale, horizontal.scale, phase_h, phase_w,
                                   (tile * positions + p) * down + my_position);

    /* The column of weights that this thread fetches. */
    const int column = thread % columns;
    const slot fetched = slot_of<image, R>(conv, first_slot + column / R);
    const int fetched_channel = fetched.channel + column % R;
    const T *const fetched_weight =
        weight + (image ? (int64_t{fetched.group} * conv.outputs * conv.channels + fetched_channel) * window
                        : (int64_t{fetched.group} * conv.outputs + fetched_channel) * conv.channels * window);

    float sum[positions][R] = {};
    for (int64_t first = 0; first < sum_length; first += chunk) {
        const int count = static_cast<int>(sum_length - first < chunk ? sum_length - first : chunk);
        __syncthreads();
        if (thread < count) set_tap<image>(taps[thread], conv, vertical, horizontal, first + thread);
        __syncthreads();
        for (int k = thread / columns; k < count; k += threads / columns)
            weights[k * columns + column] =
                fetched_channel < sides.results() ? to_float(fetched_weight[taps[k].weight]) : 0.f;
        __syncthreads();
        for (int k = 0; k < count; k++) {
            const tap &tap = taps[k];
            float factor[R];
            load_floats(&weights[k * columns + my_slot * R], factor);
            UNROLL
            for (int p = 0; p < positions; p++) {
                const bool inside =
                    static_cast<unsigned>(at[p].h + tap.h) < static_cast<unsigned>(sides.source_size(0)) &&
                    static_cast<unsigned>(at[p].w + tap.w) < static_cast<unsigned>(sides.source_size(1));
                const float number = inside ? to_float(mine_source[at[p].source + tap.source]) : 0.f;
                UNROLL
                for (int r = 0; r < R; r++) sum[p][r] = fmaf(number, factor[r], sum[p][r]);
            }
        }
    }
    UNROLL
    for (int r = 0; r < R; r++) {
        if (mine.channel + r >= sides.results()) break;
        const int64_t channel = int64_t{mine.group} * sides.results() + mine.channel + r;
        const float shift = conv.has_bias ? bias[channel] : 0.f;
        UNROLL
        for (int p = 0; p < positions; p++)
            if (at[p].result >= 0)
                result[at[p].result + channel * sides.result_stride()[1]] =
                    from_float<Y>(activate(conv.activation, conv.slope, sum[p][r] + shift));
    }
}

template <bool image, class T, class Y>
static void launch(const kernel_conv *conv, const void *source, const void *weight, const float *bias,
                   void *result, void *stream) {
    const int64_t rows = image ? (conv->axis[0].image + conv->axis[0].stride - 1) / conv->axis[0].stride
                               : conv->axis[0].places,
                  columns = image ? (conv->axis[1].image + conv->axis[1].stride - 1) / conv->axis[1].stride
                                  : conv->axis[1].places,
                  phases = image ? int64_t{conv->axis[0].phases} * conv->axis[1].phases : 1;
    const int results = image ? conv->channels : conv->outputs, each = results >= 4 ? 4 : 1;
    const int64_t slots = int64_t{conv->groups} * ((results + each - 1) / each);
    const int64_t *stride = image ? conv->x_stride : conv->y_stride;
    int across = 1;
    while (across < most_across && across < slots) across *= 2;
    const int64_t slot_tiles = (slots + across - 1) / across, tile = threads / across * positions,
                  tiles = (conv->batch * rows * columns + tile - 1) / tile;
    const unsigned blocks = static_cast<unsigned>(phases * tiles * slot_tiles);
    const auto *from = static_cast<const T *>(source), *factors = static_cast<const T *>(weight);
    auto *to = static_cast<Y *>(result);
    if (each == 4)
        LAUNCH((conv_direct<image, 4, T, Y>), blocks, threads, 0, stream, *conv, from, factors, bias, to,
               across, tiles, static_cast<int>(slot_tiles), stride[1] == 1);
    else
        LAUNCH((conv_direct<image, 1, T, Y>), blocks, threads, 0, stream, *conv, from, factors, bias, to,
               across, tiles, static_cast<int>(slot_tiles), stride[1] == 1);
}

extern "C" kernel_status kernel_conv_direct_places(const struct kernel_conv *conv, const void *x,
                                                   const void *weight, const float *bias, void *y,
                                                   void *stream) {
    WITH_CONV_TYPES(conv, T, Y, launch<false, T, Y>(conv, x, weight, bias, y, stream));
    return cudaGetLastError();
}

extern "C" kernel_status kernel_conv_direct_image(const struct kernel_conv *conv, const void *y,
                                                  const void *weight, const float *bias, void *x,
                                                  void *stream) {
    WITH_CONV_TYPES(conv, T, Y, launch<true, T, Y>(conv, y, weight, bias, x, stream));
    return cudaGetLastError();
}

extern "C" void kernel_conv_axis_complete(struct kernel_conv_axis *axis) {
    int a = axis->stride, b = axis->dilation;
    while (b != 0) {
        const int rest = a % b;
        a = b;
        b = rest;
    }
    axis->common = a;
    axis->step = axis->stride / a;
    axis->inverse = 0;
    while (axis->inverse * int64_t{axis->dilation / a} % axis->step != 1 % axis->step) axis->inverse++;
    axis->phases = axis->stride < axis->image ? axis->stride : axis->image;
}
