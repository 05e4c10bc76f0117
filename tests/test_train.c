/* Training runs from end to end on a tiny set. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files.h"
#include "train/checkpoint.h"
#include "train/split.h"
#include "training.h"

static const char ADAM[] = "epochs: 12, optimizer: {adam: {lr: 0.02}}";

static struct cupel_weights load(const char *path) {
    struct cupel_weights weights = {0};
    struct cupel_error error = {0};
    cr_assert_eq(cupel_weights_load(path, &weights, &error), CUPEL_OK, "%s", error.message);
    return weights;
}

static struct cupel_history history_of(const char *directory) {
    struct cupel_history history;
    struct cupel_error error = {0};
    cr_assert_eq(cupel_history_load(inside(directory, "metrics.jsonl"), &history, &error), CUPEL_OK, "%s",
                 error.message);
    return history;
}

static void has(const struct cupel_error *error, const char *text) {
    cr_expect_not_null(strstr(error->message, text), "'%s' is not in: %s", text, error->message);
}

/* ---- a whole run ---- */

struct seen {
    int lines, evaluations;
    double last_loss, eta;
};

static void count_line(void *context, const struct cupel_progress *progress) {
    struct seen *seen = context;
    seen->lines += progress->logged;
    seen->last_loss = progress->point.loss;
    seen->eta = progress->eta;
    cr_expect(progress->point.step <= progress->steps && progress->point.epoch <= progress->epochs);
    cr_expect(progress->data_wait >= 0 && progress->data_wait <= 1);
}

static void count_evaluation(void *context, const struct cupel_evaluation_point *point) {
    struct seen *seen = context;
    seen->evaluations++;
    cr_expect_not(point->validation);
}

/* The predictions of the whole test split, from cupel_predict. */
static void check_predictions(const struct cupel_model *model, const char *weights,
                              const struct cupel_evaluation *evaluation) {
    struct cupel_error error = {0};
    struct cupel_dataset set;
    const struct cupel_dataset_spec spec = {"idx", tiny_set(), {1, 8, 8}, TINY_CLASSES};
    int64_t confusion[TINY_CLASSES * TINY_CLASSES] = {0};
    float found[TINY_TEST * TINY_CLASSES];
    cr_assert_eq(cupel_dataset_open(&spec, &set, &error), CUPEL_OK, "%s", error.message);
    enum cupel_status status = cupel_predict(model, &(struct cupel_run_options){0}, weights, set.test.images,
                                             TINY_TEST, found, &error);
    cr_assert_eq(status, CUPEL_OK, "%s", error.message);
    double loss = 0;
    for (int i = 0; i < TINY_TEST; i++) {
        const float *row = found + i * TINY_CLASSES;
        int best = 0;
        for (int c = 1; c < TINY_CLASSES; c++) best = row[c] > row[best] ? c : best;
        confusion[set.test.labels[i] * TINY_CLASSES + best]++;
        loss -= log((double)row[set.test.labels[i]]) / TINY_TEST;
    }
    cr_expect_arr_eq(confusion, evaluation->confusion, sizeof confusion);
    cr_expect_float_eq(loss, evaluation->loss, 1e-5);
    cupel_dataset_free(&set);
}

Test(train, learns_and_writes_down_how) {
    char *out = temporary_path("run");
    struct seen seen = {0};
    struct cupel_model *model = tiny_model(ADAM, "");
    const struct cupel_train_options options = {
        .out = out, .log_steps = 4, .watcher = {&seen, count_line, count_evaluation}};
    struct cupel_train_result result = train(model, &options, CUPEL_OK, NULL);
    cr_expect_eq(result.step, 72);
    cr_expect_eq(result.epoch, 12);
    cr_expect_not(result.stopped || result.early);
    cr_expect_gt(result.evaluation.accuracy, 0.95);
    cr_expect_geq(result.best_accuracy, result.evaluation.accuracy);
    cr_expect_eq(result.evaluation.top5, 1);
    cr_expect_eq(seen.lines, 24); /* at 4 and 6 of each epoch's 6 steps, or 2 and 6 */
    cr_expect_eq(seen.evaluations, 12);
    cr_expect_lt(seen.last_loss, 0.2);
    cr_expect_eq(seen.eta, 0);
    struct cupel_history history = history_of(out);
    cr_assert_eq(history.training_count, 24);
    cr_assert_eq(history.evaluation_count, 12);
    cr_expect_eq(history.evaluations[11].step, 72);
    cr_expect_float_eq(history.evaluations[11].accuracy, result.evaluation.accuracy, 1e-8);
    cr_expect_float_eq(history.evaluations[11].loss, result.evaluation.loss, 1e-7);
    for (size_t i = 0; i < history.training_count; i++) {
        const struct cupel_training_point *point = &history.training[i];
        cr_expect_eq(point->epoch, (point->step - 1) / 6 + 1);
        cr_expect_float_eq(point->rate, 0.02, 1e-8);
        cr_expect(point->loss > 0 && point->accuracy >= 0 && point->accuracy <= 1);
        cr_expect(point->images_per_second > 0 && point->time > 0);
    }
    cupel_history_free(&history);
    check_predictions(model, inside(out, CHECKPOINT_LAST), &result.evaluation);
    cr_expect_eq(access(inside(out, CHECKPOINT_PREVIOUS), F_OK), 0);
    cr_expect_eq(access(inside(out, CHECKPOINT_BEST), F_OK), 0);
    cupel_train_result_free(&result);
    cupel_model_free(model);
    free(out);
}

/* ---- evaluation ---- */

static int64_t sum(const int64_t *values, int count) {
    int64_t total = 0;
    for (int i = 0; i < count; i++) total += values[i];
    return total;
}

Test(train, every_test_sample_counts_once_whatever_the_batch) {
    char *out = temporary_path("run");
    struct cupel_error error = {0};
    struct cupel_model *model = tiny_model("epochs: 1, optimizer: {adam: {lr: 0.001}}", "");
    struct cupel_train_result result =
        train(model, &(struct cupel_train_options){.out = out}, CUPEL_OK, NULL);
    static const int batches[] = {1, 7, 16, 36, 37, 64};
    for (size_t b = 0; b < sizeof batches / sizeof *batches; b++) {
        struct cupel_evaluation other;
        const struct cupel_run_options options = {.batch = batches[b], .device = b % 2 ? "cpu" : "reference"};
        enum cupel_status status =
            cupel_evaluate(model, &options, inside(out, CHECKPOINT_LAST), 5, &other, &error);
        cr_assert_eq(status, CUPEL_OK, "%s", error.message);
        cr_expect_eq(other.count, TINY_TEST);
        cr_expect_arr_eq(other.confusion, result.evaluation.confusion, 16 * sizeof(int64_t));
        cr_expect_float_eq(other.loss, result.evaluation.loss, 1e-6);
        cr_expect_eq(other.accuracy, result.evaluation.accuracy);
        cr_expect_eq(other.mistake_count, 5);
        for (int i = 0; i < 5; i++) {
            cr_expect_eq(other.mistakes[i].index, result.evaluation.mistakes[i].index);
            cr_expect_neq(other.mistakes[i].label, other.mistakes[i].predicted);
            cr_expect(i == 0 || other.mistakes[i].probability <= other.mistakes[i - 1].probability);
        }
        cupel_evaluation_free(&other);
    }
    cr_expect_eq(sum(result.evaluation.confusion, 16), TINY_TEST);
    int64_t right = 0;
    for (int c = 0; c < TINY_CLASSES; c++) right += result.evaluation.confusion[5 * c];
    cr_expect_float_eq(result.evaluation.accuracy, (double)right / TINY_TEST, 1e-9);
    cr_expect_eq(result.evaluation.mistake_count, TINY_TEST - right);
    cupel_train_result_free(&result);
    cupel_model_free(model);
    free(out);
}

/* ---- validation ---- */

Test(train, the_validation_split_is_disjoint_complete_and_of_the_seed) {
    enum { COUNT = 1000, HELD = 137 };
    struct cupel_error error = {0};
    struct division first, again, other;
    int times[COUNT] = {0};
    cr_assert_eq(division_make(COUNT, HELD, 5, &first, &error), CUPEL_OK);
    cr_assert_eq(division_make(COUNT, HELD, 5, &again, &error), CUPEL_OK);
    cr_assert_eq(division_make(COUNT, HELD, 6, &other, &error), CUPEL_OK);
    cr_assert_eq(first.train_count, COUNT - HELD);
    cr_assert_eq(first.validation_count, HELD);
    for (int i = 0; i < HELD; i++) times[first.validation[i]]++;
    for (int i = 0; i < COUNT - HELD; i++) times[first.train[i]]++;
    for (int i = 0; i < COUNT; i++) cr_expect_eq(times[i], 1, "image %d is %d times in the two", i, times[i]);
    cr_expect_arr_eq(first.validation, again.validation, HELD * sizeof(int32_t));
    cr_expect_arr_neq(first.validation, other.validation, HELD * sizeof(int32_t));
    cr_expect_neq(first.validation[HELD - 1], HELD - 1, "the first images were taken");
    division_free(&first);
    division_free(&again);
    division_free(&other);
}

static void count_validation(void *context, const struct cupel_evaluation_point *point) {
    int *counts = context;
    counts[point->validation]++;
}

Test(train, a_model_with_a_validation_split_measures_that_and_the_test_split_once) {
    char *out = temporary_path("run");
    int counts[2] = {0};
    struct cupel_model *model = tiny_model("epochs: 3, optimizer: {adam: {lr: 0.02}}", ", validation: 0.2");
    const struct cupel_train_options options = {.out = out, .watcher = {counts, NULL, count_validation}};
    struct cupel_train_result result = train(model, &options, CUPEL_OK, NULL);
    cr_expect_eq(result.step, 15, "80 images are left to train on");
    cr_expect_eq(counts[true], 3);
    cr_expect_eq(counts[false], 1);
    cr_expect_eq(result.evaluation.count, TINY_TEST);
    struct cupel_history history = history_of(out);
    cr_assert_eq(history.evaluation_count, 4);
    double best = 0;
    for (int i = 0; i < 3; i++) {
        cr_expect(history.evaluations[i].validation);
        best = fmax(best, history.evaluations[i].accuracy);
    }
    cr_expect_not(history.evaluations[3].validation);
    cr_expect_float_eq(result.best_accuracy, best, 1e-8);
    cupel_history_free(&history);
    cupel_train_result_free(&result);
    cupel_model_free(model);
    free(out);
}

Test(train, a_validation_split_of_everything_is_refused) {
    struct cupel_error error;
    struct cupel_model *model = tiny_model(ADAM, ", validation: 100");
    train(model, &(struct cupel_train_options){0}, CUPEL_INVALID, &error);
    has(&error, "tiny.yaml");
    has(&error, "100");
    cupel_model_free(model);
}

/* ---- the length of an epoch ---- */

Test(train, the_last_small_batch_is_left_out_or_trained_on) {
    struct cupel_error error;
    static const struct {
        const char *train;
        int64_t batch, steps;
    } rows[] = {
        {"epochs: 2, optimizer: {adam: {lr: 0.02}}", 16, 12},
        {"epochs: 2, drop_last: false, optimizer: {adam: {lr: 0.02}}", 16, 14},
        {"epochs: 2, drop_last: false, optimizer: {adam: {lr: 0.02}}", 25, 8},
        {"epochs: 2, drop_last: false, optimizer: {adam: {lr: 0.02}}", 128, 2},
        {"epochs: 2, steps: 5, optimizer: {adam: {lr: 0.02}}", 16, 5},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cupel_model *model = tiny_model(rows[i].train, "");
        struct cupel_train_result result =
            train(model, &(struct cupel_train_options){.run.batch = rows[i].batch}, CUPEL_OK, NULL);
        cr_expect_eq(result.step, rows[i].steps, "row %zu: %lld steps", i, (long long)result.step);
        cupel_train_result_free(&result);
        cupel_model_free(model);
    }
    struct cupel_model *model = tiny_model(ADAM, "");
    train(model, &(struct cupel_train_options){.run.batch = 101}, CUPEL_INVALID, &error);
    has(&error, "101");
    cupel_model_free(model);
}

/* ---- decisions ---- */

Test(train, early_stopping_ends_the_run) {
    char *out = temporary_path("run");
    struct cupel_model *model =
        tiny_model("epochs: 50, early_stopping: {patience: 3}, optimizer: {sgd: {lr: 1.0e-30}}", "");
    struct cupel_train_options options = {.out = out};
    struct cupel_train_result result = train(model, &options, CUPEL_OK, NULL);
    cr_expect(result.early);
    cr_expect_not(result.stopped);
    /* Running statistics still move at first, and the loss with them. */
    cr_expect(result.epoch >= 4 && result.epoch < 50, "stopped after %lld epochs", (long long)result.epoch);
    int64_t epoch = result.epoch;
    cupel_train_result_free(&result);
    options.resume = true;
    result = train(model, &options, CUPEL_OK, NULL);
    cr_expect(result.early);
    cr_expect_eq(result.epoch, epoch, "a run that has stopped early went on");
    cupel_train_result_free(&result);
    cupel_model_free(model);
    free(out);
}

Test(train, a_plateau_lowers_the_rate) {
    char *out = temporary_path("run");
    struct cupel_model *model = tiny_model(
        "epochs: 8, optimizer: {sgd: {lr: 2}}, schedule: {plateau: {factor: 0.1, patience: 0}}", "");
    struct cupel_train_result result =
        train(model, &(struct cupel_train_options){.out = out, .log_steps = 50}, CUPEL_OK, NULL);
    struct cupel_history history = history_of(out); /* a line for each epoch */
    double best = INFINITY, rate = 2;
    for (size_t i = 0; i < history.evaluation_count; i++) {
        cr_expect_float_eq(history.training[i].rate, rate, 1e-6 * rate, "epoch %zu", i + 1);
        bool better = history.evaluations[i].loss < best * (1 - 1e-4);
        if (better) best = history.evaluations[i].loss;
        if (!better && rate * 0.9 > 1e-8) rate *= 0.1;
    }
    cr_expect_lt(rate, 2, "the loss never stood still");
    cupel_history_free(&history);
    cupel_train_result_free(&result);
    cupel_model_free(model);
    free(out);
}

Test(train, averaged_weights_are_what_is_evaluated_and_kept) {
    char *out = temporary_path("run");
    struct cupel_error error = {0};
    struct cupel_evaluation last, best;
    struct cupel_model *model = tiny_model("epochs: 1, ema: 0.9, optimizer: {adam: {lr: 0.02}}", "");
    struct cupel_train_result result =
        train(model, &(struct cupel_train_options){.out = out}, CUPEL_OK, NULL);
    struct cupel_weights checkpoint = load(inside(out, CHECKPOINT_LAST));
    struct cupel_weights kept = load(inside(out, CHECKPOINT_BEST));
    const struct cupel_weight *average = cupel_weights_find(&checkpoint, "ema.net.linear1.weight");
    const struct cupel_weight *raw = cupel_weights_find(&checkpoint, "net.linear1.weight");
    const struct cupel_weight *best_weight = cupel_weights_find(&kept, "net.linear1.weight");
    cr_assert(average && raw && best_weight);
    cr_expect_arr_eq(average->data, best_weight->data, average->bytes);
    cr_expect_arr_neq(average->data, raw->data, average->bytes);
    const struct cupel_run_options options = {0};
    cr_assert_eq(cupel_evaluate(model, &options, inside(out, CHECKPOINT_LAST), 0, &last, &error), CUPEL_OK,
                 "%s", error.message);
    cr_assert_eq(cupel_evaluate(model, &options, inside(out, CHECKPOINT_BEST), 0, &best, &error), CUPEL_OK,
                 "%s", error.message);
    cr_expect_eq(last.loss, best.loss);
    cr_expect_eq(last.loss, result.evaluation.loss);
    cupel_evaluation_free(&last);
    cupel_evaluation_free(&best);
    cupel_weights_free(&checkpoint);
    cupel_weights_free(&kept);
    cupel_train_result_free(&result);
    cupel_model_free(model);
    free(out);
}
