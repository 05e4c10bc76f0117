/* Turning a data set into batches. */
#ifndef CUPEL_KERNEL_DATA_H
#define CUPEL_KERNEL_DATA_H

#include "kernel.h"
#include "move.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Copies row order[(cursor[0] + i) mod n_order] of `data` to row i of `batch`, for i < n_batch; rows have `row_bytes`. A
 * row that is none of the n_rows is reported as a fault. */
kernel_status kernel_gather(const void *data, int64_t n_rows, int64_t row_bytes, const int32_t *order,
                            int64_t n_order, const int64_t *cursor, void *batch, int64_t n_batch,
                            struct kernel_fault *fault, void *stream);

/* What is done to images on their way into a batch. */
enum { KERNEL_MOVES = 3 };
struct kernel_intake {
    int64_t n_rows, n_order; /* gathered as by kernel_gather; n_order 0: image n is row n */
    int moves;               /* one after another */
    struct image_move move[KERNEL_MOVES];
};

/* y = (x / 255 - mean[c]) / deviation[c], x bytes, then moved (move.h), under (seed, step) = rng[0], rng[1]; both are
 * [N, C, H, W] with any strides and C H W below 2^31, x of as many images as it has. y is aligned to 16 bytes. What is not
 * asked for may be NULL: order and cursor, rng. */
kernel_status kernel_batch(const uint8_t *x, const struct kernel_view *x_view, const float *mean,
                           const float *deviation, const int32_t *order, const int64_t *cursor,
                           const int64_t *rng, const struct kernel_intake *how, void *y,
                           const struct kernel_view *y_view, enum kernel_type type,
                           struct kernel_fault *fault, void *stream);

#ifdef __cplusplus
}
#endif
#endif
