/* Sums and maxima over dimensions. */
#ifndef CUPEL_KERNEL_REDUCE_H
#define CUPEL_KERNEL_REDUCE_H

#include "kernel.h"

#ifdef __cplusplus
extern "C" {
#endif

enum kernel_reduction_kind { KERNEL_SUM, KERNEL_MAX };

struct kernel_reduction {
    enum kernel_reduction_kind kind;
    enum kernel_type x_type, y_type;
    struct kernel_view x;
    unsigned axes;                 /* bit d: dimension d of x is reduced; none may be */
    int64_t y_stride[KERNEL_RANK]; /* y's, for each dimension of x that is kept */
    float factor;                  /* of the result */
    int multiprocessors;           /* of the device */
};

/* Bytes of workspace that kernel_reduce needs, aligned to 16 bytes; often none. */
size_t kernel_reduce_workspace(const struct kernel_reduction *of);

/* y = factor * the sum, or the largest, of x's elements over the axes. A maximum over a NaN is NaN. x and y are aligned to
 * their types' size; aligned to 16 bytes x is read faster. */
kernel_status kernel_reduce(const struct kernel_reduction *of, const void *x, void *y, void *workspace,
                            void *stream);

#ifdef __cplusplus
}
#endif
#endif
