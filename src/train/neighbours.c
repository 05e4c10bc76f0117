#include "train/neighbours.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

static double square_between(const float *restrict a, const float *restrict b, int64_t size) {
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < size; i++) {
        const double apart = (double)a[i] - (double)b[i];
        sum += apart * apart;
    }
    return sum;
}

/* The squared distance from each vector to its third nearest neighbour. */
static void find_radii(const float *vectors, int64_t count, int64_t size, double *radii) {
    for (int64_t i = 0; i < count; i++) {
        double nearest[NEIGHBOUR]; /* in ascending order */
        for (int k = 0; k < NEIGHBOUR; k++) nearest[k] = INFINITY;
        for (int64_t j = 0; j < count; j++) {
            if (j == i) continue;
            const double square = square_between(vectors + i * size, vectors + j * size, size);
            int place = NEIGHBOUR;
            for (; place > 0 && square < nearest[place - 1]; place--)
                if (place < NEIGHBOUR) nearest[place] = nearest[place - 1];
            if (place < NEIGHBOUR) nearest[place] = square;
        }
        radii[i] = nearest[NEIGHBOUR - 1];
    }
}

enum cupel_status covered_part(const float *vectors, int64_t count, const float *others, int64_t centres,
                               int64_t size, double *part, struct cupel_error *error) {
    double *radii = malloc((size_t)centres * sizeof *radii);
    int64_t covered = 0;
    if (!radii) return cupel_fail(error, CUPEL_NOMEM, "no memory to compare %" PRId64 " images", centres);
    find_radii(others, centres, size, radii);
    for (int64_t i = 0; i < count; i++) {
        bool inside = false;
        for (int64_t j = 0; j < centres && !inside; j++)
            inside = square_between(vectors + i * size, others + j * size, size) <= radii[j];
        covered += inside;
    }
    free(radii);
    *part = (double)covered / (double)count;
    return CUPEL_OK;
}
