/* Chains of elementwise ops. */
#include "chain.h"

#include "cuda/cuda.h"

_Static_assert((int)KERNEL_CHAIN_STEPS == (int)CHAIN_STEPS && (int)KERNEL_CHAIN_INPUTS == (int)CHAIN_INPUTS,
               "graphs and kernels have one idea of a chain");

/* By op: its formula's number and 1, or 0. */
static const int formulas[OP_COUNT] = {
#define ELEMENTWISE(name, ...) [OP_##name] = 1 + KERNEL_##name,
#include "elementwise.def"
#undef ELEMENTWISE
};

static void run_chain(struct call *call) {
    const struct chain *chain = &call->node->attr.chain;
    struct kernel_program program = {.count = chain->count};
    for (int s = 0; s < chain->count; s++) {
        const struct chain_step *step = &chain->step[s];
        program.step[s] = (struct kernel_step){.formula = (enum kernel_formula)(formulas[step->op] - 1),
                                               .a = step->a,
                                               .b = step->b,
                                               .p = (float)step->p,
                                               .q = (float)step->q};
    }
    const void *in[KERNEL_CHAIN_INPUTS] = {0};
    for (int i = 0; i < call->n_in; i++) in[i] = call->in[i].data;
    cuda_check(call, kernel_chain(&program, cuda_type(&call->out[0]), in, call->out[0].data,
                                  view_count(&call->out[0]), cuda_stream(call)));
}

enum cupel_status cuda_chain(struct call *call, struct cupel_error *error) {
    const struct chain *chain = &call->node->attr.chain;
    for (int s = 0; s < chain->count; s++)
        if (!formulas[chain->step[s].op])
            return cupel_fail(error, CUPEL_UNSUPPORTED, "device %s has no kernel for step %d of a chain",
                              call->device->backend->name, s);
    call->kernel = run_chain;
    call->engine = "cuda";
    return CUPEL_OK;
}
