/* Images out of a generator. */
#ifndef CUPEL_TRAIN_SAMPLER_H
#define CUPEL_TRAIN_SAMPLER_H

#include "train/latents.h"
#include "train/setup.h"

/* A generator compiled for a batch, and room for one on the host. */
struct sampler {
    struct cupel_plan *plan;
    int64_t batch;
    float *noise, *images;
    int32_t *labels; /* NULL where the generator takes none */
};

/* Compiles the generator for batches of `batch` latents in the setup's store. `average` takes its averaged weights. With
 * statistics of the batch, runs change the running ones and the store's rng. */
enum cupel_status sampler_open(const struct setup *setup, int64_t batch, bool average,
                               enum cupel_batchnorm_mode mode, struct sampler *sampler,
                               struct cupel_error *error);
void sampler_close(struct sampler *sampler);

/* Makes the images, u8 [count, data.shape], of latents that fit the model. */
enum cupel_status sampler_run(const struct setup *setup, const struct sampler *sampler,
                              const struct cupel_latents *latents, uint8_t *images,
                              struct cupel_error *error);

/* Normalised images of the setup's data as pixels: x * deviation + mean, times 255, rounded and limited to 0..255; NaN
 * gives 0. */
void sampler_pixels(const struct setup *setup, const float *images, int64_t count, uint8_t *pixels);

/* The pictures that show how a training run goes: the same latents again and again. */
struct gallery {
    struct sampler sampler;
    struct cupel_latents latents;
    int64_t rows, columns;
    uint8_t *images;
};

/* Draws latents by the setup's seed and compiles the generator, with averaged weights where the setup has them: 8 x 8, or 8
 * of each class. */
enum cupel_status gallery_open(const struct setup *setup, struct gallery *gallery, struct cupel_error *error);
void gallery_close(struct gallery *gallery);

/* Writes DIRECTORY/samples/NNNNNN.png, N being the number of steps done. */
enum cupel_status gallery_write(const struct setup *setup, const struct gallery *gallery,
                                const char *directory, int64_t step, struct cupel_error *error);

#endif
