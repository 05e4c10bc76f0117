/* Debug mode: poison and guard bands, so that reading what was never written and writing past an end are both
 * seen. */
#include <stdlib.h>
#include <string.h>

#include "plan/plan.h"

enum { GUARD = 0xA5 };

static bool framed(const struct cupel_plan *plan, int tensor) {
    const struct home *home = &plan->homes[tensor];
    return home->root == tensor && home->first >= 0 && home->kind == MEMORY_ARENA;
}

/* Poisons the bytes and frames them; the band behind begins right after them, wherever that is. */
static enum cupel_status fill_frame(struct cupel_plan *plan, char *data, size_t bytes,
                                    struct cupel_error *error) {
    const struct backend *backend = plan->device->backend;
    CUPEL_TRY(backend->fill(plan->device, data - GUARD_BYTES, GUARD, GUARD_BYTES, error));
    CUPEL_TRY(backend->fill(plan->device, data, plan->poison, bytes, error));
    return backend->fill(plan->device, data + bytes, GUARD, GUARD_BYTES, error);
}

static enum cupel_status check_band(struct cupel_plan *plan, const char *band, bool *whole,
                                    struct cupel_error *error) {
    unsigned char copy[GUARD_BYTES];
    CUPEL_TRY(plan->device->backend->download(plan->device, copy, band, sizeof copy, error));
    for (int i = 0; i < GUARD_BYTES; i++) *whole = *whole && copy[i] == GUARD;
    return CUPEL_OK;
}

static enum cupel_status check_frame(struct cupel_plan *plan, const struct call *call, const char *what,
                                     int index, const char *data, size_t bytes, struct cupel_error *error) {
    bool before = true, after = true;
    CUPEL_TRY(check_band(plan, data - GUARD_BYTES, &before, error));
    CUPEL_TRY(check_band(plan, data + bytes, &after, error));
    if (before && after) return CUPEL_OK;
    return cupel_fail(error, CUPEL_FAILED, "%s (%s, engine %s) wrote %s %s %d", ops[call->node->op].name,
                      call->node->scope ? call->node->scope : "no layer", call->engine,
                      before ? "past the end of" : "before the start of", what, index);
}

enum cupel_status debug_start(struct cupel_plan *plan, struct cupel_error *error) {
    for (int t = 0; t < plan->graph->n_tensors; t++)
        if (framed(plan, t)) CUPEL_TRY(fill_frame(plan, plan->homes[t].data, plan->homes[t].bytes, error));
    for (int c = 0; c < plan->n_calls; c++)
        if (plan->calls[c].workspace_bytes)
            CUPEL_TRY(fill_frame(plan, plan->calls[c].workspace, plan->calls[c].workspace_bytes, error));
    return CUPEL_OK;
}

/* Checks the frames of what the call could touch, and poisons what nobody will read any more. */
enum cupel_status debug_after(struct cupel_plan *plan, int position, struct cupel_error *error) {
    const struct call *call = &plan->calls[position];
    for (int i = 0; i < call->n_in + call->n_out; i++) {
        bool in = i < call->n_in;
        const struct cupel_tensor *tensor = in ? call->node->in[i] : &call->node->out[i - call->n_in];
        size_t offset;
        const struct home *home = plan_home(plan, tensor, &offset);
        if (home->kind == MEMORY_ARENA)
            CUPEL_TRY(check_frame(plan, call, in ? "input" : "output", in ? i : i - call->n_in, home->data,
                                  home->bytes, error));
    }
    if (call->workspace_bytes)
        CUPEL_TRY(check_frame(plan, call, "workspace", 0, call->workspace, call->workspace_bytes, error));
    for (int t = 0; t < plan->graph->n_tensors; t++)
        if (framed(plan, t) && plan->homes[t].last == position)
            CUPEL_TRY(fill_frame(plan, plan->homes[t].data, plan->homes[t].bytes, error));
    return CUPEL_OK;
}
