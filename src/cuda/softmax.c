/* Softmax and its logarithm. */
#include "softmax.h"

#include "cuda/cuda.h"

/* The lines of numbers along the node's axis. */
static struct softmax_shape lines_of(const struct call *call, bool logarithm) {
    const struct view *x = &call->in[0];
    const int axis = call->node->attr.shape.axis[0];
    const int64_t size = x->shape.dim[axis];
    int64_t stride = 1;
    for (int d = axis + 1; d < x->shape.rank; d++) stride *= x->shape.dim[d];
    return (struct softmax_shape){
        .count = view_count(x) / size, .size = size, .stride = stride, .logarithm = logarithm};
}

static kernel_status forward(struct call *call, bool logarithm) {
    const struct softmax_shape lines = lines_of(call, logarithm);
    return kernel_softmax(&lines, call->in[0].data, call->out[0].data, cuda_stream(call));
}

static kernel_status backward(struct call *call, bool logarithm) {
    const struct softmax_shape lines = lines_of(call, logarithm);
    return kernel_softmax_grad(&lines, call->in[0].data, call->in[1].data, call->out[0].data,
                               cuda_stream(call));
}

CUDA_KERNEL(softmax, forward(call, false))
CUDA_KERNEL(log_softmax, forward(call, true))
CUDA_KERNEL(softmax_grad, backward(call, false))
CUDA_KERNEL(log_softmax_grad, backward(call, true))
