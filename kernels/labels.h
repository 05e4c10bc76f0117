/* Labels of pixels: from bytes of masks, and to ones and zeros. */
#ifndef CUPEL_KERNEL_LABELS_H
#define CUPEL_KERNEL_LABELS_H

#include "kernel.h"

#ifdef __cplusplus
extern "C" {
#endif

/* labels[i] = masks[i] - 1, for n of them. */
kernel_status kernel_mask_labels(const uint8_t *masks, int32_t *labels, int64_t n, void *stream);

/* y, [N, C, P] with any strides, is 1 at class c of label i = n P + p where that is c, otherwise 0. A label that is neither a
 * class nor `ignore` is reported as a fault. */
kernel_status kernel_one_hot(const int32_t *labels, int ignore, float *y, const struct kernel_view *view,
                             struct kernel_fault *fault, void *stream);

#ifdef __cplusplus
}
#endif
#endif
