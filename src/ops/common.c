/* What many rows of the op table share. */
#include "graph/node.h"

bool infer_same(struct node *node) {
    for (int i = 0; i < node->n_in; i++) {
        if (!is_real(node->in[i]))
            return node_fail(node, "input %d must be %s", i, cupel_dtype_text(node->graph->real));
        if (!cupel_shape_equal(&node->in[i]->shape, &node->in[0]->shape))
            return node_fail(node, "inputs must have one shape");
    }
    return node_out(node, node->in[0]->dtype, &node->in[0]->shape);
}

bool infer_update(struct node *node) {
    for (int i = 1; i < node->n_in; i++)
        if (!cupel_shape_equal(&node->in[i]->shape, &node->in[0]->shape) ||
            node->in[i]->dtype != node->in[0]->dtype)
            return node_fail(node, "the value must have the state's shape and dtype");
    return node_out(node, node->in[0]->dtype, &node->in[0]->shape);
}

void grad_none(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
               struct cupel_tensor **dx) {
    (void)dy, (void)need, (void)dx;
    graph_fail(node->graph, ops[node->op].name, "has no gradient");
}

void grad_zero(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
               struct cupel_tensor **dx) {
    (void)node, (void)dy, (void)need, (void)dx;
}

double flops_none(const struct node *node) {
    (void)node;
    return 0;
}

double flops_each(const struct node *node) {
    return (double)tensor_count(&node->out[0]);
}
