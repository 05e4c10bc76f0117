/* The quality of a generator's images, through a classifier. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "train/classify.h"
#include "train/frechet.h"
#include "train/load.h"
#include "train/neighbours.h"
#include "training.h"

enum { PIXELS = TINY_SIDE * TINY_SIDE };
static const char FAST[] = "steps: 4, optimizer: {adam: {lr: 0.05}}";

static void has(const struct cupel_error *error, const char *text) {
    cr_expect(strstr(error->message, text), "'%s' is not in: %s", text, error->message);
}

/* The features of some test images, with the probabilities that the last layer makes of them. */
Test(quality_model, features_are_what_the_last_layer_gets) {
    enum { COUNT = 5, FEATURES = 4 * PIXELS / 4 };
    struct cupel_model *model = tiny_model(FAST, "");
    struct setup setup;
    struct prediction features, classes;
    struct cupel_error error = {0};
    uint8_t images[COUNT * PIXELS];
    float seen[COUNT * FEATURES], found[COUNT * TINY_CLASSES], weight[TINY_CLASSES * FEATURES],
        bias[TINY_CLASSES];
    for (size_t i = 0; i < sizeof images; i++) images[i] = (uint8_t)(i * 37 + i / 7);
    cr_assert_eq(setup_open(model, &plainly, &setup, &error), CUPEL_OK, "%s", error.message);
    cr_assert_eq(prediction_compile(&setup, 2, PREDICT_FEATURES, &features, &error), CUPEL_OK, "%s",
                 error.message);
    cr_assert_eq(prediction_compile(&setup, 2, PREDICT_CLASSES, &classes, &error), CUPEL_OK, "%s",
                 error.message);
    cr_assert_eq(features.width, FEATURES);
    cr_assert_eq(prediction_run(&setup, &features, images, COUNT, seen, &error), CUPEL_OK, "%s",
                 error.message);
    cr_assert_eq(prediction_run(&setup, &classes, images, COUNT, found, &error), CUPEL_OK, "%s",
                 error.message);
    cr_assert_eq(cupel_store_read(setup.store, "net.linear1.weight", weight, sizeof weight, &error),
                 CUPEL_OK);
    cr_assert_eq(cupel_store_read(setup.store, "net.linear1.bias", bias, sizeof bias, &error), CUPEL_OK);
    for (int i = 0; i < COUNT; i++) {
        double sum = 0, likely[TINY_CLASSES];
        for (int c = 0; c < TINY_CLASSES; c++) {
            double logit = (double)bias[c];
            for (int f = 0; f < FEATURES; f++)
                logit += (double)weight[c * FEATURES + f] * (double)seen[i * FEATURES + f];
            sum += likely[c] = exp(logit);
        }
        for (int c = 0; c < TINY_CLASSES; c++)
            cr_expect_float_eq((double)found[i * TINY_CLASSES + c], likely[c] / sum, 1e-5);
    }
    cupel_plan_free(features.plan);
    cupel_plan_free(classes.plan);
    setup_close(&setup);
    cupel_model_free(model);
}

/* A layer without weights at the end, and one between the two last with weights, are passed over. */
Test(quality_model, features_are_those_of_the_last_weights) {
    const char *const layers =
        "networks.net.layers=[flatten, linear: {out: 6}, relu, linear: {out: 10}, leaky_relu]";
    struct cupel_model *model;
    struct setup setup;
    struct prediction features;
    struct cupel_error error = {0};
    cr_assert_eq(cupel_model_read(CUPEL_SOURCE_DIR "/models/lenet5.yaml", &layers, 1, &model, &error),
                 CUPEL_OK, "%s", error.message);
    cr_assert_eq(setup_open(model, &plainly, &setup, &error), CUPEL_OK, "%s", error.message);
    cr_assert_eq(prediction_compile(&setup, 1, PREDICT_FEATURES, &features, &error), CUPEL_OK, "%s",
                 error.message);
    cr_expect_eq(features.width, 6);
    const uint8_t image[784] = {0};
    float seen[6];
    cr_assert_eq(prediction_run(&setup, &features, image, 1, seen, &error), CUPEL_OK);
    for (int i = 0; i < 6; i++) cr_expect_geq(seen[i], 0);
    cupel_plan_free(features.plan);
    setup_close(&setup);
    cupel_model_free(model);
}

/* Features of images, by a classifier that has been trained. */
static float *look(const struct cupel_model *classifier, const char *weights, const uint8_t *images,
                   int64_t count) {
    struct setup setup;
    struct prediction features;
    struct cupel_error error = {0};
    cr_assert_eq(setup_open(classifier, &plainly, &setup, &error), CUPEL_OK, "%s", error.message);
    cr_assert_eq(prediction_compile(&setup, 16, PREDICT_FEATURES, &features, &error), CUPEL_OK, "%s",
                 error.message);
    cr_assert_eq(load_weights(&setup, weights, LOAD_AVERAGE, &error), CUPEL_OK, "%s", error.message);
    float *seen = malloc((size_t)(count * features.width) * sizeof *seen);
    cr_assert_eq(prediction_run(&setup, &features, images, count, seen, &error), CUPEL_OK, "%s",
                 error.message);
    cupel_plan_free(features.plan);
    setup_close(&setup);
    return seen;
}

static double distance_between(const float *a, int64_t count_a, const float *b, int64_t count_b) {
    struct gaussian first, second;
    double distance;
    cr_assert_eq(gaussian_fit(a, count_a, PIXELS, &first, NULL), CUPEL_OK);
    cr_assert_eq(gaussian_fit(b, count_b, PIXELS, &second, NULL), CUPEL_OK);
    cr_assert_eq(frechet_distance(&first, &second, &distance, NULL), CUPEL_OK);
    gaussian_free(&first);
    gaussian_free(&second);
    return distance;
}

/* What cupel_quality says, put together from its parts; the classifier normalises in another way than the GAN. */
Test(quality_model, quality_is_measured_through_a_classifier) {
    enum { COUNT = 50 };
    struct cupel_model *model = tiny_gan(TINY_PLAIN, FAST),
                       *classifier = tiny_model("epochs: 3, optimizer: {adam: {lr: 0.02}}", "");
    const char *weights = trained(model, "gan"), *classes = trained(classifier, "classifier");
    struct cupel_run_options options = plainly;
    struct cupel_quality quality, again;
    struct cupel_error error = {0};
    options.has_seed = true;
    options.seed = 12;
    cr_assert_eq(cupel_quality(model, &options, weights, classifier, classes, COUNT, &quality, &error),
                 CUPEL_OK, "%s", error.message);
    options.stream = true; /* which changes nothing */
    cr_assert_eq(cupel_quality(model, &options, weights, classifier, classes, COUNT, &again, &error),
                 CUPEL_OK);
    cr_expect_eq(memcmp(&quality, &again, sizeof quality), 0);
    cr_expect(quality.generated == COUNT && quality.real == TINY_TEST && quality.features == PIXELS);

    struct cupel_latents latents = draw(model, 12, COUNT);
    struct cupel_dataset data;
    const struct cupel_dataset_spec spec = {.format = "idx", .path = tiny_set()};
    cr_assert_eq(cupel_dataset_open(&spec, &data, &error), CUPEL_OK, "%s", error.message);
    uint8_t *images = images_of(model, &plainly, weights, CUPEL_BATCHNORM_RUNNING, &latents);
    float *made = look(classifier, classes, images, COUNT),
          *real = look(classifier, classes, data.test.images, TINY_TEST);
    double expected = distance_between(real, TINY_TEST, made, COUNT), part;
    cr_expect_float_eq(quality.frechet_distance, expected, 1e-4 * expected);
    cr_expect_gt(expected, 1);
    cr_assert_eq(covered_part(made, COUNT, real, TINY_TEST, PIXELS, &part, NULL), CUPEL_OK);
    cr_expect_float_eq(quality.precision, part, 1e-9);
    cr_assert_eq(covered_part(real, TINY_TEST, made, COUNT, PIXELS, &part, NULL), CUPEL_OK);
    cr_expect_float_eq(quality.recall, part, 1e-9);
    free(images);
    free(made);
    free(real);
    cupel_dataset_free(&data);
    cupel_latents_free(&latents);
    cupel_model_free(model);
    cupel_model_free(classifier);
}

Test(quality_model, what_cannot_be_compared_is_refused) {
    struct cupel_model *model = tiny_gan(TINY_PLAIN, FAST), *classifier = tiny_model(FAST, ""), *large;
    const char *const shape = "data.shape=[1, 28, 28]";
    struct cupel_error first = {0};
    cr_assert_eq(cupel_model_read(CUPEL_SOURCE_DIR "/models/lenet5.yaml", &shape, 1, &large, &first),
                 CUPEL_OK);
    const struct {
        const struct cupel_model *model, *classifier;
        int64_t count;
        enum cupel_status status;
        const char *text;
    } rows[] = {
        {model, model, 9, CUPEL_UNSUPPORTED, "gan.yaml: features come from a model of `task: classify`"},
        {classifier, classifier, 9, CUPEL_UNSUPPORTED, "tiny.yaml: images are made by models of `task: gan`"},
        {model, large, 9, CUPEL_INVALID,
         "lenet5.yaml: it takes images of shape [1, 28, 28], those of gan.yaml are [1, 8, 8]"},
        {model, classifier, 3, CUPEL_INVALID, "3 images are too few to compare; make 4 or more"},
        {model, classifier, 9, CUPEL_INVALID, "none.safetensors: No such file"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cupel_quality quality;
        struct cupel_error error = {0};
        cr_expect_eq(cupel_quality(rows[i].model, &plainly, "none.safetensors", rows[i].classifier,
                                   "none.safetensors", rows[i].count, &quality, &error),
                     rows[i].status, "%s", rows[i].text);
        has(&error, rows[i].text);
    }
    cupel_model_free(model);
    cupel_model_free(classifier);
    cupel_model_free(large);
}
