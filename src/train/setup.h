/* What every program on a model starts from: the model with the caller's options applied, a device, a store.
 */
#ifndef CUPEL_TRAIN_SETUP_H
#define CUPEL_TRAIN_SETUP_H

#include "cupel/train.h"

struct setup {
    const struct cupel_model *model;
    const struct cupel_network *network;
    const struct cupel_data_settings *data;
    const char *data_path;
    bool stream;                       /* images stay on the host */
    struct cupel_train_settings train; /* batch and seed as the options have them */
    float *mean, *deviation;           /* of each channel, for normalising */
    struct cupel_device *device;
    struct cupel_plan_options plan; /* precision and determinism, for every plan */
    struct cupel_store *store;
};

/* Checks that the model is one to classify with and that the options are possible, and opens the device. On
 * failure there is nothing to close. The model must outlive the setup. */
enum cupel_status setup_open(const struct cupel_model *model, const struct cupel_run_options *options,
                             struct setup *setup, struct cupel_error *error);
void setup_close(struct setup *setup);

/* Writes the rng state: the setup's seed and the number of steps done. */
enum cupel_status setup_step(struct setup *setup, int64_t step, struct cupel_error *error);

#endif
