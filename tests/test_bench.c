/* Benchmarks: what times say, and what two files of them say together. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "files.h"

/* ---- statistics ---- */

Test(bench, an_interval_of_the_median_is_of_order_statistics) {
    /* By the binomial distribution with 1/2: of 8, P(at most 1) = 9/256, so that the second from either end gives 92.97 %; the
     * others likewise. */
    static const struct {
        int count, order;
    } known[] = {{1, 1},  {2, 1},  {5, 1},  {7, 1},    {8, 2},     {10, 2},
                 {11, 3}, {15, 4}, {20, 6}, {100, 41}, {2000, 956}};
    double *numbers = malloc(2000 * sizeof *numbers);
    for (int i = 0; i < 2000; i++) numbers[i] = i + 1;
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        const int n = known[k].count, j = known[k].order;
        double low, high;
        median_interval(numbers, n, &low, &high);
        cr_expect_eq(low, j, "of %d the interval begins at %g, not %d", n, low, j);
        cr_expect_eq(high, n + 1 - j, "of %d the interval ends at %g, not %d", n, high, n + 1 - j);
    }
    free(numbers);
}

Test(bench, quantiles_lie_between_numbers) {
    const double four[] = {1, 2, 4, 8};
    cr_expect_eq(quantile(four, 4, 0), 1);
    cr_expect_eq(quantile(four, 4, 0.5), 3);
    cr_expect_eq(quantile(four, 4, 1), 8);
    cr_expect_float_eq(quantile(four, 4, 0.25), 1.75, 1e-12);
    cr_expect_eq(quantile(four, 1, 0.95), 1);
}

static void add(struct series *series, double seconds, bool disturbed) {
    cr_assert_eq(series_add(series, seconds, disturbed ? 1.7 : 1.95, NULL), CUPEL_OK);
}

Test(bench, disturbed_samples_count_only_where_there_are_no_others) {
    struct series series = {0};
    for (int i = 0; i < 9; i++) add(&series, i % 3 == 1 ? 100 : 1 + 0.01 * i, i % 3 == 1);
    series_end(&series);
    struct cupel_bench_time time = series_summary(&series);
    cr_expect_eq(time.samples, 6);
    cr_expect(time.p95 < 2, "%g", time.p95);
    cr_expect_eq(time.best, 1);
    cr_expect_eq(time.quiet, 1);
    for (int i = 0; i < 4; i++)
        add(&series, i ? 50 : 1, i != 0); /* a single one is too few: the pass does not count */
    cr_expect_eq(series_quiet(&series), 1);
    series_end(&series);
    time = series_summary(&series);
    cr_expect_eq(time.samples, 6);
    cr_expect_eq(time.quiet, 1);
    cr_expect_eq(time.passes, 2);
    series_free(&series);
    for (int i = 0; i < 3; i++) add(&series, 1 + i, i != 0); /* unless there are no others */
    series_end(&series);
    time = series_summary(&series);
    cr_expect_eq(time.samples, 3);
    cr_expect_eq(time.quiet, 0);
    cr_expect_eq(time.median, 2);
    series_free(&series);
}

Test(bench, the_interval_of_a_pass_is_over_passes) {
    struct series series = {0};
    for (int p = 0; p < 8; p++) {
        for (int i = 0; i < 5; i++) add(&series, 10 + p + (i == 4 ? 30 : 0), false);
        series_end(&series);
    }
    const struct cupel_bench_time time = series_summary(&series);
    cr_expect_eq(time.samples, 40);
    cr_expect_eq(time.quarter, 13.5); /* of 10 to 17 */
    cr_expect_eq(time.low, 11);
    cr_expect_eq(time.high, 16);
    cr_expect_eq(time.best, 10);
    series_free(&series);
}

Test(bench, a_pass_goes_on_until_its_median_is_known) {
    struct series steady = {0}, wild = {0};
    for (int i = 0; i < 14; i++) add(&steady, 1 + 0.001 * (i % 3), false);
    cr_expect(!series_settled(&steady), "fifteen are enough, not fourteen");
    add(&steady, 1, false);
    cr_expect(series_settled(&steady));
    for (int i = 0; i < 40; i++) add(&wild, 1 + i % 2, false);
    cr_expect(!series_settled(&wild));
    series_end(&steady);
    cr_expect(!series_settled(&steady), "of a new pass nothing is known");
    cr_expect_eq(series_summary(&(struct series){0}).samples, 0);
    series_free(&steady);
    series_free(&wild);
}

/* ---- comparing ---- */

static double factor(uint64_t *state, double noise) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return 1 + noise * (double)(*state >> 40) / 16777216.0;
}

/* Rows of tens of microseconds, each pass up to `noise` slower than undisturbed, all times `speed`. */
static struct cupel_bench synthetic(int count, double speed, double noise, uint64_t seed) {
    struct cupel_bench bench = {.title = "ops", .device = "cpu", .precision = "f32", .threads = 2};
    bench.copy_rate = 1e10 / speed;
    bench.product_rate = 1e11 / speed;
    bench.launch = 1e-6 * speed;
    for (int i = 0; i < count; i++) {
        struct cupel_bench_row row = {.hot = {.samples = 50, .passes = 5, .quiet = 5}};
        double passes[5];
        for (int p = 0; p < 5; p++) passes[p] = 1e-5 * (i + 1) * speed * factor(&seed, noise);
        sort_numbers(passes, 5);
        snprintf(row.name, sizeof row.name, "row%d", i);
        snprintf(row.op, sizeof row.op, "op%d", i);
        row.hot.quarter = row.hot.median = passes[2];
        row.hot.fastest = row.hot.low = passes[0];
        row.hot.high = passes[4];
        cr_assert_eq(bench_add(&bench, &row, NULL), CUPEL_OK);
    }
    return bench;
}

static void slow_down(struct cupel_bench_row *row, double times) {
    row->hot.fastest *= times;
    row->hot.low *= times;
    row->hot.quarter *= times;
    row->hot.high *= times;
}

static void compare(struct cupel_bench *bench, const struct cupel_bench *old) {
    struct cupel_error error = {0};
    cr_assert_eq(cupel_bench_compare(bench, old, &error), CUPEL_OK, "%s", error.message);
}

Test(bench, what_is_measured_twice_is_within_noise) {
    for (uint64_t try = 0; try < 10; try++) {
        struct cupel_bench old = synthetic(500, 1, 0.3, 2 * try),
                           new = synthetic(500, 1 + 0.1 * (double)try, 0.3, 2 * try + 1);
        compare(&new, &old);
        cr_expect_eq(new.slower + new.faster, 0, "try %d: %d slower, %d faster", (int)try, new.slower,
                     new.faster);
        cr_expect_float_eq(new.shift, 1 + 0.1 * (double)try, 0.05, "%g", new.shift);
        cupel_bench_free(&old);
        cupel_bench_free(&new);
    }
}

Test(bench, one_op_that_is_a_fifth_slower_is_named) {
    for (int count = 3; count <= 300; count *= 10) { /* few rows and many */
        struct cupel_bench old = synthetic(count, 1, 0.04, 1), new = synthetic(count, 1.5, 0.04, 2);
        slow_down(&new.rows[1], 1.2);
        slow_down(&new.rows[2], 1 / 1.2);
        compare(&new, &old);
        cr_expect_eq(new.slower, 1, "%d of %d", new.slower, count);
        cr_expect_eq(new.faster, 1, "%d of %d", new.faster, count);
        cr_expect_eq(new.rows[1].verdict, CUPEL_BENCH_SLOWER);
        cr_expect_eq(new.rows[2].verdict, CUPEL_BENCH_FASTER);
        cr_expect_eq(new.rows[0].verdict, CUPEL_BENCH_SAME);
        cr_expect_float_eq(new.rows[1].change, 0.2, 0.06, "%g", new.rows[1].change);
        cupel_bench_free(&old);
        cupel_bench_free(&new);
    }
}

Test(bench, a_change_is_told_from_five_percent_on) {
    struct cupel_bench old = synthetic(40, 1, 0, 1), new = synthetic(40, 1, 0, 1);
    slow_down(&new.rows[4], 1.049);
    slow_down(&new.rows[5], 1.052);
    slow_down(&new.rows[6], 1 / 1.049);
    slow_down(&new.rows[7], 1 / 1.052);
    compare(&new, &old);
    cr_expect_eq(new.slower + new.faster, 2);
    cr_expect_eq(new.rows[5].verdict, CUPEL_BENCH_SLOWER);
    cr_expect_eq(new.rows[7].verdict, CUPEL_BENCH_FASTER);
    /* Intervals that touch say nothing, however far apart the middles are. */
    new.rows[5].hot.low = old.rows[5].hot.high;
    old.rows[7].hot.low = new.rows[7].hot.high;
    compare(&new, &old);
    cr_expect_eq(new.slower + new.faster, 0);
    cupel_bench_free(&old);
    cupel_bench_free(&new);
}

/* As when another program fills the caches: small rows do not notice. */
Test(bench, what_all_long_rows_have_in_common_is_the_machines) {
    struct cupel_bench old = synthetic(100, 1, 0.02, 1), new = synthetic(100, 1, 0.02, 2);
    for (int i = 50; i < 100; i++) slow_down(&new.rows[i], 1.25);
    compare(&new, &old);
    cr_expect_eq(new.slower + new.faster, 0, "%d slower, %d faster", new.slower, new.faster);
    slow_down(&new.rows[80], 1.2);
    slow_down(&new.rows[20], 1.2);
    compare(&new, &old);
    cr_expect_eq(new.slower, 2);
    cr_expect(new.rows[80].verdict == CUPEL_BENCH_SLOWER &&new.rows[20].verdict == CUPEL_BENCH_SLOWER);
    cr_expect_float_eq(new.rows[80].change, 0.2, 0.03, "%g", new.rows[80].change);
    cupel_bench_free(&old);
    cupel_bench_free(&new);
}

Test(bench, an_op_is_not_its_own_witness) {
    struct cupel_bench old = synthetic(100, 1, 0.02, 1), new = synthetic(100, 1, 0.02, 2);
    for (int i = 31; i < 91; i += 2) { /* half of all, near each */
        strcpy(new.rows[i].op, "kin");
        slow_down(&new.rows[i], 1.2);
    }
    compare(&new, &old);
    cr_expect_eq(new.slower, 30);
    cr_expect_eq(new.faster, 0);
    cupel_bench_free(&old);
    cupel_bench_free(&new);
}

Test(bench, what_is_in_doubt_is_measured_again_beside_its_witnesses) {
    struct cupel_bench old = synthetic(100, 1, 0.02, 1), new = synthetic(100, 1, 0.02, 2);
    bool again[100];
    int count = 0;
    slow_down(&new.rows[80], 1.2);
    compare(&new, &old);
    cr_assert_eq(bench_doubts(&new, &old, again, NULL), CUPEL_OK);
    for (int i = 0; i < 100; i++) count += again[i];
    cr_expect_eq(count, 25);
    cr_expect(again[80] && again[79] && again[81] && !again[20]);
    cupel_bench_free(&old);
    cupel_bench_free(&new);
}

/* Six rows of an op among others, whose intervals do not lie apart; how many of them are told when the first `slowed` of them take
 * so many times as long. `apart`: their fastest passes took longer than the old ones at the median. */
static int rows_told_of_six(int slowed, double times, bool apart) {
    struct cupel_bench old = synthetic(100, 1, 0, 1), new = synthetic(100, 1, 0, 1);
    for (int i = 40; i < 46; i++) {
        old.rows[i].hot.high *= 1.5;
        new.rows[i].hot.high *= 1.5;
        if (!apart) old.rows[i].hot.quarter *= 1.3;
        if (!apart) new.rows[i].hot.quarter *= 1.3;
        strcpy(new.rows[i].op, "six");
        if (i < 40 + slowed) slow_down(&new.rows[i], times);
    }
    compare(&new, &old);
    cr_expect_eq(new.faster, 0);
    const int told = new.slower;
    cupel_bench_free(&old);
    cupel_bench_free(&new);
    return told;
}

Test(bench, rows_within_noise_tell_together_that_their_op_is_slower) {
    cr_expect_eq(rows_told_of_six(6, 1.2, true), 6);
    cr_expect_eq(rows_told_of_six(4, 1.2, true), 4);
    cr_expect_eq(rows_told_of_six(3, 1.2, true), 0, "half of them is not most");
    cr_expect_eq(rows_told_of_six(6, 1.09, true), 0);
    cr_expect_eq(rows_told_of_six(6, 1.2, false), 0, "the fastest passes take less than the old median");
    cr_expect_eq(rows_told_of_six(6, 1 / 1.2, true), 0, "old times cannot be measured again");
}

Test(bench, rounds_are_put_together) {
    struct cupel_bench rounds[3], whole = {0};
    const double times[] = {1, 1.2, 1.1};
    for (int r = 0; r < 3; r++) {
        rounds[r] = synthetic(4, times[r], 0, 1);
        for (int i = 0; i < 4; i++) {
            struct cupel_bench_time *hot = &rounds[r].rows[i].hot;
            *hot = (struct cupel_bench_time){.samples = 10,
                                             .passes = 1,
                                             .quiet = 1,
                                             .best = hot->low,
                                             .fastest = hot->low,
                                             .median = hot->quarter,
                                             .p95 = hot->high,
                                             .quarter = hot->quarter,
                                             .low = hot->low,
                                             .high = hot->high};
        }
    }
    rounds[1].rows[1].hot.quiet = 0;         /* others had the processor */
    strcpy(rounds[2].rows[2].name, "other"); /* of which that round knows nothing */
    strcpy(rounds[0].rows[3].note, "wrong");
    cr_assert_eq(bench_merge(rounds, 3, &whole, NULL), CUPEL_OK);
    cr_assert_eq(whole.count, 4);
    const struct cupel_bench_time *all = &whole.rows[0].hot, *quiet = &whole.rows[1].hot,
                                  *two = &whole.rows[2].hot;
    cr_expect(all->samples == 30 && all->passes == 3 && all->quiet == 3);
    cr_expect_float_eq(all->best, 1e-5, 1e-11);
    cr_expect_float_eq(all->median, 1.1e-5, 1e-11);
    cr_expect_float_eq(all->fastest, 1e-5, 1e-11);
    cr_expect_float_eq(all->quarter, 1.1e-5, 1e-11);
    cr_expect_float_eq(all->low, 1e-5, 1e-11);
    cr_expect_float_eq(all->high, 1.2e-5, 1e-11);
    cr_expect_float_eq(all->noise, 0.1 / 1.1, 1e-6);
    cr_expect(quiet->passes == 3 && quiet->quiet == 2);
    cr_expect_float_eq(quiet->high, 2.2e-5, 1e-11);
    cr_expect(two->passes == 2);
    cr_expect_float_eq(two->quarter, 3.3e-5, 1e-11);
    cr_expect_float_eq(whole.copy_rate, 1e10, 1);
    cr_expect_float_eq(whole.launch, 1.1e-6, 1e-12);
    for (int r = 0; r < 3; r++) cupel_bench_free(&rounds[r]);
    cupel_bench_free(&whole);
}

Test(bench, a_row_must_be_farther_off_than_the_others_are_from_each_other) {
    struct cupel_bench old = synthetic(40, 1, 0, 1), new = synthetic(40, 1, 0, 1);
    for (int i = 0; i < 40; i++)
        slow_down(&new.rows[i], i % 2 ? 1.08 : 1 / 1.08); /* beyond their own intervals */
    slow_down(&new.rows[9], 1.1);
    compare(&new, &old);
    cr_expect_eq(new.slower + new.faster, 0, "%d slower, %d faster", new.slower, new.faster);
    slow_down(&new.rows[9], 1.5);
    compare(&new, &old);
    cr_expect_eq(new.slower, 1);
    cr_expect_eq(new.rows[9].verdict, CUPEL_BENCH_SLOWER);
    cupel_bench_free(&old);
    cupel_bench_free(&new);
}

Test(bench, intervals_are_compared_at_the_machines_speed) {
    struct cupel_bench old = synthetic(40, 1, 0, 1), new = synthetic(40, 1.5, 0, 1);
    slow_down(&new.rows[3], 1.2);
    slow_down(&new.rows[4], 1 / 1.2);
    compare(&new, &old);
    cr_expect(new.rows[3].verdict == CUPEL_BENCH_SLOWER &&new.rows[4].verdict == CUPEL_BENCH_FASTER);
    old.rows[3].hot.high = new.rows[3].hot.low / 1.5; /* they touch */
    old.rows[4].hot.low = new.rows[4].hot.high / 1.5;
    compare(&new, &old);
    cr_expect_eq(new.slower + new.faster, 0);
    cupel_bench_free(&old);
    cupel_bench_free(&new);
}

/* Rows 0 to 5 take 5 launches, the first `kin` of them are of one op, and `slowed` of these have become slower. Whether row 0
 * is told. */
static bool short_row_is_told(int kin, int slowed, double times) {
    struct cupel_bench old = synthetic(40, 1, 0, 1), new = synthetic(40, 1, 0, 1);
    for (int i = 0; i < 6; i++) {
        const double to = 5 * old.launch / old.rows[i].hot.quarter;
        slow_down(&old.rows[i], to);
        slow_down(&new.rows[i], i < slowed ? to * times : to);
        if (i < kin) strcpy(new.rows[i].op, "kin");
    }
    compare(&new, &old);
    const bool told = new.rows[0].verdict == CUPEL_BENCH_SLOWER;
    cupel_bench_free(&old);
    cupel_bench_free(&new);
    return told;
}

Test(bench, short_rows_are_told_together) {
    cr_expect(!short_row_is_told(6, 1, 1.5), "one of six may lie badly");
    cr_expect(!short_row_is_told(6, 3, 1.5));
    cr_expect(short_row_is_told(6, 4, 1.5));
    cr_expect(short_row_is_told(6, 6, 1.11));
    cr_expect(!short_row_is_told(6, 6, 1.09), "that is less than half a launch");
    cr_expect(short_row_is_told(2, 1, 1.51), "one of two, by more than half");
    cr_expect(!short_row_is_told(2, 1, 1.49));
}

Test(bench, rows_are_found_by_name) {
    struct cupel_bench old = synthetic(30, 1, 0, 1), new = synthetic(30, 1, 0, 1);
    strcpy(new.rows[3].name, "other");
    old.rows[4].hot = (struct cupel_bench_time){0}; /* it had not been timed */
    slow_down(&new.rows[4], 2);
    compare(&new, &old);
    cr_expect_eq(new.missing, 1);
    cr_expect_eq(new.rows[3].verdict, CUPEL_BENCH_ALONE);
    cr_expect_eq(new.rows[4].verdict, CUPEL_BENCH_ALONE);
    cr_expect_eq(new.slower + new.faster, 0);
    slow_down(&new.rows[5], 2);
    compare(&new, &old);
    cr_expect_eq(new.slower, 1);
    new.rows[5].hot.quiet = 2; /* others have had the processor in all other passes */
    compare(&new, &old);
    cr_expect_eq(new.slower, 0);
    cupel_bench_free(&old);
    cupel_bench_free(&new);
}

Test(bench, only_what_was_measured_alike_is_compared) {
    struct cupel_bench old = synthetic(3, 1, 0, 1), new = synthetic(3, 1, 0, 1);
    struct cupel_error error = {0};
    strcpy(new.device, "cuda");
    cr_expect_eq(cupel_bench_compare(&new, &old, &error), CUPEL_INVALID);
    cr_expect_str_eq(error.message, "the two have another device, 'cuda' and 'cpu'; measure both alike");
    strcpy(new.device, "cpu");
    strcpy(new.precision, "bf16");
    cr_expect_eq(cupel_bench_compare(&new, &old, NULL), CUPEL_INVALID);
    strcpy(new.precision, "f32");
    strcpy(new.title, "m.yaml");
    cr_expect_eq(cupel_bench_compare(&new, &old, NULL), CUPEL_INVALID);
    strcpy(new.title, "ops");
    new.threads = 1;
    error = (struct cupel_error){0};
    cr_expect_eq(cupel_bench_compare(&new, &old, &error), CUPEL_INVALID);
    cr_expect_str_eq(error.message, "one was measured with 1 threads, the other with 2");
    new.threads = 2;
    new.batch = 8;
    cr_expect_eq(cupel_bench_compare(&new, &old, NULL), CUPEL_INVALID);
    cupel_bench_free(&old);
    cupel_bench_free(&new);
}

/* ---- files ---- */

Test(bench, what_is_saved_is_loaded) {
    struct cupel_bench bench = synthetic(3, 1, 0.1, 7), back = {0};
    strcpy(bench.commit, "0123456789ab+");
    strcpy(bench.description, "a \"processor\"\n");
    bench.batch = 128;
    bench.parts[CUPEL_BENCH_DATA] = 0.25;
    bench.rows[1].part = CUPEL_BENCH_BACKWARD;
    bench.rows[1].workspace = (size_t)5 << 30;
    bench.rows[1].verdict = CUPEL_BENCH_SLOWER;
    bench.rows[2].roof = NAN;
    strcpy(bench.rows[2].note, "why");
    const char *path = temporary_path("bench.json");
    struct cupel_error error = {0};
    cr_assert_eq(cupel_bench_save(&bench, path, &error), CUPEL_OK, "%s", error.message);
    cr_assert_eq(cupel_bench_load(path, &back, &error), CUPEL_OK, "%s", error.message);
    cr_expect_str_eq(back.description, bench.description);
    cr_expect_str_eq(back.commit, bench.commit);
    cr_expect_eq(back.batch, 128);
    cr_expect_eq(back.threads, 2);
    cr_expect_eq(back.parts[CUPEL_BENCH_DATA], 0.25);
    cr_assert_eq(back.count, 3);
    cr_expect_eq(back.rows[1].part, CUPEL_BENCH_BACKWARD);
    cr_expect_eq(back.rows[1].workspace, (size_t)5 << 30);
    cr_expect_eq(back.rows[1].verdict, CUPEL_BENCH_SLOWER);
    cr_expect(isnan(back.rows[2].roof));
    cr_expect_str_eq(back.rows[2].note, "why");
    cr_expect_float_eq(back.rows[2].hot.high / bench.rows[2].hot.high, 1, 1e-8);
    cr_expect_eq(back.rows[0].hot.samples, 50);
    cupel_bench_free(&bench);
    cupel_bench_free(&back);
}

/* What a good file becomes by putting `new` for the first `old` is refused with the message. */
static void expect_refused(const char *good, const char *old, const char *new, const char *message) {
    const char *at = strstr(good, old), *path = temporary_path("bad.json");
    cr_assert(at, "%s", old);
    char *text = malloc(strlen(good) + strlen(new) + 1);
    sprintf(text, "%.*s%s%s", (int)(at - good), good, new, at + strlen(old));
    spill(path, text, strlen(text));
    free(text);
    struct cupel_bench bench;
    struct cupel_error error = {0};
    cr_expect_eq(cupel_bench_load(path, &bench, &error), CUPEL_INVALID, "%s -> %s was read", old, new);
    cr_expect(strncmp(error.message, path, strlen(path)) == 0 && strstr(error.message, message),
              "%s -> %s: %s", old, new, error.message);
    cr_expect_null(bench.rows);
}

Test(bench, damaged_files_are_refused) {
    struct cupel_bench bench = synthetic(2, 1, 0.1, 7);
    const char *path = temporary_path("good.json");
    cr_assert_eq(cupel_bench_save(&bench, path, NULL), CUPEL_OK);
    cupel_bench_free(&bench);
    char *good = calloc(1, 1 << 16);
    FILE *file = fopen(path, "r");
    cr_assert(file && fread(good, 1, (1 << 16) - 1, file) > 0);
    fclose(file);
    static const struct {
        const char *old, *new, *message;
    } wrong[] = {
        {"{", "", "is no JSON object"},
        {"\"cupel_bench\": 2", "\"other\": 1", "was not made by `cupel bench --json`"},
        {"\"cupel_bench\": 2", "\"cupel_bench\": 9", "has format 9, and this program reads 2"},
        {"\"title\": \"ops\"", "\"title\": 3", "`title` is missing or damaged"},
        {"\"threads\": 2", "\"threads\": -2", "`threads` is missing or damaged"},
        {"\"threads\": 2", "\"threads\": 2.5", "`threads`"},
        {"\"threads\": 2", "\"threads\": 1e300", "`threads`"},
        {"\"rows\": [", "\"lines\": [", "its rows are missing"},
        {"\"name\": \"row0\"", "\"name\": null", "row 1: `name` is missing or damaged"},
        {"\"part\": \"forward\"", "\"part\": \"sideways\"", "row 1: `part`"},
        {"\"verdict\": \"alone\"", "\"verdict\": 7", "row 1: `verdict`"},
        {"\"hot\": {", "\"warm\": {", "row 1: `hot`"},
        {"\"samples\": 50", "\"samples\": \"50\"", "row 1: `samples`"},
        {"\"workspace\": 0", "\"workspace\": -1", "row 1: `workspace`"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        expect_refused(good, wrong[i].old, wrong[i].new, wrong[i].message);
    char long_name[300];
    snprintf(long_name, sizeof long_name, "\"name\": \"%0200d\"", 0);
    expect_refused(good, "\"name\": \"row0\"", long_name, "row 1: `name`");
    free(good);
    struct cupel_error error = {0};
    struct cupel_bench none;
    cr_expect_eq(cupel_bench_load("/nowhere/b.json", &none, &error), CUPEL_INVALID);
    cr_expect(strstr(error.message, "/nowhere/b.json: No such file"), "%s", error.message);
}
