/* Interrupted runs: killed, stopped, resumed, with damaged files, gone wrong. */
#include <criterion/criterion.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files.h"
#include "train/checkpoint.h"
#include "training.h"

static void has(const struct cupel_error *error, const char *text) {
    cr_expect_not_null(strstr(error->message, text), "'%s' is not in: %s", text, error->message);
}

static void same_files(const char *a, const char *b) {
    size_t size, other;
    char *one = read_whole(a, &size), *two = read_whole(b, &other);
    cr_expect_eq(size, other, "%s and %s differ in length", a, b);
    cr_expect(size == other && memcmp(one, two, size) == 0, "%s and %s differ", a, b);
    free(one);
    free(two);
}

static void check_history(const char *directory) {
    struct cupel_history history;
    struct cupel_error error = {0};
    cr_assert_eq(cupel_history_load(inside(directory, "metrics.jsonl"), &history, &error), CUPEL_OK, "%s",
                 error.message);
    cr_assert_eq(history.training_count, 20, "%zu lines for 20 steps", history.training_count);
    for (size_t i = 0; i < 20; i++) {
        cr_expect_eq(history.training[i].step, (int64_t)i + 1);
        cr_expect(i == 0 || history.training[i].time >= history.training[i - 1].time);
    }
    for (size_t i = 1; i < history.evaluation_count; i++)
        cr_expect(history.evaluations[i].step > history.evaluations[i - 1].step ||
                  history.evaluations[i].validation != history.evaluations[i - 1].validation);
    cupel_history_free(&history);
}

static void compare(const char *device, const char *settings, const char *data) {
    char *whole = temporary_path("whole"), *parts = temporary_path("parts");
    struct cupel_model *model = tiny_model(settings, data);
    struct cupel_train_options options = {.run = {.device = device, .threads = 2},
                                          .steps = 20,
                                          .out = parts,
                                          .log_steps = 1,
                                          .checkpoint_steps = 10};
    train_and_be_killed(model, options);
    options.resume = true;
    struct cupel_train_result resumed = train(model, &options, CUPEL_OK, NULL);
    options.resume = false;
    options.out = whole;
    struct cupel_train_result once = train(model, &options, CUPEL_OK, NULL);
    cr_expect_eq(resumed.step, 20);
    cr_expect_eq(resumed.evaluation.loss, once.evaluation.loss);
    same_files(inside(whole, CHECKPOINT_LAST), inside(parts, CHECKPOINT_LAST));
    same_files(inside(whole, CHECKPOINT_BEST), inside(parts, CHECKPOINT_BEST));
    check_history(parts);
    check_history(whole);
    cupel_train_result_free(&resumed);
    cupel_train_result_free(&once);
    cupel_model_free(model);
    free(whole);
    free(parts);
}

/* Epochs have 6 steps (5 with a validation split): the run is killed amid its third one. One comparison a
 * test: a process must not fork after its device has made threads. */
Test(train_resume, killed_and_resumed_is_the_same_as_at_once_on_reference) {
    compare("reference", "epochs: 9, optimizer: {adam: {lr: 0.01}}", "");
}

Test(train_resume, killed_and_resumed_is_the_same_as_at_once_on_cpu) {
    compare("cpu", "epochs: 9, optimizer: {adam: {lr: 0.01}}", "");
}

Test(train_resume, also_with_augmentation_averaging_a_schedule_and_a_remainder) {
    compare(
        "cpu",
        "epochs: 9, drop_last: false, ema: 0.95, clip_norm: 1, warmup: 5, label_smoothing: 0.1, "
        "optimizer: {sgd: {lr: 0.05, momentum: 0.9, nesterov: true}}, schedule: {cosine: {min_lr: 0.001}}",
        ", validation: 20" TINY_AUGMENT);
}

Test(train_resume, also_with_decisions_of_evaluations) {
    compare("cpu",
            "epochs: 9, clip_value: 0.5, early_stopping: {patience: 7}, optimizer: {rmsprop: {lr: 0.01}}, "
            "schedule: {plateau: {factor: 0.5, patience: 0}}",
            "");
}

/* ---- the flag ---- */

struct switch_off {
    volatile sig_atomic_t flag;
    int64_t at;
};

static void raise_flag(void *context, const struct cupel_progress *progress) {
    struct switch_off *off = context;
    if (progress->point.step == off->at) off->flag = 1;
}

Test(train_resume, the_flag_saves_and_stops) {
    char *whole = temporary_path("whole"), *parts = temporary_path("parts");
    struct switch_off off = {.at = 8};
    struct cupel_model *model = tiny_model("epochs: 3, optimizer: {adagrad: {lr: 0.05}}", "");
    struct cupel_train_options options = {
        .out = parts, .log_steps = 1, .stop = &off.flag, .watcher = {&off, raise_flag, NULL}};
    struct cupel_train_result result = train(model, &options, CUPEL_OK, NULL);
    cr_expect(result.stopped);
    cr_expect_eq(result.step, 8);
    cupel_train_result_free(&result);
    options.resume = true;
    result = train(model, &options, CUPEL_OK, NULL);
    cr_expect(result.stopped);
    cr_expect_eq(result.step, 8, "a run went on although the flag was set");
    cupel_train_result_free(&result);
    options.stop = NULL;
    result = train(model, &options, CUPEL_OK, NULL);
    cr_expect_not(result.stopped);
    cupel_train_result_free(&result);
    options = (struct cupel_train_options){.out = whole};
    result = train(model, &options, CUPEL_OK, NULL);
    same_files(inside(whole, CHECKPOINT_LAST), inside(parts, CHECKPOINT_LAST));
    cupel_train_result_free(&result);
    cupel_model_free(model);
    free(whole);
    free(parts);
}

/* ---- damaged files ---- */

Test(train_resume, a_cut_checkpoint_is_refused_and_the_previous_one_loads) {
    char *out = temporary_path("run");
    struct cupel_error error;
    struct cupel_model *model = tiny_model("epochs: 2, optimizer: {adam: {lr: 0.01}}", "");
    struct cupel_train_options options = {.run.device = "reference", .out = out};
    struct cupel_train_result result = train(model, &options, CUPEL_OK, NULL);
    cupel_train_result_free(&result);
    const char *last = inside(out, CHECKPOINT_LAST), *previous = inside(out, CHECKPOINT_PREVIOUS);
    size_t size, before;
    char *bytes = read_whole(last, &size), *older = read_whole(previous, &before);
    options.resume = true;
    options.epochs = 3;
    for (size_t cut = 0; cut < size; cut += cut < 32 || cut > size - 16 ? 5 : size / 23) {
        spill(last, bytes, cut);
        train(model, &options, CUPEL_INVALID, &error);
        has(&error, last);
        has(&error, previous);
    }
    bytes[size / 2] ^= 1;
    spill(last, bytes, size);
    train(model, &options, CUPEL_INVALID, &error);
    has(&error, "previous checkpoint is whole");
    spill(last, older, before);
    result = train(model, &options, CUPEL_OK, NULL);
    cr_expect_eq(result.epoch, 3);
    cupel_train_result_free(&result);
    spill(last, bytes, size / 2);
    spill(previous, older, before / 2);
    train(model, &options, CUPEL_INVALID, &error);
    has(&error, "damaged too");
    unlink(last);
    unlink(previous);
    train(model, &options, CUPEL_INVALID, &error);
    has(&error, "without --resume");
    free(bytes);
    free(older);
    cupel_model_free(model);
    free(out);
}

/* ---- what does not fit ---- */

Test(train_resume, a_run_is_resumed_only_as_it_was_begun) {
    char *out = temporary_path("run");
    struct cupel_error error;
    const char *adam = "epochs: 3, optimizer: {adam: {lr: 0.01}}";
    struct cupel_model *model = tiny_model(adam, "");
    struct cupel_train_options options = {.run = {.has_seed = true, .seed = 7}, .out = out, .steps = 6};
    struct cupel_train_result result = train(model, &options, CUPEL_OK, NULL);
    cupel_train_result_free(&result);
    options.resume = true;
    options.run.has_seed = false;
    train(model, &options, CUPEL_INVALID, &error);
    has(&error, "add --seed 7");
    options.run.has_seed = true;
    options.run.batch = 10;
    train(model, &options, CUPEL_INVALID, &error);
    has(&error, "add --batch 16");
    options.run.batch = 0;
    options.init = inside(out, CHECKPOINT_LAST);
    train(model, &options, CUPEL_INVALID, &error);
    has(&error, "--init");
    options.init = NULL;
    cupel_model_free(model);
    model = tiny_model(adam, ", validation: 20");
    train(model, &options, CUPEL_INVALID, &error);
    has(&error, "validation");
    cupel_model_free(model);
    model = tiny_model("epochs: 3, optimizer: {rmsprop: {lr: 0.01}}", "");
    train(model, &options, CUPEL_INVALID, &error);
    has(&error, "optimizer");
    cupel_model_free(model);
    free(out);
}

static void keep_note(void *context, const char *text) {
    snprintf(context, 200, "%s", text);
}

Test(train_resume, a_changed_model_file_is_noted) {
    char *out = temporary_path("run");
    char note[200] = "";
    struct cupel_model *model = tiny_model("epochs: 1, optimizer: {adam: {lr: 0.01}}", "");
    struct cupel_train_options options = {.out = out, .run = {.note = keep_note, .note_context = note}};
    struct cupel_train_result result = train(model, &options, CUPEL_OK, NULL);
    cupel_train_result_free(&result);
    cupel_model_free(model);
    model = tiny_model("epochs: 2, optimizer: {adam: {lr: 0.01}}", "");
    cr_expect_str_empty(note);
    options.resume = true;
    result = train(model, &options, CUPEL_OK, NULL);
    cr_expect_eq(result.step, 12);
    cr_expect_not_null(strstr(note, "changed"));
    cupel_train_result_free(&result);
    cupel_model_free(model);
    free(out);
}

/* ---- losses that are no numbers ---- */

Test(train_resume, a_loss_that_is_no_number_ends_the_run_and_keeps_the_checkpoint) {
    char *out = temporary_path("run");
    struct cupel_error error;
    struct cupel_model *model = tiny_model("epochs: 1, optimizer: {sgd: {lr: 0.01}}", "");
    struct cupel_train_options options = {.out = out, .log_steps = 2};
    struct cupel_train_result result = train(model, &options, CUPEL_OK, NULL);
    cupel_train_result_free(&result);
    cupel_model_free(model);
    size_t size, after;
    char *before = read_whole(inside(out, CHECKPOINT_LAST), &size);
    model = tiny_model("epochs: 3, optimizer: {sgd: {lr: 1.0e+38}}", "");
    options.resume = true;
    train(model, &options, CUPEL_FAILED, &error);
    /* The first step at that rate still has a loss; the second one has not. */
    has(&error, "step 8: the loss is infinite or NaN");
    has(&error, out);
    char *now = read_whole(inside(out, CHECKPOINT_LAST), &after);
    cr_expect(size == after && memcmp(before, now, size) == 0, "the checkpoint has changed");
    free(before);
    free(now);
    cupel_model_free(model);
    free(out);
}

Test(train_resume, parameters_that_are_no_numbers_are_not_saved) {
    char *out = temporary_path("run");
    struct cupel_error error;
    struct cupel_model *model =
        tiny_model("steps: 1, optimizer: {sgd: {lr: 1.0e+38, weight_decay: 1.0e+10}}", "");
    struct cupel_train_options options = {.out = out};
    train(model, &options, CUPEL_FAILED, &error);
    has(&error, "step 1: a parameter is infinite or NaN");
    cr_expect_eq(access(inside(out, CHECKPOINT_LAST), F_OK), -1);
    cupel_model_free(model);
    free(out);
}
