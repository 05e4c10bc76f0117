/* Metrics of classification. */
#include "metrics.h"

#include "cuda/cuda.h"

static void run_correct(struct call *call) {
    const struct kernel_view logits = cuda_planes(&call->in[0]);
    cuda_check(call, kernel_correct(call->in[0].data, &logits, call->in[1].data, call->node->attr.number.n,
                                    call->out[0].data, call->workspace, cuda_stream(call)));
}

enum cupel_status cuda_correct(struct call *call, struct cupel_error *error) {
    (void)error;
    call->kernel = run_correct;
    call->engine = "cuda";
    call->workspace_bytes = KERNEL_CORRECT_WORKSPACE;
    return CUPEL_OK;
}

static kernel_status confusion(struct call *call) {
    const struct kernel_view logits = cuda_planes(&call->in[0]);
    return kernel_confusion(call->in[0].data, &logits, call->in[1].data, call->out[0].data,
                            cuda_stream(call));
}

CUDA_KERNEL(confusion, confusion(call))
