#include "cli/check_ops.h"

#include <math.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/check.h"
#include "judge.h"
#include "plan/plan.h"
#include "ways.h"

enum { RUNS = 3 };

struct table {
    const struct cupel_check_options *options;
    struct cupel_check *check;
    const char *device, *against;
    regex_t filter;
    unsigned precisions; /* bit i: in enum cupel_precision i */
    int done, all;
};

/* ---- one case, in one way ---- */

/* Fills in the item by the output that is worst, if it is worse than what the item has. */
static void compare_output(struct trial *got, struct trial *expected, int output,
                           struct cupel_check_item *item) {
    const struct cupel_tensor *tensor = got->out[output];
    int64_t count;
    double *b = trial_read(got, output, got->out[output], &count);
    double *a = trial_read(expected, output, expected->out[output], &count);
    const struct measure m = measure_arrays(b, a, CUPEL_F64, tensor->dtype, count);
    const bool passes = measure_passes(&m, tensor->dtype, item->tolerance) && !m.missing;
    if (m.missing) snprintf(item->note, sizeof item->note, "NaN on the trusted device: not written?");
    const bool worse = (item->verdict == CUPEL_CHECK_PASSED && !passes) || m.error > item->error;
    if (item->output < 0 || worse) {
        item->output = output;
        item->dtype = tensor->dtype;
        item->shape = tensor->shape;
        item->error = m.error;
        item->worst = m.worst;
        item->ulp = m.ulp;
        item->got = m.got;
        item->expected = m.expected;
        int64_t rest = m.at < 0 ? 0 : m.at;
        for (int d = tensor->shape.rank - 1; d >= 0; d--) {
            item->index[d] = rest % tensor->shape.dim[d];
            rest /= tensor->shape.dim[d];
        }
    }
    if (!passes) item->verdict = CUPEL_CHECK_FAILED;
    free(a);
    free(b);
}

static const char *engine_of(const struct trial *trial, const char *op) {
    const struct cupel_plan *plan = trial->plan;
    const char *engine = "-";
    for (int c = 0; c < plan->n_calls; c++)
        if (strcmp(ops[plan->calls[c].node->op].name, op) == 0) engine = plan->calls[c].engine;
    return engine;
}

/* Plans that are recorded give the same bits when they are called, recorded and replayed. */
static enum cupel_status run_again(struct trial *trial, struct cupel_check_item *item,
                                   struct cupel_error *error) {
    double *first[CASE_MAX_OUT] = {NULL};
    int64_t count;
    bool same = true, done = true;
    for (int i = 0; i < trial->n_out; i++) first[i] = trial_read(trial, i, trial->out[i], &count);
    for (int run = 1; run < RUNS && same && done; run++) {
        done = trial_reset(trial) && trial_run(trial);
        for (int i = 0; i < trial->n_out && done; i++) {
            double *again = trial_read(trial, i, trial->out[i], &count);
            same = same && first[i] && memcmp(first[i], again, (size_t)count * sizeof *again) == 0;
            free(again);
        }
        if (!same) snprintf(item->note, sizeof item->note, "run %d differs from the first", run + 1);
    }
    if (!same) item->verdict = CUPEL_CHECK_FAILED;
    for (int i = 0; i < trial->n_out; i++) free(first[i]);
    return done ? CUPEL_OK : cupel_fail(error, trial->error.status, "%s", trial->error.message);
}

static enum cupel_status run_way(struct table *table, const struct way *way, struct trial *reference,
                                 struct cupel_check_item *item, struct cupel_error *error) {
    struct trial trial;
    trial_build(&trial, reference->one, table->device, CUPEL_F32);
    trial.coarse = reference->coarse;
    struct cupel_error own = {0};
    if (trial_compile(&trial, trial.out, trial.n_out, &way->options) && trial_run(&trial)) {
        snprintf(item->engine, sizeof item->engine, "%s", engine_of(&trial, item->op));
        for (int i = 0; i < trial.n_out; i++) compare_output(&trial, reference, i, item);
        if (way->again) run_again(&trial, item, &own);
    } else {
        own = trial.error;
    }
    trial_free(&trial);
    if (own.status == CUPEL_NOMEM || own.status == CUPEL_DEVICE)
        return cupel_fail(error, own.status, "%s: %s", item->layer, own.message);
    if (own.status) {
        item->verdict = CUPEL_CHECK_FAILED;
        snprintf(item->note, sizeof item->note, "%.399s", own.message);
    }
    return check_add(table->check, item, error);
}

/* ---- all of them ---- */

/* Whether the way computes in what was asked for, and can be. */
static bool is_wanted(const struct table *table, const struct way *way) {
    return table->precisions >> way->options.precision & 1;
}

static enum cupel_status run_group(struct table *table, const char *op, const struct op_case *one,
                                   enum way_group group, struct cupel_error *error) {
    int count, wanted = 0;
    const struct way *ways = ways_of(table->device, group, &count);
    const double usual = way_tolerance(one, group);
    for (int i = 0; i < count; i++) wanted += is_wanted(table, &ways[i]);
    if (!wanted || usual < 0) return CUPEL_OK;
    struct trial reference;
    const struct cupel_plan_options debug = {.debug = true};
    trial_build(&reference, one, table->against, CUPEL_F32);
    reference.coarse = way_is_coarse(group);
    enum cupel_status status = CUPEL_OK;
    if (!trial_compile(&reference, reference.out, reference.n_out, &debug) || !trial_run(&reference))
        status =
            cupel_fail(error, reference.error.status, "%s/%s: %s", op, one->name, reference.error.message);
    for (int i = 0; i < count && status == CUPEL_OK; i++) {
        if (!is_wanted(table, &ways[i]) || !way_differs(&ways[i], reference.graph)) continue;
        struct cupel_check_item item = {.output = -1, .engine = "-", .place = "-"};
        item.tolerance = table->options->tolerance > 0 ? table->options->tolerance : usual;
        snprintf(item.op, sizeof item.op, "%s", op);
        snprintf(item.layer, sizeof item.layer, "%s, %s", one->name, ways[i].what);
        status = run_way(table, &ways[i], &reference, &item, error);
    }
    trial_free(&reference);
    return status;
}

static bool is_chosen(const struct table *table, const char *op, const char *name) {
    return !table->options->filter || regexec(&table->filter, op, 0, NULL, 0) == 0 ||
           regexec(&table->filter, name, 0, NULL, 0) == 0;
}

static enum cupel_status run_op(struct table *table, const struct case_row *row, struct cupel_error *error) {
    for (const struct op_case *one = row->cases; one->name; one++) {
        if (!is_chosen(table, row->op, one->name)) {
            table->check->skipped++;
            continue;
        }
        for (int group = 0; group < WAY_GROUPS; group++)
            CUPEL_TRY(run_group(table, row->op, one, (enum way_group)group, error));
    }
    return CUPEL_OK;
}

static enum cupel_status run_table(struct table *table, struct cupel_error *error) {
    for (int op = 0; op < OP_COUNT; op++) {
        CUPEL_TRY(run_op(table, &case_rows[op], error));
        if (table->options->progress) table->options->progress(table->options->context, op + 1, OP_COUNT);
    }
    return CUPEL_OK;
}

/* Both devices must be there; their names go into the check. */
static enum cupel_status find_device(const char *name, char *known, size_t size, struct cupel_error *error) {
    struct cupel_device *device;
    CUPEL_TRY(cupel_device_open(name, 0, &device, error));
    snprintf(known, size, "%s", cupel_device_name(device));
    cupel_device_close(device);
    return CUPEL_OK;
}

/* The precision that was asked for, which the device must compute in; or all that it does compute in. */
static enum cupel_status find_precisions(struct table *table, struct cupel_error *error) {
    const char *asked = table->options->run.precision;
    enum cupel_precision only = CUPEL_PRECISION_F32;
    if (asked) CUPEL_TRY(cupel_precision_read(asked, &only, error));
    struct cupel_device *device;
    CUPEL_TRY(cupel_device_open(table->device, 0, &device, error));
    enum cupel_status status = CUPEL_OK;
    for (int p = 0; p <= CUPEL_PRECISION_F16; p++) {
        if (asked && p != (int)only) continue;
        const enum cupel_status can =
            device_check_precision(device, (enum cupel_precision)p, asked ? error : NULL);
        if (can == CUPEL_OK) table->precisions |= 1u << p;
        if (asked) status = can;
    }
    cupel_device_close(device);
    return status;
}

enum cupel_status check_ops(const struct cupel_check_options *options, struct cupel_check *check,
                            struct cupel_error *error) {
    struct table table = {.options = options, .check = check};
    table.device = options->run.device ? options->run.device : "auto";
    table.against = options->against ? options->against : "reference";
    *check = (struct cupel_check){.title = "The case table", .inputs = "random numbers"};
    CUPEL_TRY(options_check(options, error));
    CUPEL_TRY(find_device(table.device, check->device, sizeof check->device, error));
    CUPEL_TRY(find_device(table.against, check->against, sizeof check->against, error));
    if (strcmp(table.device, "auto") == 0) table.device = check->device;
    snprintf(check->precision, sizeof check->precision, "%s",
             options->run.precision ? options->run.precision : "all");
    CUPEL_TRY(find_precisions(&table, error));
    CUPEL_TRY(filter_compile(options->filter, &table.filter, error));
    struct cupel_error own = {0};
    enum cupel_status status = check_stopped(check, run_table(&table, &own), &own, error);
    if (status == CUPEL_OK) status = filter_matched(options->filter, check, error);
    if (options->filter) regfree(&table.filter);
    if (status) cupel_check_free(check);
    return status;
}
