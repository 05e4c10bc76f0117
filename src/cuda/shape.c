/* Moving elements: what each op copies from where to where. */
#include "shape.h"

#include "cuda/cuda.h"

static void *element(const struct view *view, int64_t offset) {
    return (char *)view->data + offset * (int64_t)cupel_dtype_size(view->dtype);
}

/* Copies a block of `shape` between places `from_at` in x and `to_at` in y, with these strides. */
static kernel_status copy(struct call *call, const struct cupel_shape *shape, const struct view *x,
                          int64_t from_at, const int64_t *from_stride, int64_t to_at) {
    const struct view *y = &call->out[0];
    struct view from = {.shape = *shape}, to = {.shape = *shape};
    for (int d = 0; d < shape->rank; d++) {
        from.stride[d] = from_stride[d];
        to.stride[d] = y->stride[d];
    }
    const struct kernel_view from_view = cuda_view(&from), to_view = cuda_view(&to);
    return kernel_copy(element(x, from_at), &from_view, element(y, to_at), &to_view,
                       (int)cupel_dtype_size(y->dtype), cuda_stream(call));
}

static kernel_status zero(struct call *call) {
    const struct view *y = &call->out[0];
    return cudaMemsetAsync(y->data, 0, (size_t)view_count(y) * cupel_dtype_size(y->dtype), cuda_stream(call));
}

static int64_t start_offset(const struct call *call, const struct view *view) {
    int64_t offset = 0;
    for (int d = 0; d < view->shape.rank; d++) offset += call->node->attr.shape.start[d] * view->stride[d];
    return offset;
}

static kernel_status slice(struct call *call) {
    const struct view *x = &call->in[0];
    return copy(call, &call->out[0].shape, x, start_offset(call, x), x->stride, 0);
}

static kernel_status pad(struct call *call) {
    const struct view *x = &call->in[0];
    const kernel_status status = zero(call);
    return status ? status : copy(call, &x->shape, x, 0, x->stride, start_offset(call, &call->out[0]));
}

static kernel_status concat(struct call *call) {
    const int axis = call->node->attr.shape.axis[0];
    int64_t at = 0;
    kernel_status status = cudaSuccess;
    for (int i = 0; i < call->n_in && !status; i++) {
        const struct view *x = &call->in[i];
        status = copy(call, &x->shape, x, 0, x->stride, at);
        at += x->shape.dim[axis] * call->out[0].stride[axis];
    }
    return status;
}

static kernel_status transpose(struct call *call) {
    const struct view *x = &call->in[0], *y = &call->out[0];
    int64_t stride[CUPEL_MAX_RANK] = {0};
    for (int d = 0; d < y->shape.rank; d++) stride[d] = x->stride[call->node->attr.shape.axis[d]];
    return copy(call, &y->shape, x, 0, stride, 0);
}

static kernel_status relayout(struct call *call) {
    const struct view *x = &call->in[0];
    return copy(call, &x->shape, x, 0, x->stride, 0);
}

static kernel_status broadcast(struct call *call) {
    const struct view *x = &call->in[0], *y = &call->out[0];
    int64_t stride[CUPEL_MAX_RANK] = {0}; /* 0 where x is repeated */
    const int missing = y->shape.rank - x->shape.rank;
    for (int d = 0; d < x->shape.rank; d++) stride[d + missing] = x->shape.dim[d] == 1 ? 0 : x->stride[d];
    return copy(call, &y->shape, x, 0, stride, 0);
}

/* Inputs that the planner has put at their places are not copied; what parts leave over of their spans becomes zero. */
static kernel_status pack(struct call *call) {
    struct kernel_gap gaps[KERNEL_GAPS];
    int n_gaps = 0;
    int64_t at = 0;
    kernel_status status = cudaSuccess;
    for (int i = 0; i < call->n_in && !status; i++) {
        const struct view *x = &call->in[i];
        const int64_t count = view_count(x), span = cupel_part_span(&x->shape);
        void *to = element(&call->out[0], at);
        if (x->data != to)
            status = cudaMemcpyAsync(to, x->data, (size_t)count * cupel_dtype_size(x->dtype),
                                     cudaMemcpyDeviceToDevice, cuda_stream(call));
        if (count < span) gaps[n_gaps++] = (struct kernel_gap){at + count, span - count};
        at += span;
        if (n_gaps < KERNEL_GAPS || status) continue;
        status = kernel_zero_gaps(call->out[0].data, gaps, n_gaps, cuda_stream(call));
        n_gaps = 0;
    }
    return status ? status : kernel_zero_gaps(call->out[0].data, gaps, n_gaps, cuda_stream(call));
}

CUDA_KERNEL(slice, slice(call))
CUDA_KERNEL(pad, pad(call))
CUDA_KERNEL(concat, concat(call))
CUDA_KERNEL(transpose, transpose(call))
CUDA_KERNEL(relayout, relayout(call))
CUDA_KERNEL(broadcast, broadcast(call))
CUDA_KERNEL(pack, pack(call))
