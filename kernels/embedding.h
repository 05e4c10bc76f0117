/* Rows of a matrix chosen by labels. A label that is no class is reported as a fault. */
#ifndef CUPEL_KERNEL_EMBEDDING_H
#define CUPEL_KERNEL_EMBEDDING_H

#include "kernel.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Row i of y, [n, width], is row labels[i] of weight, [classes, width]; row 0 for a label that is no class. */
kernel_status kernel_embedding(const float *weight, int64_t classes, int64_t width, const int32_t *labels,
                               float *y, int64_t n, struct kernel_fault *fault, void *stream);

/* Row c of dweight, [classes, width], is the sum of the rows of dy, [n, width], whose label is c. */
kernel_status kernel_embedding_grad(const float *dy, int64_t n, int64_t width, const int32_t *labels,
                                    float *dweight, int64_t classes, struct kernel_fault *fault,
                                    void *stream);

#ifdef __cplusplus
}
#endif
#endif
