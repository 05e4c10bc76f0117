/* First values of states. */
#include <criterion/criterion.h>
#include <math.h>

#include "base/init.h"

enum { O = 48, I = 20, COUNT = O * I * 15 };
static const struct cupel_shape weight = {4, {O, I, 3, 5}}; /* fan in 300, fan out 720 */

/* Mean, deviation, least and greatest of the values that `init` gives to a weight of a convolution. */
struct summary {
    double mean, deviation, least, greatest;
};

static struct summary summarise(struct cupel_init init) {
    static float values[COUNT];
    struct cupel_error error = {0};
    struct summary summary = {.least = INFINITY, .greatest = -INFINITY};
    cr_assert_eq(init_fill(&init, "net.conv1.weight", 7, CUPEL_F32, &weight, values, &error), CUPEL_OK, "%s",
                 error.message);
    for (int i = 0; i < COUNT; i++) {
        summary.mean += (double)values[i] / COUNT;
        summary.least = fmin(summary.least, (double)values[i]);
        summary.greatest = fmax(summary.greatest, (double)values[i]);
    }
    for (int i = 0; i < COUNT; i++) summary.deviation += pow((double)values[i] - summary.mean, 2) / COUNT;
    summary.deviation = sqrt(summary.deviation);
    return summary;
}

static void expect_normal(struct cupel_init init, double mean, double deviation) {
    struct summary got = summarise(init);
    cr_expect_float_eq(got.mean, mean, 5 * deviation / sqrt(COUNT), "kind %d: mean %g", init.kind, got.mean);
    cr_expect_float_eq(got.deviation, deviation, 0.03 * deviation, "kind %d: deviation %g", init.kind,
                       got.deviation);
    cr_expect_gt(got.greatest, mean + 3 * deviation, "kind %d has no tail", init.kind);
}

static void expect_uniform(struct cupel_init init, double low, double high) {
    struct summary got = summarise(init);
    double width = high - low;
    cr_expect_float_eq(got.mean, (low + high) / 2, 2 * width / sqrt(COUNT), "kind %d: mean %g", init.kind,
                       got.mean);
    cr_expect(got.least >= low - 1e-6 * width && got.least < low + 0.002 * width, "kind %d: least %g",
              init.kind, got.least);
    cr_expect(got.greatest <= high + 1e-6 * width && got.greatest > high - 0.002 * width,
              "kind %d: greatest %g", init.kind, got.greatest);
}

Test(init, random_kinds_have_their_deviations_and_bounds) {
    expect_normal((struct cupel_init){CUPEL_INIT_NORMAL, 1, 0.02}, 1, 0.02);
    expect_uniform((struct cupel_init){CUPEL_INIT_UNIFORM, -0.25, 0.75}, -0.25, 0.75);
    double xavier = 5.0 / 3 * sqrt(6.0 / (300 + 720)), kaiming = sqrt(6.0 / (1.04 * 300));
    expect_uniform((struct cupel_init){CUPEL_INIT_XAVIER_UNIFORM, 5.0 / 3, 0}, -xavier, xavier);
    expect_normal((struct cupel_init){CUPEL_INIT_XAVIER_NORMAL, 2, 0}, 0, 2 * sqrt(2.0 / (300 + 720)));
    expect_uniform((struct cupel_init){CUPEL_INIT_KAIMING_UNIFORM, 0.2, 0}, -kaiming, kaiming);
    expect_normal((struct cupel_init){CUPEL_INIT_KAIMING_NORMAL, 0, 0}, 0, sqrt(2.0 / 300));
}

/* torch.nn.Linear and Conv2d start from kaiming_uniform_(a=sqrt(5)): bounds 1 / sqrt(fan in). */
Test(init, pytorch_default_is_one_over_the_root_of_the_fan_in) {
    expect_uniform((struct cupel_init){CUPEL_INIT_KAIMING_UNIFORM, sqrt(5), 0}, -1 / sqrt(300),
                   1 / sqrt(300));
}

Test(init, a_direction_has_length_one) {
    const struct cupel_init direction = {CUPEL_INIT_DIRECTION, 0, 0}, normal = {CUPEL_INIT_NORMAL, 0, 1};
    float values[33], plain[33];
    double wide[33], square = 0, of_wide = 0;
    cr_assert_eq(init_fill(&direction, "u", 7, CUPEL_F32, &CUPEL_SHAPE(33), values, NULL), CUPEL_OK);
    cr_assert_eq(init_fill(&direction, "u", 7, CUPEL_F64, &CUPEL_SHAPE(33), wide, NULL), CUPEL_OK);
    cr_assert_eq(init_fill(&normal, "u", 7, CUPEL_F32, &CUPEL_SHAPE(33), plain, NULL), CUPEL_OK);
    for (int i = 0; i < 33; i++) {
        square += (double)values[i] * (double)values[i];
        of_wide += wide[i] * wide[i];
        cr_expect_float_eq((double)values[i] / (double)plain[i], (double)values[0] / (double)plain[0], 1e-6);
    }
    cr_expect_float_eq(square, 1, 1e-6);
    cr_expect_float_eq(of_wide, 1, 1e-14);
}

static void fill(const char *name, uint64_t seed, enum cupel_dtype dtype, int64_t count, void *values) {
    const struct cupel_init init = {CUPEL_INIT_NORMAL, 0.5, 2};
    cr_assert_eq(init_fill(&init, name, seed, dtype, &CUPEL_SHAPE(count), values, NULL), CUPEL_OK);
}

Test(init, values_depend_on_seed_and_name_alone) {
    enum { N = 101 };
    float first[N], again[N], short_one[N - 3], renamed[N], reseeded[N];
    double wide[N];
    fill("a.weight", 1, CUPEL_F32, N, first);
    fill("a.weight", 1, CUPEL_F32, N, again);
    fill("a.weight", 1, CUPEL_F32, N - 3, short_one);
    fill("b.weight", 1, CUPEL_F32, N, renamed);
    fill("a.weight", UINT64_C(1) << 40, CUPEL_F32, N, reseeded);
    fill("a.weight", 1, CUPEL_F64, N, wide);
    cr_expect_arr_eq(first, again, sizeof first);
    cr_expect_arr_eq(first, short_one, sizeof short_one);
    for (int i = 0; i < N; i++) {
        cr_expect_eq((double)first[i], wide[i], "f64 is not f32 widened");
        cr_expect_neq(first[i], renamed[i]);
        cr_expect_neq(first[i], reseeded[i]);
    }
}

Test(init, zeros_and_constants_suit_every_dtype) {
    const struct cupel_init zeros = {CUPEL_INIT_ZEROS, 5, 5}, third = {CUPEL_INIT_CONSTANT, 1.0 / 3, 0};
    const struct cupel_init seven = {CUPEL_INIT_CONSTANT, 7, 0}, low = {CUPEL_INIT_CONSTANT, -0x1p31, 0};
    const struct cupel_shape shape = CUPEL_SHAPE(3);
    float f32[3] = {9, 9, 9};
    double f64[3];
    int32_t i32[3];
    int64_t i64[3];
    uint8_t u8[3];
    cr_expect_eq(init_fill(&zeros, "s", 1, CUPEL_F32, &shape, f32, NULL), CUPEL_OK);
    cr_expect(f32[0] == 0 && f32[2] == 0);
    cr_expect_eq(init_fill(&third, "s", 1, CUPEL_F32, &shape, f32, NULL), CUPEL_OK);
    cr_expect(f32[0] == (float)(1.0 / 3) && f32[2] == (float)(1.0 / 3));
    cr_expect_eq(init_fill(&third, "s", 1, CUPEL_F64, &shape, f64, NULL), CUPEL_OK);
    cr_expect(f64[0] == 1.0 / 3 && f64[2] == 1.0 / 3);
    cr_expect_eq(init_fill(&low, "s", 1, CUPEL_I32, &shape, i32, NULL), CUPEL_OK);
    cr_expect(i32[0] == INT32_MIN && i32[2] == INT32_MIN);
    cr_expect_eq(init_fill(&seven, "s", 1, CUPEL_I64, &shape, i64, NULL), CUPEL_OK);
    cr_expect(i64[0] == 7 && i64[2] == 7);
    cr_expect_eq(init_fill(&seven, "s", 1, CUPEL_U8, &shape, u8, NULL), CUPEL_OK);
    cr_expect(u8[0] == 7 && u8[2] == 7);
}

Test(init, what_does_not_fit_is_refused_by_name) {
    static const struct {
        struct cupel_init init;
        enum cupel_dtype dtype;
        const char *message;
    } wrong[] = {
        {{CUPEL_INIT_KAIMING_UNIFORM, 0, 0}, CUPEL_F32, "need at least two dimensions, not 1"},
        {{CUPEL_INIT_XAVIER_NORMAL, 1, 0}, CUPEL_F64, "need at least two dimensions, not 1"},
        {{CUPEL_INIT_NORMAL, 0, 1}, CUPEL_I32, "i32 starts as zeros or a constant"},
        {{CUPEL_INIT_CONSTANT, 0.5, 0}, CUPEL_I64, "i64 cannot hold the initial value 0.5"},
        {{CUPEL_INIT_CONSTANT, 256, 0}, CUPEL_U8, "u8 cannot hold the initial value 256"},
        {{CUPEL_INIT_CONSTANT, -1, 0}, CUPEL_U8, "u8 cannot hold the initial value -1"},
        {{CUPEL_INIT_CONSTANT, 0x1p31, 0}, CUPEL_I32, "i32 cannot hold the initial value"},
        {{CUPEL_INIT_CONSTANT, NAN, 0}, CUPEL_I32, "i32 cannot hold the initial value"},
        {{CUPEL_INIT_CONSTANT, 1, 0}, CUPEL_BF16, "bf16 cannot hold the initial value 1"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        int64_t values[2];
        struct cupel_error error = {0};
        cr_expect_eq(init_fill(&wrong[i].init, "net.b", 1, wrong[i].dtype, &CUPEL_SHAPE(2), values, &error),
                     CUPEL_INVALID);
        cr_expect(strstr(error.message, "net.b") && strstr(error.message, wrong[i].message), "%s",
                  error.message);
    }
}
