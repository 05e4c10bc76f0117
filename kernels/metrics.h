/* Metrics of classification. */
#ifndef CUPEL_KERNEL_METRICS_H
#define CUPEL_KERNEL_METRICS_H

#include "kernel.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Scratch memory of kernel_correct, in bytes, aligned to 16. */
enum { KERNEL_CORRECT_WORKSPACE = 8 * 1024 };

/* number[0] = how many of the rows of logits [rows, classes] have their label among the k largest. Of equal logits the
 * first is the larger, a NaN is larger than any. Labels that are no class count nowhere. */
kernel_status kernel_correct(const float *logits, const int32_t *labels, int64_t rows, int64_t classes,
                             int64_t k, float *number, void *workspace, void *stream);

/* number [classes, classes]: entry [label][class of the largest logit] counts the rows. Of equal logits the first is the
 * largest; a NaN is so only as the first logit. Labels that are no class count nowhere. */
kernel_status kernel_confusion(const float *logits, const int32_t *labels, int64_t rows, int64_t classes,
                               int32_t *number, void *stream);

#ifdef __cplusplus
}
#endif
#endif
