/* Losses of classification. */
#include "loss.h"

#include "cuda/cuda.h"

/* ---- cross entropy ---- */

static struct kernel_labels labels_of(const struct call *call, const struct view *labels) {
    return (struct kernel_labels){.count = view_count(labels),
                                  .ignore = (int)call->node->attr.number.n,
                                  .smoothing = (float)call->node->attr.number.a};
}

static void run_cross_entropy(struct call *call) {
    const struct kernel_view logits = cuda_planes(&call->in[0]);
    const struct kernel_labels labels = labels_of(call, &call->in[1]);
    cuda_check(call,
               kernel_cross_entropy(call->in[0].data, &logits, call->in[1].data, &labels, call->out[0].data,
                                    call->workspace, cuda_fault(call), cuda_stream(call)));
}

static void run_cross_entropy_grad(struct call *call) {
    const struct kernel_view logits = cuda_planes(&call->in[0]), dx = cuda_planes(&call->out[0]);
    const struct kernel_labels labels = labels_of(call, &call->in[1]);
    cuda_check(call, kernel_cross_entropy_grad(call->in[0].data, &logits, call->in[1].data, &labels,
                                               call->in[2].data, call->out[0].data, &dx, call->workspace,
                                               cuda_fault(call), cuda_stream(call)));
}

static void run_label_weight(struct call *call) {
    const struct kernel_labels labels = labels_of(call, &call->in[0]);
    cuda_check(call, kernel_label_weight(call->in[0].data, &labels, call->out[0].data, call->workspace,
                                         cuda_fault(call), cuda_stream(call)));
}

/* All of them sum over blocks through the workspace. */
static enum cupel_status prepare(struct call *call, kernel_fn kernel) {
    call->kernel = kernel;
    call->engine = "cuda";
    call->workspace_bytes = KERNEL_LOSS_WORKSPACE;
    return CUPEL_OK;
}

enum cupel_status cuda_cross_entropy(struct call *call, struct cupel_error *error) {
    (void)error;
    return prepare(call, run_cross_entropy);
}

enum cupel_status cuda_cross_entropy_grad(struct call *call, struct cupel_error *error) {
    (void)error;
    return prepare(call, run_cross_entropy_grad);
}

enum cupel_status cuda_label_weight(struct call *call, struct cupel_error *error) {
    (void)error;
    return prepare(call, run_label_weight);
}

/* ---- binary cross entropy: x and its target lie alike, as plans give all images of an op one layout ---- */

static void run_bce_with_logits(struct call *call) {
    cuda_check(call, kernel_bce_with_logits(call->in[0].data, call->in[1].data, view_count(&call->in[0]),
                                            call->out[0].data, call->workspace, cuda_stream(call)));
}

enum cupel_status cuda_bce_with_logits(struct call *call, struct cupel_error *error) {
    (void)error;
    return prepare(call, run_bce_with_logits);
}

CUDA_KERNEL(bce_with_logits_grad,
            kernel_bce_with_logits_grad(call->in[0].data, call->in[1].data, view_count(&call->in[0]),
                                        call->in[2].data, call->out[0].data, cuda_stream(call)))
