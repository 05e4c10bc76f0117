/* The list of named tensors itself; safetensors.c reads and writes it. */
#include "io/weights.h"

#include <stdlib.h>
#include <string.h>

/* Returns the array with room for one more element behind the first `count`; NULL when there is no memory.
 * Arrays double, so their capacity is the power of two that holds `count`. */
static void *room_for_one(void *array, size_t count, size_t size) {
    if (count & (count - 1)) return array;
    return reallocarray(array, count ? 2 * count : 1, size);
}

static enum cupel_status check_name(const char *name, struct cupel_error *error) {
    if (!*name) return cupel_fail(error, CUPEL_INVALID, "a tensor's name is empty");
    if (!strcmp(name, "__metadata__"))
        return cupel_fail(error, CUPEL_INVALID, "a tensor cannot be named __metadata__");
    for (const char *c = name; *c; c++)
        if ((unsigned char)*c < 0x20)
            return cupel_fail(error, CUPEL_INVALID, "a tensor's name has a control character (byte 0x%02x)",
                              *c);
    return CUPEL_OK;
}

enum cupel_status weights_append(struct cupel_weights *weights, const char *name, enum cupel_dtype dtype,
                                 const struct cupel_shape *shape, const void *data,
                                 struct cupel_error *error) {
    CUPEL_TRY(check_name(name, error));
    if (!cupel_dtype_size(dtype)) return cupel_fail(error, CUPEL_INVALID, "tensor %s: unknown dtype", name);
    CUPEL_TRY(cupel_shape_check(shape, dtype, error));
    size_t bytes = (size_t)cupel_shape_count(shape) * cupel_dtype_size(dtype);
    struct cupel_weight *tensors = room_for_one(weights->tensors, weights->count, sizeof *tensors);
    if (tensors) weights->tensors = tensors;
    char *copy = strdup(name);
    void *values = data ? malloc(bytes) : calloc(1, bytes);
    if (!tensors || !copy || !values) {
        free(copy);
        free(values);
        return cupel_fail(error, CUPEL_NOMEM, "no memory for the %zu bytes of tensor %s", bytes, name);
    }
    if (data) memcpy(values, data, bytes);
    tensors[weights->count++] = (struct cupel_weight){copy, dtype, *shape, values, bytes};
    return CUPEL_OK;
}

enum cupel_status cupel_weights_add(struct cupel_weights *weights, const char *name, enum cupel_dtype dtype,
                                    const struct cupel_shape *shape, const void *data,
                                    struct cupel_error *error) {
    if (cupel_weights_find(weights, name))
        return cupel_fail(error, CUPEL_INVALID, "there is already a tensor named %s", name);
    return weights_append(weights, name, dtype, shape, data, error);
}

struct cupel_weight *cupel_weights_find(const struct cupel_weights *weights, const char *name) {
    for (size_t i = 0; i < weights->count; i++)
        if (!strcmp(weights->tensors[i].name, name)) return &weights->tensors[i];
    return NULL;
}

enum cupel_status weights_append_metadata(struct cupel_weights *weights, const char *key, const char *value,
                                          struct cupel_error *error) {
    struct cupel_metadata *all = room_for_one(weights->metadata, weights->metadata_count, sizeof *all);
    if (all) weights->metadata = all;
    char *key_copy = strdup(key);
    char *value_copy = strdup(value);
    if (!all || !key_copy || !value_copy) {
        free(key_copy);
        free(value_copy);
        return cupel_fail(error, CUPEL_NOMEM, "no memory for the metadata %s", key);
    }
    all[weights->metadata_count++] = (struct cupel_metadata){key_copy, value_copy};
    return CUPEL_OK;
}

static struct cupel_metadata *find_metadata(const struct cupel_weights *weights, const char *key) {
    for (size_t i = 0; i < weights->metadata_count; i++)
        if (!strcmp(weights->metadata[i].key, key)) return &weights->metadata[i];
    return NULL;
}

enum cupel_status cupel_weights_set_metadata(struct cupel_weights *weights, const char *key,
                                             const char *value, struct cupel_error *error) {
    if (!strcmp(key, "crc32") || !strcmp(key, "format"))
        return cupel_fail(error, CUPEL_INVALID, "the metadata key %s belongs to the file format", key);
    struct cupel_metadata *found = find_metadata(weights, key);
    if (!found) return weights_append_metadata(weights, key, value, error);
    char *copy = strdup(value);
    if (!copy) return cupel_fail(error, CUPEL_NOMEM, "no memory for the metadata %s", key);
    free(found->value);
    found->value = copy;
    return CUPEL_OK;
}

const char *cupel_weights_metadata(const struct cupel_weights *weights, const char *key) {
    const struct cupel_metadata *found = find_metadata(weights, key);
    return found ? found->value : NULL;
}

void cupel_weights_free(struct cupel_weights *weights) {
    for (size_t i = 0; i < weights->count; i++) {
        free(weights->tensors[i].name);
        free(weights->tensors[i].data);
    }
    for (size_t i = 0; i < weights->metadata_count; i++) {
        free(weights->metadata[i].key);
        free(weights->metadata[i].value);
    }
    free(weights->tensors);
    free(weights->metadata);
    *weights = (struct cupel_weights){0};
}
