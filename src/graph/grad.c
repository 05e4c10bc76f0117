/* The gradient pass: walks the graph backwards from y and emits ordinary nodes. */
#include <stdlib.h>

#include "graph/node.h"

struct pass {
    struct cupel_graph *graph;
    struct cupel_tensor **gradient; /* by tensor id: what has flowed there so far */
    bool *wanted;                   /* by tensor id: whether a target lies at or above it */
    int n_tensors;                  /* those that existed before the pass */
};

static bool pass_start(struct pass *pass, struct cupel_tensor *const *targets, int count) {
    struct cupel_graph *graph = pass->graph;
    pass->n_tensors = graph->n_tensors;
    pass->gradient = calloc((size_t)pass->n_tensors, sizeof *pass->gradient);
    pass->wanted = calloc((size_t)pass->n_tensors, sizeof *pass->wanted);
    if (!pass->gradient || !pass->wanted) {
        cupel_fail(&graph->error, CUPEL_NOMEM, "no memory for the gradient of %d tensors", pass->n_tensors);
        return false;
    }
    for (int i = 0; i < count; i++) {
        if (!targets[i] || targets[i]->node->graph != graph || !is_real(targets[i])) {
            graph_fail(graph, "grad", "target %d is no floating-point tensor of this graph", i);
            return false;
        }
        pass->wanted[targets[i]->id] = true;
    }
    for (int n = 0; n < graph->n_nodes; n++) {
        struct node *node = graph->nodes[n];
        bool wanted = false;
        for (int i = 0; i < node->n_in; i++) wanted = wanted || pass->wanted[node->in[i]->id];
        /* A state's new version is a value, not a function of what it was made from: gradients stop there. */
        for (int i = 0; i < node->n_out - ops[node->op].updates && wanted; i++)
            if (is_real(&node->out[i])) pass->wanted[node->out[i].id] = true;
    }
    return true;
}

static bool pass_node(struct pass *pass, struct node *node) {
    struct cupel_graph *graph = pass->graph;
    struct cupel_tensor *dy[OP_MAX_OUT] = {0};
    bool flows = false, needed = false;
    for (int i = 0; i < node->n_out - ops[node->op].updates; i++) {
        dy[i] = pass->gradient[node->out[i].id];
        flows = flows || dy[i];
    }
    if (!flows) return true;
    bool *need = graph_alloc(graph, (size_t)node->n_in * sizeof *need);
    struct cupel_tensor **dx = graph_alloc(graph, (size_t)node->n_in * sizeof *dx);
    if (!need || !dx) return false;
    for (int i = 0; i < node->n_in; i++) needed = (need[i] = pass->wanted[node->in[i]->id]) || needed;
    if (!needed) return true;
    graph->place = node->place;
    graph->scope = node->scope;
    ops[node->op].grad(node, dy, need, dx);
    for (int i = 0; i < node->n_in && graph->error.status == CUPEL_OK; i++) {
        if (!need[i] || !dx[i]) continue;
        struct cupel_tensor **sum = &pass->gradient[node->in[i]->id];
        *sum = *sum ? cupel_add(*sum, dx[i]) : dx[i];
    }
    return graph->error.status == CUPEL_OK;
}

enum cupel_status cupel_grad(struct cupel_tensor *y, struct cupel_tensor *upstream,
                             struct cupel_tensor *const *targets, int count,
                             struct cupel_tensor **gradients) {
    for (int i = 0; i < count; i++) gradients[i] = NULL;
    /* Every constructor that returned NULL has told its graph why; with no tensor at all there is no graph to
     * ask. */
    for (int i = 0; !y && i < count; i++)
        if (targets[i]) return targets[i]->node->graph->error.status;
    if (!y) return CUPEL_INVALID;
    struct pass pass = {.graph = y->node->graph};
    struct cupel_graph *graph = pass.graph;
    const char *place = graph->place, *scope = graph->scope;
    const bool backward = graph->backward;
    graph->backward = true;
    if (graph->error.status == CUPEL_OK && upstream && !cupel_shape_equal(&upstream->shape, &y->shape))
        graph_fail(graph, "grad", "the upstream gradient must have y's shape");
    if (graph->error.status == CUPEL_OK && pass_start(&pass, targets, count)) {
        pass.gradient[y->id] = upstream ? upstream : cupel_fill(graph, &y->shape, 1);
        for (int n = y->node->id; n >= 0 && pass_node(&pass, graph->nodes[n]);) n--;
        for (int i = 0; i < count && graph->error.status == CUPEL_OK; i++) {
            struct cupel_tensor *gradient = pass.gradient[targets[i]->id];
            gradients[i] = gradient ? gradient : cupel_fill(graph, &targets[i]->shape, 0);
        }
    }
    graph->place = place;
    graph->scope = scope;
    graph->backward = backward;
    free(pass.gradient);
    free(pass.wanted);
    return graph->error.status;
}
