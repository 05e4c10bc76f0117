/* Reference kernel: a chain of elementwise ops, each done by its own kernel. */
#include "cpu/kernel.h"

enum { BLOCK = 64 };

static const kernel_fn kernels[OP_COUNT] = {
#define OP(name, ...) [OP_##name] = KERNEL_NAME(name),
#define OP_VIEW(...)
#include "graph/ops.def"
#undef OP
};

/* The operand's elements from `start` on, or the value so far. */
static struct view operand(const struct call *call, int which, int64_t start, int64_t count, real *value) {
    struct view view = {.data = which == CHAIN_VALUE ? value : (real *)call->in[which].data + start};
    view.shape = (struct cupel_shape){1, {count}};
    view.stride[0] = 1;
    return view;
}

static void run_step(const struct call *call, const struct chain_step *step, int64_t start, int64_t count,
                     real *value) {
    const struct node node = {.op = step->op, .attr.number = {.a = step->p, .b = step->q}};
    struct view in[] = {operand(call, step->a, start, count, value),
                        operand(call, step->b, start, count, value)};
    struct view out = operand(call, CHAIN_VALUE, start, count, value);
    struct call one = {.node = &node, .in = in, .out = &out, .n_in = 2, .n_out = 1};
    kernels[step->op](&one);
}

KERNEL(chain) {
    const struct chain *chain = &call->node->attr.chain;
    const int64_t n = view_count(&call->out[0]);
    for (int64_t start = 0; start < n; start += BLOCK) {
        const int64_t count = n - start < BLOCK ? n - start : BLOCK;
        real value[BLOCK];
        for (int s = 0; s < chain->count; s++) run_step(call, &chain->step[s], start, count, value);
        memcpy(OUT(0) + start, value, (size_t)count * sizeof *value);
    }
}
