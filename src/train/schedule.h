/* Learning rates and the decisions that follow an evaluation: pure functions of settings and state. */
#ifndef CUPEL_TRAIN_SCHEDULE_H
#define CUPEL_TRAIN_SCHEDULE_H

#include "cupel/model.h"

/* What a rate depends on besides the step. */
struct schedule {
    const struct cupel_schedule_settings *settings;
    double rate;         /* the optimizer's own */
    int64_t warmup;      /* steps */
    int64_t epoch_steps; /* steps of one epoch */
    int64_t total;       /* steps of the run */
};

/* The rate of step `step`, counted from 0; `scale` is the plateau's. During the warm-up it is (step + 1) /
 * warmup of the schedule's, and a cosine begins when that is over. */
double schedule_rate(const struct schedule *schedule, double scale, int64_t step);

/* What evaluations have decided so far; part of a checkpoint. */
struct verdict {
    double scale;         /* of the rate, from the plateau schedule */
    double plateau_loss;  /* the best loss that it has seen */
    double plateau_worse; /* evaluations since */
    double loss;          /* the best loss, for early stopping */
    double worse;         /* evaluations since */
    double accuracy;      /* the best one, for best.safetensors */
};
enum { VERDICT_NUMBERS = sizeof(struct verdict) / sizeof(double) };

/* Before any evaluation. */
struct verdict verdict_start(void);

/* Takes an evaluation into account. Returns whether its accuracy is the best so far. The plateau is that of
 * torch.optim.lr_scheduler.ReduceLROnPlateau with its default threshold (1e-4 of the best loss). */
bool verdict_add(struct verdict *verdict, const struct schedule *schedule, double loss, double accuracy);

#endif
