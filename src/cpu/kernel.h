/* What the reference kernels are written in.
 *
 * Each file of this folder is compiled twice, with `real` as float and as double. Kernels are plain loops
 * that accumulate in double. They are the oracle that every other kernel is held against, so they are written
 * to be read. Tensors of OP_PLAIN ops are row-major; those of OP_ELEMENTWISE ops have one layout, so element
 * i of one belongs to element i of the others; OP_LAYOUT ops go through strides. */
#ifndef CUPEL_CPU_KERNEL_H
#define CUPEL_CPU_KERNEL_H

#include <math.h>
#include <string.h>

#include "plan/backend.h"

#ifdef CUPEL_REAL_f64
typedef double real;
#define KERNEL_NAME(name) reference_f64_##name
#else
typedef float real;
#define KERNEL_NAME(name) reference_f32_##name
#endif

#define OP(name, ...) void KERNEL_NAME(name)(struct call * call);
#define OP_VIEW(...)
#include "graph/ops.def"
#undef OP

#define KERNEL(name) void KERNEL_NAME(name)(struct call * call)
#define IN(i) ((const real *)call->in[i].data)
#define OUT(i) ((real *)call->out[i].data)

/* Offset in elements of the i-th element of a view, counted in logical row-major order. */
static inline int64_t view_offset(const struct view *view, int64_t i) {
    int64_t offset = 0;
    for (int d = view->shape.rank - 1; d >= 0; i /= view->shape.dim[d--])
        offset += i % view->shape.dim[d] * view->stride[d];
    return offset;
}

/* Over the elements of an image of the dimensions `dim`. */
#define FOR_EACH4(dim, n, c, h, w)                 \
    for (int64_t n = 0; n < (dim)[0]; n++)         \
        for (int64_t c = 0; c < (dim)[1]; c++)     \
            for (int64_t h = 0; h < (dim)[2]; h++) \
                for (int64_t w = 0; w < (dim)[3]; w++)

/* The view of [N, C], [N, C, L] or [N, C, H, W] with four dimensions. */
static inline struct view as_image(const struct view *view) {
    struct view image = *view;
    for (; image.shape.rank < 4; image.shape.rank++) {
        image.shape.dim[image.shape.rank] = 1;
        image.stride[image.shape.rank] = 0;
    }
    return image;
}

#endif
