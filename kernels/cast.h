/* Conversion between the types that numbers are stored in. */
#ifndef CUPEL_KERNEL_CAST_H
#define CUPEL_KERNEL_CAST_H

#include "kernel.h"

#ifdef __cplusplus
extern "C" {
#endif

/* y[i] = x[i], rounded to nearest even, for i < n. Both are aligned to 16 bytes. */
kernel_status kernel_cast(const void *x, enum kernel_type x_type, void *y, enum kernel_type y_type, int64_t n,
                          void *stream);

#ifdef __cplusplus
}
#endif
#endif
