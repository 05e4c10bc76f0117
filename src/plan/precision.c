/* Which tensors of a plan are stored in 16 bits. Heavy ops (op.h) with much to do compute in them; the ops between those follow, and what
 * leads to no heavy op, such as losses and updates, stays in f32. */
#include <stdlib.h>

#include "plan/plan.h"

struct pass {
    enum cupel_dtype half;
    const struct backend *backend;
    struct cupel_graph *graph;
    struct cupel_tensor **converted; /* by tensor id: the same numbers in the other type */
    bool everywhere;
    bool *useful;  /* by tensor id: something that computes in 16 bits can read it so */
    int n_tensors; /* of the graph as it was */
};

/* What the op table says of the node's tensors, or 0 where the backend has no such kernel for it: there it stays in f32, with
 * casts around it. */
static unsigned half_of(const struct pass *pass, const struct node *node) {
    return pass->backend->half ? pass->backend->half(node) : ops[node->op].half;
}

static bool allows_in(unsigned half, int i) {
    return half >> (i < 15 ? i : 15) & 1;
}

static bool allows_out(unsigned half, int i) {
    return half >> (16 + i) & 1 || (i == 0 && half & HALF_EITHER);
}

/* Heavy ops that are worth it: what takes less than about a microsecond in f32 takes as long in 16 bits, and
 * casts would be added to it. */
static bool is_heavy(const struct pass *pass, const struct node *node) {
    const double least = 1 << 25; /* FLOPs */
    return (half_of(pass, node) & HALF_HEAVY) == HALF_HEAVY &&
           (pass->everywhere || ops[node->op].flops(node) >= least);
}

/* From the last node to the first. */
static void find_useful(struct pass *pass) {
    for (int n = pass->graph->n_nodes - 1; n >= 0; n--) {
        const struct node *node = pass->graph->nodes[n];
        const unsigned half = half_of(pass, node);
        const bool passes_on = is_heavy(pass, node) || pass->everywhere || pass->useful[node->out[0].id];
        for (int i = 0; i < node->n_in; i++)
            if (passes_on && (ops[node->op].flags & OP_ALIAS || allows_in(half, i)))
                pass->useful[node->in[i]->id] = true;
    }
}

static bool has_half_input(const struct pass *pass, const struct node *node) {
    for (int i = 0; i < node->n_in; i++)
        if (allows_in(half_of(pass, node), i) && node->in[i]->dtype == pass->half) return true;
    return false;
}

/* Whether the node reads 16-bit numbers. */
static bool reads_half(const struct pass *pass, const struct node *node) {
    const unsigned half = half_of(pass, node);
    if (is_heavy(pass, node) || (pass->everywhere && half)) return true;
    return has_half_input(pass, node) && (pass->useful[node->out[0].id] || !allows_out(half, 0));
}

static struct cupel_tensor *add(struct pass *pass, enum op_id op, struct cupel_tensor *in,
                                const union attr *attr, enum cupel_dtype dtype,
                                const struct cupel_tensor *like) {
    struct node *node = node_make(pass->graph, op, &in, 1, attr);
    if (!node || !node_out(node, dtype, &like->shape)) return NULL;
    node->scope = like->node->scope;
    node->backward = like->node->backward;
    node->place = like->node->place;
    node->out[0].layout = like->layout;
    node->out[0].id = pass->graph->n_tensors++;
    return graph_push(pass->graph, node) ? &node->out[0] : NULL;
}

/* The tensor in `dtype`. Parts of a range of parameters are converted with all of it, at once.
 *
 * Every run casts anew, though an optimizer could write the 16-bit numbers for the next run as well. That would save a launch
 * and the reading of the f32 numbers: 0.24 MB of LeNet-5, 36 MB of a step of DCGAN-64 (both networks' and the updated
 * discriminator's: 25 MB and 11 MB), 8 us of an H200's 4.3 TB/s in a step that takes it 790 us at least. Most of it is not
 * waited for: a cast needs nothing, so it is done in one lane while the other makes the batch (lanes.c). In return, all that
 * writes parameters would have to keep the copy true: checkpoints, cupel_store_write, other plans. */
static struct cupel_tensor *convert(struct pass *pass, struct cupel_tensor *tensor, enum cupel_dtype dtype) {
    if (tensor->dtype == dtype || tensor->id >= pass->n_tensors) return tensor;
    struct cupel_tensor **known = &pass->converted[tensor->id];
    if (*known) return *known;
    const struct node *node = tensor->node;
    if (node->op == OP_part && node->in[0]->dtype == tensor->dtype) {
        struct cupel_tensor *range = convert(pass, node->in[0], dtype);
        union attr attr = node->attr;
        attr.state.name = NULL;
        attr.state.dtype = dtype;
        return *known = range ? add(pass, OP_part, range, &attr, dtype, tensor) : NULL;
    }
    return *known = add(pass, OP_cast, tensor, NULL, dtype, tensor);
}

/* Whether a convolution that reads 16-bit numbers must write such too, though what reads them wants others: cuDNN has engines
 * that add a bias, or an activation, for those alone. */
static bool writes_half(const struct node *node) {
    return (ops[node->op].half & HALF_CONV) == HALF_CONV &&
           (node->n_in > 2 || node->attr.conv.activation != ACTIVATION_NONE);
}

static bool visit(struct pass *pass, struct node *node) {
    if (ops[node->op].flags & OP_ALIAS) {
        node->out[0].dtype = node->in[0]->dtype;
        return graph_push(pass->graph, node);
    }
    const enum cupel_dtype real = pass->graph->real;
    const unsigned allowed = half_of(pass, node);
    const bool half = reads_half(pass, node);
    for (int i = 0; i < node->n_in; i++) {
        const enum cupel_dtype now = node->in[i]->dtype;
        if (now != real && now != pass->half) continue;
        node->in[i] = convert(pass, node->in[i], half && allows_in(allowed, i) ? pass->half : real);
        if (!node->in[i]) return false;
    }
    for (int i = 0; i < node->n_out; i++) {
        const bool either = i == 0 && allowed & HALF_EITHER, follows = (allowed & HALF_CONV) == HALF_CONV;
        if (node->out[i].dtype == real && allows_out(allowed, i) &&
            (either ? (pass->useful[node->out[i].id] || writes_half(node)) && (half || !follows) : half))
            node->out[i].dtype = pass->half;
    }
    return graph_push(pass->graph, node);
}

static bool rewrite(struct pass *pass, struct cupel_tensor **outputs, int count) {
    struct cupel_graph *graph = pass->graph;
    struct node **old = graph->nodes;
    const int n_old = graph->n_nodes;
    find_useful(pass);
    graph->nodes = NULL;
    graph->n_nodes = graph->node_room = 0;
    bool done = true;
    for (int n = 0; n < n_old && done; n++) done = visit(pass, old[n]);
    free(old);
    /* What is read by the host is read as the graph says. */
    for (int i = 0; i < count && done; i++)
        if (outputs[i]->dtype == pass->half)
            done = (outputs[i] = convert(pass, outputs[i], graph->real)) != NULL;
    return done;
}

enum cupel_status plan_precision(struct cupel_plan *plan, struct cupel_error *error) {
    const enum cupel_precision precision = plan->options.precision;
    if (precision != CUPEL_PRECISION_BF16 && precision != CUPEL_PRECISION_F16) return CUPEL_OK;
    struct pass pass = {.half = precision == CUPEL_PRECISION_BF16 ? CUPEL_BF16 : CUPEL_F16,
                        .everywhere = plan->options.everywhere,
                        .backend = plan->device->backend,
                        .graph = plan->graph,
                        .n_tensors = plan->graph->n_tensors};
    pass.converted = calloc((size_t)pass.n_tensors + 1, sizeof(struct cupel_tensor *));
    pass.useful = calloc((size_t)pass.n_tensors + 1, sizeof *pass.useful);
    const bool done = pass.converted && pass.useful && rewrite(&pass, plan->outputs, plan->n_outputs);
    free(pass.converted);
    free(pass.useful);
    return done ? CUPEL_OK : cupel_fail(error, CUPEL_NOMEM, "no memory for the plan's casts");
}
