/* Runs of small GANs for the tests of their health. */
#ifndef CUPEL_TESTS_GAN_RUNS_H
#define CUPEL_TESTS_GAN_RUNS_H

#include "training.h"

/* Settings of optimizers: for both networks, for each, and such that nothing moves. */
#define SLOW "optimizer: {adam: {lr: 0.0002, beta1: 0.5}}"
#define SIDES(generator, discriminator) \
    "optimizer: {generator: {adam: {lr: " #generator "}}, discriminator: {adam: {lr: " #discriminator "}}}"
#define STILL "epochs: 100, " SIDES(1e-9, 1e-9)

/* Fails the test unless the text has the part. */
void expect_part(const char *text, const char *part);

/* The metrics of a run. */
struct cupel_history gan_history(const char *out);

/* What a run told of itself. */
struct notes {
    char text[4000];
    int count;
};
void take_note(void *context, const char *text);

/* Trains the model, which is freed, into options.out and expects these warnings alone, in this order. */
struct notes gan_run(struct cupel_model *model, struct cupel_train_options options,
                     enum cupel_status expected, const enum cupel_warning *warnings, size_t count);

/* A GAN of tiny_set whose discriminator can tell its images apart for sure. */
struct cupel_model *sharp_gan(const char *train);

/* Changes the numbers of a file of weights. */
typedef void change_function(const char *name, float *data, size_t count);
void plant(const char *path, change_function *change);

/* A checkpoint of the model, which is freed, after a step, changed, as a file to start from. The caller frees the path. */
char *planted(struct cupel_model *model, change_function *change);

/* Makes one number of generator.deconv2.weight NaN. */
void plant_nan(const char *name, float *data, size_t count);

#endif
