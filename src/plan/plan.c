/* Compiling: from a graph to calls with kernels and memory. */
#include <stdlib.h>
#include <string.h>

#include "plan/plan.h"

struct view view_of(const struct cupel_tensor *tensor) {
    struct view view = {.dtype = tensor->dtype, .shape = tensor->shape};
    static const int innermost_first[][4] = {[LAYOUT_ROWS] = {3, 2, 1, 0},
                                             [LAYOUT_CHANNELS_LAST] = {1, 3, 2, 0},
                                             [LAYOUT_BATCH_LAST] = {0, 3, 2, 1}};
    const int rank = tensor->shape.rank;
    int64_t stride = 1;
    for (int i = 0; i < rank; i++) {
        const int d = rank == 4 ? innermost_first[tensor->layout][i] : rank - 1 - i;
        view.stride[d] = stride;
        stride *= tensor->shape.dim[d];
    }
    return view;
}

void cupel_plan_free(struct cupel_plan *plan) {
    if (!plan) return;
    if (plan->recording) plan->device->backend->forget(plan->device, plan->recording);
    for (int c = 0; c < plan->n_calls; c++)
        if (plan->calls[c].release) plan->calls[c].release(plan->calls[c].prepared);
    if (plan->arena) plan->device->backend->free(plan->device, plan->arena);
    if (plan->constants) plan->device->backend->free(plan->device, plan->constants);
    cupel_graph_free(plan->graph);
    free(plan->outputs);
    free(plan->calls);
    free(plan->views);
    free(plan->homes);
    free(plan->workspace_place);
    free(plan->lanes);
    free(plan);
}

static bool runs_kernel(const struct node *node) {
    return !(ops[node->op].flags & (OP_ALIAS | OP_SOURCE));
}

/* One call for each node that runs a kernel; the backend chooses how. */
static enum cupel_status plan_prepare(struct cupel_plan *plan, struct cupel_error *error) {
    int views = 0;
    const struct cupel_graph *graph = plan->graph;
    for (int n = 0; n < graph->n_nodes; n++) views += graph->nodes[n]->n_in + graph->nodes[n]->n_out;
    plan->calls = calloc((size_t)graph->n_nodes + 1, sizeof *plan->calls);
    plan->views = calloc((size_t)views + 1, sizeof *plan->views);
    if (!plan->calls || !plan->views)
        return cupel_fail(error, CUPEL_NOMEM, "no memory for %d calls", graph->n_nodes);
    struct view *view = plan->views;
    for (int n = 0; n < graph->n_nodes; n++) {
        const struct node *node = graph->nodes[n];
        if (!runs_kernel(node)) continue;
        struct call *call = &plan->calls[plan->n_calls++];
        *call = (struct call){.node = node,
                              .device = plan->device,
                              .n_in = node->n_in,
                              .n_out = node->n_out,
                              .precision = plan->options.precision,
                              .deterministic = plan->options.deterministic};
        call->in = view;
        for (int i = 0; i < node->n_in; i++) *view++ = view_of(node->in[i]);
        call->out = view;
        for (int i = 0; i < node->n_out; i++) *view++ = view_of(&node->out[i]);
        CUPEL_TRY(plan->device->backend->prepare(plan->device, call, error));
    }
    return CUPEL_OK;
}

static enum cupel_status allocate(struct cupel_plan *plan, const char *what, size_t bytes, char **data,
                                  struct cupel_error *error) {
    if (!bytes) return CUPEL_OK;
    *data = plan->device->backend->alloc(plan->device, bytes);
    if (*data) return CUPEL_OK;
    return cupel_fail(error, CUPEL_NOMEM,
                      "device %s has no memory for %.1f MiB of %s; a smaller batch needs in proportion less",
                      plan->device->backend->name, (double)bytes / 1048576, what);
}

static enum cupel_status bind_sources(struct cupel_plan *plan, struct cupel_error *error) {
    const struct backend *backend = plan->device->backend;
    for (int n = 0; n < plan->graph->n_nodes; n++) {
        const struct node *node = plan->graph->nodes[n];
        struct home *home = &plan->homes[node->out[0].id];
        if (node->op == OP_state) CUPEL_TRY(store_bind(plan->store, node, &home->data, error));
        if (node->op == OP_part && node->attr.state.name && node->in[0]->node->op == OP_state)
            CUPEL_TRY(store_bind_part(plan->store, node, error));
        if (node->op == OP_constant && home->first >= 0) {
            home->data = plan->constants + home->place;
            CUPEL_TRY(backend->upload(plan->device, home->data, node->attr.state.data, home->bytes, error));
        }
    }
    return CUPEL_OK;
}

static void *data_of(const struct cupel_plan *plan, const struct cupel_tensor *tensor) {
    size_t offset;
    return plan_home(plan, tensor, &offset)->data + offset;
}

static void bind_calls(struct cupel_plan *plan) {
    size_t guard = plan->options.debug ? GUARD_BYTES : 0;
    for (int t = 0; t < plan->graph->n_tensors; t++) {
        struct home *home = &plan->homes[t];
        if (home->root == t && home->first >= 0 && home->kind == MEMORY_ARENA)
            home->data = plan->arena + home->place + guard;
    }
    for (int c = 0; c < plan->n_calls; c++) {
        struct call *call = &plan->calls[c];
        for (int i = 0; i < call->n_in; i++) call->in[i].data = data_of(plan, call->node->in[i]);
        for (int i = 0; i < call->n_out; i++) call->out[i].data = data_of(plan, &call->node->out[i]);
        if (call->workspace_bytes) call->workspace = plan->arena + plan->workspace_place[c] + guard;
    }
}

static enum layout layout_of(const struct cupel_plan *plan) {
    const struct backend *backend = plan->device->backend;
    switch (plan->options.layout) {
    case CUPEL_LAYOUT_NCHW:
        return LAYOUT_ROWS;
    case CUPEL_LAYOUT_NHWC:
        return LAYOUT_CHANNELS_LAST;
    case CUPEL_LAYOUT_CHWN:
        return LAYOUT_BATCH_LAST;
    case CUPEL_LAYOUT_BEST:
        break;
    }
    return backend->layout ? backend->layout(plan->graph) : LAYOUT_ROWS;
}

static enum cupel_status plan_build(struct cupel_plan *plan, const struct cupel_graph *graph,
                                    struct cupel_error *error) {
    bool debug = plan->options.debug;
    plan->graph = graph_clone_live(graph, plan->outputs, plan->n_outputs);
    if (!plan->graph) return cupel_fail(error, CUPEL_NOMEM, "no memory for the plan's graph");
    const bool merges = plan->device->backend->merges && !plan->options.nofuse;
    if (!plan->options.nofuse) graph_fuse(plan->graph, plan->outputs, plan->n_outputs);
    if (merges) graph_batch(plan->graph, plan->outputs, plan->n_outputs);
    CUPEL_TRY(device_check_precision(plan->device, plan->options.precision, error));
    CUPEL_TRY(plan_layout(plan->graph, layout_of(plan), error));
    CUPEL_TRY(plan_precision(plan, error));
    if (merges) graph_chain(plan->graph, plan->outputs, plan->n_outputs);
    CUPEL_TRY(plan_schedule(plan->graph, error));
    CUPEL_TRY(plan_prepare(plan, error));
    CUPEL_TRY(plan_memory(plan, error));
    CUPEL_TRY(allocate(plan, "tensors", plan->arena_bytes, &plan->arena, error));
    CUPEL_TRY(allocate(plan, "constants", plan->constant_bytes, &plan->constants, error));
    CUPEL_TRY(bind_sources(plan, error));
    bind_calls(plan);
    return debug ? debug_start(plan, error) : CUPEL_OK;
}

enum cupel_status cupel_compile(struct cupel_store *store, struct cupel_graph *graph,
                                struct cupel_tensor *const *outputs, int count,
                                const struct cupel_plan_options *options, struct cupel_plan **plan,
                                struct cupel_error *error) {
    *plan = NULL;
    if (graph->error.status != CUPEL_OK)
        return cupel_fail(error, graph->error.status, "%s", graph->error.message);
    for (int i = 0; i < count; i++)
        if (!outputs[i] || outputs[i]->node->graph != graph)
            return cupel_fail(error, CUPEL_INVALID, "output %d is no tensor of this graph", i);
    struct cupel_plan *made = calloc(1, sizeof *made);
    if (!made) return cupel_fail(error, CUPEL_NOMEM, "no memory for a plan");
    *made = (struct cupel_plan){
        .device = store_device(store), .store = store, .n_outputs = count, .poison = POISON};
    if (options) made->options = *options;
    made->outputs = malloc(((size_t)count + 1) * sizeof(struct cupel_tensor *));
    enum cupel_status status = CUPEL_NOMEM;
    if (made->outputs) {
        if (count) memcpy(made->outputs, outputs, (size_t)count * sizeof(struct cupel_tensor *));
        status = plan_build(made, graph, error);
    }
    if (status == CUPEL_OK)
        *plan = made;
    else
        cupel_plan_free(made);
    return status == CUPEL_OK ? CUPEL_OK : cupel_fail(error, status, "no memory for a plan");
}
