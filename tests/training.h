/* A small classification problem for the tests of training. */
#ifndef CUPEL_TESTS_TRAINING_H
#define CUPEL_TESTS_TRAINING_H

#include "cupel/cupel.h"

enum { TINY_TRAIN = 100, TINY_TEST = 37, TINY_CLASSES = 4, TINY_SIDE = 8 };

/* The directory of a set of TINY_TRAIN and TINY_TEST gray images, written as IDX files on first use: class c
 * is bright in one quarter, under noise. */
const char *tiny_set(void);

/* A model of that set: convolution, batchnorm, dropout, linear; `train` is what stands in its `train:`
 * besides the batch of 16, `data` what stands in its `data:` besides the usual, such as ", validation: 20".
 * The model is the test's to free. */
struct cupel_model *tiny_model(const char *train, const char *data);

/* All that can be done to training images, as `data`. */
#define TINY_AUGMENT                                                                                       \
    ", augment: {flip: true, crop: 1, rotate: 20, translate: 0.2, scale: [0.8, 1.2], fill: 0, cutout: 2, " \
    "color_jitter: {brightness: 0.2, contrast: 0.3}, mixup: 0.4}"

/* A model of that set with a layer that is computed in 16 bits where the precision says so: linear, 1024 to 1024. */
struct cupel_model *wide_model(const char *train);

/* A GAN of that set whose noise has 8 numbers; with labels both networks look at the class, with a code the last 5 numbers of the
 * noise are 4 categories and a number. `train` as above. */
enum tiny_kind { TINY_PLAIN, TINY_LABELS, TINY_CODE };
struct cupel_model *tiny_gan(enum tiny_kind kind, const char *train);

/* Trains, and fails the test unless the status is `expected`. */
struct cupel_train_result train(const struct cupel_model *model, const struct cupel_train_options *options,
                                enum cupel_status expected, struct cupel_error *error);

/* Trains in a process of its own, which is killed at step 13. Nothing of this process may have opened a device with threads
 * before. */
void train_and_be_killed(const struct cupel_model *model, struct cupel_train_options options);

/* One thread of the processor. */
extern const struct cupel_run_options plainly;

/* Trains with them for as long as the model says, into a directory of that name; the path of the checkpoint, as of
 * inside. */
const char *trained(const struct cupel_model *model, const char *name);

/* Latents of a GAN, and its images of such, u8 [count, data.shape], which the caller frees; both fail the test rather than
 * return an error. */
struct cupel_latents draw(const struct cupel_model *model, uint64_t seed, int64_t count);
uint8_t *images_of(const struct cupel_model *model, const struct cupel_run_options *options,
                   const char *weights, enum cupel_batchnorm_mode mode, const struct cupel_latents *latents);

/* The path "DIRECTORY/NAME"; the last eight stay valid. */
const char *inside(const char *directory, const char *name);

/* A whole file; the caller frees it. */
char *read_whole(const char *path, size_t *size);

#endif
