/* Metrics of classification. */
#include "metrics.h"

#include "cuda/cuda.h"

static void run_correct(struct call *call) {
    const int64_t *dim = call->in[0].shape.dim;
    cuda_check(call,
               kernel_correct(call->in[0].data, call->in[1].data, dim[0], dim[1], call->node->attr.number.n,
                              call->out[0].data, call->workspace, cuda_stream(call)));
}

enum cupel_status cuda_correct(struct call *call, struct cupel_error *error) {
    (void)error;
    call->kernel = run_correct;
    call->engine = "cuda";
    call->workspace_bytes = KERNEL_CORRECT_WORKSPACE;
    return CUPEL_OK;
}

CUDA_KERNEL(confusion, kernel_confusion(call->in[0].data, call->in[1].data, call->in[0].shape.dim[0],
                                        call->in[0].shape.dim[1], call->out[0].data, cuda_stream(call)))
