/* Metrics of classification. */
#ifndef CUPEL_KERNEL_METRICS_H
#define CUPEL_KERNEL_METRICS_H

#include "kernel.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Scratch memory of kernel_correct, in bytes, aligned to 16. */
enum { KERNEL_CORRECT_WORKSPACE = 8 * 1024 };

/* In both the logits are [N, C, P], P the pixels of a plane, with any strides; label i = n P + p is that of a row of C logits.
 * A label that is no class counts nowhere.
 *
 * number[0] = how many of the rows have their label among the k largest. Of equal logits the first is the larger, a NaN is
 * larger than any. */
kernel_status kernel_correct(const float *logits, const struct kernel_view *view, const int32_t *labels,
                             int64_t k, float *number, void *workspace, void *stream);

/* number [C, C]: entry [label][class of the largest logit] counts the rows. Of equal logits the first is the largest; a NaN is
 * so only as the first logit. */
kernel_status kernel_confusion(const float *logits, const struct kernel_view *view, const int32_t *labels,
                               int32_t *number, void *stream);

#ifdef __cplusplus
}
#endif
#endif
