#include "train/journal.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "io/file.h"
#include "io/jsonl.h"
#include "io/tensorboard.h"
#include "train/path.h"

enum { MAX_BYTES = 1 << 30 };

struct journal {
    struct jsonl *lines;
    struct tensorboard *board;
    unsigned kinds;
};

/* The numbers of a training line: their keys in metrics.jsonl, tags in TensorBoard, the runs that have them, and where they are
 * in a point. */
#define COLUMN(key, tag, kinds, member) \
    { key, tag, kinds, offsetof(struct cupel_training_point, member) }
static const struct column {
    const char *key, *tag;
    unsigned kinds;
    size_t offset;
} columns[] = {
    COLUMN("loss", "train/loss", JOURNAL_CLASSIFY, loss),
    COLUMN("accuracy", "train/accuracy", JOURNAL_CLASSIFY, accuracy),
    COLUMN("loss_discriminator", "train/loss_discriminator", JOURNAL_GAN, gan.discriminator_loss),
    COLUMN("loss_generator", "train/loss_generator", JOURNAL_GAN, gan.generator_loss),
    COLUMN("loss_code", "train/loss_code", JOURNAL_CODE, gan.code_loss),
    COLUMN("d_real", "gan/d_real", JOURNAL_GAN, gan.real_score),
    COLUMN("d_fake", "gan/d_fake", JOURNAL_GAN, gan.fake_score),
    COLUMN("d_fake_after", "gan/d_fake_after", JOURNAL_GAN, gan.after_score),
    COLUMN("accuracy_real", "gan/accuracy_real", JOURNAL_GAN, gan.real_accuracy),
    COLUMN("accuracy_fake", "gan/accuracy_fake", JOURNAL_GAN, gan.fake_accuracy),
    COLUMN("grad_norm_discriminator", "gan/grad_norm_discriminator", JOURNAL_GAN, gan.discriminator_gradient),
    COLUMN("grad_norm_generator", "gan/grad_norm_generator", JOURNAL_GAN, gan.generator_gradient),
    COLUMN("weight_norm_generator", "gan/weight_norm_generator", JOURNAL_GAN, gan.generator_weights),
    COLUMN("lr", "train/lr", JOURNAL_CLASSIFY, rate),
    COLUMN("lr_generator", "train/lr_generator", JOURNAL_GAN, rate),
    COLUMN("lr_discriminator", "train/lr_discriminator", JOURNAL_GAN, gan.discriminator_rate),
    COLUMN("img_per_s", "train/images_per_second", JOURNAL_CLASSIFY | JOURNAL_GAN, images_per_second),
    COLUMN("data_wait", "train/data_wait", JOURNAL_CLASSIFY | JOURNAL_GAN, data_wait),
};
enum { COLUMNS = sizeof columns / sizeof *columns };

/* ---- reading ---- */

/* One line as an object, NULL when it is none. */
static cJSON *parse_line(const char *line, size_t length) {
    cJSON *object = cJSON_ParseWithLength(line, length);
    if (cJSON_IsObject(object) && cJSON_IsNumber(cJSON_GetObjectItem(object, "step"))) return object;
    cJSON_Delete(object);
    return NULL;
}

static double number(const cJSON *object, const char *key) {
    const cJSON *item = cJSON_GetObjectItem(object, key);
    return cJSON_IsNumber(item) ? item->valuedouble : NAN;
}

static int64_t whole(const cJSON *object, const char *key) {
    double value = number(object, key);
    return value >= 0 && value < 0x1p53 ? (int64_t)value : 0;
}

/* Makes room for one more element in an array whose room is the power of two from its count up. */
static void *grow(void *array, size_t count, size_t size) {
    if (count & (count - 1)) return array;
    return realloc(array, (count ? 2 * count : 1) * size);
}

static bool add_evaluation(struct cupel_history *history, const cJSON *object, bool validation) {
    struct cupel_evaluation_point *points =
        grow(history->evaluations, history->evaluation_count, sizeof *points);
    if (!points) return false;
    history->evaluations = points;
    points[history->evaluation_count++] = (struct cupel_evaluation_point){
        .step = whole(object, "step"),
        .epoch = whole(object, "epoch"),
        .validation = validation,
        .loss = number(object, validation ? "validation_loss" : "test_loss"),
        .accuracy = number(object, validation ? "validation_accuracy" : "test_accuracy"),
        .top5 = number(object, validation ? "validation_top5" : "test_top5"),
        .iou = number(object, validation ? "validation_iou" : "test_iou"),
        .time = number(object, "time_s"),
    };
    return true;
}

static bool add_training(struct cupel_history *history, const cJSON *object) {
    struct cupel_training_point *points = grow(history->training, history->training_count, sizeof *points);
    if (!points) return false;
    history->training = points;
    struct cupel_training_point *point = &points[history->training_count++];
    *point = (struct cupel_training_point){
        .step = whole(object, "step"),
        .epoch = whole(object, "epoch"),
        .time = number(object, "time_s"),
    };
    for (int i = 0; i < COLUMNS; i++)
        if (cJSON_HasObjectItem(object, columns[i].key))
            *(double *)((char *)point + columns[i].offset) = number(object, columns[i].key);
    return true;
}

static bool add_sample(struct cupel_history *history, const cJSON *object) {
    struct cupel_sample_point *points = grow(history->samples, history->sample_count, sizeof *points);
    if (!points) return false;
    history->samples = points;
    points[history->sample_count++] = (struct cupel_sample_point){
        .step = whole(object, "step"),
        .epoch = whole(object, "epoch"),
        .diversity = number(object, "diversity"),
        .nearest = number(object, "nearest"),
        .time = number(object, "time_s"),
    };
    return true;
}

/* The warning of that name; CUPEL_WARNINGS when it is none of ours. */
static enum cupel_warning find_warning(const char *name) {
    enum cupel_warning warning = 0;
    while (warning < CUPEL_WARNINGS && (!name || strcmp(name, cupel_warning_name(warning)) != 0)) warning++;
    return warning;
}

static bool add_warning(struct cupel_history *history, const cJSON *object, bool over) {
    const cJSON *name = cJSON_GetObjectItem(object, over ? "warning_over" : "warning");
    const enum cupel_warning warning = find_warning(cJSON_GetStringValue(name));
    if (warning == CUPEL_WARNINGS) return true;
    const char *tensor = cJSON_GetStringValue(cJSON_GetObjectItem(object, "tensor"));
    struct cupel_warning_point *points = grow(history->warnings, history->warning_count, sizeof *points);
    if (!points) return false;
    history->warnings = points;
    struct cupel_warning_point *point = &points[history->warning_count++];
    *point = (struct cupel_warning_point){
        .step = whole(object, "step"),
        .epoch = whole(object, "epoch"),
        .warning = warning,
        .over = over,
        .value = number(object, "value"),
        .time = number(object, "time_s"),
    };
    snprintf(point->tensor, sizeof point->tensor, "%s", tensor ? tensor : "");
    return true;
}

static bool add_point(struct cupel_history *history, const cJSON *object) {
    if (cJSON_HasObjectItem(object, "warning")) return add_warning(history, object, false);
    if (cJSON_HasObjectItem(object, "warning_over")) return add_warning(history, object, true);
    if (cJSON_HasObjectItem(object, "diversity")) return add_sample(history, object);
    if (cJSON_HasObjectItem(object, "test_loss")) return add_evaluation(history, object, false);
    if (cJSON_HasObjectItem(object, "validation_loss")) return add_evaluation(history, object, true);
    return add_training(history, object);
}

enum cupel_status cupel_history_load(const char *path, struct cupel_history *history,
                                     struct cupel_error *error) {
    unsigned char *text;
    size_t size, start = 0;
    *history = (struct cupel_history){0};
    CUPEL_TRY(file_read(path, MAX_BYTES, &text, &size, error));
    enum cupel_status status = CUPEL_OK;
    for (int line = 1; start < size && status == CUPEL_OK; line++) {
        const unsigned char *end = memchr(text + start, '\n', size - start);
        if (!end) break;
        size_t length = (size_t)(end - text) - start;
        cJSON *object = parse_line((const char *)text + start, length);
        if (!object)
            status =
                cupel_fail(error, CUPEL_INVALID, "%s:%d:1: this is no line of a run's metrics", path, line);
        else if (!add_point(history, object))
            status = cupel_fail(error, CUPEL_NOMEM, "%s: no memory for its lines", path);
        cJSON_Delete(object);
        start += length + 1;
    }
    free(text);
    if (status) cupel_history_free(history);
    return status;
}

void cupel_history_free(struct cupel_history *history) {
    free(history->training);
    free(history->evaluations);
    free(history->samples);
    free(history->warnings);
    *history = (struct cupel_history){0};
}

/* ---- opening ---- */

/* Removes lines that are no metrics or belong to steps behind `step`. */
static enum cupel_status cut(const char *path, int64_t step, double *time, struct cupel_error *error) {
    unsigned char *text;
    size_t size, kept = 0;
    if (access(path, F_OK)) return CUPEL_OK;
    CUPEL_TRY(file_read(path, MAX_BYTES, &text, &size, error));
    for (size_t start = 0, length; start < size; start += length) {
        const unsigned char *end = memchr(text + start, '\n', size - start);
        length = end ? (size_t)(end - text) - start + 1 : size - start;
        cJSON *object = end ? parse_line((const char *)text + start, length) : NULL;
        if (object && number(object, "step") <= (double)step) {
            memmove(text + kept, text + start, length);
            kept += length;
            if (number(object, "time_s") > *time) *time = number(object, "time_s");
        }
        cJSON_Delete(object);
    }
    enum cupel_status status = CUPEL_OK;
    if (kept < size) status = file_write(path, &(struct iovec){text, kept}, 1, error);
    free(text);
    return status;
}

enum cupel_status journal_open(const char *directory, int64_t step, unsigned kinds, struct journal **journal,
                               double *time, struct cupel_error *error) {
    char path[PATH_ROOM];
    *time = 0;
    struct journal *made = calloc(1, sizeof *made);
    if (!made) return cupel_fail(error, CUPEL_NOMEM, "no memory for the journal");
    made->kinds = kinds;
    enum cupel_status status = path_join(path, directory, JOURNAL_FILE, error);
    if (status == CUPEL_OK && step > 0) status = cut(path, step, time, error);
    if (status == CUPEL_OK) status = jsonl_open(path, step > 0, &made->lines, error);
    if (status == CUPEL_OK) status = tensorboard_open(directory, &made->board, error);
    if (status != CUPEL_OK) {
        journal_close(made);
        made = NULL;
    }
    *journal = made;
    return status;
}

void journal_close(struct journal *journal) {
    if (!journal) return;
    jsonl_close(journal->lines);
    tensorboard_close(journal->board);
    free(journal);
}

/* ---- writing ---- */

/* Adds a number to the line of metrics.jsonl and, under its tag, to TensorBoard. */
static enum cupel_status add(struct journal *journal, const char *key, const char *tag, int64_t step,
                             double value, struct cupel_error *error) {
    jsonl_number(journal->lines, key, value);
    return tensorboard_scalar(journal->board, tag, step, (float)value, error);
}

enum cupel_status journal_training(struct journal *journal, const struct cupel_training_point *point,
                                   struct cupel_error *error) {
    jsonl_integer(journal->lines, "step", point->step);
    jsonl_integer(journal->lines, "epoch", point->epoch);
    for (int i = 0; i < COLUMNS; i++) {
        const struct column *column = &columns[i];
        const double value = *(const double *)((const char *)point + column->offset);
        if (column->kinds & journal->kinds)
            CUPEL_TRY(add(journal, column->key, column->tag, point->step, value, error));
    }
    jsonl_number(journal->lines, "time_s", point->time);
    return jsonl_end(journal->lines, error);
}

/* Of segmentation: a list in metrics.jsonl, for TensorBoard a number for each class that has one. */
static enum cupel_status add_class_iou(struct journal *journal, const char *split, int64_t step,
                                       const struct cupel_evaluation *evaluation, struct cupel_error *error) {
    char name[60];
    snprintf(name, sizeof name, "%s_class_iou", split);
    jsonl_numbers(journal->lines, name, evaluation->class_iou, evaluation->classes);
    for (int64_t c = 0; c < evaluation->classes; c++) {
        snprintf(name, sizeof name, "%s/class_iou_%d", split, (int)c);
        if (!isnan(evaluation->class_iou[c]))
            CUPEL_TRY(tensorboard_scalar(journal->board, name, step, (float)evaluation->class_iou[c], error));
    }
    return CUPEL_OK;
}

enum cupel_status journal_evaluation(struct journal *journal, const struct cupel_evaluation_point *point,
                                     const struct cupel_evaluation *evaluation, struct cupel_error *error) {
    const bool segments = evaluation->class_iou;
    const char *split = point->validation ? "validation" : "test";
    const struct {
        const char *name;
        double value;
        bool there;
    } numbers[] = {
        {"loss", point->loss, true},
        {"accuracy", point->accuracy, true},
        {"top5", point->top5, !segments},
        {"iou", point->iou, segments},
    };
    jsonl_integer(journal->lines, "step", point->step);
    jsonl_integer(journal->lines, "epoch", point->epoch);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        char key[40], tag[40];
        if (!numbers[i].there) continue;
        snprintf(key, sizeof key, "%s_%s", split, numbers[i].name);
        snprintf(tag, sizeof tag, "%s/%s", split, numbers[i].name);
        CUPEL_TRY(add(journal, key, tag, point->step, numbers[i].value, error));
    }
    if (segments) CUPEL_TRY(add_class_iou(journal, split, point->step, evaluation, error));
    jsonl_number(journal->lines, "time_s", point->time);
    return jsonl_end(journal->lines, error);
}

enum cupel_status journal_sample(struct journal *journal, const struct cupel_sample_point *point,
                                 struct cupel_error *error) {
    jsonl_integer(journal->lines, "step", point->step);
    jsonl_integer(journal->lines, "epoch", point->epoch);
    CUPEL_TRY(add(journal, "diversity", "gan/diversity", point->step, point->diversity, error));
    CUPEL_TRY(add(journal, "nearest", "gan/nearest", point->step, point->nearest, error));
    jsonl_number(journal->lines, "time_s", point->time);
    return jsonl_end(journal->lines, error);
}

enum cupel_status journal_warning(struct journal *journal, const struct cupel_warning_point *point,
                                  struct cupel_error *error) {
    jsonl_integer(journal->lines, "step", point->step);
    jsonl_integer(journal->lines, "epoch", point->epoch);
    jsonl_text(journal->lines, point->over ? "warning_over" : "warning", cupel_warning_name(point->warning));
    jsonl_number(journal->lines, "value", point->value);
    if (*point->tensor) jsonl_text(journal->lines, "tensor", point->tensor);
    jsonl_number(journal->lines, "time_s", point->time);
    return jsonl_end(journal->lines, error);
}
