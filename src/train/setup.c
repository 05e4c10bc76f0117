#include "train/setup.h"

#include <stdlib.h>
#include <string.h>

#include "plan/backend.h"

/* The network must end in one number for each class. */
static enum cupel_status check_network(const struct setup *setup, struct cupel_error *error) {
    struct cupel_shape shape = cupel_network_output(setup->network);
    char text[120];
    if (cupel_network_takes_noise(setup->network))
        return cupel_fail(error, CUPEL_INVALID, "%s: task classify needs a network with `input: image`",
                          cupel_model_name(setup->model));
    if (cupel_network_range(setup->network) == 0)
        return cupel_fail(error, CUPEL_INVALID,
                          "%s: network '%s' has no parameters; there is nothing to train",
                          cupel_model_name(setup->model), cupel_network_name(setup->network));
    if (cupel_shape_equal(&shape, &CUPEL_SHAPE(setup->data->classes))) return CUPEL_OK;
    return cupel_fail(
        error, CUPEL_INVALID,
        "%s: network '%s' makes %s of an image; task classify needs [%lld], one number for each "
        "of data.classes",
        cupel_model_name(setup->model), cupel_network_name(setup->network),
        cupel_shape_text(&shape, text, sizeof text), (long long)setup->data->classes);
}

static enum cupel_status apply(const struct cupel_run_options *options, struct setup *setup,
                               struct cupel_error *error) {
    if (options->batch < 0 || options->batch > INT32_MAX)
        return cupel_fail(error, CUPEL_INVALID, "a batch of %lld images is not possible; use 1 to %d",
                          (long long)options->batch, INT32_MAX);
    if (options->has_seed && options->seed > INT64_MAX)
        return cupel_fail(error, CUPEL_INVALID, "the seed %llu is too large; use less than 2^63",
                          (unsigned long long)options->seed);
    if (options->batch) setup->train.batch = options->batch;
    if (options->has_seed) setup->train.seed = (int64_t)options->seed;
    return CUPEL_OK;
}

/* What every plan of the program is compiled with; the device must compute in it. */
static enum cupel_status set_plan(const struct cupel_run_options *options, struct setup *setup,
                                  struct cupel_error *error) {
    setup->plan = (struct cupel_plan_options){.precision = cupel_device_precision(setup->device),
                                              .deterministic = options->deterministic};
    if (options->precision)
        CUPEL_TRY(cupel_precision_read(options->precision, &setup->plan.precision, error));
    return device_check_precision(setup->device, setup->plan.precision, error);
}

/* Gets what setup_close gives back. */
static enum cupel_status hold(const struct cupel_run_options *options, struct setup *setup,
                              struct cupel_error *error) {
    const char *device = options->device ? options->device : "auto";
    size_t channels = (size_t)setup->data->shape.dim[0];
    CUPEL_TRY(cupel_device_open(device, options->threads, &setup->device, error));
    CUPEL_TRY(set_plan(options, setup, error));
    setup->store = cupel_store_new(setup->device, (uint64_t)setup->train.seed);
    setup->mean = calloc(2 * channels, sizeof *setup->mean);
    if (!setup->store || !setup->mean) return cupel_fail(error, CUPEL_NOMEM, "no memory for a store");
    setup->deviation = setup->mean + channels;
    for (size_t c = 0; c < channels; c++) {
        setup->mean[c] = (float)setup->data->mean[c];
        setup->deviation[c] = (float)setup->data->deviation[c];
    }
    return CUPEL_OK;
}

enum cupel_status setup_open(const struct cupel_model *model, const struct cupel_run_options *options,
                             struct setup *setup, struct cupel_error *error) {
    *setup = (struct setup){
        .model = model,
        .network = cupel_model_network(model, 0),
        .data = cupel_model_data(model),
        .train = *cupel_model_train(model),
    };
    setup->stream = options->stream;
    setup->data_path = options->data ? options->data : setup->data->path;
    if (cupel_model_task(model) != CUPEL_TASK_CLASSIFY)
        return cupel_fail(error, CUPEL_UNSUPPORTED, "%s: only `task: classify` can be trained and run so far",
                          cupel_model_name(model));
    CUPEL_TRY(apply(options, setup, error));
    CUPEL_TRY(check_network(setup, error));
    enum cupel_status status = hold(options, setup, error);
    if (status) setup_close(setup);
    return status;
}

void setup_close(struct setup *setup) {
    cupel_store_free(setup->store);
    cupel_device_close(setup->device);
    free(setup->mean);
    *setup = (struct setup){0};
}

enum cupel_status setup_step(struct setup *setup, int64_t step, struct cupel_error *error) {
    const int64_t rng[2] = {setup->train.seed, step};
    return cupel_store_write(setup->store, "rng", rng, sizeof rng, error);
}
