/* Reductions over axes. */
#include "graph/node.h"

bool infer_reduce(struct node *node) {
    const struct cupel_shape *from = &node->in[0]->shape;
    struct cupel_shape to = {.rank = 0};
    unsigned *axes = &node->attr.shape.axes, possible = (1u << from->rank) - 1;
    if (!is_real(node->in[0]))
        return node_fail(node, "the input must be %s", cupel_dtype_text(node->graph->real));
    if (*axes >> 31) *axes &= possible; /* all, or all but some */
    if (*axes & ~possible) return node_fail(node, "axes %#x: the input has only %d", *axes, from->rank);
    for (int i = 0; i < from->rank; i++) {
        bool reduced = *axes >> i & 1;
        if (!reduced || node->attr.shape.keep) to.dim[to.rank++] = reduced ? 1 : from->dim[i];
    }
    return node_out(node, node->in[0]->dtype, &to);
}

double flops_reduce(const struct node *node) {
    return (double)tensor_count(node->in[0]);
}

/* Repeats a tensor of the node's result's shape along the axes that it has lost. */
static struct cupel_tensor *broadcast_back(const struct node *node, struct cupel_tensor *y) {
    struct cupel_shape kept = node->in[0]->shape;
    for (int i = 0; i < kept.rank; i++)
        if (node->attr.shape.axes >> i & 1) kept.dim[i] = 1;
    return cupel_broadcast(cupel_reshape(y, &kept), &node->in[0]->shape);
}

/* ---- sum and mean: factor times the sum ---- */

struct cupel_tensor *cupel_sum(struct cupel_tensor *x, unsigned axes, bool keep) {
    return NODE_ADD(sum, ATTR(shape, .axes = axes, .keep = keep, .factor = 1), x);
}

struct cupel_tensor *cupel_mean(struct cupel_tensor *x, unsigned axes, bool keep) {
    if (!x) return NULL;
    int64_t count = 1;
    for (int i = 0; i < x->shape.rank; i++)
        if (axes >> i & 1) count *= x->shape.dim[i];
    return NODE_ADD(sum, ATTR(shape, .axes = axes, .keep = keep, .factor = 1 / (double)count), x);
}

void grad_sum(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
              struct cupel_tensor **dx) {
    (void)need;
    dx[0] = broadcast_back(node, cupel_scale(dy[0], node->attr.shape.factor, 0));
}

/* ---- max ---- */

struct cupel_tensor *cupel_max(struct cupel_tensor *x, unsigned axes, bool keep) {
    return NODE_ADD(max, ATTR(shape, .axes = axes, .keep = keep), x);
}

void grad_max(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
              struct cupel_tensor **dx) {
    (void)need;
    struct cupel_tensor *x = node->in[0], *y = node_result(node);
    struct cupel_tensor *is_max = cupel_scale(cupel_step(cupel_sub(broadcast_back(node, y), x)), -1, 1);
    struct cupel_tensor *ties = cupel_sum(is_max, node->attr.shape.axes, node->attr.shape.keep);
    dx[0] = cupel_mul(is_max, broadcast_back(node, cupel_div(dy[0], ties)));
}
