/* Resampling and recolouring the images of a batch at random. */
#ifndef CUPEL_KERNEL_AUGMENT_H
#define CUPEL_KERNEL_AUGMENT_H

#include "distort.h"
#include "kernel.h"

#ifdef __cplusplus
extern "C" {
#endif

/* x and y are [N, C, H, W] of one type with any strides, C H W below 2^31; seed and step are rng[0] and rng[1]. */

/* y = x resampled between four pixels, fill[c] beyond it. */
kernel_status kernel_random_affine(const void *x, const struct kernel_view *x_view, const float *fill,
                                   void *y, const struct kernel_view *y_view, enum kernel_type type,
                                   const int64_t *rng, const struct image_affine *how, void *stream);

/* y = (jitter(x deviation[c] + mean[c]) - mean[c]) / deviation[c], C 1 or 3; y may be x. */
kernel_status kernel_color_jitter(const void *x, const struct kernel_view *x_view, const float *mean,
                                  const float *deviation, void *y, const struct kernel_view *y_view,
                                  enum kernel_type type, const int64_t *rng, const struct image_jitter *how,
                                  void *stream);

#ifdef __cplusplus
}
#endif
#endif
