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
    add_zeros(&weights, "conv1.bias", CUPEL_I64, 4);
    add_zeros(&weights, "net.conv9.bias", CUPEL_F32, 4);
    cr_assert_eq(cupel_weights_save(&weights, file, &error), CUPEL_OK, "%s", error.message);
    train(model, &(struct cupel_train_options){.init = file}, CUPEL_INVALID, &error);
    has(&error, file);
    has(&error,
        ": its tensors are not those of tiny.yaml: 6 missing, 2 of another shape or type, 1 unexpected; ");
    has(&error, "or leave some tensors as initialised by --init-skip PATTERN\n");
    has(&error, "\n    another: net.conv1.weight is f32 [5], the model has f32 [4, 1, 3, 3]");
    has(&error, "\n    another: conv1.bias is i64 [4], the model has f32 [4]");
    has(&error, "\n    missing: net.linear1.weight f32 [4, 64]");
    has(&error, "\n    missing: net.batchnorm1.running_var f32 [4]");
    has(&error, "\n    unexpected: net.conv9.bias f32 [4]");
    cupel_weights_free(&weights);
    cupel_model_free(model);
    free(file);
}

Test(train_use, of_many_tensors_that_do_not_fit_the_first_are_listed) {
    char *file = temporary_path("other.safetensors");
    struct cupel_error error = {0};
    struct cupel_model *model = tiny_model(ADAM, "");
    struct cupel_weights weights = parameters_of(model, "module.");
    for (int i = 0; i < 25; i++) {
        char name[20];
        snprintf(name, sizeof name, "a%d", i);
        add_zeros(&weights, name, CUPEL_F32, 4);
    }
    cr_assert_eq(cupel_weights_save(&weights, file, &error), CUPEL_OK, "%s", error.message);
    float probabilities[TINY_CLASSES];
    const uint8_t image[TINY_SIDE * TINY_SIDE] = {0};
    cr_expect_eq(cupel_predict(model, &plainly, file, image, 1, probabilities, &error), CUPEL_INVALID);
    has(&error,
        ": 8 missing, 31 unexpected; give a file of the same network; names in the file begin with "
        "'module.', which the model's do not: remove that\n");
    has(&error, "\n    unexpected: a13 f32 [4]");
    has(&error, "\n    and 11 more unexpected");
    cr_expect_null(strstr(error.message, "a14"));
    cr_expect_null(strstr(error.message, "--init-skip"));
    cupel_weights_free(&weights);
    cupel_model_free(model);
    free(file);
}

static void keep_note(void *context, const char *text) {
    snprintf(context, 400, "%s", text);
}

/* What is loaded of a bias with these numbers in another type, and the note about it. */
static void converted(enum cupel_dtype dtype, const void *numbers, float loaded[4], char note[400]) {
    char *file = temporary_path("other.safetensors"), *out = temporary_path("run");
    struct cupel_error error = {0};
    struct cupel_model *model = tiny_model("steps: 1, optimizer: {sgd: {lr: 1.0e-38}}", "");
    struct cupel_weights all = parameters_of(model, ""), weights = {0}, after = {0};
    add_zeros(&all, "batchnorm1.running_mean", CUPEL_F32, 4);
    add_zeros(&all, "batchnorm1.running_var", CUPEL_F32, 4);
    for (size_t i = 0; i < all.count; i++) {
        const struct cupel_weight *one = &all.tensors[i];
        const bool bias = strcmp(one->name, "linear1.bias") == 0;
        cr_assert_eq(cupel_weights_add(&weights, one->name, bias ? dtype : CUPEL_F32, &one->shape,
                                       bias ? numbers : NULL, &error),
                     CUPEL_OK);
    }
    cr_assert_eq(cupel_weights_save(&weights, file, &error), CUPEL_OK, "%s", error.message);
    struct cupel_train_options options = {
        .init = file, .out = out, .run = {.note = keep_note, .note_context = note}};
    struct cupel_train_result result = train(model, &options, CUPEL_OK, NULL);
    cr_assert_eq(cupel_weights_load(inside(out, CHECKPOINT_LAST), &after, &error), CUPEL_OK);
    memcpy(loaded, cupel_weights_find(&after, "net.linear1.bias")->data, 4 * sizeof *loaded);
    cupel_train_result_free(&result);
    cupel_weights_free(&all);
    cupel_weights_free(&weights);
    cupel_weights_free(&after);
    cupel_model_free(model);
    free(file);
    free(out);
}

Test(train_use, weights_of_other_precisions_are_converted) {
    const double wide[] = {1.0 / 3, -2, 1e-3, 65504};
    /* 1.5, the smallest number above 0, -0.125, the largest; 1.5, -2, 3 * 2^119, 2^-100 */
    const uint16_t half[] = {0x3e00, 0x0001, 0xb000, 0x7bff}, brain[] = {0x3fc0, 0xc000, 0x7bc0, 0x0d80};
    const struct {
        enum cupel_dtype dtype;
        const void *numbers;
        float expected[4];
    } rows[] = {
        {CUPEL_F64, wide, {(float)(1.0 / 3), -2, 1e-3F, 65504}},
        {CUPEL_F16, half, {1.5F, 0x1p-24F, -0.125F, 65504}},
        {CUPEL_BF16, brain, {1.5F, -2, 0x1.8p120F, 0x1p-100F}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        float loaded[4];
        char note[400] = "", expected[60];
        converted(rows[i].dtype, rows[i].numbers, loaded, note);
        for (int j = 0; j < 4; j++)
            cr_expect_eq(loaded[j], rows[i].expected[j], "%g is not %g", (double)loaded[j],
                         (double)rows[i].expected[j]);
        snprintf(expected, sizeof expected, ": 1 tensor is converted from %s to f32",
                 cupel_dtype_text(rows[i].dtype));
        cr_expect(strstr(note, expected), "%s", note);
    }
}

/* ---- a head of another size ---- */

/* A file with a head for 10 classes, and a tensor that the model does not have. */
static struct cupel_weights other_head(const struct cupel_model *model) {
    struct cupel_weights all = parameters_of(model, ""), weights = {0};
    add_zeros(&all, "batchnorm1.running_mean", CUPEL_F32, 4);
    add_zeros(&all, "batchnorm1.running_var", CUPEL_F32, 4);
    for (size_t i = 0; i < all.count; i++) {
        struct cupel_error error = {0};
        const struct cupel_weight *one = &all.tensors[i];
        struct cupel_shape shape = one->shape;
        if (strncmp(one->name, "linear1.", 8) == 0) shape.dim[0] = 10;
        cr_assert_eq(cupel_weights_add(&weights, one->name, CUPEL_F32, &shape, NULL, &error), CUPEL_OK);
    }
    add_zeros(&weights, "linear2.bias", CUPEL_F32, 3);
    cupel_weights_free(&all);
    float *filter = cupel_weights_find(&weights, "conv1.weight")->data;
    for (int i = 0; i < 36; i++) filter[i] = (float)(i + 1);
    return weights;
}

Test(train_use, a_head_of_another_size_stays_as_initialised) {
    char *file = temporary_path("other.safetensors"), *out = temporary_path("run"),
         *plain = temporary_path("plain");
    struct cupel_error error = {0};
    struct cupel_model *model = tiny_model("steps: 1, optimizer: {sgd: {lr: 1.0e-38}}", "");
    struct cupel_weights weights = other_head(model), after = {0}, fresh = {0};
    cr_assert_eq(cupel_weights_save(&weights, file, &error), CUPEL_OK, "%s", error.message);
    train(model, &(struct cupel_train_options){.init = file}, CUPEL_INVALID, &error);
    has(&error, "2 of another shape or type, 1 unexpected");
    has(&error, "another: linear1.weight is f32 [10, 64], the model has f32 [4, 64]");
    char note[400] = "";
    static const char *const skip[] = {"linear?.*"};
    struct cupel_train_options options = {.init = file,
                                          .init_skip = skip,
                                          .init_skip_count = 1,
                                          .out = out,
                                          .run = {.note = keep_note, .note_context = note}};
    struct cupel_train_result result = train(model, &options, CUPEL_OK, NULL);
    cupel_train_result_free(&result);
    cr_expect(
        strstr(note,
               ": 2 tensors of the model are left as initialised: net.linear1.weight, net.linear1.bias"),
        "%s", note);
    result = train(model, &(struct cupel_train_options){.out = plain}, CUPEL_OK, NULL);
    cupel_train_result_free(&result);
    cr_assert_eq(cupel_weights_load(inside(out, CHECKPOINT_LAST), &after, &error), CUPEL_OK);
    cr_assert_eq(cupel_weights_load(inside(plain, CHECKPOINT_LAST), &fresh, &error), CUPEL_OK);
    const struct cupel_weight *head = cupel_weights_find(&after, "net.linear1.weight");
    cr_expect_arr_eq(head->data, cupel_weights_find(&fresh, "net.linear1.weight")->data, head->bytes);
    cr_expect_arr_eq(cupel_weights_find(&after, "net.conv1.weight")->data,
                     cupel_weights_find(&weights, "conv1.weight")->data, 36 * sizeof(float));
    static const char *const wrong[] = {"linera1.*"};
    options.init_skip = wrong;
    train(model, &options, CUPEL_INVALID, &error);
    has(&error, "--init-skip: 'linera1.*' matches no tensor of tiny.yaml or of ");
    has(&error, "; did you mean 'linear1.*'?");
    options.init = NULL;
    train(model, &options, CUPEL_INVALID, &error);
    has(&error, "name that by --init");
    cupel_weights_free(&weights);
    cupel_weights_free(&after);
    cupel_weights_free(&fresh);
    cupel_model_free(model);
    free(file);
    free(out);
    free(plain);
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
        {{.run = {.device = "cpu", .precision = "f16"}},
         CUPEL_UNSUPPORTED,
         "device cpu does not compute in f16"},
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
