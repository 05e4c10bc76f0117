/* Training on devices other than the processor, and with images that stay on the host. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "judge.h"
#include "train/checkpoint.h"
#include "training.h"

enum { STEPS = 20, WIDE_STEPS = 4 };

/* Trains some steps, of which `losses` gets every loss. */
static struct cupel_train_result run(const struct cupel_model *model, struct cupel_run_options options,
                                     int steps, char *out, double *losses) {
    struct cupel_error error = {0};
    const struct cupel_train_options train_options = {
        .run = options, .steps = steps, .out = out, .log_steps = 1};
    struct cupel_train_result result = train(model, &train_options, CUPEL_OK, NULL);
    struct cupel_history history;
    cr_assert_eq(cupel_history_load(inside(out, "metrics.jsonl"), &history, &error), CUPEL_OK, "%s",
                 error.message);
    cr_assert_eq(history.training_count, (size_t)steps);
    for (int i = 0; i < steps; i++) losses[i] = history.training[i].loss;
    cupel_history_free(&history);
    return result;
}

static const char everything[] =
    "epochs: 9, drop_last: false, ema: 0.95, clip_norm: 1, warmup: 5, label_smoothing: 0.1, "
    "optimizer: {sgd: {lr: 0.05, momentum: 0.9, nesterov: true}}";

/* Batches sent one by one give the same bits as a data set on the device: in training, validation and test. */
static void compare_staged(const char *device) {
    need_device(device);
    char *resident = temporary_path("resident"), *staged = temporary_path("staged");
    struct cupel_model *model = tiny_model(everything, ", validation: 20" TINY_AUGMENT);
    double losses[STEPS];
    size_t size, other;
    const struct cupel_run_options options = {.device = device, .threads = 1};
    struct cupel_run_options stream = options;
    stream.stream = true;
    struct cupel_train_result one = run(model, options, STEPS, resident, losses),
                              two = run(model, stream, STEPS, staged, losses);
    cr_expect_eq(one.evaluation.loss, two.evaluation.loss);
    char *a = read_whole(inside(resident, CHECKPOINT_LAST), &size),
         *b = read_whole(inside(staged, CHECKPOINT_LAST), &other);
    cr_expect(size == other && memcmp(a, b, size) == 0, "checkpoints differ");
    free(a);
    free(b);
    cupel_train_result_free(&one);
    cupel_train_result_free(&two);
    cupel_model_free(model);
    free(resident);
    free(staged);
}

Test(train_device, staged_batches_train_as_resident_ones_do_on_cpu) {
    compare_staged("cpu");
}

Test(train_device, staged_batches_train_as_resident_ones_do_on_emu) {
    compare_staged("emu");
}

/* Every step's loss is the reference's, within the precision. */
static void follow_reference(struct cupel_model *model, int steps, struct cupel_run_options options,
                             double tolerance) {
    char *theirs = temporary_path("reference"), *ours = temporary_path("device");
    double expected[STEPS], losses[STEPS];
    const struct cupel_run_options oracle = {.device = "reference", .batch = options.batch};
    options.deterministic = true;
    struct cupel_train_result reference = run(model, oracle, steps, theirs, expected);
    struct cupel_train_result result = run(model, options, steps, ours, losses);
    for (int i = 0; i < steps; i++)
        cr_expect_leq(fabs(losses[i] - expected[i]), tolerance * fabs(expected[i]),
                      "%s %s, step %d: loss %.8g, on reference %.8g", options.device, options.precision,
                      i + 1, losses[i], expected[i]);
    cupel_train_result_free(&reference);
    cupel_train_result_free(&result);
    cupel_model_free(model);
    free(theirs);
    free(ours);
}

static void follow_in_f32(const char *device, double tolerance) {
    need_device(device);
    follow_reference(tiny_model(everything, TINY_AUGMENT), STEPS,
                     (struct cupel_run_options){.device = device, .precision = "f32"}, tolerance);
}

static void follow_in_half(const char *device, const char *precision, double tolerance) {
    enum cupel_precision half;
    cr_assert_eq(cupel_precision_read(precision, &half, NULL), CUPEL_OK);
    if (!need_precision(device, half)) return;
    follow_reference(wide_model("epochs: 9, optimizer: {adam: {lr: 0.001}}"), WIDE_STEPS,
                     (struct cupel_run_options){.device = device, .precision = precision, .batch = 32},
                     tolerance);
}

Test(train_device, emu_follows_reference_in_f32) {
    follow_in_f32("emu", 1e-5);
}

Test(train_device, emu_follows_reference_in_bf16) {
    follow_in_half("emu", "bf16", 1e-2);
}

Test(train_device, emu_follows_reference_in_f16) {
    follow_in_half("emu", "f16", 2e-3);
}

Test(train_device, cpu_follows_reference_in_bf16) {
    follow_in_half("cpu", "bf16", 1e-2);
}

Test(train_device, cuda_follows_reference_in_f32) {
    follow_in_f32("cuda", 1e-4);
}

Test(train_device, cuda_follows_reference_in_bf16) {
    follow_in_half("cuda", "bf16", 1e-2);
}
