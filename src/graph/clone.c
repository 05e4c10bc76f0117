/* Copies the live part of a graph, for a plan to own and change. */
#include <stdlib.h>
#include <string.h>

#include "graph/node.h"

/* Marks the nodes that the outputs or a change of a state need. */
static bool *mark_live(const struct cupel_graph *graph, struct cupel_tensor *const *outputs, int count) {
    bool *live = calloc((size_t)graph->n_nodes + 1, sizeof *live);
    for (int i = 0; live && i < count; i++) live[outputs[i]->node->id] = true;
    for (int n = graph->n_nodes - 1; live && n >= 0; n--) {
        const struct node *node = graph->nodes[n];
        live[n] = live[n] || ops[node->op].updates;
        for (int i = 0; live[n] && i < node->n_in; i++) live[node->in[i]->node->id] = true;
    }
    return live;
}

/* What a node's attributes own must be owned by the copy. */
static void copy_owned(struct cupel_graph *copy, struct node *node) {
    if (node->op == OP_state || node->op == OP_part)
        node->attr.state.name = graph_text(copy, node->attr.state.name);
    if (node->op == OP_constant) {
        size_t bytes = (size_t)tensor_count(&node->out[0]) * cupel_dtype_size(node->out[0].dtype);
        void *data = graph_alloc(copy, bytes);
        node->attr.state.data = data ? memcpy(data, node->attr.state.data, bytes) : NULL;
    }
}

static void clone_node(struct cupel_graph *copy, const struct node *node, struct cupel_tensor **map) {
    cupel_graph_place(copy, node->place);
    cupel_graph_scope(copy, node->scope);
    copy->backward = node->backward;
    struct node *twin = node_make(copy, node->op, NULL, 0, &node->attr);
    struct cupel_tensor **in = graph_alloc(copy, (size_t)node->n_in * sizeof(struct cupel_tensor *));
    if (!twin || !in) return;
    for (int i = 0; i < node->n_in; i++) in[i] = map[node->in[i]->id];
    twin->in = in;
    twin->n_in = node->n_in;
    for (int i = 0; i < node->n_out; i++) {
        node_out(twin, node->out[i].dtype, &node->out[i].shape);
        twin->out[i].layout = node->out[i].layout;
        map[node->out[i].id] = &twin->out[i];
    }
    copy_owned(copy, twin);
    graph_append(copy, twin);
}

struct cupel_graph *graph_clone_live(const struct cupel_graph *graph, struct cupel_tensor **outputs,
                                     int count) {
    bool *live = mark_live(graph, outputs, count);
    struct cupel_tensor **map = calloc((size_t)graph->n_tensors + 1, sizeof(struct cupel_tensor *));
    struct cupel_graph *copy = cupel_graph_new(graph->real);
    if (live && map && copy) {
        copy->streams = graph->streams;
        for (int n = 0; n < graph->n_nodes && copy->error.status == CUPEL_OK; n++)
            if (live[n]) clone_node(copy, graph->nodes[n], map);
        for (int i = 0; i < count; i++) outputs[i] = map[outputs[i]->id];
    }
    if (!live || !map || (copy && copy->error.status != CUPEL_OK)) {
        cupel_graph_free(copy);
        copy = NULL;
    }
    free(live);
    free(map);
    return copy;
}
