#include "train/loop.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/shuffle.h"
#include "train/feed.h"

enum { MISTAKES = 48 }; /* kept of an evaluation for the report */

/* ---- checkpoints ---- */

static enum cupel_status save(struct loop *loop, struct cupel_error *error) {
    struct checkpoint *state = &loop->state;
    int64_t epoch_steps = loop->epoch_steps;
    CUPEL_TRY(meter_line(loop, error));
    if (!loop->options->out || loop->repeats || loop->saved_step == state->step) return CUPEL_OK;
    state->cursor = state->step % epoch_steps * loop->step_images;
    const enum cupel_status status = checkpoint_save(&loop->setup, state, loop->options->out, error);
    if (status == CUPEL_FAILED) loop->bad_step = state->step + 1;
    if (status) return status;
    loop->saved_step = state->step;
    if (loop->health && health_good(loop->health))
        CUPEL_TRY(checkpoint_keep_healthy(loop->options->out, error));
    meter_skip(loop);
    return CUPEL_OK;
}

/* ---- evaluation ---- */

static enum cupel_status measure(struct loop *loop, const struct evaluator *evaluator,
                                 struct cupel_evaluation *evaluation, struct cupel_error *error) {
    const struct cupel_watcher *watcher = &loop->options->watcher;
    CUPEL_TRY(evaluator_run(&loop->setup, evaluator, MISTAKES, evaluation, error));
    struct cupel_evaluation_point point = {
        .step = loop->state.step,
        .epoch = epoch_of(loop, loop->state.step),
        .validation = evaluator == &loop->validation,
        .loss = evaluation->loss,
        .accuracy = evaluation->accuracy,
        .top5 = evaluation->top5,
        .iou = evaluation->iou,
        .time = clock_now() - loop->meter.start,
    };
    meter_skip(loop);
    if (!isfinite(point.loss))
        return cupel_fail(error, CUPEL_FAILED,
                          "step %" PRId64
                          ": the loss of the evaluation is infinite or NaN; a lower lr, a warm-up "
                          "or `clip_norm` may help",
                          point.step);
    if (loop->journal) CUPEL_TRY(journal_evaluation(loop->journal, &point, evaluation, error));
    if (watcher->evaluated) watcher->evaluated(watcher->context, &point);
    return CUPEL_OK;
}

static enum cupel_status measure_test(struct loop *loop, struct cupel_error *error) {
    if (loop->tested_step == loop->state.step) return CUPEL_OK;
    cupel_evaluation_free(&loop->result->evaluation);
    loop->tested_step = loop->state.step;
    return measure(loop, &loop->test, &loop->result->evaluation, error);
}

/* What best weights are chosen by. */
static double merit(const struct cupel_evaluation *evaluation) {
    return evaluation->class_iou ? evaluation->iou : evaluation->accuracy;
}

/* Measures the split that decides, and takes the result into account. */
static enum cupel_status judge(struct loop *loop, struct cupel_error *error) {
    struct cupel_evaluation held = {0};
    bool validates = loop->division.validation_count > 0;
    enum cupel_status status =
        validates ? measure(loop, &loop->validation, &held, error) : measure_test(loop, error);
    const struct cupel_evaluation *evaluation = validates ? &held : &loop->result->evaluation;
    bool best =
        status == CUPEL_OK && verdict_add(&loop->state.verdict, &loop->schedules[CUPEL_ROLE_CLASSIFIER],
                                          evaluation->loss, merit(evaluation));
    cupel_evaluation_free(&held);
    if (best && loop->options->out)
        status = checkpoint_save_best(&loop->setup, &loop->state, loop->options->out, error);
    return status;
}

/* ---- epochs ---- */

/* Deviation of a gan's instance noise in a step. */
static double noise_at(const struct cupel_gan_settings *gan, int64_t step) {
    const double left = gan->noise_steps > 0 ? 1 - (double)step / gan->noise_steps : 1;
    return left > 0 ? gan->noise * left : 0;
}

/* Puts the epoch's rates, and a gan's noise, into the store. */
static enum cupel_status write_tables(struct loop *loop, int64_t first, struct cupel_error *error) {
    struct setup *setup = &loop->setup;
    const int64_t steps = loop->epoch_steps;
    const size_t bytes = (size_t)steps * sizeof *loop->table;
    for (int l = 0; l < setup->learner_count; l++) {
        char name[NAME_ROOM];
        for (int64_t i = 0; i < steps; i++)
            loop->table[i] = (float)schedule_rate(&loop->schedules[l], loop->scale, first + i);
        range_name(&setup->learners[l], SCHEDULE_RATES, name);
        CUPEL_TRY(cupel_store_write(setup->store, name, loop->table, bytes, error));
    }
    if (setup->train.gan.noise == 0) return CUPEL_OK;
    for (int64_t i = 0; i < steps; i++) loop->table[i] = (float)noise_at(&setup->train.gan, first + i);
    return cupel_store_write(setup->store, SCHEDULE_NOISE, loop->table, bytes, error);
}

/* What `drop_last` leaves out is not read either. */
static enum cupel_status start_feed(const struct loop *loop, int64_t cursor, struct cupel_error *error) {
    const int64_t count = loop->division.train_count, batch = loop->step_images;
    const int64_t most = loop->epoch_steps * batch;
    return feed_start(&loop->setup, &loop->train, loop->order, cursor, count < most ? count : most, batch,
                      error);
}

/* Puts the order and the tables of the epoch under way into the store. */
static enum cupel_status begin_epoch(struct loop *loop, struct cupel_error *error) {
    double start = clock_now();
    int64_t epoch_steps = loop->epoch_steps, step = loop->state.step;
    int64_t epoch = step / epoch_steps, count = loop->division.train_count;
    philox_shuffle(loop->order, count, (uint64_t)loop->setup.train.seed, (uint64_t)epoch);
    for (int64_t i = 0; i < count; i++) loop->order[i] = loop->division.train[loop->order[i]];
    loop->scale = loop->state.verdict.scale;
    int64_t cursor = step % epoch_steps * loop->step_images;
    CUPEL_TRY(split_order(&loop->setup, &loop->train, loop->order, cursor, error));
    CUPEL_TRY(start_feed(loop, cursor, error));
    CUPEL_TRY(write_tables(loop, epoch * epoch_steps, error));
    loop->meter.waited += clock_now() - start;
    return CUPEL_OK;
}

static enum cupel_status end_epoch(struct loop *loop, struct cupel_error *error) {
    if (loop->program->evaluates) CUPEL_TRY(judge(loop, error));
    return save(loop, error);
}

static enum cupel_status step(struct loop *loop, struct cupel_error *error) {
    int64_t epoch_steps = loop->epoch_steps, batch = loop->step_images;
    int64_t place = loop->state.step % epoch_steps, left = loop->division.train_count - place * batch;
    bool whole = left >= batch;
    CUPEL_TRY(feed_next(&loop->setup, &loop->train, whole ? batch : left, &loop->meter.waited, error));
    CUPEL_TRY(cupel_run(whole ? loop->full : loop->rest, error));
    loop->state.step++;
    CUPEL_TRY(meter_step(loop, whole ? batch : left, error));
    CUPEL_TRY(health_sample(loop, error));
    if (place + 1 == epoch_steps) return end_epoch(loop, error);
    int64_t every = loop->options->checkpoint_steps;
    return every && loop->state.step % every == 0 ? save(loop, error) : CUPEL_OK;
}

static bool stop_asked(const struct loop *loop) {
    return loop->options->stop && *loop->options->stop;
}

static bool stops_early(const struct loop *loop) {
    int64_t patience = loop->setup.train.early_stopping;
    return patience && loop->state.verdict.worse >= (double)patience;
}

enum cupel_status loop_run(struct loop *loop, struct cupel_error *error) {
    struct cupel_train_result *result = loop->result;
    bool begun = false;
    while (loop->state.step < loop->steps && !stop_asked(loop) && !stops_early(loop)) {
        if (!begun || loop->state.step % loop->epoch_steps == 0) CUPEL_TRY(begin_epoch(loop, error));
        begun = true;
        CUPEL_TRY(step(loop, error));
    }
    result->step = loop->state.step;
    result->epoch = epoch_of(loop, loop->state.step);
    result->early = stops_early(loop);
    result->stopped = !result->early && loop->state.step < loop->steps;
    if (loop->state.step) CUPEL_TRY(save(loop, error));
    result->best_accuracy = loop->state.verdict.accuracy;
    if (result->stopped || !loop->program->evaluates) return CUPEL_OK;
    CUPEL_TRY(measure_test(loop, error));
    if (loop->division.validation_count == 0 && merit(&result->evaluation) > result->best_accuracy) {
        result->best_accuracy = merit(&result->evaluation);
        if (loop->options->out)
            return checkpoint_save_best(&loop->setup, &loop->state, loop->options->out, error);
    }
    return CUPEL_OK;
}
