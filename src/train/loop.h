/* The loop of a training run: epochs, steps, what happens between them. */
#ifndef CUPEL_TRAIN_LOOP_H
#define CUPEL_TRAIN_LOOP_H

#include "base/clock.h"
#include "train/checkpoint.h"
#include "train/evaluate.h"
#include "train/health.h"
#include "train/journal.h"
#include "train/split.h"

/* The clocks of a run, in seconds. */
struct meter {
    double start;       /* when the run would have begun had it never been interrupted */
    double resumed;     /* when this part of it began */
    double waited;      /* since then, for data */
    double mark_waited; /* of that, before `mark` */
    double mark, shown; /* when the last line was begun, and the last progress shown */
    int64_t first_step; /* steps done at `resumed` */
    int64_t mark_step;  /* steps done at `mark` */
    int64_t images;     /* since `mark` */
};

/* What differs between tasks. */
struct program {
    enum cupel_status (*compile)(const struct setup *setup, const struct samples *samples, int64_t batch,
                                 int64_t epoch_steps, struct cupel_plan **plan, struct cupel_error *error);
    /* Turns what a number of steps added up in TRAIN_METRICS, `metrics` numbers whose last one counts the finite losses, into
     * their part of a line. */
    void (*point)(const float *sums, double steps, struct cupel_training_point *point);
    int metrics;
    bool evaluates; /* has labels to measure the weights by */
};
enum { MOST_METRICS = 32 };

struct loop {
    const struct program *program;
    struct setup setup;
    const struct cupel_train_options *options;
    struct cupel_train_result *result;
    struct cupel_dataset dataset; /* what of it is not on the device */
    struct division division;
    struct samples train;
    struct cupel_plan *full,
        *rest; /* steps on a whole batch and on an epoch's remainder; either may be NULL */
    struct evaluator validation, test;      /* the first without plans when nothing is held out */
    struct schedule schedules[CUPEL_ROLES]; /* of the learners */
    int64_t step_images;                    /* that a step takes */
    int64_t epoch_steps;
    int64_t steps, epochs; /* of the whole run */
    struct checkpoint state;
    int64_t saved_step,
        tested_step;         /* at which the last checkpoint was written, the test split measured; -1 */
    struct journal *journal; /* NULL when nothing is written */
    struct health *health;   /* NULL but for a gan */
    bool repeats;            /* goes over steps of a run that failed, and writes nothing */
    int64_t bad_step;        /* in which a loss was not finite or began with such weights; 0: none */
    struct meter meter;
    double scale;   /* of the rate, by `plateau`, in the epoch under way */
    float *table;   /* numbers of the epoch's steps, as the device takes them */
    int32_t *order; /* of an epoch's images */
};

/* Prepares a run: data, plans, initial values, the directory of outputs. The members above `setup`, `options`, `result` and
 * `repeats` are set, the others zero. To be closed even after a failure. */
enum cupel_status loop_open(struct loop *loop, const struct cupel_model *model, struct cupel_error *error);
void loop_close(struct loop *loop);

/* Trains until the run's end, an early stop, or the caller's flag. */
enum cupel_status loop_run(struct loop *loop, struct cupel_error *error);

/* Starts the clocks; the run has already taken `time` seconds. */
void meter_start(struct loop *loop, double time);
/* Counts a step and shows progress now and then; with `due`, writes a line unless the last step has one.
 * CUPEL_FAILED when a loss was not finite. */
enum cupel_status meter_step(struct loop *loop, int64_t images, struct cupel_error *error);
enum cupel_status meter_line(struct loop *loop, struct cupel_error *error);
/* Leaves what happened since the last line out of images_per_second. */
void meter_skip(struct loop *loop);

static inline int64_t epoch_of(const struct loop *loop, int64_t step) {
    return step ? (step - 1) / loop->epoch_steps + 1 : 0;
}

#endif
