/* Updates of networks, which every training step ends in: rates, gradients, optimizers, averages. */
#ifndef CUPEL_TRAIN_UPDATE_H
#define CUPEL_TRAIN_UPDATE_H

#include "train/setup.h"

/* Numbers of an epoch's steps: step s has entry s mod steps of the tables SCHEDULE_RATES.NETWORK, the learning rates, and
 * SCHEDULE_NOISE, the deviation of a gan's instance noise, f32 [steps]. SCHEDULE_ORDER, i32 [steps], counts them. */
#define SCHEDULE_RATES "schedule.rates"
#define SCHEDULE_NOISE "schedule.noise"
#define SCHEDULE_ORDER "schedule.order"

/* The entry of a table for the step under way, f32 [1]. */
struct cupel_tensor *table_entry(struct cupel_graph *graph, const char *name, int64_t steps);

/* In f16: what a network's loss is multiplied by, f32 [1], and the updates whose gradient was finite since that changed last,
 * and in all, i64 [2]; the states' names end in the network's. */
#define LOSS_SCALE "loss_scale"
#define LOSS_SCALE_COUNTS "loss_scale_counts"

/* The states of an optimizer, each as large as the network's range. */
enum { MAX_MOMENTS = 2 };
int moment_count(const struct cupel_optimizer_settings *optimizer);
/* "optimizer.moment1": the state is called "optimizer.moment1.NETWORK", a parameter's part in a file
 * "optimizer.moment1.PARAMETER". */
const char *moment_name(const struct cupel_optimizer_settings *optimizer, int index);

#define EMA_PREFIX "ema"

/* A stretch of a network's parameters that are trained alike: with the same rate and weight decay, and none frozen. */
struct run {
    int64_t offset, size;            /* in the range, in elements */
    int64_t gradient_offset;         /* in the range's gradient, where frozen parameters have no place */
    bool whole;                      /* it is all of the range */
    double rate_scale, weight_decay; /* as of cupel_parameter */
    int next;                        /* parameter behind it */
};

/* The run behind the one that *run is, or the first one when that is zeroed; false when there is none. */
bool run_next(const struct learner *learner, struct run *run);

/* The run's stretch of a tensor as large as the network's range. */
struct cupel_tensor *run_part(const struct run *run, struct cupel_tensor *range);

/* The newest version of a state as large as the network's range. */
struct cupel_tensor *range_state(const struct learner *learner, struct cupel_graph *graph,
                                 const char *prefix);

/* What an update needs and makes. */
struct update {
    const struct learner *learner;
    const struct cupel_parts *parts; /* those that the loss was computed with */
    struct cupel_tensor **gradients; /* gets each parameter's, before clipping; or NULL */
    struct cupel_tensor *gradient;   /* gets the range's, before clipping */
    struct cupel_tensor *range;      /* gets the range's new version */
};

/* Appends the updates of `count` networks by the gradient of one scalar loss: clipping, optimizers, averages. `epoch_steps` is
 * the size of the tables. In f16 all of them share the first one's scale. */
void update_append(const struct setup *setup, struct cupel_tensor *loss, int64_t epoch_steps,
                   struct update *updates, int count);

/* Limits the size of each parameter that is not frozen, after the update. */
void update_clip_weights(struct update *update, double limit);

#endif
