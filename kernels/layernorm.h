/* Layer normalisation of rows of `size` numbers, in f32: x, y, dy and dx are [rows, size], mean and invstd [rows], weight,
 * bias and their gradients [size]; all are aligned to 16 bytes. */
#ifndef CUPEL_KERNEL_LAYERNORM_H
#define CUPEL_KERNEL_LAYERNORM_H

#include <stddef.h>

#include "kernel.h"

#ifdef __cplusplus
extern "C" {
#endif

/* y = (x - mean) invstd weight + bias with the row's mean and invstd = 1 / sqrt(variance + eps); y may be x. */
kernel_status kernel_layernorm(const float *x, const float *weight, const float *bias, int64_t rows,
                               int64_t size, double eps, float *y, float *mean, float *invstd, void *stream);

/* Bytes of scratch memory, aligned to 16, that kernel_layernorm_grad needs. */
size_t kernel_layernorm_grad_workspace(int64_t rows, int64_t size);

/* The gradients with respect to x, weight and bias; dx may be x or dy. */
kernel_status kernel_layernorm_grad(const float *x, const float *weight, const float *mean,
                                    const float *invstd, const float *dy, int64_t rows, int64_t size,
                                    float *dx, float *dweight, float *dbias, void *workspace, void *stream);

#ifdef __cplusplus
}
#endif
#endif
