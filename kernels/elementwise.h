/* Elementwise ops: what elementwise.def lists, adding a bias, and the ops that give integer states a new version. */
#ifndef CUPEL_KERNEL_ELEMENTWISE_H
#define CUPEL_KERNEL_ELEMENTWISE_H

#include "kernel.h"

#ifdef __cplusplus
extern "C" {
#endif

enum kernel_formula {
#define ELEMENTWISE(name, ...) KERNEL_##name,
#define UPDATE ELEMENTWISE
#include "elementwise.def"
#undef ELEMENTWISE
};

/* y[i] = formula(a[i], b[i], p, q) for i < n, in numbers of one type, which must be KERNEL_F32 where the list says FLOAT.
 * All are aligned to 16 bytes; y may be a or b itself. Formulas of one input do not read b. */
kernel_status kernel_elementwise(enum kernel_formula formula, enum kernel_type type, const void *a,
                                 const void *b, void *y, int64_t n, float p, float q, void *stream);

/* y[i] = x[i] + bias[channel of i] for i < n: runs of `run` elements belong to one channel, and after `channels` runs
 * comes the first channel again. For tensors without gaps that is so in any layout, `run` being the channels' stride.
 * x and y are of one type and aligned to 16 bytes, as is bias; y may be x itself. */
kernel_status kernel_bias_add(const void *x, const float *bias, void *y, enum kernel_type type, int64_t n,
                              int64_t run, int64_t channels, void *stream);

/* y[i] += x[i] for i < n, in integers. */
kernel_status kernel_add_i32(int32_t *y, const int32_t *x, int64_t n, void *stream);
kernel_status kernel_add_i64(int64_t *y, const int64_t *x, int64_t n, void *stream);

/* *counter += amount */
kernel_status kernel_advance(int64_t *counter, int64_t amount, void *stream);

#ifdef __cplusplus
}
#endif
#endif
