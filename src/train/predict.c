/* Class probabilities of given images, and steps compiled without data. */
#include <stdlib.h>
#include <string.h>

#include "philox.h"
#include "train/classify.h"
#include "train/gan.h"
#include "train/load.h"
#include "train/split.h"

/* ---- prediction ---- */

/* The last batch is filled up with black images. `pixels` and `made` have room for a batch. */
static enum cupel_status predict_batches(struct setup *setup, const struct prediction *prediction,
                                         const uint8_t *images, int64_t count, uint8_t *pixels, float *made,
                                         float *outputs, struct cupel_error *error) {
    const size_t image = (size_t)cupel_shape_count(&setup->data->shape), width = (size_t)prediction->width;
    const size_t batch = (size_t)prediction->batch;
    for (size_t first = 0; first < (size_t)count; first += batch) {
        const size_t left = (size_t)count - first, here = left < batch ? left : batch;
        memset(pixels, 0, batch * image);
        memcpy(pixels, images + first * image, here * image);
        CUPEL_TRY(cupel_store_write(setup->store, PREDICT_IMAGES, pixels, batch * image, error));
        CUPEL_TRY(cupel_run(prediction->plan, error));
        CUPEL_TRY(cupel_plan_read(prediction->plan, 0, made, batch * width * sizeof *made, error));
        memcpy(outputs + first * width, made, here * width * sizeof *made);
    }
    return CUPEL_OK;
}

enum cupel_status prediction_run(struct setup *setup, const struct prediction *prediction,
                                 const uint8_t *images, int64_t count, float *outputs,
                                 struct cupel_error *error) {
    const size_t batch = (size_t)prediction->batch;
    uint8_t *pixels = malloc(batch * (size_t)cupel_shape_count(&setup->data->shape));
    float *made = malloc(batch * (size_t)prediction->width * sizeof *made);
    const enum cupel_status status =
        pixels && made ? predict_batches(setup, prediction, images, count, pixels, made, outputs, error)
                       : cupel_fail(error, CUPEL_NOMEM, "no memory for a batch of %zu images", batch);
    free(pixels);
    free(made);
    return status;
}

static enum cupel_status predict(struct setup *setup, const char *weights, const uint8_t *images,
                                 int64_t count, float *probabilities, struct cupel_error *error) {
    const int64_t batch = count < setup->train.batch ? count : setup->train.batch;
    struct prediction prediction;
    CUPEL_TRY(prediction_compile(setup, batch, PREDICT_CLASSES, &prediction, error));
    enum cupel_status status = load_weights(setup, weights, LOAD_AVERAGE, error);
    if (status == CUPEL_OK) status = prediction_run(setup, &prediction, images, count, probabilities, error);
    cupel_plan_free(prediction.plan);
    return status;
}

enum cupel_status cupel_predict(const struct cupel_model *model, const struct cupel_run_options *options,
                                const char *weights, const uint8_t *images, int64_t count,
                                float *probabilities, struct cupel_error *error) {
    struct setup setup;
    if (count < 1)
        return cupel_fail(error, CUPEL_INVALID, "there are no images to predict; give at least one");
    CUPEL_TRY(setup_open(model, options, &setup, error));
    enum cupel_status status = setup_task(&setup, CUPEL_TASK_CLASSIFY, "asked for classes", error);
    if (status == CUPEL_OK) status = predict(&setup, weights, images, count, probabilities, error);
    setup_close(&setup);
    return status;
}

/* ---- rehearsal ---- */

/* `bytes` has room for masks, which are smaller than their images. */
static enum cupel_status fill_masks(struct setup *setup, const struct samples *samples, uint8_t *bytes,
                                    struct cupel_error *error) {
    const size_t count = (size_t)(samples->rows * setup_plane(setup));
    const struct philox philox = philox_start((uint64_t)setup->train.seed, PHILOX_INIT, 0, 0);
    for (size_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)(1 + (uint8_t)philox_word(&philox, i) % setup->data->classes);
    return cupel_store_write(setup->store, samples->labels, bytes, count, error);
}

static enum cupel_status fill_samples(struct setup *setup, const struct samples *samples,
                                      struct cupel_error *error) {
    size_t bytes = (size_t)(samples->rows * cupel_shape_count(&setup->data->shape));
    uint8_t *pixels = malloc(bytes);
    if (!pixels)
        return cupel_fail(error, CUPEL_NOMEM, "no memory for a batch of %lld images",
                          (long long)samples->rows);
    struct philox philox = philox_start((uint64_t)setup->train.seed, PHILOX_INIT, 0, 0);
    for (size_t i = 0; i < bytes; i++) pixels[i] = (uint8_t)philox_word(&philox, i);
    enum cupel_status status = cupel_store_write(setup->store, samples->images, pixels, bytes, error);
    if (status == CUPEL_OK && setup_segments(setup)) status = fill_masks(setup, samples, pixels, error);
    free(pixels);
    return status ? status : split_order(setup, samples, NULL, 0, error);
}

static enum cupel_status rehearse(struct setup *setup, bool training, struct cupel_plan **plan,
                                  struct cupel_error *error) {
    const bool gan = cupel_model_task(setup->model) == CUPEL_TASK_GAN;
    struct samples samples = split_test(setup_step_images(setup));
    const int64_t batch = setup->train.batch;
    if (!training) {
        if (!setup_segments(setup)) CUPEL_TRY(setup_task(setup, CUPEL_TASK_CLASSIFY, "evaluated", error));
        CUPEL_TRY(evaluation_compile(setup, &samples, batch, false, plan, error));
        return fill_samples(setup, &samples, error);
    }
    CUPEL_TRY((gan ? gan_compile : training_compile)(setup, &samples, batch, 1, plan, error));
    CUPEL_TRY(setup_step(setup, 0, error));
    return fill_samples(setup, &samples, error);
}

enum cupel_status cupel_rehearse(const struct cupel_model *model, const struct cupel_run_options *options,
                                 bool training, struct cupel_rehearsal *rehearsal,
                                 struct cupel_error *error) {
    struct setup setup;
    *rehearsal = (struct cupel_rehearsal){0};
    CUPEL_TRY(setup_open(model, options, &setup, error));
    enum cupel_status status = rehearse(&setup, training, &rehearsal->plan, error);
    rehearsal->device = setup.device;
    rehearsal->store = setup.store;
    setup.device = NULL;
    setup.store = NULL;
    setup_close(&setup);
    if (status) cupel_rehearsal_free(rehearsal);
    return status;
}

void cupel_rehearsal_free(struct cupel_rehearsal *rehearsal) {
    cupel_plan_free(rehearsal->plan);
    cupel_store_free(rehearsal->store);
    cupel_device_close(rehearsal->device);
    *rehearsal = (struct cupel_rehearsal){0};
}
