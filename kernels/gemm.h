/* Products of matrices, and what is brought into their form: what launchers of kernels/gemm.cuh and their callers share. */
#ifndef CUPEL_KERNEL_GEMM_H
#define CUPEL_KERNEL_GEMM_H

#include "kernel.h"

/* Who multiplies: each thread for itself in f32, or the tensor cores (sm_80 and later; of f32 operands they use what TF32
 * keeps); and how much of the result a block makes. */
enum kernel_gemm_form { KERNEL_SIMT_SMALL, KERNEL_SIMT_LARGE, KERNEL_TENSOR_SMALL, KERNEL_TENSOR_LARGE };

/* c(row, column) = activation(sum over i < k of a(row, i) b(i, column) + bias), m rows and n columns, for each of `batches`
 * independent products. Any sizes above 0. Where k is split among blocks, their sums go to the workspace and a second launch
 * adds them up; it takes fewer than 2^30 results in all. */
struct kernel_gemm {
    int m, n, k, batches;
    enum kernel_gemm_form form;
    int splits;                         /* of k, from 1 to 65535 */
    enum kernel_type type, result_type; /* of a and b, and of c */
    enum kernel_activation activation;
    float slope;
};

/* Bytes of workspace that a product needs, also with m and n exchanged: parts are filled up to whole fours. */
static inline size_t kernel_gemm_workspace(const struct kernel_gemm *gemm) {
    const size_t rows = ((size_t)gemm->m + 3) / 4 * 4, columns = ((size_t)gemm->n + 3) / 4 * 4,
                 parts = (size_t)gemm->splits * (size_t)gemm->batches;
    return gemm->splits > 1 ? parts * rows * columns * sizeof(float) : 0;
}

#endif
