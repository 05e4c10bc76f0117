/* Collecting tensors from the store, for files. */
#include <math.h>
#include <stdlib.h>

#include "train/load.h"

enum cupel_status collect_range(struct setup *setup, const struct learner *learner, const char *name,
                                const char *prefix, struct cupel_weights *file, bool *finite,
                                struct cupel_error *error) {
    int count;
    const struct cupel_parameter *parameters = cupel_network_parameters(learner->network, &count);
    size_t size = (size_t)cupel_network_range(learner->network);
    float *range = malloc(size * sizeof *range);
    if (!range) return cupel_fail(error, CUPEL_NOMEM, "no memory to read '%s'", name);
    enum cupel_status status = cupel_store_read(setup->store, name, range, size * sizeof *range, error);
    for (int i = 0; i < count && status == CUPEL_OK; i++) {
        char *full = prefixed_name(prefix, parameters[i].name);
        status = full ? cupel_weights_add(file, full, CUPEL_F32, &parameters[i].shape,
                                          range + parameters[i].offset, error)
                      : cupel_fail(error, CUPEL_NOMEM, "no memory to read '%s'", name);
        free(full);
    }
    for (size_t i = 0; finite && i < size; i++) *finite = *finite && isfinite(range[i]);
    free(range);
    return status;
}

enum cupel_status collect_statistics(struct setup *setup, const char *prefix, struct cupel_weights *file,
                                     struct cupel_error *error) {
    for (int i = 0; i < cupel_store_count(setup->store); i++) {
        struct cupel_store_entry entry = cupel_store_entry(setup->store, i);
        if (!is_statistic(setup, &entry)) continue;
        char *full = prefixed_name(prefix, entry.name);
        enum cupel_status status = full
                                       ? cupel_weights_add(file, full, entry.dtype, &entry.shape, NULL, error)
                                       : cupel_fail(error, CUPEL_NOMEM, "no memory to read '%s'", entry.name);
        free(full);
        if (status) return status;
        struct cupel_weight *added = &file->tensors[file->count - 1];
        CUPEL_TRY(cupel_store_read(setup->store, entry.name, added->data, added->bytes, error));
    }
    return CUPEL_OK;
}
