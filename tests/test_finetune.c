/* Frozen parameters, and groups of them with rates and weight decays of their own. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "train/checkpoint.h"
#include "training.h"

static struct cupel_weights checkpoint_of(const struct cupel_model *model, const char *name, int64_t steps) {
    char *out = temporary_path(name);
    struct cupel_error error = {0};
    struct cupel_weights file = {0};
    const struct cupel_train_options options = {.run = plainly, .out = out, .steps = steps};
    struct cupel_train_result result = train(model, &options, CUPEL_OK, NULL);
    cr_assert_eq(cupel_weights_load(inside(out, CHECKPOINT_LAST), &file, &error), CUPEL_OK, "%s",
                 error.message);
    cupel_train_result_free(&result);
    free(out);
    return file;
}

static bool is_same(const struct cupel_weights *a, const struct cupel_weights *b, const char *name) {
    const struct cupel_weight *one = cupel_weights_find(a, name), *two = cupel_weights_find(b, name);
    cr_assert(one && two && one->bytes == two->bytes, "%s", name);
    return memcmp(one->data, two->data, one->bytes) == 0;
}

static bool is_zero(const struct cupel_weights *file, const char *name) {
    const struct cupel_weight *weight = cupel_weights_find(file, name);
    cr_assert(weight, "%s", name);
    for (int64_t i = 0; i < cupel_shape_count(&weight->shape); i++)
        if (((const float *)weight->data)[i] != 0) return false;
    return true;
}

/* ---- freezing ---- */

/* Whether each of the names stays as after the first step or moves. */
static void check_moves(const char *settings, const char *const *still, const char *const *moving) {
    struct cupel_model *model = tiny_model(settings, "");
    struct cupel_weights early = checkpoint_of(model, "early", 1), late = checkpoint_of(model, "late", 9);
    for (int i = 0; still[i]; i++)
        cr_expect(is_same(&early, &late, still[i]), "%s: %s has moved", settings, still[i]);
    for (int i = 0; moving[i]; i++)
        cr_expect(!is_same(&early, &late, moving[i]), "%s: %s has not moved", settings, moving[i]);
    cupel_weights_free(&early);
    cupel_weights_free(&late);
    cupel_model_free(model);
}

#define RATE "epochs: 3, ema: 0.9, optimizer: {adamw: {lr: 0.01, weight_decay: 0.1}}"
#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NO_NAMES ((const char *const[]){NULL})

Test(finetune, frozen_parameters_keep_their_bits) {
    check_moves(RATE ", freeze: [net.conv1.*]",
                NAMES("net.conv1.weight", "net.conv1.bias", "ema.net.conv1.weight",
                      "optimizer.moment1.net.conv1.weight", "optimizer.moment2.net.conv1.bias"),
                NAMES("net.batchnorm1.weight", "net.batchnorm1.running_mean", "net.linear1.weight",
                      "net.linear1.bias", "ema.net.linear1.weight"));
    check_moves(RATE ", freeze: linear1.weight", NAMES("net.linear1.weight", "ema.net.linear1.weight"),
                NAMES("net.linear1.bias", "net.conv1.weight", "net.batchnorm1.bias"));
}

/* As if in evaluation mode: with both parameters frozen, the running statistics are used and stay. */
Test(finetune, a_frozen_normalisation_keeps_its_statistics) {
    check_moves(RATE ", freeze: ['*.batchnorm1.*', conv1.*]",
                NAMES("net.conv1.weight", "net.batchnorm1.weight", "net.batchnorm1.bias",
                      "net.batchnorm1.running_mean", "net.batchnorm1.running_var"),
                NAMES("net.linear1.weight"));
    check_moves(RATE ", freeze: [net.batchnorm1.weight]", NAMES("net.batchnorm1.weight"),
                NAMES("net.batchnorm1.bias", "net.batchnorm1.running_mean", "net.batchnorm1.running_var"));
}

Test(finetune, what_is_frozen_has_no_gradient_and_no_moments) {
    struct cupel_model *model = tiny_model(RATE ", freeze: [net.conv1.*, net.linear1.bias]", "");
    struct cupel_weights file = checkpoint_of(model, "run", 3), batch = {0}, values = {0};
    cr_expect(is_zero(&file, "optimizer.moment1.net.conv1.weight"));
    cr_expect(is_zero(&file, "optimizer.moment2.net.linear1.bias"));
    cr_expect(!is_zero(&file, "optimizer.moment1.net.linear1.weight"));
    char *in = temporary_path("batch.safetensors"), *out = temporary_path("out.safetensors");
    struct cupel_error error = {0};
    cupel_weights_add(&batch, "image", CUPEL_F32, &CUPEL_SHAPE(2, 1, 8, 8), NULL, &error);
    for (int i = 0; i < 128; i++) ((float *)batch.tensors[0].data)[i] = (float)(i % 7);
    cupel_weights_add(&batch, "label", CUPEL_I32, &CUPEL_SHAPE(2), NULL, &error);
    cr_assert_eq(cupel_weights_save(&batch, in, &error), CUPEL_OK, "%s", error.message);
    cr_assert_eq(cupel_dump(model, &plainly, NULL, in, 2, out, &error), CUPEL_OK, "%s", error.message);
    cr_assert_eq(cupel_weights_load(out, &values, &error), CUPEL_OK, "%s", error.message);
    cr_expect_null(cupel_weights_find(&values, "grad/net.conv1.weight"));
    cr_expect_null(cupel_weights_find(&values, "grad/net.linear1.bias"));
    cr_expect(!is_zero(&values, "grad/net.linear1.weight") && !is_zero(&values, "grad/net.batchnorm1.bias"));
    cr_expect(cupel_weights_find(&values, "param/net.conv1.weight"));
    cupel_weights_free(&file);
    cupel_weights_free(&batch);
    cupel_weights_free(&values);
    cupel_model_free(model);
    free(in);
    free(out);
}

static void gan_moves(const char *settings, bool generator, bool discriminator) {
    struct cupel_model *model = tiny_gan(TINY_PLAIN, settings);
    struct cupel_weights early = checkpoint_of(model, "early", 1), late = checkpoint_of(model, "late", 6);
    cr_expect_eq(!is_same(&early, &late, "generator.deconv1.weight"), generator, "%s", settings);
    cr_expect_eq(!is_same(&early, &late, "discriminator.linear1.weight"), discriminator, "%s", settings);
    if (!discriminator) { /* its limit is not for frozen weights */
        const struct cupel_weight *weight = cupel_weights_find(&late, "discriminator.linear1.weight");
        float largest = 0;
        for (int i = 0; i < 64; i++) largest = fmaxf(largest, fabsf(((const float *)weight->data)[i]));
        cr_expect_gt(largest, 0.1F);
        cr_expect_leq(fabsf(*(const float *)cupel_weights_find(&late, "discriminator.linear1.bias")->data),
                      0.001F);
    }
    cupel_weights_free(&early);
    cupel_weights_free(&late);
    cupel_model_free(model);
}

Test(finetune, parts_of_a_gan_can_be_frozen) {
#define GAN "epochs: 9, optimizer: {adam: {lr: 0.01}}"
    gan_moves(GAN, true, true);
    gan_moves(GAN ", freeze: [generator.deconv1.*]", false, true);
    gan_moves(GAN ", freeze: [discriminator.linear1.weight], clip_weights: 0.001, discriminator_steps: 2",
              true, false);
}

/* ---- groups ---- */

/* Whether two settings train to the same bits. */
static bool agree(const char *one, const char *other, const char *name) {
    struct cupel_model *a = tiny_model(one, ""), *b = tiny_model(other, "");
    struct cupel_weights of_a = checkpoint_of(a, "a", 9), of_b = checkpoint_of(b, "b", 9);
    const bool same = is_same(&of_a, &of_b, name);
    cupel_weights_free(&of_a);
    cupel_weights_free(&of_b);
    cupel_model_free(a);
    cupel_model_free(b);
    return same;
}

Test(finetune, groups_have_rates_and_decays_of_their_own) {
    static const char *const optimizers[][3] = {
        {"epochs: 3, optimizer: {sgd: {lr: 0.25, momentum: 0.5, weight_decay: 0.5}}",
         "epochs: 3, optimizer: {sgd: {lr: 0.5, momentum: 0.5}}"},
        {"epochs: 3, optimizer: {adam: {lr: 0.25, weight_decay: 0.5}}",
         "epochs: 3, optimizer: {adam: {lr: 0.5}}"},
        {"epochs: 3, optimizer: {adamw: {lr: 0.25, weight_decay: 0.5}}",
         "epochs: 3, optimizer: {adamw: {lr: 0.5, weight_decay: 0}}"},
        {"epochs: 3, optimizer: {rmsprop: {lr: 0.25, weight_decay: 0.5}}",
         "epochs: 3, optimizer: {rmsprop: {lr: 0.5}}"},
        {"epochs: 3, optimizer: {adagrad: {lr: 0.25, weight_decay: 0.5}}",
         "epochs: 3, optimizer: {adagrad: {lr: 0.5}}"},
    };
    for (size_t i = 0; i < sizeof optimizers / sizeof *optimizers; i++) {
        char whole[300], parts[300], mixed[300];
        snprintf(whole, sizeof whole, "%s, groups: [{match: '*', lr: 0.25, weight_decay: 0.5}]",
                 optimizers[i][1]);
        snprintf(parts, sizeof parts,
                 "%s, groups: [{match: '*.weight', weight_decay: 7}, {match: ['*.weight', '*.bias'], "
                 "lr_scale: 0.5, weight_decay: 0.5}, {match: conv1.*, lr: 0.25}]",
                 optimizers[i][1]);
        snprintf(mixed, sizeof mixed, "%s, groups: [{match: '*.bias', lr_scale: 0.5}]", optimizers[i][1]);
        cr_expect(agree(optimizers[i][0], whole, "net.linear1.weight"), "%s", whole);
        cr_expect(agree(optimizers[i][0], parts, "net.linear1.weight"), "%s", parts);
        cr_expect(!agree(optimizers[i][1], mixed, "net.linear1.bias"), "%s", mixed);
    }
}

Test(finetune, groups_follow_the_schedule) {
    cr_expect(
        agree("epochs: 3, optimizer: {sgd: {lr: 0.25}}, schedule: {step: {every: 1, gamma: 0.5}}, warmup: 4",
              "epochs: 3, optimizer: {sgd: {lr: 1}}, schedule: {step: {every: 1, gamma: 0.5}}, warmup: 4, "
              "groups: [{match: net.*, lr: 0.25}]",
              "net.linear1.weight"));
    cr_expect(agree("epochs: 3, optimizer: sgd, schedule: {one_cycle: {max_lr: 0.125}}",
                    "epochs: 3, optimizer: sgd, schedule: {one_cycle: {max_lr: 0.25}}, "
                    "groups: [{match: net.*, lr_scale: 0.5}]",
                    "net.linear1.weight"));
}

/* Runs that do not differ cost nothing: a plan with such groups is the one without. */
Test(finetune, runs_that_are_alike_are_one) {
    static const char *const settings[] = {
        "epochs: 3, optimizer: adam",
        "epochs: 3, optimizer: adam, groups: [{match: '*.weight', lr: 0.01}, {match: '*.bias', lr: 0.01}]",
        "epochs: 3, optimizer: adam, groups: [{match: net.linear1.*, lr: 0.01}]",
        "epochs: 3, optimizer: adam, freeze: [net.conv1.*], groups: [{match: net.linear1.*, lr: 0.01}]",
    };
    static const int updates[] = {1, 1, 2, 2};
    for (int i = 0; i < 4; i++) {
        struct cupel_model *model = tiny_model(settings[i], "");
        struct cupel_rehearsal rehearsal;
        struct cupel_error error = {0};
        cr_assert_eq(cupel_rehearse(model, &plainly, true, &rehearsal, &error), CUPEL_OK, "%s",
                     error.message);
        char *text = NULL;
        size_t size;
        FILE *file = open_memstream(&text, &size);
        cupel_plan_print(rehearsal.plan, file);
        fclose(file);
        int count = 0;
        for (const char *at = text; (at = strstr(at, " adam ")); at++) count++;
        cr_expect_eq(count, updates[i], "%s: %d\n%s", settings[i], count, text);
        free(text);
        cupel_rehearsal_free(&rehearsal);
        cupel_model_free(model);
    }
}

Test(finetune, killed_and_resumed_is_the_same_as_at_once) {
    char *whole = temporary_path("whole"), *parts = temporary_path("parts");
    struct cupel_model *model = tiny_model(
        "epochs: 9, ema: 0.95, clip_norm: 1, optimizer: {adam: {lr: 0.01}}, freeze: [batchnorm1.*, "
        "conv1.bias], "
        "groups: [{match: linear1.*, lr: 0.1, weight_decay: 0.01}]",
        "");
    struct cupel_train_options options = {
        .run = plainly, .steps = 20, .out = parts, .log_steps = 1, .checkpoint_steps = 10};
    train_and_be_killed(model, options);
    options.resume = true;
    struct cupel_train_result result = train(model, &options, CUPEL_OK, NULL);
    cupel_train_result_free(&result);
    options.resume = false;
    options.out = whole;
    result = train(model, &options, CUPEL_OK, NULL);
    cupel_train_result_free(&result);
    size_t size, other;
    char *a = read_whole(inside(whole, CHECKPOINT_LAST), &size),
         *b = read_whole(inside(parts, CHECKPOINT_LAST), &other);
    cr_expect(size == other && memcmp(a, b, size) == 0);
    free(a);
    free(b);
    cupel_model_free(model);
    free(whole);
    free(parts);
}

/* The generator's update looks through a discriminator that was updated part by part. */
Test(finetune, a_check_goes_through_parts_that_are_replaced) {
    struct cupel_model *model =
        tiny_gan(TINY_PLAIN, GAN ", freeze: [generator.deconv1.*], groups: [{match: '*.bias', lr_scale: 2}]");
    const struct cupel_check_options options = {.run = plainly, .steps = 2};
    struct cupel_check check = {0};
    struct cupel_error error = {0};
    cr_assert_eq(cupel_check_model(model, &options, &check, &error), CUPEL_OK, "%s", error.message);
    int adams = 0;
    for (int i = 0; i < check.count; i++) adams += strcmp(check.items[i].op, "adam") == 0;
    cr_expect_eq(adams, 6, "%d", adams); /* four stretches of the generator, two of the discriminator */
    cr_expect(!cupel_check_has_failed(&check), "%d nodes; %s", check.failed, check.steps_note);
    cupel_check_free(&check);
    cupel_model_free(model);
}

/* ---- mistakes ---- */

Test(finetune, wrong_patterns_are_refused_at_their_place) {
    static const char head[] =
        "task: classify\n"
        "data: {format: idx, path: /nowhere, shape: [1, 8, 8], classes: 4}\n"
        "networks: {net: {input: image, layers: [flatten, linear: {name: first, out: 8},\n"
        "                 linear: {name: last, out: 4}]}}\n";
    static const struct {
        const char *train, *place, *text;
    } rows[] = {
        {"freeze: [net.frist.*]",
         "m.yaml:5:55: ", "'net.frist.*' matches no parameter; did you mean 'net.first.*'?"},
        {"freeze: last.wieght", "m.yaml:5:54: ", "matches no parameter; did you mean 'last.weight'?"},
        {"freeze: last", "m.yaml:5:54: ", "matches no parameter; did you mean 'last.*'?"},
        {"freeze: zzz", "m.yaml:5:54: ", "'zzz' matches no parameter\n"},
        {"freeze: ['*']", "m.yaml:5:54: ", "'freeze' leaves nothing of the network 'net' to train"},
        {"freeze: [{}]", "m.yaml:5:55: ", "'freeze' holds a mapping of keys; it must hold patterns"},
        {"freeze: [*.bias]", "m.yaml:5:56: ", "put a text that begins with * in quotes"},
        {"groups: {match: a}",
         "m.yaml:5:54: ", "'groups' is a mapping of keys; it must be a list, [{match: PATTERN"},
        {"groups: [{lr: 1}]", "m.yaml:5:55: ", "a group needs the key 'match'"},
        {"groups: [{match: 'net.*'}]", "m.yaml:5:55: ", "the group changes nothing; give it `lr`"},
        {"groups: [{match: 'net.*', lr: 1, lr_scale: 2}]", "m.yaml:5:79: ", "'lr_scale' and 'lr' both say"},
        {"groups: [{match: 'net.*', lr: 0}]", "m.yaml:5:76: ", "'lr' is '0'; it must be a number above 0"},
        {"groups: [{match: [lats.*], lr: 1}]", "m.yaml:5:64: ", "did you mean 'last.*'?"},
        {"schedule: {one_cycle: {max_lr: 1}}, groups: [{match: '*', lr: 1}]",
         "m.yaml:5:99: ", "give the group an `lr_scale` instead"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[800];
        struct cupel_error error = {0};
        struct cupel_model *model;
        snprintf(text, sizeof text, "%strain: {batch: 1, steps: 1, optimizer: adam, %s}\n", head,
                 rows[i].train);
        cr_expect_eq(cupel_model_read_text("m.yaml", text, strlen(text), NULL, 0, &model, &error),
                     CUPEL_INVALID, "%s", rows[i].train);
        cr_expect(strstr(error.message, rows[i].text) &&
                      strstr(error.message, rows[i].place) == error.message,
                  "%s: %s", rows[i].train, error.message);
        cupel_model_free(model);
    }
}
