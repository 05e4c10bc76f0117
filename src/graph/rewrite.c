/* Rewrites of a plan's own graph: fewer nodes that do the same. */
#include <stdlib.h>
#include <string.h>

#include "graph/node.h"

static void count_uses(const struct cupel_graph *graph, struct cupel_tensor *const *outputs, int count,
                       int *uses) {
    for (int n = 0; n < graph->n_nodes; n++)
        for (int i = 0; i < graph->nodes[n]->n_in; i++) uses[graph->nodes[n]->in[i]->id]++;
    for (int i = 0; i < count; i++) uses[outputs[i]->id]++;
}

static void replace_uses(struct cupel_graph *graph, struct cupel_tensor **outputs, int count,
                         struct cupel_tensor *old, struct cupel_tensor *new) {
    for (int n = 0; n < graph->n_nodes; n++)
        for (int i = 0; i < graph->nodes[n]->n_in; i++)
            if (graph->nodes[n]->in[i] == old) graph->nodes[n]->in[i] = new;
    for (int i = 0; i < count; i++)
        if (outputs[i] == old) outputs[i] = new;
}

/* An activation whose input nobody else reads is applied by the convolution or linear layer that makes it:
 * activations' gradients use their result alone. */
static bool fuse_activation(struct node *node) {
    const unsigned activation = ops[node->op].flags >> 8;
    struct node *maker = node->in[0]->node;
    if (!activation || !(ops[maker->op].flags & OP_ACTIVATES) ||
        maker->attr.conv.activation != ACTIVATION_NONE)
        return false;
    maker->attr.conv.activation = (int)activation;
    maker->attr.conv.slope = node->attr.number.a; /* 0 but for leaky_relu */
    return true;
}

/* The gradient through max(activation(x)) is put back into place last: activation's gradient needs its result
 * only where a window found its maximum, and there that is the pooled value. So g(y, maxpool_grad(dy))
 * becomes maxpool_grad(g(maxpool(y), dy)), on as many fewer elements as a window has. */
static void pool_last(struct cupel_graph *graph, struct cupel_tensor **outputs, int count, int *uses,
                      int at) {
    struct node *activation = graph->nodes[at];
    if (!(ops[activation->op].flags & OP_FROM_RESULT)) return;
    struct node *put = activation->in[1]->node;
    if (put->op != OP_maxpool_grad || uses[put->out[0].id] != 1) return;
    struct node *pool = put->in[1]->node;
    if (pool->op != OP_maxpool || pool->in[0] != activation->in[0]) return;
    struct cupel_tensor *result = &activation->out[0];
    replace_uses(graph, outputs, count, result, &put->out[0]);
    uses[put->out[0].id] = uses[result->id];
    uses[result->id] = 1;
    activation->in[0] = &pool->out[0];
    activation->in[1] = put->in[0];
    result->shape = put->in[0]->shape;
    put->in[0] = result;
    graph->nodes[put->id] = activation;
    graph->nodes[at] = put;
    activation->id = put->id;
    put->id = at;
}

/* Each element of dy goes to one place of its plane, so sums over planes need not wait for that. */
static void sum_before(struct node *node) {
    const unsigned plane = 1u << 2 | 1u << 3;
    if (node->op != OP_sum || (node->attr.shape.axes & plane) != plane) return;
    if (node->in[0]->node->op == OP_maxpool_grad) node->in[0] = node->in[0]->node->in[0];
}

/* Removes the nodes that the other rewrites left without users. */
static void drop_unused(struct cupel_graph *graph, struct cupel_tensor *const *outputs, int count,
                        int *uses) {
    memset(uses, 0, (size_t)graph->n_tensors * sizeof *uses);
    count_uses(graph, outputs, count, uses);
    int kept = graph->n_nodes;
    for (int n = graph->n_nodes - 1; n >= 0; n--) {
        struct node *node = graph->nodes[n];
        bool used = ops[node->op].updates > 0;
        for (int i = 0; i < node->n_out; i++) used = used || uses[node->out[i].id] > 0;
        for (int i = 0; i < node->n_in && !used; i++) uses[node->in[i]->id]--;
        if (used) graph->nodes[--kept] = node;
    }
    graph->n_nodes -= kept;
    memmove(graph->nodes, graph->nodes + kept, (size_t)graph->n_nodes * sizeof *graph->nodes);
    for (int n = 0; n < graph->n_nodes; n++) graph->nodes[n]->id = n;
}

void graph_fuse(struct cupel_graph *graph, struct cupel_tensor **outputs, int count) {
    int *uses = calloc((size_t)graph->n_tensors + 1, sizeof *uses);
    if (!uses) return; /* an optimisation can be left out */
    count_uses(graph, outputs, count, uses);
    int kept = 0;
    for (int n = 0; n < graph->n_nodes; n++) {
        struct node *node = graph->nodes[n];
        if (node->n_in == 1 && uses[node->in[0]->id] == 1 && fuse_activation(node)) {
            replace_uses(graph, outputs, count, &node->out[0], node->in[0]);
            uses[node->in[0]->id] = uses[node->out[0].id];
            continue;
        }
        graph->nodes[kept++] = node;
    }
    graph->n_nodes = kept;
    for (int n = 0; n < kept; n++) graph->nodes[n]->id = n;
    for (int n = 0; n < kept; n++) pool_last(graph, outputs, count, uses, n);
    for (int n = 0; n < kept; n++) sum_before(graph->nodes[n]);
    drop_unused(graph, outputs, count, uses);
    free(uses);
}
