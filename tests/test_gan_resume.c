/* Interrupted runs of GANs are, bit by bit, the runs that they would have been. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cupel/weights.h"
#include "files.h"
#include "judge.h"
#include "train/checkpoint.h"
#include "training.h"

#define EVERYTHING                                                                            \
    "epochs: 9, ema: 0.9, noisy_labels: 0.1, instance_noise: {std: 0.2, steps: 15}, "         \
    "discriminator_steps: 2, clip_norm: 5, warmup: 3, schedule: {cosine: {min_lr: 0.0001}}, " \
    "optimizer: {generator: {adam: {lr: 0.002}}, discriminator: {rmsprop: {lr: 0.001}}}"

static void has(const struct cupel_error *error, const char *text) {
    cr_expect_not_null(strstr(error->message, text), "'%s' is not in: %s", text, error->message);
}

static struct cupel_weights checkpoint_of(const char *directory) {
    struct cupel_weights weights = {0};
    struct cupel_error error = {0};
    cr_assert_eq(cupel_weights_load(inside(directory, CHECKPOINT_LAST), &weights, &error), CUPEL_OK, "%s",
                 error.message);
    return weights;
}

/* Whether two checkpoints hold the same bytes; else the first tensor that differs is told. */
static void same_checkpoints(const char *one, const char *other) {
    size_t size, length;
    char *a = read_whole(inside(one, CHECKPOINT_LAST), &size);
    char *b = read_whole(inside(other, CHECKPOINT_LAST), &length);
    struct cupel_weights first = checkpoint_of(one), second = checkpoint_of(other);
    cr_expect_eq(first.count, second.count);
    for (size_t i = 0; i < first.count && i < second.count; i++)
        cr_expect(memcmp(first.tensors[i].data, second.tensors[i].data, first.tensors[i].bytes) == 0,
                  "%s differs", first.tensors[i].name);
    cr_expect(size == length && memcmp(a, b, size) == 0, "the files differ");
    cupel_weights_free(&first);
    cupel_weights_free(&second);
    free(a);
    free(b);
}

static void run_to(const struct cupel_model *model, struct cupel_train_options options, int64_t steps) {
    options.steps = steps;
    struct cupel_train_result result = train(model, &options, CUPEL_OK, NULL);
    cr_expect_eq(result.step, steps);
    cupel_train_result_free(&result);
}

/* An epoch has 3 steps of 2 batches: the run is killed amid its fifth. */
static void killed_and_resumed(const char *device, enum tiny_kind kind, const char *settings) {
    char *whole = temporary_path("whole"), *parts = temporary_path("parts");
    struct cupel_model *model = tiny_gan(kind, settings);
    struct cupel_train_options options = {.run = {.device = device, .threads = 2},
                                          .steps = 20,
                                          .out = parts,
                                          .log_steps = 1,
                                          .checkpoint_steps = 10};
    train_and_be_killed(model, options);
    options.resume = true;
    run_to(model, options, 20);
    options.resume = false;
    options.out = whole;
    run_to(model, options, 20);
    same_checkpoints(whole, parts);
    cupel_model_free(model);
    free(whole);
    free(parts);
}

/* One a test: a process must not fork after its device has made threads. */
Test(gan_resume, conditional_with_everything_on_reference) {
    killed_and_resumed("reference", TINY_LABELS, EVERYTHING);
}

Test(gan_resume, conditional_with_everything_on_cpu) {
    killed_and_resumed("cpu", TINY_LABELS, EVERYTHING);
}

Test(gan_resume, infogan_on_cpu) {
    killed_and_resumed("cpu", TINY_CODE,
                       "epochs: 9, discriminator_steps: 2, optimizer: {adam: {lr: 0.002, beta1: 0.5}}");
}

Test(gan_resume, wasserstein_with_penalty_and_clipping_on_reference) {
    killed_and_resumed("reference", TINY_PLAIN,
                       "epochs: 9, loss: wasserstein, gradient_penalty: 10, clip_weights: 0.1, "
                       "optimizer: {sgd: {lr: 0.001, momentum: 0.9}}");
}

/* ---- what a checkpoint holds ---- */

static const float *numbers(const struct cupel_weights *weights, const char *name, size_t *count) {
    const struct cupel_weight *weight = cupel_weights_find(weights, name);
    cr_assert_not_null(weight, "%s is missing", name);
    *count = weight->bytes / sizeof(float);
    return weight->data;
}

/* The average of the generator's weights after two steps is what the steps left, weighed; the discriminator has none. */
Test(gan_resume, the_generator_alone_is_averaged) {
    const double decay = 0.9;
    size_t count;
    char *first = temporary_path("first"), *second = temporary_path("second");
    struct cupel_model *model = tiny_gan(TINY_PLAIN, "epochs: 1, ema: 0.9, optimizer: {adam: {lr: 0.01}}");
    struct cupel_train_options options = {.run.device = "reference", .out = first};
    run_to(model, options, 1);
    options.out = second;
    run_to(model, options, 2);
    struct cupel_weights one = checkpoint_of(first), two = checkpoint_of(second);
    const float *before = numbers(&one, "ema.generator.deconv1.weight", &count);
    const float *now = numbers(&two, "generator.deconv1.weight", &count);
    const float *after = numbers(&two, "ema.generator.deconv1.weight", &count);
    for (size_t i = 0; i < count; i++)
        cr_expect_float_eq((double)after[i], decay * (double)before[i] + (1 - decay) * (double)now[i], 1e-6);
    cr_expect_null(cupel_weights_find(&two, "ema.discriminator.linear1.weight"));
    cupel_weights_free(&one);
    cupel_weights_free(&two);
    cupel_model_free(model);
    free(first);
    free(second);
}

/* ---- what does not fit ---- */

static void refused(const char *settings, enum tiny_kind kind, struct cupel_train_options options,
                    const char *text) {
    struct cupel_error error;
    struct cupel_model *model = tiny_gan(kind, settings);
    train(model, &options, CUPEL_INVALID, &error);
    has(&error, text);
    cupel_model_free(model);
}

Test(gan_resume, a_run_is_resumed_only_as_it_was_begun) {
    const char *const begun = "epochs: 2, optimizer: {adam: {lr: 0.01}}";
    char *out = temporary_path("run");
    struct cupel_model *model = tiny_gan(TINY_PLAIN, begun);
    struct cupel_train_options options = {.out = out};
    run_to(model, options, 6);
    options.resume = true;
    options.epochs = 3;
    options.run.seed = 5;
    options.run.has_seed = true;
    refused(begun, TINY_PLAIN, options, "add --seed 0");
    options.run.has_seed = false;
    refused("epochs: 2, optimizer: {generator: {adam: {lr: 0.01}}, discriminator: {rmsprop: {lr: 0.01}}}",
            TINY_PLAIN, options, "resume with the same `train.optimizer`");
    refused("epochs: 2, ema: 0.9, optimizer: {adam: {lr: 0.01}}", TINY_PLAIN, options,
            "this run has adam, adam with ema");
    refused("epochs: 2, discriminator_steps: 2, optimizer: {adam: {lr: 0.01}}", TINY_PLAIN, options,
            "it was made with discriminator_steps 1, this run has 2; resume with the same "
            "`train.discriminator_steps`");
    refused(begun, TINY_LABELS, options, "generator.embedding1.weight");
    refused(begun, TINY_CODE, options, "optimizer adam, adam, this run has adam, adam, adam");
    cupel_model_free(model);
    model = tiny_model(begun, "");
    struct cupel_error error;
    train(model, &options, CUPEL_INVALID, &error);
    has(&error, "optimizer adam, adam, this run has adam");
    cupel_model_free(model);
    free(out);
}

/* The step in a checkpoint is a number from a file. */
Test(gan_resume, an_impossible_step_is_refused) {
    struct cupel_error error = {0};
    char *out = temporary_path("run");
    struct cupel_model *model =
        tiny_gan(TINY_PLAIN, "epochs: 1, discriminator_steps: 2, optimizer: {adam: {lr: 0.01}}");
    struct cupel_train_options options = {.out = out};
    run_to(model, options, 3);
    struct cupel_weights weights = checkpoint_of(out);
    for (size_t i = 0; i < weights.count; i++)
        if (!strcmp(weights.tensors[i].name, "rng"))
            ((int64_t *)weights.tensors[i].data)[1] = INT64_C(1) << 46;
    cr_assert_eq(cupel_weights_save(&weights, inside(out, CHECKPOINT_LAST), &error), CUPEL_OK);
    options.resume = true;
    train(model, &options, CUPEL_INVALID, &error);
    has(&error, "step 70368744177664 and cursor 0 are impossible");
    cupel_weights_free(&weights);
    cupel_model_free(model);
    free(out);
}

/* ---- 16 bits ---- */

/* A discriminator with a layer that is worth 16 bits. */
static struct cupel_model *wide_gan(void) {
    struct cupel_error error = {0};
    struct cupel_model *model;
    char *text;
    const int length = asprintf(
        &text,
        "task: gan\n"
        "data: {format: idx, path: %s, shape: [1, 8, 8], normalize: {mean: [0.4], std: [0.5]}}\n"
        "networks:\n"
        "  generator: {input: {noise: [8, 1, 1]}, layers: [deconv: {out: 6, kernel: 4}, batchnorm, relu,\n"
        "              deconv: {out: 1, kernel: 4, stride: 2, pad: 1}, tanh]}\n"
        "  discriminator: {input: {vectors: {features: 64}}, layers: [linear: {out: 1024}, relu,\n"
        "                  linear: {out: 1024}, relu, linear: {out: 1}]}\n"
        "train: {batch: 16, epochs: 9, discriminator_steps: 2, optimizer: {adam: {lr: 0.0005}}}\n",
        tiny_set());
    cr_assert_gt(length, 0);
    cr_assert_eq(cupel_model_read_text("gan.yaml", text, (size_t)length, NULL, 0, &model, &error), CUPEL_OK,
                 "%s", error.message);
    free(text);
    return model;
}

/* |a - b| / |b| of a tensor that two checkpoints hold. */
static double distance(const struct cupel_weights *ours, const struct cupel_weights *theirs,
                       const char *name) {
    size_t count;
    const float *a = numbers(ours, name, &count), *b = numbers(theirs, name, &count);
    double difference = 0, norm = 0;
    for (size_t i = 0; i < count; i++) {
        difference += pow((double)a[i] - (double)b[i], 2);
        norm += pow((double)b[i], 2);
    }
    return sqrt(difference / norm);
}

/* Steps in 16 bits end near those in f32, but not there; and they resume. */
static void runs_in(const char *precision, const char *device) {
    static const char *const names[] = {"generator.deconv1.weight", "discriminator.linear2.weight",
                                        "generator.batchnorm1.running_var"};
    enum cupel_precision half;
    cr_assert_eq(cupel_precision_read(precision, &half, NULL), CUPEL_OK);
    if (!need_precision(device, half)) return;
    char *whole = temporary_path("whole"), *parts = temporary_path("parts"), *exact = temporary_path("exact");
    struct cupel_model *model = wide_gan();
    struct cupel_train_options options = {.run = {.device = device, .threads = 2, .precision = precision},
                                          .out = parts};
    run_to(model, options, 1);
    options.resume = true;
    run_to(model, options, 2);
    options.resume = false;
    options.out = whole;
    run_to(model, options, 2);
    same_checkpoints(whole, parts);
    options.run.precision = "f32";
    options.out = exact;
    run_to(model, options, 2);
    struct cupel_weights ours = checkpoint_of(whole), theirs = checkpoint_of(exact);
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        const double found = distance(&ours, &theirs, names[n]);
        cr_expect(found > 0 && found < 2e-2, "%s in %s: %g", names[n], precision, found);
    }
    cupel_weights_free(&ours);
    cupel_weights_free(&theirs);
    cupel_model_free(model);
    free(whole);
    free(parts);
    free(exact);
}

Test(gan_resume, in_bf16_on_emu) {
    runs_in("bf16", "emu");
}

Test(gan_resume, in_bf16_on_cpu) {
    runs_in("bf16", "cpu");
}

Test(gan_resume, in_f16_on_emu) {
    runs_in("f16", "emu");
}
