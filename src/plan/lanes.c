/* Two lanes for calls that need not wait for one another: a recorded run may do them at the same time. What must keep its
 * order is told from the bytes that calls read and write, so that memory used twice is seen as well. */
#include <stdlib.h>

#include "plan/plan.h"

struct range {
    const char *from, *to;
};

static struct range range_of(const struct view *view) {
    const char *from = view->data;
    return (struct range){from, from + (size_t)view_count(view) * cupel_dtype_size(view->dtype)};
}

static bool meet(struct range a, struct range b) {
    return a.from < b.to && b.from < a.to;
}

/* Whether a range meets what the call writes. */
static bool writes(const struct call *call, struct range range) {
    for (int i = 0; i < call->n_out; i++)
        if (meet(range_of(&call->out[i]), range)) return true;
    const char *workspace = call->workspace;
    return call->workspace_bytes && meet((struct range){workspace, workspace + call->workspace_bytes}, range);
}

/* Whether `b` writes something that `a` reads or writes. */
static bool overwrites(const struct call *b, const struct call *a) {
    for (int i = 0; i < a->n_in; i++)
        if (writes(b, range_of(&a->in[i]))) return true;
    for (int i = 0; i < a->n_out; i++)
        if (writes(b, range_of(&a->out[i]))) return true;
    const char *workspace = a->workspace;
    return a->workspace_bytes && writes(b, (struct range){workspace, workspace + a->workspace_bytes});
}

/* Roughly how long a call takes on a GPU of our day, in seconds: it need only tell long from short. */
static double estimate(const struct call *call) {
    double bytes = 0;
    for (int i = 0; i < call->n_in + call->n_out; i++) {
        const struct range range = range_of(i < call->n_in ? &call->in[i] : &call->out[i - call->n_in]);
        bytes += (double)(range.to - range.from);
    }
    return 2e-6 + bytes / 3e12 + ops[call->node->op].flops(call->node) / 3e13;
}

/* Of the calls before c that it must come after, the last one of each lane; -1 for none. */
static void last_needed(const struct cupel_plan *plan, int c, int last[2]) {
    last[0] = last[1] = -1;
    for (int b = c - 1; b >= 0 && (last[0] < 0 || last[1] < 0); b--) {
        int *known = &last[plan->lanes[b].lane];
        if (*known >= 0) continue;
        const struct call *earlier = &plan->calls[b], *later = &plan->calls[c];
        if (overwrites(earlier, later) || overwrites(later, earlier)) *known = b;
    }
}

enum cupel_status plan_lanes(struct cupel_plan *plan, struct cupel_error *error) {
    double *ends = calloc((size_t)plan->n_calls + 1, sizeof *ends), free_at[2] = {0, 0};
    int waited[2] = {-1, -1}; /* by lane: the last call of the other lane that it is known to come after */
    plan->lanes = calloc((size_t)plan->n_calls + 1, sizeof *plan->lanes);
    if (!ends || !plan->lanes) {
        free(ends);
        return cupel_fail(error, CUPEL_NOMEM, "no memory for the plan's lanes");
    }
    for (int c = 0; c < plan->n_calls; c++) {
        int last[2];
        last_needed(plan, c, last);
        double ready = 0, start[2];
        for (int l = 0; l < 2; l++)
            if (last[l] >= 0 && ends[last[l]] > ready) ready = ends[last[l]];
        for (int l = 0; l < 2; l++) start[l] = free_at[l] > ready ? free_at[l] : ready;
        /* Where it starts first; where what it needs was made, when that is the same. */
        const int lane = start[0] != start[1] ? start[1] < start[0] : last[1] > last[0];
        const int other = last[!lane];
        plan->lanes[c] = (struct lane){.lane = lane, .wait = other > waited[lane] ? other : -1};
        if (other > waited[lane]) {
            waited[lane] = other;
            plan->lanes[other].marked = true;
        }
        ends[c] = free_at[lane] = start[lane] + estimate(&plan->calls[c]);
    }
    free(ends);
    return CUPEL_OK;
}
