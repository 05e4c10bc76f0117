/* C = A B for stacks of row-major matrices, either of them transposed in memory; gemm_simt.cuh and gemm_tensor.cuh have the
 * main loops. Sums are f32, in an order that the sizes alone decide. */
#include "gemm_simt.cuh"
#include "matmul.h"

/* An operand of `rows` x k: in lines of k elements, or in k lines of `rows`. */
template <class T, class Along> static gemm_matrix<T, Along> operand(int rows, int k, Along along_k) {
    const int64_t lines = along_k ? rows : k, stride = along_k ? k : rows, size = lines * stride;
    const bool aligned = (lines == 1 || stride % gemm_chunk<T> == 0) && size % gemm_chunk<T> == 0;
    return {nullptr, rows, k, stride, size, along_k, aligned};
}

template <class Tile, class T>
static kernel_status simt(const void *a, bool a_along_k, const void *b, bool b_along_k, const float *bias,
                          void *c, void *workspace, const kernel_gemm &gemm, void *stream) {
    const gemm_rows sink = {gemm.n, 1, static_cast<int64_t>(gemm.m) * gemm.n, gemm.n % 4 == 0};
    return gemm_simt_launch<Tile>(a, operand<T>(gemm.m, gemm.k, a_along_k), b,
                                  operand<T>(gemm.n, gemm.k, b_along_k), bias, c, sink, workspace, gemm,
                                  stream);
}

extern "C" kernel_status kernel_matmul(const void *a, bool transpose_a, const void *b, bool transpose_b,
                                       const float *bias, void *c, void *workspace, const kernel_gemm *gemm,
                                       void *stream) {
    if (gemm->form == KERNEL_SIMT_LARGE)
        return simt<gemm_simt_large, float>(a, !transpose_a, b, transpose_b, bias, c, workspace, *gemm,
                                            stream);
    WITH_TYPE(gemm->type, T,
              return (simt<gemm_simt_small, T>(a, !transpose_a, b, transpose_b, bias, c, workspace, *gemm,
                                               stream)));
}
