#include "train/loop.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/shuffle.h"

enum { MISTAKES = 48 }; /* kept of an evaluation for the report */

/* ---- checkpoints ---- */

static enum cupel_status save(struct loop *loop, struct cupel_error *error) {
    struct checkpoint *state = &loop->state;
    int64_t epoch_steps = loop->schedule.epoch_steps;
    CUPEL_TRY(meter_line(loop, error));
    if (!loop->options->out || loop->saved_step == state->step) return CUPEL_OK;
    state->cursor = state->step % epoch_steps * loop->setup.train.batch;
    CUPEL_TRY(checkpoint_save(&loop->setup, state, loop->options->out, error));
    loop->saved_step = state->step;
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
        .time = meter_now() - loop->meter.start,
    };
    meter_skip(loop);
    if (!isfinite(point.loss))
        return cupel_fail(error, CUPEL_FAILED,
                          "step %" PRId64
                          ": the loss of the evaluation is infinite or NaN; a lower lr, a warm-up "
                          "or `clip_norm` may help",
                          point.step);
    if (loop->journal) CUPEL_TRY(journal_evaluation(loop->journal, &point, error));
    if (watcher->evaluated) watcher->evaluated(watcher->context, &point);
    return CUPEL_OK;
}

static enum cupel_status measure_test(struct loop *loop, struct cupel_error *error) {
    if (loop->tested_step == loop->state.step) return CUPEL_OK;
    cupel_evaluation_free(&loop->result->evaluation);
    loop->tested_step = loop->state.step;
    return measure(loop, &loop->test, &loop->result->evaluation, error);
}

/* Measures the split that decides, and takes the result into account. */
static enum cupel_status judge(struct loop *loop, struct cupel_error *error) {
    struct cupel_evaluation held = {0};
    bool validates = loop->division.validation_count > 0;
    enum cupel_status status =
        validates ? measure(loop, &loop->validation, &held, error) : measure_test(loop, error);
    const struct cupel_evaluation *evaluation = validates ? &held : &loop->result->evaluation;
    bool best = status == CUPEL_OK &&
                verdict_add(&loop->state.verdict, &loop->schedule, evaluation->loss, evaluation->accuracy);
    cupel_evaluation_free(&held);
    if (best && loop->options->out)
        status = checkpoint_save_best(&loop->setup, &loop->state, loop->options->out, error);
    return status;
}

/* ---- epochs ---- */

/* Puts the order and the rates of the epoch under way into the store. */
static enum cupel_status begin_epoch(struct loop *loop, struct cupel_error *error) {
    double start = meter_now();
    int64_t epoch_steps = loop->schedule.epoch_steps, step = loop->state.step;
    int64_t epoch = step / epoch_steps, count = loop->division.train_count;
    philox_shuffle(loop->order, count, (uint64_t)loop->setup.train.seed, (uint64_t)epoch);
    for (int64_t i = 0; i < count; i++) loop->order[i] = loop->division.train[loop->order[i]];
    loop->scale = loop->state.verdict.scale;
    for (int64_t i = 0; i < epoch_steps; i++)
        loop->rates[i] = (float)schedule_rate(&loop->schedule, loop->scale, epoch * epoch_steps + i);
    int64_t cursor = step % epoch_steps * loop->setup.train.batch;
    CUPEL_TRY(split_order(&loop->setup, &loop->train, loop->order, cursor, error));
    CUPEL_TRY(cupel_store_write(loop->setup.store, SCHEDULE_RATES, loop->rates,
                                (size_t)epoch_steps * sizeof *loop->rates, error));
    loop->meter.waited += meter_now() - start;
    return CUPEL_OK;
}

static enum cupel_status end_epoch(struct loop *loop, struct cupel_error *error) {
    CUPEL_TRY(judge(loop, error));
    return save(loop, error);
}

static enum cupel_status step(struct loop *loop, struct cupel_error *error) {
    int64_t epoch_steps = loop->schedule.epoch_steps, batch = loop->setup.train.batch;
    int64_t place = loop->state.step % epoch_steps, left = loop->division.train_count - place * batch;
    bool whole = left >= batch;
    const double start = meter_now();
    CUPEL_TRY(split_stage(&loop->setup, &loop->train, place * batch, whole ? batch : left, error));
    loop->meter.waited += loop->train.staged ? meter_now() - start : 0;
    CUPEL_TRY(cupel_run(whole ? loop->full : loop->rest, error));
    loop->state.step++;
    CUPEL_TRY(meter_step(loop, whole ? batch : left, error));
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
        if (!begun || loop->state.step % loop->schedule.epoch_steps == 0) CUPEL_TRY(begin_epoch(loop, error));
        begun = true;
        CUPEL_TRY(step(loop, error));
    }
    result->step = loop->state.step;
    result->epoch = epoch_of(loop, loop->state.step);
    result->early = stops_early(loop);
    result->stopped = !result->early && loop->state.step < loop->steps;
    if (loop->state.step) CUPEL_TRY(save(loop, error));
    result->best_accuracy = loop->state.verdict.accuracy;
    if (result->stopped) return CUPEL_OK;
    CUPEL_TRY(measure_test(loop, error));
    if (loop->division.validation_count == 0 && result->evaluation.accuracy > result->best_accuracy) {
        result->best_accuracy = result->evaluation.accuracy;
        if (loop->options->out)
            return checkpoint_save_best(&loop->setup, &loop->state, loop->options->out, error);
    }
    return CUPEL_OK;
}
