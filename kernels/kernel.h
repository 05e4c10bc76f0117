/* What the kernels' launchers and their callers in C share. Each family has a header beside its .cu file. */
#ifndef CUPEL_KERNEL_H
#define CUPEL_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a launcher says what happened: a cudaError_t, 0 for none. */
typedef int kernel_status;

/* How numbers are stored; all are computed with in f32. */
enum kernel_type { KERNEL_F32, KERNEL_BF16, KERNEL_F16 };

/* What a kernel applies to its result on the way out; in the order of enum activation (graph/op.h). */
enum kernel_activation {
    KERNEL_ACTIVATION_NONE,
    KERNEL_ACTIVATION_RELU,
    KERNEL_ACTIVATION_LEAKY_RELU,
    KERNEL_ACTIVATION_SIGMOID,
    KERNEL_ACTIVATION_TANH
};

enum { KERNEL_RANK = 6 };

/* A tensor's shape and its strides, in elements; behind `rank`, dimensions are 1 and strides 0. Images are
 * N, C, H, W whatever lies innermost. Pointers are passed beside it: see rule 10 of docs/kernels.md. */
struct kernel_view {
    int rank;
    int64_t dim[KERNEL_RANK], stride[KERNEL_RANK];
};

/* What a kernel that met a bad number in its input says of the first one, in device memory that starts as zeros:
 * a kernel claims it by changing `kind` from 0. */
enum kernel_fault_kind { KERNEL_FAULT_NONE, KERNEL_FAULT_INDEX, KERNEL_FAULT_LABEL };
struct kernel_fault {
    unsigned kind;
    long long value, bound; /* 0 <= value < bound does not hold */
};

#endif
