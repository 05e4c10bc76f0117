/* Images out of trained generators. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "train/sampler.h"
#include "training.h"

enum { PIXELS = TINY_SIDE * TINY_SIDE };
static const char FAST[] = "steps: 4, optimizer: {adam: {lr: 0.05}}";

static void has(const struct cupel_error *error, const char *text) {
    cr_expect(strstr(error->message, text), "'%s' is not in: %s", text, error->message);
}

/* The largest difference of two lists of pixels. */
static int apart(const uint8_t *a, const uint8_t *b, int64_t count) {
    int most = 0;
    for (int64_t i = 0; i < count * PIXELS; i++) {
        const int difference = abs(a[i] - b[i]);
        most = difference > most ? difference : most;
    }
    return most;
}

/* ---- sampling ---- */

Test(sample_model, a_seed_gives_the_same_images_again) {
    struct cupel_model *model = tiny_gan(TINY_PLAIN, FAST);
    const char *weights = trained(model, "seed");
    struct cupel_latents latents = draw(model, 3, 21), other = draw(model, 4, 21);
    uint8_t *images = images_of(model, &plainly, weights, CUPEL_BATCHNORM_RUNNING, &latents),
            *again = images_of(model, &plainly, weights, CUPEL_BATCHNORM_RUNNING, &latents),
            *others = images_of(model, &plainly, weights, CUPEL_BATCHNORM_RUNNING, &other);
    cr_expect_eq(apart(images, again, 21), 0);
    cr_expect_gt(apart(images, others, 21), 20);
    cr_expect_gt(apart(images, images + PIXELS, 20), 20, "all images are alike");
    /* The split into batches does not matter, unless their statistics do. */
    const struct cupel_run_options small = {.device = "cpu", .threads = 1, .batch = 5};
    uint8_t *batches = images_of(model, &small, weights, CUPEL_BATCHNORM_RUNNING, &latents);
    cr_expect_leq(apart(images, batches, 21), 1);
    uint8_t *normed = images_of(model, &small, weights, CUPEL_BATCHNORM_BATCH, &latents),
            *renormed = images_of(model, &small, weights, CUPEL_BATCHNORM_BATCH, &latents);
    cr_expect_gt(apart(images, normed, 21), 5);
    cr_expect_eq(apart(normed, renormed, 21), 0);
    latents.count = 20; /* the 21st began a batch of its own, filled up with the first ones */
    uint8_t *fewer = images_of(model, &small, weights, CUPEL_BATCHNORM_BATCH, &latents);
    cr_expect_eq(apart(normed, fewer, 20), 0);
    memmove(latents.noise + 8, latents.noise, 4 * 8 * sizeof(float));
    memcpy(latents.noise, latents.noise + 20 * 8, 8 * sizeof(float));
    latents.count = 5;
    uint8_t *filled = images_of(model, &small, weights, CUPEL_BATCHNORM_BATCH, &latents);
    cr_expect_eq(apart(normed + 20 * PIXELS, filled, 1), 0);
    uint8_t *all[] = {images, again, others, batches, normed, renormed, fewer, filled};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
    cupel_latents_free(&latents);
    cupel_latents_free(&other);
    cupel_model_free(model);
}

/* Copies tensors of a file whose names begin with `from`, which becomes `to`. */
static void copy(const char *path, const char *from, const char *to, struct cupel_weights *file) {
    struct cupel_weights all = {0};
    char name[200];
    cr_assert_eq(cupel_weights_load(path, &all, NULL), CUPEL_OK);
    for (size_t i = 0; i < all.count; i++) {
        const struct cupel_weight *weight = &all.tensors[i];
        if (strncmp(weight->name, from, strlen(from)) != 0) continue;
        snprintf(name, sizeof name, "%s%s", to, weight->name + strlen(from));
        if (cupel_weights_find(file, name)) continue;
        cr_assert_eq(cupel_weights_add(file, name, weight->dtype, &weight->shape, weight->data, NULL),
                     CUPEL_OK);
    }
    cupel_weights_free(&all);
}

Test(sample_model, averaged_weights_are_used_where_there_are_any) {
    struct cupel_model *model = tiny_gan(TINY_PLAIN, "steps: 4, optimizer: {adam: {lr: 0.05}}, ema: 0.9");
    const char *weights = trained(model, "ema");
    char *plain = temporary_path("plain.safetensors"), *average = temporary_path("average.safetensors");
    struct cupel_weights file = {0};
    copy(weights, "generator.", "generator.", &file); /* the discriminator is not needed */
    cr_assert_eq(cupel_weights_save(&file, plain, NULL), CUPEL_OK);
    cupel_weights_free(&file);
    copy(weights, "ema.generator.", "", &file); /* and with one network, neither is its name */
    copy(weights, "generator.batchnorm1.running", "batchnorm1.running", &file);
    cr_assert_eq(cupel_weights_save(&file, average, NULL), CUPEL_OK);
    cupel_weights_free(&file);
    struct cupel_latents latents = draw(model, 3, 9);
    uint8_t *from_run = images_of(model, &plainly, weights, CUPEL_BATCHNORM_RUNNING, &latents),
            *from_plain = images_of(model, &plainly, plain, CUPEL_BATCHNORM_RUNNING, &latents),
            *from_average = images_of(model, &plainly, average, CUPEL_BATCHNORM_RUNNING, &latents);
    cr_expect_eq(apart(from_run, from_average, 9), 0);
    cr_expect_gt(apart(from_run, from_plain, 9), 5);
    free(from_run);
    free(from_plain);
    free(from_average);
    free(plain);
    free(average);
    cupel_latents_free(&latents);
    cupel_model_free(model);
}

Test(sample_model, weights_that_do_not_fit_are_refused) {
    struct cupel_model *model = tiny_gan(TINY_PLAIN, FAST);
    char *path = temporary_path("wrong.safetensors");
    struct cupel_weights file = {0};
    struct cupel_latents latents = draw(model, 0, 1);
    struct cupel_error error = {0};
    uint8_t image[PIXELS];
    copy(trained(model, "fit"), "generator.d", "generator.d", &file);
    cr_assert_eq(cupel_weights_add(&file, "discriminator.any", CUPEL_F32, &CUPEL_SHAPE(1), NULL, NULL),
                 CUPEL_OK);
    cr_assert_eq(cupel_weights_add(&file, "discriminators.x", CUPEL_F32, &CUPEL_SHAPE(1), NULL, NULL),
                 CUPEL_OK);
    cr_assert_eq(cupel_weights_save(&file, path, NULL), CUPEL_OK);
    cr_expect_eq(cupel_sample(model, &plainly, path, CUPEL_BATCHNORM_RUNNING, &latents, image, &error),
                 CUPEL_INVALID);
    has(&error, path);
    has(&error, "missing: generator.batchnorm1.running_mean");
    has(&error, "missing: generator.batchnorm1.weight");
    has(&error, "unexpected: discriminators.x");
    cr_expect(!strstr(error.message, "discriminator.any"), "%s", error.message);
    cupel_weights_free(&file);
    cupel_latents_free(&latents);
    cupel_model_free(model);
    free(path);
}

Test(sample_model, pixels_are_rounded_and_limited) {
    struct cupel_model *model = tiny_gan(TINY_PLAIN, FAST);
    struct setup setup;
    cr_assert_eq(setup_open(model, &plainly, &setup, NULL), CUPEL_OK);
    /* Of mean 0.4 and deviation 0.5. */
    const struct {
        float x;
        int pixel;
    } rows[] = {{0, 102},      {1, 230},          {-0.8F, 0},       {-0.81F, 0},     {1.2F, 255},
                {9, 255},      {-9, 0},           {NAN, 0},         {INFINITY, 255}, {-INFINITY, 0},
                {0.003F, 102}, {0.4F / 127, 102}, {0.6F / 127, 103}};
    enum { ROWS = sizeof rows / sizeof *rows };
    float images[PIXELS] = {0};
    uint8_t pixels[PIXELS];
    for (int i = 0; i < ROWS; i++) images[i] = rows[i].x;
    sampler_pixels(&setup, images, 1, pixels);
    for (int i = 0; i < ROWS; i++)
        cr_expect_eq(pixels[i], rows[i].pixel, "%g: %d, not %d", (double)rows[i].x, pixels[i], rows[i].pixel);
    for (int p = 0; p < 256; p += 64) {
        for (int i = 0; i < PIXELS; i++) images[i] = ((float)(p + i) / 255 - 0.4F) / 0.5F;
        sampler_pixels(&setup, images, 1, pixels);
        for (int i = 0; i < PIXELS; i++) cr_expect_eq(pixels[i], p + i);
    }
    setup_close(&setup);
    cupel_model_free(model);
}

/* ---- classes ---- */

Test(sample_model, a_conditional_generator_looks_at_labels) {
    struct cupel_model *model = tiny_gan(TINY_LABELS, FAST);
    const char *weights = trained(model, "labels");
    struct cupel_latents latents = draw(model, 3, 6);
    struct cupel_error error = {0};
    cr_expect_eq(cupel_latents_classes(model), 4);
    for (int i = 0; i < 6; i++) cr_expect_eq(latents.labels[i], i % 4);
    cupel_latents_class_rows(model, &latents, 2);
    for (int i = 0; i < 6; i++) cr_expect_eq(latents.labels[i], i / 2);
    float noise[48];
    memcpy(noise, latents.noise, sizeof noise);
    uint8_t *images = images_of(model, &plainly, weights, CUPEL_BATCHNORM_RUNNING, &latents);
    cupel_latents_set_class(model, &latents, 5, 3);
    cr_expect_eq(memcmp(noise, latents.noise, sizeof noise), 0);
    uint8_t *other = images_of(model, &plainly, weights, CUPEL_BATCHNORM_RUNNING, &latents);
    cr_expect_eq(apart(images, other, 5), 0);
    cr_expect_gt(apart(images + 5 * PIXELS, other + 5 * PIXELS, 1), 3);
    latents.labels[2] = 4;
    cr_expect_eq(cupel_sample(model, &plainly, weights, CUPEL_BATCHNORM_RUNNING, &latents, images, &error),
                 CUPEL_INVALID);
    has(&error, "gan.yaml: latent 2 has label 4, which is none of the 4 classes");
    free(latents.labels);
    latents.labels = NULL;
    error = (struct cupel_error){0};
    cr_expect_eq(cupel_sample(model, &plainly, weights, CUPEL_BATCHNORM_RUNNING, &latents, images, &error),
                 CUPEL_INVALID);
    has(&error, "the generator takes labels, but the latents have none");
    free(images);
    free(other);
    cupel_latents_free(&latents);
    cupel_model_free(model);
}

Test(sample_model, an_infogan_has_its_categories_for_classes) {
    struct cupel_model *model = tiny_gan(TINY_CODE, FAST);
    struct cupel_latents latents = draw(model, 3, 8), walks;
    cr_expect_eq(cupel_latents_classes(model), 4);
    cr_expect_null(latents.labels);
    for (int i = 0; i < 8; i++) {
        const float *code = latents.noise + 8 * i + 3;
        cr_expect_eq(code[0] + code[1] + code[2] + code[3], 1);
        cr_expect(code[4] >= -1 && code[4] < 1);
    }
    cupel_latents_class_rows(model, &latents, 2);
    for (int i = 0; i < 8; i++)
        for (int c = 0; c < 4; c++) cr_expect_eq(latents.noise[8 * i + 3 + c], c == i / 2 ? 1 : 0);
    struct cupel_error error = {0};
    cr_assert_eq(cupel_latents_interpolate(model, &latents, 4, 3, &walks, &error), CUPEL_OK, "%s",
                 error.message);
    cr_expect(walks.count == 12 && walks.seed == 3);
    for (int row = 0; row < 4; row++) {
        const float *from = latents.noise + 16 * row, *to = from + 8, *walk = walks.noise + 24 * row;
        float middle[3];
        latent_between(from, to, 3, 0.5, middle);
        for (int i = 0; i < 3; i++) {
            cr_expect_eq(walk[i], from[i]);
            cr_expect_float_eq(walk[16 + i], to[i], 1e-6);
            cr_expect_eq(walk[8 + i], middle[i]);
        }
        for (int step = 0; step < 3; step++)
            cr_expect_eq(memcmp(walk + 8 * step + 3, from + 3, 5 * sizeof(float)), 0);
    }
    cupel_latents_free(&walks);
    cupel_latents_free(&latents);
    cupel_model_free(model);
}

Test(sample_model, impossible_latents_are_refused) {
    struct cupel_model *model = tiny_gan(TINY_PLAIN, FAST), *classifier = tiny_model(FAST, "");
    struct cupel_latents latents, walks, ends = draw(model, 0, 5);
    const struct {
        const struct cupel_model *model;
        uint64_t seed;
        int64_t count;
        enum cupel_status status;
        const char *text;
    } rows[] = {
        {model, 0, 0, CUPEL_INVALID, "0 latents are not possible"},
        {model, 0, INT64_MAX, CUPEL_INVALID, "latents are not possible"},
        {model, UINT64_C(1) << 63, 1, CUPEL_INVALID, "the seed 9223372036854775808 is too large"},
        {classifier, 0, 1, CUPEL_UNSUPPORTED, "tiny.yaml: images are made by models of `task: gan`"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cupel_error error = {0};
        cr_expect_eq(cupel_latents_draw(rows[i].model, rows[i].seed, rows[i].count, &latents, &error),
                     rows[i].status);
        has(&error, rows[i].text);
        cr_expect_null(latents.noise);
    }
    const struct {
        int64_t rows, steps;
        const char *text;
    } grids[] = {{3, 2, "3 rows have 6 ends, but there are 5 latents"},
                 {1, 1, "a row has 2 steps or more"},
                 {0, 4, "a row has 2 steps or more"},
                 {INT64_MAX, 4, "a row has 2 steps or more"}};
    for (size_t i = 0; i < sizeof grids / sizeof *grids; i++) {
        struct cupel_error error = {0};
        cr_expect_eq(cupel_latents_interpolate(model, &ends, grids[i].rows, grids[i].steps, &walks, &error),
                     CUPEL_INVALID);
        has(&error, grids[i].text);
        cr_expect_null(walks.noise);
    }
    struct cupel_error error = {0};
    ends.shape = CUPEL_SHAPE(4, 2, 1);
    cr_expect_eq(cupel_latents_interpolate(model, &ends, 1, 2, &walks, &error), CUPEL_INVALID);
    has(&error, "the generator takes noise of shape [8, 1, 1], the latents have [4, 2, 1]");
    cr_expect_eq(cupel_latents_classes(model), 0);
    cr_expect_eq(cupel_latents_classes(classifier), 0);
    cupel_latents_free(&ends);
    cupel_model_free(model);
    cupel_model_free(classifier);
}

/* ---- the gallery ---- */

Test(sample_model, a_gallery_shows_the_same_latents_and_changes_nothing) {
    struct cupel_model *model = tiny_gan(TINY_LABELS, "steps: 4, optimizer: adam, ema: 0.5");
    char *out = temporary_path("gallery");
    struct setup setup;
    struct gallery gallery;
    struct cupel_error error = {0};
    float before[6], after[6];
    const char *statistic = "generator.batchnorm1.running_mean";
    cr_assert_eq(setup_open(model, &plainly, &setup, &error), CUPEL_OK, "%s", error.message);
    cr_assert_eq(gallery_open(&setup, &gallery, &error), CUPEL_OK, "%s", error.message);
    cr_expect(gallery.rows == 4 && gallery.columns == 8 && gallery.latents.count == 32);
    cr_assert_eq(cupel_store_read(setup.store, statistic, before, sizeof before, &error), CUPEL_OK);
    cr_assert_eq(gallery_write(&setup, &gallery, out, 250, &error), CUPEL_OK, "%s", error.message);
    cr_assert_eq(cupel_store_read(setup.store, statistic, after, sizeof after, &error), CUPEL_OK);
    cr_expect_eq(memcmp(before, after, sizeof before), 0);
    struct cupel_image image;
    const char *path = inside(out, "samples/000250.png");
    cr_assert_eq(cupel_image_read(path, 0, &image, &error), CUPEL_OK, "%s", error.message);
    cr_expect(image.channels == 1 && image.height == 4 * 10 - 2 && image.width == 8 * 10 - 2);
    cupel_image_free(&image);
    char *value;
    cr_assert_eq(cupel_image_read_text(path, "step", &value, &error), CUPEL_OK);
    cr_expect_str_eq(value, "250");
    free(value);
    /* The average, zeros here, was looked at: black behind a tanh of 0 is the mean. */
    uint8_t *images = gallery.images;
    for (int i = 0; i < PIXELS; i++) cr_expect_eq(images[i], 102);
    gallery_close(&gallery);
    setup_close(&setup);
    cupel_model_free(model);
    free(out);
}
