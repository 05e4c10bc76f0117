/* Images of given latents, and how they compare with real ones. */
#include <inttypes.h>
#include <stdlib.h>

#include "train/classify.h"
#include "train/frechet.h"
#include "train/load.h"
#include "train/neighbours.h"
#include "train/sampler.h"
#include "train/split.h"

/* ---- sampling ---- */

/* Opens a setup that knows the generator alone: nothing else is needed of the weights. */
static enum cupel_status open_generator(const struct cupel_model *model,
                                        const struct cupel_run_options *options, struct setup *setup,
                                        struct cupel_error *error) {
    CUPEL_TRY(latents_check_model(model, error));
    CUPEL_TRY(setup_open(model, options, setup, error));
    setup->learner_count = 1;
    return CUPEL_OK;
}

static enum cupel_status sample(struct setup *setup, const char *weights, enum cupel_batchnorm_mode mode,
                                const struct cupel_latents *latents, uint8_t *images,
                                struct cupel_error *error) {
    struct sampler sampler;
    const int64_t batch = latents->count < setup->train.batch ? latents->count : setup->train.batch;
    CUPEL_TRY(sampler_open(setup, batch, false, mode, &sampler, error));
    enum cupel_status status = load_weights(setup, weights, LOAD_AVERAGE, error);
    if (status == CUPEL_OK) status = sampler_run(setup, &sampler, latents, images, error);
    sampler_close(&sampler);
    return status;
}

enum cupel_status cupel_sample(const struct cupel_model *model, const struct cupel_run_options *options,
                               const char *weights, enum cupel_batchnorm_mode mode,
                               const struct cupel_latents *latents, uint8_t *images,
                               struct cupel_error *error) {
    struct setup setup;
    CUPEL_TRY(latents_check_fit(model, latents, error));
    CUPEL_TRY(open_generator(model, options, &setup, error));
    const enum cupel_status status = sample(&setup, weights, mode, latents, images, error);
    setup_close(&setup);
    return status;
}

/* ---- quality ---- */

enum { MOST_FEATURES = 2048, MOST_COMPARED = 3000 };

/* Images of a kind on the host, and their features. */
struct crowd {
    int64_t count;
    uint8_t *images;
    float *features; /* [count, size] */
};

static void crowd_free(struct crowd *crowd) {
    free(crowd->images);
    free(crowd->features);
}

/* Takes the test images out of the data set, or the training images of one that has no others. */
static enum cupel_status take_real(const struct setup *setup, struct crowd *real, struct cupel_error *error) {
    struct cupel_dataset dataset;
    struct cupel_dataset_spec spec = setup->spec;
    spec.train_only = false;
    spec.stream = CUPEL_STREAM_NEVER; /* all of them are compared */
    CUPEL_TRY(cupel_dataset_open(&spec, &dataset, error));
    struct cupel_dataset_split *split = dataset.test.count ? &dataset.test : &dataset.train;
    *real = (struct crowd){.count = split->count, .images = split->images};
    split->images = NULL;
    cupel_dataset_free(&dataset);
    return CUPEL_OK;
}

static enum cupel_status make_images(struct setup *setup, const char *weights, struct crowd *generated,
                                     struct cupel_error *error) {
    struct cupel_latents latents;
    const size_t image = (size_t)cupel_shape_count(&setup->data->shape);
    generated->images = calloc((size_t)generated->count, image);
    if (!generated->images)
        return cupel_fail(error, CUPEL_NOMEM, "no memory for %" PRId64 " images", generated->count);
    CUPEL_TRY(
        cupel_latents_draw(setup->model, (uint64_t)setup->train.seed, generated->count, &latents, error));
    const enum cupel_status status =
        sample(setup, weights, CUPEL_BATCHNORM_RUNNING, &latents, generated->images, error);
    cupel_latents_free(&latents);
    return status;
}

/* Both kinds of images. */
static enum cupel_status gather(const struct cupel_model *model, const struct cupel_run_options *options,
                                const char *weights, struct crowd *real, struct crowd *generated,
                                struct cupel_error *error) {
    struct setup setup;
    CUPEL_TRY(open_generator(model, options, &setup, error));
    enum cupel_status status = take_real(&setup, real, error);
    if (status == CUPEL_OK) status = make_images(&setup, weights, generated, error);
    setup_close(&setup);
    return status;
}

static enum cupel_status look(struct setup *setup, const struct prediction *features, struct crowd *crowd,
                              struct cupel_error *error) {
    crowd->features = calloc((size_t)crowd->count, (size_t)features->width * sizeof *crowd->features);
    if (!crowd->features)
        return cupel_fail(error, CUPEL_NOMEM, "no memory for the features of %" PRId64 " images",
                          crowd->count);
    return prediction_run(setup, features, crowd->images, crowd->count, crowd->features, error);
}

/* The features of all images, in the eyes of a classifier. */
static enum cupel_status look_at_both(const struct cupel_model *classifier,
                                      const struct cupel_run_options *options, const char *weights,
                                      struct crowd *real, struct crowd *generated, int64_t *size,
                                      struct cupel_error *error) {
    struct setup setup;
    struct prediction features;
    struct cupel_run_options own = *options;
    own.data = NULL;
    own.batch = 0; /* the classifier's own */
    CUPEL_TRY(setup_open(classifier, &own, &setup, error));
    enum cupel_status status =
        prediction_compile(&setup, setup.train.batch, PREDICT_FEATURES, &features, error);
    if (status == CUPEL_OK) {
        *size = features.width;
        if (features.width > MOST_FEATURES)
            status = cupel_fail(error, CUPEL_INVALID,
                                "%s: %" PRId64
                                " numbers go into the last layer with weights; at most %d can be compared",
                                cupel_model_name(classifier), features.width, MOST_FEATURES);
        if (status == CUPEL_OK) status = load_weights(&setup, weights, LOAD_AVERAGE, error);
        if (status == CUPEL_OK) status = look(&setup, &features, real, error);
        if (status == CUPEL_OK) status = look(&setup, &features, generated, error);
        cupel_plan_free(features.plan);
    }
    setup_close(&setup);
    return status;
}

static int64_t at_most(int64_t count, int64_t limit) {
    return count < limit ? count : limit;
}

static enum cupel_status compare(const struct crowd *real, const struct crowd *generated, int64_t size,
                                 struct cupel_quality *quality, struct cupel_error *error) {
    struct gaussian first = {0}, second = {0};
    enum cupel_status status = gaussian_fit(real->features, real->count, size, &first, error);
    if (status == CUPEL_OK)
        status = gaussian_fit(generated->features, generated->count, size, &second, error);
    if (status == CUPEL_OK) status = frechet_distance(&first, &second, &quality->frechet_distance, error);
    gaussian_free(&first);
    gaussian_free(&second);
    if (status) return status;
    const int64_t reals = at_most(real->count, MOST_COMPARED),
                  made = at_most(generated->count, MOST_COMPARED);
    CUPEL_TRY(
        covered_part(generated->features, made, real->features, reals, size, &quality->precision, error));
    return covered_part(real->features, reals, generated->features, made, size, &quality->recall, error);
}

static enum cupel_status check_models(const struct cupel_model *model, const struct cupel_model *classifier,
                                      struct cupel_error *error) {
    const struct cupel_shape *shape = &cupel_model_data(model)->shape,
                             *seen = &cupel_model_data(classifier)->shape;
    char had[120], wanted[120];
    if (cupel_model_task(classifier) != CUPEL_TASK_CLASSIFY)
        return cupel_fail(error, CUPEL_UNSUPPORTED,
                          "%s: features come from a model of `task: classify`; this is none",
                          cupel_model_name(classifier));
    if (cupel_shape_equal(shape, seen)) return CUPEL_OK;
    return cupel_fail(error, CUPEL_INVALID, "%s: it takes images of shape %s, those of %s are %s",
                      cupel_model_name(classifier), cupel_shape_text(seen, wanted, sizeof wanted),
                      cupel_model_name(model), cupel_shape_text(shape, had, sizeof had));
}

enum cupel_status cupel_quality(const struct cupel_model *model, const struct cupel_run_options *options,
                                const char *weights, const struct cupel_model *classifier,
                                const char *classifier_weights, int64_t count, struct cupel_quality *quality,
                                struct cupel_error *error) {
    struct crowd real = {0}, generated = {.count = count};
    int64_t size = 0;
    *quality = (struct cupel_quality){0};
    CUPEL_TRY(check_models(model, classifier, error));
    if (count <= NEIGHBOUR)
        return cupel_fail(error, CUPEL_INVALID, "%" PRId64 " images are too few to compare; make %d or more",
                          count, NEIGHBOUR + 1);
    enum cupel_status status = gather(model, options, weights, &real, &generated, error);
    if (status == CUPEL_OK && real.count <= NEIGHBOUR)
        status = cupel_fail(error, CUPEL_INVALID, "%s: %" PRId64 " test images are too few to compare with",
                            cupel_model_name(model), real.count);
    if (status == CUPEL_OK)
        status = look_at_both(classifier, options, classifier_weights, &real, &generated, &size, error);
    if (status == CUPEL_OK) status = compare(&real, &generated, size, quality, error);
    quality->real = real.count;
    quality->generated = count;
    quality->features = size;
    crowd_free(&real);
    crowd_free(&generated);
    return status;
}
