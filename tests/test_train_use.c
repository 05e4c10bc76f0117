/* Weights from other places, dumps, rehearsals, histories, and what is refused. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files.h"
#include "train/checkpoint.h"
#include "training.h"

static const char ADAM[] = "epochs: 12, optimizer: {adam: {lr: 0.02}}";

static void has(const struct cupel_error *error, const char *text) {
    cr_expect_not_null(strstr(error->message, text), "'%s' is not in: %s", text, error->message);
}

/* ---- weights of others ---- */

/* A file with the parameters of the tiny model, which the caller changes and saves. */
static struct cupel_weights parameters_of(const struct cupel_model *model, const char *prefix) {
    struct cupel_weights weights = {0};
    struct cupel_error error = {0};
    int count;
    const struct cupel_parameter *parameters =
        cupel_network_parameters(cupel_model_network(model, 0), &count);
    for (int i = 0; i < count; i++) {
        char name[100];
        snprintf(name, sizeof name, "%s%s", prefix, parameters[i].name + strlen("net."));
        cr_assert_eq(cupel_weights_add(&weights, name, CUPEL_F32, &parameters[i].shape, NULL, &error),
                     CUPEL_OK, "%s", error.message);
    }
    return weights;
}

static void add_zeros(struct cupel_weights *weights, const char *name, enum cupel_dtype dtype,
                      int64_t count) {
    struct cupel_error error = {0};
    struct cupel_shape shape = count ? CUPEL_SHAPE(count) : CUPEL_SCALAR;
    cr_assert_eq(cupel_weights_add(weights, name, dtype, &shape, NULL, &error), CUPEL_OK, "%s",
                 error.message);
}

Test(train_use, initial_weights_may_come_from_pytorch) {
    char *file = temporary_path("state_dict.safetensors"), *out = temporary_path("run");
    struct cupel_error error = {0};
    struct cupel_model *model = tiny_model("steps: 1, optimizer: {sgd: {lr: 1.0e-30}}", "");
    struct cupel_weights weights = parameters_of(model, "");
    add_zeros(&weights, "batchnorm1.running_mean", CUPEL_F32, 4);
    add_zeros(&weights, "batchnorm1.running_var", CUPEL_F32, 4);
    add_zeros(&weights, "batchnorm1.num_batches_tracked", CUPEL_I64, 0);
    float *bias = cupel_weights_find(&weights, "linear1.bias")->data;
    for (int c = 0; c < TINY_CLASSES; c++) bias[c] = (float)(c + 1);
    cr_assert_eq(cupel_weights_save(&weights, file, &error), CUPEL_OK, "%s", error.message);
    struct cupel_train_result result =
        train(model, &(struct cupel_train_options){.init = file, .out = out}, CUPEL_OK, NULL);
    struct cupel_weights after = {0};
    cr_assert_eq(cupel_weights_load(inside(out, CHECKPOINT_LAST), &after, &error), CUPEL_OK, "%s",
                 error.message);
    cr_expect_arr_eq(cupel_weights_find(&after, "net.linear1.bias")->data, bias, 4 * sizeof *bias);
    cupel_train_result_free(&result);
    cupel_weights_free(&after);
    cupel_weights_free(&weights);
    cupel_model_free(model);
    free(file);
    free(out);
}

Test(train_use, initial_weights_that_do_not_fit_are_all_listed) {
    char *file = temporary_path("other.safetensors");
    struct cupel_error error = {0};
    struct cupel_model *model = tiny_model(ADAM, "");
    struct cupel_weights weights = {0};
    add_zeros(&weights, "net.conv1.weight", CUPEL_F32, 5);
    add_zeros(&weights, "net.conv1.bias", CUPEL_F64, 4);
    add_zeros(&weights, "net.conv9.bias", CUPEL_F32, 4);
    cr_assert_eq(cupel_weights_save(&weights, file, &error), CUPEL_OK, "%s", error.message);
    train(model, &(struct cupel_train_options){.init = file}, CUPEL_INVALID, &error);
    has(&error, file);
    has(&error, "9 of 9 differences:");
    has(&error, "f32 [5] instead of f32 [4, 1, 3, 3]: net.conv1.weight");
    has(&error, "f64 [4] instead of f32 [4]: net.conv1.bias");
    has(&error, "missing: net.linear1.weight");
    has(&error, "missing: net.batchnorm1.running_var");
    has(&error, "unexpected: net.conv9.bias");
    cupel_weights_free(&weights);
    cupel_model_free(model);
    free(file);
}

/* ---- dump ---- */

static void dump_fails(const struct cupel_model *model, struct cupel_weights *batch, const char *text) {
    char *file = temporary_path("batch.safetensors"), *out = temporary_path("out.safetensors");
    struct cupel_error error = {0};
    cr_assert_eq(cupel_weights_save(batch, file, &error), CUPEL_OK, "%s", error.message);
    cr_expect_eq(cupel_dump(model, &(struct cupel_run_options){0}, NULL, file, 1, out, &error),
                 CUPEL_INVALID);
    has(&error, file);
    has(&error, text);
    cr_expect_eq(access(out, F_OK), -1);
    free(file);
    free(out);
}

Test(train_use, a_batch_that_does_not_fit_is_refused) {
    struct cupel_model *model = tiny_model(ADAM, "");
    struct cupel_weights batch = {0};
    struct cupel_error error = {0};
    add_zeros(&batch, "label", CUPEL_I64, 3);
    dump_fails(model, &batch, "no tensor 'image'");
    cr_assert_eq(cupel_weights_add(&batch, "image", CUPEL_F32, &CUPEL_SHAPE(2, 1, 8, 8), NULL, &error),
                 CUPEL_OK);
    dump_fails(model, &batch, "it must be i32 or i64 [2]");
    cupel_weights_free(&batch);
    cr_assert_eq(cupel_weights_add(&batch, "image", CUPEL_F32, &CUPEL_SHAPE(3, 1, 8, 9), NULL, &error),
                 CUPEL_OK);
    add_zeros(&batch, "label", CUPEL_I32, 3);
    dump_fails(model, &batch, "[3, 1, 8, 9]");
    cupel_weights_free(&batch);
    cr_assert_eq(cupel_weights_add(&batch, "image", CUPEL_F32, &CUPEL_SHAPE(3, 1, 8, 8), NULL, &error),
                 CUPEL_OK);
    add_zeros(&batch, "label", CUPEL_I32, 3);
    ((int32_t *)cupel_weights_find(&batch, "label")->data)[1] = TINY_CLASSES;
    dump_fails(model, &batch, "label[1] is 4");
    cupel_weights_free(&batch);
    cupel_model_free(model);
}

/* ---- options, rehearsals, histories ---- */

Test(train_use, impossible_options_are_refused) {
    static const struct {
        struct cupel_train_options options;
        enum cupel_status status;
        const char *text;
    } rows[] = {
        {{.run = {.device = "cpu", .precision = "bf16"}},
         CUPEL_UNSUPPORTED,
         "device cpu does not compute in bf16"},
        {{.run = {.device = "reference", .precision = "tf32"}},
         CUPEL_UNSUPPORTED,
         "does not compute in tf32"},
        {{.run.precision = "f31"}, CUPEL_INVALID, "known precisions"},
        {{.run.device = "abacus"}, CUPEL_INVALID, "abacus"},
        {{.run.batch = -1}, CUPEL_INVALID, "-1 images"},
        {{.run = {.has_seed = true, .seed = UINT64_MAX}}, CUPEL_INVALID, "seed"},
        {{.run.data = "/nonexistent/set"}, CUPEL_INVALID, "/nonexistent/set"},
        {{.epochs = -3}, CUPEL_INVALID, "-3 epochs"},
        {{.resume = true}, CUPEL_INVALID, "--out"},
        {{.init = "/nonexistent/file"}, CUPEL_INVALID, "/nonexistent/file"},
        {{.out = "/proc/no/such/place"}, CUPEL_INVALID, "/proc/no"},
    };
    struct cupel_model *model = tiny_model(ADAM, "");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cupel_error error;
        train(model, &rows[i].options, rows[i].status, &error);
        has(&error, rows[i].text);
    }
    cupel_model_free(model);
}

Test(train_use, a_rehearsal_has_a_plan_to_print_and_time) {
    struct cupel_model *model = tiny_model(ADAM, ", augment: {flip: true}");
    for (int training = 0; training < 2; training++) {
        struct cupel_error error = {0};
        struct cupel_rehearsal rehearsal;
        char *text = NULL;
        size_t size = 0;
        FILE *file = open_memstream(&text, &size);
        const struct cupel_run_options options = {.batch = 5};
        cr_assert_eq(cupel_rehearse(model, &options, training, &rehearsal, &error), CUPEL_OK, "%s",
                     error.message);
        cupel_plan_print(rehearsal.plan, file);
        cr_expect_eq(cupel_plan_profile(rehearsal.plan, 2, file, &error), CUPEL_OK, "%s", error.message);
        fclose(file);
        cr_expect_not_null(strstr(text, "net.conv1"));
        cr_expect_not_null(strstr(text, "[5, 4, 8, 8]"));
        cr_expect_eq(strstr(text, "adam") != NULL, training);
        cr_expect_gt(cupel_plan_stats(rehearsal.plan).flops, 0);
        cupel_rehearsal_free(&rehearsal);
        free(text);
    }
    cupel_model_free(model);
}

Test(train_use, a_history_tells_the_line_that_is_none) {
    char *path = temporary_path("metrics.jsonl");
    struct cupel_error error = {0};
    struct cupel_history history;
    const char *text =
        "{\"step\":2,\"epoch\":1,\"loss\":null,\"lr\":0.5}\n"
        "{\"step\":2,\"epoch\":1,\"test_loss\":0.25,\"test_accuracy\":0.5}\n"
        "{\"step\":3,\"ep";
    spill(path, text, strlen(text));
    cr_assert_eq(cupel_history_load(path, &history, &error), CUPEL_OK, "%s", error.message);
    cr_expect_eq(history.training_count, 1);
    cr_expect(isnan(history.training[0].loss));
    cr_expect_eq(history.training[0].rate, 0.5);
    cr_expect_eq(history.evaluation_count, 1);
    cr_expect_eq(history.evaluations[0].loss, 0.25);
    cupel_history_free(&history);
    text = "{\"step\":2}\nnonsense\n";
    spill(path, text, strlen(text));
    cr_expect_eq(cupel_history_load(path, &history, &error), CUPEL_INVALID);
    has(&error, "metrics.jsonl:2:");
    free(path);
}
