/* Random numbers, and what is done with them: dropout, and images that are moved. */
#ifndef CUPEL_KERNEL_RANDOM_H
#define CUPEL_KERNEL_RANDOM_H

#include "kernel.h"
#include "move.h"

#ifdef __cplusplus
extern "C" {
#endif

/* All draw the numbers of `stream` under (seed, step) = rng[0], rng[1], as philox.h says: the same bits everywhere. */

/* y[i] = low + range u with u uniform in [0, 1), rounded once, for i < n. y is aligned to 16 bytes. */
kernel_status kernel_uniform(const int64_t *rng, uint32_t stream, float low, float range, float *y, int64_t n,
                             void *launch_stream);

/* y[i] = mean + deviation z with z standard normal, rounded once, for i < n. y is aligned to 16 bytes. */
kernel_status kernel_normal(const int64_t *rng, uint32_t stream, float mean, float deviation, float *y,
                            int64_t n, void *launch_stream);

/* y[i] is Beta(alpha, alpha), for i < n. */
kernel_status kernel_beta(const int64_t *rng, uint32_t stream, float alpha, float *y, int64_t n,
                          void *launch_stream);

/* y = factor x, or 0 with probability p. x and y are of one type and [N, C, P], P the pixels of a plane, with any strides
 * and C P below 2^31; y may be x. Elements are counted in the order N, C, P whatever the strides are. */
kernel_status kernel_dropout(const void *x, const struct kernel_view *x_view, void *y,
                             const struct kernel_view *y_view, enum kernel_type type, const int64_t *rng,
                             uint32_t stream, float p, float factor, void *launch_stream);

/* The same of n elements that lie as they are counted; x and y are aligned to 16 bytes. */
kernel_status kernel_dropout_rows(const void *x, void *y, enum kernel_type type, int64_t n,
                                  const int64_t *rng, uint32_t stream, float p, float factor,
                                  void *launch_stream);

/* y = x moved: [N, C, H, W] with any strides, elements of `bytes` (1, 2, 4 or 8), C H W below 2^31. */
kernel_status kernel_move_images(const void *x, const struct kernel_view *x_view, void *y,
                                 const struct kernel_view *y_view, int bytes, const int64_t *rng,
                                 const struct image_move *move, void *launch_stream);

#ifdef __cplusplus
}
#endif
#endif
