/* Times into numbers: medians, and how far they can be trusted. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"

enum { ENOUGH = 15, FEW = 3 };
static const double confidence = 0.92, settled = 0.02;

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void sort_numbers(double *numbers, int count) {
    qsort(numbers, (size_t)count, sizeof *numbers, ascending);
}

double quantile(const double *sorted, int count, double part) {
    const double at = part * (count - 1);
    const int below = (int)at, above = below + 1 < count ? below + 1 : below;
    return sorted[below] + (at - below) * (sorted[above] - sorted[below]);
}

/* The median lies between the j-th smallest and the j-th largest of n unless fewer than j are on one side of it; the number on
 * a side is binomial with probability 1/2 (Conover, Practical Nonparametric Statistics, 1999, section 3.2). Returns the
 * largest j that is sure enough, at least 1. */
static int order(int count) {
    double term = exp2(-count), below = term; /* P(0 on a side) */
    if (count > 1000) return (int)((count - 1.96 * sqrt(count)) / 2);
    int j = 1;
    for (int k = 1; k < count / 2; k++) {
        term *= (double)(count - k + 1) / k;
        below += term;
        if (1 - 2 * below < confidence) break;
        j = k + 1;
    }
    return j;
}

void median_interval(const double *sorted, int count, double *low, double *high) {
    const int j = order(count);
    *low = sorted[j - 1];
    *high = sorted[count - j];
}

/* ---- series ---- */

static enum cupel_status make_room(struct series *series, struct cupel_error *error) {
    if (series->count < series->room) return CUPEL_OK;
    const int room = series->room ? 2 * series->room : 64;
    double *seconds = realloc(series->seconds, (size_t)room * sizeof *seconds);
    if (!seconds) return cupel_fail(error, CUPEL_NOMEM, "no memory for %d times", room);
    series->seconds = seconds;
    series->room = room;
    return CUPEL_OK;
}

enum cupel_status series_add(struct series *series, double seconds, bool disturbed,
                             struct cupel_error *error) {
    CUPEL_TRY(make_room(series, error));
    const int first = series->count - series->disturbed; /* of those that were disturbed */
    series->seconds[series->count++] = seconds;
    if (disturbed) {
        series->disturbed++;
    } else {
        const double other = series->seconds[first];
        series->seconds[first] = seconds;
        series->seconds[series->count - 1] = other;
    }
    return CUPEL_OK;
}

/* The samples of the pass under way that count, in order of size; to be freed. */
static double *sorted_pass(const struct series *series, int *count) {
    const int all = series->count - series->begun, quiet = all - series->disturbed;
    *count = quiet >= FEW ? quiet : all;
    double *sorted = malloc(((size_t)*count + 1) * sizeof *sorted);
    if (!sorted) return NULL;
    if (*count) memcpy(sorted, series->seconds + series->begun, (size_t)*count * sizeof *sorted);
    sort_numbers(sorted, *count);
    return sorted;
}

static double relative_width(const double *sorted, int count) {
    double low, high;
    median_interval(sorted, count, &low, &high);
    const double median = quantile(sorted, count, 0.5);
    return median > 0 ? (high - low) / 2 / median : 0;
}

bool series_settled(const struct series *series) {
    if (series->count - series->begun - series->disturbed < ENOUGH) return false;
    int count;
    double *sorted = sorted_pass(series, &count);
    const bool done = sorted && relative_width(sorted, count) < settled;
    free(sorted);
    return done;
}

void series_end(struct series *series) {
    int count;
    double *sorted = sorted_pass(series, &count);
    if (sorted && count && series->passes < MOST_PASSES) {
        series->quarter[series->passes++] = quantile(sorted, count, 0.25);
        series->count = series->begun + count;
    }
    free(sorted);
    series->begun = series->count;
    series->disturbed = 0;
}

struct cupel_bench_time series_summary(const struct series *series) {
    struct cupel_bench_time time = {.samples = series->count, .passes = series->passes};
    double quarters[MOST_PASSES], *sorted = malloc(((size_t)series->count + 1) * sizeof *sorted);
    if (!sorted || !series->count || !series->passes) {
        free(sorted);
        return (struct cupel_bench_time){0};
    }
    memcpy(sorted, series->seconds, (size_t)series->count * sizeof *sorted);
    sort_numbers(sorted, series->count);
    time.best = sorted[0];
    time.median = quantile(sorted, series->count, 0.5);
    time.p95 = quantile(sorted, series->count, 0.95);
    time.noise = relative_width(sorted, series->count);
    free(sorted);
    memcpy(quarters, series->quarter, (size_t)series->passes * sizeof *quarters);
    sort_numbers(quarters, series->passes);
    time.quarter = quantile(quarters, series->passes, 0.5);
    median_interval(quarters, series->passes, &time.low, &time.high);
    return time;
}

void series_free(struct series *series) {
    free(series->seconds);
    *series = (struct series){0};
}
