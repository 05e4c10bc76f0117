/* Scaling of losses. */
#ifndef CUPEL_KERNEL_SCALING_H
#define CUPEL_KERNEL_SCALING_H

#include "kernel.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Scratch memory of kernel_unscale, in bytes. */
enum { KERNEL_UNSCALE_WORKSPACE = 4 * 1024 };

/* y = x / scale[0] over n elements; finite[0] = 1, or 0 when one of y is infinite or NaN. y may be x; both are aligned to 16
 * bytes. */
kernel_status kernel_unscale(const float *x, const float *scale, float *y, int64_t n, float *finite,
                             void *workspace, void *stream);

/* finite[0] == 0: scale *= backoff, counts[0] = 0. Else counts[1]++, counts[0]++, and where that makes `interval`,
 * counts[0] = 0 and scale *= growth, if that is a finite number. */
kernel_status kernel_adapt_scale(float *scale, int64_t *counts, const float *finite, float growth,
                                 float backoff, int64_t interval, void *stream);

#ifdef __cplusplus
}
#endif
#endif
