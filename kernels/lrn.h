/* Local response normalisation and its gradient. All views are of images, N, C, H, W, of one shape, in any layout; vectors along
 * the channels are used where these are innermost in all tensors, a multiple of 16 bytes, and the addresses too. */
#ifndef CUPEL_KERNEL_LRN_H
#define CUPEL_KERNEL_LRN_H

#include "kernel.h"

#ifdef __cplusplus
extern "C" {
#endif

struct kernel_response {
    enum kernel_type type; /* of all tensors but scale */
    int before, after;     /* how far the channels of a window go: c - before to c + after */
    float k, factor, beta; /* factor: alpha over the window's size */
};

/* scale = k + factor * sum of x^2 over the window; y = x scale^-beta. */
kernel_status kernel_lrn(const struct kernel_response *lrn, const void *x, const struct kernel_view *x_view,
                         void *y, const struct kernel_view *y_view, float *scale,
                         const struct kernel_view *scale_view, void *stream);

/* dx = dy scale^-beta - 2 factor beta x * sum of dy y / scale over the channels whose windows have c, with x = y scale^beta. */
kernel_status kernel_lrn_grad(const struct kernel_response *lrn, const void *y,
                              const struct kernel_view *y_view, const float *scale,
                              const struct kernel_view *scale_view, const void *dy,
                              const struct kernel_view *dy_view, void *dx, const struct kernel_view *dx_view,
                              void *stream);

#ifdef __cplusplus
}
#endif
#endif
