/* Rounds: the same rows, timed in several processes, put together. */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "bench/bench.h"

/* One number of each round. */
struct column {
    double numbers[BENCH_MOST_ROUNDS];
    int count;
};

/* A number of the rounds that were quiet; of all where none was. */
static struct column column_of(const struct cupel_bench_time *const *times, int count, size_t offset) {
    struct column column = {.count = 0};
    for (int quiet = 1; quiet >= 0 && column.count == 0; quiet--)
        for (int i = 0; i < count; i++)
            if (times[i]->samples && (times[i]->quiet > 0) == quiet)
                memcpy(&column.numbers[column.count++], (const char *)times[i] + offset, sizeof(double));
    return column;
}

static struct cupel_bench_time merge_times(const struct cupel_bench_time *const *times, int count) {
    struct cupel_bench_time time = {.best = INFINITY};
    for (int i = 0; i < count; i++) {
        time.samples += times[i]->samples;
        time.passes += times[i]->passes;
        time.quiet += times[i]->quiet;
        if (times[i]->samples) time.best = fmin(time.best, times[i]->best);
    }
    if (!time.samples) return (struct cupel_bench_time){0};
    struct column medians = column_of(times, count, offsetof(struct cupel_bench_time, median)),
                  tails = column_of(times, count, offsetof(struct cupel_bench_time, p95)),
                  quarters = column_of(times, count, offsetof(struct cupel_bench_time, quarter));
    double low, high;
    time.median = median(medians.numbers, medians.count);
    time.p95 = median(tails.numbers, tails.count);
    settle(quarters.numbers, quarters.count, &time);
    median_interval(medians.numbers, medians.count, &low, &high);
    time.noise = (high - low) / 2 / time.median;
    return time;
}

static void merge_row(const struct cupel_bench *rounds, int count, struct cupel_bench_row *row) {
    const struct cupel_bench_time *hot[BENCH_MOST_ROUNDS], *cold[BENCH_MOST_ROUNDS];
    int found = 0;
    for (int r = 0; r < count; r++) {
        const struct cupel_bench_row *one = bench_find(&rounds[r], row->name);
        if (!one || *one->note) continue;
        hot[found] = &one->hot;
        cold[found++] = &one->cold;
    }
    row->hot = merge_times(hot, found);
    row->cold = merge_times(cold, found);
}

enum cupel_status bench_merge(const struct cupel_bench *rounds, int count, struct cupel_bench *bench,
                              struct cupel_error *error) {
    struct column launches = {.count = 0};
    cupel_bench_free(bench);
    *bench = rounds[0];
    bench->rows = NULL;
    bench->count = 0;
    for (int r = 0; r < count; r++) {
        bench->copy_rate = fmax(bench->copy_rate, rounds[r].copy_rate);
        bench->product_rate = fmax(bench->product_rate, rounds[r].product_rate);
        launches.numbers[launches.count++] = rounds[r].launch;
    }
    bench->launch = median(launches.numbers, launches.count);
    for (int i = 0; i < rounds[0].count; i++) {
        struct cupel_bench_row row = rounds[0].rows[i];
        if (!*row.note) merge_row(rounds, count, &row);
        row_rate(bench, &row);
        CUPEL_TRY(bench_add(bench, &row, error));
    }
    return CUPEL_OK;
}
