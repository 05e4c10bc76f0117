/* C = A B for stacks of row-major matrices, either of them transposed in memory; gemm_simt.cuh and gemm_tensor.cuh have the
 * main loops. Sums are f32, in an order that the sizes alone decide. */
#include "gemm_simt.cuh"
#include "gemm_tensor.cuh"
#include "matmul.h"

/* An operand of `rows` x k: in lines of k elements, or in k lines of `rows`. */
template <class T, class Along>
static gemm_matrix<T, Along> operand(const void *data, const kernel_gemm &gemm, int rows, Along along_k) {
    const int64_t lines = along_k ? rows : gemm.k, stride = along_k ? gemm.k : rows;
    const bool whole = reinterpret_cast<uintptr_t>(data) % 16 == 0 &&
                       (stride % gemm_chunk<T> == 0 || lines * gemm.batches == 1);
    return {nullptr, rows, gemm.k, stride, lines * stride, along_k, whole};
}

template <class Tile, class T>
static kernel_status simt(const void *a, bool a_along_k, const void *b, bool b_along_k, const float *bias,
                          void *c, void *workspace, const kernel_gemm &gemm, void *stream) {
    const gemm_rows sink = {gemm.n, 1, static_cast<int64_t>(gemm.m) * gemm.n, gemm.n % 4 == 0};
    return gemm_simt_launch<Tile>(a, operand<T>(a, gemm, gemm.m, a_along_k), b,
                                  operand<T>(b, gemm, gemm.n, b_along_k), bias, c, sink, workspace, gemm,
                                  stream);
}

template <template <class> class Tile, class T, class AlongA, class AlongB>
static kernel_status tensor(const void *a, AlongA a_along_k, const void *b, AlongB b_along_k,
                            const gemm_rows &sink, const float *bias, void *c, void *workspace,
                            const kernel_gemm &gemm, void *stream) {
    return gemm_tensor_launch<Tile<T>>(a, operand<T>(a, gemm, gemm.m, a_along_k), b,
                                       operand<T>(b, gemm, gemm.n, b_along_k), bias, c, sink, workspace, gemm,
                                       stream);
}

/* Both transposed: c' = b' a' instead, whose operands are read as those of a product of plain matrices. */
template <template <class> class Tile, class T>
static kernel_status tensor_of(const void *a, bool a_along_k, const void *b, bool b_along_k,
                               const float *bias, void *c, void *workspace, const kernel_gemm &gemm,
                               void *stream) {
    const gemm_along_k along_k{};
    const gemm_along_rows along_rows{};
    const int64_t size = static_cast<int64_t>(gemm.m) * gemm.n;
    const gemm_rows sink = {gemm.n, 1, size, gemm.n % 4 == 0};
    if (a_along_k && b_along_k)
        return tensor<Tile, T>(a, along_k, b, along_k, sink, bias, c, workspace, gemm, stream);
    if (a_along_k) return tensor<Tile, T>(a, along_k, b, along_rows, sink, bias, c, workspace, gemm, stream);
    if (!b_along_k)
        return tensor<Tile, T>(a, along_rows, b, along_rows, sink, bias, c, workspace, gemm, stream);
    kernel_gemm turned = gemm;
    turned.m = gemm.n;
    turned.n = gemm.m;
    return tensor<Tile, T>(b, along_k, a, along_rows, {1, gemm.n, size, false}, bias, c, workspace, turned,
                           stream);
}

extern "C" kernel_status kernel_matmul(const void *a, bool transpose_a, const void *b, bool transpose_b,
                                       const float *bias, void *c, void *workspace, const kernel_gemm *gemm,
                                       void *stream) {
    if (gemm->form == KERNEL_SIMT_LARGE)
        return simt<gemm_simt_large, float>(a, !transpose_a, b, transpose_b, bias, c, workspace, *gemm,
                                            stream);
    if (gemm->form == KERNEL_TENSOR_LARGE)
        WITH_TYPE(gemm->type, T,
                  return (tensor_of<gemm_tensor_large, T>(a, !transpose_a, b, transpose_b, bias, c, workspace,
                                                          *gemm, stream)));
    if (gemm->form == KERNEL_TENSOR_SMALL)
        WITH_TYPE(gemm->type, T,
                  return (tensor_of<gemm_tensor_small, T>(a, !transpose_a, b, transpose_b, bias, c, workspace,
                                                          *gemm, stream)));
    WITH_TYPE(gemm->type, T,
              return (simt<gemm_simt_small, T>(a, !transpose_a, b, transpose_b, bias, c, workspace, *gemm,
                                               stream)));
}
