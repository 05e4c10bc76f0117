/* The graphs of GAN training (Goodfellow et al. 2014): one step of both networks, and images from noise.
 *
 * A step: the discriminator sees real images, then generated ones, and is updated; as often as `discriminator_steps` says, with
 * a batch and noise of its own each time. Then the generated images of the last time go through the updated discriminator, and
 * the generator is updated. Each gradient is taken for the weights of one side alone: the discriminator's update never goes back
 * to an image, the generator's never to a weight of the discriminator. Running statistics move with every training pass: real,
 * fake, and fake through the updated discriminator, as in PyTorch. */
#ifndef CUPEL_TRAIN_GAN_H
#define CUPEL_TRAIN_GAN_H

#include "train/batch.h"
#include "train/update.h"

/* What a step adds up in TRAIN_METRICS, f32 [GAN_METRICS]. */
enum {
    GAN_DISCRIMINATOR_LOSS, /* means over the discriminator's updates */
    GAN_GENERATOR_LOSS,
    GAN_CODE_LOSS,
    GAN_REAL_SCORE,    /* mean output for real images: a probability where the loss makes it one */
    GAN_FAKE_SCORE,    /* for generated ones, before the update */
    GAN_AFTER_SCORE,   /* and after it */
    GAN_REAL_ACCURACY, /* part of the outputs on the right side of 0 */
    GAN_FAKE_ACCURACY,
    GAN_DISCRIMINATOR_GRADIENT, /* Euclidean norms, before clipping */
    GAN_GENERATOR_GRADIENT,
    GAN_GENERATOR_WEIGHTS,
    GAN_FINITE, /* steps with finite losses */
    GAN_METRICS
};

/* What a step is made from: for each of the discriminator's updates a batch of images, labels (NULL where no network takes
 * them) and noise. */
enum { GAN_MOST_UPDATES = 100 };
struct gan_inputs {
    struct cupel_tensor *images[GAN_MOST_UPDATES], *labels[GAN_MOST_UPDATES], *noise[GAN_MOST_UPDATES];
};

/* Tensors of a step; the arrays, which may be NULL, have room for all layers and parameters of the network. */
struct gan_step {
    struct cupel_tensor *losses[CUPEL_ROLES]; /* of the first update */
    struct cupel_tensor **activations[CUPEL_ROLES],
        **gradients[CUPEL_ROLES]; /* likewise; the discriminator's for real images */
};

/* Appends a step. `metrics` adds up what it measures. */
void gan_append(const struct setup *setup, struct cupel_graph *graph, const struct gan_inputs *inputs,
                int64_t epoch_steps, bool metrics, struct gan_step *step);

/* The same on the next batches of the samples, with the metrics. */
void gan_append_next(const struct setup *setup, struct cupel_graph *graph, const struct samples *samples,
                     int64_t batch, int64_t epoch_steps, struct gan_step *step);

/* E (|dy/dx| - 1)^2 over the samples of x [N, ...], of which the critic made the outputs y [N] (Gulrajani et al. 2017). */
struct cupel_tensor *gan_penalty(struct cupel_tensor *outputs, struct cupel_tensor *x);

/* Noise for `batch` images with InfoGAN's code in it. */
struct cupel_tensor *gan_noise(const struct setup *setup, struct cupel_graph *graph, int64_t batch);

/* Compiles a step on the next batches. */
enum cupel_status gan_compile(const struct setup *setup, const struct samples *samples, int64_t batch,
                              int64_t epoch_steps, struct cupel_plan **plan, struct cupel_error *error);

/* What steps have added up, as a line of the training curve. */
void gan_point(const float *sums, double steps, struct cupel_training_point *point);

/* Whether a network of the model takes labels. */
bool gan_takes_labels(const struct setup *setup);

#endif
