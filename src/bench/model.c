/* A model's training step, as a whole and node by node. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/trace.h"
#include "check/check.h"

enum { PASSES = 5, WARM_UPS = 3, MOST_STEPS = 1000 };
static const double usual_seconds = 5;

struct stepping {
    const struct cupel_bench_options *options;
    struct cupel_bench *bench;
    struct cupel_plan *plan;
    enum cupel_bench_part *parts; /* by place of a node in the plan's graph */
    struct series step, *nodes;   /* by call */
    double seconds;               /* of half a pass */
    struct trace trace;           /* of the fastest run, node by node */
};

static enum cupel_status run_step(void *context, struct cupel_error *error) {
    return cupel_run(context, error);
}

static enum cupel_status run_node(void *context, struct cupel_error *error) {
    return call_run(context, error);
}

/* ---- ranges for profilers ---- */

static void range_begin(const struct cupel_plan *plan, const char *name) {
    if (plan->device->backend->range_begin) plan->device->backend->range_begin(name);
}

static void range_end(const struct cupel_plan *plan) {
    if (plan->device->backend->range_end) plan->device->backend->range_end();
}

static enum cupel_status time_node(struct stepping *stepping, int position, double *seconds, double *use,
                                   struct cupel_error *error) {
    struct cupel_plan *plan = stepping->plan;
    struct call *call = &plan->calls[position];
    char name[160] = "";
    if (plan->device->backend->range_begin) /* else nobody reads it */
        row_name(call->node, call->node->scope ? call->node->scope : "-", stepping->parts[call->node->id],
                 name, sizeof name);
    range_begin(plan, name);
    const enum cupel_status status = device_time(plan->device, run_node, call, seconds, use, error);
    range_end(plan);
    return status;
}

/* ---- passes ---- */

static enum cupel_status pass_steps(struct stepping *stepping, struct cupel_error *error) {
    const double start = clock_now();
    struct cupel_plan *plan = stepping->plan;
    for (int i = 0; i < MOST_STEPS; i++) {
        double took;
        double use;
        range_begin(plan, "step");
        const enum cupel_status status = device_time(plan->device, run_step, plan, &took, &use, error);
        range_end(plan);
        CUPEL_TRY(status);
        CUPEL_TRY(series_add(&stepping->step, took, use, error));
        if (clock_now() - start > stepping->seconds || series_settled(&stepping->step)) break;
    }
    series_end(&stepping->step);
    return plan->device->backend->synchronise(plan->device, error);
}

/* One step, node after node; neighbours of one part lie in a range of its name. */
static enum cupel_status step_nodes(struct stepping *stepping, struct trace *trace,
                                    struct cupel_error *error) {
    struct cupel_plan *plan = stepping->plan;
    const double start = clock_now();
    double elapsed = 0; /* by the device's clock, which does not tell when */
    for (int c = 0; c < plan->n_calls; c++) {
        double use;
        const double at = clock_now() - start;
        const enum cupel_bench_part part = stepping->parts[plan->calls[c].node->id];
        const bool first = c == 0 || stepping->parts[plan->calls[c - 1].node->id] != part;
        const bool last = c + 1 == plan->n_calls || stepping->parts[plan->calls[c + 1].node->id] != part;
        if (first) range_begin(plan, cupel_bench_part_text(part));
        const enum cupel_status status = time_node(stepping, c, &trace->took[c], &use, error);
        if (last || status) range_end(plan);
        CUPEL_TRY(status);
        trace->start[c] = plan->device->backend->time_begin ? elapsed : at;
        elapsed += trace->took[c];
        CUPEL_TRY(series_add(&stepping->nodes[c], trace->took[c], use, error));
    }
    trace->whole = elapsed;
    return CUPEL_OK;
}

/* Nodes where they stand. */
static enum cupel_status pass_nodes(struct stepping *stepping, struct trace *trace,
                                    struct cupel_error *error) {
    const double start = clock_now();
    struct trace *best = &stepping->trace;
    for (int i = 0; i < MOST_STEPS; i++) {
        CUPEL_TRY(step_nodes(stepping, trace, error));
        if (!(best->whole > 0) || trace->whole < best->whole)
            trace_copy(trace, best, stepping->plan->n_calls);
        if (clock_now() - start > stepping->seconds) break;
    }
    for (int c = 0; c < stepping->plan->n_calls; c++) series_end(&stepping->nodes[c]);
    return CUPEL_OK;
}

/* What launching a kernel by itself takes is not part of it where steps are recorded: nodes are timed as recordings there, but
 * for those that move a counter, which must not run ahead of the data. */
static enum cupel_status pass_recorded(struct stepping *stepping, struct cupel_error *error) {
    struct cupel_plan *plan = stepping->plan;
    for (int c = 0; c < plan->n_calls; c++) {
        struct timer timer;
        if (plan->calls[c].node->op == OP_advance) continue;
        series_free(&stepping->nodes[c]);
        CUPEL_TRY(timer_open(&plan->calls[c], NULL, &timer, error));
        const enum cupel_status status =
            timer_hot(&timer, stepping->seconds / plan->n_calls, &stepping->nodes[c], error);
        timer_close(&timer);
        CUPEL_TRY(status);
        stepping->trace.took[c] = series_summary(&stepping->nodes[c]).median;
    }
    return CUPEL_OK;
}

static enum cupel_status take_passes(struct stepping *stepping, struct trace *trace,
                                     struct cupel_error *error) {
    const struct cupel_bench_options *options = stepping->options;
    for (int i = 0; i < WARM_UPS; i++) CUPEL_TRY(cupel_run(stepping->plan, error));
    for (int p = 0; p < PASSES; p++) {
        if (options->progress) options->progress(options->context, stepping->bench->title, p, PASSES);
        CUPEL_TRY(pass_steps(stepping, error));
        CUPEL_TRY(pass_nodes(stepping, trace, error));
    }
    return stepping->plan->device->backend->replay ? pass_recorded(stepping, error) : CUPEL_OK;
}

/* ---- what it says ---- */

static enum cupel_status add_rows(struct stepping *stepping, struct cupel_error *error) {
    const struct cupel_plan *plan = stepping->plan;
    struct cupel_bench *bench = stepping->bench;
    regex_t filter;
    CUPEL_TRY(filter_compile(stepping->options->filter, &filter, error));
    double sum = 0;
    enum cupel_status status = CUPEL_OK;
    for (int c = 0; c < plan->n_calls && status == CUPEL_OK; c++) {
        const struct node *node = plan->calls[c].node;
        struct cupel_bench_row row;
        row_describe(&plan->calls[c], node->scope ? node->scope : "-", stepping->parts[node->id], &row);
        row.hot = series_summary(&stepping->nodes[c]);
        bench->parts[row.part] += row.hot.median;
        sum += row.hot.median;
        row_rate(bench, &row);
        row_number(bench, &row);
        const bool matches = !stepping->options->filter || !regexec(&filter, row.name, 0, NULL, 0) ||
                             !regexec(&filter, row.op, 0, NULL, 0);
        bench->skipped += !matches;
        if (matches) status = bench_add(bench, &row, error);
    }
    if (stepping->options->filter) regfree(&filter);
    bench->gaps = bench->step.median > sum ? bench->step.median - sum : 0;
    return status;
}

static enum cupel_status measure(struct stepping *stepping, const char *trace, struct cupel_error *error) {
    const struct cupel_plan *plan = stepping->plan;
    struct trace spare = {0};
    stepping->nodes = calloc((size_t)plan->n_calls + 1, sizeof *stepping->nodes);
    stepping->parts = plan_parts(plan);
    enum cupel_status status = CUPEL_OK;
    if (!stepping->nodes || !stepping->parts || !trace_open(&spare, plan->n_calls) ||
        !trace_open(&stepping->trace, plan->n_calls))
        status = cupel_fail(error, CUPEL_NOMEM, "no memory for the times of %d nodes", plan->n_calls);
    if (status == CUPEL_OK) status = take_passes(stepping, &spare, error);
    stepping->bench->step = series_summary(&stepping->step);
    if (status == CUPEL_OK) status = add_rows(stepping, error);
    if (status == CUPEL_OK && trace)
        status = trace_write(&stepping->trace, plan, stepping->parts, trace, error);
    for (int c = 0; stepping->nodes && c < plan->n_calls; c++) series_free(&stepping->nodes[c]);
    free(stepping->nodes);
    free(stepping->parts);
    series_free(&stepping->step);
    trace_close(&spare);
    trace_close(&stepping->trace);
    return status;
}

/* The rates of the header, on a device of their own. */
static enum cupel_status measure_rates(const struct cupel_bench_options *options, struct cupel_bench *bench,
                                       struct cupel_error *error) {
    struct cupel_bench rates = {0};
    const struct cupel_bench_options own = {.run = options->run, .seconds = options->seconds / 10};
    const enum cupel_status status = bench_subjects(NULL, 0, &own, PASSES, false, &rates, error);
    bench->copy_rate = rates.copy_rate;
    bench->product_rate = rates.product_rate;
    bench->launch = rates.launch;
    cupel_bench_free(&rates);
    return status;
}

enum cupel_status cupel_bench_step(const struct cupel_model *model, const struct cupel_bench_options *options,
                                   const char *trace, struct cupel_bench *bench, struct cupel_error *error) {
    const double seconds = options->seconds > 0 ? options->seconds : usual_seconds;
    struct cupel_rehearsal rehearsal;
    *bench = (struct cupel_bench){0};
    CUPEL_TRY(cupel_rehearse(model, &options->run, true, &rehearsal, error));
    struct stepping stepping = {
        .options = options, .bench = bench, .plan = rehearsal.plan, .seconds = seconds / (2 * PASSES)};
    bench_describe(bench, cupel_model_name(model), rehearsal.device, rehearsal.plan->options.precision);
    bench->batch = options->run.batch ? options->run.batch : cupel_model_train(model)->batch;
    enum cupel_status status = measure_rates(options, bench, error);
    if (status == CUPEL_OK) status = measure(&stepping, trace, error);
    if (bench->step.median > 0) bench->images_per_second = (double)bench->batch / bench->step.median;
    cupel_rehearsal_free(&rehearsal);
    if (status) cupel_bench_free(bench);
    return status;
}
