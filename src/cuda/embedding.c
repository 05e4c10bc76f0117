/* Rows chosen by labels. */
#include "embedding.h"

#include "cuda/cuda.h"

static kernel_status embedding(struct call *call) {
    const struct view *weight = &call->in[0], *y = &call->out[0];
    return kernel_embedding(weight->data, weight->shape.dim[0], weight->shape.dim[1], call->in[1].data,
                            y->data, y->shape.dim[0], cuda_fault(call), cuda_stream(call));
}

static kernel_status embedding_grad(struct call *call) {
    const struct view *dy = &call->in[0], *dweight = &call->out[0];
    return kernel_embedding_grad(dy->data, dy->shape.dim[0], dy->shape.dim[1], call->in[1].data,
                                 dweight->data, dweight->shape.dim[0], cuda_fault(call), cuda_stream(call));
}

CUDA_KERNEL(embedding, embedding(call))
CUDA_KERNEL(embedding_grad, embedding_grad(call))
