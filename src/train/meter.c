/* Reading the device's running sums: lines of the journal, progress, and whether the losses are still
 * numbers. */
#include <inttypes.h>

#include "train/loop.h"

enum { MOST_LOG_STEPS = 50, LEAST_LINES = 100 };
static const double SHOW_SECONDS = 0.25; /* between two looks at the progress */

void meter_start(struct loop *loop, double time) {
    double now = clock_now();
    loop->meter = (struct meter){.start = now - time, .resumed = now, .mark = now, .shown = now};
    loop->meter.first_step = loop->meter.mark_step = loop->state.step;
}

void meter_skip(struct loop *loop) {
    loop->meter.mark = clock_now();
}

static void show(struct loop *loop, const struct cupel_training_point *point, bool logged, double now) {
    const struct cupel_watcher *watcher = &loop->options->watcher;
    struct meter *meter = &loop->meter;
    meter->shown = now;
    if (!watcher->progress) return;
    double elapsed = now - meter->resumed, done = (double)(point->step - meter->first_step);
    struct cupel_progress progress = {
        .point = *point,
        .logged = logged,
        .steps = loop->steps,
        .epochs = loop->epochs,
        .epoch_steps = loop->epoch_steps,
        .data_wait = elapsed > 0 ? meter->waited / elapsed : 0,
        .eta = elapsed / done * (double)(loop->steps - point->step),
    };
    watcher->progress(watcher->context, &progress);
}

/* Means since the last line. */
static enum cupel_status read_point(struct loop *loop, double now, struct cupel_training_point *point,
                                    struct cupel_error *error) {
    const struct meter *meter = &loop->meter;
    int64_t step = loop->state.step;
    float sums[MOST_METRICS];
    const size_t count = (size_t)loop->program->metrics;
    CUPEL_TRY(cupel_store_read(loop->setup.store, TRAIN_METRICS, sums, count * sizeof *sums, error));
    double steps = (double)(step - meter->mark_step), seconds = now - meter->mark;
    if ((double)sums[count - 1] != steps) {
        loop->bad_step = meter->mark_step + (int64_t)sums[count - 1] + 1;
        return cupel_fail(error, CUPEL_FAILED,
                          "step %" PRId64
                          ": the loss is infinite or NaN; a lower lr, a warm-up or `clip_norm` "
                          "may help%s%s",
                          loop->bad_step, loop->saved_step >= 0 ? "; the last good checkpoint stays in " : "",
                          loop->saved_step >= 0 ? loop->options->out : "");
    }
    *point = (struct cupel_training_point){
        .step = step,
        .epoch = epoch_of(loop, step),
        .rate = schedule_rate(&loop->schedules[0], loop->scale, step - 1),
        .images_per_second = seconds > 0 ? (double)meter->images / seconds : 0,
        .data_wait = seconds > 0 ? (meter->waited - meter->mark_waited) / seconds : 0,
        .time = now - meter->start,
    };
    if (loop->setup.learner_count > CUPEL_ROLE_DISCRIMINATOR)
        point->gan.discriminator_rate =
            schedule_rate(&loop->schedules[CUPEL_ROLE_DISCRIMINATOR], loop->scale, step - 1);
    loop->program->point(sums, steps, point);
    return CUPEL_OK;
}

enum cupel_status meter_line(struct loop *loop, struct cupel_error *error) {
    struct meter *meter = &loop->meter;
    struct cupel_training_point point = {0};
    if (meter->mark_step == loop->state.step) return CUPEL_OK;
    double now = clock_now();
    CUPEL_TRY(read_point(loop, now, &point, error));
    if (loop->journal) CUPEL_TRY(journal_training(loop->journal, &point, error));
    CUPEL_TRY(health_line(loop, &point, error));
    CUPEL_TRY(cupel_store_zero(loop->setup.store, TRAIN_METRICS, error));
    show(loop, &point, true, now);
    meter->mark = now;
    meter->mark_step = point.step;
    meter->mark_waited = meter->waited;
    meter->images = 0;
    return CUPEL_OK;
}

/* Short runs have a line for each step. */
static int64_t steps_between_lines(const struct loop *loop) {
    if (loop->options->log_steps) return loop->options->log_steps;
    const int64_t every = loop->steps / LEAST_LINES;
    return every < 1 ? 1 : every < MOST_LOG_STEPS ? every : MOST_LOG_STEPS;
}

enum cupel_status meter_step(struct loop *loop, int64_t images, struct cupel_error *error) {
    struct cupel_training_point point = {0};
    const int64_t every = steps_between_lines(loop), step = loop->state.step;
    loop->meter.images += images;
    if (step % every == 0 || step % loop->epoch_steps == 0) return meter_line(loop, error);
    double now = clock_now();
    if (!loop->options->watcher.progress || now - loop->meter.shown < SHOW_SECONDS) return CUPEL_OK;
    CUPEL_TRY(read_point(loop, now, &point, error));
    show(loop, &point, false, now);
    return CUPEL_OK;
}
