/* How products are computed: which form and how many parts of k suit a size and a device. */
#ifndef CUPEL_CUDA_GEMM_CHOICE_H
#define CUPEL_CUDA_GEMM_CHOICE_H

#include "cuda/cuda.h"
#include "gemm.h"

/* Fills all of *gemm for the product of call's inputs 0 and 1, m x k and k x n in each of `batches` pairs, into its output
 * 0: types and precision are those of the call. Fails when a size is out of the kernels' reach. */
enum cupel_status cuda_gemm(const struct call *call, int64_t m, int64_t n, int64_t k, int64_t batches,
                            struct kernel_gemm *gemm, struct cupel_error *error);

/* Changes the form, and splits to suit it. False where it cannot be: tensor cores take 16-bit operands, and f32 where TF32 is
 * precision enough, from sm_80 on; large SIMT tiles are for f32. */
bool cuda_gemm_reform(const struct call *call, enum kernel_gemm_form form, struct kernel_gemm *gemm);

#endif
