/* The nodes of a plan one by one: what the trusted device makes of each is what later ones get. */
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/check.h"
#include "check/repro.h"
#include "plan/plan.h"

struct walk {
    const struct judge *judge;
    const struct cupel_plan *plan;
    const struct start *start;
    const struct cupel_check_options *options;
    struct cupel_check *check;
    struct operand *values; /* by tensor id; data NULL when nobody reads it any more */
    int *uses;              /* by tensor id: nodes that are still to read it */
    int *input;             /* of the node under way */
    struct operand *operands;
    regex_t filter;
    bool filtered;
    int done;
};

static bool is_half(enum cupel_dtype dtype) {
    return dtype == CUPEL_BF16 || dtype == CUPEL_F16;
}

/* The type of the tensor's numbers on the host. */
static enum cupel_dtype host_dtype(enum cupel_dtype dtype) {
    return is_half(dtype) ? CUPEL_F32 : dtype;
}

/* Makes the tensor's value from `data`, rounded to what it is stored in. */
static enum cupel_status set_value(struct walk *walk, const struct cupel_tensor *tensor, const void *data,
                                   struct cupel_error *error) {
    struct operand *value = &walk->values[tensor->id];
    *value = (struct operand){host_dtype(tensor->dtype), tensor->dtype, tensor->shape, NULL, tensor->layout};
    if (!walk->uses[tensor->id]) return CUPEL_OK;
    value->data = malloc(operand_bytes(value));
    if (!value->data) return cupel_fail(error, CUPEL_NOMEM, "no memory for the numbers of a node");
    if (!data) return CUPEL_OK;
    memcpy(value->data, data, operand_bytes(value));
    const int64_t count = is_half(tensor->dtype) ? tensor_count(tensor) : 0;
    for (int64_t i = 0; i < count; i++)
        ((float *)value->data)[i] = round_to(((float *)value->data)[i], tensor->dtype);
    return CUPEL_OK;
}

static void drop_input(struct walk *walk, const struct cupel_tensor *tensor) {
    if (--walk->uses[tensor->id]) return;
    free(walk->values[tensor->id].data);
    walk->values[tensor->id].data = NULL;
}

/* ---- nodes without a kernel ---- */

static enum cupel_status read_state(struct walk *walk, const struct node *node, struct cupel_error *error) {
    struct cupel_error missing = {0};
    CUPEL_TRY(set_value(walk, &node->out[0], NULL, error));
    struct operand *value = &walk->values[node->out[0].id];
    if (!value->data) return CUPEL_OK;
    /* A graph for f16 has states that one for f32 has not. */
    const char *name = node->attr.state.name;
    if (!cupel_store_read(walk->start->trusted, name, value->data, operand_bytes(value), &missing))
        return CUPEL_OK;
    return cupel_store_read(walk->start->checked, name, value->data, operand_bytes(value), error);
}

/* A state's version with the new numbers of a part of it. */
static enum cupel_status follow_whole(struct walk *walk, const struct node *node, struct cupel_error *error) {
    const struct operand *version = &walk->values[node->in[0]->id], *part = &walk->values[node->in[1]->id];
    int64_t offset;
    tensor_root(node->in[1], &offset);
    CUPEL_TRY(set_value(walk, &node->out[0], version->data, error));
    struct operand *value = &walk->values[node->out[0].id];
    if (value->data)
        memcpy((char *)value->data + (size_t)offset * cupel_dtype_size(value->dtype), part->data,
               operand_bytes(part));
    return CUPEL_OK;
}

static enum cupel_status follow_alias(struct walk *walk, const struct node *node, struct cupel_error *error) {
    if (node->op == OP_whole) return follow_whole(walk, node, error);
    const struct operand *from = &walk->values[node->in[0]->id];
    const size_t offset =
        node->op == OP_part ? (size_t)node->attr.state.offset * cupel_dtype_size(from->dtype) : 0;
    return set_value(walk, &node->out[0], (const char *)from->data + offset, error);
}

/* ---- nodes with one ---- */

static void describe(const struct node *node, struct cupel_check_item *item) {
    node_op_text(node, item->op, sizeof item->op);
    snprintf(item->layer, sizeof item->layer, "%s", node->scope ? node->scope : "-");
    snprintf(item->place, sizeof item->place, "%s", node->place ? node->place : "-");
}

static bool is_wanted(const struct walk *walk, const struct cupel_check_item *item) {
    return !walk->filtered || regexec(&walk->filter, item->op, 0, NULL, 0) == 0 ||
           regexec(&walk->filter, item->layer, 0, NULL, 0) == 0;
}

static enum cupel_layout layout_of(const struct cupel_plan *plan) {
    static const enum cupel_layout layouts[] = {[LAYOUT_ROWS] = CUPEL_LAYOUT_NCHW,
                                                [LAYOUT_CHANNELS_LAST] = CUPEL_LAYOUT_NHWC,
                                                [LAYOUT_BATCH_LAST] = CUPEL_LAYOUT_CHWN};
    for (int n = 0; n < plan->graph->n_nodes; n++)
        if (plan->graph->nodes[n]->out[0].layout != LAYOUT_ROWS)
            return layouts[plan->graph->nodes[n]->out[0].layout];
    return CUPEL_LAYOUT_NCHW;
}

/* The node with its inputs; a tensor that it reads twice is one operand. */
static struct single single_of(struct walk *walk, const struct node *node) {
    struct single single = {.op = node->op,
                            .attr = node->attr,
                            .layer = node->scope,
                            .n_in = node->n_in,
                            .input = walk->input,
                            .operands = walk->operands,
                            .layout = layout_of(walk->plan)};
    for (int i = 0; i < node->n_in; i++) {
        int same = 0;
        while (same < i && node->in[same] != node->in[i]) same++;
        walk->input[i] = same < i ? walk->input[same] : single.n_operands;
        if (same == i) walk->operands[single.n_operands++] = walk->values[node->in[i]->id];
    }
    single.to_rows = node->op == OP_relayout && node->out[0].layout == LAYOUT_ROWS;
    return single;
}

static enum cupel_status visit(struct walk *walk, const struct node *node, struct cupel_error *error) {
    struct cupel_check_item item = {.verdict = CUPEL_CHECK_PASSED, .engine = "-"};
    struct evidence evidence;
    enum cupel_dtype stored[OP_MAX_OUT];
    const struct single single = single_of(walk, node);
    describe(node, &item);
    for (int i = 0; i < node->n_out; i++) stored[i] = node->out[i].dtype;
    const bool wanted = is_wanted(walk, &item);
    enum cupel_status status = judge_node(walk->judge, &single, stored, wanted, &item, &evidence, error);
    if (status == CUPEL_OK && item.verdict == CUPEL_CHECK_FAILED && walk->options->save)
        status = repro_save(walk->options->save, walk->judge, &single, &evidence, walk->check->count, &item,
                            error);
    for (int i = 0; i < node->n_out && status == CUPEL_OK; i++)
        status = set_value(walk, &node->out[i], evidence.expected[i].data, error);
    if (status == CUPEL_OK && wanted) status = check_add(walk->check, &item, error);
    walk->check->skipped += !wanted;
    evidence_free(&evidence);
    return status;
}

static enum cupel_status visit_all(struct walk *walk, struct cupel_error *error) {
    const struct cupel_graph *graph = walk->plan->graph;
    for (int n = 0; n < graph->n_nodes; n++) {
        const struct node *node = graph->nodes[n];
        if (node->op == OP_state)
            CUPEL_TRY(read_state(walk, node, error));
        else if (node->op == OP_constant)
            CUPEL_TRY(set_value(walk, &node->out[0], node->attr.state.data, error));
        else if (ops[node->op].flags & OP_ALIAS)
            CUPEL_TRY(follow_alias(walk, node, error));
        else {
            CUPEL_TRY(visit(walk, node, error));
            if (walk->options->progress)
                walk->options->progress(walk->options->context, ++walk->done, walk->plan->n_calls);
        }
        for (int i = 0; i < node->n_in; i++) drop_input(walk, node->in[i]);
    }
    return CUPEL_OK;
}

/* ---- all of it ---- */

enum cupel_status filter_compile(const char *filter, regex_t *compiled, struct cupel_error *error) {
    char why[200];
    const int wrong = filter ? regcomp(compiled, filter, REG_EXTENDED | REG_NOSUB) : 0;
    if (!wrong) return CUPEL_OK;
    regerror(wrong, compiled, why, sizeof why);
    return cupel_fail(error, CUPEL_INVALID, "the filter '%.80s' is no regular expression: %s", filter, why);
}

enum cupel_status filter_matched(const char *filter, const struct cupel_check *check,
                                 struct cupel_error *error) {
    if (!filter || check->count) return CUPEL_OK;
    return cupel_fail(error, CUPEL_INVALID, "the filter '%.80s' matches none of %d names", filter,
                      check->skipped);
}

static enum cupel_status prepare(struct walk *walk, struct cupel_error *error) {
    const struct cupel_graph *graph = walk->plan->graph;
    size_t most = 1;
    walk->values = calloc((size_t)graph->n_tensors + 1, sizeof *walk->values);
    walk->uses = calloc((size_t)graph->n_tensors + 1, sizeof *walk->uses);
    for (int n = 0; n < graph->n_nodes && walk->uses; n++) {
        const struct node *node = graph->nodes[n];
        if ((size_t)node->n_in > most) most = (size_t)node->n_in;
        for (int i = 0; i < node->n_in; i++) walk->uses[node->in[i]->id]++;
    }
    walk->input = calloc(most, sizeof *walk->input);
    walk->operands = calloc(most, sizeof *walk->operands);
    if (!walk->values || !walk->uses || !walk->input || !walk->operands)
        return cupel_fail(error, CUPEL_NOMEM, "no memory to go through %d nodes", graph->n_nodes);
    CUPEL_TRY(filter_compile(walk->options->filter, &walk->filter, error));
    walk->filtered = walk->options->filter != NULL;
    return CUPEL_OK;
}

enum cupel_status walk_plan(const struct judge *judge, const struct cupel_plan *plan,
                            const struct start *start, const struct cupel_check_options *options,
                            struct cupel_check *check, struct cupel_error *error) {
    struct walk walk = {judge, plan, start, options, check, NULL};
    enum cupel_status status = prepare(&walk, error);
    if (status == CUPEL_OK) status = visit_all(&walk, error);
    if (status == CUPEL_OK) status = filter_matched(options->filter, check, error);
    for (int t = 0; walk.values && t < plan->graph->n_tensors; t++) free(walk.values[t].data);
    if (walk.filtered) regfree(&walk.filter);
    free(walk.values);
    free(walk.uses);
    free(walk.input);
    free(walk.operands);
    return status;
}
