/* The image of a convolution by columns: what every place adds to every pixel under its window is one product of matrices,
 *
 *     column[n, h', w'][k, l, c] = sum over o of y[n, o, h', w'] weight[o, c, k, l]
 *
 * of which each pixel then sums those that fall on it. Where channels are so few that they leave tiles of an implicit product
 * empty, the window's elements fill them. Columns are float in the workspace; a pixel's are added in the order of k, l. */
#include "conv_gemm_launch.cuh"

constexpr int threads = 256, most_channels = 4;

/* to[k, l, c][o] = weight[o, c, k, l] */
template <class T>
__global__ void __launch_bounds__(threads)
    conv_columns_weight(const T *weight, T *to, int outputs, int channels, int window) {
    const int i = static_cast<int>(blockIdx.x) * threads + static_cast<int>(threadIdx.x);
    if (i >= outputs * channels * window) return;
    const int o = i % outputs, element = i / outputs, c = element % channels, k = element / channels;
    to[i] = weight[(o * channels + c) * window + k];
}

/* A thread makes all channels of a pixel; neighbours take neighbours in a row. */
template <class Y>
__global__ void __launch_bounds__(threads)
    conv_add_columns(const kernel_conv conv, const float *columns, const float *bias, Y *x, divisor rows,
                     divisor across) {
    const int64_t pixels = conv.batch * rows.value * across.value,
                  index = blockIdx.x * int64_t{threads} + threadIdx.x;
    if (index >= pixels) return;
    const int64_t row = quotient(index, across), n = quotient(row, rows);
    const int h = static_cast<int>(row - n * rows.value), w = static_cast<int>(index - row * across.value);
    const kernel_conv_axis &down = conv.axis[0], &right = conv.axis[1];
    const conv_taps vertical = taps_of<true>(down, h % down.stride),
                    horizontal = taps_of<true>(right, w % right.stride);
    const int place_h = h / down.stride + vertical.from, place_w = w / right.stride + horizontal.from;
    float sum[most_channels] = {};
    for (int i = 0; i < vertical.count; i++)
        for (int j = 0; j < horizontal.count; j++) {
            const int to_h = place_h + i * vertical.by, to_w = place_w + j * horizontal.by;
            if (!conv_inside(to_h, to_w, down.places, right.places)) continue;
            const int element =
                (vertical.first + i * vertical.step) * right.window + horizontal.first + j * horizontal.step;
            const float *from = columns +
                                ((n * down.places + to_h) * right.places + to_w) * conv.channels *
                                    down.window * right.window +
                                element * conv.channels;
            UNROLL
            for (int c = 0; c < most_channels; c++)
                if (c < conv.channels) sum[c] += from[c];
        }
    Y *const to = x + (n * conv.x_stride[0] + h * conv.x_stride[2] + w * conv.x_stride[3]);
    UNROLL
    for (int c = 0; c < most_channels; c++)
        if (c < conv.channels)
            to[c * conv.x_stride[1]] = from_float<Y>(
                activate(conv.activation, conv.slope, sum[c] + (conv.has_bias ? bias[c] : 0.f)));
}

/* The product as places of a window of one element, with a channel for each column. */
static kernel_conv columns_of(const kernel_conv &conv) {
    kernel_conv made = conv;
    made.made = KERNEL_CONV_PLACES;
    made.channels = conv.outputs;
    made.outputs = conv.channels * conv.axis[0].window * conv.axis[1].window;
    made.result_type = KERNEL_F32;
    made.activation = KERNEL_ACTIVATION_NONE;
    made.has_bias = false;
    for (int axis = 0; axis < 2; axis++) {
        made.axis[axis] = {conv.axis[axis].places, conv.axis[axis].places, 1, 1, 0, 1, 0, 0, 0, 0};
        kernel_conv_axis_complete(&made.axis[axis]);
    }
    for (int d = 0; d < 4; d++) made.x_stride[d] = conv.y_stride[d];
    made.y_stride[1] = 1;
    made.y_stride[3] = made.outputs;
    made.y_stride[2] = made.y_stride[3] * conv.axis[1].places;
    made.y_stride[0] = made.y_stride[2] * conv.axis[0].places;
    return made;
}

extern "C" bool kernel_conv_has_columns(const struct kernel_conv *conv) {
    const kernel_conv columns = columns_of(*conv);
    return conv->made == KERNEL_CONV_IMAGE && conv->groups == 1 && conv->channels <= most_channels &&
           conv->batch * columns.y_stride[0] <= INT32_MAX &&
           int64_t{columns.outputs} * conv->outputs <= INT32_MAX;
}

extern "C" struct kernel_conv_product kernel_conv_columns_product(const struct kernel_conv *conv) {
    const kernel_conv columns = columns_of(*conv);
    return kernel_conv_product_of(&columns);
}

static size_t rounded(size_t bytes) {
    return (bytes + 255) / 256 * 256;
}
static size_t weight_bytes(const kernel_conv &conv, const kernel_conv &columns) {
    return rounded(static_cast<size_t>(columns.outputs) * conv.outputs * conv_size_of(conv.type));
}

extern "C" size_t kernel_conv_columns_bytes(const struct kernel_conv *conv) {
    const kernel_conv columns = columns_of(*conv);
    return weight_bytes(*conv, columns) +
           rounded(static_cast<size_t>(conv->batch) * columns.y_stride[0] * sizeof(float));
}

extern "C" kernel_status kernel_conv_columns(const struct kernel_conv *conv, const void *y,
                                             const void *weight, const float *bias, void *x,
                                             const struct kernel_gemm *gemm, void *workspace, void *stream) {
    const kernel_conv columns = columns_of(*conv);
    const int window = conv->axis[0].window * conv->axis[1].window, n = columns.outputs * conv->outputs;
    char *const parts = static_cast<char *>(workspace) + kernel_conv_columns_bytes(conv);
    auto *const made =
        reinterpret_cast<float *>(static_cast<char *>(workspace) + weight_bytes(*conv, columns));
    WITH_TYPE(conv->type, T,
              LAUNCH((conv_columns_weight<T>), blocks_for(n, threads, INT32_MAX), threads, 0, stream,
                     static_cast<const T *>(weight), static_cast<T *>(workspace), conv->outputs,
                     conv->channels, window));
    kernel_status status = cudaGetLastError();
    if (status == cudaSuccess)
        status = conv_gemm_places(columns, y, workspace, nullptr, made, *gemm, parts, stream);
    if (status != cudaSuccess) return status;
    const divisor rows = divisor_of(conv->axis[0].image), across = divisor_of(conv->axis[1].image);
    const unsigned blocks = blocks_for(conv->batch * rows.value * across.value, threads, INT32_MAX);
    WITH_TYPE(conv->result_type, Y,
              LAUNCH((conv_add_columns<Y>), blocks, threads, 0, stream, *conv, made, bias,
                     static_cast<Y *>(x), rows, across));
    return cudaGetLastError();
}
