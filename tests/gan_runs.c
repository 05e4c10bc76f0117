#include "gan_runs.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "train/checkpoint.h"

void expect_part(const char *text, const char *part) {
    cr_expect(strstr(text, part), "'%s' is not in: %s", part, text);
}

struct cupel_history gan_history(const char *out) {
    struct cupel_history history;
    struct cupel_error error = {0};
    cr_assert_eq(cupel_history_load(inside(out, "metrics.jsonl"), &history, &error), CUPEL_OK, "%s",
                 error.message);
    return history;
}

void take_note(void *context, const char *text) {
    struct notes *notes = context;
    const size_t used = strlen(notes->text);
    snprintf(notes->text + used, sizeof notes->text - used, "%s\n", text);
    notes->count++;
}

struct notes gan_run(struct cupel_model *model, struct cupel_train_options options,
                     enum cupel_status expected, const enum cupel_warning *warnings, size_t count) {
    struct notes notes = {0};
    struct cupel_error error;
    options.run.note = take_note;
    options.run.note_context = &notes;
    struct cupel_train_result result = train(model, &options, expected, &error);
    struct cupel_history history = gan_history(options.out);
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

struct cupel_model *sharp_gan(const char *train) {
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

void plant(const char *path, void (*change)(const char *name, float *data, size_t count)) {
    struct cupel_weights file = {0};
    struct cupel_error error = {0};
    cr_assert_eq(cupel_weights_load(path, &file, &error), CUPEL_OK, "%s", error.message);
    for (size_t i = 0; i < file.count; i++)
        if (file.tensors[i].dtype == CUPEL_F32)
            change(file.tensors[i].name, file.tensors[i].data, file.tensors[i].bytes / sizeof(float));
    cr_assert_eq(cupel_weights_save(&file, path, &error), CUPEL_OK, "%s", error.message);
    cupel_weights_free(&file);
}

char *planted(struct cupel_model *model, void (*change)(const char *name, float *data, size_t count)) {
    char *out = temporary_path("plant"), *path = temporary_path("planted.safetensors");
    struct cupel_train_options options = {.out = out, .steps = 1};
    train(model, &options, CUPEL_OK, NULL);
    cr_assert_eq(rename(inside(out, CHECKPOINT_LAST), path), 0);
    plant(path, change);
    cupel_model_free(model);
    free(out);
    return path;
}

void plant_nan(const char *name, float *data, size_t count) {
    if (strcmp(name, "generator.deconv2.weight") == 0) data[count / 2] = NAN;
}
