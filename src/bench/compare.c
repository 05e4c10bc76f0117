/* Tells slower and faster rows from noise. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"

/* Of fewer rows than MANY the ratios say nothing of the machine: too many of them may be what has changed. */
enum { MANY = 20, LEAST_QUIET = 3, LEAST_KIN = 3 };
static const double least_change = 0.05, deviations = 4, normal = 1.4826 /* standard deviations in a MAD */;
/* What takes less than so many launches is short; it must have changed by this part of itself when it is alone, by so many
 * launches when the op's other rows agree. */
static const double short_row = 20, least_alone = 0.5, least_together = 0.5;

static const struct cupel_bench_row *find(const struct cupel_bench *bench, const char *name) {
    for (int i = 0; i < bench->count; i++)
        if (strcmp(bench->rows[i].name, name) == 0) return &bench->rows[i];
    return NULL;
}

static bool is_comparable(const struct cupel_bench_row *row) {
    return row && row->hot.quiet >= LEAST_QUIET && row->hot.low > 0 && row->hot.quarter > 0 &&
           row->hot.high > 0;
}

/* By row: log(new / old), NaN for rows that cannot be compared. */
static int take_ratios(struct cupel_bench *bench, const struct cupel_bench *old,
                       const struct cupel_bench_row **partners, double *sorted) {
    int count = 0;
    for (int i = 0; i < bench->count; i++) {
        const struct cupel_bench_row *row = &bench->rows[i], *partner = find(old, row->name);
        partners[i] = is_comparable(row) && is_comparable(partner) ? partner : NULL;
        if (partners[i]) sorted[count++] = log(row->hot.quarter / partner->hot.quarter);
    }
    sort_numbers(sorted, count);
    return count;
}

/* How much slower the machine was by what the headers measured: the median of the three. */
static double header_shift(const struct cupel_bench *bench, const struct cupel_bench *old) {
    const double rates[][2] = {{bench->launch, old->launch},
                               {old->copy_rate, bench->copy_rate},
                               {old->product_rate, bench->product_rate}};
    double logs[3];
    int count = 0;
    for (int i = 0; i < 3; i++)
        if (rates[i][0] > 0 && rates[i][1] > 0) logs[count++] = log(rates[i][0] / rates[i][1]);
    sort_numbers(logs, count);
    return count ? quantile(logs, count, 0.5) : 0;
}

struct judging {
    struct cupel_bench *bench;
    const struct cupel_bench *old;
    const struct cupel_bench_row **partners; /* by row; NULL: it cannot be compared */
    double shift, least;                     /* of log(new / old): the machine's, and what is too little */
};

static double change_of(const struct judging *judging, int index) {
    return log(judging->bench->rows[index].hot.quarter / judging->partners[index]->hot.quarter) -
           judging->shift;
}

static double spread(double *sorted, int count, double shift) {
    for (int i = 0; i < count; i++) sorted[i] = fabs(sorted[i] - shift);
    sort_numbers(sorted, count);
    return normal * quantile(sorted, count, 0.5);
}

/* Where code and data happen to lie in a process makes more of a difference to what takes a microsecond than noise within the
 * process shows, one way for one row and the other for the next. So a short row's change is believed when most rows of its op
 * have changed that way, or, where there are hardly any, when it has changed by half. */
static bool is_believed(const struct judging *judging, int index, double change) {
    const struct cupel_bench *bench = judging->bench;
    const struct cupel_bench_row *row = &bench->rows[index];
    const double launch = judging->old->launch, before = judging->partners[index]->hot.quarter,
                 part = fabs(expm1(change));
    int kin = 0, alike = 0;
    if (before >= short_row * launch) return true;
    for (int i = 0; i < bench->count; i++) {
        if (!judging->partners[i] || strcmp(bench->rows[i].op, row->op) != 0) continue;
        const double other = change_of(judging, i);
        kin++;
        alike += change > 0 ? other > log1p(least_change) : other < -log1p(least_change);
    }
    if (kin < LEAST_KIN) return part > least_alone;
    return 2 * alike > kin && part * before > least_together * launch;
}

static void judge(const struct judging *judging, int index) {
    struct cupel_bench_row *row = &judging->bench->rows[index];
    const struct cupel_bench_time *old = &judging->partners[index]->hot;
    const double change = change_of(judging, index), beyond = log1p(least_change);
    const double slower =
        log(row->hot.low / old->high) - judging->shift; /* > 0: the intervals do not touch */
    const double faster = judging->shift - log(row->hot.high / old->low);
    row->change = expm1(change);
    row->verdict = CUPEL_BENCH_SAME;
    if (!is_believed(judging, index, change)) return;
    if (change > judging->least && slower > beyond) row->verdict = CUPEL_BENCH_SLOWER;
    if (change < -judging->least && faster > beyond) row->verdict = CUPEL_BENCH_FASTER;
}

static enum cupel_status check(const struct cupel_bench *bench, const struct cupel_bench *old,
                               struct cupel_error *error) {
    const struct {
        const char *what, *new, *old;
    } texts[] = {{"title", bench->title, old->title},
                 {"device", bench->device, old->device},
                 {"precision", bench->precision, old->precision}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strcmp(texts[i].new, texts[i].old) != 0)
            return cupel_fail(error, CUPEL_INVALID,
                              "the two have another %s, '%s' and '%s'; measure both alike", texts[i].what,
                              texts[i].new, texts[i].old);
    if (bench->threads != old->threads)
        return cupel_fail(error, CUPEL_INVALID, "one was measured with %d threads, the other with %d",
                          bench->threads, old->threads);
    if (bench->batch != old->batch)
        return cupel_fail(error, CUPEL_INVALID, "one was measured with batch %lld, the other with %lld",
                          (long long)bench->batch, (long long)old->batch);
    return CUPEL_OK;
}

enum cupel_status cupel_bench_compare(struct cupel_bench *bench, const struct cupel_bench *old,
                                      struct cupel_error *error) {
    CUPEL_TRY(check(bench, old, error));
    const size_t room = (size_t)bench->count + 1;
    const struct cupel_bench_row **partners = calloc(room, sizeof(struct cupel_bench_row *));
    double *sorted = calloc(room, sizeof *sorted);
    const bool has = partners && sorted;
    const int count = has ? take_ratios(bench, old, partners, sorted) : 0;
    struct judging judging = {.bench = bench, .old = old, .partners = partners, .least = log1p(least_change)};
    judging.shift = count >= MANY ? quantile(sorted, count, 0.5) : header_shift(bench, old);
    if (count >= MANY) judging.least = fmax(judging.least, deviations * spread(sorted, count, judging.shift));
    bench->shift = exp(judging.shift);
    bench->slower = bench->faster = bench->missing = 0;
    for (int i = 0; has && i < bench->count; i++) {
        struct cupel_bench_row *row = &bench->rows[i];
        row->verdict = CUPEL_BENCH_ALONE;
        if (partners[i]) judge(&judging, i);
        bench->slower += row->verdict == CUPEL_BENCH_SLOWER;
        bench->faster += row->verdict == CUPEL_BENCH_FASTER;
    }
    for (int i = 0; i < old->count; i++) bench->missing += !find(bench, old->rows[i].name);
    free(partners);
    free(sorted);
    return has ? CUPEL_OK : cupel_fail(error, CUPEL_NOMEM, "no memory to compare %d rows", bench->count);
}
