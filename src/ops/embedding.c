/* Rows of a matrix chosen by labels, and the sum of rows by label: each the other's gradient. */
#include "ops/check.h"

static bool check_labels(struct node *node) {
    const struct cupel_tensor *labels = node->in[1];
    if (labels->dtype != CUPEL_I32 || labels->shape.rank != 1)
        return node_fail(node, "the labels must be i32 [N]");
    return true;
}

bool infer_embedding(struct node *node) {
    const int64_t labels = node->in[1]->shape.dim[0], width = node->in[0]->shape.dim[1];
    return check_inputs(node, 1, 2) && check_labels(node) &&
           node_out(node, node->in[0]->dtype, &CUPEL_SHAPE(labels, width));
}

struct cupel_tensor *cupel_embedding(struct cupel_tensor *weight, struct cupel_tensor *labels) {
    return NODE_ADD(embedding, NULL, weight, labels);
}

void grad_embedding(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
                    struct cupel_tensor **dx) {
    (void)need;
    const int64_t classes = node->in[0]->shape.dim[0];
    dx[0] = NODE_ADD(embedding_grad, ATTR(number, .n = classes), dy[0], node->in[1]);
}

bool infer_embedding_grad(struct node *node) {
    const int64_t *dy = node->in[0]->shape.dim, *labels = node->in[1]->shape.dim;
    if (!check_inputs(node, 1, 2) || !check_labels(node)) return false;
    if (dy[0] != labels[0])
        return node_fail(node, "%lld rows do not fit %lld labels", (long long)dy[0], (long long)labels[0]);
    return node_out(node, node->in[0]->dtype, &CUPEL_SHAPE(node->attr.number.n, dy[1]));
}

void grad_embedding_grad(const struct node *node, struct cupel_tensor *const *g, const bool *need,
                         struct cupel_tensor **dx) {
    (void)need;
    dx[0] = cupel_embedding(g[0], node->in[1]);
}
