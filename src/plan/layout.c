/* Layouts: one for all 4-dimensional tensors of a plan, conversions only where an op needs rows. */
#include <stdlib.h>

#include "plan/plan.h"

struct pass {
    enum layout layout; /* of the plan */
    struct cupel_graph *graph;
    struct cupel_tensor **converted; /* by tensor id: the same tensor in the other layout */
};

/* Whether the tensor's bytes are the same in both layouts: dimensions of size 1 may lie anywhere. */
static bool same_bytes(const struct cupel_tensor *tensor, enum layout layout) {
    struct cupel_tensor other = *tensor;
    other.layout = layout;
    const struct view a = view_of(tensor), b = view_of(&other);
    for (int d = 0; d < tensor->shape.rank; d++)
        if (tensor->shape.dim[d] > 1 && a.stride[d] != b.stride[d]) return false;
    return true;
}

/* Makes input i of the node come in `layout`. */
static bool convert_input(struct pass *pass, struct node *node, int i, enum layout layout) {
    struct cupel_tensor *in = node->in[i];
    if (same_bytes(in, layout)) return true;
    struct cupel_tensor **known = &pass->converted[in->id];
    if (!*known) {
        struct node *relayout = node_make(pass->graph, OP_relayout, &in, 1, NULL);
        if (!relayout || !node_out(relayout, in->dtype, &in->shape) || !graph_push(pass->graph, relayout))
            return false;
        relayout->scope = node->scope;
        relayout->backward = node->backward;
        relayout->place = node->place;
        *known = &relayout->out[0];
        (*known)->layout = layout;
        (*known)->id = pass->graph->n_tensors++;
    }
    node->in[i] = *known;
    return true;
}

/* The layout in which a node takes its images. */
static enum layout wanted_layout(const struct pass *pass, const struct node *node) {
    const struct op *op = &ops[node->op];
    if (op->flags & OP_LAYOUT) return pass->layout;
    if (!(op->flags & OP_ELEMENTWISE) || op->updates) return LAYOUT_ROWS;
    for (int i = 0; i < node->n_in; i++)
        if (node->in[i]->layout != LAYOUT_ROWS) return pass->layout;
    return LAYOUT_ROWS;
}

/* Integers are read as they come, and what is made of them alone stays in rows: bytes of a data set get the
 * plan's layout where they become numbers. */
static bool convert_inputs(struct pass *pass, struct node *node, enum layout wanted) {
    const unsigned flags = ops[node->op].flags;
    for (int i = 0; i < node->n_in; i++) {
        if (flags & OP_LAYOUT && !is_real(node->in[i])) continue;
        const enum layout layout = flags & OP_WEIGHT && i == 1 ? LAYOUT_ROWS : wanted;
        if (!convert_input(pass, node, i, layout)) return false;
    }
    return true;
}

static bool visit(struct pass *pass, struct node *node) {
    const struct op *op = &ops[node->op];
    if (op->flags & OP_SOURCE) return graph_push(pass->graph, node); /* lies as it lies */
    const enum layout wanted = wanted_layout(pass, node),
                      made = op->flags & OP_ROWS_OUT ? LAYOUT_ROWS : wanted;
    if (!convert_inputs(pass, node, wanted)) return false;
    const bool integers = node->n_in > 0 && !is_real(node->in[0]);
    for (int i = 0; i < node->n_out; i++) {
        const bool rows = node->out[i].shape.rank != 4 || (integers && !is_real(&node->out[i]));
        node->out[i].layout = rows ? LAYOUT_ROWS : made;
    }
    return graph_push(pass->graph, node);
}

enum cupel_status plan_layout(struct cupel_graph *graph, enum layout layout, struct cupel_error *error) {
    if (layout == LAYOUT_ROWS) return CUPEL_OK;
    struct pass pass = {.layout = layout, .graph = graph};
    pass.converted = calloc((size_t)graph->n_tensors + 1, sizeof(struct cupel_tensor *));
    bool done = pass.converted != NULL;
    struct node **old = graph->nodes;
    const int n_old = graph->n_nodes;
    graph->nodes = NULL;
    graph->n_nodes = graph->node_room = 0;
    for (int n = 0; done && n < n_old; n++) done = visit(&pass, old[n]);
    free(old);
    free(pass.converted);
    return done ? CUPEL_OK : cupel_fail(error, CUPEL_NOMEM, "no memory for the plan's layouts");
}
