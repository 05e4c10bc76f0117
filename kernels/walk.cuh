/* A set of dimensions with a stride in each of two tensors, innermost first: how kernels go over strided tensors by one
 * index. Launchers build it by walk_add, which leaves out dimensions of 1 and joins those that follow one another in both
 * tensors; rank is then at least 1. */
#ifndef CUPEL_WALK_CUH
#define CUPEL_WALK_CUH

#include "numeric.cuh"

struct walk {
    int rank;
    int64_t count; /* of all elements */
    divisor dim[KERNEL_RANK];
    int64_t a[KERNEL_RANK], b[KERNEL_RANK];
};

static inline walk walk_start() {
    return {1, 1, {divisor_of(1)}, {0}, {0}};
}

/* Adds a dimension around those there are. */
static inline void walk_add(walk *to, int64_t dim, int64_t a, int64_t b) {
    const int last = to->rank - 1;
    if (dim == 1) return;
    if (to->count == 1) {
        to->dim[0] = divisor_of(dim);
        to->a[0] = a;
        to->b[0] = b;
    } else if (a == to->a[last] * to->dim[last].value && b == to->b[last] * to->dim[last].value) {
        to->dim[last] = divisor_of(to->dim[last].value * dim);
    } else {
        to->dim[to->rank] = divisor_of(dim);
        to->a[to->rank] = a;
        to->b[to->rank++] = b;
    }
    to->count *= dim;
}

/* The dimensions of a view by their strides, the smallest first. */
static inline void innermost_first(const kernel_view *view, int (&order)[KERNEL_RANK]) {
    for (int d = 0; d < view->rank; d++) {
        int at = d;
        for (; at > 0 && view->stride[order[at - 1]] > view->stride[d]; at--) order[at] = order[at - 1];
        order[at] = d;
    }
}

/* Where the walk's element i lies in both tensors. */
struct place {
    int64_t a, b;
};
__device__ __forceinline__ place place_of(const walk &of, int64_t i) {
    place at = {0, 0};
    UNROLL
    for (int d = 0; d < KERNEL_RANK - 1; d++) {
        if (d >= of.rank - 1) break;
        const int64_t outer = quotient(i, of.dim[d]), index = i - outer * of.dim[d].value;
        at.a += index * of.a[d];
        at.b += index * of.b[d];
        i = outer;
    }
    at.a += i * of.a[of.rank - 1];
    at.b += i * of.b[of.rank - 1];
    return at;
}

#endif
