/* Random numbers: the generator, what is made of its bits, and the ops that draw. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "base/shuffle.h"
#include "judge.h"
#include "philox.h"

/* ---- the generator ---- */

/* The published test vectors of Random123, kat_vectors: counter, key, result. */
Test(philox, gives_the_published_answers) {
    static const struct {
        struct philox_block counter;
        uint32_t key[2];
        struct philox_block result;
    } known[] = {
        {{{0, 0, 0, 0}}, {0, 0}, {{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}}},
        {{{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}},
         {0xffffffff, 0xffffffff},
         {{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}}},
        {{{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}},
         {0xa4093822, 0x299f31d0},
         {{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}}},
    };
    for (int i = 0; i < 3; i++) {
        struct philox_block result = philox4x32(known[i].counter, known[i].key[0], known[i].key[1]);
        cr_expect_arr_eq(result.word, known[i].result.word, sizeof result.word, "vector %d", i);
    }
}

static int by_word(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* Every bit of seed, domain, stream, step and element that the mapping promises changes the draw. */
Test(philox, every_bit_of_the_address_counts) {
    static uint32_t words[300];
    size_t count = 0;
    struct philox base = philox_start(0, PHILOX_OPS, 0, 0);
    words[count++] = philox_word(&base, 0);
    for (int bit = 0; bit < 64; bit++) {
        struct philox other = philox_start(UINT64_C(1) << bit, PHILOX_OPS, 0, 0);
        words[count++] = philox_word(&other, 0);
    }
    for (int bit = 0; bit < 46; bit++) {
        struct philox other = philox_start(0, PHILOX_OPS, 0, UINT64_C(1) << bit);
        words[count++] = philox_word(&other, 0);
    }
    for (int bit = 0; bit < 32; bit++) {
        struct philox other = philox_start(0, PHILOX_OPS, 1u << bit, 0);
        words[count++] = philox_word(&other, 0);
    }
    for (int bit = 0; bit < 50; bit++) words[count++] = philox_word(&base, UINT64_C(1) << bit);
    struct philox init = philox_start(0, PHILOX_INIT, 0, 0), shuffle = philox_start(0, PHILOX_SHUFFLE, 0, 0);
    words[count++] = philox_word(&init, 0);
    words[count++] = philox_word(&shuffle, 0);
    qsort(words, count, sizeof *words, by_word);
    for (size_t i = 1; i < count; i++) cr_expect_neq(words[i], words[i - 1]);
}

/* ---- functions ---- */

Test(philox, logarithm_is_accurate) {
    double worst = 0;
    for (uint32_t bits = 0x2F000000; bits <= 0x3F800000; bits += 101) { /* 2^-33 to 1 */
        float x;
        memcpy(&x, &bits, sizeof x);
        worst = fmax(worst, fabs((double)philox_log(x) - log((double)x)) / fmax(1e-30, fabs(log((double)x))));
    }
    cr_expect_lt(worst, 1.2e-7);
    cr_expect_eq(philox_log(1), 0);
}

Test(philox, exponential_is_accurate) {
    double worst = 0;
    for (double x = 0; x > -87; x -= 0.00131) {
        const double e = exp((double)(float)x);
        worst = fmax(worst, fabs((double)philox_exp((float)x) - e) / e);
    }
    cr_expect_lt(worst, 1.2e-7);
    cr_expect_eq(philox_exp(0), 1);
    cr_expect_eq(philox_exp(-INFINITY), 0);
}

Test(philox, sine_and_cosine_are_accurate) {
    double worst = 0;
    for (uint64_t word = 0; word < UINT64_C(1) << 32; word += 4099) {
        float cosine, sine;
        philox_turn((uint32_t)word, &cosine, &sine);
        double angle = 2 * M_PI * (double)word / 4294967296.0;
        worst = fmax(worst, fmax(fabs((double)cosine - cos(angle)), fabs((double)sine - sin(angle))));
    }
    cr_expect_lt(worst, 1.5e-7);
    static const float exact[4][2] = {{1, 0}, {0, 1}, {-1, 0}, {0, -1}};
    for (uint32_t quarter = 0; quarter < 4; quarter++) {
        float cosine, sine;
        philox_turn(quarter << 30, &cosine, &sine);
        cr_expect(cosine == exact[quarter][0] && sine == exact[quarter][1], "quarter %u", quarter);
    }
}

/* Bits that no compiler, flag or device may change. */
Test(philox, normals_are_these_bits) {
    struct philox philox = philox_start(42, PHILOX_OPS, 1, 3);
    struct philox_floats got = philox_normals(philox_words(&philox, 7));
    static const float expected[4] = {0x1.a41346p+0f, 0x1.1ff71ep+0f, -0x1.0ff646p-1f, -0x1.258722p-2f};
    for (int i = 0; i < 4; i++) cr_expect_eq(got.value[i], expected[i], "%d: %a", i, (double)got.value[i]);
}

/* ---- distributions ---- */

enum { DRAWS = 200000 };

static int by_value(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return x < y ? -1 : x > y;
}

static double uniform_distribution(double x) {
    return x;
}

static double normal_distribution(double x) {
    return 0.5 * erfc(-x / sqrt(2));
}

/* Kolmogorov and Smirnov's statistic times sqrt(n); above 1.63 once in a hundred. Sorts the values. */
static double ks(float *values, int n, double (*distribution)(double)) {
    double worst = 0;
    qsort(values, (size_t)n, sizeof *values, by_value);
    for (int i = 0; i < n; i++) {
        double f = distribution((double)values[i]);
        worst = fmax(worst, fmax(f - (double)i / n, (double)(i + 1) / n - f));
    }
    return worst * sqrt(n);
}

Test(philox, units_are_uniform) {
    static float values[DRAWS];
    struct philox philox = philox_start(1, PHILOX_OPS, 0, 0);
    for (int i = 0; i < DRAWS; i++) values[i] = philox_unit(philox_word(&philox, (uint64_t)i));
    cr_expect_lt(ks(values, DRAWS, uniform_distribution), 1.63);
    cr_expect_geq(values[0], 0);
    cr_expect_lt(values[DRAWS - 1], 1);
    cr_expect_lt(philox_unit(UINT32_MAX), 1);
}

Test(philox, normals_are_normal) {
    static float values[DRAWS];
    double sum[5] = {0}, product = 0;
    struct philox philox = philox_start(1, PHILOX_OPS, 0, 0);
    for (int i = 0; i < DRAWS; i += 4) {
        struct philox_floats normals = philox_normals(philox_words(&philox, (uint64_t)i / 4));
        memcpy(values + i, normals.value, sizeof normals);
        product += (double)normals.value[0] * (double)normals.value[1];
    }
    for (int i = 0; i < DRAWS; i++)
        for (int power = 1; power <= 4; power++) sum[power] += pow((double)values[i], power) / DRAWS;
    /* Five standard errors: the variances of the first moments of a normal are 1, 2, 15 and 96. */
    double error = 5 / sqrt(DRAWS);
    cr_expect_lt(fabs(sum[1]), error);
    cr_expect_lt(fabs(sum[2] - 1), error * sqrt(2));
    cr_expect_lt(fabs(sum[3]), error * sqrt(15));
    cr_expect_lt(fabs(sum[4] - 3), error * sqrt(96));
    cr_expect_lt(fabs(product / (DRAWS / 4)), 2 * error, "the two of a pair are correlated");
    cr_expect_lt(ks(values, DRAWS, normal_distribution), 1.63);
    struct philox_floats extreme = philox_normals((struct philox_block){{0, 0, UINT32_MAX, 0}});
    cr_expect(extreme.value[0] > 6.7f && extreme.value[0] < 6.8f);
    cr_expect_eq(extreme.value[2], 0);
}

static double arcsine_distribution(double x) {
    return 2 / M_PI * asin(sqrt(x));
}
static double parabola_distribution(double x) {
    return x * x * (3 - 2 * x);
}

/* Of Beta(1/2, 1/2), Beta(1, 1) and Beta(2, 2) the distribution has a closed form. */
Test(philox, betas_have_their_distribution) {
    static const struct {
        float alpha;
        double (*distribution)(double);
    } known[] = {{0.5f, arcsine_distribution}, {1, uniform_distribution}, {2, parabola_distribution}};
    static float values[DRAWS];
    struct philox philox = philox_start(1, PHILOX_OPS, 0, 0);
    for (size_t k = 0; k < 3; k++) {
        for (int i = 0; i < DRAWS; i++)
            values[i] = philox_beta(philox_words(&philox, (uint64_t)i), known[k].alpha);
        cr_expect_lt(ks(values, DRAWS, known[k].distribution), 1.63, "alpha %g", (double)known[k].alpha);
    }
}

/* The variance of Beta(alpha, alpha) is 1 / (8 alpha + 4). */
Test(philox, betas_are_right_for_small_and_large_alphas) {
    static const float alphas[] = {1e-30f, 0.01f, 0.2f, 30, 1e4f};
    struct philox philox = philox_start(2, PHILOX_OPS, 0, 0);
    for (size_t k = 0; k < sizeof alphas / sizeof *alphas; k++) {
        const double variance = 1 / (8 * (double)alphas[k] + 4);
        double sum = 0, squares = 0;
        for (int i = 0; i < DRAWS; i++) {
            const double x = (double)philox_beta(philox_words(&philox, (uint64_t)i), alphas[k]);
            cr_assert(x >= 0 && x <= 1);
            sum += x - 0.5;
            squares += (x - 0.5) * (x - 0.5);
        }
        cr_expect_lt(fabs(sum / DRAWS), 5 * sqrt(variance / DRAWS), "alpha %g", (double)alphas[k]);
        cr_expect_lt(fabs(squares / DRAWS / variance - 1), 5 * sqrt(2.0 / DRAWS), "alpha %g",
                     (double)alphas[k]);
    }
}

/* Bits that no compiler, flag or device may change. */
Test(philox, betas_are_these_bits) {
    struct philox philox = philox_start(42, PHILOX_OPS, 1, 3);
    static const float expected[4] = {0x1.ca0df4p-1f, 0x1.07abd8p-2f, 0x1.c29296p-1f, 0x1.54a0b6p-4f};
    for (int i = 0; i < 4; i++) {
        const float got = philox_beta(philox_words(&philox, (uint64_t)i), 0.4f);
        cr_expect_eq(got, expected[i], "%d: %a", i, (double)got);
    }
}

/* ---- shuffles ---- */

Test(shuffle, is_a_permutation_of_its_own_for_each_seed_and_epoch) {
    enum { N = 1001 };
    static int32_t order[4][N];
    for (int k = 0; k < 4; k++) {
        static bool seen[N];
        memset(seen, 0, sizeof seen);
        philox_shuffle(order[k], N, k == 1 ? 6 : 5, k == 2 ? 1 : 0);
        for (int i = 0; i < N; i++) {
            cr_assert(order[k][i] >= 0 && order[k][i] < N && !seen[order[k][i]]);
            seen[order[k][i]] = true;
        }
    }
    int same[4] = {0};
    for (int k = 1; k < 4; k++)
        for (int i = 0; i < N; i++) same[k] += order[k][i] == order[0][i];
    cr_expect_lt(same[1], 10); /* one fixed point is to be expected */
    cr_expect_lt(same[2], 10);
    cr_expect_eq(same[3], N);
}

Test(shuffle, every_order_is_equally_likely) {
    enum { EPOCHS = 24000 };
    int count[256] = {0};
    int32_t order[4];
    for (int epoch = 0; epoch < EPOCHS; epoch++) {
        philox_shuffle(order, 4, 9, (uint64_t)epoch);
        count[order[0] | order[1] << 2 | order[2] << 4 | order[3] << 6]++;
    }
    double chi = 0;
    int orders = 0;
    for (int i = 0; i < 256; i++) {
        if (!count[i]) continue;
        orders++;
        chi += pow(count[i] - EPOCHS / 24.0, 2) / (EPOCHS / 24.0);
    }
    cr_expect_eq(orders, 24);
    cr_expect_lt(chi, 49.7); /* 23 degrees of freedom: above it once in a thousand */
    int32_t one = -1;
    philox_shuffle(&one, 0, 0, 0);
    cr_expect_eq(one, -1);
    philox_shuffle(&one, 1, 0, 0);
    cr_expect_eq(one, 0);
}

/* ---- ops ---- */

/* Builds and runs a case on the reference with the given rng; out[] are its outputs, to be freed. */
static void draw(const struct op_case *one, int64_t seed, int64_t step, double **out) {
    struct trial trial;
    const int64_t rng[2] = {seed, step};
    trial_build(&trial, one, "reference", CUPEL_F32);
    bool done = trial_compile(&trial, trial.out, trial.n_out, NULL) &&
                cupel_store_write(trial.store, "rng", rng, sizeof rng, &trial.error) == CUPEL_OK &&
                trial_run(&trial);
    cr_assert(done, "%s", trial.error.message);
    int64_t count;
    for (int i = 0; i < trial.n_out; i++) out[i] = trial_read(&trial, i, trial.out[i], &count);
    trial_free(&trial);
}

static void build_two(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    out[0] = cupel_normal(in[0], &CUPEL_SHAPE(one->arg[0], 5), 0, 1);
    out[1] = cupel_uniform(in[0], &CUPEL_SHAPE(one->arg[0], 5), -3, 7);
    out[2] = cupel_uniform(in[0], &CUPEL_SHAPE(one->arg[0], 5), -3, 7);
}

static int equal_values(const double *a, const double *b, int n) {
    int equal = 0;
    for (int i = 0; i < n; i++) equal += a[i] == b[i];
    return equal;
}

Test(random, draws_depend_on_seed_step_and_node_and_not_on_the_batch) {
    const struct op_case small = {"small", build_two, {{.kind = CASE_RNG}}, .arg = {3}};
    const struct op_case large = {"large", build_two, {{.kind = CASE_RNG}}, .arg = {8}};
    double *a[3], *b[3], *next[3], *other[3];
    draw(&small, 5, 0, a);
    draw(&large, 5, 0, b);
    draw(&large, 5, 1, next);
    draw(&large, 6, 0, other);
    for (int i = 0; i < 3; i++) {
        cr_expect_eq(equal_values(a[i], b[i], 15), 15, "output %d depends on the batch", i);
        cr_expect_lt(equal_values(b[i], next[i], 40), 2, "output %d does not depend on the step", i);
        cr_expect_lt(equal_values(b[i], other[i], 40), 2, "output %d does not depend on the seed", i);
    }
    cr_expect_lt(equal_values(b[1], b[2], 40), 2, "two nodes draw the same numbers");
    for (int i = 0; i < 40; i++) cr_expect(b[1][i] >= -3 && b[1][i] < 7);
    for (int i = 0; i < 3; i++) free(a[i]), free(b[i]), free(next[i]), free(other[i]);
}

/* out: x, y = dropout(x), and dy/dx with ones above. */
static void build_masked(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    out[0] = cupel_scale(in[0], 1, 0);
    out[1] = cupel_dropout(in[0], in[1], one->number[0]);
    cupel_grad(out[1], NULL, in, 1, &out[2]);
}

Test(random, dropout_keeps_the_rest_scaled_and_its_gradient_has_the_same_mask) {
    enum { N = 40000 };
    const struct op_case one = {
        "masked", build_masked, {{CUPEL_SHAPE(N)}, {.kind = CASE_RNG}}, .number = {0.3}};
    double *out[3];
    int kept = 0;
    draw(&one, 11, 0, out);
    for (int i = 0; i < N; i++) {
        bool keep = out[1][i] != 0;
        kept += keep;
        cr_assert_float_eq(out[1][i], keep ? out[0][i] / 0.7 : 0, 1e-6);
        cr_assert_float_eq(out[2][i], keep ? 1 / 0.7 : 0, 1e-6);
    }
    cr_expect_lt(fabs(kept - 0.7 * N), 5 * sqrt(0.21 * N));
    for (int i = 0; i < 3; i++) free(out[i]);
}

static void build_moved(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    out[0] = cupel_scale(in[0], 1, 0);
    out[1] = cupel_random_flip(in[0], in[1], one->number[0]);
    out[2] = cupel_random_crop(in[0], in[1], (int)one->arg[0]);
}

/* Whether y is x [channels, 6, 7] shifted, or mirrored when `right` is 99. */
static bool is_moved(const double *y, const double *x, int channels, int down, int right) {
    for (int i = 0; i < channels * 42; i++) {
        int h = i / 7 % 6, w = i % 7, c = i / 42, from_h = h + down, from_w = w + right;
        if (right == 99) from_w = 6 - w;
        bool inside = from_h >= 0 && from_h < 6 && from_w >= 0 && from_w < 7;
        if (y[i] != (inside ? x[c * 42 + from_h * 7 + from_w] : 0)) return false;
    }
    return true;
}

Test(random, images_are_mirrored_or_shifted_each_on_its_own) {
    enum { N = 900, IMAGE = 2 * 42 };
    const struct op_case one = {
        "moved", build_moved, {{CUPEL_SHAPE(N, 2, 6, 7)}, {.kind = CASE_RNG}}, .arg = {1}, .number = {0.25}};
    double *out[3];
    int mirrored = 0, shifts[9] = {0};
    draw(&one, 3, 8, out);
    for (int n = 0; n < N; n++) {
        const double *x = out[0] + n * IMAGE, *flip = out[1] + n * IMAGE, *crop = out[2] + n * IMAGE;
        bool mirror = is_moved(flip, x, 2, 0, 99);
        mirrored += mirror;
        cr_assert(mirror || is_moved(flip, x, 2, 0, 0));
        int found = -1;
        for (int s = 0; s < 9; s++)
            if (is_moved(crop, x, 2, s / 3 - 1, s % 3 - 1)) found = s;
        cr_assert_geq(found, 0);
        shifts[found]++;
    }
    cr_expect_lt(abs(mirrored - N / 4), 65); /* five standard deviations */
    for (int s = 0; s < 9; s++) cr_expect_lt(abs(shifts[s] - N / 9), 48, "shift %d: %d", s, shifts[s]);
    for (int i = 0; i < 3; i++) free(out[i]);
}

/* ---- data ---- */

static void build_gathered(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    out[0] = cupel_gather(in[0], in[1], in[2], one->arg[0]);
}

Test(random, gather_follows_the_order_from_the_cursor_and_refuses_rows_that_are_not_there) {
    const struct op_case one = {
        "gathered",
        build_gathered,
        {{CUPEL_SHAPE(3, 2)}, {CUPEL_SHAPE(4), CASE_LABELS}, {CUPEL_SHAPE(1), CASE_I64}},
        .arg = {4}};
    static const float data[6] = {0, 1, 10, 11, 20, 21}, expected[8] = {10, 11, 20, 21, 0, 1, 10, 11};
    const int32_t order[4] = {2, 0, 1, 1}, wrong[4] = {2, 3, 1, 1};
    const int64_t cursor = 7;
    struct trial trial;
    trial_build(&trial, &one, "reference", CUPEL_F32);
    bool done = trial_compile(&trial, trial.out, 1, NULL);
    cupel_store_write(trial.store, "in0", data, sizeof data, &trial.error);
    cupel_store_write(trial.store, "in1", order, sizeof order, &trial.error);
    cupel_store_write(trial.store, "in2", &cursor, sizeof cursor, &trial.error);
    cr_assert(done && trial_run(&trial), "%s", trial.error.message);
    int64_t count;
    double *rows = trial_read(&trial, 0, trial.out[0], &count);
    for (int i = 0; i < 8; i++) cr_expect_eq(rows[i], expected[i], "element %d is %g", i, rows[i]);
    free(rows);
    cupel_store_write(trial.store, "in1", wrong, sizeof wrong, &trial.error);
    cr_expect_not(trial_run(&trial));
    cr_expect_eq(trial.error.status, CUPEL_INVALID);
    cr_expect_not_null(strstr(trial.error.message, "order[1] is row 3 of data that has 3"), "%s",
                       trial.error.message);
    trial_free(&trial);
}

static void build_converted(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    (void)one;
    out[0] = cupel_convert(in[0], in[1], in[2]);
}

/* [1, 2, 1, 3]: 0, 51, 255 in both channels. */
Test(random, convert_scales_to_one_and_normalises_each_channel) {
    const struct op_case one = {
        "converted",
        build_converted,
        {{CUPEL_SHAPE(1, 2, 1, 3), CASE_U8}, {CUPEL_SHAPE(2), CASE_UNIT}, {CUPEL_SHAPE(2), CASE_UNIT}}};
    static const uint8_t pixels[6] = {0, 51, 255, 0, 51, 255};
    static const double mean[2] = {0, 0.5}, deviation[2] = {1, 0.25}, expected[6] = {0, 0.2, 1, -2, -1.2, 2};
    struct trial trial;
    trial_build(&trial, &one, "reference", CUPEL_F64);
    bool done = trial_compile(&trial, trial.out, 1, NULL);
    cupel_store_write(trial.store, "in0", pixels, sizeof pixels, &trial.error);
    cupel_store_write(trial.store, "in1", mean, sizeof mean, &trial.error);
    cupel_store_write(trial.store, "in2", deviation, sizeof deviation, &trial.error);
    cr_assert(done && trial_run(&trial), "%s", trial.error.message);
    int64_t count;
    double *values = trial_read(&trial, 0, trial.out[0], &count);
    for (int i = 0; i < 6; i++) cr_expect_float_eq(values[i], expected[i], 1e-14, "%d: %g", i, values[i]);
    free(values);
    trial_free(&trial);
}

Test(random, impossible_parameters_are_refused) {
    static const struct {
        void (*build)(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out);
        double number;
        int64_t arg;
        const char *message;
    } wrong[] = {
        {build_masked, 1, 0, "dropout: the probability must be at least 0 and below 1, not 1"},
        {build_masked, NAN, 0, "dropout: the probability must be"},
        {build_moved, -0.1, 0, "random_flip: the probability must be from 0 to 1, not -0.1"},
        {build_moved, 0.5, -1, "random_crop: pad must be from 0"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const struct op_case one = {"wrong",
                                    wrong[i].build,
                                    {{CUPEL_SHAPE(1, 1, 2, 2)}, {.kind = CASE_RNG}},
                                    .arg = {wrong[i].arg},
                                    .number = {wrong[i].number}};
        struct trial trial;
        trial_build(&trial, &one, "reference", CUPEL_F32);
        cr_expect_not_null(strstr(trial.graph->error.message, wrong[i].message), "%s",
                           trial.graph->error.message);
        trial_free(&trial);
    }
}
