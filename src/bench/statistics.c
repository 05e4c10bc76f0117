/* Times into numbers: medians, and how far they can be trusted. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"

enum { ENOUGH = 15, FEW = 3 };
static const double confidence = 0.92, settled = 0.02, least_use = 0.9;

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

double median(double *numbers, int count) {
    sort_numbers(numbers, count);
    return count ? quantile(numbers, count, 0.5) : 0;
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

void settle(double *quarters, int count, struct cupel_bench_time *time) {
    time->quarter = median(quarters, count);
    time->fastest = quarters[0];
    median_interval(quarters, count, &time->low, &time->high);
}

/* ---- series ---- */

static enum cupel_status make_room(struct series *series, struct cupel_error *error) {
    if (series->count < series->room) return CUPEL_OK;
    const int room = series->room ? 2 * series->room : 64;
    struct sample *samples = realloc(series->samples, (size_t)room * sizeof *samples);
    if (!samples) return cupel_fail(error, CUPEL_NOMEM, "no memory for %d times", room);
    series->samples = samples;
    series->room = room;
    return CUPEL_OK;
}

enum cupel_status series_add(struct series *series, double seconds, double use, struct cupel_error *error) {
    CUPEL_TRY(make_room(series, error));
    series->samples[series->count++] = (struct sample){seconds, use, series->passes};
    if (use > series->use) series->use = use;
    return CUPEL_OK;
}

static bool is_quiet(const struct series *series, const struct sample *sample) {
    return sample->use >= least_use * series->use;
}

/* The samples of a pass that count, in order of size, at `sorted`; whether it was quiet. All count where it was not. */
static bool sort_pass(const struct series *series, int pass, double *sorted, int *count) {
    int quiet = 0, all = 0;
    for (int i = 0; i < series->count; i++) {
        if (series->samples[i].pass != pass) continue;
        all++;
        if (is_quiet(series, &series->samples[i])) sorted[quiet++] = series->samples[i].seconds;
    }
    const bool is = quiet >= FEW || quiet == all;
    *count = quiet;
    if (!is) {
        *count = 0;
        for (int i = 0; i < series->count; i++)
            if (series->samples[i].pass == pass) sorted[(*count)++] = series->samples[i].seconds;
    }
    sort_numbers(sorted, *count);
    return is && *count;
}

static double relative_width(const double *sorted, int count) {
    double low, high;
    median_interval(sorted, count, &low, &high);
    const double middle = quantile(sorted, count, 0.5);
    return middle > 0 ? (high - low) / 2 / middle : 0;
}

int series_quiet(const struct series *series) {
    int quiet = 0;
    for (int i = series->count - 1; i >= 0 && series->samples[i].pass == series->passes; i--)
        quiet += is_quiet(series, &series->samples[i]);
    return quiet;
}

bool series_settled(const struct series *series) {
    if (series_quiet(series) < ENOUGH) return false;
    double *sorted = malloc(((size_t)series->count + 1) * sizeof *sorted);
    int count = 0;
    const bool done = sorted && sort_pass(series, series->passes, sorted, &count) &&
                      relative_width(sorted, count) < settled;
    free(sorted);
    return done;
}

void series_end(struct series *series) {
    const bool some = series->count && series->samples[series->count - 1].pass == series->passes;
    if (some && series->passes < MOST_PASSES - 1) series->passes++;
}

/* Of the passes that were quiet; of all where none was. */
struct cupel_bench_time series_summary(const struct series *series) {
    struct cupel_bench_time time = {.passes = series->passes};
    const size_t room = (size_t)series->count + 1;
    double quarters[MOST_PASSES], *all = malloc(room * sizeof *all), *sorted = malloc(room * sizeof *sorted);
    int passes = 0, n_all = 0;
    for (int wanted = 1; wanted >= 0 && passes == 0 && all && sorted; wanted--) {
        for (int p = 0; p < series->passes; p++) {
            int count;
            if (sort_pass(series, p, sorted, &count) != wanted || !count) continue;
            memcpy(all + n_all, sorted, (size_t)count * sizeof *all);
            n_all += count;
            quarters[passes++] = quantile(sorted, count, 0.25);
        }
        if (wanted) time.quiet = passes;
    }
    if (passes) {
        time.samples = n_all;
        sort_numbers(all, n_all);
        time.best = all[0];
        time.median = quantile(all, n_all, 0.5);
        time.p95 = quantile(all, n_all, 0.95);
        time.noise = relative_width(all, n_all);
        settle(quarters, passes, &time);
    }
    free(all);
    free(sorted);
    return passes ? time : (struct cupel_bench_time){0};
}

void series_free(struct series *series) {
    free(series->samples);
    *series = (struct series){0};
}
