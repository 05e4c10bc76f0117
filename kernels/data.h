/* Turning a data set into batches. */
#ifndef CUPEL_KERNEL_DATA_H
#define CUPEL_KERNEL_DATA_H

#include "kernel.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Copies row order[(cursor[0] + i) mod n_order] of `data` to row i of `batch`, for i < n_batch; rows have `row_bytes`. A
 * row that is none of the n_rows is reported as a fault. */
kernel_status kernel_gather(const void *data, int64_t n_rows, int64_t row_bytes, const int32_t *order,
                            int64_t n_order, const int64_t *cursor, void *batch, int64_t n_batch,
                            struct kernel_fault *fault, void *stream);

/* y = (x / 255 - mean[c]) / deviation[c], x bytes, both [N, C, P] with any strides and C P below 2^31. y is aligned to
 * 16 bytes. */
kernel_status kernel_convert(const uint8_t *x, const struct kernel_view *x_view, const float *mean,
                             const float *deviation, void *y, const struct kernel_view *y_view,
                             enum kernel_type type, void *stream);

#ifdef __cplusplus
}
#endif
#endif
