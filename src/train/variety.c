#include "train/variety.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/source.h"

/* Enough for a mean within a few percent; comparing them all takes less time than a few training steps. */
enum { MOST_REALS = 512 };

static double distance(const uint8_t *x, const uint8_t *y, int64_t size) {
    enum { BLOCK = 1 << 14 }; /* whose squares fit in an int32_t */
    double sum = 0;
    for (int64_t first = 0; first < size; first += BLOCK) {
        const int64_t end = first + BLOCK < size ? first + BLOCK : size;
        int32_t squares = 0;
        for (int64_t i = first; i < end; i++) squares += (x[i] - y[i]) * (x[i] - y[i]);
        sum += squares;
    }
    return sqrt(sum);
}

/* The mean distance of two images, with labels of two of one class; NaN without any such two. */
static double mean_distance(const uint8_t *images, const int32_t *labels, int64_t count, int64_t size) {
    double sum = 0;
    int64_t pairs = 0;
    for (int64_t i = 0; i < count; i++) {
        for (int64_t j = 0; j < i; j++) {
            if (labels && labels[i] != labels[j]) continue;
            sum += distance(images + i * size, images + j * size, size);
            pairs++;
        }
    }
    return sum / (double)pairs;
}

/* The mean distance of an image to the nearest real one; if they are the real ones, to the nearest other. */
static double mean_nearest(const struct reals *reals, const uint8_t *images, int64_t count) {
    const int64_t size = reals->size;
    double sum = 0;
    for (int64_t i = 0; i < count; i++) {
        double least = INFINITY;
        for (int64_t j = 0; j < reals->count; j++) {
            if (images == reals->images && i == j) continue;
            least = fmin(least, distance(images + i * size, reals->images + j * size, size));
        }
        sum += least;
    }
    return sum / (double)count;
}

enum cupel_status reals_take(const struct cupel_dataset_split *split, const int32_t *rows, int64_t count,
                             int64_t size, bool labels, struct reals *reals, struct cupel_error *error) {
    const int64_t taken = count < MOST_REALS ? count : MOST_REALS;
    *reals = (struct reals){.count = taken, .size = size};
    reals->images = malloc((size_t)taken * (size_t)size);
    if (labels) reals->labels = malloc((size_t)taken * sizeof *reals->labels);
    if (!reals->images || (labels && !reals->labels)) {
        reals_free(reals);
        return cupel_fail(error, CUPEL_NOMEM, "no memory for real images to compare with");
    }
    for (int64_t i = 0; i < taken; i++) {
        const int64_t row = rows[i * count / taken];
        const enum cupel_status status =
            source_read(split, (size_t)size, row, reals->images + i * size, error);
        if (status) {
            reals_free(reals);
            return status;
        }
        if (labels) reals->labels[i] = split->labels[row];
    }
    reals->diversity = mean_distance(reals->images, reals->labels, taken, size);
    reals->nearest = mean_nearest(reals, reals->images, taken);
    return CUPEL_OK;
}

void reals_free(struct reals *reals) {
    free(reals->images);
    free(reals->labels);
    *reals = (struct reals){0};
}

void reals_compare(const struct reals *reals, const uint8_t *images, const int32_t *labels, int64_t count,
                   double *diversity, double *nearest) {
    const bool divided = reals->labels && labels;
    *diversity = mean_distance(images, divided ? labels : NULL, count, reals->size) / reals->diversity;
    *nearest = mean_nearest(reals, images, count) / reals->nearest;
}
