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

static bool is_batchnorm(const struct node *node) {
    return node->op == OP_batchnorm || node->op == OP_batchnorm_eval;
}

/* An activation whose input nobody else reads is applied by the convolution, linear layer or batch normalisation that makes
 * it: activations' gradients use their result alone. */
static bool fuse_activation(struct node *node) {
    const unsigned activation = ops[node->op].flags >> 8;
    struct node *maker = node->in[0]->node;
    if (!activation || !(ops[maker->op].flags & OP_ACTIVATES) || node->in[0]->index != 0) return false;
    const bool norm = is_batchnorm(maker);
    if (norm && activation != ACTIVATION_RELU && activation != ACTIVATION_LEAKY_RELU) return false;
    int *made = norm ? &maker->attr.norm.activation : &maker->attr.conv.activation;
    double *slope = norm ? &maker->attr.norm.slope : &maker->attr.conv.slope;
    if (*made != ACTIVATION_NONE) return false;
    *made = (int)activation;
    *slope = node->attr.number.a; /* 0 but for leaky_relu */
    return true;
}

/* Whether a node before place `at` gives the state that `tensor` lies in a new version. */
static bool is_replaced(const struct cupel_graph *graph, struct cupel_tensor *tensor, int at) {
    const struct cupel_tensor *version = tensor_version(tensor);
    for (int n = 0; n < at; n++)
        for (int i = 0; i < ops[graph->nodes[n]->op].updates; i++)
            if (tensor_version(graph->nodes[n]->in[i]) == version) return true;
    return false;
}

/* batchnorm_grad goes back through the activation that its batchnorm applies, if nobody else reads what is in between. That
 * makes it a reader of the bias, which must not have been replaced. */
static void fuse_batchnorm_grad(struct cupel_graph *graph, const int *uses, int at) {
    struct node *node = graph->nodes[at];
    if (node->op != OP_batchnorm_grad || node->n_in != 5 || uses[node->in[4]->id] != 1) return;
    const struct node *back = node->in[4]->node, *norm = node->in[2]->node;
    if (!(ops[back->op].flags & OP_FROM_RESULT) || norm->op != OP_batchnorm ||
        norm->attr.norm.activation == ACTIVATION_NONE)
        return;
    if (back->in[0] != &norm->out[0] || node->in[2] != &norm->out[1] || node->in[3] != &norm->out[2] ||
        node->in[0] != norm->in[2] || node->in[1] != norm->in[3] || is_replaced(graph, norm->in[4], at))
        return;
    struct cupel_tensor **in = graph_alloc(graph, 6 * sizeof(struct cupel_tensor *));
    if (!in) return;
    memcpy(in, node->in, 4 * sizeof(struct cupel_tensor *));
    in[4] = back->in[1];
    in[5] = norm->in[4];
    node->in = in;
    node->n_in = 6;
    node->attr.norm.activation = norm->attr.norm.activation;
    node->attr.norm.slope = norm->attr.norm.slope;
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
    for (int n = 0; n < kept; n++) fuse_batchnorm_grad(graph, uses, n);
    drop_unused(graph, outputs, count, uses);
    free(uses);
}
