/* Where infinite numbers and NaN of a GAN's run are found. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "gan_runs.h"
#include "train/checkpoint.h"

/* An output of nearly 0 whose derivatives by the first bias are too large for f32. */
static void plant_steep_slope(const char *name, float *data, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(name, "discriminator.linear1.weight") == 0) data[i] = 0;
        if (strcmp(name, "discriminator.linear1.bias") == 0) data[i] = 1e-30F;
        if (strcmp(name, "discriminator.linear2.weight") == 0) data[i] = i % 2 ? 3.3e38F : -3.3e38F;
    }
}

static void plant_infinity(const char *name, float *data, size_t count) {
    if (strcmp(name, "discriminator.linear1.bias") == 0) data[count - 1] = INFINITY;
}

/* The run fails with messages that have these parts, and leaves a line about the tensor. */
static void expect_nan(struct cupel_model *model, struct cupel_train_options options, const char *message,
                       const char *place, const char *tensor) {
    struct cupel_error error;
    struct notes notes = {0};
    options.run.note = take_note;
    options.run.note_context = &notes;
    struct cupel_train_result result = train(model, &options, CUPEL_FAILED, &error);
    expect_part(error.message, message);
    expect_part(error.message, place);
    cr_expect(result.failed && result.step);
    if (options.out) {
        struct cupel_history history = gan_history(options.out);
        cr_assert_eq(history.warning_count, 1);
        cr_expect_eq(history.warnings[0].warning, CUPEL_WARNING_NAN);
        cr_expect(isnan(history.warnings[0].value));
        cr_expect_str_eq(history.warnings[0].tensor, tensor);
        cupel_history_free(&history);
    }
    expect_part(notes.text, "to find the first such number, the steps from ");
    cupel_train_result_free(&result);
    cupel_model_free(model);
}

Test(gan_nan, a_planted_nan_is_found) {
    char *out = temporary_path("nan"), *init = planted(tiny_gan(TINY_PLAIN, STILL), plant_nan);
    for (int written = 0; written < 2; written++)
        expect_nan(tiny_gan(TINY_PLAIN, STILL),
                   (struct cupel_train_options){.out = written ? out : NULL, .init = init, .log_steps = 5},
                   "step 1: the loss is infinite or NaN; a lower lr, a warm-up or `clip_norm` may help",
                   "; the first such number is in step 1, network 'generator', layer 'deconv2', in its "
                   "tensor 'weight'",
                   "generator.deconv2.weight");
    free(out);
    free(init);
}

Test(gan_nan, a_nan_behind_a_checkpoint_is_found) {
    char *out = temporary_path("behind");
    struct cupel_train_options options = {.out = out, .steps = 10};
    gan_run(tiny_gan(TINY_PLAIN, STILL), options, CUPEL_OK, NULL, 0);
    plant(inside(out, CHECKPOINT_LAST), plant_infinity);
    options.steps = 30;
    options.resume = true;
    expect_nan(tiny_gan(TINY_PLAIN, STILL), options, "step 11: the loss is infinite or NaN",
               "; the first such number is in step 11, network 'discriminator', layer 'linear1', in its "
               "tensor 'bias'",
               "discriminator.linear1.bias");
    free(out);
}

static void plant_large_numbers(const char *name, float *data, size_t count) {
    for (size_t i = 0; strcmp(name, "generator.deconv1.weight") == 0 && i < count; i++) data[i] = 3.3e38F;
}

Test(gan_nan, numbers_that_grow_too_large_are_found) {
    char *out = temporary_path("large"), *init = planted(sharp_gan(STILL), plant_large_numbers);
    expect_nan(sharp_gan(STILL), (struct cupel_train_options){.out = out, .init = init},
               "step 1: the loss is infinite",
               "in step 1, network 'generator', layer 'deconv1', in its output",
               "output of generator.deconv1");
    free(out);
    free(init);
}

/* The first update of Adam is as large as its rate: the generator then looks through weights of 1e25. */
Test(gan_nan, a_loss_that_grows_too_large_is_found) {
    char *out = temporary_path("grown");
    expect_nan(sharp_gan("epochs: 100, " SIDES(1e-9, 1e25)),
               (struct cupel_train_options){.out = out, .log_steps = 50}, "step 1: the loss is infinite",
               "in step 1, network 'generator', in its loss", "loss of generator");
    free(out);
}

Test(gan_nan, a_gradient_that_is_too_large_is_found) {
    static const char settings[] = "epochs: 100, loss: least_squares, " SLOW;
    char *out = temporary_path("steep"), *init = planted(sharp_gan(settings), plant_steep_slope);
    expect_nan(sharp_gan(settings), (struct cupel_train_options){.out = out, .init = init},
               "step 1: the loss is infinite",
               "in step 1, network 'discriminator', layer 'linear1', in its tensor 'bias', in the gradient",
               "gradient of discriminator.linear1.bias");
    free(out);
    free(init);
}
