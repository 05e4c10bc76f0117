/* Times many subjects: in several passes through all of them, so that what disturbs the machine for some seconds hits each
 * of them once. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/bench.h"
#include "check/check.h"

const double bench_seconds = 0.25;

/* A row and its samples. */
struct timed {
    int subject, call, row; /* call: which of the subject's that are timed */
    struct series hot, cold;
};

struct work {
    const struct subject *subjects; /* the roofs first */
    int count;
    const struct cupel_bench_options *options;
    struct cupel_bench *bench;
    struct cupel_device *device;
    struct cupel_plan_options plan;
    struct rooms rooms;
    double seconds; /* of one pass of one row */
    regex_t filter;
    bool has_filter, verify;
    bool *left_out; /* by subject */
    struct timed *timed;
    int n_timed, room;
    unsigned turns; /* subjects timed so far */
};

/* ---- which ---- */

static bool matches(const struct work *work, const char *text) {
    return !work->has_filter || regexec(&work->filter, text, 0, NULL, 0) == 0;
}

struct search {
    const struct work *work;
    bool found;
};

static void match_node(void *context, const struct subject *subject, const struct node *node) {
    struct search *search = context;
    char name[200];
    row_name(node, subject->name, node_part(node), name, sizeof name);
    search->found = search->found || matches(search->work, name) || matches(search->work, ops[node->op].name);
}

/* Bytes that the subject may take. */
static double room_of(const struct work *work) {
    const size_t room = cupel_device_room(work->device);
    if (room != SIZE_MAX) return (double)room / 2;
    const long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    return pages > 0 && size > 0 ? (double)pages * (double)size / 2 : INFINITY;
}

static int64_t batch_of(const struct work *work, int subject) {
    if (subject < ROOFS) return roof_size(subject, work->device);
    if (work->options->run.batch) return work->options->run.batch;
    return strcmp(work->device->backend->name, "cpu") == 0 ? 4 : 64;
}

static enum cupel_status add_failed(struct work *work, const struct subject *subject, const char *note,
                                    struct cupel_error *error) {
    struct cupel_bench_row row = {0};
    snprintf(row.name, sizeof row.name, "%s", subject->name);
    snprintf(row.op, sizeof row.op, "%s", subject->op != OP_COUNT ? ops[subject->op].name : "-");
    snprintf(row.note, sizeof row.note, "%s", note);
    work->bench->failed++;
    return bench_add(work->bench, &row, error);
}

/* Decides on the subject, once: it is left out or its results are right. */
static enum cupel_status admit(struct work *work, int index, char *verified, size_t size,
                               struct cupel_error *error) {
    const struct subject *subject = &work->subjects[index];
    const char *device = work->device->backend->name;
    const bool slow = strcmp(device, "reference") == 0 || strcmp(device, "emu") == 0;
    struct cupel_error own = {0};
    *verified = 0;
    work->left_out[index] = true;
    if (index < ROOFS) {
        work->left_out[index] = false;
        return CUPEL_OK;
    }
    work->bench->skipped++;
    const bool half = work->plan.precision >= CUPEL_PRECISION_BF16;
    if ((subject->sized && slow) || (half && subject->half < 0)) return CUPEL_OK;
    struct search search = {.work = work};
    struct subject_survey survey = {.visit = match_node, .context = &search};
    CUPEL_TRY(subject_survey(subject, batch_of(work, index), 0, &survey, error));
    if (!search.found || 16 * survey.elements > room_of(work)) return CUPEL_OK; /* it and its copies */
    work->bench->skipped--;
    const enum cupel_status status =
        work->verify ? subject_verify(subject, work->device, &work->plan, verified, size, &own) : CUPEL_OK;
    if (status == CUPEL_NOMEM || status == CUPEL_DEVICE)
        return cupel_fail(error, status, "%s: %s", subject->name, own.message);
    if (status) return add_failed(work, subject, own.message, error);
    work->left_out[index] = false;
    return CUPEL_OK;
}

/* ---- a pass ---- */

static struct timed *find_timed(struct work *work, int subject, int call) {
    for (int i = work->n_timed - 1; i >= 0; i--)
        if (work->timed[i].subject == subject && work->timed[i].call == call) return &work->timed[i];
    return NULL;
}

static enum cupel_status add_timed(struct work *work, int subject, int number, const struct call *call,
                                   const char *verified, struct cupel_error *error) {
    struct cupel_bench_row row;
    row_describe(call, work->subjects[subject].name, node_part(call->node), &row);
    if (subject >= ROOFS && !matches(work, row.name) && !matches(work, row.op)) return CUPEL_OK;
    row_number(work->bench, &row);
    snprintf(row.verified, sizeof row.verified, "%s", verified);
    if (work->n_timed == work->room) {
        const int room = work->room ? 2 * work->room : 64;
        struct timed *timed = realloc(work->timed, (size_t)room * sizeof *timed);
        if (!timed) return cupel_fail(error, CUPEL_NOMEM, "no memory for %d rows", room);
        work->timed = timed;
        work->room = room;
    }
    CUPEL_TRY(bench_add(work->bench, &row, error));
    work->timed[work->n_timed++] =
        (struct timed){.subject = subject, .call = number, .row = work->bench->count - 1};
    return CUPEL_OK;
}

static enum cupel_status time_call(struct work *work, struct timed *timed, struct call *call,
                                   struct cupel_error *error) {
    struct timer timer;
    CUPEL_TRY(timer_open(call, &work->rooms, &timer, error));
    enum cupel_status status = timer_hot(&timer, work->seconds / 2, &timed->hot, error);
    if (status == CUPEL_OK) status = timer_cold(&timer, work->seconds / 2, &timed->cold, error);
    timer_close(&timer);
    return status;
}

static bool is_timed(const struct subject *subject, const struct cupel_plan *plan, const struct call *call) {
    bool has = false;
    const bool moves = call->node->op == OP_relayout || call->node->op == OP_cast;
    if (moves && call->node->op != subject->op) return false; /* models have them at their ends, if at all */
    for (int c = 0; c < plan->n_calls; c++) has = has || plan->calls[c].node->op == subject->op;
    return !has || call->node->op == subject->op;
}

static enum cupel_status time_subject(struct work *work, int index, bool first, const char *verified,
                                      struct cupel_error *error) {
    const struct subject *subject = &work->subjects[index];
    struct rig rig;
    void *aside = malloc((size_t)(work->turns++ * 1117 % 4096) + 1); /* in no two passes does it lie alike */
    enum cupel_status status =
        rig_open(subject, work->device, &work->plan, batch_of(work, index), 0, &rig, error);
    if (status == CUPEL_OK) status = rig_run(subject, &rig, error);
    for (int c = 0; status == CUPEL_OK && c < rig.plan->n_calls; c++) {
        struct call *call = &rig.plan->calls[c];
        if (!is_timed(subject, rig.plan, call)) continue;
        if (first) status = add_timed(work, index, c, call, verified, error);
        struct timed *timed = find_timed(work, index, c);
        if (timed && status == CUPEL_OK) status = time_call(work, timed, call, error);
    }
    rig_close(&rig);
    free(aside);
    return status;
}

static enum cupel_status pass(struct work *work, int number, int all, struct cupel_error *error) {
    for (int s = 0; s < work->count; s++) {
        const struct cupel_bench_options *options = work->options;
        char verified[120] = "";
        if (options->progress)
            options->progress(options->context, work->subjects[s].name, number * work->count + s,
                              all * work->count);
        if (number == 0) CUPEL_TRY(admit(work, s, verified, sizeof verified, error));
        if (work->left_out[s]) continue;
        struct cupel_error own = {0};
        const enum cupel_status status = time_subject(work, s, number == 0, verified, &own);
        if (status == CUPEL_OK) continue;
        work->left_out[s] = true;
        if (s < ROOFS || status == CUPEL_NOMEM || status == CUPEL_DEVICE)
            return cupel_fail(error, status, "%s: %s", work->subjects[s].name, own.message);
        CUPEL_TRY(add_failed(work, &work->subjects[s], own.message, error));
    }
    return CUPEL_OK;
}

/* ---- the whole ---- */

static void summarise(struct work *work) {
    struct cupel_bench *bench = work->bench;
    for (int i = 0; i < work->n_timed; i++) {
        struct cupel_bench_row *row = &bench->rows[work->timed[i].row];
        row->hot = series_summary(&work->timed[i].hot);
        row->cold = series_summary(&work->timed[i].cold);
    }
    for (int i = 0; i < work->n_timed && work->timed[i].subject < ROOFS; i++) {
        const struct cupel_bench_row *row = &bench->rows[work->timed[i].row];
        if (work->timed[i].subject == ROOF_COPY) bench->copy_rate = row->bytes / row->cold.best;
        if (work->timed[i].subject == ROOF_PRODUCT) bench->product_rate = row->flops / row->hot.best;
        if (work->timed[i].subject == ROOF_LAUNCH) bench->launch = row->hot.quarter;
    }
    for (int i = 0; i < bench->count; i++) row_rate(bench, &bench->rows[i]);
}

static enum cupel_status measure(struct work *work, int passes, struct cupel_error *error) {
    CUPEL_TRY(filter_compile(work->options->filter, &work->filter, error));
    work->has_filter = work->options->filter;
    for (int p = 0; p < passes; p++) {
        CUPEL_TRY(pass(work, p, passes, error));
        if (work->has_filter && work->bench->count == ROOFS)
            return cupel_fail(error, CUPEL_INVALID, "the filter '%.80s' matches nothing",
                              work->options->filter);
    }
    summarise(work);
    return CUPEL_OK;
}

static enum cupel_status open_work(struct work *work, const struct subject *subjects, int count,
                                   struct cupel_error *error) {
    const struct cupel_run_options *run = &work->options->run;
    struct subject *all = malloc(((size_t)count + ROOFS) * sizeof *all);
    work->left_out = calloc((size_t)count + ROOFS, sizeof *work->left_out);
    work->subjects = all;
    if (!all || !work->left_out) return cupel_fail(error, CUPEL_NOMEM, "no memory for %d subjects", count);
    for (int r = 0; r < ROOFS; r++) all[r] = roof_subject(r);
    if (count) memcpy(all + ROOFS, subjects, (size_t)count * sizeof *all);
    CUPEL_TRY(cupel_device_open(run->device ? run->device : "auto", run->threads, &work->device, error));
    CUPEL_TRY(bench_precision(work->options, work->device, &work->plan.precision, error));
    for (int s = 0; s < work->count; s++) all[s].coarse = work->plan.precision >= CUPEL_PRECISION_BF16;
    work->plan.everywhere = true; /* what is benchmarked is the kernel of that type */
    work->plan.deterministic = run->deterministic;
    CUPEL_TRY(rooms_open(work->device, &work->rooms, error));
    bench_describe(work->bench, "ops", work->device, work->plan.precision);
    return CUPEL_OK;
}

enum cupel_status bench_precision(const struct cupel_bench_options *options,
                                  const struct cupel_device *device, enum cupel_precision *precision,
                                  struct cupel_error *error) {
    *precision = cupel_device_precision(device);
    if (options->run.precision) CUPEL_TRY(cupel_precision_read(options->run.precision, precision, error));
    return device_check_precision(device, *precision, error);
}

enum cupel_status bench_subjects(const struct subject *subjects, int count,
                                 const struct cupel_bench_options *options, int passes, bool verify,
                                 struct cupel_bench *bench, struct cupel_error *error) {
    const double seconds = options->seconds > 0 ? options->seconds : bench_seconds;
    struct work work = {.count = ROOFS + count,
                        .options = options,
                        .bench = bench,
                        .seconds = seconds / passes,
                        .verify = verify,
                        .turns = (unsigned)getpid()};
    enum cupel_status status = open_work(&work, subjects, count, error);
    if (status == CUPEL_OK) status = measure(&work, passes, error);
    for (int i = 0; i < work.n_timed; i++) {
        series_free(&work.timed[i].hot);
        series_free(&work.timed[i].cold);
    }
    if (work.has_filter) regfree(&work.filter);
    free(work.timed);
    free(work.left_out);
    free((void *)work.subjects);
    rooms_close(&work.rooms);
    cupel_device_close(work.device);
    return status;
}
