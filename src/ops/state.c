/* Ops that give a state a new version by hand. */
#include "graph/node.h"

struct cupel_tensor *cupel_assign(struct cupel_tensor *state, struct cupel_tensor *value) {
    return NODE_ADD(assign, NULL, state, value);
}

bool infer_assign_add(struct node *node) {
    enum cupel_dtype dtype = node->in[0]->dtype;
    if (!is_real(node->in[0]) && dtype != CUPEL_I32 && dtype != CUPEL_I64)
        return node_fail(node, "a state of %s cannot be added to", cupel_dtype_text(dtype));
    return infer_update(node);
}

struct cupel_tensor *cupel_assign_add(struct cupel_tensor *state, struct cupel_tensor *value) {
    return NODE_ADD(assign_add, NULL, state, value);
}

bool infer_advance(struct node *node) {
    if (node->in[0]->dtype != CUPEL_I64) return node_fail(node, "a counter must be i64");
    return infer_update(node);
}

struct cupel_tensor *cupel_advance(struct cupel_tensor *state, int64_t amount) {
    return NODE_ADD(advance, ATTR(number, .n = amount), state);
}

bool infer_ema(struct node *node) {
    double decay = node->attr.number.a;
    if (!is_real(node->in[0]))
        return node_fail(node, "the average must be %s", cupel_dtype_text(node->graph->real));
    if (!(decay >= 0 && decay <= 1)) return node_fail(node, "decay must be from 0 to 1, not %g", decay);
    return infer_update(node);
}

struct cupel_tensor *cupel_ema(struct cupel_tensor *average, struct cupel_tensor *value, double decay) {
    return NODE_ADD(ema, ATTR(number, .a = decay), average, value);
}
