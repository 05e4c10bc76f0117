/* Optimizers. The outputs are the memory of the states that come in. */
#include "optimizer.h"

#include "cuda/cuda.h"

#define COUNT view_count(&call->out[0])

/* What permits the update: input i, where there is one. */
static const float *go(const struct call *call, int i) {
    return call->n_in > i ? call->in[i].data : NULL;
}

static kernel_status sgd(const struct call *call) {
    const struct cupel_sgd *sgd = &call->node->attr.sgd;
    return kernel_sgd(call->out[0].data, call->in[1].data, call->in[2].data, go(call, 3), COUNT,
                      (float)sgd->weight_decay, cuda_stream(call));
}
CUDA_KERNEL(sgd, sgd(call))

static kernel_status sgd_momentum(const struct call *call) {
    const struct cupel_sgd *sgd = &call->node->attr.sgd;
    return kernel_sgd_momentum(call->out[0].data, call->out[1].data, call->in[2].data, call->in[3].data,
                               go(call, 4), COUNT, (float)sgd->momentum, (float)sgd->weight_decay,
                               sgd->nesterov, cuda_stream(call));
}
CUDA_KERNEL(sgd_momentum, sgd_momentum(call))

static kernel_status adam(const struct call *call) {
    const struct cupel_adam *adam = &call->node->attr.adam;
    const struct kernel_adam_options options = {.beta1 = adam->beta1,
                                                .beta2 = adam->beta2,
                                                .eps = adam->eps,
                                                .weight_decay = adam->weight_decay,
                                                .decoupled = adam->decoupled};
    return kernel_adam(call->out[0].data, call->out[1].data, call->out[2].data, call->in[3].data,
                       call->in[4].data, call->in[5].data, go(call, 6), COUNT, &options, cuda_stream(call));
}
CUDA_KERNEL(adam, adam(call))

static kernel_status rmsprop(const struct call *call) {
    const struct cupel_rmsprop *rmsprop = &call->node->attr.rmsprop;
    return kernel_rmsprop(call->out[0].data, call->out[1].data, call->in[2].data, call->in[3].data,
                          go(call, 4), COUNT, rmsprop->alpha, (float)rmsprop->eps,
                          (float)rmsprop->weight_decay, cuda_stream(call));
}
CUDA_KERNEL(rmsprop, rmsprop(call))

static kernel_status adagrad(const struct call *call) {
    const struct cupel_adagrad *adagrad = &call->node->attr.adagrad;
    return kernel_adagrad(call->out[0].data, call->out[1].data, call->in[2].data, call->in[3].data,
                          go(call, 4), COUNT, (float)adagrad->eps, (float)adagrad->weight_decay,
                          cuda_stream(call));
}
CUDA_KERNEL(adagrad, adagrad(call))

static int clip_blocks(const struct call *call) {
    return kernel_clip_norm_blocks(COUNT, cuda_device(call)->multiprocessors);
}

static void run_clip_norm(struct call *call) {
    cuda_check(call, kernel_clip_norm(call->in[0].data, call->out[0].data, COUNT, call->node->attr.number.a,
                                      call->workspace, clip_blocks(call), cuda_stream(call)));
}

enum cupel_status cuda_clip_norm(struct call *call, struct cupel_error *error) {
    (void)error;
    call->kernel = run_clip_norm;
    call->engine = "cuda";
    call->workspace_bytes = (size_t)clip_blocks(call) * sizeof(double);
    return CUPEL_OK;
}
