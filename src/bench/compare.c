/* Tells slower and faster rows from noise. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"

enum { WITNESSES = 24, LEAST_QUIET = 3, LEAST_KIN = 3 };
static const double least_change = 0.05, deviations = 4,
                    normal = 0.8693 /* standard deviations in the third quartile of deviations */;
/* What takes less than so many launches is short; it must have changed by this part of itself when it is alone, by so many
 * launches when the op's other rows agree. */
static const double short_row = 20, least_alone = 0.5, least_together = 0.5;
/* An op is slower when most of so many rows are by so much. */
enum { LEAST_ROWS = 5 };
static const double least_op = 0.1;

/* A row beside the old one of its name. What a row is judged by are its witnesses, other ops' rows that take about as long:
 * what disturbs the machine for minutes hits what fills its caches and all its threads otherwise than what does not. */
struct pair {
    const struct cupel_bench_time *new, *old; /* NULL: they cannot be compared */
    double ratio, fast;                       /* log(new / old), and that of the fastest passes */
    double shift, fast_shift;                 /* of them: what the witnesses say of the machine */
    double least;                             /* of the ratio: less is not told */
};

struct comparison {
    const struct cupel_bench *bench, *old;
    struct pair *pairs; /* by row of `bench` */
};

struct witnesses {
    int rows[WITNESSES], count;
    double distances[WITNESSES]; /* of the logarithms of the old times, growing */
};

static bool is_comparable(const struct cupel_bench_row *row) {
    return row && row->hot.quiet >= LEAST_QUIET && row->hot.fastest > 0 && row->hot.low > 0 &&
           row->hot.quarter > 0 && row->hot.high > 0;
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
    return median(logs, count);
}

/* ---- witnesses ---- */

static void add_witness(struct witnesses *witnesses, int row, double distance) {
    if (witnesses->count == WITNESSES && distance >= witnesses->distances[WITNESSES - 1]) return;
    int at = witnesses->count < WITNESSES ? witnesses->count++ : WITNESSES - 1;
    for (; at > 0 && witnesses->distances[at - 1] > distance; at--) {
        witnesses->distances[at] = witnesses->distances[at - 1];
        witnesses->rows[at] = witnesses->rows[at - 1];
    }
    witnesses->distances[at] = distance;
    witnesses->rows[at] = row;
}

static void call_witnesses(const struct comparison *comparison, int index, struct witnesses *witnesses) {
    const struct cupel_bench *bench = comparison->bench;
    const double own = log(comparison->pairs[index].old->quarter);
    witnesses->count = 0;
    for (int i = 0; i < bench->count; i++) {
        const struct pair *pair = &comparison->pairs[i];
        if (pair->old && strcmp(bench->rows[i].op, bench->rows[index].op) != 0)
            add_witness(witnesses, i, fabs(log(pair->old->quarter) - own));
    }
}

static void hear_witnesses(const struct comparison *comparison, int index) {
    struct pair *pair = &comparison->pairs[index];
    struct witnesses witnesses;
    double ratios[WITNESSES], fast[WITNESSES];
    call_witnesses(comparison, index, &witnesses);
    pair->least = log1p(least_change);
    if (witnesses.count < WITNESSES) {
        pair->shift = pair->fast_shift = header_shift(comparison->bench, comparison->old);
        return;
    }
    for (int w = 0; w < WITNESSES; w++) {
        ratios[w] = comparison->pairs[witnesses.rows[w]].ratio;
        fast[w] = comparison->pairs[witnesses.rows[w]].fast;
    }
    pair->fast_shift = median(fast, WITNESSES);
    pair->shift = median(ratios, WITNESSES);
    for (int w = 0; w < WITNESSES; w++) ratios[w] = fabs(ratios[w] - pair->shift);
    sort_numbers(ratios,
                 WITNESSES); /* not their median: a third of the witnesses may have been hit otherwise */
    pair->least = fmax(pair->least, deviations * normal * quantile(ratios, WITNESSES, 0.75));
}

/* ---- comparing ---- */

static enum cupel_status open_comparison(const struct cupel_bench *bench, const struct cupel_bench *old,
                                         struct comparison *comparison, struct cupel_error *error) {
    *comparison = (struct comparison){.bench = bench, .old = old};
    comparison->pairs = calloc((size_t)bench->count + 1, sizeof *comparison->pairs);
    if (!comparison->pairs)
        return cupel_fail(error, CUPEL_NOMEM, "no memory to compare %d rows", bench->count);
    for (int i = 0; i < bench->count; i++) {
        const struct cupel_bench_row *row = &bench->rows[i], *partner = bench_find(old, row->name);
        if (!is_comparable(row) || !is_comparable(partner)) continue;
        comparison->pairs[i] = (struct pair){.new = &row->hot,
                                             .old = &partner->hot,
                                             .ratio = log(row->hot.quarter / partner->hot.quarter),
                                             .fast = log(row->hot.fastest / partner->hot.fastest)};
    }
    for (int i = 0; i < bench->count; i++)
        if (comparison->pairs[i].old) hear_witnesses(comparison, i);
    return CUPEL_OK;
}

static double change_of(const struct pair *pair) {
    return pair->ratio - pair->shift;
}

/* Where code and data happen to lie in a process makes more of a difference to what takes a microsecond than noise within the
 * process shows, one way for one row and the other for the next. So a short row's change is believed when most rows of its op
 * have changed that way, or, where there are hardly any, when it has changed by half. */
static bool is_believed(const struct comparison *comparison, int index) {
    const struct cupel_bench *bench = comparison->bench;
    const struct pair *pair = &comparison->pairs[index];
    const double launch = comparison->old->launch, before = pair->old->quarter, change = change_of(pair),
                 part = fabs(expm1(change));
    int kin = 0, alike = 0;
    if (before >= short_row * launch) return true;
    for (int i = 0; i < bench->count; i++) {
        if (!comparison->pairs[i].old || strcmp(bench->rows[i].op, bench->rows[index].op) != 0) continue;
        const double other = change_of(&comparison->pairs[i]);
        kin++;
        alike += change > 0 ? other > log1p(least_change) : other < -log1p(least_change);
    }
    if (kin < LEAST_KIN) return part > least_alone;
    return 2 * alike > kin && part * before > least_together * launch;
}

static bool is_slower(const struct pair *pair) {
    return pair->fast - pair->fast_shift > log1p(least_op);
}

/* Not even its fastest pass takes as little as the old ones at the median. */
static bool is_apart(const struct pair *pair) {
    return log(pair->new->fastest / pair->old->quarter) > pair->fast_shift;
}

/* Rows that are each within noise can say together that their op is slower. */
static bool op_is_slower(const struct comparison *comparison, int index) {
    const struct cupel_bench *bench = comparison->bench;
    int all = 0, slower = 0, apart = 0;
    for (int i = 0; i < bench->count; i++) {
        const struct pair *pair = &comparison->pairs[i];
        if (!pair->old || strcmp(bench->rows[i].op, bench->rows[index].op) != 0) continue;
        all++;
        slower += is_slower(pair);
        apart += is_apart(pair);
    }
    return all >= LEAST_ROWS && 2 * slower > all && 3 * apart >= all;
}

static enum cupel_bench_verdict judge(const struct comparison *comparison, int index) {
    const struct pair *pair = &comparison->pairs[index];
    const double change = change_of(pair), beyond = log1p(least_change);
    /* > 0: the intervals do not touch */
    const double slower = log(pair->new->low / pair->old->high) - pair->shift,
                 faster = pair->shift - log(pair->new->high / pair->old->low);
    if (is_slower(pair) && is_apart(pair) && op_is_slower(comparison, index)) return CUPEL_BENCH_SLOWER;
    if (!is_believed(comparison, index)) return CUPEL_BENCH_SAME;
    if (change > pair->least && slower > beyond) return CUPEL_BENCH_SLOWER;
    if (change < -pair->least && faster > beyond) return CUPEL_BENCH_FASTER;
    return CUPEL_BENCH_SAME;
}

/* Of all rows together. */
static double shift_of(const struct comparison *comparison) {
    const int rows = comparison->bench->count;
    double *ratios = malloc(((size_t)rows + 1) * sizeof *ratios);
    int count = 0;
    for (int i = 0; ratios && i < rows; i++)
        if (comparison->pairs[i].old) ratios[count++] = comparison->pairs[i].ratio;
    const double shift =
        count > WITNESSES ? median(ratios, count) : header_shift(comparison->bench, comparison->old);
    free(ratios);
    return shift;
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
    struct comparison comparison;
    CUPEL_TRY(check(bench, old, error));
    CUPEL_TRY(open_comparison(bench, old, &comparison, error));
    bench->shift = exp(shift_of(&comparison));
    bench->slower = bench->faster = bench->missing = 0;
    for (int i = 0; i < bench->count; i++) {
        struct cupel_bench_row *row = &bench->rows[i];
        const bool has = comparison.pairs[i].old;
        row->verdict = has ? judge(&comparison, i) : CUPEL_BENCH_ALONE;
        row->change = has ? expm1(change_of(&comparison.pairs[i])) : 0;
        bench->slower += row->verdict == CUPEL_BENCH_SLOWER;
        bench->faster += row->verdict == CUPEL_BENCH_FASTER;
    }
    for (int i = 0; i < old->count; i++) bench->missing += !bench_find(bench, old->rows[i].name);
    free(comparison.pairs);
    return CUPEL_OK;
}

enum cupel_status bench_doubts(const struct cupel_bench *bench, const struct cupel_bench *old, bool *again,
                               struct cupel_error *error) {
    struct comparison comparison;
    memset(again, 0, (size_t)bench->count * sizeof *again);
    CUPEL_TRY(open_comparison(bench, old, &comparison, error));
    for (int i = 0; i < bench->count; i++) {
        struct witnesses witnesses;
        if (!comparison.pairs[i].old || bench->rows[i].verdict <= CUPEL_BENCH_SAME) continue;
        call_witnesses(&comparison, i, &witnesses);
        for (int w = 0; w < witnesses.count; w++) again[witnesses.rows[w]] = true;
        again[i] = true;
    }
    free(comparison.pairs);
    return CUPEL_OK;
}
