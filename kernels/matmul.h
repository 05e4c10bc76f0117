/* Products of matrices. */
#ifndef CUPEL_KERNEL_MATMUL_H
#define CUPEL_KERNEL_MATMUL_H

#include "gemm.h"

#ifdef __cplusplus
extern "C" {
#endif

/* c[i] = activation(a[i] b[i] + bias) for each of gemm->batches matrices that follow one another without gaps, row-major:
 * a[i] is m x k, or k x m and read transposed; b[i] is k x n, or n x k and read transposed; c[i] is m x n. bias[n] may be
 * NULL. c and the workspace, kernel_gemm_workspace(gemm) bytes, are aligned to 16 bytes; a and b are read faster where they are.
 * Returns the status of the launch. */
kernel_status kernel_matmul(const void *a, bool transpose_a, const void *b, bool transpose_b,
                            const float *bias, void *c, void *workspace, const struct kernel_gemm *gemm,
                            void *stream);

#ifdef __cplusplus
}
#endif
#endif
