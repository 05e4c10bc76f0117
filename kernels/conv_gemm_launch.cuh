/* The host's part of making products of convolutions: which form runs, what is whole. */
#ifndef CUPEL_CONV_GEMM_LAUNCH_CUH
#define CUPEL_CONV_GEMM_LAUNCH_CUH

#include "conv_gemm.cuh"
#include "gemm_simt.cuh"
#include "gemm_tensor.cuh"

/* The launchers, one file each; the weight is in the order of k. */
kernel_status conv_gemm_places(const kernel_conv &conv, const void *x, const void *weight, const float *bias,
                               void *y, const kernel_gemm &gemm, void *workspace, void *stream);
kernel_status conv_gemm_image(const kernel_conv &conv, const void *y, const void *weight, const float *bias,
                              void *x, const kernel_gemm &gemm, void *workspace, void *stream);
kernel_status conv_gemm_weight(const kernel_conv &conv, const void *x, const void *y, void *weight,
                               const kernel_gemm &gemm, void *workspace, void *stream);

static inline int conv_size_of(kernel_type type) {
    return type == KERNEL_F32 ? 4 : 2;
}

/* Whether `multiple` channels of a group at a time lie side by side at a multiple of their size. */
static inline bool conv_is_whole(const void *data, const int64_t *stride, int channels, int multiple,
                                 int size) {
    return stride[1] == 1 && channels % multiple == 0 && stride[0] % multiple == 0 &&
           stride[2] % multiple == 0 && stride[3] % multiple == 0 &&
           reinterpret_cast<uintptr_t>(data) % (multiple * size) == 0;
}
template <class T> static inline bool conv_has_chunks(const T *data, const int64_t *stride, int channels) {
    return conv_is_whole(data, stride, channels, gemm_chunk<T>, sizeof(T));
}

template <bool image> static inline conv_divisors conv_divisors_of(const kernel_conv &conv) {
    const conv_sides<image> sides{conv};
    return {divisor_of(sides.rows(0)), divisor_of(sides.rows(1)), divisor_of(sides.sources()),
            divisor_of(conv_most_taps<image>(conv.axis[1]))};
}

/* Operands of float in any form, those of 16 bits on tensor cores alone: elsewhere they are left to direct summation. */
template <class T, class A, class B, class Sink>
static inline kernel_status conv_multiply(const T *a, const A &a_source, const T *b, const B &b_source,
                                          const float *bias, void *result, const Sink &sink, void *workspace,
                                          const kernel_gemm &gemm, void *stream) {
    if (gemm.form == KERNEL_TENSOR_LARGE)
        return gemm_tensor_launch<gemm_tensor_large<T>>(a, a_source, b, b_source, bias, result, sink,
                                                        workspace, gemm, stream);
    if (gemm.form == KERNEL_TENSOR_SMALL)
        return gemm_tensor_launch<gemm_tensor_small<T>>(a, a_source, b, b_source, bias, result, sink,
                                                        workspace, gemm, stream);
    if constexpr (std::is_same<T, float>::value) {
        if (gemm.form == KERNEL_SIMT_LARGE)
            return gemm_simt_launch<gemm_simt_large>(a, a_source, b, b_source, bias, result, sink, workspace,
                                                     gemm, stream);
        return gemm_simt_launch<gemm_simt_small>(a, a_source, b, b_source, bias, result, sink, workspace,
                                                 gemm, stream);
    }
    return cudaErrorInvalidValue;
}

/* Places or image. */
template <bool image, class T>
static inline kernel_status conv_gather(const kernel_conv &conv, const void *source, const void *factors,
                                        const float *bias, void *result, const kernel_gemm &gemm,
                                        void *workspace, void *stream) {
    const conv_sides<image> sides{conv};
    const conv_divisors by = conv_divisors_of<image>(conv);
    const auto *from = static_cast<const T *>(source), *weight = static_cast<const T *>(factors);
    const bool aligned = reinterpret_cast<uintptr_t>(weight) % 16 == 0;
    const auto a = conv_windows<T, image>::make(
        conv, by, gemm.m, conv_has_chunks(from, sides.source_stride(), sides.sources()));
    const auto b =
        conv_factors<T, image>::make(conv, by, gemm.k, aligned && sides.sources() % gemm_chunk<T> == 0);
    const conv_result<image> sink = {
        conv_is_whole(result, sides.result_stride(), sides.results(), 4, conv_size_of(conv.result_type)),
        sides.results(),
        conv.groups,
        sides.phases(1),
        conv_strides_of(sides.result_stride()),
        by,
        {conv.axis[0], conv.axis[1]}};
    return conv_multiply(from, a, weight, b, bias, result, sink, workspace, gemm, stream);
}

#endif
