/* The order of a plan's nodes. */
#include <stdlib.h>
#include <string.h>

#include "plan/plan.h"

/* Edges from each node to those that must come after it: what reads its outputs, and what replaces a state it
 * reads. */
struct edges {
    int *first; /* by node: where its targets begin in `to`; one more entry at the end */
    int *to;
    int *before; /* by node: how many must come before it */
};

static bool edges_alloc(struct edges *edges, int nodes, int count) {
    edges->first = calloc((size_t)nodes + 2, sizeof *edges->first);
    edges->to = calloc((size_t)count + 1, sizeof *edges->to);
    edges->before = calloc((size_t)nodes + 1, sizeof *edges->before);
    return edges->first && edges->to && edges->before;
}

static void edges_free(struct edges *edges) {
    free(edges->first);
    free(edges->to);
    free(edges->before);
}

typedef void (*edge_fn)(void *context, int from, int to);

/* Calls `edge` for every pair that must keep its order. */
static void each_edge(const struct cupel_graph *graph, const int *replaced_by, edge_fn edge, void *context) {
    for (int n = 0; n < graph->n_nodes; n++) {
        const struct node *node = graph->nodes[n];
        for (int i = 0; i < node->n_in; i++) {
            edge(context, node->in[i]->node->id, n);
            if (ops[node->op].flags & OP_ALIAS) continue;
            int replacer = replaced_by[tensor_version(node->in[i])->id];
            if (replacer >= 0 && replacer != n) edge(context, n, replacer);
        }
    }
}

static void edge_count(void *context, int from, int to) {
    struct edges *edges = context;
    edges->first[from + 1]++;
    edges->before[to]++;
}

static void edge_store(void *context, int from, int to) {
    struct edges *edges = context;
    edges->to[edges->first[from]++] = to;
}

/* Which versions of states the node's kernel replaces, all or in part. */
static void find_replaced(const struct node *node, int n, int *replaced_by) {
    if (ops[node->op].flags & OP_ALIAS) return;
    for (int i = 0; i < ops[node->op].updates; i++) replaced_by[tensor_version(node->in[i])->id] = n;
}

static bool edges_build(const struct cupel_graph *graph, struct edges *edges) {
    int *replaced_by = malloc(((size_t)graph->n_tensors + 1) * sizeof *replaced_by);
    int inputs = 0;
    for (int n = 0; n < graph->n_nodes; n++) inputs += graph->nodes[n]->n_in;
    bool done = replaced_by && edges_alloc(edges, graph->n_nodes, 2 * inputs);
    if (done) {
        for (int t = 0; t < graph->n_tensors; t++) replaced_by[t] = -1;
        for (int n = 0; n < graph->n_nodes; n++) find_replaced(graph->nodes[n], n, replaced_by);
        for (int n = graph->n_nodes - 1; n >= 0; n--)
            if (graph->nodes[n]->op == OP_whole)
                replaced_by[graph->nodes[n]->in[1]->id] = replaced_by[graph->nodes[n]->out[0].id];
        each_edge(graph, replaced_by, edge_count, edges);
        for (int n = 0; n < graph->n_nodes; n++) edges->first[n + 1] += edges->first[n];
        each_edge(graph, replaced_by, edge_store, edges);
        memmove(edges->first + 1, edges->first, (size_t)graph->n_nodes * sizeof *edges->first);
        edges->first[0] = 0;
    }
    free(replaced_by);
    return done;
}

/* ---- choosing ---- */

/* In doubles, for a sum of sizes that no memory could hold must not overflow. */
static double tensor_bytes(const struct cupel_tensor *tensor) {
    const struct op *op = &ops[tensor->node->op];
    int own = tensor->node->n_out - op->updates;
    if (op->flags & (OP_ALIAS | OP_SOURCE) || tensor->index >= own) return 0;
    return (double)tensor_count(tensor) * (double)cupel_dtype_size(tensor->dtype);
}

/* Bytes in use more (or less) after the node than before, given how many uses of each tensor are still to
 * come. */
static double growth(const struct node *node, const int *uses) {
    double bytes = 0;
    for (int i = 0; i < node->n_out; i++) bytes += tensor_bytes(&node->out[i]);
    for (int i = 0; i < node->n_in; i++)
        if (uses[node->in[i]->id] == 1) bytes -= tensor_bytes(node->in[i]);
    return bytes;
}

/* Lists the nodes in an allowed order: always the oldest that can run, or (greedy) the one that leaves least
 * memory in use. Returns the most bytes in use at any time, or -1 when no order is allowed. */
static double arrange(const struct cupel_graph *graph, const struct edges *edges, bool greedy,
                      struct node **order, int *before, int *uses) {
    double in_use = 0, most = 0;
    memcpy(before, edges->before, (size_t)graph->n_nodes * sizeof *before);
    memset(uses, 0, (size_t)graph->n_tensors * sizeof *uses);
    for (int n = 0; n < graph->n_nodes; n++)
        for (int i = 0; i < graph->nodes[n]->n_in; i++) uses[graph->nodes[n]->in[i]->id]++;
    for (int done = 0, oldest = 0; done < graph->n_nodes; done++) {
        int best = -1;
        double best_growth = 0;
        while (oldest < graph->n_nodes && before[oldest] < 0) oldest++;
        for (int n = oldest; n < graph->n_nodes && (greedy || best < 0); n++) {
            if (before[n] != 0) continue;
            double bytes = greedy ? growth(graph->nodes[n], uses) : 0;
            if (best < 0 || bytes < best_growth) best = n, best_growth = bytes;
        }
        if (best < 0) return -1;
        struct node *node = order[done] = graph->nodes[best];
        double made = 0;
        for (int i = 0; i < node->n_out; i++) made += tensor_bytes(&node->out[i]);
        if (in_use + made > most) most = in_use + made;
        in_use += growth(node, uses);
        for (int i = 0; i < node->n_in; i++) uses[node->in[i]->id]--;
        before[best] = -1;
        for (int e = edges->first[best]; e < edges->first[best + 1]; e++) before[edges->to[e]]--;
    }
    return most;
}

enum cupel_status plan_schedule(struct cupel_graph *graph, struct cupel_error *error) {
    struct edges edges = {0};
    size_t n = (size_t)graph->n_nodes + 1;
    struct node **by_age = malloc(n * sizeof(struct node *)), **by_memory = malloc(n * sizeof(struct node *));
    int *before = malloc(n * sizeof *before), *uses = malloc(((size_t)graph->n_tensors + 1) * sizeof *uses);
    enum cupel_status status = CUPEL_OK;
    if (!by_age || !by_memory || !before || !uses || !edges_build(graph, &edges)) {
        status = cupel_fail(error, CUPEL_NOMEM, "no memory for the schedule of %d nodes", graph->n_nodes);
    } else {
        double age = arrange(graph, &edges, false, by_age, before, uses);
        double memory = arrange(graph, &edges, true, by_memory, before, uses);
        if (age < 0)
            status = cupel_fail(
                error, CUPEL_INVALID,
                "the graph has no order: a node that reads a state's old version depends on the new one");
        else
            memcpy(graph->nodes, memory < age ? by_memory : by_age, (n - 1) * sizeof(struct node *));
    }
    for (int i = 0; status == CUPEL_OK && i < graph->n_nodes; i++) graph->nodes[i]->id = i;
    edges_free(&edges);
    free(by_age);
    free(by_memory);
    free(before);
    free(uses);
    return status;
}
