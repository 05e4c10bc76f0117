/* Scaling of losses. */
#include "scaling.h"

#include "cuda/cuda.h"

static void run_unscale(struct call *call) {
    cuda_check(call, kernel_unscale(call->in[0].data, call->in[1].data, call->out[0].data,
                                    view_count(&call->out[0]), call->out[1].data, call->workspace,
                                    cuda_stream(call)));
}

enum cupel_status cuda_unscale(struct call *call, struct cupel_error *error) {
    (void)error;
    call->kernel = run_unscale;
    call->engine = "cuda";
    call->workspace_bytes = KERNEL_UNSCALE_WORKSPACE;
    return CUPEL_OK;
}

CUDA_KERNEL(adapt_scale,
            kernel_adapt_scale(call->out[0].data, call->out[1].data, call->in[2].data,
                               (float)call->node->attr.number.a, (float)call->node->attr.number.b,
                               call->node->attr.number.n, cuda_stream(call)))
