/* Trains a model file from C and asks it about the first images of the test split.
 *
 *     build/examples/train_model models/lenet5.yaml
 *     build/examples/train_model MODEL DATA STEPS */
#include <cupel/cupel.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { IMAGES = 4 };

static void show(void *context, const struct cupel_evaluation_point *point) {
    (void)context;
    printf("step %" PRId64 "  test loss %.4f  accuracy %.2f %%\n", point->step, point->loss,
           100 * point->accuracy);
}

static enum cupel_status predict(const struct cupel_model *model, const struct cupel_run_options *run,
                                 struct cupel_error *error) {
    const struct cupel_data_settings *data = cupel_model_data(model);
    const struct cupel_dataset_spec spec = {"idx", run->data ? run->data : data->path, {0}, data->classes};
    struct cupel_dataset set;
    CUPEL_TRY(cupel_dataset_open(&spec, &set, error));
    float *chances = calloc(IMAGES * (size_t)data->classes, sizeof *chances);
    enum cupel_status status = chances ? cupel_predict(model, run, "example-run/best.safetensors",
                                                       set.test.images, IMAGES, chances, error)
                                       : cupel_fail(error, CUPEL_NOMEM, "no memory");
    for (int i = 0; i < IMAGES && status == CUPEL_OK; i++) {
        const float *chance = chances + i * data->classes;
        int64_t best = 0;
        for (int64_t c = 1; c < data->classes; c++)
            if (chance[c] > chance[best]) best = c;
        printf("test image %d: class %" PRId64 " with %.1f %%, is %" PRId32 "\n", i, best,
               100 * (double)chance[best], set.test.labels[i]);
    }
    free(chances);
    cupel_dataset_free(&set);
    return status;
}

static enum cupel_status train(const struct cupel_model *model, const struct cupel_train_options *options,
                               struct cupel_error *error) {
    struct cupel_train_result result;
    CUPEL_TRY(cupel_train(model, options, &result, error));
    printf("%" PRId64 " steps, test accuracy %.2f %%\n", result.step, 100 * result.evaluation.accuracy);
    cupel_train_result_free(&result);
    return predict(model, &options->run, error);
}

int main(int count, char **words) {
    struct cupel_error error = {0};
    struct cupel_model *model;
    if (count < 2) {
        fprintf(stderr, "usage: train_model MODEL [DATA [STEPS]]\n");
        return 2;
    }
    const struct cupel_train_options options = {
        .run = {.data = count > 2 ? words[2] : NULL},
        .steps = count > 3 ? atoll(words[3]) : 0,
        .out = "example-run",
        .watcher = {.evaluated = show},
    };
    enum cupel_status status = cupel_model_read(words[1], NULL, 0, &model, &error);
    if (status == CUPEL_OK) {
        status = train(model, &options, &error);
        cupel_model_free(model);
    }
    if (status) fprintf(stderr, "%s\n", error.message);
    return status != CUPEL_OK;
}
