/* What every program on a model starts from: the model with the caller's options applied, a device, a store.
 */
#ifndef CUPEL_TRAIN_SETUP_H
#define CUPEL_TRAIN_SETUP_H

#include "cupel/data.h"
#include "cupel/train.h"

/* A network that is trained. */
struct learner {
    const struct cupel_network *network;
    const struct cupel_optimizer_settings *optimizer;
    const struct cupel_schedule_settings *schedule;
    double ema;      /* decay of its weights' average; 0: none */
    int64_t updates; /* in a step */
};

struct setup {
    const struct cupel_model *model;
    struct learner learners[CUPEL_ROLES]; /* by role */
    int learner_count;
    const struct cupel_data_settings *data;
    struct cupel_dataset_spec spec;
    void (*note)(void *context, const char *text); /* see struct cupel_run_options */
    void *note_context;
    struct cupel_train_settings train; /* batch and seed as the options have them */
    float *mean, *deviation;           /* of each channel, for normalising */
    struct cupel_device *device;
    struct cupel_plan_options plan; /* precision and determinism, for every plan */
    struct cupel_store *store;
    struct feed *feed; /* NULL where all images are on the device */
};

/* The data set that a program on the model opens. */
struct cupel_dataset_spec setup_spec(const struct cupel_model *model,
                                     const struct cupel_run_options *options);

/* Checks that the options are possible, and opens the device. On failure there is nothing to close. The model must outlive the
 * setup. */
enum cupel_status setup_open(const struct cupel_model *model, const struct cupel_run_options *options,
                             struct setup *setup, struct cupel_error *error);
void setup_close(struct setup *setup);

/* CUPEL_UNSUPPORTED unless the model's task is this one; `what` is what another cannot be, such as "evaluated". */
enum cupel_status setup_task(const struct setup *setup, enum cupel_task task, const char *what,
                             struct cupel_error *error);

/* Hands the caller's `note` a sentence. */
void setup_note(const struct setup *setup, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Writes "PREFIX.NETWORK", the name of a state beside a network's range, into `name` of NAME_ROOM bytes. */
enum { NAME_ROOM = 400 };
const char *range_name(const struct learner *learner, const char *prefix, char *name);

/* Counts the updates of a network that has several in a step, i64 [1]: UPDATE_COUNT.NETWORK. */
#define UPDATE_COUNT "optimizer.updates"

/* Whether labels are masks. */
static inline bool setup_segments(const struct setup *setup) {
    return setup->spec.masks;
}

/* Pixels of an image in each channel. */
static inline int64_t setup_plane(const struct setup *setup) {
    return setup->data->shape.dim[1] * setup->data->shape.dim[2];
}

/* Images that a training step takes. */
static inline int64_t setup_step_images(const struct setup *setup) {
    return setup->train.batch * setup->train.gan.discriminator_steps;
}

/* Writes the rng state, which is the setup's seed and the number of steps done, and the counts of updates. Plans have been
 * compiled. */
enum cupel_status setup_step(struct setup *setup, int64_t step, struct cupel_error *error);

#endif
