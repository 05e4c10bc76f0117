/* Bias and activation by Cupel's kernels, in place. */
#include "cuda/nvidia/last.h"

#include "elementwise.h"

void nvidia_last_steps(struct call *call) {
    static const enum kernel_formula formulas[] = {[ACTIVATION_RELU] = KERNEL_relu,
                                                   [ACTIVATION_LEAKY_RELU] = KERNEL_leaky_relu,
                                                   [ACTIVATION_SIGMOID] = KERNEL_sigmoid,
                                                   [ACTIVATION_TANH] = KERNEL_tanh};
    const struct view *y = &call->out[0];
    const enum activation activation = (enum activation)call->node->attr.conv.activation;
    const int64_t count = view_count(y);
    if (call->n_in > 2)
        cuda_check(call, kernel_bias_add(y->data, call->in[2].data, y->data, cuda_type(y), count,
                                         y->stride[1], y->shape.dim[1], cuda_stream(call)));
    if (activation != ACTIVATION_NONE)
        cuda_check(call, kernel_elementwise(formulas[activation], cuda_type(y), y->data, NULL, y->data, count,
                                            (float)call->node->attr.conv.slope, 0, cuda_stream(call)));
}
