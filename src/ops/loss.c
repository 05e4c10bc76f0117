/* Losses of classification, fused: one op from logits to a scalar, one more for its gradient. */
#include "ops/check.h"

/* ---- cross entropy ---- */

static bool check_smoothed(struct node *node) {
    const double smoothing = node->attr.number.a;
    if (!check_logits(node)) return false;
    if (!(smoothing >= 0 && smoothing <= 1))
        return node_fail(node, "smoothing must be from 0 to 1, not %g", smoothing);
    return true;
}

bool infer_cross_entropy(struct node *node) {
    return check_smoothed(node) && node_out(node, node->in[0]->dtype, &CUPEL_SCALAR);
}

bool infer_cross_entropy_grad(struct node *node) {
    const struct cupel_tensor *logits = node->in[0], *dloss = node->in[2];
    if (!check_smoothed(node)) return false;
    if (dloss->dtype != logits->dtype || dloss->shape.rank != 0)
        return node_fail(node, "the loss's gradient must be a scalar like the logits");
    return node_out(node, logits->dtype, &logits->shape);
}

/* Largest, difference, exponential, sum, and the target's part. */
double flops_cross_entropy(const struct node *node) {
    return 6 * (double)tensor_count(node->in[0]);
}

struct cupel_tensor *cupel_cross_entropy(struct cupel_tensor *logits, struct cupel_tensor *labels,
                                         double smoothing, int ignore) {
    return NODE_ADD(cross_entropy, ATTR(number, .a = smoothing, .n = ignore), logits, labels);
}

void grad_cross_entropy(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
                        struct cupel_tensor **dx) {
    (void)need;
    dx[0] = NODE_ADD(cross_entropy_grad, &node->attr, node->in[0], node->in[1], dy[0]);
}

/* Row i's gradient is dloss weight[i] (softmax(logits) - target), with label_weight's weight. */
void grad_cross_entropy_grad(const struct node *node, struct cupel_tensor *const *g, const bool *need,
                             struct cupel_tensor **dx) {
    struct cupel_tensor *logits = node->in[0], *labels = node->in[1], *dloss = node->in[2];
    if (need[0]) {
        struct cupel_shape rows = logits->shape;
        rows.dim[1] = 1;
        struct cupel_tensor *weight = NODE_ADD(label_weight, &node->attr, labels);
        struct cupel_tensor *softmax = cupel_softmax(logits, 1);
        struct cupel_tensor *product = NODE_ADD(softmax_grad, ATTR(shape, .axis = {1}), softmax, g[0]);
        dx[0] = cupel_mul(product, cupel_mul(cupel_reshape(weight, &rows), dloss));
    }
    if (need[2]) {
        struct cupel_tensor *one = cupel_fill(node->graph, &CUPEL_SCALAR, 1);
        struct cupel_tensor *unit = NODE_ADD(cross_entropy_grad, &node->attr, logits, labels, one);
        dx[2] = cupel_sum(cupel_mul(g[0], unit), CUPEL_ALL_AXES, false);
    }
}

/* labels -> 1 / (number of labels other than the one to ignore), 0 for the ignored. */
bool infer_label_weight(struct node *node) {
    if (node->in[0]->dtype != CUPEL_I32) return node_fail(node, "the labels must be i32");
    return node_out(node, node->graph->real, &node->in[0]->shape);
}

/* ---- binary cross entropy ---- */

bool infer_bce_with_logits(struct node *node) {
    const struct cupel_tensor *x = node->in[0], *target = node->in[1];
    if (!is_real(x) || target->dtype != x->dtype || !cupel_shape_equal(&target->shape, &x->shape))
        return node_fail(node, "the target must have the input's shape and floating-point dtype");
    return node_out(node, x->dtype, &CUPEL_SCALAR);
}

bool infer_bce_with_logits_grad(struct node *node) {
    const struct cupel_tensor *x = node->in[0], *target = node->in[1], *dloss = node->in[2];
    if (!is_real(x) || target->dtype != x->dtype || !cupel_shape_equal(&target->shape, &x->shape) ||
        dloss->dtype != x->dtype || dloss->shape.rank != 0)
        return node_fail(node, "takes the input, a target like it and a scalar");
    return node_out(node, x->dtype, &x->shape);
}

/* Maximum, product, difference, absolute value, exponential, logarithm, sum. */
double flops_bce_with_logits(const struct node *node) {
    return 7 * (double)tensor_count(node->in[0]);
}

struct cupel_tensor *cupel_bce_with_logits(struct cupel_tensor *x, struct cupel_tensor *target) {
    return NODE_ADD(bce_with_logits, NULL, x, target);
}

static double per_element(const struct cupel_tensor *x) {
    return 1.0 / (double)tensor_count(x);
}

void grad_bce_with_logits(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
                          struct cupel_tensor **dx) {
    struct cupel_tensor *x = node->in[0], *target = node->in[1];
    if (need[0]) dx[0] = NODE_ADD(bce_with_logits_grad, NULL, x, target, dy[0]);
    if (need[1]) dx[1] = cupel_mul(x, cupel_scale(dy[0], -per_element(x), 0));
}

/* r = dloss / M (sigmoid(x) - target) over M elements. */
void grad_bce_with_logits_grad(const struct node *node, struct cupel_tensor *const *g, const bool *need,
                               struct cupel_tensor **dx) {
    struct cupel_tensor *x = node->in[0], *target = node->in[1], *dloss = node->in[2];
    struct cupel_tensor *sigmoid = cupel_sigmoid(x);
    struct cupel_tensor *flow = cupel_mul(g[0], cupel_scale(dloss, per_element(x), 0));
    if (need[0]) dx[0] = cupel_mul(flow, cupel_mul(sigmoid, cupel_scale(sigmoid, -1, 1)));
    if (need[1]) dx[1] = cupel_scale(flow, -1, 0);
    if (need[2]) {
        struct cupel_tensor *product = cupel_mul(g[0], cupel_sub(sigmoid, target));
        dx[2] = cupel_scale(cupel_sum(product, CUPEL_ALL_AXES, false), per_element(x), 0);
    }
}
