/* Class probabilities of given images, and steps compiled without data. */
#include <stdlib.h>
#include <string.h>

#include "philox.h"
#include "train/classify.h"
#include "train/gan.h"
#include "train/load.h"
#include "train/split.h"

/* ---- prediction ---- */

/* Predicts batch by batch; the last one is filled up with black images. */
static enum cupel_status predict_all(struct setup *setup, struct cupel_plan *plan, int64_t batch,
                                     const uint8_t *images, int64_t count, float *probabilities,
                                     uint8_t *pixels, float *outputs, struct cupel_error *error) {
    size_t image = (size_t)cupel_shape_count(&setup->data->shape), classes = (size_t)setup->data->classes;
    for (int64_t first = 0; first < count; first += batch) {
        size_t here = (size_t)(count - first < batch ? count - first : batch);
        memset(pixels, 0, (size_t)batch * image);
        memcpy(pixels, images + (size_t)first * image, here * image);
        CUPEL_TRY(cupel_store_write(setup->store, PREDICT_IMAGES, pixels, (size_t)batch * image, error));
        CUPEL_TRY(cupel_run(plan, error));
        CUPEL_TRY(cupel_plan_read(plan, 0, outputs, (size_t)batch * classes * sizeof *outputs, error));
        memcpy(probabilities + (size_t)first * classes, outputs, here * classes * sizeof *outputs);
    }
    return CUPEL_OK;
}

static enum cupel_status predict(struct setup *setup, const char *weights, const uint8_t *images,
                                 int64_t count, float *probabilities, struct cupel_error *error) {
    int64_t batch = count < setup->train.batch ? count : setup->train.batch;
    struct cupel_plan *plan;
    CUPEL_TRY(prediction_compile(setup, batch, &plan, error));
    uint8_t *pixels = malloc((size_t)(batch * cupel_shape_count(&setup->data->shape)));
    float *outputs = malloc((size_t)(batch * setup->data->classes) * sizeof *outputs);
    enum cupel_status status = load_weights(setup, weights, LOAD_AVERAGE, error);
    if (!pixels || !outputs)
        status = cupel_fail(error, CUPEL_NOMEM, "no memory for a batch of %lld images", (long long)batch);
    else if (status == CUPEL_OK)
        status = predict_all(setup, plan, batch, images, count, probabilities, pixels, outputs, error);
    free(pixels);
    free(outputs);
    cupel_plan_free(plan);
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
    free(pixels);
    return status ? status : split_order(setup, samples, NULL, 0, error);
}

static enum cupel_status rehearse(struct setup *setup, bool training, struct cupel_plan **plan,
                                  struct cupel_error *error) {
    const bool gan = cupel_model_task(setup->model) == CUPEL_TASK_GAN;
    struct samples samples = split_test(setup_step_images(setup));
    const int64_t batch = setup->train.batch;
    if (!training) {
        CUPEL_TRY(setup_task(setup, CUPEL_TASK_CLASSIFY, "evaluated", error));
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
