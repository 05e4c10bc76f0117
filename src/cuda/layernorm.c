/* Layer normalisation. */
#include "layernorm.h"

#include "cuda/cuda.h"

static kernel_status forward(struct call *call) {
    const struct view *in = call->in, *out = call->out;
    const int64_t size = view_count(&in[1]), rows = view_count(&in[0]) / size;
    return kernel_layernorm(in[0].data, in[1].data, in[2].data, rows, size, call->node->attr.norm.eps,
                            out[0].data, out[1].data, out[2].data, cuda_stream(call));
}
CUDA_KERNEL(layernorm, forward(call))

static void run_layernorm_grad(struct call *call) {
    const struct view *in = call->in, *out = call->out;
    const int64_t size = view_count(&in[1]), rows = view_count(&in[0]) / size;
    cuda_check(call, kernel_layernorm_grad(in[0].data, in[1].data, in[2].data, in[3].data, in[4].data, rows,
                                           size, out[0].data, out[1].data, out[2].data, call->workspace,
                                           cuda_stream(call)));
}

enum cupel_status cuda_layernorm_grad(struct call *call, struct cupel_error *error) {
    (void)error;
    const int64_t size = view_count(&call->in[1]);
    call->kernel = run_layernorm_grad;
    call->engine = "cuda";
    call->workspace_bytes = kernel_layernorm_grad_workspace(view_count(&call->in[0]) / size, size);
    return CUPEL_OK;
}
