/* How a GAN's run tells of its health: samples, warnings, the healthy checkpoint, the report. */
#include <criterion/criterion.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files.h"
#include "io/file.h"
#include "train/checkpoint.h"
#include "train/health.h"
#include "train/loop.h"
#include "training.h"

#define SLOW "optimizer: {adam: {lr: 0.0002, beta1: 0.5}}"

static void has(const char *text, const char *part) {
    cr_expect(strstr(text, part), "'%s' is not in: %s", part, text);
}

static bool there(const char *directory, const char *name) {
    return access(inside(directory, name), F_OK) == 0;
}

static bool same_files(const char *a, const char *b) {
    size_t size, other;
    char *one = read_whole(a, &size), *two = read_whole(b, &other);
    const bool same = size == other && memcmp(one, two, size) == 0;
    free(one);
    free(two);
    return same;
}

static void expect_same(const char *a, const char *b, const char *name) {
    cr_expect(same_files(inside(a, name), inside(b, name)), "%s of %s and %s differ", name, a, b);
}

static struct cupel_history history_of(const char *out) {
    struct cupel_history history;
    struct cupel_error error = {0};
    cr_assert_eq(cupel_history_load(inside(out, "metrics.jsonl"), &history, &error), CUPEL_OK, "%s",
                 error.message);
    return history;
}

/* ---- what a run says ---- */

struct notes {
    char text[4000];
    int count;
};

static void take_note(void *context, const char *text) {
    struct notes *notes = context;
    const size_t used = strlen(notes->text);
    snprintf(notes->text + used, sizeof notes->text - used, "%s\n", text);
    notes->count++;
}

/* Trains the model, which is freed, into `out` and expects these warnings alone, in this order. */
static struct notes run(struct cupel_model *model, struct cupel_train_options options,
                        enum cupel_status expected, const enum cupel_warning *warnings, size_t count) {
    struct notes notes = {0};
    struct cupel_error error;
    options.watcher = (struct cupel_watcher){.context = &notes, .note = take_note};
    struct cupel_train_result result = train(model, &options, expected, &error);
    struct cupel_history history = history_of(options.out);
    size_t found = 0;
    for (size_t i = 0; i < history.warning_count; i++) {
        const struct cupel_warning_point *point = &history.warnings[i];
        if (point->over) continue;
        cr_expect(found < count && point->warning == warnings[found], "step %d: %s (%g)", (int)point->step,
                  cupel_warning_name(point->warning), point->value);
        found++;
    }
    cr_expect_eq(found, count, "%zu warnings instead of %zu\n%s", found, count, notes.text);
    cupel_history_free(&history);
    cupel_train_result_free(&result);
    cupel_model_free(model);
    return notes;
}

/* ---- samples ---- */

static void check_samples(enum tiny_kind kind, const char *settings) {
    char *often = temporary_path("often"), *seldom = temporary_path("seldom");
    run(tiny_gan(kind, settings),
        (struct cupel_train_options){.out = often, .sample_steps = 1, .checkpoint_steps = 19}, CUPEL_OK, NULL,
        0);
    run(tiny_gan(kind, settings),
        (struct cupel_train_options){.out = seldom, .sample_steps = 1000, .checkpoint_steps = 19}, CUPEL_OK,
        NULL, 0);
    expect_same(often, seldom, CHECKPOINT_PREVIOUS);
    expect_same(often, seldom, CHECKPOINT_LAST);
    expect_same(often, seldom, "samples/000020.png");
    cr_expect(there(often, "samples/000001.png") && there(often, "samples/000019.png"));
    cr_expect_not(there(seldom, "samples/000019.png"));
    cr_expect_not(same_files(inside(often, "samples/000001.png"), inside(often, "samples/000020.png")));
    struct cupel_history history = history_of(often);
    cr_assert_eq(history.sample_count, 20);
    for (size_t i = 0; i < history.sample_count; i++) {
        const struct cupel_sample_point *point = &history.samples[i];
        cr_expect_eq(point->step, (int64_t)i + 1);
        cr_expect(point->diversity > 0.02 && point->diversity < 3, "diversity %g", point->diversity);
        cr_expect(point->nearest > 0.2 && point->nearest < 10, "nearest %g", point->nearest);
    }
    cupel_history_free(&history);
    free(often);
    free(seldom);
}

Test(gan_health, samples_change_nothing) {
    check_samples(TINY_PLAIN, "steps: 20, " SLOW);
}

Test(gan_health, samples_of_averaged_weights_and_classes_change_nothing) {
    check_samples(TINY_LABELS, "steps: 20, ema: 0.9, " SLOW);
}

Test(gan_health, samples_of_codes_and_several_updates_change_nothing) {
    check_samples(TINY_CODE, "steps: 20, discriminator_steps: 2, " SLOW);
}

static void stop_at_13(void *context, const struct cupel_progress *progress) {
    if (progress->point.step == 13) *(volatile sig_atomic_t *)context = 1;
}

Test(gan_health, a_resumed_run_goes_on_with_the_same_samples) {
    char *whole = temporary_path("whole"), *parts = temporary_path("parts");
    volatile sig_atomic_t stop = 0;
    struct cupel_model *model = tiny_gan(TINY_PLAIN, "steps: 20, " SLOW);
    struct cupel_train_options options = {.out = whole, .sample_steps = 6, .log_steps = 1};
    train(model, &options, CUPEL_OK, NULL);
    options.out = parts;
    options.stop = &stop;
    options.watcher = (struct cupel_watcher){.context = (void *)&stop, .progress = stop_at_13};
    cr_expect(train(model, &options, CUPEL_OK, NULL).stopped);
    cr_expect_not(there(parts, "samples/000013.png"), "an interruption is no end");
    stop = 0;
    options.watcher.progress = NULL;
    options.resume = true;
    train(model, &options, CUPEL_OK, NULL);
    static const char *const names[] = {"samples/000006.png", "samples/000012.png", "samples/000018.png",
                                        "samples/000020.png", CHECKPOINT_LAST};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) expect_same(whole, parts, names[i]);
    struct cupel_history history = history_of(parts);
    cr_assert_eq(history.sample_count, 4);
    for (int i = 0; i < 4; i++) cr_expect_eq(history.samples[i].step, i < 3 ? 6 * (i + 1) : 20);
    cupel_history_free(&history);
    /* A new run removes what is not its own. */
    options.resume = false;
    options.sample_steps = 20;
    train(model, &options, CUPEL_OK, NULL);
    cr_expect(there(parts, "samples/000020.png") && !there(parts, "samples/000018.png"));
    cupel_model_free(model);
    free(whole);
    free(parts);
}

Test(gan_health, impossible_distances_of_samples_are_refused) {
    struct cupel_error error;
    struct cupel_model *model = tiny_gan(TINY_PLAIN, "steps: 1, " SLOW);
    const struct cupel_train_options options = {.sample_steps = -1};
    train(model, &options, CUPEL_INVALID, &error);
    has(error.message, "-1 steps between samples are not possible; use 1 to ");
    cupel_model_free(model);
}

Test(gan_health, images_are_compared_by_distances) {
    enum { COUNT = 4, SIZE = 2 };
    /* A square with side 30, and a point far from it that is not taken. */
    uint8_t images[][SIZE] = {{0, 0}, {200, 200}, {30, 0}, {0, 30}, {30, 30}};
    int32_t labels[] = {0, 9, 0, 1, 1};
    const int32_t rows[COUNT] = {0, 2, 3, 4};
    const struct cupel_dataset_split split = {5, images[0], labels};
    struct cupel_error error = {0};
    struct reals reals;
    double diversity, nearest;
    cr_assert_eq(reals_take(&split, rows, COUNT, SIZE, false, &reals, &error), CUPEL_OK);
    cr_expect_float_eq(reals.diversity, (4 * 30 + 2 * hypot(30, 30)) / 6, 1e-9);
    cr_expect_float_eq(reals.nearest, 30, 1e-9);
    const uint8_t generated[3][SIZE] = {{3, 4}, {3, 4}, {30, 24}};
    reals_compare(&reals, generated[0], (const int32_t[]){0, 1, 1}, 3, &diversity, &nearest);
    cr_expect_float_eq(diversity, 2 * hypot(27, 20) / 3 / reals.diversity, 1e-9);
    cr_expect_float_eq(nearest, (5 + 5 + 6) / 3.0 / 30, 1e-9);
    reals_free(&reals);
    cr_assert_eq(reals_take(&split, rows, COUNT, SIZE, true, &reals, &error), CUPEL_OK);
    cr_expect_float_eq(reals.diversity, 30, 1e-9);
    cr_expect_float_eq(reals.nearest, 30, 1e-9);
    reals_compare(&reals, generated[0], (const int32_t[]){0, 1, 1}, 3, &diversity, &nearest);
    cr_expect_float_eq(diversity, hypot(27, 20) / 30, 1e-9);
    reals_compare(&reals, generated[0], (const int32_t[]){0, 1, 2}, 3, &diversity, &nearest);
    cr_expect(isnan(diversity), "no two of a class have no distance");
    reals_free(&reals);
}

Test(gan_health, large_images_and_many_of_them_are_compared) {
    enum { COUNT = 1100, SIZE = 40000, TAKEN = 512 };
    uint8_t *images = calloc(COUNT, SIZE), black[SIZE] = {0};
    int32_t *rows = malloc(COUNT * sizeof *rows);
    struct cupel_error error = {0};
    struct reals reals;
    double diversity, nearest;
    for (int i = 0; i < COUNT; i++) {
        rows[i] = i;
        memset(images + (size_t)i * SIZE, i % 2 ? 0 : 255, SIZE);
    }
    const struct cupel_dataset_split split = {2, images, NULL};
    cr_assert_eq(reals_take(&split, rows, 2, SIZE, false, &reals, &error), CUPEL_OK);
    cr_expect_float_eq(reals.diversity, 255 * 200, 1e-6);
    reals_compare(&reals, black, NULL, 1, &diversity, &nearest);
    cr_expect(isnan(diversity) && nearest == 0);
    reals_free(&reals);
    const struct cupel_dataset_split many = {COUNT, images, NULL};
    cr_assert_eq(reals_take(&many, rows, COUNT, 4, false, &reals, &error), CUPEL_OK);
    cr_expect_eq(reals.count, TAKEN);
    reals_free(&reals);
    free(rows);
    free(images);
}

/* ---- warnings ---- */

#define SIDES(generator, discriminator) \
    "optimizer: {generator: {adam: {lr: " #generator "}}, discriminator: {adam: {lr: " #discriminator "}}}"

static const char *const losses[] = {"nonsaturating", "minimax", "least_squares", "hinge", "wasserstein"};
enum { LOSSES = sizeof losses / sizeof *losses };

Test(gan_health, good_runs_have_no_warning) {
    for (int i = 0; i < LOSSES; i++) {
        char settings[200], *out = temporary_path(losses[i]);
        snprintf(settings, sizeof settings, "steps: 220, loss: %s, " SLOW, losses[i]);
        struct notes notes =
            run(tiny_gan(TINY_PLAIN, settings), (struct cupel_train_options){.out = out}, CUPEL_OK, NULL, 0);
        cr_expect_eq(notes.count, 0, "%s: %s", losses[i], notes.text);
        expect_same(out, out, CHECKPOINT_HEALTHY);
        cr_expect(same_files(inside(out, CHECKPOINT_HEALTHY), inside(out, CHECKPOINT_LAST)));
        free(out);
    }
}

/* A GAN whose discriminator can tell its images apart for sure. */
static struct cupel_model *sharp_gan(const char *train) {
    char text[1500];
    struct cupel_error error = {0};
    struct cupel_model *model;
    snprintf(
        text, sizeof text,
        "task: gan\n"
        "data: {format: idx, path: %s, shape: [1, 8, 8], normalize: {mean: [0.4], std: [0.5]}}\n"
        "networks:\n"
        "  generator: {input: {noise: [8, 1, 1]}, layers: [deconv: {out: 6, kernel: 4}, batchnorm, relu,\n"
        "    deconv: {out: 1, kernel: 4, stride: 2, pad: 1}, tanh]}\n"
        "  discriminator: {input: image, layers: [flatten, linear: {out: 32}, leaky_relu, linear: {out: "
        "1}]}\n"
        "train: {batch: 16, %s}\n",
        tiny_set(), train);
    const enum cupel_status status =
        cupel_model_read_text("gan.yaml", text, strlen(text), NULL, 0, &model, &error);
    cr_assert_eq(status, CUPEL_OK, "%s", error.message);
    return model;
}

Test(gan_health, a_discriminator_that_is_too_strong_is_told) {
    for (int i = 0; i < LOSSES; i++) {
        const enum cupel_warning strong[] = {CUPEL_WARNING_DISCRIMINATOR};
        const bool critic = strcmp(losses[i], "wasserstein") == 0; /* is meant to be */
        char settings[300], *out = temporary_path(losses[i]);
        snprintf(settings, sizeof settings, "steps: 320, loss: %s, " SIDES(1e-9, 0.005), losses[i]);
        struct notes notes =
            run(sharp_gan(settings), (struct cupel_train_options){.out = out}, CUPEL_OK, strong, !critic);
        cr_expect_eq(notes.count, !critic, "%s: %s", losses[i], notes.text);
        if (!critic) has(notes.text, ": discriminator too strong: ");
        free(out);
    }
}

/* A checkpoint of the model after a step, changed, as a file to start from. */
static char *planted(const struct cupel_model *model,
                     void (*plant)(const char *name, float *data, size_t count)) {
    char *out = temporary_path("plant"), *path = temporary_path("planted.safetensors");
    struct cupel_weights file = {0};
    struct cupel_error error = {0};
    struct cupel_train_options options = {.out = out, .steps = 1};
    train(model, &options, CUPEL_OK, NULL);
    cr_assert_eq(cupel_weights_load(inside(out, CHECKPOINT_LAST), &file, &error), CUPEL_OK, "%s",
                 error.message);
    for (size_t i = 0; i < file.count; i++)
        if (file.tensors[i].dtype == CUPEL_F32)
            plant(file.tensors[i].name, file.tensors[i].data, file.tensors[i].bytes / sizeof(float));
    cr_assert_eq(cupel_weights_save(&file, path, &error), CUPEL_OK, "%s", error.message);
    cupel_weights_free(&file);
    free(out);
    return path;
}

static void plant_nothing_but_zeros(const char *name, float *data, size_t count) {
    if (strncmp(name, "generator.deconv", 16) == 0) memset(data, 0, count * sizeof *data);
}

static void plant_full_tanh(const char *name, float *data, size_t count) {
    for (size_t i = 0; strcmp(name, "generator.deconv2.weight") == 0 && i < count; i++)
        data[i] = data[i] > 0 ? 1e4F : -1e4F;
}

#define STILL "steps: 150, " SIDES(1e-9, 1e-9)

Test(gan_health, a_generator_of_one_image_has_collapsed) {
    char *out = temporary_path("collapse"), *init = planted(sharp_gan(STILL), plant_nothing_but_zeros);
    const enum cupel_warning collapse[] = {CUPEL_WARNING_COLLAPSE};
    struct notes notes =
        run(sharp_gan(STILL), (struct cupel_train_options){.out = out, .init = init}, CUPEL_OK, collapse, 1);
    has(notes.text, ": collapse: diversity of the samples is 0, below 0.02; go on from healthy.safetensors");
    free(out);
    free(init);
}

Test(gan_health, a_generator_without_gradient_is_told) {
    char *out = temporary_path("vanishing"), *init = planted(sharp_gan(STILL), plant_full_tanh);
    const enum cupel_warning vanishing[] = {CUPEL_WARNING_VANISHING};
    struct notes notes =
        run(sharp_gan(STILL), (struct cupel_train_options){.out = out, .init = init}, CUPEL_OK, vanishing, 1);
    has(notes.text,
        ": vanishing generator gradient: the norm of the generator's gradient over that of its weights is ");
    free(out);
    free(init);
}
