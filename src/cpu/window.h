/* Where the windows of pooling lie along one axis of an image. */
#ifndef CUPEL_CPU_WINDOW_H
#define CUPEL_CPU_WINDOW_H

#include "graph/op.h"

/* A range along one axis, up to but not including `to`. */
struct span {
    int64_t from, to;
    int64_t divisor; /* elements that count in an average */
};

/* The elements out of `size` of which the i-th of `parts` equal parts takes some: parts share an element where they do not end
 * together. */
static inline struct span equal_part(int64_t i, int64_t parts, int64_t size) {
    const int64_t from = i * size / parts, to = ((i + 1) * size + parts - 1) / parts;
    return (struct span){.from = from, .to = to, .divisor = to - from};
}

/* The elements of an image of `size` that lie under the window at place o. */
static inline struct span window_span(const union attr *attr, int axis, int64_t o, int64_t size) {
    const struct cupel_pool *pool = &attr->pool.pool;
    if (attr->pool.parts[axis]) return equal_part(o, attr->pool.parts[axis], size);
    const int64_t from = o * pool->stride[axis] - pool->pad[axis], edge = size + pool->pad[axis];
    const int64_t to = from + pool->kernel[axis] < edge ? from + pool->kernel[axis] : edge;
    struct span span = {.from = from > 0 ? from : 0, .to = to < size ? to : size};
    span.divisor = pool->exclude_pad ? span.to - span.from : to - from;
    if (pool->divisor) span.divisor = axis == 0 ? pool->divisor : 1;
    return span;
}

/* The places, out of `places`, of the windows that cover element i of the image that a gradient makes. */
static inline struct span places_over(const union attr *attr, int axis, int64_t i, int64_t places) {
    const struct cupel_pool *pool = &attr->pool.pool;
    if (attr->pool.parts[axis]) return equal_part(i, attr->pool.image[axis], places);
    const int64_t at = i + pool->pad[axis], stride = pool->stride[axis],
                  first = at - pool->kernel[axis] + stride;
    const int64_t to = at / stride + 1;
    return (struct span){.from = first > 0 ? first / stride : 0, .to = to < places ? to : places};
}

#endif
