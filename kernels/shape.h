/* Moving elements. */
#ifndef CUPEL_KERNEL_SHAPE_H
#define CUPEL_KERNEL_SHAPE_H

#include "kernel.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Copies elements of `size` (1, 2, 4 or 8) bytes: each of `to`, a view on y, from its place in `from`, a view on x of the
 * same dimensions. A stride of 0 in `from` repeats; no two elements of `to` lie at one place, and the tensors do not
 * overlap. x and y are aligned to `size`. */
kernel_status kernel_copy(const void *x, const struct kernel_view *from, void *y,
                          const struct kernel_view *to, int size, void *stream);

/* y[at] to y[at + count - 1] = 0 for each of up to KERNEL_GAPS gaps, of which none is longer than KERNEL_GAP. */
enum { KERNEL_GAPS = 32, KERNEL_GAP = 16 };
struct kernel_gap {
    int64_t at, count;
};
kernel_status kernel_zero_gaps(float *y, const struct kernel_gap *gaps, int count, void *stream);

#ifdef __cplusplus
}
#endif
#endif
