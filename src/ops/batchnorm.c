/* Batch normalisation (Ioffe and Szegedy 2015): per channel, axis 1, over all other axes. */
#include "ops/norm.h"

/* The axes other than the channels'. */
static struct norm channel_norm(const struct cupel_tensor *x) {
    const unsigned axes = ((1u << x->shape.rank) - 1) & ~2u;
    return (struct norm){.group = axes, .repeat = axes};
}

/* Checks input `place`, x, and eps, and that every other input is [C]. */
static bool check_batchnorm(struct node *node, int place) {
    const struct cupel_tensor *x = node->in[place];
    if (!is_real(x) || x->shape.rank < 2 || x->shape.rank > 4)
        return node_fail(node, "the input must be floating-point with 2 to 4 dimensions, channels second");
    const struct cupel_shape channels = CUPEL_SHAPE(x->shape.dim[1]);
    for (int i = 0; i < node->n_in; i++)
        if (i != place &&
            (node->in[i]->dtype != x->dtype || !cupel_shape_equal(&node->in[i]->shape, &channels)))
            return node_fail(node, "weight, bias and statistics must be [%lld] of the input's dtype",
                             (long long)channels.dim[0]);
    if (!(node->attr.norm.eps > 0))
        return node_fail(node, "eps must be above 0, not %g", node->attr.norm.eps);
    return true;
}

/* ---- training ---- */

/* The running statistics come first, for they are states whose new versions are the last two outputs. */
bool infer_batchnorm(struct node *node) {
    const struct cupel_tensor *x = node->in[2];
    const double momentum = node->attr.norm.momentum;
    if (!check_batchnorm(node, 2)) return false;
    const struct cupel_shape channels = CUPEL_SHAPE(x->shape.dim[1]);
    if (tensor_count(x) == channels.dim[0])
        return node_fail(node, "training needs more than one value per channel; use a larger batch or image");
    if (!(momentum >= 0 && momentum <= 1))
        return node_fail(node, "momentum must be from 0 to 1, not %g", momentum);
    if (!node_out(node, x->dtype, &x->shape)) return false;
    for (int i = 0; i < 4; i++)
        if (!node_out(node, x->dtype, &channels)) return false;
    return true;
}

/* Mean, variance (difference, square, sum), result (difference and two multiply-adds). */
double flops_batchnorm(const struct node *node) {
    return 8 * (double)tensor_count(&node->out[0]);
}

struct cupel_tensor *cupel_batchnorm(struct cupel_tensor *x, struct cupel_tensor *weight,
                                     struct cupel_tensor *bias, struct cupel_tensor *running_mean,
                                     struct cupel_tensor *running_var, double momentum, double eps) {
    return NODE_ADD(batchnorm, ATTR(norm, .momentum = momentum, .eps = eps), running_mean, running_var, x,
                    weight, bias);
}

void grad_batchnorm(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
                    struct cupel_tensor **dx) {
    const struct norm norm = channel_norm(node->in[2]);
    norm_grad(node, 2, OP_batchnorm_grad, &norm, dy, need, dx);
}

/* With an activation behind the normalisation, input 4 is the gradient of what the activation made, and input 5 the bias:
 * what was cut off shows in x, mean, invstd, weight and bias, so that the result need not be read. Plans alone make such
 * nodes. */
bool infer_batchnorm_grad(struct node *node) {
    const struct cupel_shape *x = &node->in[0]->shape, *weight = &node->in[1]->shape;
    if (x->rank < 2 || x->rank > 4 || !cupel_shape_equal(weight, &CUPEL_SHAPE(x->dim[1])))
        return node_fail(node, "the weight must be [C] for an input [N, C, ...]");
    return norm_infer_grad(node, weight);
}

/* Two sums of products, and the result from them. */
double flops_batchnorm_grad(const struct node *node) {
    return 11 * (double)tensor_count(&node->out[0]);
}

void grad_batchnorm_grad(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
                         struct cupel_tensor **dx) {
    const struct norm norm = channel_norm(node->in[0]);
    norm_grad_grad(node, &norm, dy, need, dx);
}

/* ---- evaluation ---- */

bool infer_batchnorm_eval(struct node *node) {
    return check_batchnorm(node, 0) && node_out(node, node->in[0]->dtype, &node->in[0]->shape);
}

double flops_batchnorm_eval(const struct node *node) {
    return 2 * (double)tensor_count(&node->out[0]);
}

struct cupel_tensor *cupel_batchnorm_eval(struct cupel_tensor *x, struct cupel_tensor *weight,
                                          struct cupel_tensor *bias, struct cupel_tensor *running_mean,
                                          struct cupel_tensor *running_var, double eps) {
    return NODE_ADD(batchnorm_eval, ATTR(norm, .eps = eps), x, weight, bias, running_mean, running_var);
}

void grad_batchnorm_eval(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
                         struct cupel_tensor **dx) {
    struct cupel_tensor *x = node->in[0], *weight = node->in[1], *mean = node->in[3], *var = node->in[4];
    const unsigned axes = channel_norm(x).group;
    struct cupel_tensor *invstd = cupel_power(cupel_scale(var, 1, node->attr.norm.eps), -0.5);
    struct cupel_tensor *slope = cupel_mul(weight, invstd);
    if (need[0]) dx[0] = cupel_mul(dy[0], norm_spread(slope, x, axes));
    if (need[2] || need[3]) dx[2] = cupel_sum(dy[0], axes, false);
    if (need[3]) dx[3] = cupel_scale(cupel_mul(dx[2], slope), -1, 0);
    if (!need[1] && !need[4]) return;
    struct cupel_tensor *centred = cupel_sub(x, norm_spread(mean, x, axes));
    struct cupel_tensor *product = cupel_sum(cupel_mul(dy[0], centred), axes, false);
    dx[1] = cupel_mul(product, invstd);
    if (need[4]) {
        struct cupel_tensor *factor = cupel_mul(slope, cupel_mul(invstd, invstd));
        dx[4] = cupel_scale(cupel_mul(product, factor), -0.5, 0);
    }
}
