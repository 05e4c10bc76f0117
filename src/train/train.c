/* Preparing a training run: data, plans, initial values, the directory of outputs. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/file.h"
#include "train/culprit.h"
#include "train/feed.h"
#include "train/gan.h"
#include "train/loop.h"

/* ---- how long the run is ---- */

static enum cupel_status check_options(const struct cupel_train_options *options, struct cupel_error *error) {
    const struct {
        const char *name;
        int64_t value;
    } counts[] = {
        {"epochs", options->epochs},
        {"steps", options->steps},
        {"steps between checkpoints", options->checkpoint_steps},
        {"steps between lines", options->log_steps},
        {"steps between samples", options->sample_steps},
    };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        if (counts[i].value < 0 || counts[i].value > INT32_MAX)
            return cupel_fail(error, CUPEL_INVALID, "%" PRId64 " %s are not possible; use 1 to %d",
                              counts[i].value, counts[i].name, INT32_MAX);
    if (options->resume && !options->out)
        return cupel_fail(error, CUPEL_INVALID, "to resume, name the directory of the run with --out");
    if (options->resume && options->init)
        return cupel_fail(error, CUPEL_INVALID,
                          "--resume goes on with the run's own weights; leave out --init, or start without "
                          "--resume");
    if (options->init_skip_count && !options->init)
        return cupel_fail(
            error, CUPEL_INVALID,
            "--init-skip chooses among the tensors of a file; name that by --init, or leave it out");
    return CUPEL_OK;
}

static enum cupel_status plan_length(struct loop *loop, struct cupel_error *error) {
    struct cupel_train_settings *train = &loop->setup.train;
    int64_t count = loop->division.train_count, batch = setup_step_images(&loop->setup);
    if (loop->options->epochs) train->epochs = loop->options->epochs;
    if (loop->options->steps) train->steps = loop->options->steps;
    if (count < batch && train->drop_last)
        return cupel_fail(error, CUPEL_INVALID,
                          "%s: a batch of %" PRId64 " cannot be filled from %" PRId64
                          " training images; use a "
                          "smaller batch, or `drop_last: false`",
                          loop->setup.spec.path, batch, count);
    int64_t epoch_steps = train->drop_last ? count / batch : (count + batch - 1) / batch;
    loop->steps = train->epochs ? train->epochs * epoch_steps : INT64_MAX;
    if (train->steps && train->steps < loop->steps) loop->steps = train->steps;
    loop->epochs = (loop->steps + epoch_steps - 1) / epoch_steps;
    loop->epoch_steps = epoch_steps;
    loop->step_images = batch;
    for (int i = 0; i < loop->setup.learner_count; i++)
        loop->schedules[i] = (struct schedule){
            .settings = loop->setup.learners[i].schedule,
            .rate = loop->setup.learners[i].optimizer->rate,
            .warmup = train->warmup,
            .epoch_steps = epoch_steps,
            .total = loop->steps,
        };
    return CUPEL_OK;
}

/* ---- plans and data ---- */

static enum cupel_status compile(struct loop *loop, struct cupel_error *error) {
    struct setup *setup = &loop->setup;
    const struct program *program = loop->program;
    int64_t count = loop->division.train_count, batch = setup->train.batch;
    int64_t epoch_steps = loop->epoch_steps, rest = count % batch;
    bool average = setup->train.ema > 0;
    struct samples held = split_validation(&loop->division), test = split_test(loop->dataset.test.count);
    loop->train = split_train(&loop->division);
    if (!program->evaluates && !gan_takes_labels(setup)) loop->train.labels = NULL;
    CUPEL_TRY(split_place(setup, "training", &loop->dataset.train, &loop->train, error));
    if (program->evaluates) CUPEL_TRY(split_place(setup, "test", &loop->dataset.test, &test, error));
    held.from = loop->train.from;
    if (count >= batch)
        CUPEL_TRY(program->compile(setup, &loop->train, batch, epoch_steps, &loop->full, error));
    if (rest && !setup->train.drop_last)
        CUPEL_TRY(program->compile(setup, &loop->train, rest, epoch_steps, &loop->rest, error));
    if (!program->evaluates) return CUPEL_OK;
    if (held.count) CUPEL_TRY(evaluator_open(setup, &held, average, &loop->validation, error));
    return evaluator_open(setup, &test, average, &loop->test, error);
}

/* What evaluations look at. */
static enum cupel_status upload_held(struct loop *loop, struct cupel_error *error) {
    struct setup *setup = &loop->setup;
    CUPEL_TRY(split_upload(setup, &loop->test.samples, &loop->dataset.test, error));
    CUPEL_TRY(split_order(setup, &loop->test.samples, NULL, 0, error));
    if (!loop->division.validation_count) return CUPEL_OK;
    loop->validation.order = loop->division.validation;
    return split_order(setup, &loop->validation.samples, loop->division.validation, 0, error);
}

static enum cupel_status upload(struct loop *loop, struct cupel_error *error) {
    struct setup *setup = &loop->setup;
    struct cupel_dataset *dataset = &loop->dataset;
    int64_t epoch_steps = loop->epoch_steps;
    CUPEL_TRY(split_upload(setup, &loop->train, &dataset->train, error));
    if (loop->program->evaluates) CUPEL_TRY(upload_held(loop, error));
    loop->order = malloc((size_t)loop->division.train_count * sizeof *loop->order);
    loop->table = malloc((size_t)epoch_steps * sizeof *loop->table);
    int32_t *places = malloc((size_t)epoch_steps * sizeof *places);
    if (!loop->order || !loop->table || !places) {
        free(places);
        return cupel_fail(error, CUPEL_NOMEM, "no memory for the order of %" PRId64 " images",
                          loop->division.train_count);
    }
    for (int64_t i = 0; i < epoch_steps; i++) places[i] = (int32_t)i;
    enum cupel_status status =
        cupel_store_write(setup->store, SCHEDULE_ORDER, places, (size_t)epoch_steps * sizeof *places, error);
    free(places);
    return status;
}

/* ---- where the run starts ---- */

/* Averages start as the parameters. */
static enum cupel_status start_averages(struct setup *setup, struct cupel_error *error) {
    for (int i = 0; i < setup->learner_count; i++) {
        const struct learner *learner = &setup->learners[i];
        char name[NAME_ROOM];
        size_t bytes = (size_t)cupel_network_range(learner->network) * sizeof(float);
        if (learner->ema == 0) continue;
        float *range = malloc(bytes);
        if (!range) return cupel_fail(error, CUPEL_NOMEM, "no memory for the averaged weights");
        enum cupel_status status =
            cupel_store_read(setup->store, cupel_network_name(learner->network), range, bytes, error);
        if (status == CUPEL_OK)
            status =
                cupel_store_write(setup->store, range_name(learner, EMA_PREFIX, name), range, bytes, error);
        free(range);
        if (status) return status;
    }
    return CUPEL_OK;
}

static enum cupel_status resume(struct loop *loop, struct cupel_error *error) {
    bool changed = false;
    struct checkpoint *state = &loop->state;
    CUPEL_TRY(checkpoint_load(&loop->setup, state, loop->options->out, &changed, error));
    int64_t epoch_steps = loop->epoch_steps;
    if (state->cursor != state->step % epoch_steps * loop->step_images)
        return cupel_fail(error, CUPEL_INVALID,
                          "%s/" CHECKPOINT_LAST ": step %" PRId64 " of epochs with %" PRId64
                          " steps is not at "
                          "image %" PRId64 "; resume with the same `drop_last`",
                          loop->options->out, state->step, epoch_steps, state->cursor);
    loop->saved_step = state->step;
    if (changed)
        setup_note(&loop->setup,
                   "the model file has changed since the checkpoint; going on with what it says now");
    return CUPEL_OK;
}

static unsigned journal_kinds(const struct setup *setup) {
    if (cupel_model_task(setup->model) != CUPEL_TASK_GAN) return JOURNAL_CLASSIFY;
    return JOURNAL_GAN | (setup->learner_count > CUPEL_ROLE_CODE ? JOURNAL_CODE : 0);
}

static enum cupel_status start(struct loop *loop, struct cupel_error *error) {
    const struct cupel_train_options *options = loop->options;
    double time = 0;
    if (options->init)
        CUPEL_TRY(
            load_initial(&loop->setup, options->init, options->init_skip, options->init_skip_count, error));
    CUPEL_TRY(start_averages(&loop->setup, error));
    if (options->resume) CUPEL_TRY(resume(loop, error));
    CUPEL_TRY(setup_step(&loop->setup, loop->state.step, error));
    if (options->out && !loop->repeats) {
        CUPEL_TRY(directory_make(options->out, error));
        if (!options->resume) checkpoint_begin(options->out);
        CUPEL_TRY(journal_open(options->out, loop->state.step, journal_kinds(&loop->setup), &loop->journal,
                               &time, error));
    }
    meter_start(loop, time);
    return health_start(loop, error);
}

static enum cupel_status divide(struct loop *loop, const struct cupel_dataset *dataset,
                                struct cupel_error *error) {
    int64_t held;
    CUPEL_TRY(split_held(&loop->setup, dataset->train.count, &held, error));
    CUPEL_TRY(
        division_make(dataset->train.count, held, (uint64_t)loop->setup.train.seed, &loop->division, error));
    loop->state = (struct checkpoint){
        .verdict = verdict_start(),
        .train_count = loop->division.train_count,
        .validation_count = loop->division.validation_count,
    };
    return plan_length(loop, error);
}

static enum cupel_status prepare(struct loop *loop, struct cupel_error *error) {
    CUPEL_TRY(split_open(&loop->setup, &loop->dataset, error));
    CUPEL_TRY(divide(loop, &loop->dataset, error));
    CUPEL_TRY(compile(loop, error));
    if (!loop->repeats) CUPEL_TRY(health_open(loop, error));
    CUPEL_TRY(upload(loop, error));
    return start(loop, error);
}

static const struct program programs[] = {
    [CUPEL_TASK_CLASSIFY] = {training_compile, training_point, METRICS, true},
    [CUPEL_TASK_GAN] = {gan_compile, gan_point, GAN_METRICS, false},
    [CUPEL_TASK_SEGMENT] = {training_compile, training_point, METRICS, true},
};

enum cupel_status loop_open(struct loop *loop, const struct cupel_model *model, struct cupel_error *error) {
    loop->program = &programs[cupel_model_task(model)];
    loop->saved_step = loop->tested_step = -1;
    CUPEL_TRY(setup_open(model, &loop->options->run, &loop->setup, error));
    return prepare(loop, error);
}

void loop_close(struct loop *loop) {
    journal_close(loop->journal);
    health_close(loop->health);
    evaluator_close(&loop->test);
    evaluator_close(&loop->validation);
    feed_close(&loop->setup);
    cupel_plan_free(loop->full);
    cupel_plan_free(loop->rest);
    cupel_dataset_free(&loop->dataset);
    division_free(&loop->division);
    free(loop->table);
    free(loop->order);
    setup_close(&loop->setup);
}

/* ---- a run ---- */

/* Closes the loop of a gan that has come to an infinite number or NaN, and adds to the message where it came from. */
static void explain(struct loop *loop, const struct cupel_model *model, struct cupel_error *error) {
    const struct cupel_train_options *options = loop->options;
    struct journal *journal = loop->journal;
    struct culprit culprit = {.step = loop->bad_step};
    struct cupel_warning_point point = {.epoch = epoch_of(loop, loop->bad_step),
                                        .warning = CUPEL_WARNING_NAN,
                                        .value = NAN,
                                        .time = clock_now() - loop->meter.start};
    const int64_t saved_step = loop->saved_step, bad_step = loop->bad_step;
    setup_note(&loop->setup,
               "step %" PRId64
               ": a loss or a weight is infinite or NaN; to find the first such number, the steps "
               "from %" PRId64 " on are repeated",
               bad_step, saved_step < 0 ? 1 : saved_step + 1);
    loop->journal = NULL;
    loop_close(loop); /* the device may not have room for both */
    if (culprit_find(model, options, saved_step, bad_step, &culprit) && error) {
        const size_t used = strlen(error->message);
        snprintf(error->message + used, sizeof error->message - used, "; %s", culprit.text);
    }
    point.step = culprit.step;
    memcpy(point.tensor, culprit.tensor, sizeof point.tensor);
    if (journal) journal_warning(journal, &point, NULL);
    journal_close(journal);
}

enum cupel_status cupel_train(const struct cupel_model *model, const struct cupel_train_options *options,
                              struct cupel_train_result *result, struct cupel_error *error) {
    struct loop loop = {.options = options, .result = result};
    *result = (struct cupel_train_result){0};
    CUPEL_TRY(check_options(options, error));
    enum cupel_status status = loop_open(&loop, model, error);
    if (status == CUPEL_OK) status = loop_run(&loop, error);
    const struct cupel_train_result failed = {
        .step = loop.state.step, .epoch = epoch_of(&loop, loop.state.step), .failed = true};
    const bool explains = loop.health && loop.bad_step;
    if (explains)
        explain(&loop, model, error);
    else
        loop_close(&loop);
    if (status) cupel_train_result_free(result);
    if (status == CUPEL_FAILED) *result = failed;
    return status;
}

void cupel_train_result_free(struct cupel_train_result *result) {
    cupel_evaluation_free(&result->evaluation);
    *result = (struct cupel_train_result){0};
}
