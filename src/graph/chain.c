/* Chains of elementwise nodes become one node, which reads its inputs once and writes its result once. All tensors of such a
 * node lie alike and are of one type, so those of a chain do. */
#include <stdlib.h>
#include <string.h>

#include "graph/node.h"

struct pass {
    struct cupel_graph *graph;
    int *uses;     /* by tensor id: how often it is read, by nodes or as an output of the plan */
    bool *changes; /* by tensor id: a state that some node changes */
};

static void survey(struct pass *pass, struct cupel_tensor *const *outputs, int count) {
    for (int n = 0; n < pass->graph->n_nodes; n++) {
        const struct node *node = pass->graph->nodes[n];
        for (int i = 0; i < node->n_in; i++) pass->uses[node->in[i]->id]++;
        for (int i = 0; i < ops[node->op].updates; i++)
            pass->changes[tensor_root(node->in[i], NULL)->id] = true;
    }
    for (int i = 0; i < count; i++) pass->uses[outputs[i]->id]++;
}

/* What the node does, as a chain of its inputs. */
static struct chain chain_of(const struct node *node) {
    if (node->op == OP_chain) return node->attr.chain;
    return (struct chain){.count = 1,
                          .step = {{.op = node->op,
                                    .a = 0,
                                    .b = node->n_in > 1 ? 1 : CHAIN_VALUE,
                                    .p = node->attr.number.a,
                                    .q = node->attr.number.b}}};
}

/* Whether `maker` may be computed where `node`, an input of which it makes, is: nobody else wants its result, and what
 * it reads is still the same there. */
static bool may_move(const struct pass *pass, const struct node *maker, const struct node *node) {
    const struct cupel_tensor *result = &maker->out[0];
    if (maker->op != OP_chain && !op_chains(maker->op)) return false;
    int uses = 0;
    for (int i = 0; i < node->n_in; i++) uses += node->in[i] == result;
    if (uses != pass->uses[result->id]) return false;
    for (int i = 0; i < maker->n_in; i++)
        if (pass->changes[tensor_root(maker->in[i], NULL)->id]) return false;
    return true;
}

/* Puts the node behind what makes its input. False, and nothing changed, where that is too long or reads too much. */
static bool append(struct pass *pass, struct node *maker, struct node *node) {
    struct chain chain = chain_of(maker);
    struct cupel_tensor *in[CHAIN_INPUTS + 2];
    int n_in = maker->n_in, operand[2] = {CHAIN_VALUE, CHAIN_VALUE};
    memcpy(in, maker->in, (size_t)n_in * sizeof(struct cupel_tensor *));
    for (int i = 0; i < node->n_in; i++) {
        if (node->in[i] == &maker->out[0]) continue;
        operand[i] = 0;
        while (operand[i] < n_in && in[operand[i]] != node->in[i]) operand[i]++;
        if (operand[i] == n_in) in[n_in++] = node->in[i];
    }
    if (n_in > CHAIN_INPUTS || chain.count == CHAIN_STEPS) return false;
    struct cupel_tensor **inputs = graph_alloc(pass->graph, (size_t)n_in * sizeof(struct cupel_tensor *));
    if (!inputs) return false;
    chain.step[chain.count++] = (struct chain_step){
        .op = node->op, .a = operand[0], .b = operand[1], .p = node->attr.number.a, .q = node->attr.number.b};
    memcpy(inputs, in, (size_t)n_in * sizeof(struct cupel_tensor *));
    pass->uses[maker->out[0].id] = 0;
    node->op = OP_chain;
    node->in = inputs;
    node->n_in = n_in;
    node->attr = (union attr){.chain = chain};
    return true;
}

static void visit(struct pass *pass, struct node *node) {
    if (!op_chains(node->op)) return;
    for (int i = 0; i < node->n_in; i++) {
        struct node *maker = node->in[i]->node;
        if (may_move(pass, maker, node) && append(pass, maker, node)) return;
    }
}

/* Removes the nodes whose result has become a step of another. */
static void drop_appended(struct pass *pass) {
    struct cupel_graph *graph = pass->graph;
    int kept = 0;
    for (int n = 0; n < graph->n_nodes; n++) {
        struct node *node = graph->nodes[n];
        const bool formula = node->op == OP_chain || op_chains(node->op);
        if (formula && pass->uses[node->out[0].id] == 0) continue;
        node->id = kept;
        graph->nodes[kept++] = node;
    }
    graph->n_nodes = kept;
}

void graph_chain(struct cupel_graph *graph, struct cupel_tensor *const *outputs, int count) {
    struct pass pass = {.graph = graph};
    pass.uses = calloc((size_t)graph->n_tensors + 1, sizeof *pass.uses);
    pass.changes = calloc((size_t)graph->n_tensors + 1, sizeof *pass.changes);
    if (pass.uses && pass.changes) { /* an optimisation can be left out */
        survey(&pass, outputs, count);
        for (int n = 0; n < graph->n_nodes; n++) visit(&pass, graph->nodes[n]);
        drop_appended(&pass);
    }
    free(pass.uses);
    free(pass.changes);
}
