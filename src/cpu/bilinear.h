/* Bilinear enlarging along one axis, by a whole factor F: the centre of pixel o of the result lies at (o + 1/2)/F - 1/2 among the
 * pixels of the image, with those before the first taken for it. In halves of a result's pixel that is t / 2F with
 * t = 2 o + 1 - F. */
#ifndef CUPEL_CPU_BILINEAR_H
#define CUPEL_CPU_BILINEAR_H

#include "cpu/window.h"

/* The pixels of an image of `size` that make pixel o of the result: one or two. */
static inline struct span bilinear_from(int64_t factor, int64_t o, int64_t size) {
    const int64_t t = 2 * o + 1 - factor, first = t > 0 ? t / (2 * factor) : 0;
    return (struct span){.from = first, .to = first + 2 < size ? first + 2 : size};
}

/* The pixels of the result, `results`, that are made of pixel i of the image. */
static inline struct span bilinear_over(int64_t factor, int64_t i, int64_t results) {
    const int64_t from = factor * (i - 1) + factor / 2, to = factor * (i + 1) + factor / 2;
    return (struct span){.from = from > 0 ? from : 0, .to = to < results ? to : results};
}

/* How much of pixel i of an image of `size`, one that makes pixel o of the result, is in that. */
static inline double bilinear_weight(int64_t factor, int64_t o, int64_t i, int64_t size) {
    const int64_t t = 2 * o + 1 - factor, first = t > 0 ? t / (2 * factor) : 0;
    const double second =
        t > 0 && first + 1 < size ? (double)(t - first * 2 * factor) / (double)(2 * factor) : 0;
    return i == first ? 1 - second : second;
}

#endif
