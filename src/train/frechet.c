/* The Frechet distance of two Gaussians, in f64.
 *
 * The trace of (S1 S2)^(1/2) is the sum of the singular values of A1 A2', where S = A' A: S1 S2 = A1' (A1 A2') A2 has the
 * eigenvalues of (A1 A2') (A1 A2')'. A is made of the eigenvectors of S, each times the root of its eigenvalue. Both
 * eigenvectors and singular values come from one method, by Hestenes ("Inversion of matrices by biorthogonalization and
 * related results", 1958): plane rotations of pairs of rows until all rows are orthogonal. What LAPACK would do faster is
 * no reason for a Fortran runtime in every program here: features are some hundred numbers. */
#include "train/frechet.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void gaussian_free(struct gaussian *gaussian) {
    free(gaussian->mean);
    *gaussian = (struct gaussian){0};
}

static double dot(const double *restrict a, const double *restrict b, int64_t count) {
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < count; i++) sum += a[i] * b[i];
    return sum;
}

enum cupel_status gaussian_fit(const float *vectors, int64_t count, int64_t size, struct gaussian *gaussian,
                               struct cupel_error *error) {
    enum { BLOCK = 256 }; /* vectors */
    double *mean = calloc((size_t)(size + size * size), sizeof *mean), *covariance = mean + size;
    double *block = malloc((size_t)(BLOCK * size) * sizeof *block); /* [size, BLOCK], centred */
    *gaussian = (struct gaussian){0};
    if (!mean || !block) {
        free(mean);
        free(block);
        return cupel_fail(error, CUPEL_NOMEM, "no memory for the covariance of %" PRId64 " features", size);
    }
    for (int64_t i = 0; i < count; i++)
        for (int64_t f = 0; f < size; f++) mean[f] += (double)vectors[i * size + f];
    for (int64_t f = 0; f < size; f++) mean[f] /= (double)count;
    for (int64_t first = 0; first < count; first += BLOCK) {
        const int64_t here = count - first < BLOCK ? count - first : BLOCK;
        for (int64_t i = 0; i < here; i++)
            for (int64_t f = 0; f < size; f++)
                block[f * BLOCK + i] = (double)vectors[(first + i) * size + f] - mean[f];
        for (int64_t f = 0; f < size; f++)
            for (int64_t g = 0; g <= f; g++)
                covariance[f * size + g] += dot(block + f * BLOCK, block + g * BLOCK, here);
    }
    for (int64_t f = 0; f < size; f++)
        for (int64_t g = 0; g <= f; g++)
            covariance[g * size + f] = covariance[f * size + g] /= (double)(count - 1);
    free(block);
    *gaussian = (struct gaussian){size, mean, covariance};
    return CUPEL_OK;
}

/* ---- orthogonal rows ---- */

/* Turns rows a and b in their plane until they are orthogonal; whether they were not. `square` holds their squared
 * lengths. */
static bool rotate(double *restrict a, double *restrict b, int64_t size, double *square_a, double *square_b) {
    const double product = dot(a, b, size);
    if (fabs(product) <= (double)(size + 8) * DBL_EPSILON * sqrt(*square_a) * sqrt(*square_b)) return false;
    /* The smaller of the two angles: tan(2 angle) = 2 product / (square_b - square_a). */
    const double cotangent = (*square_b - *square_a) / (2 * product);
    const double tangent = copysign(1, cotangent) / (fabs(cotangent) + sqrt(1 + cotangent * cotangent));
    const double cosine = 1 / sqrt(1 + tangent * tangent), sine = cosine * tangent;
    for (int64_t i = 0; i < size; i++) {
        const double x = a[i], y = b[i];
        a[i] = cosine * x - sine * y;
        b[i] = sine * x + cosine * y;
    }
    *square_a = dot(a, a, size);
    *square_b = dot(b, b, size);
    return true;
}

/* Makes the rows of a [rows, size] matrix orthogonal by rotations, and writes their lengths, the singular values, to
 * `lengths`. Lengths that rounding alone can have made become 0. */
static enum cupel_status orthogonalise(double *matrix, int64_t rows, int64_t size, double *lengths,
                                       struct cupel_error *error) {
    enum {
        MOST_SWEEPS = 60
    }; /* some ten are needed; should rounding ever keep it going, the rows are as good by then */
    double largest = 0;
    int sweep = 0;
    for (int64_t i = 0; i < rows; i++) {
        lengths[i] = dot(matrix + i * size, matrix + i * size, size);
        if (!isfinite(lengths[i]))
            return cupel_fail(error, CUPEL_FAILED, "features of the images are infinite or NaN");
        largest = fmax(largest, lengths[i]);
    }
    /* Rows shorter than this are zero. */
    const double least = largest * (double)size * (double)size * DBL_EPSILON * DBL_EPSILON;
    for (bool moved = true; moved && sweep < MOST_SWEEPS; sweep++) {
        moved = false;
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = i + 1; j < rows; j++)
                if (lengths[i] > least && lengths[j] > least)
                    moved |= rotate(matrix + i * size, matrix + j * size, size, &lengths[i], &lengths[j]);
    }
    for (int64_t i = 0; i < rows; i++) lengths[i] = lengths[i] > least ? sqrt(lengths[i]) : 0;
    return CUPEL_OK;
}

/* Replaces a covariance S by A with S = A' A, one row for each eigenvector. Rotations of the rows of S = V L V' that make
 * them orthogonal leave L V', whose rows are as long as the eigenvalues. */
static enum cupel_status factor(double *matrix, int64_t size, double *lengths, struct cupel_error *error) {
    CUPEL_TRY(orthogonalise(matrix, size, size, lengths, error));
    for (int64_t i = 0; i < size; i++)
        for (int64_t j = 0; j < size; j++)
            matrix[i * size + j] = lengths[i] > 0 ? matrix[i * size + j] / sqrt(lengths[i]) : 0;
    return CUPEL_OK;
}

/* The trace of (S1 S2)^(1/2). `room` has space for 3 size x size + size numbers. */
static enum cupel_status root_trace(const struct gaussian *a, const struct gaussian *b, double *room,
                                    double *trace, struct cupel_error *error) {
    const int64_t size = a->size, square = size * size;
    double *first = room, *second = first + square, *product = second + square, *lengths = product + square;
    memcpy(first, a->covariance, (size_t)square * sizeof *first);
    memcpy(second, b->covariance, (size_t)square * sizeof *second);
    CUPEL_TRY(factor(first, size, lengths, error));
    CUPEL_TRY(factor(second, size, lengths, error));
    for (int64_t i = 0; i < size; i++)
        for (int64_t j = 0; j < size; j++)
            product[i * size + j] = dot(first + i * size, second + j * size, size);
    CUPEL_TRY(orthogonalise(product, size, size, lengths, error));
    *trace = 0;
    for (int64_t i = 0; i < size; i++) *trace += lengths[i];
    return CUPEL_OK;
}

enum cupel_status frechet_distance(const struct gaussian *a, const struct gaussian *b, double *distance,
                                   struct cupel_error *error) {
    const int64_t size = a->size;
    double trace, sum = 0;
    double *room = malloc((size_t)(3 * size * size + size) * sizeof *room);
    if (!room)
        return cupel_fail(error, CUPEL_NOMEM, "no memory to compare the covariances of %" PRId64 " features",
                          size);
    enum cupel_status status = root_trace(a, b, room, &trace, error);
    free(room);
    if (status) return status;
    for (int64_t i = 0; i < size; i++) {
        const double apart = a->mean[i] - b->mean[i];
        sum += apart * apart + a->covariance[i * size + i] + b->covariance[i * size + i];
    }
    *distance = fmax(sum - 2 * trace, 0); /* rounding must not make it negative */
    return CUPEL_OK;
}
