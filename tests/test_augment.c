/* What is done to training images: against PyTorch's formulas, by hand, and what is refused. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "evaluate.h"
#include "golden.h"
#include "train/classify.h"
#include "training.h"

/* ---- PyTorch ---- */

enum kind { JITTER, AFFINE };

/* arg, as golden/make_augment.py writes it: the kind, then four factors in hundredths, or degrees and a scale. */
static void build_golden(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    double number[4];
    for (int i = 0; i < 4; i++) number[i] = (double)one->arg[1 + i] / 100;
    const struct cupel_jitter jitter = {
        {number[0], number[0]}, {number[1], number[1]}, {number[2], number[2]}, {number[3], number[3]}};
    const double angle = (double)one->arg[1];
    const struct cupel_affine affine = {.rotate = {angle, angle}, .scale = {number[1], number[1]}};
    struct cupel_tensor *rng = cupel_rng(in[0]->node->graph);
    out[0] = one->arg[0] == JITTER ? cupel_color_jitter(in[0], in[1], in[2], rng, &jitter)
                                   : cupel_random_affine(in[0], in[1], rng, &affine);
}

static void judge_golden(const struct cupel_weights *file, const struct op_case *one, const char *device,
                         enum cupel_dtype real, double tolerance) {
    struct trial trial;
    char what[16];
    trial_build(&trial, one, device, real);
    cr_assert(trial_compile(&trial, trial.out, 1, NULL), "%s: %s", one->name, trial.error.message);
    for (int i = 0; i < trial.n_in; i++) {
        snprintf(what, sizeof what, "in%d", i);
        golden_give(&trial, trial.in[i], golden_find(file, one->name, what));
    }
    cr_assert(trial_run(&trial), "%s: %s", one->name, trial.error.message);
    expect_output(&trial, 0, golden_find(file, one->name, "y")->data, tolerance, one->name);
    trial_free(&trial);
}

/* Places and angles are f32 whatever the type, so f64 is hardly nearer. */
Test(augment, colours_and_rotations_are_those_of_pytorch) {
    golden_each("augment.safetensors", build_golden, judge_golden, (double[]){2e-6, 3e-6, 5e-6}, 16);
}

/* ---- by hand ---- */

static struct cupel_tensor *moved(struct cupel_tensor *x, double angle, double scale) {
    struct cupel_graph *graph = x->node->graph;
    const struct cupel_affine affine = {.rotate = {angle, angle}, .scale = {scale, scale}};
    return cupel_random_affine(x, cupel_fill(graph, &CUPEL_SHAPE(x->shape.dim[1]), -1), cupel_rng(graph),
                               &affine);
}

Test(augment, quarter_turns_and_doubling_are_exact) {
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F64);
    struct cupel_tensor *x = cupel_reshape(list(graph, 1, 2, 3, 4, 5, 6, 7, 8, 9), &CUPEL_SHAPE(1, 1, 3, 3));
    expect_list(moved(x, 90, 1), 7, 4, 1, 8, 5, 2, 9, 6, 3);
    expect_list(moved(x, -90, 1), 3, 6, 9, 2, 5, 8, 1, 4, 7);
    expect_list(moved(x, 180, 1), 9, 8, 7, 6, 5, 4, 3, 2, 1);
    expect_list(moved(x, 360, 1), 1, 2, 3, 4, 5, 6, 7, 8, 9);
    expect_list(moved(x, 0, 2), 3, 3.5, 4, 4.5, 5, 5.5, 6, 6.5, 7);
    expect_list(moved(x, 0, 0.5), -1, -1, -1, -1, 5, -1, -1, -1, -1);
    cupel_graph_free(graph);
}

/* ---- what is drawn ---- */

enum { IMAGES = 900, HEIGHT = 5, WIDTH = 7, PIXELS = HEIGHT * WIDTH };

/* Two maps an image, numbers that differ everywhere and are never 0. */
static struct cupel_tensor *numbered(struct cupel_graph *graph, int64_t images) {
    static double number[IMAGES * 2 * PIXELS];
    for (int i = 0; i < IMAGES * 2 * PIXELS; i++) number[i] = 1 + i;
    return cupel_reshape(values(graph, number, images * 2 * PIXELS), &CUPEL_SHAPE(images, 2, HEIGHT, WIDTH));
}

/* How far image n of y is shifted, as 3 (down + 1) + right + 1; -1 when it is shifted in no such way. */
static int shift_of(const double *y, int n, double fill) {
    for (int way = 0; way < 9; way++) {
        bool all = true;
        for (int i = 0; i < 2 * PIXELS && all; i++) {
            const int h = i / WIDTH % HEIGHT - (way / 3 - 1), w = i % WIDTH - (way % 3 - 1);
            const bool inside = h >= 0 && h < HEIGHT && w >= 0 && w < WIDTH;
            const int from = n * 2 * PIXELS + i / PIXELS * PIXELS + h * WIDTH + w;
            all = y[n * 2 * PIXELS + i] == (inside ? 1 + from : fill);
        }
        if (all) return way;
    }
    return -1;
}

/* Shifts to either side of 1.4 and 1 pixels are rounded: to 1 in nine of fourteen and in two of four. */
Test(augment, shifts_are_whole_pixels_each_image_of_its_own_whatever_the_batch) {
    static double y[IMAGES * 2 * PIXELS], few[10 * 2 * PIXELS];
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F64);
    const struct cupel_affine affine = {.translate = {0.2, 0.2}, .scale = {1, 1}};
    struct cupel_tensor *fill = cupel_fill(graph, &CUPEL_SHAPE(2), -7);
    evaluate(cupel_random_affine(numbered(graph, IMAGES), fill, cupel_rng(graph), &affine), y,
             IMAGES * 2 * PIXELS);
    int count[9] = {0};
    for (int n = 0; n < IMAGES; n++) {
        const int way = shift_of(y, n, -7);
        cr_assert_geq(way, 0, "image %d", n);
        count[way]++;
    }
    const double down[3] = {0.25, 0.5, 0.25}, right[3] = {0.9 / 2.8, 1 / 2.8, 0.9 / 2.8};
    for (int way = 0; way < 9; way++) {
        const double part = down[way / 3] * right[way % 3];
        cr_expect_lt(fabs(count[way] - IMAGES * part), 5 * sqrt(IMAGES * part), "shift %d: %d", way,
                     count[way]);
    }
    cupel_graph_free(graph);
    graph = cupel_graph_new(CUPEL_F64);
    fill = cupel_fill(graph, &CUPEL_SHAPE(2), -7);
    evaluate(cupel_random_affine(numbered(graph, 10), fill, cupel_rng(graph), &affine), few, 10 * 2 * PIXELS);
    cr_expect_eq(memcmp(few, y, sizeof few), 0, "a smaller batch draws others");
    cupel_graph_free(graph);
}

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Whether numbers lie evenly from low to high, by Kolmogorov and Smirnov's statistic. Sorts them. */
static bool evenly(double *numbers, int count, double low, double high) {
    double worst = 0;
    qsort(numbers, (size_t)count, sizeof *numbers, by_value);
    for (int i = 0; i < count; i++) {
        const double part = (numbers[i] - low) / (high - low);
        worst = fmax(worst, fmax(part - (double)i / count, (double)(i + 1) / count - part));
    }
    return worst * sqrt(count) < 1.63;
}

Test(augment, angles_scales_and_factors_are_drawn_evenly) {
    enum { DRAWS = 20000 };
    static double angle[DRAWS], scale[DRAWS], factor[4][DRAWS];
    const struct image_affine affine = {.stream = 3,
                                        .angle = -(INT64_C(1) << 29),
                                        .angles = (INT64_C(1) << 30) + 1,
                                        .scale = 0.5f,
                                        .scales = 2};
    const struct image_jitter jitter = {.least = {0, 1, 2, -0.5f}, .range = {1, 0.5f, 2, 1}};
    const int64_t rng[2] = {5, 9};
    for (int n = 0; n < DRAWS; n++) {
        struct resampled image;
        struct jittered drawn;
        resample_image(&image, &affine, rng, n, 4, 6);
        angle[n] = atan2((double)image.sine, (double)image.cosine) * 4 / M_PI;
        scale[n] = 1 / hypot((double)image.sine, (double)image.cosine);
        jitter_image(&drawn, &jitter, rng, n);
        const double drawn_factor[4] = {(double)drawn.brightness, (double)drawn.contrast,
                                        (double)drawn.saturation, (double)drawn.hue};
        for (int i = 0; i < 4; i++) factor[i][n] = drawn_factor[i];
    }
    cr_expect(evenly(angle, DRAWS, -1, 1), "angles");
    cr_expect(evenly(scale, DRAWS, 0.5, 2.5), "scales");
    cr_expect(evenly(factor[0], DRAWS, 0, 1), "brightness");
    cr_expect(evenly(factor[1], DRAWS, 1, 1.5), "contrast");
    cr_expect(evenly(factor[2], DRAWS, 2, 4), "saturation");
    cr_expect(evenly(factor[3], DRAWS, -3, 3), "hue");
}

/* A square of 4 whose middle is (h, w) goes from h - 2 to h + 1. */
static bool is_cut(const double *y, int n, int middle_h, int middle_w) {
    for (int i = 0; i < 2 * PIXELS; i++) {
        const int h = i / WIDTH % HEIGHT - middle_h, w = i % WIDTH - middle_w;
        const bool cut = h >= -2 && h < 2 && w >= -2 && w < 2;
        if (y[n * 2 * PIXELS + i] != (cut ? 0 : 1 + n * 2 * PIXELS + i)) return false;
    }
    return true;
}

Test(augment, a_square_is_cut_out_about_any_pixel) {
    static double y[IMAGES * 2 * PIXELS];
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F64);
    evaluate(cupel_cutout(numbered(graph, IMAGES), cupel_rng(graph), 4), y, IMAGES * 2 * PIXELS);
    int count[PIXELS] = {0};
    for (int n = 0; n < IMAGES; n++) {
        int found = -1;
        for (int at = 0; at < PIXELS; at++)
            if (is_cut(y, n, at / WIDTH, at % WIDTH)) found = at;
        cr_assert_geq(found, 0, "image %d", n);
        count[found]++;
    }
    for (int at = 0; at < PIXELS; at++)
        cr_expect(count[at] > 0 && count[at] < 3 * IMAGES / PIXELS, "pixel %d: %d times", at, count[at]);
    cupel_graph_free(graph);
}

/* ---- mixtures ---- */

Test(augment, images_are_mixed_with_the_next_by_a_share_that_is_drawn_anew) {
    const struct cupel_data_settings data = {.augment = {.mixup = 0.7}}, plain = {.classes = 3};
    struct setup setup = {.data = &data};
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F64);
    const int32_t label[3] = {4, 5, 6};
    struct cupel_tensor *x = cupel_reshape(list(graph, 1, 2, 3, 4, 5, 6), &CUPEL_SHAPE(3, 1, 1, 2));
    struct targets targets = {.labels = cupel_constant(graph, CUPEL_I32, &CUPEL_SHAPE(3), label)};
    struct cupel_tensor *mixture = batch_mix(&setup, x, &targets);
    const double s = evaluate_one(targets.share), t = 1 - s;
    cr_assert(s > 0 && s < 1 && s != 0.5);
    expect_list(mixture, s * 1 + t * 3, s * 2 + t * 4, s * 3 + t * 5, s * 4 + t * 6, s * 5 + t * 1,
                s * 6 + t * 2);
    int32_t other[3] = {0};
    struct cupel_error error = {0};
    cr_expect_eq(run_once(targets.others, other, sizeof other, &error), CUPEL_OK, "%s", error.message);
    cr_expect(other[0] == 5 && other[1] == 6 && other[2] == 4);
    struct targets alone = {.labels = targets.labels};
    setup.data = &plain;
    cr_expect(batch_mix(&setup, x, &alone) == x && !alone.share && !alone.others);
    cupel_graph_free(graph);
}

enum { MIXED = 4 };

/* The mean cross entropy of the logits [MIXED, TINY_CLASSES] with labels that are i + away, modulo the classes. */
static double cross_entropy(const float *logits, int away) {
    double loss = 0;
    for (int i = 0; i < MIXED; i++, logits += TINY_CLASSES) {
        double sum = 0;
        for (int c = 0; c < TINY_CLASSES; c++) sum += exp((double)logits[c]);
        loss += (log(sum) - (double)logits[(i + away) % TINY_CLASSES]) / MIXED;
    }
    return loss;
}

static int right_answers(const float *logits, int away) {
    int right = 0;
    for (int i = 0; i < MIXED; i++, logits += TINY_CLASSES) {
        int best = 0;
        for (int c = 1; c < TINY_CLASSES; c++) best = logits[c] > logits[best] ? c : best;
        right += best == (i + away) % TINY_CLASSES;
    }
    return right;
}

/* A step on images whose labels are 0, 1, 2, 3 to the part `share` and 1, 2, 3, 0 to the rest. */
static void judge_mixture(const struct cupel_model *model, float share) {
    const int32_t labels[MIXED] = {0, 1, 2, 3}, others[MIXED] = {1, 2, 3, 0};
    static float pixels[MIXED * TINY_SIDE * TINY_SIDE];
    float loss, right, logits[MIXED * TINY_CLASSES];
    struct setup setup;
    struct cupel_error error = {0};
    cr_assert_eq(setup_open(model, &plainly, &setup, &error), CUPEL_OK, "%s", error.message);
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F32);
    for (int i = 0; i < MIXED * TINY_SIDE * TINY_SIDE; i++) pixels[i] = (float)(i * 37 % 101) / 50 - 1;
    const struct targets targets = {.labels = cupel_constant(graph, CUPEL_I32, &CUPEL_SHAPE(MIXED), labels),
                                    .others = cupel_constant(graph, CUPEL_I32, &CUPEL_SHAPE(MIXED), others),
                                    .share = cupel_constant(graph, CUPEL_F32, &CUPEL_SCALAR, &share)};
    struct training training = {0};
    training_append(&setup, graph,
                    cupel_constant(graph, CUPEL_F32, &CUPEL_SHAPE(MIXED, 1, TINY_SIDE, TINY_SIDE), pixels),
                    &targets, 1, &training);
    struct cupel_tensor *out[] = {training.loss, training_right(training.logits, &targets), training.logits};
    struct cupel_plan *plan;
    cr_assert_eq(cupel_compile(setup.store, graph, out, 3, &setup.plan, &plan, &error), CUPEL_OK, "%s",
                 error.message);
    cupel_run(plan, &error);
    cupel_plan_read(plan, 0, &loss, sizeof loss, &error);
    cupel_plan_read(plan, 1, &right, sizeof right, &error);
    cupel_plan_read(plan, 2, logits, sizeof logits, &error);
    cr_assert_eq(error.status, CUPEL_OK, "%s", error.message);
    const double of_labels = cross_entropy(logits, 0), of_others = cross_entropy(logits, 1);
    cr_expect_gt(fabs(of_labels - of_others), 1e-3);
    cr_expect_float_eq((double)loss, (double)share * of_labels + (1 - (double)share) * of_others, 1e-5);
    cr_expect_eq(right, right_answers(logits, share > 0.5f ? 0 : 1), "share %g", (double)share);
    cupel_plan_free(plan);
    cupel_graph_free(graph);
    setup_close(&setup);
}

Test(augment, the_loss_of_a_mixture_is_that_of_both_labels) {
    struct cupel_model *model = tiny_model("epochs: 1, optimizer: {sgd: {lr: 0.1}}", "");
    judge_mixture(model, 0.25f);
    judge_mixture(model, 0.75f);
    cupel_model_free(model);
}

/* ---- what is refused ---- */

static struct cupel_tensor *jittered(struct cupel_graph *graph, int64_t channels, double hue) {
    const struct cupel_jitter jitter = {{1, 1}, {1, 1}, {1, 1}, {hue, 0.5}};
    struct cupel_tensor *each = cupel_fill(graph, &CUPEL_SHAPE(channels), 1);
    return cupel_color_jitter(cupel_fill(graph, &CUPEL_SHAPE(2, channels, 3, 3), 1), each, each,
                              cupel_rng(graph), &jitter);
}

static struct cupel_tensor *turned(struct cupel_graph *graph, double from, double to, double scale,
                                   double shift, int64_t fills) {
    const struct cupel_affine affine = {{from, to}, {0, shift}, {scale, 2}};
    return cupel_random_affine(cupel_fill(graph, &CUPEL_SHAPE(2, 3, 3, 3), 1),
                               cupel_fill(graph, &CUPEL_SHAPE(fills), 1), cupel_rng(graph), &affine);
}

static struct cupel_tensor *gradient(struct cupel_graph *graph) {
    struct cupel_tensor *x = cupel_state(graph, "x", CUPEL_F32, &CUPEL_SHAPE(1, 1, 2, 2), NULL), *dx = NULL;
    cupel_grad(cupel_sum(moved(x, 10, 1), CUPEL_ALL_AXES, false), NULL, &x, 1, &dx);
    return dx;
}

Test(augment, impossible_parameters_are_refused) {
    static const char *const says[] = {
        "color_jitter: colours have 1 or 3 channels, not 4",
        "hue must be a range within -0.5 to 0.5, not -0.6 to 0.5",
        "the angle must be a range within -360 to 360, not 10 to -10",
        "the angle must be a range within -360 to 360, not -361 to 10",
        "the angle's range must be at most 360 degrees",
        "the scale must be a range within 0.001 to 1000, not 0 to 2",
        "the shift must be from 0 to 1, not 1.5",
        "input 1 must be f32 [3], one value a channel",
        "alpha must be above 0, not 0",
        "the size must be from 0 to 32767, not -1",
        "random_affine: has no gradient",
    };
    for (size_t row = 0; row < sizeof says / sizeof *says; row++) {
        struct cupel_graph *graph = cupel_graph_new(CUPEL_F32);
        struct cupel_tensor *made =
            row == 0   ? jittered(graph, 4, -0.5)
            : row == 1 ? jittered(graph, 3, -0.6)
            : row == 2 ? turned(graph, 10, -10, 1, 0, 3)
            : row == 3 ? turned(graph, -361, 10, 1, 0, 3)
            : row == 4 ? turned(graph, -181, 180, 1, 0, 3)
            : row == 5 ? turned(graph, 0, 0, 0, 0, 3)
            : row == 6 ? turned(graph, 0, 0, 1, 1.5, 3)
            : row == 7 ? turned(graph, 0, 0, 1, 0, 2)
            : row == 8 ? cupel_beta(cupel_rng(graph), &CUPEL_SCALAR, 0)
            : row == 9 ? cupel_cutout(cupel_fill(graph, &CUPEL_SHAPE(1, 1, 2, 2), 1), cupel_rng(graph), -1)
                       : gradient(graph);
        expect_refusal(graph, made, row, says[row]);
        cupel_graph_free(graph);
    }
}
