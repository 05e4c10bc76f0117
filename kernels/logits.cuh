/* Logits [N, C, P], P the pixels of a plane, with any strides: rows of C numbers, spread over lanes (groups.cuh). */
#ifndef CUPEL_LOGITS_CUH
#define CUPEL_LOGITS_CUH

#include "groups.cuh"

/* How the rows of logits are spread over lanes; `lanes` is a power of two. */
struct rows {
    int64_t count, classes, row_stride[2], class_stride;
    divisor pixels;
    int lanes;
};

static inline struct rows rows_of(const struct kernel_view *view) {
    struct rows rows = {view->dim[0] * view->dim[2],        view->dim[1],
                        {view->stride[0], view->stride[2]}, view->stride[1],
                        divisor_of(view->dim[2]),           group_lanes(view->dim[1])};
    /* Where classes lie apart, lanes go to them only as long as there are not rows enough for all. */
    while (rows.lanes > 1 && rows.class_stride != 1 && rows.count * rows.lanes > 1 << 15) rows.lanes /= 2;
    return rows;
}

/* Where row i begins in a tensor of these strides. */
__device__ __forceinline__ int64_t row_offset(int64_t i, const divisor &pixels, const int64_t (&stride)[2]) {
    const int64_t n = quotient(i, pixels);
    return n * stride[0] + (i - n * pixels.value) * stride[1];
}

#endif
