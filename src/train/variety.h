/* How varied images are and how close to real ones, by Euclidean distances between pixels. */
#ifndef CUPEL_TRAIN_VARIETY_H
#define CUPEL_TRAIN_VARIETY_H

#include "cupel/data.h"

/* Real images to compare with, and how they compare with one another. */
struct reals {
    int64_t count, size; /* images, pixels of each */
    uint8_t *images;
    int32_t *labels;  /* NULL: classes do not matter */
    double diversity; /* mean distance of two of them, with labels of two of one class */
    double nearest;   /* mean distance of one to the nearest of the others */
};

/* Copies up to 512 of the images rows[0..count), spread evenly, with labels if asked for. Free it with reals_free. */
enum cupel_status reals_take(const struct cupel_dataset_split *split, const int32_t *rows, int64_t count,
                             int64_t size, bool labels, struct reals *reals, struct cupel_error *error);
void reals_free(struct reals *reals);

/* Compares `count` images, u8 [count, size], with them: both numbers as quotients, see struct cupel_sample_point; NaN where
 * there is nothing to divide by. `labels` is looked at where the real images have some. */
void reals_compare(const struct reals *reals, const uint8_t *images, const int32_t *labels, int64_t count,
                   double *diversity, double *nearest);

#endif
