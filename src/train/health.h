/* How a GAN's training goes: grids of its images, how varied they are, and warnings. */
#ifndef CUPEL_TRAIN_HEALTH_H
#define CUPEL_TRAIN_HEALTH_H

#include "train/sampler.h"
#include "train/variety.h"

struct loop;

enum { HEALTH_RULES = 5 };

/* What a run remembers of a rule: its number, times the steps that it stands for, added up since the last verdict, these steps,
 * and whether a warning is active. */
struct episode {
    double sum;
    int64_t steps;
    bool active;
};

struct health {
    struct gallery gallery; /* and real images, in a run that writes files */
    struct reals reals;
    int64_t line, sample; /* steps of the last ones */
    double varied;        /* the highest diversity so far */
    struct episode episodes[HEALTH_RULES];
};

/* Prepares the loop's health: nothing for a classifier. Its plans have been compiled, its data set is not yet uploaded. */
enum cupel_status health_open(struct loop *loop, struct cupel_error *error);
void health_close(struct health *health);

/* Begins where the loop does: without the samples of an earlier run, or, in a resumed one, with the warnings that its lines
 * gave rise to. */
enum cupel_status health_start(struct loop *loop, struct cupel_error *error);

/* Looks at a line of the training curve. */
enum cupel_status health_line(struct loop *loop, const struct cupel_training_point *point,
                              struct cupel_error *error);

/* After a step: writes a grid and looks at it, if it is time for one. No state of the training moves. */
enum cupel_status health_sample(struct loop *loop, struct cupel_error *error);

/* Whether no warning is active. */
bool health_good(const struct health *health);

#endif
