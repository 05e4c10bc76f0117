/* Pooling over windows of planes, and its gradients. All views are of images, N, C, H, W, in any layout; vectors along the
 * channels are used where these are innermost in all tensors, a multiple of 16 bytes, and the addresses too. */
#ifndef CUPEL_KERNEL_POOL_H
#define CUPEL_KERNEL_POOL_H

#include "kernel.h"

#ifdef __cplusplus
extern "C" {
#endif

struct kernel_pool {
    enum kernel_type type; /* of all tensors but argmax */
    int kernel[2], stride[2], pad[2];
    bool adaptive;    /* windows are equal parts of the image; the three above are 0 */
    bool exclude_pad; /* averages are over the image's elements alone */
    int divisor;      /* of averages, instead of the number of elements; 0: not given */
};

/* y = the largest element under each window, argmax its place in the plane, h * W + w: of equal ones the first, of NaNs
 * the last. argmax_view is of y's shape. */
kernel_status kernel_maxpool(const struct kernel_pool *pool, const void *x, const struct kernel_view *x_view,
                             void *y, const struct kernel_view *y_view, int32_t *argmax,
                             const struct kernel_view *argmax_view, void *stream);

/* dx = the sum of dy over the places whose argmax it is. */
kernel_status kernel_maxpool_grad(const struct kernel_pool *pool, const void *dy,
                                  const struct kernel_view *dy_view, const int32_t *argmax,
                                  const struct kernel_view *argmax_view, void *dx,
                                  const struct kernel_view *dx_view, void *stream);

/* y = the element of x that argmax names; one outside of the plane is a fault, and y is 0 there. */
kernel_status kernel_maxpool_pick(const struct kernel_pool *pool, const void *x,
                                  const struct kernel_view *x_view, const int32_t *argmax,
                                  const struct kernel_view *argmax_view, void *y,
                                  const struct kernel_view *y_view, struct kernel_fault *fault, void *stream);

/* y = the mean under each window. */
kernel_status kernel_avgpool(const struct kernel_pool *pool, const void *x, const struct kernel_view *x_view,
                             void *y, const struct kernel_view *y_view, void *stream);

/* dx = the sum over the places whose windows cover it of dy over the window's number of elements. */
kernel_status kernel_avgpool_grad(const struct kernel_pool *pool, const void *dy,
                                  const struct kernel_view *dy_view, void *dx,
                                  const struct kernel_view *dx_view, void *stream);

#ifdef __cplusplus
}
#endif
#endif
