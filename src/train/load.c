#include "train/load.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Tensors that files of weights may hold besides: the rest of a checkpoint, and PyTorch's counters. */
static const char *const other_prefixes[] = {"optimizer.", "train.", "data.", (EMA_PREFIX "."), LOSS_SCALE};
static const char *const other_names[] = {"rng"};
static const char other_ending[] = ".num_batches_tracked";

/* ---- what does not fit ---- */

static void report(struct load *load, const char *what, const char *name) {
    const size_t room = 1500; /* of an error's message, for the list */
    load->problems++;
    if (load->report.size + strlen(what) + strlen(name) >= room) return;
    load->listed++;
    buffer_format(&load->report, "\n    %s %s", what, name);
}

static struct cupel_weight *claim(struct load *load, const char *name) {
    struct cupel_weight *weight = cupel_weights_find(load->file, name);
    if (weight) load->claimed[weight - load->file->tensors] = true;
    return weight;
}

/* The tensor of that name, or NULL with the reason noted. `short_name`, unless NULL, does as well. */
static const struct cupel_weight *find(struct load *load, const char *name, const char *short_name,
                                       enum cupel_dtype dtype, const struct cupel_shape *shape) {
    const struct cupel_weight *weight = claim(load, name);
    if (!weight && short_name) weight = claim(load, short_name);
    if (!weight) {
        report(load, "missing:", name);
        return NULL;
    }
    if (weight->dtype == dtype && cupel_shape_equal(&weight->shape, shape)) return weight;
    char had[120], wanted[120], what[400];
    snprintf(what, sizeof what, "%s %s instead of %s %s:", cupel_dtype_text(weight->dtype),
             cupel_shape_text(&weight->shape, had, sizeof had), cupel_dtype_text(dtype),
             cupel_shape_text(shape, wanted, sizeof wanted));
    report(load, what, name);
    return NULL;
}

/* The name without the network's, where there is only one; otherwise NULL. */
static const char *short_of(const struct load *load, const char *name) {
    const struct setup *setup = load->setup;
    return setup->learner_count == 1 ? name + strlen(cupel_network_name(setup->learners[0].network)) + 1
                                     : NULL;
}

/* Whether a tensor belongs to a network of the model that is not in the setup. */
static bool is_elsewhere(const struct setup *setup, const char *name) {
    const struct cupel_network *network;
    for (int i = 0; (network = cupel_model_network(setup->model, i)); i++) {
        const size_t length = strlen(cupel_network_name(network));
        bool here = strncmp(name, cupel_network_name(network), length) != 0 || name[length] != '.';
        for (int j = 0; j < setup->learner_count; j++) here |= setup->learners[j].network == network;
        if (!here) return true;
    }
    return false;
}

static bool is_other(const struct setup *setup, const char *name) {
    size_t length = strlen(name), ending = strlen(other_ending);
    if (is_elsewhere(setup, name)) return true;
    for (size_t i = 0; i < sizeof other_prefixes / sizeof *other_prefixes; i++)
        if (strncmp(name, other_prefixes[i], strlen(other_prefixes[i])) == 0) return true;
    for (size_t i = 0; i < sizeof other_names / sizeof *other_names; i++)
        if (strcmp(name, other_names[i]) == 0) return true;
    return length > ending && strcmp(name + length - ending, other_ending) == 0;
}

/* ---- loading ---- */

enum cupel_status load_start(struct load *load, struct setup *setup, const char *path,
                             const struct cupel_weights *file, struct cupel_error *error) {
    *load = (struct load){.setup = setup, .path = path, .file = file};
    load->claimed = calloc(file->count + 1, sizeof *load->claimed);
    return load->claimed ? CUPEL_OK : cupel_fail(error, CUPEL_NOMEM, "%s: no memory to load it", path);
}

/* Writes "PREFIX.NAME", or just the name, to memory that the caller frees. */
static char *prefixed(const char *prefix, const char *name) {
    char *text = NULL;
    if (asprintf(&text, "%s%s%s", prefix, *prefix ? "." : "", name) < 0) return NULL;
    return text;
}

const char *state_name(const struct learner *learner, const char *prefix, char name[NAME_ROOM]) {
    if (*prefix) return range_name(learner, prefix, name);
    snprintf(name, NAME_ROOM, "%s", cupel_network_name(learner->network));
    return name;
}

/* Tensors called PREFIX.PARAMETER into the state `name`. */
static enum cupel_status load_parts(struct load *load, const struct learner *learner, const char *prefix,
                                    const char *name, struct cupel_error *error) {
    int count;
    const struct cupel_parameter *parameters = cupel_network_parameters(learner->network, &count);
    size_t size = (size_t)cupel_network_range(learner->network);
    float *range = calloc(size, sizeof *range);
    enum cupel_status status = range ? CUPEL_OK : CUPEL_NOMEM;
    for (int i = 0; i < count && status == CUPEL_OK; i++) {
        char *full = prefixed(prefix, parameters[i].name);
        if (!full) {
            status = CUPEL_NOMEM;
            break;
        }
        const char *brief = *prefix ? NULL : short_of(load, full);
        const struct cupel_weight *weight = find(load, full, brief, CUPEL_F32, &parameters[i].shape);
        if (weight) memcpy(range + parameters[i].offset, weight->data, weight->bytes);
        free(full);
    }
    if (status == CUPEL_OK)
        status = cupel_store_write(load->setup->store, name, range, size * sizeof *range, error);
    else
        cupel_fail(error, status, "%s: no memory to load it", load->path);
    free(range);
    return status;
}

enum cupel_status load_range(struct load *load, const struct learner *learner, const char *prefix,
                             struct cupel_error *error) {
    char name[NAME_ROOM];
    return load_parts(load, learner, prefix, state_name(learner, prefix, name), error);
}

/* Whether an entry of the store is a running statistic of a network. */
static bool is_statistic(const struct setup *setup, const struct cupel_store_entry *entry) {
    for (int i = 0; i < setup->learner_count; i++) {
        const char *network = cupel_network_name(setup->learners[i].network);
        size_t length = strlen(network);
        if (!entry->part && strncmp(entry->name, network, length) == 0 && entry->name[length] == '.')
            return true;
    }
    return false;
}

enum cupel_status load_statistics(struct load *load, struct cupel_error *error) {
    struct cupel_store *store = load->setup->store;
    for (int i = 0; i < cupel_store_count(store); i++) {
        struct cupel_store_entry entry = cupel_store_entry(store, i);
        if (!entry.name || !is_statistic(load->setup, &entry)) continue;
        const struct cupel_weight *weight =
            find(load, entry.name, short_of(load, entry.name), entry.dtype, &entry.shape);
        if (weight) CUPEL_TRY(cupel_store_write(store, entry.name, weight->data, weight->bytes, error));
    }
    return CUPEL_OK;
}

void load_value(struct load *load, const char *name, enum cupel_dtype dtype, int64_t count, void *data) {
    const struct cupel_weight *weight = find(load, name, NULL, dtype, &CUPEL_SHAPE(count));
    if (weight) memcpy(data, weight->data, weight->bytes);
}

enum cupel_status load_end(struct load *load, enum cupel_status status, struct cupel_error *error) {
    for (size_t i = 0; i < load->file->count && status == CUPEL_OK; i++)
        if (!load->claimed[i] && !is_other(load->setup, load->file->tensors[i].name))
            report(load, "unexpected:", load->file->tensors[i].name);
    if (status == CUPEL_OK && load->problems)
        status = cupel_fail(error, CUPEL_INVALID,
                            "%s: these are not the tensors of %s; give a file of the same network. "
                            "%d of %d differences:%s",
                            load->path, cupel_model_name(load->setup->model), load->listed, load->problems,
                            load->report.data ? load->report.data : "");
    buffer_free(&load->report);
    free(load->claimed);
    return status;
}

/* The parameters of one network, or their average where it is asked for and there. */
static enum cupel_status load_learner(struct load *load, const struct learner *learner, enum load_mode mode,
                                      struct cupel_error *error) {
    int count;
    const struct cupel_parameter *parameters = cupel_network_parameters(learner->network, &count);
    char *first = prefixed(EMA_PREFIX, parameters[0].name);
    if (!first) return cupel_fail(error, CUPEL_NOMEM, "%s: no memory to load it", load->path);
    const bool average = mode == LOAD_AVERAGE && cupel_weights_find(load->file, first);
    free(first);
    if (!average) return load_range(load, learner, "", error);
    for (int i = 0; i < count; i++) claim(load, parameters[i].name);
    return load_parts(load, learner, EMA_PREFIX, cupel_network_name(learner->network), error);
}

static enum cupel_status load_file(struct setup *setup, const char *path, enum load_mode mode,
                                   const struct cupel_weights *file, struct cupel_error *error) {
    struct load load;
    enum cupel_status status = CUPEL_OK;
    CUPEL_TRY(load_start(&load, setup, path, file, error));
    for (int i = 0; i < setup->learner_count && status == CUPEL_OK; i++)
        status = load_learner(&load, &setup->learners[i], mode, error);
    if (status == CUPEL_OK) status = load_statistics(&load, error);
    return load_end(&load, status, error);
}

enum cupel_status load_weights(struct setup *setup, const char *path, enum load_mode mode,
                               struct cupel_error *error) {
    struct cupel_weights file = {0};
    CUPEL_TRY(cupel_weights_load(path, &file, error));
    enum cupel_status status = load_file(setup, path, mode, &file, error);
    cupel_weights_free(&file);
    return status;
}

/* ---- collecting ---- */

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
        char *full = prefixed(prefix, parameters[i].name);
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
        char *full = prefixed(prefix, entry.name);
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
