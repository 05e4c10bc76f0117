/* Running a plan and reading its outputs. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "plan/plan.h"

static enum cupel_status run_call(struct cupel_plan *plan, int position, struct cupel_error *error) {
    struct call *call = &plan->calls[position];
    call->error.status = CUPEL_OK; /* of an earlier run */
    call->kernel(call);
    if (call->error.status != CUPEL_OK)
        return cupel_fail(error, call->error.status, "%s (%s): %s", ops[call->node->op].name,
                          call->node->scope ? call->node->scope : "no layer", call->error.message);
    return plan->options.debug ? debug_after(plan, position, error) : CUPEL_OK;
}

static enum cupel_status run_calls(struct cupel_plan *plan, struct cupel_error *error) {
    for (int c = 0; c < plan->n_calls; c++) CUPEL_TRY(run_call(plan, c, error));
    return CUPEL_OK;
}

static enum cupel_status record_calls(struct cupel_plan *plan, struct cupel_error *error) {
    const struct backend *backend = plan->device->backend;
    for (int c = 0; c < plan->n_calls; c++) {
        const struct lane *lane = &plan->lanes[c];
        CUPEL_TRY(backend->record_lane(plan->device, lane->lane, lane->wait, error));
        CUPEL_TRY(run_call(plan, c, error));
        if (lane->marked) CUPEL_TRY(backend->record_mark(plan->device, c, error));
    }
    return CUPEL_OK;
}

/* Records a run and does it. The first run of a plan is not recorded: libraries load what they need then. */
static enum cupel_status record(struct cupel_plan *plan, struct cupel_error *error) {
    const struct backend *backend = plan->device->backend;
    CUPEL_TRY(plan_lanes(plan, error));
    CUPEL_TRY(backend->record_begin(plan->device, error));
    const enum cupel_status status = record_calls(plan, error);
    const enum cupel_status ended = backend->record_end(plan->device, &plan->recording, error);
    if (status != CUPEL_OK || ended != CUPEL_OK) return status != CUPEL_OK ? status : ended;
    return backend->replay(plan->device, plan->recording, error);
}

enum cupel_status cupel_run(struct cupel_plan *plan, struct cupel_error *error) {
    const struct backend *backend = plan->device->backend;
    if (plan->options.debug) CUPEL_TRY(debug_start(plan, error));
    if (plan->recording) return backend->replay(plan->device, plan->recording, error);
    const bool records = plan->ran && backend->replay && !plan->options.debug;
    plan->ran = true;
    return records ? record(plan, error) : run_calls(plan, error);
}

/* Moves elements between the strides of `view` and rows. */
static void reorder(const struct view *view, const char *from, char *to, bool from_rows) {
    size_t size = cupel_dtype_size(view->dtype);
    int64_t index[CUPEL_MAX_RANK] = {0};
    for (int64_t i = 0, n = view_count(view); i < n; i++) {
        int64_t offset = 0;
        for (int d = 0; d < view->shape.rank; d++) offset += index[d] * view->stride[d];
        const int64_t source = from_rows ? i : offset, target = from_rows ? offset : i;
        memcpy(to + (size_t)target * size, from + (size_t)source * size, size);
        for (int d = view->shape.rank - 1; d >= 0 && ++index[d] == view->shape.dim[d]; d--) index[d] = 0;
    }
}

void view_from_rows(const struct view *view, const void *rows, void *data) {
    reorder(view, rows, data, true);
}

enum cupel_status cupel_plan_read(struct cupel_plan *plan, int index, void *data, size_t bytes,
                                  struct cupel_error *error) {
    if (index < 0 || index >= plan->n_outputs)
        return cupel_fail(error, CUPEL_INVALID, "the plan has %d outputs; there is no output %d",
                          plan->n_outputs, index);
    const struct cupel_tensor *tensor = plan->outputs[index];
    struct view view = view_of(tensor);
    size_t offset, size = (size_t)view_count(&view) * cupel_dtype_size(view.dtype);
    const struct home *home = plan_home(plan, tensor, &offset);
    if (bytes != size)
        return cupel_fail(error, CUPEL_INVALID, "output %d has %zu bytes, not %zu", index, size, bytes);
    CUPEL_TRY(plan->device->backend->synchronise(plan->device, error));
    if (tensor->layout == LAYOUT_ROWS)
        return plan->device->backend->download(plan->device, data, home->data + offset, bytes, error);
    char *copy = malloc(bytes);
    if (!copy) return cupel_fail(error, CUPEL_NOMEM, "no memory to read output %d", index);
    enum cupel_status status =
        plan->device->backend->download(plan->device, copy, home->data + offset, bytes, error);
    if (status == CUPEL_OK) reorder(&view, copy, data, false);
    free(copy);
    return status;
}

/* ---- time of each node ---- */

struct timing {
    int position;
    double seconds;
};

static int slowest_first(const void *a, const void *b) {
    double x = ((const struct timing *)a)->seconds, y = ((const struct timing *)b)->seconds;
    return x < y ? 1 : x > y ? -1 : 0;
}

static enum cupel_status time_calls(struct cupel_plan *plan, int runs, struct timing *timings,
                                    struct cupel_error *error) {
    for (int c = 0; c < plan->n_calls; c++) timings[c] = (struct timing){.position = c};
    CUPEL_TRY(cupel_run(plan, error));
    for (int r = 0; r < runs; r++) {
        for (int c = 0; c < plan->n_calls; c++) {
            double start = clock_now();
            CUPEL_TRY(run_call(plan, c, error));
            timings[c].seconds += (clock_now() - start) / runs;
        }
    }
    return CUPEL_OK;
}

enum cupel_status cupel_plan_profile(struct cupel_plan *plan, int runs, FILE *file,
                                     struct cupel_error *error) {
    if (runs < 1) return cupel_fail(error, CUPEL_INVALID, "%d runs cannot be timed; use at least 1", runs);
    struct timing *timings = calloc((size_t)plan->n_calls + 1, sizeof *timings);
    if (!timings) return cupel_fail(error, CUPEL_NOMEM, "no memory for the profile");
    enum cupel_status status = time_calls(plan, runs, timings, error);
    double total = 0;
    for (int c = 0; c < plan->n_calls; c++) total += timings[c].seconds;
    qsort(timings, (size_t)plan->n_calls, sizeof *timings, slowest_first);
    if (status == CUPEL_OK) fprintf(file, "%10s %6s %8s  %s\n", "us", "%", "GFLOP/s", "node");
    for (int c = 0; status == CUPEL_OK && c < plan->n_calls; c++) {
        const struct call *call = &plan->calls[timings[c].position];
        double seconds = timings[c].seconds > 0 ? timings[c].seconds : 1e-9;
        char shape[120];
        fprintf(file, "%10.1f %6.1f %8.2f  %s %s %s %s\n", 1e6 * seconds, 100 * seconds / total,
                ops[call->node->op].flops(call->node) / seconds / 1e9, ops[call->node->op].name,
                cupel_shape_text(&call->out[0].shape, shape, sizeof shape),
                call->node->scope ? call->node->scope : "", call->engine);
    }
    if (status == CUPEL_OK)
        fprintf(file, "%10.1f  100.0           all %d nodes\n", 1e6 * total, plan->n_calls);
    free(timings);
    return status;
}
