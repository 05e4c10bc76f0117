/* Batch normalisation. Tensors x, y, dy and dx are [outer, channels, inner] without gaps, of one type and aligned to 16
 * bytes; all others are f32 of one number for each channel, aligned to 16 bytes too. `below` is what y is multiplied by
 * where it is below 0: 1 for none, 0 for relu, the slope of a leaky one. */
#ifndef CUPEL_KERNEL_BATCHNORM_H
#define CUPEL_KERNEL_BATCHNORM_H

#include <stddef.h>

#include "kernel.h"

#ifdef __cplusplus
extern "C" {
#endif

struct batchnorm_shape {
    int64_t outer, channels, inner;
    enum kernel_type type;
};

/* Bytes of scratch memory, aligned to 16, that kernel_batchnorm_statistics and kernel_batchnorm_grad need. */
size_t kernel_batchnorm_workspace(const struct batchnorm_shape *shape);

/* mean and invstd = 1 / sqrt(variance + eps) of each channel, and what becomes of the running statistics: these move by
 * `momentum` towards mean and unbiased variance; the new ones may be the old ones' memory. */
kernel_status kernel_batchnorm_statistics(const struct batchnorm_shape *shape, const void *x, double momentum,
                                          double eps, const float *running_mean, const float *running_var,
                                          float *mean, float *invstd, float *new_mean, float *new_var,
                                          void *workspace, void *stream);

/* y = (x - mean) weight / deviation + bias. deviation is 1 / invstd or, if invstd is NULL, sqrt(var + eps). y may be x. */
kernel_status kernel_batchnorm_apply(const struct batchnorm_shape *shape, const void *x, const float *mean,
                                     const float *invstd, const float *var, double eps, const float *weight,
                                     const float *bias, float below, void *y, void *stream);

/* The gradients of the above with respect to x, weight and bias, where mean and invstd are those of x. bias is read only if
 * `below` is not 1, and may be NULL otherwise. dx may be x or dy. */
kernel_status kernel_batchnorm_grad(const struct batchnorm_shape *shape, const void *x, const float *weight,
                                    const float *mean, const float *invstd, const void *dy, const float *bias,
                                    float below, void *dx, float *dweight, float *dbias, void *workspace,
                                    void *stream);

#ifdef __cplusplus
}
#endif
#endif
