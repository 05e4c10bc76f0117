/* Elementwise ops, and the ops that give a state a new version. */
#include "elementwise.h"

#include "cuda/cuda.h"

static kernel_status launch(const struct call *call, enum kernel_formula formula, double p, double q) {
    return kernel_elementwise(formula, cuda_type(&call->out[0]), call->in[0].data,
                              call->in[call->n_in - 1].data, call->out[0].data, view_count(&call->out[0]),
                              (float)p, (float)q, cuda_stream(call));
}

#define ELEMENTWISE(name, ...) \
    CUDA_KERNEL(name, launch(call, KERNEL_##name, call->node->attr.number.a, call->node->attr.number.b))
#include "elementwise.def"
#undef ELEMENTWISE

/* Tensors of a plan have no gaps, and input and output lie alike. */
CUDA_KERNEL(bias_add, kernel_bias_add(call->in[0].data, call->in[1].data, call->out[0].data,
                                      cuda_type(&call->out[0]), view_count(&call->out[0]),
                                      call->out[0].stride[1], call->out[0].shape.dim[1], cuda_stream(call)))

/* ---- states: output 0 is input 0's memory ---- */

CUDA_KERNEL(assign, (kernel_status)cudaMemcpyAsync(call->out[0].data, call->in[1].data,
                                                   (size_t)view_count(&call->out[0]) *
                                                       cupel_dtype_size(call->out[0].dtype),
                                                   cudaMemcpyDeviceToDevice, cuda_stream(call)))

static kernel_status assign_add(const struct call *call) {
    const int64_t n = view_count(&call->out[0]);
    void *y = call->out[0].data, *x = call->in[1].data;
    if (call->out[0].dtype == CUPEL_I32) return kernel_add_i32(y, x, n, cuda_stream(call));
    if (call->out[0].dtype == CUPEL_I64) return kernel_add_i64(y, x, n, cuda_stream(call));
    return launch(call, KERNEL_add, 0, 0);
}
CUDA_KERNEL(assign_add, assign_add(call))

CUDA_KERNEL(advance, kernel_advance((int64_t *)call->out[0].data + view_count(&call->out[0]) - 1,
                                    call->node->attr.number.n, cuda_stream(call)))

CUDA_KERNEL(ema, launch(call, KERNEL_ema, call->node->attr.number.a, 1 - call->node->attr.number.a))
