/* The tables of `data:` and `train:`. Defaults of optimizers and schedules are PyTorch's. */
#include <float.h>
#include <math.h>

#include "model/model.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum {
    MAX_CLASSES = 1 << 24,
    MAX_BATCH = 1 << 24,
    MAX_STEPS = INT32_MAX, /* also of epochs */
};

/* ---- data ---- */

static const char *const format_words[] = {[CUPEL_DATA_IDX] = "idx"};

struct data_items {
    struct cupel_data_settings settings;
    const struct cupel_yaml_item *class_names, *normalize, *augment, *validation;
};

#define FIELD(struct_name, name, field_type, member, from, to, other)                                  \
    {                                                                                                  \
        .key = name, .type = CUPEL_FIELD_##field_type, .offset = offsetof(struct struct_name, member), \
        .low = from, .high = to, .fallback = other                                                     \
    }

#define DATA(...) FIELD(data_items, __VA_ARGS__)
static const struct cupel_field data_fields[] = {
    {.key = "format",
     .type = CUPEL_FIELD_CHOICE,
     .offset = offsetof(struct data_items, settings.format),
     .words = CUPEL_WORDS(format_words)},
    DATA("path", TEXT, settings.path, 0, 0, NULL),
    DATA("shape", SHAPE, settings.shape, 1, MAX_IMAGE_SIDE, NULL),
    DATA("classes", INT, settings.classes, 2, MAX_CLASSES, ""),
    DATA("class_names", ITEM, class_names, 0, 0, ""),
    DATA("normalize", ITEM, normalize, 0, 0, ""),
    DATA("augment", ITEM, augment, 0, 0, ""),
    DATA("validation", ITEM, validation, 0, 0, ""),
};

struct normalize_items {
    struct cupel_numbers mean, deviation;
};
static const struct cupel_field normalize_fields[] = {
    FIELD(normalize_items, "mean", NUMBERS, mean, 0, 0, NULL),
    FIELD(normalize_items, "std", NUMBERS, deviation, CUPEL_ABOVE_0, DBL_MAX, NULL),
};

static const struct cupel_field augment_fields[] = {
    FIELD(cupel_data_settings, "flip", BOOL, flip, 0, 0, "false"),
    FIELD(cupel_data_settings, "crop", INT, crop, 0, MAX_IMAGE_SIDE, "0"),
};

static enum cupel_status normalize_read(struct cupel_model *model, const struct cupel_yaml_item *item,
                                        struct cupel_error *error) {
    struct cupel_data_settings *data = &model->data;
    size_t channels = (size_t)data->shape.dim[0];
    struct normalize_items given = {{0}, {0}};
    if (item) {
        CUPEL_TRY(cupel_fields_read(&model->yaml, item->key, item, "normalize", normalize_fields,
                                    COUNT(normalize_fields), &given, error));
        if (given.mean.count != channels || given.deviation.count != channels)
            return cupel_yaml_fail(
                &model->yaml, item, error,
                "mean has %zu values and std %zu; the images have %zu channels (data.shape), "
                "give one value for each",
                given.mean.count, given.deviation.count, channels);
        data->mean = given.mean.values;
        data->deviation = given.deviation.values;
        return CUPEL_OK;
    }
    double *values = cupel_heap_alloc(&model->yaml.heap, 2 * channels, sizeof *values);
    if (!values) return cupel_yaml_no_memory(&model->yaml, error);
    for (size_t i = 0; i < channels; i++) values[channels + i] = 1;
    data->mean = values;
    data->deviation = values + channels;
    return CUPEL_OK;
}

static enum cupel_status class_names_read(struct cupel_model *model, const struct cupel_yaml_item *item,
                                          struct cupel_error *error) {
    struct cupel_yaml *yaml = &model->yaml;
    char shown[CUPEL_YAML_SHOWN];
    if (!item) return CUPEL_OK;
    if (item->kind != CUPEL_YAML_SEQUENCE)
        return cupel_yaml_fail(yaml, item, error, "'class_names' is %s; it must be a list of names",
                               cupel_yaml_shown(item, shown, sizeof shown));
    int64_t count = 0;
    for (const struct cupel_yaml_item *name = item->first; name; name = name->next, count++)
        if (name->kind != CUPEL_YAML_SCALAR || !*name->text)
            return cupel_yaml_fail(yaml, name, error, "'class_names' holds %s; it must hold names",
                                   cupel_yaml_shown(name, shown, sizeof shown));
    if (count != model->data.classes)
        return cupel_yaml_fail(yaml, item, error,
                               "'class_names' has %lld names for %lld classes; give one for each",
                               (long long)count, (long long)model->data.classes);
    const char **names = cupel_heap_alloc(&yaml->heap, (size_t)count, sizeof *names);
    if (!names) return cupel_yaml_no_memory(yaml, error);
    model->data.class_names = names;
    for (const struct cupel_yaml_item *name = item->first; name; name = name->next) *names++ = name->text;
    return CUPEL_OK;
}

static enum cupel_status validation_read(struct cupel_model *model, const struct cupel_yaml_item *item,
                                         struct cupel_error *error) {
    static const struct cupel_field field = {
        .key = "validation", .type = CUPEL_FIELD_NUMBER, .high = MAX_STEPS};
    double value = 0;
    if (!item) return CUPEL_OK;
    CUPEL_TRY(cupel_field_read(&model->yaml, item, &field, &value, error));
    if (value < 1)
        model->data.validation_fraction = value;
    else if (value == floor(value))
        model->data.validation_count = (int64_t)value;
    else
        return cupel_yaml_fail(
            &model->yaml, item, error,
            "'validation' is '%s'; give a part of the images (0.1) or a number of them (5000)", item->text);
    return CUPEL_OK;
}

enum cupel_status data_read(struct cupel_model *model, const struct cupel_yaml_item *item,
                            struct cupel_error *error) {
    struct data_items items = {.settings = {.format = CUPEL_DATA_IDX}};
    CUPEL_TRY(cupel_fields_read(&model->yaml, item->key, item, "data", data_fields, COUNT(data_fields),
                                &items, error));
    model->data = items.settings;
    if (model->data.shape.rank != 3)
        return cupel_yaml_fail(&model->yaml, cupel_yaml_find(item, "shape"), error,
                               "'shape' has %d numbers; it must have three: [channels, height, width]",
                               model->data.shape.rank);
    int64_t size = model->image_size, height = model->data.shape.dim[1], width = model->data.shape.dim[2];
    if (size && (height != size || width != size))
        return cupel_yaml_fail(&model->yaml, cupel_yaml_find(item, "shape"), error,
                               "images are %lld high and %lld wide here, but image_size is %lld; write "
                               "[%lld, $image_size, $image_size]",
                               (long long)height, (long long)width, (long long)size,
                               (long long)model->data.shape.dim[0]);
    if (model->task == CUPEL_TASK_CLASSIFY && !model->data.classes)
        return cupel_yaml_fail(&model->yaml, item->key, error,
                               "task classify needs the key 'classes'; add `classes: ...`");
    CUPEL_TRY(class_names_read(model, items.class_names, error));
    CUPEL_TRY(normalize_read(model, items.normalize, error));
    if (items.augment)
        CUPEL_TRY(cupel_fields_read(&model->yaml, items.augment->key, items.augment, "augment",
                                    augment_fields, COUNT(augment_fields), &model->data, error));
    return validation_read(model, items.validation, error);
}

/* ---- optimizers and schedules ---- */

#define OPTIMIZER(...) FIELD(cupel_optimizer_settings, __VA_ARGS__)
static const struct cupel_field sgd_fields[] = {
    OPTIMIZER("lr", NUMBER, rate, CUPEL_ABOVE_0, DBL_MAX, "1e-3"),
    OPTIMIZER("momentum", NUMBER, sgd.momentum, 0, CUPEL_BELOW_1, "0"),
    OPTIMIZER("nesterov", BOOL, sgd.nesterov, 0, 0, "false"),
    OPTIMIZER("weight_decay", NUMBER, sgd.weight_decay, 0, DBL_MAX, "0"),
};
#define ADAM_FIELDS(decay)                                                 \
    OPTIMIZER("lr", NUMBER, rate, CUPEL_ABOVE_0, DBL_MAX, "1e-3"),         \
        OPTIMIZER("beta1", NUMBER, adam.beta1, 0, CUPEL_BELOW_1, "0.9"),   \
        OPTIMIZER("beta2", NUMBER, adam.beta2, 0, CUPEL_BELOW_1, "0.999"), \
        OPTIMIZER("eps", NUMBER, adam.eps, 0, DBL_MAX, "1e-8"),            \
        OPTIMIZER("weight_decay", NUMBER, adam.weight_decay, 0, DBL_MAX, decay)
static const struct cupel_field adam_fields[] = {ADAM_FIELDS("0")};
static const struct cupel_field adamw_fields[] = {ADAM_FIELDS("1e-2")};
static const struct cupel_field rmsprop_fields[] = {
    OPTIMIZER("lr", NUMBER, rate, CUPEL_ABOVE_0, DBL_MAX, "1e-2"),
    OPTIMIZER("alpha", NUMBER, rmsprop.alpha, 0, CUPEL_BELOW_1, "0.99"),
    OPTIMIZER("eps", NUMBER, rmsprop.eps, 0, DBL_MAX, "1e-8"),
    OPTIMIZER("weight_decay", NUMBER, rmsprop.weight_decay, 0, DBL_MAX, "0"),
};
static const struct cupel_field adagrad_fields[] = {
    OPTIMIZER("lr", NUMBER, rate, CUPEL_ABOVE_0, DBL_MAX, "1e-2"),
    OPTIMIZER("eps", NUMBER, adagrad.eps, 0, DBL_MAX, "1e-10"),
    OPTIMIZER("weight_decay", NUMBER, adagrad.weight_decay, 0, DBL_MAX, "0"),
};
static const struct cupel_variant optimizers[] = {
    [CUPEL_OPTIMIZER_SGD] = {"sgd", sgd_fields, COUNT(sgd_fields)},
    [CUPEL_OPTIMIZER_ADAM] = {"adam", adam_fields, COUNT(adam_fields)},
    [CUPEL_OPTIMIZER_ADAMW] = {"adamw", adamw_fields, COUNT(adamw_fields)},
    [CUPEL_OPTIMIZER_RMSPROP] = {"rmsprop", rmsprop_fields, COUNT(rmsprop_fields)},
    [CUPEL_OPTIMIZER_ADAGRAD] = {"adagrad", adagrad_fields, COUNT(adagrad_fields)},
};

#define SCHEDULE(...) FIELD(cupel_schedule_settings, __VA_ARGS__)
static const struct cupel_field step_fields[] = {
    SCHEDULE("every", INT, every, 1, MAX_STEPS, NULL),
    SCHEDULE("gamma", NUMBER, gamma, CUPEL_ABOVE_0, DBL_MAX, "0.1"),
};
static const struct cupel_field cosine_fields[] = {
    SCHEDULE("min_lr", NUMBER, min_lr, 0, DBL_MAX, "0"),
};
static const struct cupel_field one_cycle_fields[] = {
    SCHEDULE("max_lr", NUMBER, max_lr, CUPEL_ABOVE_0, DBL_MAX, NULL),
    SCHEDULE("pct_start", NUMBER, rise, CUPEL_ABOVE_0, CUPEL_BELOW_1, "0.3"),
    SCHEDULE("div_factor", NUMBER, div_factor, CUPEL_ABOVE_0, DBL_MAX, "25"),
    SCHEDULE("final_div_factor", NUMBER, final_div_factor, CUPEL_ABOVE_0, DBL_MAX, "1e4"),
};
static const struct cupel_field plateau_fields[] = {
    SCHEDULE("factor", NUMBER, factor, CUPEL_ABOVE_0, CUPEL_BELOW_1, "0.1"),
    SCHEDULE("patience", INT, patience, 0, MAX_STEPS, "10"),
};
static const struct cupel_variant schedules[] = {
    [CUPEL_SCHEDULE_CONSTANT] = {"constant", NULL, 0},
    [CUPEL_SCHEDULE_STEP] = {"step", step_fields, COUNT(step_fields)},
    [CUPEL_SCHEDULE_COSINE] = {"cosine", cosine_fields, COUNT(cosine_fields)},
    [CUPEL_SCHEDULE_ONE_CYCLE] = {"one_cycle", one_cycle_fields, COUNT(one_cycle_fields)},
    [CUPEL_SCHEDULE_PLATEAU] = {"plateau", plateau_fields, COUNT(plateau_fields)},
};

static enum cupel_status optimizer_read(struct cupel_model *model, const struct cupel_yaml_item *item,
                                        struct cupel_error *error) {
    struct cupel_optimizer_settings *optimizer = &model->train.optimizer;
    int kind;
    CUPEL_TRY(cupel_variant_fields(&model->yaml, item, "optimizer", optimizers, COUNT(optimizers), &kind,
                                   optimizer, error));
    optimizer->kind = (enum cupel_optimizer)kind;
    optimizer->adam.decoupled = kind == CUPEL_OPTIMIZER_ADAMW;
    if (optimizer->sgd.nesterov && optimizer->sgd.momentum == 0)
        return cupel_yaml_fail(&model->yaml, cupel_yaml_find(item->first, "nesterov"), error,
                               "nesterov has no effect without momentum; add `momentum: 0.9`");
    return CUPEL_OK;
}

/* ---- train ---- */

static const char *const classify_losses[] = {"cross_entropy"};
static const char *const gan_losses[] = {"nonsaturating", "minimax", "least_squares", "hinge", "wasserstein"};

/* A task's losses, the first of them its default. */
static const struct {
    enum cupel_loss first;
    struct cupel_words words;
} task_losses[] = {
    [CUPEL_TASK_CLASSIFY] = {CUPEL_LOSS_CROSS_ENTROPY, CUPEL_WORDS(classify_losses)},
    [CUPEL_TASK_GAN] = {CUPEL_LOSS_NONSATURATING, CUPEL_WORDS(gan_losses)},
};

struct train_items {
    struct cupel_train_settings settings;
    const struct cupel_yaml_item *loss, *optimizer, *schedule, *early_stopping;
};

#define TRAIN(...) FIELD(train_items, __VA_ARGS__)
static const struct cupel_field train_fields[] = {
    TRAIN("loss", ITEM, loss, 0, 0, ""),
    TRAIN("label_smoothing", NUMBER, settings.label_smoothing, 0, CUPEL_BELOW_1, "0"),
    TRAIN("optimizer", ITEM, optimizer, 0, 0, NULL),
    TRAIN("schedule", ITEM, schedule, 0, 0, ""),
    TRAIN("warmup", INT, settings.warmup, 0, MAX_STEPS, "0"),
    TRAIN("batch", INT, settings.batch, 1, MAX_BATCH, NULL),
    TRAIN("epochs", INT, settings.epochs, 1, MAX_STEPS, ""),
    TRAIN("steps", INT, settings.steps, 1, MAX_STEPS, ""),
    TRAIN("clip_norm", NUMBER, settings.clip_norm, CUPEL_ABOVE_0, DBL_MAX, ""),
    TRAIN("clip_value", NUMBER, settings.clip_value, CUPEL_ABOVE_0, DBL_MAX, ""),
    TRAIN("ema", NUMBER, settings.ema, CUPEL_ABOVE_0, CUPEL_BELOW_1, ""),
    TRAIN("early_stopping", ITEM, early_stopping, 0, 0, ""),
    TRAIN("drop_last", BOOL, settings.drop_last, 0, 0, "true"),
    TRAIN("seed", INT, settings.seed, 0, (double)(INT64_C(1) << 53), "0"),
};

static const struct cupel_field early_stopping_fields[] = {
    FIELD(cupel_train_settings, "patience", INT, early_stopping, 1, MAX_STEPS, NULL),
};

static enum cupel_status loss_read(struct cupel_model *model, const struct cupel_yaml_item *item,
                                   struct cupel_error *error) {
    struct cupel_field field = {
        .key = "loss", .type = CUPEL_FIELD_CHOICE, .words = task_losses[model->task].words};
    int index = 0;
    if (item) CUPEL_TRY(cupel_field_read(&model->yaml, item, &field, &index, error));
    model->train.loss = (enum cupel_loss)((int)task_losses[model->task].first + index);
    return CUPEL_OK;
}

enum cupel_status train_read(struct cupel_model *model, const struct cupel_yaml_item *item,
                             struct cupel_error *error) {
    struct train_items items = {.settings = {.loss = CUPEL_LOSS_CROSS_ENTROPY}};
    struct cupel_yaml *yaml = &model->yaml;
    struct cupel_train_settings *train = &model->train;
    CUPEL_TRY(
        cupel_fields_read(yaml, item->key, item, "train", train_fields, COUNT(train_fields), &items, error));
    *train = items.settings;
    CUPEL_TRY(loss_read(model, items.loss, error));
    CUPEL_TRY(optimizer_read(model, items.optimizer, error));
    if (items.schedule) {
        int kind;
        CUPEL_TRY(cupel_variant_fields(yaml, items.schedule, "schedule", schedules, COUNT(schedules), &kind,
                                       &train->schedule, error));
        train->schedule.kind = (enum cupel_schedule)kind;
    }
    if (items.early_stopping)
        CUPEL_TRY(cupel_fields_read(yaml, items.early_stopping->key, items.early_stopping, "early_stopping",
                                    early_stopping_fields, COUNT(early_stopping_fields), train, error));
    if (train->warmup && train->schedule.kind == CUPEL_SCHEDULE_ONE_CYCLE)
        return cupel_yaml_fail(yaml, cupel_yaml_find(item, "warmup"), error,
                               "one_cycle has a warm-up of its own; remove 'warmup' and set pct_start");
    if (train->label_smoothing > 0 && train->loss != CUPEL_LOSS_CROSS_ENTROPY)
        return cupel_yaml_fail(yaml, cupel_yaml_find(item, "label_smoothing"), error,
                               "label_smoothing belongs to the loss cross_entropy; remove it");
    if (!train->epochs && !train->steps)
        return cupel_yaml_fail(yaml, item->key, error, "train has no end; add `epochs: ...` or `steps: ...`");
    return CUPEL_OK;
}
