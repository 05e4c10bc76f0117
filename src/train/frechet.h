/* How far two sets of feature vectors are apart, each taken for a Gaussian. */
#ifndef CUPEL_TRAIN_FRECHET_H
#define CUPEL_TRAIN_FRECHET_H

#include <stdint.h>

#include "cupel/status.h"

/* Mean and covariance of vectors of `size` numbers. */
struct gaussian {
    int64_t size;
    double *mean;       /* [size] */
    double *covariance; /* [size, size]; of a sample: divided by one less than the count */
};

/* Of `count` >= 2 vectors, f32 [count, size]. Free it with gaussian_free. */
enum cupel_status gaussian_fit(const float *vectors, int64_t count, int64_t size, struct gaussian *gaussian,
                               struct cupel_error *error);
void gaussian_free(struct gaussian *gaussian);

/* |m1 - m2|^2 + trace(S1 + S2 - 2 (S1 S2)^(1/2)) of Gaussians of the same size: the square of the Frechet distance of
 * Dowson and Landau ("The Frechet distance between multivariate normal distributions", 1982). */
enum cupel_status frechet_distance(const struct gaussian *a, const struct gaussian *b, double *distance,
                                   struct cupel_error *error);

#endif
