#include "train/split.h"

#include <math.h>
#include <stdlib.h>

#include "base/shuffle.h"
#include "data/decode.h"
#include "train/feed.h"

/* The shuffle that decides who is held out, which no epoch reaches. */
static const uint64_t DIVISION_EPOCH = (UINT64_C(1) << 46) - 1;

enum cupel_status division_make(int64_t count, int64_t held, uint64_t seed, struct division *division,
                                struct cupel_error *error) {
    *division = (struct division){.train_count = count - held, .validation_count = held};
    int32_t *order = malloc((size_t)count * sizeof *order);
    bool *out = calloc((size_t)count, sizeof *out);
    division->train = malloc((size_t)count * sizeof *division->train);
    division->validation = malloc(((size_t)held + 1) * sizeof *division->validation);
    bool made = order && out && division->train && division->validation;
    if (made) {
        int64_t train = 0, validation = 0;
        philox_shuffle(order, count, seed, DIVISION_EPOCH);
        for (int64_t i = 0; i < held; i++) out[order[i]] = true;
        for (int64_t i = 0; i < count; i++) {
            if (out[i])
                division->validation[validation++] = (int32_t)i;
            else
                division->train[train++] = (int32_t)i;
        }
    }
    free(order);
    free(out);
    if (made) return CUPEL_OK;
    division_free(division);
    return cupel_fail(error, CUPEL_NOMEM, "no memory to divide %lld images", (long long)count);
}

void division_free(struct division *division) {
    free(division->train);
    free(division->validation);
    *division = (struct division){0};
}

static enum cupel_status check_counts(const struct setup *setup, const struct cupel_dataset *dataset,
                                      struct cupel_error *error) {
    const char *path = setup->spec.path;
    if (dataset->train.count > INT32_MAX || dataset->test.count > INT32_MAX)
        return cupel_fail(error, CUPEL_INVALID, "%s: the set has more than %d images", path, INT32_MAX);
    if (dataset->test.count || setup->spec.train_only) return CUPEL_OK;
    return cupel_fail(
        error, CUPEL_INVALID,
        "%s: the set has no test images: its classes have fewer than 10 images; add more, or put "
        "some into `test` beside `train`",
        path);
}

enum cupel_status split_open(const struct setup *setup, struct cupel_dataset *dataset,
                             struct cupel_error *error) {
    CUPEL_TRY(cupel_dataset_open(&setup->spec, dataset, error));
    if (dataset->skipped)
        setup_note(setup, "%lld bad file%s left out; the first: %s", (long long)dataset->skipped,
                   dataset->skipped == 1 ? " is" : "s are", dataset->first_skipped.message);
    const enum cupel_status status = check_counts(setup, dataset, error);
    if (status) cupel_dataset_free(dataset);
    return status;
}

enum cupel_status split_held(const struct setup *setup, int64_t count, int64_t *held,
                             struct cupel_error *error) {
    const struct cupel_data_settings *data = setup->data;
    *held = data->validation_count;
    if (data->validation_fraction > 0) *held = llround(data->validation_fraction * (double)count);
    if (*held < count) return CUPEL_OK;
    return cupel_fail(
        error, CUPEL_INVALID,
        "%s: `data.validation` holds out %lld of the %lld training images; leave some to train on",
        cupel_model_name(setup->model), (long long)*held, (long long)count);
}

struct samples split_train(const struct division *division) {
    return (struct samples){"data.images",
                            "data.labels",
                            "data.order",
                            "data.cursor",
                            division->train_count + division->validation_count,
                            division->train_count,
                            NULL};
}

struct samples split_validation(const struct division *division) {
    return (struct samples){"data.images",
                            "data.labels",
                            "validation.order",
                            "validation.cursor",
                            division->train_count + division->validation_count,
                            division->validation_count,
                            NULL};
}

struct samples split_test(int64_t count) {
    return (struct samples){
        "test.images", "test.labels", "test.order", "test.cursor", count, count, NULL,
    };
}

/* Where the images of a split come from. */
static void note_source(const struct setup *setup, const char *name,
                        const struct cupel_dataset_split *split) {
    const double bytes = (double)split->count * (double)cupel_shape_count(&setup->data->shape);
    const bool large = bytes >= 1e9;
    setup_note(setup, "the %lld %s images, %.4g %s, stay in %s; threads that read ahead: %d, batches: %lld",
               (long long)split->count, name, bytes / (large ? 1e9 : 1e6), large ? "GB" : "MB",
               split->source ? "their files" : "the host's memory", decode_threads(setup->spec.threads),
               (long long)setup->data->prefetch);
}

enum cupel_status split_place(struct setup *setup, const char *name, const struct cupel_dataset_split *split,
                              struct samples *samples, struct cupel_error *error) {
    const size_t bytes = (size_t)(split->count * cupel_shape_count(&setup->data->shape));
    const enum cupel_stream stream = setup->spec.stream;
    /* Half of what is left is for the network. */
    const bool fits = bytes <= cupel_device_room(setup->device) / 2;
    samples->from = NULL;
    if (!split->source && stream != CUPEL_STREAM_ALWAYS && (stream == CUPEL_STREAM_NEVER || fits))
        return CUPEL_OK;
    samples->from = split;
    note_source(setup, name, split);
    return feed_open(setup, error);
}

void split_shift(uint8_t *masks, int64_t count) {
    for (int64_t i = 0; i < count; i++) masks[i] = (uint8_t)(masks[i] + 1); /* CUPEL_NO_CLASS becomes 0 */
}

static enum cupel_status upload_labels(struct setup *setup, const struct samples *samples,
                                       struct cupel_dataset_split *split, struct cupel_error *error) {
    const int64_t pixels = split->count * setup_plane(setup);
    if (!samples->labels) return CUPEL_OK;
    if (!setup_segments(setup))
        return cupel_store_write(setup->store, samples->labels, split->labels,
                                 (size_t)split->count * sizeof *split->labels, error);
    split_shift(split->masks, pixels);
    return cupel_store_write(setup->store, samples->labels, split->masks, (size_t)pixels, error);
}

enum cupel_status split_upload(struct setup *setup, const struct samples *samples,
                               struct cupel_dataset_split *split, struct cupel_error *error) {
    if (!samples->from) {
        const size_t bytes = (size_t)(split->count * cupel_shape_count(&setup->data->shape));
        CUPEL_TRY(cupel_store_write(setup->store, samples->images, split->images, bytes, error));
        free(split->images);
        split->images = NULL;
    }
    CUPEL_TRY(upload_labels(setup, samples, split, error));
    free(split->labels);
    free(split->masks);
    split->labels = NULL;
    split->masks = NULL;
    return CUPEL_OK;
}

enum cupel_status split_order(struct setup *setup, const struct samples *samples, const int32_t *rows,
                              int64_t cursor, struct cupel_error *error) {
    size_t bytes = (size_t)samples->count * sizeof *rows;
    int32_t *all = rows ? NULL : malloc(bytes);
    if (!rows && !all)
        return cupel_fail(error, CUPEL_NOMEM, "no memory to order %lld samples", (long long)samples->count);
    for (int64_t i = 0; !rows && i < samples->count; i++) all[i] = (int32_t)i;
    enum cupel_status status =
        cupel_store_write(setup->store, samples->order, rows ? rows : all, bytes, error);
    free(all);
    if (status) return status;
    return cupel_store_write(setup->store, samples->cursor, &cursor, sizeof cursor, error);
}
