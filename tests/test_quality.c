/* The Frechet distance, precision and recall: against NumPy (golden/make_quality.py), and where the answer is known. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cupel/weights.h"
#include "train/frechet.h"
#include "train/neighbours.h"

enum { NAME_ROOM = 100 };

/* A set of vectors. */
struct set {
    const float *vectors;
    int64_t count, size;
};

static double distance_of(const struct set *a, const struct set *b) {
    struct gaussian first, second;
    struct cupel_error error = {0};
    double distance;
    cr_assert_eq(gaussian_fit(a->vectors, a->count, a->size, &first, &error), CUPEL_OK, "%s", error.message);
    cr_assert_eq(gaussian_fit(b->vectors, b->count, b->size, &second, &error), CUPEL_OK, "%s", error.message);
    cr_assert_eq(frechet_distance(&first, &second, &distance, &error), CUPEL_OK, "%s", error.message);
    gaussian_free(&first);
    gaussian_free(&second);
    return distance;
}

static double part_of(const struct set *a, const struct set *b) {
    struct cupel_error error = {0};
    double part;
    cr_assert_eq(covered_part(a->vectors, a->count, b->vectors, b->count, a->size, &part, &error), CUPEL_OK,
                 "%s", error.message);
    return part;
}

static void near(double found, double expected, double tolerance, const char *what) {
    cr_expect(fabs(found - expected) <= tolerance, "%s: %.15g, not %.15g", what, found, expected);
}

/* ---- NumPy ---- */

static const struct cupel_weight *golden(const struct cupel_weights *file, const char *name,
                                         const char *key) {
    char full[NAME_ROOM + 20];
    snprintf(full, sizeof full, "%s/%s", name, key);
    const struct cupel_weight *weight = cupel_weights_find(file, full);
    cr_assert_not_null(weight, "%s", full);
    return weight;
}

static struct set golden_set(const struct cupel_weights *file, const char *name, const char *key) {
    const struct cupel_weight *weight = golden(file, name, key);
    return (struct set){weight->data, weight->shape.dim[0], weight->shape.dim[1]};
}

static double golden_value(const struct cupel_weights *file, const char *name, const char *key) {
    return *(const double *)golden(file, name, key)->data;
}

Test(quality, figures_are_those_of_numpy) {
    struct cupel_weights file = {0};
    struct cupel_error error = {0};
    const char *path = CUPEL_SOURCE_DIR "/tests/golden/quality.safetensors";
    cr_assert_eq(cupel_weights_load(path, &file, &error), CUPEL_OK, "%s", error.message);
    int cases = 0;
    for (size_t i = 0; i < file.count; i++) {
        char name[NAME_ROOM];
        snprintf(name, sizeof name, "%s", file.tensors[i].name);
        char *slash = strrchr(name, '/');
        if (!slash || strcmp(slash, "/a") != 0) continue;
        *slash = '\0';
        const struct set a = golden_set(&file, name, "a"), b = golden_set(&file, name, "b");
        const double expected = golden_value(&file, name, "distance");
        near(distance_of(&a, &b), expected, 1e-9 * expected, name);
        near(distance_of(&b, &a), expected, 1e-9 * expected, name);
        near(part_of(&b, &a), golden_value(&file, name, "precision"), 1e-12, name);
        near(part_of(&a, &b), golden_value(&file, name, "recall"), 1e-12, name);
        cases++;
    }
    cr_assert_eq(cases, 8);
    cupel_weights_free(&file);
}

/* ---- known answers ---- */

enum { COUNT = 300, SIZE = 7 };

static void fill(float *vectors, uint32_t seed) {
    for (int i = 0; i < COUNT * SIZE; i++) {
        seed = seed * 1664525 + 1013904223;
        vectors[i] = (float)(seed >> 8) * 0x1p-24f;
    }
}

Test(quality, a_set_is_no_way_from_itself) {
    float vectors[COUNT * SIZE];
    fill(vectors, 1);
    const struct set set = {vectors, COUNT, SIZE}, few = {vectors, 4, SIZE};
    near(distance_of(&set, &set), 0, 1e-13, "itself");
    near(distance_of(&few, &few), 0, 1e-13, "fewer vectors than features");
    near(part_of(&set, &set), 1, 0, "precision");
    near(part_of(&few, &few), 1, 0, "precision of four");
    const float same[4 * SIZE] = {0};
    const struct set zeros = {same, 4, SIZE};
    near(distance_of(&zeros, &zeros), 0, 0, "zeros");
    near(part_of(&zeros, &zeros), 1, 0, "zeros");
}

/* (1 + 2 + ... + 7 squared) for the means; a factor s of everything about the mean leaves (1 - s)^2 of the variances. */
Test(quality, shifted_and_stretched_sets_are_as_far_as_the_formula_says) {
    static float vectors[COUNT * SIZE], moved[COUNT * SIZE];
    fill(vectors, 2);
    double square = 0;
    for (int f = 0; f < SIZE; f++) square += 0.25 * (f + 1) * 0.25 * (f + 1);
    for (int i = 0; i < COUNT * SIZE; i++) {
        vectors[i] = floorf(vectors[i] * 1024) / 1024; /* so that the sums are exact */
        moved[i] = vectors[i] + 0.25f * (float)(i % SIZE + 1);
    }
    const struct set set = {vectors, COUNT, SIZE}, other = {moved, COUNT, SIZE};
    near(distance_of(&set, &other), square, 1e-12, "moved");
    struct gaussian gaussian;
    cr_assert_eq(gaussian_fit(vectors, COUNT, SIZE, &gaussian, NULL), CUPEL_OK);
    double variance = 0, mean = 0;
    for (int f = 0; f < SIZE; f++) {
        variance += gaussian.covariance[f * SIZE + f];
        mean += 4 * gaussian.mean[f] * gaussian.mean[f];
    }
    gaussian_free(&gaussian);
    for (int i = 0; i < COUNT * SIZE; i++) moved[i] = 3 * vectors[i];
    near(distance_of(&set, &other), 4 * variance + mean, 1e-12, "three times");
}

Test(quality, coverage_counts_the_balls_of_the_third_neighbour) {
    /* On a line, the third neighbour of 0 is 3 away, those of 1 and 2 two, that of 3 three, that of 10 nine: the balls
     * reach from -3 to 6 and from 1 to 19. */
    const float line[] = {0, 1, 2, 3, 10}, points[] = {-3, -3.5F, 6, 6.5F, 19, 19.5F, 0.5F, 1};
    const struct set others = {line, 5, 1};
    const bool inside[] = {true, false, true, true, true, false, true, true};
    for (int i = 0; i < 8; i++) {
        const struct set point = {&points[i], 1, 1};
        near(part_of(&point, &others), inside[i], 0, "a point");
    }
    const struct set all = {points, 8, 1};
    near(part_of(&all, &others), 6.0 / 8, 0, "all points");
}

Test(quality, features_that_are_not_finite_are_refused) {
    float vectors[COUNT * SIZE];
    struct gaussian good, bad;
    struct cupel_error error = {0};
    double distance;
    fill(vectors, 3);
    cr_assert_eq(gaussian_fit(vectors, COUNT, SIZE, &good, NULL), CUPEL_OK);
    vectors[5] = NAN;
    cr_assert_eq(gaussian_fit(vectors, COUNT, SIZE, &bad, NULL), CUPEL_OK);
    cr_assert_eq(frechet_distance(&good, &bad, &distance, &error), CUPEL_FAILED);
    cr_assert_not_null(strstr(error.message, "infinite or NaN"));
    gaussian_free(&good);
    gaussian_free(&bad);
}
