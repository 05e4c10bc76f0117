/* Softmax and its logarithm along one axis. Their gradients are rows of their own that work from the result
 * alone. */
#include "graph/node.h"

bool infer_softmax(struct node *node) {
    const int rank = node->in[0]->shape.rank, given = node->attr.shape.axis[0];
    const int axis = given < 0 ? given + rank : given;
    if (axis < 0 || axis >= rank) return node_fail(node, "there is no axis %d", given);
    node->attr.shape.axis[0] = axis;
    return infer_same(node);
}

/* Largest, difference, exponential, sum, quotient. */
double flops_softmax(const struct node *node) {
    return 5 * (double)tensor_count(&node->out[0]);
}

/* Product, sum, difference, product. */
double flops_softmax_grad(const struct node *node) {
    return 4 * (double)tensor_count(&node->out[0]);
}

struct cupel_tensor *cupel_softmax(struct cupel_tensor *x, int axis) {
    return NODE_ADD(softmax, ATTR(shape, .axis = {axis}), x);
}

struct cupel_tensor *cupel_log_softmax(struct cupel_tensor *x, int axis) {
    return NODE_ADD(log_softmax, ATTR(shape, .axis = {axis}), x);
}

static struct cupel_tensor *sum_along(const struct node *node, struct cupel_tensor *x) {
    return cupel_sum(x, 1u << node->attr.shape.axis[0], true);
}

void grad_softmax(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
                  struct cupel_tensor **dx) {
    (void)need;
    dx[0] = NODE_ADD(softmax_grad, &node->attr, node->out[0].node->out, dy[0]);
}

/* r = y (dy - sum y dy), so with g for r: to y  g (dy - sum y dy) - dy sum g y, to dy  y (g - sum y g). */
void grad_softmax_grad(const struct node *node, struct cupel_tensor *const *g, const bool *need,
                       struct cupel_tensor **dx) {
    struct cupel_tensor *y = node->in[0], *dy = node->in[1];
    if (need[0]) {
        struct cupel_tensor *centred = cupel_sub(dy, sum_along(node, cupel_mul(y, dy)));
        struct cupel_tensor *rest = cupel_mul(dy, sum_along(node, cupel_mul(g[0], y)));
        dx[0] = cupel_sub(cupel_mul(g[0], centred), rest);
    }
    if (need[1]) dx[1] = NODE_ADD(softmax_grad, &node->attr, y, g[0]);
}

void grad_log_softmax(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
                      struct cupel_tensor **dx) {
    (void)need;
    dx[0] = NODE_ADD(log_softmax_grad, &node->attr, node->out[0].node->out, dy[0]);
}

/* r = dy - exp(y) sum dy, so with g for r: to y  -g exp(y) sum dy, to dy  g - sum g exp(y). */
void grad_log_softmax_grad(const struct node *node, struct cupel_tensor *const *g, const bool *need,
                           struct cupel_tensor **dx) {
    struct cupel_tensor *product = cupel_mul(g[0], cupel_exp(node->in[0]));
    if (need[0]) dx[0] = cupel_scale(cupel_mul(product, sum_along(node, node->in[1])), -1, 0);
    if (need[1]) dx[1] = cupel_sub(g[0], sum_along(node, product));
}
