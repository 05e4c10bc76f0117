/* The table of `data:`. */
#include <float.h>
#include <math.h>

#include "cupel/data.h"
#include "model/model.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum {
    MAX_CLASSES = 1 << 24,
    MAX_HELD = INT32_MAX,
    MAX_WORKERS = 1024,
    MAX_PREFETCH = 1024,
};

/* ---- data ---- */

static const char *const format_words[] = {[CUPEL_DATA_IDX] = "idx",
                                           [CUPEL_DATA_CIFAR10] = "cifar10",
                                           [CUPEL_DATA_CIFAR100] = "cifar100",
                                           [CUPEL_DATA_FOLDER] = "folder",
                                           [CUPEL_DATA_NPY] = "npy"};

const char *cupel_data_format_text(enum cupel_data_format format) {
    return format_words[format];
}

static const char *const stream_words[] = {
    [CUPEL_STREAM_NEVER] = "false", [CUPEL_STREAM_AUTO] = "auto", [CUPEL_STREAM_ALWAYS] = "true"};

struct data_items {
    struct cupel_data_settings settings;
    const struct cupel_yaml_item *class_names, *normalize, *augment, *validation;
};

#define DATA(...) CUPEL_FIELD(data_items, __VA_ARGS__)
static const struct cupel_field data_fields[] = {
    {.key = "format",
     .type = CUPEL_FIELD_CHOICE,
     .offset = offsetof(struct data_items, settings.format),
     .words = CUPEL_WORDS(format_words)},
    DATA("path", TEXT, settings.path, 0, 0, NULL),
    DATA("shape", SHAPE, settings.shape, 1, MAX_IMAGE_SIDE, NULL),
    DATA("classes", INT, settings.classes, 2, MAX_CLASSES, ""),
    DATA("resize", BOOL, settings.resize, 0, 0, "false"),
    DATA("cache", TEXT, settings.cache, 0, 0, ""),
    {.key = "stream",
     .type = CUPEL_FIELD_CHOICE,
     .offset = offsetof(struct data_items, settings.stream),
     .fallback = "auto",
     .words = CUPEL_WORDS(stream_words)},
    DATA("workers", INT, settings.workers, 1, MAX_WORKERS, ""),
    DATA("prefetch", INT, settings.prefetch, 1, MAX_PREFETCH, "2"),
    DATA("class_names", ITEM, class_names, 0, 0, ""),
    DATA("normalize", ITEM, normalize, 0, 0, ""),
    DATA("augment", ITEM, augment, 0, 0, ""),
    DATA("validation", ITEM, validation, 0, 0, ""),
};

struct normalize_items {
    struct cupel_numbers mean, deviation;
};
static const struct cupel_field normalize_fields[] = {
    CUPEL_FIELD(normalize_items, "mean", NUMBERS, mean, 0, 0, NULL),
    CUPEL_FIELD(normalize_items, "std", NUMBERS, deviation, CUPEL_ABOVE_0, DBL_MAX, NULL),
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
    if (!item || item->kind == CUPEL_YAML_NULL) return CUPEL_OK;
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
        .key = "validation", .type = CUPEL_FIELD_NUMBER, .high = MAX_HELD};
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

/* What masks need of the data: a byte for each pixel's class, and files that can hold them. */
static enum cupel_status check_masks(const struct cupel_model *model, const struct cupel_yaml_item *item,
                                     struct cupel_error *error) {
    const struct cupel_data_settings *data = &model->data;
    if (data->format != CUPEL_DATA_FOLDER && data->format != CUPEL_DATA_NPY)
        return cupel_yaml_fail(&model->yaml, cupel_yaml_find(item, "format"), error,
                               "'%s' has a class for each image, but task segment needs one for each pixel; "
                               "use folder or npy",
                               format_words[data->format]);
    if (data->cache)
        return cupel_yaml_fail(&model->yaml, cupel_yaml_find(item, "cache"), error,
                               "the cache has no place for masks; remove 'cache'");
    if (data->classes > CUPEL_NO_CLASS)
        return cupel_yaml_fail(&model->yaml, cupel_yaml_find(item, "classes"), error,
                               "masks are bytes and %d stands for no class: task segment has at most %d "
                               "classes, not %lld",
                               CUPEL_NO_CLASS, CUPEL_NO_CLASS, (long long)data->classes);
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
    if (model->task != CUPEL_TASK_GAN && !model->data.classes)
        return cupel_yaml_fail(&model->yaml, item->key, error,
                               "task %s needs the key 'classes'; add `classes: ...`",
                               task_words[model->task]);
    if (model->task == CUPEL_TASK_SEGMENT) CUPEL_TRY(check_masks(model, item, error));
    CUPEL_TRY(class_names_read(model, items.class_names, error));
    CUPEL_TRY(normalize_read(model, items.normalize, error));
    CUPEL_TRY(augment_read(model, items.augment, error));
    return validation_read(model, items.validation, error);
}
