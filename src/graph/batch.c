/* What turns rows of a data set into a batch of images, gather, convert and random moves one behind the other, becomes one
 * node: each byte is read once, and each number written once. */
#include <stdlib.h>
#include <string.h>

#include "graph/node.h"

struct pass {
    struct cupel_graph *graph;
    int *uses; /* by tensor id: how often it is read, by nodes or as an output of the plan */
};

enum { MOST_INPUTS = 6 };

static bool is_source(const struct cupel_tensor *tensor) {
    return ops[tensor->node->op].flags & OP_SOURCE;
}

/* What a node makes as OP_batch: its inputs but the seed and step, how many they are, and the attributes. */
static int batch_of(const struct node *node, struct cupel_tensor **in, struct batch *batch) {
    *batch = node->op == OP_batch ? node->attr.batch : (struct batch){.moves = 0};
    const int count = node->n_in - (batch->moves > 0);
    memcpy(in, node->in, (size_t)count * sizeof(struct cupel_tensor *));
    return count;
}

static void replace(struct pass *pass, const struct node *maker, struct node *node,
                    struct cupel_tensor *const *in, int n_in, const struct batch *batch) {
    struct cupel_tensor **inputs = graph_alloc(pass->graph, (size_t)n_in * sizeof(struct cupel_tensor *));
    if (!inputs) return;
    memcpy(inputs, in, (size_t)n_in * sizeof(struct cupel_tensor *));
    pass->uses[maker->out[0].id] = 0;
    node->op = OP_batch;
    node->in = inputs;
    node->n_in = n_in;
    node->attr = (union attr){.batch = *batch};
}

/* Images that are gathered and then converted. */
static void join_gather(struct pass *pass, const struct node *gather, struct node *convert) {
    struct cupel_tensor *in[MOST_INPUTS] = {gather->in[0], convert->in[1], convert->in[2], gather->in[1],
                                            gather->in[2]};
    const struct batch batch = {.gathers = true, .count = gather->attr.number.n};
    replace(pass, gather, convert, in, 5, &batch);
}

/* Images that are converted and then moved. */
static void join_move(struct pass *pass, const struct node *maker, struct node *move) {
    struct cupel_tensor *in[MOST_INPUTS];
    struct batch batch;
    int n_in = batch_of(maker, in, &batch);
    if (batch.moves == BATCH_MOVES || (batch.moves && maker->in[maker->n_in - 1] != move->in[1])) return;
    batch.move[batch.moves++] = node_move(move);
    in[n_in++] = move->in[1];
    replace(pass, maker, move, in, n_in, &batch);
}

/* The first of the two nodes is then done where the second is. That comes not after what replaces a state that the first
 * reads, because all that the second adds is there from the start. */
static void visit(struct pass *pass, struct node *node) {
    if (node->n_in == 0 || node->in[0]->shape.rank != 4 || pass->uses[node->in[0]->id] != 1) return;
    const struct node *maker = node->in[0]->node;
    for (int i = 1; i < node->n_in; i++)
        if (!is_source(node->in[i])) return;
    if (node->op == OP_convert && maker->op == OP_gather)
        join_gather(pass, maker, node);
    else if ((node->op == OP_random_flip || node->op == OP_random_crop || node->op == OP_cutout) &&
             (maker->op == OP_convert || maker->op == OP_batch))
        join_move(pass, maker, node);
}

static void drop_joined(struct pass *pass) {
    struct cupel_graph *graph = pass->graph;
    int kept = 0;
    for (int n = 0; n < graph->n_nodes; n++) {
        struct node *node = graph->nodes[n];
        const bool joins = node->op == OP_gather || node->op == OP_convert || node->op == OP_batch;
        if (joins && pass->uses[node->out[0].id] == 0) continue;
        node->id = kept;
        graph->nodes[kept++] = node;
    }
    graph->n_nodes = kept;
}

void graph_batch(struct cupel_graph *graph, struct cupel_tensor *const *outputs, int count) {
    struct pass pass = {.graph = graph};
    pass.uses = calloc((size_t)graph->n_tensors + 1, sizeof *pass.uses);
    if (!pass.uses) return; /* an optimisation can be left out */
    for (int n = 0; n < graph->n_nodes; n++)
        for (int i = 0; i < graph->nodes[n]->n_in; i++) pass.uses[graph->nodes[n]->in[i]->id]++;
    for (int i = 0; i < count; i++) pass.uses[outputs[i]->id]++;
    for (int n = 0; n < graph->n_nodes; n++) visit(&pass, graph->nodes[n]);
    drop_joined(&pass);
    free(pass.uses);
}
