/* Batches of a data set as nodes: from the images in the store to what networks take. */
#ifndef CUPEL_TRAIN_BATCH_H
#define CUPEL_TRAIN_BATCH_H

#include "cupel/data.h"
#include "train/setup.h"

/* A split as states of the store: `images` u8 [rows, C, H, W] and `labels` i32 [rows] (or masks, u8 [rows, 1, H, W] with 1 + the
 * class of each pixel and 0 for none, as cupel_mask_labels takes them) may hold more than the split, whose samples are the rows order[0..count). The cursor, i64 [1], is the place in `order` of the next
 * batch.
 *
 * Images that do not go to the device are sent to STAGED_IMAGES, a step's at a time, by a feed. `labels` is NULL where nothing
 * takes them. */
struct samples {
    const char *images, *labels, *order, *cursor;
    int64_t rows, count;
    const struct cupel_dataset_split *from; /* what a feed takes images from; NULL: the device has them */
};
#define STAGED_IMAGES "data.batch"

/* Where the steps of a training run add up what they measure, f32; what it is depends on the task. */
#define TRAIN_METRICS "train.metrics"

/* [batch, sample]. */
struct cupel_shape batch_shape(const struct cupel_shape *sample, int64_t batch);

/* Pixels, u8 [N, data.shape], to normalised numbers. */
struct cupel_tensor *batch_normalise(const struct setup *setup, struct cupel_tensor *pixels);

enum { NO_LABEL = -1 };

/* The next batch of a split, normalised, with its rows of the labels' state, unless `labels` is NULL; and the cursor behind it. */
struct cupel_tensor *batch_next(const struct setup *setup, struct cupel_graph *graph,
                                const struct samples *samples, int64_t batch, struct cupel_tensor **labels);

/* What the model's `augment` does to normalised images, but for mixing them. */
struct cupel_tensor *batch_augment(const struct setup *setup, struct cupel_tensor *images);

/* What images are trained to be: their labels, i32 [N], or those of their pixels, [N, H, W], NO_LABEL where one has none; or, where they are mixtures, these to the part `share`, a real scalar,
 * and `others` to the rest. Both are NULL where they are not. */
struct targets {
    struct cupel_tensor *labels, *others, *share;
};

/* Mixes each image with the one behind it in the batch, if the model's `augment` says so, by one share of the whole batch, and
 * adds to the targets, which hold the labels. (Zhang et al. 2018) */
struct cupel_tensor *batch_mix(const struct setup *setup, struct cupel_tensor *images,
                               struct targets *targets);

/* share one + (1 - share) other */
struct cupel_tensor *mixed(struct cupel_tensor *share, struct cupel_tensor *one, struct cupel_tensor *other);

/* Adds real scalars to the f32 state `name` with one element for each. */
void metrics_add(struct cupel_graph *graph, const char *name, struct cupel_tensor *const *scalars, int count);

/* 1 where the loss is finite, otherwise 0. */
struct cupel_tensor *loss_is_finite(struct cupel_tensor *loss);

#endif
