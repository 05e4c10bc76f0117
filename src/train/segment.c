#include "train/segment.h"

#include <math.h>
#include <stdlib.h>

#include "train/classify.h"
#include "train/load.h"

void segment_masks(const struct setup *setup, const float *logits, int64_t count, uint8_t *masks) {
    const int64_t plane = setup_plane(setup), classes = setup->data->classes;
    for (int64_t i = 0; i < count; i++, logits += classes * plane)
        for (int64_t p = 0; p < plane; p++) {
            int64_t best = 0;
            for (int64_t c = 1; c < classes; c++)
                if (logits[c * plane + p] > logits[best * plane + p]) best = c;
            *masks++ = (uint8_t)best;
        }
}

void segment_measure(struct cupel_evaluation *evaluation) {
    const int64_t classes = evaluation->classes, *confusion = evaluation->confusion;
    int64_t all = 0, right = 0, there = 0;
    evaluation->iou = 0;
    for (int64_t c = 0; c < classes; c++) {
        int64_t either = -confusion[c * classes + c]; /* which both sums count */
        for (int64_t other = 0; other < classes; other++) {
            all += confusion[c * classes + other];
            either += confusion[c * classes + other] + confusion[other * classes + c];
        }
        right += confusion[c * classes + c];
        evaluation->class_iou[c] = either ? (double)confusion[c * classes + c] / (double)either : NAN;
        if (!either) continue;
        evaluation->iou += evaluation->class_iou[c];
        there++;
    }
    evaluation->accuracy = all ? (double)right / (double)all : 0;
    if (there) evaluation->iou /= (double)there;
}

/* ---- masks of given images ---- */

/* `logits` has room for a batch. */
static enum cupel_status segment_batches(struct setup *setup, const struct prediction *prediction,
                                         const uint8_t *images, int64_t count, float *logits, uint8_t *masks,
                                         struct cupel_error *error) {
    const int64_t image = cupel_shape_count(&setup->data->shape), plane = setup_plane(setup);
    for (int64_t first = 0; first < count; first += prediction->batch) {
        const int64_t left = count - first, here = left < prediction->batch ? left : prediction->batch;
        CUPEL_TRY(prediction_run(setup, prediction, images + first * image, here, logits, error));
        segment_masks(setup, logits, here, masks + first * plane);
    }
    return CUPEL_OK;
}

static enum cupel_status segment(struct setup *setup, const char *weights, const uint8_t *images,
                                 int64_t count, uint8_t *masks, struct cupel_error *error) {
    const int64_t batch = count < setup->train.batch ? count : setup->train.batch;
    struct prediction prediction;
    CUPEL_TRY(prediction_compile(setup, batch, PREDICT_LOGITS, &prediction, error));
    enum cupel_status status = load_weights(setup, weights, LOAD_AVERAGE, error);
    float *logits = reallocarray(NULL, (size_t)(batch * prediction.width), sizeof *logits);
    if (!logits)
        status = cupel_fail(error, CUPEL_NOMEM, "no memory for the logits of %lld images", (long long)batch);
    else if (status == CUPEL_OK)
        status = segment_batches(setup, &prediction, images, count, logits, masks, error);
    free(logits);
    cupel_plan_free(prediction.plan);
    return status;
}

enum cupel_status cupel_segment(const struct cupel_model *model, const struct cupel_run_options *options,
                                const char *weights, const uint8_t *images, int64_t count, uint8_t *masks,
                                struct cupel_error *error) {
    struct setup setup;
    if (count < 1)
        return cupel_fail(error, CUPEL_INVALID, "there are no images to segment; give at least one");
    CUPEL_TRY(setup_open(model, options, &setup, error));
    enum cupel_status status = setup_task(&setup, CUPEL_TASK_SEGMENT, "asked for masks", error);
    if (status == CUPEL_OK) status = segment(&setup, weights, images, count, masks, error);
    setup_close(&setup);
    return status;
}
