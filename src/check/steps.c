/* Steps of both devices on their own, beside each other. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/check.h"
#include "train/classify.h"
#include "train/gan.h"

enum { MOST_LOSSES = CUPEL_ROLES };

/* What a step left behind: losses, and vectors of numbers that stand for gradients, parameters and running statistics. */
struct vector {
    char name[200];
    float *numbers;
    int64_t count;
};
struct snapshot {
    float losses[MOST_LOSSES];
    struct vector *vectors;
    int count;
};

struct steps {
    struct sides *sides;
    struct cupel_check *check;
    const char *const *loss_names;
    int losses;
};

static void snapshot_free(struct snapshot *snapshot) {
    for (int i = 0; i < snapshot->count; i++) free(snapshot->vectors[i].numbers);
    free(snapshot->vectors);
    *snapshot = (struct snapshot){0};
}

/* ---- reading ---- */

/* Adds a vector of `count` numbers, for the caller to fill. */
static enum cupel_status add_vector(struct snapshot *snapshot, const char *what, const char *of,
                                    int64_t count, struct vector **vector, struct cupel_error *error) {
    struct vector *vectors =
        realloc(snapshot->vectors, (size_t)(snapshot->count + 1) * sizeof *snapshot->vectors);
    if (vectors) snapshot->vectors = vectors;
    float *numbers = vectors ? calloc((size_t)count + 1, sizeof *numbers) : NULL;
    if (!numbers) {
        cupel_fail(error, CUPEL_NOMEM, "no memory for the %s of %s", what, of);
        return CUPEL_NOMEM;
    }
    *vector = &vectors[snapshot->count++];
    **vector = (struct vector){.numbers = numbers, .count = count};
    snprintf((*vector)->name, sizeof(*vector)->name, "%s of %s", what, of);
    return CUPEL_OK;
}

/* With a given batch losses are outputs; otherwise the step has added them up from zero. */
static enum cupel_status read_losses(const struct steps *steps, struct side *side, struct snapshot *snapshot,
                                     struct cupel_error *error) {
    struct cupel_plan *plan = side->observed ? side->observed : side->step;
    float sums[GAN_METRICS];
    for (int i = 0; i < steps->sides->losses; i++)
        CUPEL_TRY(cupel_plan_read(plan, i, &snapshot->losses[i], sizeof snapshot->losses[i], error));
    if (steps->sides->losses) return CUPEL_OK;
    const bool gan = cupel_model_task(side->setup.model) == CUPEL_TASK_GAN;
    const size_t count = gan ? GAN_METRICS : METRICS;
    CUPEL_TRY(cupel_store_read(side->setup.store, TRAIN_METRICS, sums, count * sizeof *sums, error));
    memcpy(snapshot->losses, sums, (size_t)steps->losses * sizeof *sums);
    return CUPEL_OK;
}

static enum cupel_status read_gradients(const struct steps *steps, struct side *side,
                                        struct snapshot *snapshot, struct cupel_error *error) {
    const struct sides *sides = steps->sides;
    struct vector *vector;
    for (int i = 0; i < sides->gradients; i++) {
        CUPEL_TRY(add_vector(snapshot, "gradient", sides->names[i], sides->counts[i], &vector, error));
        if (side->observed)
            CUPEL_TRY(cupel_plan_read(side->observed, sides->losses + i, vector->numbers,
                                      (size_t)vector->count * sizeof(float), error));
        else
            vector->count = 0;
    }
    return CUPEL_OK;
}

/* Whether an entry of a store is a running statistic of the network. */
static bool is_statistic(const struct cupel_store_entry *entry, const char *network) {
    const size_t length = strlen(network);
    return !entry->part && entry->dtype == CUPEL_F32 && strncmp(entry->name, network, length) == 0 &&
           entry->name[length] == '.';
}

/* The trusted device's store says which, and in which order. */
static enum cupel_status read_statistics(const struct steps *steps, struct side *side, const char *network,
                                         struct snapshot *snapshot, struct cupel_error *error) {
    const struct cupel_store *store = steps->sides->trusted.setup.store;
    struct vector *vector;
    int64_t count = 0;
    for (int i = 0; i < cupel_store_count(store); i++) {
        const struct cupel_store_entry entry = cupel_store_entry(store, i);
        if (is_statistic(&entry, network)) count += cupel_shape_count(&entry.shape);
    }
    if (!count) return CUPEL_OK;
    CUPEL_TRY(add_vector(snapshot, "running statistics", network, count, &vector, error));
    count = 0;
    for (int i = 0; i < cupel_store_count(store); i++) {
        const struct cupel_store_entry entry = cupel_store_entry(store, i);
        if (!is_statistic(&entry, network)) continue;
        const int64_t here = cupel_shape_count(&entry.shape);
        CUPEL_TRY(cupel_store_read(side->setup.store, entry.name, vector->numbers + count,
                                   (size_t)here * sizeof(float), error));
        count += here;
    }
    return CUPEL_OK;
}

static enum cupel_status read_snapshot(const struct steps *steps, struct side *side,
                                       struct snapshot *snapshot, struct cupel_error *error) {
    const struct setup *setup = &side->setup;
    struct vector *vector;
    CUPEL_TRY(read_losses(steps, side, snapshot, error));
    CUPEL_TRY(read_gradients(steps, side, snapshot, error));
    for (int i = 0; i < setup->learner_count; i++) {
        const struct cupel_network *network = setup->learners[i].network;
        const char *name = cupel_network_name(network);
        const int64_t range = cupel_network_range(network);
        CUPEL_TRY(add_vector(snapshot, "parameters", name, range, &vector, error));
        CUPEL_TRY(
            cupel_store_read(setup->store, name, vector->numbers, (size_t)range * sizeof(float), error));
        CUPEL_TRY(read_statistics(steps, side, name, snapshot, error));
    }
    return CUPEL_OK;
}

static enum cupel_status run_step(const struct steps *steps, struct side *side, struct snapshot *snapshot,
                                  struct cupel_error *error) {
    CUPEL_TRY(side_rewind(steps->sides, side, error));
    CUPEL_TRY(cupel_run(side->observed ? side->observed : side->step, error));
    return read_snapshot(steps, side, snapshot, error);
}

/* ---- comparing ---- */

static double norm_of(const float *numbers, int64_t count) {
    double squares = 0;
    for (int64_t i = 0; i < count; i++) squares += (double)numbers[i] * numbers[i];
    return sqrt(squares);
}

/* The parameter of a network whose part of the range differs most. */
static void find_worst(const struct steps *steps, const struct vector *got, const struct vector *expected,
                       struct cupel_check_point *point) {
    const struct setup *setup = &steps->sides->trusted.setup;
    double most = 0;
    for (int l = 0; l < setup->learner_count; l++) {
        const struct cupel_network *network = setup->learners[l].network;
        const char *of = strstr(got->name, " of "), *name = cupel_network_name(network);
        int count;
        const struct cupel_parameter *parameters = cupel_network_parameters(network, &count);
        if (!of || strcmp(of + 4, name) != 0 || got->count != cupel_network_range(network)) continue;
        for (int p = 0; p < count; p++) {
            double squares = 0;
            const int64_t first = parameters[p].offset, size = cupel_shape_count(&parameters[p].shape);
            for (int64_t i = first; i < first + size; i++) {
                const double off = (double)got->numbers[i] - expected->numbers[i];
                squares += isfinite(off) ? off * off : INFINITY;
            }
            if (!(squares > most)) continue;
            most = squares;
            snprintf(point->worst, sizeof point->worst, "%s", parameters[p].name);
        }
    }
}

static enum cupel_status add_point(struct steps *steps, struct cupel_check_point *point, double gross,
                                   struct cupel_error *error) {
    struct cupel_check *check = steps->check;
    struct cupel_check_point *points =
        realloc(check->points, (size_t)(check->point_count + 1) * sizeof *points);
    if (!points) return cupel_fail(error, CUPEL_NOMEM, "no memory for the steps");
    check->points = points;
    points[check->point_count++] = *point;
    if (!(point->error <= check->step_tolerance) && !check->first_beyond) check->first_beyond = point->step;
    if (*check->steps_note) return CUPEL_OK;
    if (isfinite(point->expected) && !isfinite(point->got))
        snprintf(check->steps_note, sizeof check->steps_note, "step %" PRId64 ": %s is %g, not %g",
                 point->step, point->name, point->got, point->expected);
    else if (point->step == 1 && point->error > gross)
        snprintf(check->steps_note, sizeof check->steps_note,
                 "the first step's %s is off by %.2g (%.9g, not %.9g); at most %.2g is let pass%s%s",
                 point->name, point->error, point->got, point->expected, gross,
                 *point->worst ? "; most of it in " : "", point->worst);
    return CUPEL_OK;
}

static double relative(double got, double expected) {
    if (got == expected || (isnan(got) && isnan(expected))) return 0;
    return isfinite(got) && isfinite(expected) ? fabs(got - expected) / fmax(fabs(expected), 1e-30)
                                               : INFINITY;
}

static enum cupel_status compare(struct steps *steps, int64_t step, const struct snapshot *got,
                                 const struct snapshot *expected, struct cupel_error *error) {
    const double tolerance = steps->check->step_tolerance;
    for (int i = 0; i < steps->losses; i++) {
        const double b = got->losses[i], a = expected->losses[i];
        struct cupel_check_point point = {.step = step, .got = b, .expected = a, .error = relative(b, a)};
        snprintf(point.name, sizeof point.name, "%s", steps->loss_names[i]);
        CUPEL_TRY(add_point(steps, &point, fmin(100 * tolerance, 0.5), error));
    }
    for (int i = 0; i < expected->count; i++) {
        const struct vector *b = &got->vectors[i], *a = &expected->vectors[i];
        const bool gradient = strncmp(a->name, "gradient", 8) == 0;
        if (b->count != a->count) continue; /* a gradient that one side cannot show */
        const struct measure m = measure_arrays(b->numbers, a->numbers, CUPEL_F32, CUPEL_F32, a->count);
        struct cupel_check_point point = {.step = step,
                                          .got = norm_of(b->numbers, b->count),
                                          .expected = norm_of(a->numbers, a->count),
                                          .error = m.error};
        snprintf(point.name, sizeof point.name, "%s", a->name);
        find_worst(steps, b, a, &point);
        CUPEL_TRY(add_point(steps, &point, gradient ? fmin(1e4 * tolerance, 0.5) : INFINITY, error));
    }
    return CUPEL_OK;
}

/* ---- all steps ---- */

static void name_losses(struct steps *steps) {
    static const char *const one[] = {"loss"};
    static const char *const added[] = {"discriminator loss", "generator loss", "code loss"};
    static const char *const given[] = {"generator loss", "discriminator loss", "code loss"}; /* by learner */
    const struct setup *setup = &steps->sides->trusted.setup;
    const bool gan = cupel_model_task(setup->model) == CUPEL_TASK_GAN;
    steps->loss_names = !gan ? one : steps->sides->losses ? given : added;
    steps->losses = gan ? setup->learner_count : 1;
}

static enum cupel_status run_all(struct steps *steps, const struct judge *judge, struct snapshot *got,
                                 struct snapshot *expected, struct cupel_error *error) {
    struct sides *sides = steps->sides;
    const struct start start = {sides->trusted.setup.store, sides->checked.setup.store};
    CUPEL_TRY(run_step(steps, &sides->trusted, expected, error));
    CUPEL_TRY(side_rewind(sides, &sides->trusted, error));
    CUPEL_TRY(walk_plan(judge, sides->checked.step, &start, sides->options, steps->check, error));
    for (int64_t step = 1; step <= sides->steps; step++) {
        CUPEL_TRY(run_step(steps, &sides->checked, got, error));
        if (step > 1) CUPEL_TRY(run_step(steps, &sides->trusted, expected, error));
        CUPEL_TRY(compare(steps, step, got, expected, error));
        snapshot_free(got);
        snapshot_free(expected);
    }
    return CUPEL_OK;
}

enum cupel_status run_steps(struct sides *sides, const struct judge *judge, struct cupel_check *check,
                            struct cupel_error *error) {
    const double usual = default_tolerance(judge->plan.precision);
    check->step_tolerance = judge->tolerance > 0 ? judge->tolerance : usual;
    struct steps steps = {.sides = sides, .check = check};
    struct snapshot got = {0}, expected = {0};
    name_losses(&steps);
    struct cupel_error own = {0};
    const enum cupel_status status = run_all(&steps, judge, &got, &expected, &own);
    snapshot_free(&got);
    snapshot_free(&expected);
    return check_stopped(check, status, &own, error);
}
