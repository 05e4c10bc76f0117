/* Softmax and its logarithm along an axis, in f32. Numbers of a line are `stride` apart and lines follow one another as in
 * a row-major tensor [..., size, stride]; `count` lines. Pointers are aligned to 16 bytes. */
#ifndef CUPEL_KERNEL_SOFTMAX_H
#define CUPEL_KERNEL_SOFTMAX_H

#include "kernel.h"

#ifdef __cplusplus
extern "C" {
#endif

struct softmax_shape {
    int64_t count, size, stride;
    bool logarithm; /* of the softmax */
};

/* y = softmax(x) or its logarithm; y may be x. */
kernel_status kernel_softmax(const struct softmax_shape *lines, const float *x, float *y, void *stream);

/* dx = y (dy - sum y dy) or, with the logarithm, dy - exp(y) sum dy; dx may be y or dy. */
kernel_status kernel_softmax_grad(const struct softmax_shape *lines, const float *y, const float *dy,
                                  float *dx, void *stream);

#ifdef __cplusplus
}
#endif
#endif
