#include "train/setup.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "model/model.h"
#include "plan/backend.h"
#include "train/feed.h"

/* ---- networks ---- */

/* The model has been checked to have the networks that its task needs. */
static void find_learners(struct setup *setup) {
    const bool gan = cupel_model_task(setup->model) == CUPEL_TASK_GAN;
    for (int i = 0; i < CUPEL_ROLES; i++) {
        const struct cupel_network *network = cupel_model_role(setup->model, (enum cupel_role)i);
        if (!network) break;
        setup->learners[setup->learner_count++] = (struct learner){
            .network = network,
            .optimizer = &setup->train.optimizer[i],
            .schedule = &setup->train.schedule[i],
            .ema = i == 0 ? setup->train.ema : 0,
            .updates = gan && i != CUPEL_ROLE_GENERATOR ? setup->train.gan.discriminator_steps : 1,
        };
    }
}

const char *range_name(const struct learner *learner, const char *prefix, char *name) {
    snprintf(name, NAME_ROOM, "%s.%s", prefix, cupel_network_name(learner->network));
    return name;
}

enum cupel_status setup_task(const struct setup *setup, enum cupel_task task, const char *what,
                             struct cupel_error *error) {
    const enum cupel_task had = cupel_model_task(setup->model);
    if (had == task) return CUPEL_OK;
    return cupel_fail(error, CUPEL_UNSUPPORTED,
                      "%s: a model of `task: %s` cannot be %s; give one of `task: %s`",
                      cupel_model_name(setup->model), task_words[had], what, task_words[task]);
}

void setup_note(const struct setup *setup, const char *format, ...) {
    char text[2400];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    if (setup->note) setup->note(setup->note_context, text);
}

/* ---- options and device ---- */

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

struct cupel_dataset_spec setup_spec(const struct cupel_model *model,
                                     const struct cupel_run_options *options) {
    const struct cupel_data_settings *data = cupel_model_data(model);
    return (struct cupel_dataset_spec){
        .format = cupel_data_format_text(data->format),
        .path = options->data ? options->data : data->path,
        .shape = {data->shape.dim[0], data->shape.dim[1], data->shape.dim[2]},
        .classes = data->classes,
        .masks = cupel_model_task(model) == CUPEL_TASK_SEGMENT,
        .train_only = cupel_model_task(model) == CUPEL_TASK_GAN,
        .resize = data->resize,
        .cache = data->cache,
        .skip_bad = options->skip_bad,
        .threads = data->workers ? (int)data->workers : options->threads,
        .stream = options->stream ? CUPEL_STREAM_ALWAYS : data->stream,
    };
}

enum cupel_status setup_open(const struct cupel_model *model, const struct cupel_run_options *options,
                             struct setup *setup, struct cupel_error *error) {
    *setup = (struct setup){
        .model = model,
        .data = cupel_model_data(model),
        .train = *cupel_model_train(model),
    };
    setup->note = options->note;
    setup->note_context = options->note_context;
    setup->spec = setup_spec(model, options);
    CUPEL_TRY(apply(options, setup, error));
    find_learners(setup);
    enum cupel_status status = hold(options, setup, error);
    if (status) setup_close(setup);
    return status;
}

void setup_close(struct setup *setup) {
    feed_close(setup);
    cupel_store_free(setup->store);
    cupel_device_close(setup->device);
    free(setup->mean);
    *setup = (struct setup){0};
}

enum cupel_status setup_step(struct setup *setup, int64_t step, struct cupel_error *error) {
    const int64_t rng[2] = {setup->train.seed, step};
    for (int i = 0; i < setup->learner_count; i++) {
        char name[NAME_ROOM];
        const int64_t count = step * setup->learners[i].updates;
        /* In f16 the loss scale's counts are theirs. */
        if (setup->learners[i].updates == 1 || setup->plan.precision == CUPEL_PRECISION_F16) continue;
        range_name(&setup->learners[i], UPDATE_COUNT, name);
        CUPEL_TRY(cupel_store_write(setup->store, name, &count, sizeof count, error));
    }
    return cupel_store_write(setup->store, "rng", rng, sizeof rng, error);
}

/* ---- names of classes ---- */

void cupel_class_names(const struct cupel_model *model, const struct cupel_run_options *options,
                       struct cupel_class_names *names) {
    const struct cupel_data_settings *data = cupel_model_data(model);
    const struct cupel_dataset_spec spec = setup_spec(model, options);
    *names = (struct cupel_class_names){0};
    if (!data->class_names) {
        cupel_dataset_class_names(&spec, names, NULL);
        if (names->count != data->classes) cupel_class_names_free(names);
        return;
    }
    names->names = calloc((size_t)data->classes, sizeof *names->names);
    for (; names->names && names->count < data->classes; names->count++) {
        names->names[names->count] = strdup(data->class_names[names->count]);
        if (!names->names[names->count]) {
            cupel_class_names_free(names);
            return;
        }
    }
}
