/* cupel check: a device beside another, node by node. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/check_ops.h"
#include "cli/common.h"

enum { WORST = 5 }; /* nodes shown though they passed */

/* ---- the table ---- */

static void print_header(void) {
    printf("%-20s %-26s %-20s %-5s %-10s %9s %9s %9s %9s  %s\n", "op", "layer", "shape", "dtype", "engine",
           "error", "max abs", "max ulp", "tolerance", "verdict");
}

static void print_item(const struct cupel_check_item *item) {
    char shape[120], index[120];
    const struct cupel_shape at = {
        item->shape.rank,
        {item->index[0], item->index[1], item->index[2], item->index[3], item->index[4], item->index[5]}};
    printf("%-20s %-26s %-20s %-5s %-10s %9.2e %9.2e %9.3g %9.2e  %s\n", item->op, item->layer,
           cupel_shape_text(&item->shape, shape, sizeof shape), cupel_dtype_text(item->dtype), item->engine,
           item->error, item->worst, item->ulp, item->tolerance, cupel_check_verdict_text(item->verdict));
    if (item->verdict != CUPEL_CHECK_PASSED && item->worst > 0)
        printf("    output %d at %s: %.9g, not %.9g; %s\n", item->output,
               cupel_shape_text(&at, index, sizeof index), item->got, item->expected, item->place);
    if (*item->note) printf("    %s\n", item->note);
    if (*item->saved) printf("    saved as %s\n", item->saved);
}

/* How close to the tolerance a node comes; one that did not pass comes first. */
static double badness(const struct cupel_check_item *item) {
    return item->verdict == CUPEL_CHECK_PASSED ? item->error / item->tolerance : INFINITY;
}

/* The error that the WORST-th worst of the nodes that passed has; 0 where few are anything but equal. */
static double threshold(const struct cupel_check *check) {
    double worst[WORST] = {0};
    for (int i = 0; i < check->count; i++) {
        double bad = badness(&check->items[i]);
        for (int w = 0; w < WORST && isfinite(bad); w++) {
            if (bad <= worst[w]) continue;
            const double less = worst[w];
            worst[w] = bad;
            bad = less;
        }
    }
    return worst[WORST - 1];
}

static void print_items(const struct cupel_check *check, bool all) {
    const double least = threshold(check);
    int shown = 0;
    for (int i = 0; i < check->count; i++) {
        const double bad = badness(&check->items[i]);
        if (!all && !(bad > 0 && bad >= least)) continue;
        if (!shown++) print_header();
        print_item(&check->items[i]);
    }
    if (shown) putchar('\n');
    printf("%d checked: %d passed, %d ill-conditioned, %d failed", check->count,
           check->count - check->failed - check->ill, check->ill, check->failed);
    if (check->skipped) printf("; %d left out by the filter", check->skipped);
    if (shown < check->count) printf("; %s shown, --verbose shows all", shown ? "the worst are" : "none is");
    putchar('\n');
}

/* ---- steps ---- */

static void print_points(const struct cupel_check *check, bool all) {
    if (!check->point_count) return;
    const int64_t last = check->points[check->point_count - 1].step;
    printf("\nSteps of both devices on their own:\n%4s %-36s %16s %16s %9s  %s\n", "step", "number",
           check->device, check->against, "error", "most of it in");
    for (int i = 0; i < check->point_count; i++) {
        const struct cupel_check_point *point = &check->points[i];
        const bool loss = !strstr(point->name, " of ");
        if (all || loss || point->step == 1 || point->step == last)
            printf("%4" PRId64 " %-36s %16.9g %16.9g %9.2e  %s\n", point->step, point->name, point->got,
                   point->expected, point->error, point->error > 0 ? point->worst : "");
    }
    if (check->first_beyond)
        printf("beyond %.2g from step %" PRId64 " on: small differences grow, that alone is no failure\n",
               check->step_tolerance, check->first_beyond);
    else
        printf("all within %.2g\n", check->step_tolerance);
}

/* The first bad node, on the last line. */
static void print_verdict(const struct cupel_check *check) {
    const struct cupel_check_item *first = NULL;
    for (int i = check->count - 1; i >= 0; i--)
        if (check->items[i].verdict == CUPEL_CHECK_FAILED) first = &check->items[i];
    putchar('\n');
    if (*check->steps_note) printf("FAILED: %s\n", check->steps_note);
    if (first)
        printf("FAILED: %s of %s%s%s on %s (engine %s)%s%s\n", first->op, first->layer,
               strcmp(first->place, "-") != 0 ? " at " : "",
               strcmp(first->place, "-") != 0 ? first->place : "", check->device, first->engine,
               *first->note ? ": " : "", first->note);
    else if (!*check->steps_note)
        printf("%s agrees with %s\n", check->device, check->against);
}

static enum cupel_status save(const struct cupel_check *check, const struct arguments *arguments,
                              struct cupel_error *error) {
    if (arguments->json) CUPEL_TRY(cupel_check_save_json(check, arguments->json, error));
    if (arguments->junit) CUPEL_TRY(cupel_check_save_junit(check, arguments->junit, error));
    return CUPEL_OK;
}

/* ---- the command ---- */

/* A line that is written over, on a terminal. */
static void show_progress(void *context, int done, int all) {
    (void)context;
    fprintf(stderr, "\r%d of %d%s", done, all, done == all ? "\r\033[K" : "");
}

static enum cupel_status read_tolerance(const struct arguments *arguments, double *tolerance,
                                        struct cupel_error *error) {
    char *end = NULL;
    if (!arguments->tolerance) return CUPEL_OK;
    errno = 0;
    *tolerance = strtod(arguments->tolerance, &end);
    if (!*end && !errno && *tolerance > 0 && *tolerance < 1e30) return CUPEL_OK;
    return cupel_fail(error, CUPEL_INVALID, "--tolerance: '%.80s' is no number above 0, such as 1e-4",
                      arguments->tolerance);
}

static enum cupel_status run(const struct arguments *arguments, const struct cupel_check_options *options,
                             struct cupel_check *check, struct cupel_error *error) {
    struct cupel_model *model;
    if (arguments->repro) return cupel_check_repro(arguments->repro, options, check, error);
    if (!strcmp(arguments->model, "ops")) return check_ops(options, check, error);
    CUPEL_TRY(model_open(arguments, &model, error));
    const enum cupel_status status = cupel_check_model(model, options, check, error);
    cupel_model_free(model);
    return status;
}

int command_check(const struct arguments *arguments) {
    struct cupel_check check = {0};
    struct cupel_error error = {0};
    struct cupel_check_options options = {.run = run_options(arguments),
                                          .against = arguments->against,
                                          .weights = arguments->weights,
                                          .batch = arguments->batch_file,
                                          .filter = arguments->filter,
                                          .steps = arguments->steps,
                                          .repeat = (int)arguments->repeat,
                                          .save = arguments->save_repro};
    options.run.batch = 0; /* here the flag names the file, whose images are the batch */
    if (isatty(STDERR_FILENO)) options.progress = show_progress;
    if (read_tolerance(arguments, &options.tolerance, &error) || run(arguments, &options, &check, &error))
        return complain_error(&error);
    printf("%s in %s on %s against %s: %s\n\n", check.title, check.precision, check.device, check.against,
           check.inputs);
    print_items(&check, arguments->verbose);
    print_points(&check, arguments->verbose);
    const enum cupel_status status = save(&check, arguments, &error);
    print_verdict(&check);
    const bool failed = cupel_check_has_failed(&check);
    cupel_check_free(&check);
    return status ? complain_error(&error) : failed ? EXIT_RUN_FAILED : EXIT_DONE;
}
