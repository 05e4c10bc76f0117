/* Chains: several elementwise ops in one node, made by plans (graph/chain.c). */
#include "graph/node.h"

static bool is_operand(const struct node *node, int operand, int step) {
    return operand < node->n_in && (operand >= 0 || (operand == CHAIN_VALUE && step > 0));
}

bool infer_chain(struct node *node) {
    struct chain *chain = &node->attr.chain;
    if (chain->count < 1 || chain->count > CHAIN_STEPS)
        return node_fail(node, "a chain has 1 to %d steps, not %d", CHAIN_STEPS, chain->count);
    for (int s = 0; s < chain->count; s++) {
        struct chain_step *step = &chain->step[s];
        const bool unary = ops[step->op].max_in == 1;
        if (unary) step->b = CHAIN_VALUE;
        if (!op_chains(step->op) || !is_operand(node, step->a, s) ||
            (!unary && !is_operand(node, step->b, s)))
            return node_fail(node, "step %d, %s, does not fit in a chain", s, ops[step->op].name);
    }
    return infer_same(node);
}

double flops_chain(const struct node *node) {
    return node->attr.chain.count * flops_each(node);
}
