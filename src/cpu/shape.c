/* Reference kernels: moving elements. */
#include "cpu/kernel.h"

/* Copies a block of `shape` between two tensors given by their element strides. */
static void copy_block(char *to, const int64_t *to_stride, const char *from, const int64_t *from_stride,
                       const struct cupel_shape *shape, size_t size) {
    int64_t index[CUPEL_MAX_RANK] = {0};
    for (int64_t i = 0, n = cupel_shape_count(shape); i < n; i++) {
        int64_t t = 0, f = 0;
        for (int d = 0; d < shape->rank; d++) {
            t += index[d] * to_stride[d];
            f += index[d] * from_stride[d];
        }
        memcpy(to + (size_t)t * size, from + (size_t)f * size, size);
        for (int d = shape->rank - 1; d >= 0 && ++index[d] == shape->dim[d]; d--) index[d] = 0;
    }
}

static int64_t start_offset(const struct call *call, const struct view *view) {
    int64_t offset = 0;
    for (int d = 0; d < view->shape.rank; d++) offset += call->node->attr.shape.start[d] * view->stride[d];
    return offset;
}

KERNEL(slice) {
    const struct view *x = &call->in[0], *y = &call->out[0];
    size_t size = cupel_dtype_size(y->dtype);
    const char *from = (const char *)x->data + (size_t)start_offset(call, x) * size;
    copy_block(y->data, y->stride, from, x->stride, &y->shape, size);
}

KERNEL(pad) {
    const struct view *x = &call->in[0], *y = &call->out[0];
    size_t size = cupel_dtype_size(y->dtype);
    memset(y->data, 0, (size_t)view_count(y) * size);
    copy_block((char *)y->data + (size_t)start_offset(call, y) * size, y->stride, x->data, x->stride,
               &x->shape, size);
}

KERNEL(concat) {
    const struct view *y = &call->out[0];
    size_t size = cupel_dtype_size(y->dtype);
    int axis = call->node->attr.shape.axis[0];
    char *to = y->data;
    for (int i = 0; i < call->n_in; i++) {
        const struct view *x = &call->in[i];
        copy_block(to, y->stride, x->data, x->stride, &x->shape, size);
        to += (size_t)(x->shape.dim[axis] * y->stride[axis]) * size;
    }
}

KERNEL(transpose) {
    const struct view *x = &call->in[0], *y = &call->out[0];
    int64_t stride[CUPEL_MAX_RANK] = {0};
    for (int d = 0; d < y->shape.rank; d++) stride[d] = x->stride[call->node->attr.shape.axis[d]];
    copy_block(y->data, y->stride, x->data, stride, &y->shape, cupel_dtype_size(y->dtype));
}

/* Here all tensors are of one type. */
KERNEL(cast) {
    memcpy(OUT(0), IN(0), (size_t)view_count(&call->in[0]) * sizeof(real));
}

KERNEL(relayout) {
    const struct view *x = &call->in[0], *y = &call->out[0];
    copy_block(y->data, y->stride, x->data, x->stride, &y->shape, cupel_dtype_size(y->dtype));
}

KERNEL(broadcast) {
    const struct view *x = &call->in[0], *y = &call->out[0];
    int64_t stride[CUPEL_MAX_RANK] = {0}; /* 0 where x is repeated */
    int missing = y->shape.rank - x->shape.rank;
    for (int d = 0; d < x->shape.rank; d++) stride[d + missing] = x->shape.dim[d] == 1 ? 0 : x->stride[d];
    copy_block(y->data, y->stride, x->data, stride, &y->shape, cupel_dtype_size(y->dtype));
}

/* The planner lets inputs be computed at their place in the result where it can: then there is nothing to
 * copy. */
KERNEL(pack) {
    real *to = OUT(0);
    for (int i = 0; i < call->n_in; i++) {
        int64_t count = view_count(&call->in[i]), span = cupel_part_span(&call->in[i].shape);
        if (IN(i) != to) memcpy(to, IN(i), (size_t)count * sizeof(real));
        memset(to + count, 0, (size_t)(span - count) * sizeof(real));
        to += span;
    }
}
