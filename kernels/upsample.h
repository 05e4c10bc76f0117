/* Enlarging images between their pixels. All views are of images, N, C, H, W, in any layout; vectors along the channels are used
 * where these are innermost in both tensors, a multiple of 16 bytes, and the addresses too. */
#ifndef CUPEL_KERNEL_UPSAMPLE_H
#define CUPEL_KERNEL_UPSAMPLE_H

#include "kernel.h"

#ifdef __cplusplus
extern "C" {
#endif

/* y = x enlarged to y's size, whole multiples of x's. */
kernel_status kernel_bilinear(enum kernel_type type, const void *x, const struct kernel_view *x_view, void *y,
                              const struct kernel_view *y_view, void *stream);

/* dx = the sum of dy over the pixels that dx's pixel is part of, by its part. */
kernel_status kernel_bilinear_grad(enum kernel_type type, const void *dy, const struct kernel_view *dy_view,
                                   void *dx, const struct kernel_view *dx_view, void *stream);

#ifdef __cplusplus
}
#endif
#endif
