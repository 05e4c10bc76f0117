/* The image of a convolution as a product of matrices (conv_gemm.cuh). */
#include "conv_gemm_launch.cuh"

kernel_status conv_gemm_image(const kernel_conv &conv, const void *source, const void *weight,
                              const float *bias, void *result, const kernel_gemm &gemm, void *workspace,
                              void *stream) {
    WITH_TYPE(conv.type, T,
              return (conv_gather<true, T>(conv, source, weight, bias, result, gemm, workspace, stream)));
}
