/* Training in 16 bits: the scale of the loss, and steps that are left out because their gradient overflowed. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "judge.h"
#include "train/checkpoint.h"
#include "training.h"

static void open_or_skip(const char *name, struct cupel_device **device) {
    struct cupel_error error = {0};
    if (cupel_device_open(name, 1, device, &error) != CUPEL_OK) cr_skip_test("%s", error.message);
}

/* ---- the ops together ---- */

enum { COUNT = 7 };

/* What a step left: parameter, velocity, scale, counts. */
struct left {
    float parameter[COUNT], velocity[COUNT], scale;
    int64_t counts[2];
};

static struct cupel_plan *compile_step(struct cupel_store *store) {
    const struct cupel_init start = {.kind = CUPEL_INIT_CONSTANT, .a = 8};
    const struct cupel_scaling scaling = {.growth = 2, .backoff = 0.5, .interval = 2};
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F32);
    struct cupel_tensor *scale = cupel_state(graph, "scale", CUPEL_F32, &CUPEL_SHAPE(1), &start);
    struct cupel_tensor *counts = cupel_state(graph, "counts", CUPEL_I64, &CUPEL_SHAPE(2), NULL), *finite;
    struct cupel_tensor *gradient = cupel_state(graph, "gradient", CUPEL_F32, &CUPEL_SHAPE(COUNT), NULL);
    gradient = cupel_unscale(gradient, scale, &finite);
    cupel_adapt_scale(scale, counts, finite, &scaling);
    cupel_sgd(cupel_state(graph, "parameter", CUPEL_F32, &CUPEL_SHAPE(COUNT), NULL),
              cupel_state(graph, "velocity", CUPEL_F32, &CUPEL_SHAPE(COUNT), NULL), gradient,
              cupel_fill(graph, &CUPEL_SCALAR, 0.5), finite, &(struct cupel_sgd){.momentum = 0.9});
    struct cupel_plan *plan = NULL;
    struct cupel_error error = {0};
    cr_assert_eq(cupel_compile(store, graph, NULL, 0, NULL, &plan, &error), CUPEL_OK, "%s", error.message);
    cupel_graph_free(graph);
    return plan;
}

/* A step with a gradient of `value`, but for element 3. */
static struct left step(struct cupel_store *store, struct cupel_plan *plan, float value, float third) {
    struct left left;
    struct cupel_error error = {0};
    float gradient[COUNT];
    for (int i = 0; i < COUNT; i++) gradient[i] = i == 3 ? third : value;
    cr_assert_eq(cupel_store_write(store, "gradient", gradient, sizeof gradient, &error), CUPEL_OK);
    cr_assert_eq(cupel_run(plan, &error), CUPEL_OK, "%s", error.message);
    cupel_store_read(store, "parameter", left.parameter, sizeof left.parameter, &error);
    cupel_store_read(store, "velocity", left.velocity, sizeof left.velocity, &error);
    cupel_store_read(store, "scale", &left.scale, sizeof left.scale, &error);
    cupel_store_read(store, "counts", left.counts, sizeof left.counts, &error);
    cr_assert_eq(error.status, CUPEL_OK, "%s", error.message);
    return left;
}

static void expect_scaling(struct left left, float scale, int64_t since, int64_t all) {
    cr_expect_eq(left.scale, scale, "the scale is %g, not %g", (double)left.scale, (double)scale);
    cr_expect(left.counts[0] == since && left.counts[1] == all,
              "%lld and %lld steps instead of %lld and %lld", (long long)left.counts[0],
              (long long)left.counts[1], (long long)since, (long long)all);
}

static void judge_scaling(const char *name) {
    struct cupel_device *device = NULL;
    open_or_skip(name, &device);
    struct cupel_store *store = cupel_store_new(device, 1);
    struct cupel_plan *plan = compile_step(store);
    struct left before = step(store, plan, 16, 16), after;
    expect_scaling(before, 8, 1, 1);
    for (int i = 0; i < COUNT; i++) cr_expect(before.parameter[i] == -1 && before.velocity[i] == 2);
    const float bad[] = {INFINITY, -INFINITY, NAN};
    for (int i = 0; i < 3; i++) {
        after = step(store, plan, 16, bad[i]);
        expect_scaling(after, 8 / powf(2, (float)i + 1), 0, 1);
        cr_expect_eq(memcmp(after.parameter, before.parameter, 2 * sizeof before.parameter), 0,
                     "%s: a step with %g was made", name, (double)bad[i]);
    }
    after = step(store, plan, 1, 1);
    expect_scaling(after, 1, 1, 2);
    cr_expect_float_eq((double)after.velocity[0], 2 * 0.9 + 1, 1e-6);
    expect_scaling(step(store, plan, 1, 1), 2, 0, 3);
    expect_scaling(step(store, plan, 1, 1), 2, 1, 4);
    cupel_plan_free(plan);
    cupel_store_free(store);
    cupel_device_close(device);
}

Test(train_half, steps_that_overflow_are_left_out_on_reference) {
    judge_scaling("reference");
}

Test(train_half, steps_that_overflow_are_left_out_on_cpu) {
    judge_scaling("cpu");
}

Test(train_half, steps_that_overflow_are_left_out_on_emu) {
    judge_scaling("emu");
}

/* ---- runs ---- */

#define SETTINGS "epochs: 9, ema: 0.95, clip_norm: 1, optimizer: {adam: {lr: 0.01}}"
#define TUNING ", freeze: [linear1.*], groups: [{match: '*.bias', lr_scale: 2, weight_decay: 0.1}]"

static struct cupel_train_options options_for(const char *device, char *out) {
    return (struct cupel_train_options){.run = {.device = device, .precision = "f16", .batch = 32},
                                        .steps = 8,
                                        .out = out,
                                        .checkpoint_steps = 4};
}

static const struct cupel_weight *find(const struct cupel_weights *file, const char *name) {
    const struct cupel_weight *weight = cupel_weights_find(file, name);
    cr_assert(weight, "the checkpoint has no %s", name);
    return weight;
}

/* Makes the scale of the run's last checkpoint `scale`. */
static void set_scale(const char *directory, float scale) {
    struct cupel_weights file = {0};
    struct cupel_error error = {0};
    const char *path = inside(directory, CHECKPOINT_LAST);
    cr_assert_eq(cupel_weights_load(path, &file, &error), CUPEL_OK, "%s", error.message);
    memcpy(cupel_weights_find(&file, LOSS_SCALE ".net")->data, &scale, sizeof scale);
    cr_assert_eq(cupel_weights_save(&file, path, &error), CUPEL_OK, "%s", error.message);
    cupel_weights_free(&file);
}

/* Whether a step that is left out leaves the tensor as it was: a parameter or a moment. */
static bool is_kept(const char *name) {
    static const char *const moving[] = {"rng", "data.", "train.", LOSS_SCALE, EMA_PREFIX};
    for (size_t i = 0; i < sizeof moving / sizeof *moving; i++)
        if (strncmp(name, moving[i], strlen(moving[i])) == 0) return false;
    return !strstr(name, ".running_");
}

/* A run goes on bit by bit; with a scale that overflows, its next step changes nothing but the scale. */
static void judge_run(const char *device_name, const char *settings) {
    struct cupel_device *device = NULL;
    open_or_skip(device_name, &device);
    cupel_device_close(device);
    char *whole = temporary_path("whole"), *parts = temporary_path("parts");
    struct cupel_model *model = wide_model(settings);
    struct cupel_train_options options = options_for(device_name, whole);
    struct cupel_train_result result = train(model, &options, CUPEL_OK, NULL);
    cupel_train_result_free(&result);
    options.out = parts;
    options.steps = 4;
    result = train(model, &options, CUPEL_OK, NULL);
    cupel_train_result_free(&result);
    options.steps = 8;
    options.resume = true;
    result = train(model, &options, CUPEL_OK, NULL);
    cupel_train_result_free(&result);
    size_t size, other;
    char *one = read_whole(inside(whole, CHECKPOINT_LAST), &size),
         *two = read_whole(inside(parts, CHECKPOINT_LAST), &other);
    cr_expect(size == other && memcmp(one, two, size) == 0, "a resumed run differs");

    set_scale(parts, 1e30f);
    options.steps = 9;
    result = train(model, &options, CUPEL_OK, NULL);
    cupel_train_result_free(&result);
    struct cupel_weights before = {0}, after = {0};
    struct cupel_error error = {0};
    cr_assert_eq(cupel_weights_load(inside(whole, CHECKPOINT_LAST), &before, &error), CUPEL_OK);
    cr_assert_eq(cupel_weights_load(inside(parts, CHECKPOINT_LAST), &after, &error), CUPEL_OK);
    cr_expect_eq(*(const float *)find(&before, LOSS_SCALE ".net")->data, 65536);
    cr_expect_eq(*(const float *)find(&after, LOSS_SCALE ".net")->data, 1e30f / 2);
    const int64_t *counts = find(&after, LOSS_SCALE_COUNTS ".net")->data;
    cr_expect(counts[0] == 0 && counts[1] == 8, "%lld and %lld steps", (long long)counts[0],
              (long long)counts[1]);
    int kept = 0;
    for (size_t i = 0; i < before.count; i++) {
        if (!is_kept(before.tensors[i].name)) continue;
        const struct cupel_weight *same = find(&after, before.tensors[i].name);
        cr_expect_eq(memcmp(before.tensors[i].data, same->data, same->bytes), 0, "%s has changed",
                     same->name);
        kept++;
    }
    cr_expect_geq(kept, 6, "only %d tensors were compared", kept);
    cupel_weights_free(&before);
    cupel_weights_free(&after);
    cupel_model_free(model);
    free(one);
    free(two);
    free(whole);
    free(parts);
}

Test(train_half, runs_in_f16_resume_and_recover_on_emu) {
    judge_run("emu", SETTINGS);
}

Test(train_half, so_do_runs_with_frozen_layers_and_groups_on_emu) {
    judge_run("emu", SETTINGS TUNING);
}

Test(train_half, runs_in_f16_resume_and_recover_on_cuda) {
    judge_run("cuda", SETTINGS);
}

Test(train_half, so_do_runs_with_frozen_layers_and_groups_on_cuda) {
    judge_run("cuda", SETTINGS TUNING);
}
