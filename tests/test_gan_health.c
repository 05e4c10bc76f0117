/* How a GAN's run tells of its health: samples, warnings, the healthy checkpoint. */
#include <criterion/criterion.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files.h"
#include "gan_runs.h"
#include "train/checkpoint.h"
#include "train/health.h"
#include "train/loop.h"

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

/* ---- samples ---- */

static void check_samples(enum tiny_kind kind, const char *settings) {
    char *often = temporary_path("often"), *seldom = temporary_path("seldom");
    gan_run(tiny_gan(kind, settings),
            (struct cupel_train_options){.out = often, .sample_steps = 1, .checkpoint_steps = 19}, CUPEL_OK,
            NULL, 0);
    gan_run(tiny_gan(kind, settings),
            (struct cupel_train_options){.out = seldom, .sample_steps = 1000, .checkpoint_steps = 19},
            CUPEL_OK, NULL, 0);
    expect_same(often, seldom, CHECKPOINT_PREVIOUS);
    expect_same(often, seldom, CHECKPOINT_LAST);
    expect_same(often, seldom, "samples/000020.png");
    cr_expect(there(often, "samples/000001.png") && there(often, "samples/000019.png"));
    cr_expect_not(there(seldom, "samples/000019.png"));
    cr_expect_not(same_files(inside(often, "samples/000001.png"), inside(often, "samples/000020.png")));
    struct cupel_history history = gan_history(often);
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
    struct cupel_history history = gan_history(parts);
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
    expect_part(error.message, "-1 steps between samples are not possible; use 1 to ");
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
    for (int i = 0; i < COUNT; i++) images[4 * i] = (uint8_t)(i % 251);
    cr_assert_eq(reals_take(&many, rows, COUNT, 4, false, &reals, &error), CUPEL_OK);
    cr_expect_eq(reals.count, TAKEN);
    for (int i = 0; i < TAKEN; i++)
        cr_expect_eq(reals.images[4 * i], i * COUNT / TAKEN % 251, "image %d of the spread ones", i);
    reals_free(&reals);
    free(rows);
    free(images);
}

/* ---- warnings ---- */

static const char *const losses[] = {"nonsaturating", "minimax", "least_squares", "hinge", "wasserstein"};
enum { LOSSES = sizeof losses / sizeof *losses };

Test(gan_health, good_runs_have_no_warning) {
    for (int i = 0; i < LOSSES; i++) {
        char settings[200], *out = temporary_path(losses[i]);
        snprintf(settings, sizeof settings, "steps: 220, loss: %s, " SLOW, losses[i]);
        struct notes notes = gan_run(tiny_gan(TINY_PLAIN, settings), (struct cupel_train_options){.out = out},
                                     CUPEL_OK, NULL, 0);
        cr_expect_eq(notes.count, 0, "%s: %s", losses[i], notes.text);
        expect_same(out, out, CHECKPOINT_HEALTHY);
        cr_expect(same_files(inside(out, CHECKPOINT_HEALTHY), inside(out, CHECKPOINT_LAST)));
        free(out);
    }
}

Test(gan_health, a_discriminator_that_is_too_strong_is_told) {
    for (int i = 0; i < LOSSES; i++) {
        const enum cupel_warning strong[] = {CUPEL_WARNING_DISCRIMINATOR};
        const bool critic = strcmp(losses[i], "wasserstein") == 0; /* is meant to be */
        char settings[300], *out = temporary_path(losses[i]);
        snprintf(settings, sizeof settings, "steps: 320, loss: %s, " SIDES(1e-9, 0.005), losses[i]);
        struct notes notes =
            gan_run(sharp_gan(settings), (struct cupel_train_options){.out = out}, CUPEL_OK, strong, !critic);
        cr_expect_eq(notes.count, !critic, "%s: %s", losses[i], notes.text);
        if (!critic) expect_part(notes.text, ": discriminator too strong: ");
        free(out);
    }
}

/* The steps that a checkpoint has seen. */
static int64_t steps_done(const char *path) {
    struct cupel_weights file = {0};
    struct cupel_error error = {0};
    cr_assert_eq(cupel_weights_load(path, &file, &error), CUPEL_OK, "%s", error.message);
    const int64_t step = ((const int64_t *)cupel_weights_find(&file, "rng")->data)[1];
    cupel_weights_free(&file);
    return step;
}

static void plant_nothing_but_zeros(const char *name, float *data, size_t count) {
    if (strncmp(name, "generator.deconv", 16) == 0) memset(data, 0, count * sizeof *data);
}

static void plant_full_tanh(const char *name, float *data, size_t count) {
    for (size_t i = 0; strcmp(name, "generator.deconv2.weight") == 0 && i < count; i++)
        data[i] = data[i] > 0 ? 1e4F : -1e4F;
}

Test(gan_health, a_generator_of_one_image_has_collapsed) {
    char *out = temporary_path("collapse"), *init = planted(sharp_gan(STILL), plant_nothing_but_zeros);
    const enum cupel_warning collapse[] = {CUPEL_WARNING_COLLAPSE};
    struct notes notes =
        gan_run(sharp_gan(STILL), (struct cupel_train_options){.out = out, .steps = 150, .init = init},
                CUPEL_OK, collapse, 1);
    expect_part(notes.text,
                ": collapse: diversity of the samples is 0, below 0.02; go on from healthy.safetensors");
    free(out);
    free(init);
}

Test(gan_health, a_generator_without_gradient_is_told) {
    char *out = temporary_path("vanishing"), *init = planted(sharp_gan(STILL), plant_full_tanh);
    const enum cupel_warning vanishing[] = {CUPEL_WARNING_VANISHING};
    struct notes notes =
        gan_run(sharp_gan(STILL), (struct cupel_train_options){.out = out, .steps = 150, .init = init},
                CUPEL_OK, vanishing, 1);
    expect_part(
        notes.text,
        ": vanishing generator gradient: the norm of the generator's gradient over that of its weights is ");
    free(out);
    free(init);
}

/* Feeds lines of 25 steps with these D(x) and D(G(z)) to the rules. */
static void feed(struct loop *loop, double real, double fake, int lines) {
    struct cupel_error error = {0};
    for (int i = 0; i < lines; i++) {
        const struct cupel_training_point point = {
            .step = loop->health->line + 25,
            .gan = {.real_score = real, .fake_score = fake, .generator_gradient = 1, .generator_weights = 1}};
        cr_assert_eq(health_line(loop, &point, &error), CUPEL_OK, "%s", error.message);
    }
}

Test(gan_health, an_episode_is_told_once) {
    struct notes notes = {0};
    struct health health = {0};
    const struct cupel_train_options options = {.run = {.note = take_note, .note_context = &notes}};
    struct loop loop = {.options = &options, .health = &health, .epoch_steps = 1};
    loop.setup.train.loss = CUPEL_LOSS_NONSATURATING;
    feed(&loop, 0.98, 0, 3);
    cr_expect(health_good(&health), "75 steps are not enough");
    feed(&loop, 0.98, 0, 1);
    cr_expect_not(health_good(&health));
    expect_part(
        notes.text,
        "step 100: discriminator too strong: the lower of D(x) and 1 - D(G(z)) is 0.98, at least 0.975; "
        "give");
    feed(&loop, 0.96, 0, 40); /* hovers between the limits */
    feed(&loop, 0.99, 0, 40);
    cr_expect_eq(notes.count, 1, "%s", notes.text);
    feed(&loop, 0.94, 0, 4);
    cr_expect(health_good(&health));
    expect_part(notes.text,
                "step 2200: no more discriminator too strong: the lower of D(x) and 1 - D(G(z)) is 0.94\n");
    feed(&loop, 0.96, 0, 40);
    cr_expect_eq(notes.count, 2, "%s", notes.text);
    feed(&loop, 0.98, 0, 4);
    cr_expect_eq(notes.count, 3, "%s", notes.text);
    /* Against smoothed and swapped targets, 0.81 and 0.09. */
    loop.setup.train.label_smoothing = 0.1;
    loop.setup.train.gan.noisy_labels = 0.1;
    feed(&loop, 0.7, 0, 4);
    cr_expect(health_good(&health));
    feed(&loop, 0.8, 0.1, 4);
    expect_part(notes.text, "is 0.9877, at least 0.975");
    feed(&loop, 0.9, 0.2, 4);
    expect_part(notes.text, "no more discriminator too strong: the lower of D(x) and 1 - D(G(z)) is 0.8791");
}

Test(gan_health, what_a_run_had_learnt_and_lost_is_a_collapse) {
    /* The samples are as varied as they will be at first; then a checkpoint comes with a generator of one image. */
    char *out = temporary_path("lost");
    const enum cupel_warning collapse[] = {CUPEL_WARNING_COLLAPSE};
    struct cupel_train_options options = {.out = out, .steps = 100, .sample_steps = 25};
    gan_run(sharp_gan(STILL), options, CUPEL_OK, NULL, 0);
    struct cupel_history history = gan_history(out);
    cr_assert_gt(history.samples[3].diversity, 0.3);
    cupel_history_free(&history);
    plant(inside(out, CHECKPOINT_LAST), plant_nothing_but_zeros);
    options.steps = 220;
    options.resume = true;
    options.checkpoint_steps = 10;
    struct notes notes = gan_run(sharp_gan(STILL), options, CUPEL_OK, collapse, 1);
    expect_part(notes.text, "step 200: collapse: diversity of the samples is 0, below 0.2; ");
    cr_expect_eq(steps_done(inside(out, CHECKPOINT_HEALTHY)), 198); /* the end of an epoch */
    cr_expect_eq(steps_done(inside(out, CHECKPOINT_LAST)), 220);
    /* Going on, the warning is still active, and is not told again. */
    options.steps = 400;
    notes = gan_run(sharp_gan(STILL), options, CUPEL_OK, collapse, 1);
    cr_expect_eq(notes.count, 0, "%s", notes.text);
    cr_expect_eq(steps_done(inside(out, CHECKPOINT_HEALTHY)), 198);
    /* From the healthy checkpoint the run goes on as from any. */
    cr_assert_eq(rename(inside(out, CHECKPOINT_HEALTHY), inside(out, CHECKPOINT_LAST)), 0);
    options.steps = 205;
    notes = gan_run(sharp_gan(STILL), options, CUPEL_OK, collapse, 1);
    cr_expect_eq(notes.count, 1, "%s", notes.text);
    free(out);
}
