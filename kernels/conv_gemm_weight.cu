/* The weight of a convolution as a product of matrices (conv_gemm.cuh). */
#include "conv_gemm_launch.cuh"

template <class T>
static kernel_status make_weight(const kernel_conv &conv, const void *image, const void *places, void *weight,
                                 const kernel_gemm &gemm, void *workspace, void *stream) {
    const conv_divisors by = conv_divisors_of<false>(conv);
    const auto *x = static_cast<const T *>(image), *y = static_cast<const T *>(places);
    const int window = conv.axis[0].window * conv.axis[1].window;
    const auto a = conv_outputs<T>::make(conv, by, gemm.k, conv_has_chunks(y, conv.y_stride, conv.outputs));
    const auto b =
        conv_inputs<T>::make(conv, by, gemm.n, gemm.k, conv_has_chunks(x, conv.x_stride, conv.channels));
    const bool whole = window == 1 && conv.channels % 4 == 0 &&
                       reinterpret_cast<uintptr_t>(weight) % (4 * conv_size_of(conv.result_type)) == 0;
    const conv_weight_result sink = {whole, conv.outputs, conv.channels, window, by.channels};
    return conv_multiply(y, a, x, b, nullptr, weight, sink, workspace, gemm, stream);
}

kernel_status conv_gemm_weight(const kernel_conv &conv, const void *x, const void *y, void *weight,
                               const kernel_gemm &gemm, void *workspace, void *stream) {
    WITH_TYPE(conv.type, T, return make_weight<T>(conv, x, y, weight, gemm, workspace, stream));
}
