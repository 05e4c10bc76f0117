/* Batch normalisation. */
#include "batchnorm.h"

#include "cuda/cuda.h"

/* Whether two views of one shape lie alike. Dimensions of size 1 may have any stride. */
static bool lie_alike(const struct view *a, const struct view *b) {
    for (int d = 0; d < a->shape.rank; d++)
        if (a->shape.dim[d] > 1 && a->stride[d] != b->stride[d]) return false;
    return true;
}

/* In every layout of a plan, elements of one channel follow one another in runs as long as the channels' stride says. */
static struct batchnorm_shape shape_of(const struct view *x) {
    struct batchnorm_shape shape = {.channels = x->shape.dim[1], .type = cuda_type(x)};
    shape.inner = shape.channels > 1 ? x->stride[1] : view_count(x);
    shape.outer = view_count(x) / (shape.channels * shape.inner);
    return shape;
}

static enum cupel_status prepare(struct call *call, const struct view *x, const struct view *other,
                                 kernel_fn kernel, bool sums, struct cupel_error *error) {
    if (!lie_alike(x, &call->out[0]) || !lie_alike(x, other))
        return cupel_fail(error, CUPEL_UNSUPPORTED, "batchnorm's tensors must have one layout");
    const struct batchnorm_shape shape = shape_of(x);
    call->kernel = kernel;
    call->engine = "cuda";
    call->workspace_bytes = sums ? kernel_batchnorm_workspace(&shape) : 0;
    return CUPEL_OK;
}

/* What the node's activation multiplies numbers below 0 by. */
static float below(const struct call *call) {
    const int activation = call->node->attr.norm.activation;
    return activation == ACTIVATION_NONE   ? 1
           : activation == ACTIVATION_RELU ? 0
                                           : (float)call->node->attr.norm.slope;
}

static void run_batchnorm(struct call *call) {
    const struct view *in = call->in, *out = call->out;
    const struct batchnorm_shape shape = shape_of(&in[2]);
    const double momentum = call->node->attr.norm.momentum, eps = call->node->attr.norm.eps;
    cuda_check(call, kernel_batchnorm_statistics(&shape, in[2].data, momentum, eps, in[0].data, in[1].data,
                                                 out[1].data, out[2].data, out[3].data, out[4].data,
                                                 call->workspace, cuda_stream(call)));
    cuda_check(call, kernel_batchnorm_apply(&shape, in[2].data, out[1].data, out[2].data, NULL, 0, in[3].data,
                                            in[4].data, below(call), out[0].data, cuda_stream(call)));
}

enum cupel_status cuda_batchnorm(struct call *call, struct cupel_error *error) {
    return prepare(call, &call->in[2], &call->in[2], run_batchnorm, true, error);
}

static void run_batchnorm_grad(struct call *call) {
    const struct view *in = call->in, *out = call->out;
    const struct batchnorm_shape shape = shape_of(&in[0]);
    cuda_check(call, kernel_batchnorm_grad(&shape, in[0].data, in[1].data, in[2].data, in[3].data, in[4].data,
                                           call->n_in > 5 ? in[5].data : NULL, below(call), out[0].data,
                                           out[1].data, out[2].data, call->workspace, cuda_stream(call)));
}

enum cupel_status cuda_batchnorm_grad(struct call *call, struct cupel_error *error) {
    return prepare(call, &call->in[0], &call->in[4], run_batchnorm_grad, true, error);
}

static void run_batchnorm_eval(struct call *call) {
    const struct view *in = call->in;
    const struct batchnorm_shape shape = shape_of(&in[0]);
    cuda_check(call, kernel_batchnorm_apply(&shape, in[0].data, in[3].data, NULL, in[4].data,
                                            call->node->attr.norm.eps, in[1].data, in[2].data, below(call),
                                            call->out[0].data, cuda_stream(call)));
}

enum cupel_status cuda_batchnorm_eval(struct call *call, struct cupel_error *error) {
    return prepare(call, &call->in[0], &call->in[0], run_batchnorm_eval, false, error);
}
