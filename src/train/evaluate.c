#include "train/evaluate.h"

#include <stdlib.h>

#include "train/feed.h"
#include "train/load.h"
#include "train/segment.h"
#include "train/split.h"

enum cupel_status evaluator_open(const struct setup *setup, const struct samples *samples, bool average,
                                 struct evaluator *evaluator, struct cupel_error *error) {
    int64_t batch = setup->train.batch;
    *evaluator = (struct evaluator){.samples = *samples, .batch = batch};
    enum cupel_status status = CUPEL_OK;
    if (samples->count >= batch)
        status = evaluation_compile(setup, samples, batch, average, &evaluator->full, error);
    if (status == CUPEL_OK && samples->count % batch)
        status = evaluation_compile(setup, samples, samples->count % batch, average, &evaluator->rest, error);
    if (status) evaluator_close(evaluator);
    return status;
}

void evaluator_close(struct evaluator *evaluator) {
    cupel_plan_free(evaluator->full);
    cupel_plan_free(evaluator->rest);
    *evaluator = (struct evaluator){0};
}

/* ---- wrong answers ---- */

/* What looking for wrong answers needs on the host. */
struct search {
    int32_t *labels, *order; /* of the whole split */
    float *probabilities;    /* of a batch */
};

static enum cupel_status search_start(struct setup *setup, const struct evaluator *evaluator,
                                      struct search *search, struct cupel_error *error) {
    const struct samples *samples = &evaluator->samples;
    size_t rows = (size_t)samples->rows, count = (size_t)samples->count;
    search->labels = malloc(rows * sizeof *search->labels);
    search->order = malloc(count * sizeof *search->order);
    search->probabilities = malloc((size_t)(evaluator->batch * setup->data->classes) * sizeof(float));
    if (!search->labels || !search->order || !search->probabilities)
        return cupel_fail(error, CUPEL_NOMEM, "no memory to look for wrong answers");
    CUPEL_TRY(cupel_store_read(setup->store, samples->labels, search->labels, rows * sizeof(int32_t), error));
    return cupel_store_read(setup->store, samples->order, search->order, count * sizeof(int32_t), error);
}

static void search_free(struct search *search) {
    free(search->labels);
    free(search->order);
    free(search->probabilities);
}

/* Keeps the most confident ones, in order. */
static void keep(struct cupel_evaluation *evaluation, int64_t limit, const struct cupel_mistake *mistake) {
    int64_t place = evaluation->mistake_count;
    if (place == limit && mistake->probability <= evaluation->mistakes[place - 1].probability) return;
    if (place < limit)
        evaluation->mistake_count++;
    else
        place--;
    for (; place > 0 && evaluation->mistakes[place - 1].probability < mistake->probability; place--)
        evaluation->mistakes[place] = evaluation->mistakes[place - 1];
    evaluation->mistakes[place] = *mistake;
}

static enum cupel_status search_batch(struct cupel_plan *plan, int64_t first, int64_t batch, int64_t limit,
                                      const struct search *search, struct cupel_evaluation *evaluation,
                                      struct cupel_error *error) {
    int64_t classes = evaluation->classes;
    CUPEL_TRY(
        cupel_plan_read(plan, 0, search->probabilities, (size_t)(batch * classes) * sizeof(float), error));
    for (int64_t i = 0; i < batch; i++) {
        const float *probability = search->probabilities + i * classes;
        int32_t row = search->order[first + i], predicted = 0;
        for (int32_t c = 1; c < classes; c++)
            if (probability[c] > probability[predicted]) predicted = c;
        if (predicted == search->labels[row]) continue;
        keep(evaluation, limit,
             &(struct cupel_mistake){row, search->labels[row], predicted, probability[predicted]});
    }
    return CUPEL_OK;
}

/* ---- masks ---- */

/* Keeps the masks of those of a batch's samples that are among the first mask_count. */
static enum cupel_status keep_masks(const struct setup *setup, struct cupel_plan *plan, int64_t first,
                                    int64_t batch, struct cupel_evaluation *evaluation,
                                    struct cupel_error *error) {
    const int64_t left = evaluation->mask_count - first, here = left < batch ? left : batch;
    const size_t plane = (size_t)setup_plane(setup),
                 bytes = (size_t)(batch * evaluation->classes) * plane * sizeof(float);
    if (here <= 0) return CUPEL_OK;
    float *logits = malloc(bytes);
    if (!logits) return cupel_fail(error, CUPEL_NOMEM, "no memory for a batch's logits");
    const enum cupel_status status = cupel_plan_read(plan, 0, logits, bytes, error);
    if (!status) segment_masks(setup, logits, here, evaluation->masks + (size_t)first * plane);
    free(logits);
    return status;
}

/* ---- a whole split ---- */

/* Adds what the device has counted, in 32 bits, and lets it begin anew. */
static enum cupel_status take_confusion(const struct setup *setup, struct cupel_evaluation *evaluation,
                                        struct cupel_error *error) {
    const size_t cells = (size_t)(evaluation->classes * evaluation->classes);
    int32_t *counts = malloc(cells * sizeof *counts);
    if (!counts) return cupel_fail(error, CUPEL_NOMEM, "no memory for the result of an evaluation");
    enum cupel_status status =
        cupel_store_read(setup->store, EVAL_CONFUSION, counts, cells * sizeof *counts, error);
    for (size_t i = 0; i < cells && !status; i++) evaluation->confusion[i] += counts[i];
    free(counts);
    return status ? status : cupel_store_zero(setup->store, EVAL_CONFUSION, error);
}

static enum cupel_status run_all(const struct setup *setup, const struct evaluator *evaluator, int64_t limit,
                                 const struct search *search, struct cupel_evaluation *evaluation,
                                 struct cupel_error *error) {
    const int64_t count = evaluator->samples.count, each = setup_segments(setup) ? setup_plane(setup) : 1;
    int64_t counted = 0;
    CUPEL_TRY(feed_start(setup, &evaluator->samples, evaluator->order, 0, count, evaluator->batch, error));
    for (int64_t first = 0; first < count; first += evaluator->batch) {
        bool full = count - first >= evaluator->batch;
        struct cupel_plan *plan = full ? evaluator->full : evaluator->rest;
        int64_t batch = full ? evaluator->batch : count - first;
        if (counted + batch * each > INT32_MAX) {
            CUPEL_TRY(take_confusion(setup, evaluation, error));
            counted = 0;
        }
        counted += batch * each;
        CUPEL_TRY(feed_next(setup, &evaluator->samples, batch, NULL, error));
        CUPEL_TRY(cupel_run(plan, error));
        if (setup_segments(setup))
            CUPEL_TRY(keep_masks(setup, plan, first, batch, evaluation, error));
        else if (limit)
            CUPEL_TRY(search_batch(plan, first, batch, limit, search, evaluation, error));
    }
    return take_confusion(setup, evaluation, error);
}

/* Room for what is found, of which `limit` is the most wrong answers or masks. */
static enum cupel_status make_room(const struct setup *setup, int64_t limit,
                                   struct cupel_evaluation *evaluation, struct cupel_error *error) {
    const size_t classes = (size_t)evaluation->classes, plane = (size_t)setup_plane(setup);
    const bool segments = setup_segments(setup);
    evaluation->confusion = calloc(classes * classes, sizeof *evaluation->confusion);
    bool made = evaluation->confusion;
    if (segments) {
        evaluation->class_iou = calloc(classes, sizeof *evaluation->class_iou);
        evaluation->masks = malloc((size_t)limit * plane + 1);
        evaluation->mask_count = limit;
        made = made && evaluation->class_iou && evaluation->masks;
    } else if (limit) {
        evaluation->mistakes = calloc((size_t)limit, sizeof *evaluation->mistakes);
        made = made && evaluation->mistakes;
    }
    return made ? CUPEL_OK : cupel_fail(error, CUPEL_NOMEM, "no memory for the result of an evaluation");
}

static enum cupel_status measure(struct setup *setup, const struct evaluator *evaluator, int64_t limit,
                                 struct search *search, struct cupel_evaluation *evaluation,
                                 struct cupel_error *error) {
    const struct samples *samples = &evaluator->samples;
    struct cupel_store *store = setup->store;
    float metrics[METRICS] = {0};
    CUPEL_TRY(make_room(setup, limit, evaluation, error));
    if (evaluation->mistakes) CUPEL_TRY(search_start(setup, evaluator, search, error));
    CUPEL_TRY(cupel_store_zero(store, samples->cursor, error));
    CUPEL_TRY(cupel_store_zero(store, EVAL_METRICS, error));
    CUPEL_TRY(cupel_store_zero(store, EVAL_CONFUSION, error));
    CUPEL_TRY(run_all(setup, evaluator, limit, search, evaluation, error));
    CUPEL_TRY(cupel_store_read(store, EVAL_METRICS, metrics,
                               (size_t)evaluation_metrics(setup) * sizeof *metrics, error));
    double count = (double)samples->count;
    evaluation->loss = (double)metrics[METRIC_LOSS] / count;
    evaluation->accuracy = (double)metrics[METRIC_CORRECT] / count;
    evaluation->top5 = (double)metrics[METRIC_THIRD] / count;
    if (setup_segments(setup)) segment_measure(evaluation);
    return CUPEL_OK;
}

enum cupel_status evaluator_run(struct setup *setup, const struct evaluator *evaluator, int64_t mistakes,
                                struct cupel_evaluation *evaluation, struct cupel_error *error) {
    struct search search = {0};
    int64_t count = evaluator->samples.count;
    int64_t limit = mistakes < 0 ? 0 : mistakes < count ? mistakes : count;
    *evaluation = (struct cupel_evaluation){.count = count, .classes = setup->data->classes};
    enum cupel_status status = measure(setup, evaluator, limit, &search, evaluation, error);
    search_free(&search);
    if (status) cupel_evaluation_free(evaluation);
    return status;
}

void cupel_evaluation_free(struct cupel_evaluation *evaluation) {
    free(evaluation->confusion);
    free(evaluation->mistakes);
    free(evaluation->class_iou);
    free(evaluation->masks);
    *evaluation = (struct cupel_evaluation){0};
}

/* ---- trained weights on the test split ---- */

static enum cupel_status evaluate_test(struct setup *setup, const char *weights, int64_t mistakes,
                                       struct cupel_dataset *dataset, struct evaluator *evaluator,
                                       struct cupel_evaluation *evaluation, struct cupel_error *error) {
    struct samples samples = split_test(dataset->test.count);
    CUPEL_TRY(split_place(setup, "test", &dataset->test, &samples, error));
    CUPEL_TRY(evaluator_open(setup, &samples, false, evaluator, error));
    CUPEL_TRY(load_weights(setup, weights, LOAD_AVERAGE, error));
    CUPEL_TRY(split_upload(setup, &samples, &dataset->test, error));
    CUPEL_TRY(split_order(setup, &samples, NULL, 0, error));
    return evaluator_run(setup, evaluator, mistakes, evaluation, error);
}

enum cupel_status cupel_evaluate(const struct cupel_model *model, const struct cupel_run_options *options,
                                 const char *weights, int64_t mistakes, struct cupel_evaluation *evaluation,
                                 struct cupel_error *error) {
    struct setup setup;
    struct cupel_dataset dataset = {0};
    struct evaluator evaluator = {0};
    *evaluation = (struct cupel_evaluation){0};
    CUPEL_TRY(setup_open(model, options, &setup, error));
    enum cupel_status status = CUPEL_OK;
    if (!setup_segments(&setup)) status = setup_task(&setup, CUPEL_TASK_CLASSIFY, "evaluated", error);
    if (status == CUPEL_OK) status = split_open(&setup, &dataset, error);
    if (status == CUPEL_OK)
        status = evaluate_test(&setup, weights, mistakes, &dataset, &evaluator, evaluation, error);
    evaluator_close(&evaluator);
    feed_close(&setup);
    cupel_dataset_free(&dataset);
    setup_close(&setup);
    return status;
}
