/* What a plan says of itself. */
#include <stdlib.h>
#include <string.h>

#include "plan/plan.h"

double call_bytes(const struct call *call) {
    double bytes = 0;
    for (int i = 0; i < call->n_in; i++)
        bytes += (double)view_count(&call->in[i]) * (double)cupel_dtype_size(call->in[i].dtype);
    for (int i = 0; i < call->n_out; i++)
        bytes += (double)view_count(&call->out[i]) * (double)cupel_dtype_size(call->out[i].dtype);
    return bytes;
}

struct cupel_plan_stats cupel_plan_stats(const struct cupel_plan *plan) {
    struct cupel_plan_stats stats = {
        .nodes = plan->n_calls, .arena_bytes = plan->arena_bytes, .tensor_bytes = plan->tensor_bytes};
    for (int c = 0; c < plan->n_calls; c++) {
        stats.flops += ops[plan->calls[c].node->op].flops(plan->calls[c].node);
        stats.bytes += call_bytes(&plan->calls[c]);
    }
    for (int t = 0; t < plan->graph->n_tensors; t++)
        if (plan->homes[t].root == t && plan->homes[t].kind == MEMORY_STATE)
            stats.state_bytes += plan->homes[t].bytes;
    return stats;
}

/* Where output 0 lies: "+1024" in the arena, "= in 0" when it shares an input's memory, "state" for a new
 * version. */
static void place_text(const struct cupel_plan *plan, const struct call *call, char *text, size_t size) {
    size_t offset, other;
    const struct home *home = plan_home(plan, &call->node->out[0], &offset);
    if (home->kind != MEMORY_ARENA) {
        snprintf(text, size, "state");
        return;
    }
    for (int i = 0; i < call->n_in; i++) {
        if (plan_home(plan, call->node->in[i], &other) == home && other == offset &&
            call->node->op != OP_pack) {
            snprintf(text, size, "= in %d", i);
            return;
        }
    }
    snprintf(text, size, "+%zu", home->place + offset);
}

void node_op_text(const struct node *node, char *text, size_t size) {
    size_t used = (size_t)snprintf(text, size, "%s", node->op == OP_chain ? "" : ops[node->op].name);
    for (int s = 0; node->op == OP_chain && s < node->attr.chain.count && used < size; s++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", s ? "+" : "",
                                 ops[node->attr.chain.step[s].op].name);
}

void cupel_plan_print(const struct cupel_plan *plan, FILE *file) {
    int width = 28; /* of the longest layer's name */
    for (int c = 0; c < plan->n_calls; c++) {
        const char *scope = plan->calls[c].node->scope;
        if (scope && (int)strlen(scope) > width) width = (int)strlen(scope);
    }
    fprintf(file, "%4s  %-20s %-*s %-22s %-5s %-10s %12s %10s %10s\n", "node", "op", width, "layer", "shape",
            "dtype", "engine", "place", "MFLOP", "KiB");
    for (int c = 0; c < plan->n_calls; c++) {
        const struct call *call = &plan->calls[c];
        char name[160], shape[120], place[40];
        node_op_text(call->node, name, sizeof name);
        place_text(plan, call, place, sizeof place);
        fprintf(file, "%4d  %-20s %-*s %-22s %-5s %-10s %12s %10.3f %10.1f\n", c, name, width,
                call->node->scope ? call->node->scope : "-",
                cupel_shape_text(&call->out[0].shape, shape, sizeof shape),
                cupel_dtype_text(call->out[0].dtype), call->engine, place,
                ops[call->node->op].flops(call->node) / 1e6, call_bytes(call) / 1024);
    }
    struct cupel_plan_stats stats = cupel_plan_stats(plan);
    fprintf(file,
            "%d nodes on %s, %.4g GFLOP and %.4g MiB moved per run\n"
            "memory: arena %.2f MiB (%.2f MiB without reuse), state %.2f MiB\n",
            stats.nodes, plan->device->backend->name, stats.flops / 1e9, stats.bytes / 1048576,
            (double)stats.arena_bytes / 1048576, (double)stats.tensor_bytes / 1048576,
            (double)stats.state_bytes / 1048576);
}
