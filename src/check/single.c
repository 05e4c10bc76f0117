/* A node on its own: a graph of it alone whose inputs are states. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/check.h"
#include "plan/plan.h"

size_t operand_bytes(const struct operand *operand) {
    return (size_t)cupel_shape_count(&operand->shape) * cupel_dtype_size(operand->dtype);
}

/* ---- the graph ---- */

struct building {
    const struct single *single;
    struct cupel_graph *graph;
    struct cupel_tensor **in; /* by input */
    bool trusted, half;
    struct cupel_tensor *out[OP_MAX_OUT];
    int n_out;
};

static void state_name(char *name, size_t size, int operand) {
    snprintf(name, size, "in%d", operand);
}

static void add_inputs(struct building *building) {
    const struct single *single = building->single;
    for (int i = 0; i < single->n_in; i++) {
        const struct operand *operand = &single->operands[single->input[i]];
        char name[24];
        state_name(name, sizeof name, single->input[i]);
        building->in[i] = cupel_state(building->graph, name, operand->dtype, &operand->shape, NULL);
        if (building->in[i] && !building->trusted) building->in[i]->layout = operand->layout;
    }
}

/* A chain as the nodes that it was made of: where tensors have 16 bits, only plans make chains. */
static struct cupel_tensor *add_steps(struct building *building) {
    const struct chain *chain = &building->single->attr.chain;
    struct cupel_tensor *value = NULL;
    for (int s = 0; s < chain->count; s++) {
        const struct chain_step *step = &chain->step[s];
        struct cupel_tensor *in[2];
        in[0] = step->a == CHAIN_VALUE ? value : building->in[step->a];
        in[1] = step->b == CHAIN_VALUE ? value : building->in[step->b];
        value = node_add(building->graph, step->op, in, ops[step->op].max_in,
                         ATTR(number, .a = step->p, .b = step->q));
    }
    return value;
}

/* The same numbers, by an op that computes in 16 bits where it can, so that casts are put round it. cupel_scale would leave
 * it out. */
static struct cupel_tensor *same_in_16_bits(struct cupel_tensor *x) {
    return NODE_ADD(scale, ATTR(number, .a = 1), x);
}

/* The node; on the checked device with others in its place that make the plan give it the types and layouts that it has in the
 * model's plan. */
static struct cupel_tensor *add_node(struct building *building) {
    const struct single *single = building->single;
    struct cupel_tensor *const *in = building->in;
    const bool half = building->half && !building->trusted;
    if (single->to_rows && !building->trusted) /* which a reshape takes */
        return in[0] ? cupel_reshape(in[0], &in[0]->shape) : NULL;
    if (half && single->op == OP_cast) return same_in_16_bits(in[0]);
    struct cupel_tensor *made = node_add(building->graph, single->op, in, single->n_in, &single->attr);
    return half && made && single->op == OP_chain ? add_steps(building) : made;
}

static enum cupel_status build(struct building *building, struct cupel_error *error) {
    const struct single *single = building->single;
    building->in = calloc((size_t)single->n_in + 1, sizeof(struct cupel_tensor *));
    if (!building->in) return cupel_fail(error, CUPEL_NOMEM, "no memory for a node's inputs");
    cupel_graph_scope(building->graph, single->layer);
    add_inputs(building);
    struct cupel_tensor *first = add_node(building);
    if (!first) return cupel_fail(error, building->graph->error.status, "%s", building->graph->error.message);
    struct node *node = first->node;
    building->n_out = node->n_out;
    for (int i = 0; i < node->n_out; i++) building->out[i] = &node->out[i];
    return CUPEL_OK;
}

/* ---- the plan ---- */

/* Who runs the node: the last call of its op; or of a stand-in, the only one. */
static const char *engine_of(const struct cupel_plan *plan, enum op_id op) {
    const char *engine = "-";
    for (int c = 0; c < plan->n_calls; c++)
        if (plan->calls[c].node->op == op || plan->n_calls == 1) engine = plan->calls[c].engine;
    return engine;
}

/* Outputs that a plan computes in 16 bits where somebody can use that are scaled by 1, which can. */
static void make_useful(struct building *building) {
    const unsigned half = ops[building->single->op].half;
    if (!building->half || building->trusted || !(half & HALF_EITHER) || building->single->op == OP_cast)
        return;
    building->out[0] = same_in_16_bits(building->out[0]);
}

static enum cupel_status compile(struct building *building, const struct cupel_plan_options *options,
                                 struct single_plan *plan, struct cupel_error *error) {
    struct cupel_plan_options own = {.debug = true, .layout = CUPEL_LAYOUT_NCHW};
    if (!building->trusted) {
        own.layout = building->single->layout;
        own.precision = options->precision;
        own.everywhere = building->half;
        own.deterministic = options->deterministic;
    }
    CUPEL_TRY(build(building, error));
    for (int i = 0; i < building->n_out; i++)
        plan->outputs[plan->n_out++] =
            (struct operand){building->out[i]->dtype, building->out[i]->dtype, building->out[i]->shape};
    make_useful(building);
    CUPEL_TRY(cupel_compile(plan->store, building->graph, building->out, building->n_out, &own, &plan->plan,
                            error));
    for (int i = 0; i < plan->n_out; i++)
        if (!(plan->outputs[i].data = malloc(operand_bytes(&plan->outputs[i]))))
            return cupel_fail(error, CUPEL_NOMEM, "no memory for a node's outputs");
    plan->engine = engine_of(plan->plan, building->single->op);
    return CUPEL_OK;
}

enum cupel_status single_open(const struct single *single, struct cupel_device *device, bool trusted,
                              bool half, const struct cupel_plan_options *options, struct single_plan *plan,
                              struct cupel_error *error) {
    *plan = (struct single_plan){.single = single, .trusted = trusted, .store = cupel_store_new(device, 0)};
    struct building building = {
        .single = single, .graph = cupel_graph_new(CUPEL_F32), .trusted = trusted, .half = half};
    enum cupel_status status = CUPEL_NOMEM;
    if (plan->store && building.graph)
        status = compile(&building, options, plan, error);
    else
        cupel_fail(error, status, "no memory for a node");
    free(building.in);
    cupel_graph_free(building.graph);
    if (status) single_close(plan);
    return status;
}

void single_close(struct single_plan *plan) {
    for (int i = 0; i < plan->n_out; i++) free(plan->outputs[i].data);
    cupel_plan_free(plan->plan);
    cupel_store_free(plan->store);
    *plan = (struct single_plan){0};
}

/* Writes an operand's numbers as the state lies. What no output needs is not in the store. */
static enum cupel_status write_operand(struct single_plan *plan, int index, const struct operand *operand,
                                       struct cupel_error *error) {
    char name[24], *copy = NULL;
    struct cupel_error missing = {0};
    const size_t bytes = operand_bytes(operand);
    state_name(name, sizeof name, index);
    if (!plan->trusted && operand->layout != LAYOUT_ROWS) {
        const struct cupel_tensor tensor = {
            .dtype = operand->dtype, .shape = operand->shape, .layout = operand->layout};
        const struct view view = view_of(&tensor);
        copy = malloc(bytes);
        if (!copy) return cupel_fail(error, CUPEL_NOMEM, "no memory for a node's inputs");
        view_from_rows(&view, operand->data, copy);
    }
    const enum cupel_status status =
        cupel_store_write(plan->store, name, copy ? copy : operand->data, bytes, &missing);
    free(copy);
    if (status == CUPEL_OK || status == CUPEL_INVALID) return CUPEL_OK;
    return cupel_fail(error, status, "%s", missing.message);
}

enum cupel_status single_run(struct single_plan *plan, const struct operand *operands, unsigned char poison,
                             struct cupel_error *error) {
    for (int i = 0; i < plan->single->n_operands; i++) CUPEL_TRY(write_operand(plan, i, &operands[i], error));
    plan->plan->poison = poison;
    CUPEL_TRY(cupel_run(plan->plan, error));
    for (int i = 0; i < plan->n_out; i++)
        CUPEL_TRY(
            cupel_plan_read(plan->plan, i, plan->outputs[i].data, operand_bytes(&plan->outputs[i]), error));
    return CUPEL_OK;
}
