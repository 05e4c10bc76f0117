#include "train/load.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/pattern.h"
#include "model/groups.h"
#include "model/model.h"

/* Tensors that files of weights may hold besides: the rest of a checkpoint, and PyTorch's counters. */
static const char *const other_prefixes[] = {"optimizer.", "train.", "data.", (EMA_PREFIX "."), LOSS_SCALE};
static const char *const other_names[] = {"rng"};
static const char other_ending[] = ".num_batches_tracked";

/* ---- what does not fit ---- */

static struct cupel_weight *claim(struct load *load, const char *name) {
    struct cupel_weight *weight = name ? cupel_weights_find(load->file, name) : NULL;
    if (weight) load->claimed[weight - load->file->tensors] = true;
    return weight;
}

static bool is_skipped(const struct load *load, const char *name, const char *short_name) {
    for (int i = 0; i < load->skip_count; i++)
        if (pattern_matches(load->skip[i], name, short_name)) return true;
    return false;
}

/* Notes that a tensor of the model stays as it is, if a pattern says so; the file may have it. */
static bool skip(struct load *load, const char *name, const char *short_name) {
    const int most = 20;
    if (!is_skipped(load, name, short_name)) return false;
    claim(load, name);
    claim(load, short_name);
    if (load->skipped_count < most)
        buffer_format(&load->skipped, "%s%s", load->skipped_count ? ", " : "", name);
    if (load->skipped_count++ == most) buffer_text(&load->skipped, ", ...");
    return true;
}

/* Whether numbers of one type are taken for those of the other. */
static bool converts(enum cupel_dtype from, enum cupel_dtype to) {
    return to == CUPEL_F32 && (from == CUPEL_F64 || from == CUPEL_F16 || from == CUPEL_BF16);
}

/* The tensor of that name, or NULL with the reason noted. `short_name`, unless NULL, does as well; where the types differ,
 * `copy_numbers` converts. */
static const struct cupel_weight *find(struct load *load, const char *name, const char *short_name,
                                       enum cupel_dtype dtype, const struct cupel_shape *shape) {
    const struct cupel_weight *weight = claim(load, name);
    char had[120], wanted[120];
    if (!weight) weight = claim(load, short_name);
    cupel_shape_text(shape, wanted, sizeof wanted);
    if (!weight) {
        misfits_add(&load->misfits, MISFIT_MISSING, "%s %s %s", name, cupel_dtype_text(dtype), wanted);
        return NULL;
    }
    const bool typed = weight->dtype == dtype || converts(weight->dtype, dtype);
    if (typed && cupel_shape_equal(&weight->shape, shape)) return weight;
    misfits_add(&load->misfits, MISFIT_OTHER, "%s is %s %s, the model has %s %s", weight->name,
                cupel_dtype_text(weight->dtype), cupel_shape_text(&weight->shape, had, sizeof had),
                cupel_dtype_text(dtype), wanted);
    return NULL;
}

/* A tensor's name without the network's, where there is only one; otherwise NULL. */
static const char *short_of(const struct load *load, const char *name) {
    const char *network = cupel_network_name(load->setup->learners[0].network);
    const size_t length = strlen(network);
    const bool one = load->setup->learner_count == 1;
    return one && strncmp(name, network, length) == 0 && name[length] == '.' ? name + length + 1 : NULL;
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

/* Whether a tensor belongs to a layer that the setup's plans do without, such as a head for training in an evaluation. */
static bool is_spared(const struct load *load, const char *name) {
    for (int i = 0; i < load->setup->learner_count; i++) {
        const struct cupel_network *network = load->setup->learners[i].network;
        char full[NAME_ROOM];
        snprintf(full, sizeof full, "%s.%s", cupel_network_name(network), name);
        if (network_has_statistic(network, name)) return true;
        if (short_of(load, full) && network_has_statistic(network, full)) return true;
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

static float from_f16(uint16_t bits) {
    const int exponent = bits >> 10 & 31, fraction = bits & 1023;
    float value = ldexpf((float)(exponent ? 1024 + fraction : fraction), exponent ? exponent - 25 : -24);
    if (exponent == 31) value = fraction ? NAN : INFINITY;
    return bits >> 15 ? -value : value;
}

static float from_bf16(uint16_t bits) {
    const uint32_t wide = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &wide, sizeof value);
    return value;
}

/* The numbers of a tensor that was found, in the type that was asked for. */
static void copy_numbers(struct load *load, const struct cupel_weight *weight, enum cupel_dtype dtype,
                         void *to) {
    if (weight->dtype == dtype) {
        memcpy(to, weight->data, weight->bytes);
        return;
    }
    load->converted++;
    load->converted_from = weight->dtype;
    for (int64_t i = 0, n = cupel_shape_count(&weight->shape); i < n; i++) {
        const uint16_t *half = (const uint16_t *)weight->data + i;
        ((float *)to)[i] = weight->dtype == CUPEL_F64   ? (float)((const double *)weight->data)[i]
                           : weight->dtype == CUPEL_F16 ? from_f16(*half)
                                                        : from_bf16(*half);
    }
}

enum cupel_status load_start(struct load *load, struct setup *setup, const char *path,
                             const struct cupel_weights *file, struct cupel_error *error) {
    *load = (struct load){.setup = setup, .path = path, .file = file};
    load->claimed = calloc(file->count + 1, sizeof *load->claimed);
    return load->claimed ? CUPEL_OK : cupel_fail(error, CUPEL_NOMEM, "%s: no memory to load it", path);
}

char *prefixed_name(const char *prefix, const char *name) {
    char *text = NULL;
    if (asprintf(&text, "%s%s%s", prefix, *prefix ? "." : "", name) < 0) return NULL;
    return text;
}

const char *state_name(const struct learner *learner, const char *prefix, char name[NAME_ROOM]) {
    if (*prefix) return range_name(learner, prefix, name);
    snprintf(name, NAME_ROOM, "%s", cupel_network_name(learner->network));
    return name;
}

/* One parameter, if it is there. */
static void take(struct load *load, const char *name, const char *short_name, const struct cupel_shape *shape,
                 float *to) {
    const struct cupel_weight *weight = find(load, name, short_name, CUPEL_F32, shape);
    if (weight) copy_numbers(load, weight, CUPEL_F32, to);
}

/* Tensors called PREFIX.PARAMETER into the state `name`. */
static enum cupel_status load_parts(struct load *load, const struct learner *learner, const char *prefix,
                                    const char *name, struct cupel_error *error) {
    int count;
    const struct cupel_parameter *parameters = cupel_network_parameters(learner->network, &count);
    size_t size = (size_t)cupel_network_range(learner->network);
    float *range = calloc(size, sizeof *range);
    enum cupel_status status =
        range ? CUPEL_OK : cupel_fail(error, CUPEL_NOMEM, "%s: no memory to load it", load->path);
    if (status == CUPEL_OK && load->skip_count)
        status = cupel_store_read(load->setup->store, name, range, size * sizeof *range, error);
    for (int i = 0; i < count && status == CUPEL_OK; i++) {
        char *full = prefixed_name(prefix, parameters[i].name);
        const char *brief = full && !*prefix ? short_of(load, full) : NULL;
        if (!full)
            status = cupel_fail(error, CUPEL_NOMEM, "%s: no memory to load it", load->path);
        else if (!skip(load, full, brief))
            take(load, full, brief, &parameters[i].shape, range + parameters[i].offset);
        free(full);
    }
    if (status == CUPEL_OK)
        status = cupel_store_write(load->setup->store, name, range, size * sizeof *range, error);
    free(range);
    return status;
}

enum cupel_status load_range(struct load *load, const struct learner *learner, const char *prefix,
                             struct cupel_error *error) {
    char name[NAME_ROOM];
    return load_parts(load, learner, prefix, state_name(learner, prefix, name), error);
}

bool is_statistic(const struct setup *setup, const struct cupel_store_entry *entry) {
    for (int i = 0; i < setup->learner_count; i++) {
        const char *network = cupel_network_name(setup->learners[i].network);
        size_t length = strlen(network);
        if (!entry->part && strncmp(entry->name, network, length) == 0 && entry->name[length] == '.')
            return true;
    }
    return false;
}

static enum cupel_status load_statistic(struct load *load, const struct cupel_store_entry *entry,
                                        struct cupel_error *error) {
    const char *brief = short_of(load, entry->name);
    const size_t bytes = (size_t)cupel_shape_count(&entry->shape) * cupel_dtype_size(entry->dtype);
    if (skip(load, entry->name, brief)) return CUPEL_OK;
    const struct cupel_weight *weight = find(load, entry->name, brief, entry->dtype, &entry->shape);
    if (!weight) return CUPEL_OK;
    void *numbers = malloc(bytes);
    if (!numbers) return cupel_fail(error, CUPEL_NOMEM, "%s: no memory to load it", load->path);
    copy_numbers(load, weight, entry->dtype, numbers);
    const enum cupel_status status =
        cupel_store_write(load->setup->store, entry->name, numbers, bytes, error);
    free(numbers);
    return status;
}

enum cupel_status load_statistics(struct load *load, struct cupel_error *error) {
    struct cupel_store *store = load->setup->store;
    for (int i = 0; i < cupel_store_count(store); i++) {
        const struct cupel_store_entry entry = cupel_store_entry(store, i);
        if (entry.name && is_statistic(load->setup, &entry)) CUPEL_TRY(load_statistic(load, &entry, error));
    }
    return CUPEL_OK;
}

void load_value(struct load *load, const char *name, enum cupel_dtype dtype, int64_t count, void *data) {
    const struct cupel_weight *weight = find(load, name, NULL, dtype, &CUPEL_SHAPE(count));
    if (weight) copy_numbers(load, weight, dtype, data);
}

/* ---- the end ---- */

/* Writes what the names in the file have in front of the model's, such as "module." of PyTorch's DataParallel. */
static void find_prefix(const struct load *load, const char *name, char *prefix, size_t size) {
    const size_t length = strlen(name);
    *prefix = '\0';
    for (int i = 0; i < load->setup->learner_count; i++) {
        int count;
        const struct cupel_parameter *parameters =
            cupel_network_parameters(load->setup->learners[i].network, &count);
        for (int j = 0; j < count; j++) {
            const char *brief = short_of(load, parameters[j].name),
                       *ending = brief ? brief : parameters[j].name;
            const size_t left = length > strlen(ending) ? length - strlen(ending) : 0;
            if (left && name[left - 1] == '.' && strcmp(name + left, ending) == 0)
                snprintf(prefix, size, "%.*s", (int)left, name);
        }
    }
}

static void find_unexpected(struct load *load) {
    char shape[120];
    for (size_t i = 0; i < load->file->count; i++) {
        const struct cupel_weight *weight = &load->file->tensors[i];
        if (load->claimed[i] || is_other(load->setup, weight->name) || is_spared(load, weight->name))
            continue;
        if (is_skipped(load, weight->name, short_of(load, weight->name))) continue;
        misfits_add(&load->misfits, MISFIT_UNEXPECTED, "%s %s %s", weight->name,
                    cupel_dtype_text(weight->dtype), cupel_shape_text(&weight->shape, shape, sizeof shape));
        if (!*load->prefix) find_prefix(load, weight->name, load->prefix, sizeof load->prefix);
    }
}

static enum cupel_status check_misfits(struct load *load, struct cupel_error *error) {
    char head[600], advice[600];
    snprintf(head, sizeof head, "%s: its tensors are not those of %.250s", load->path,
             cupel_model_name(load->setup->model));
    snprintf(advice, sizeof advice, "give a file of the same network%s%s%s%s",
             load->skip ? ", or leave some tensors as initialised by --init-skip PATTERN" : "",
             *load->prefix ? "; names in the file begin with '" : "", load->prefix,
             *load->prefix ? "', which the model's do not: remove that" : "");
    return misfits_tell(&load->misfits, head, advice, error);
}

static void tell_notes(const struct load *load) {
    if (load->converted)
        setup_note(load->setup, "%s: %d tensor%s converted from %s to f32", load->path, load->converted,
                   load->converted == 1 ? " is" : "s are", cupel_dtype_text(load->converted_from));
    if (load->skipped_count)
        setup_note(load->setup, "%s: %d tensor%s left as initialised: %s", load->path, load->skipped_count,
                   load->skipped_count == 1 ? " of the model is" : "s of the model are",
                   load->skipped.data ? load->skipped.data : "");
}

enum cupel_status load_end(struct load *load, enum cupel_status status, struct cupel_error *error) {
    if (status == CUPEL_OK) find_unexpected(load);
    if (status == CUPEL_OK) status = check_misfits(load, error);
    if (status == CUPEL_OK) tell_notes(load);
    misfits_free(&load->misfits);
    buffer_free(&load->skipped);
    free(load->claimed);
    return status;
}

/* ---- whole files ---- */

/* The parameters of one network, or their average where it is asked for and there. */
static enum cupel_status load_learner(struct load *load, const struct learner *learner, enum load_mode mode,
                                      struct cupel_error *error) {
    int count;
    const struct cupel_parameter *parameters = cupel_network_parameters(learner->network, &count);
    char *first = prefixed_name(EMA_PREFIX, parameters[0].name);
    if (!first) return cupel_fail(error, CUPEL_NOMEM, "%s: no memory to load it", load->path);
    const bool average = mode == LOAD_AVERAGE && cupel_weights_find(load->file, first);
    free(first);
    if (!average) return load_range(load, learner, "", error);
    for (int i = 0; i < count; i++) claim(load, parameters[i].name);
    return load_parts(load, learner, EMA_PREFIX, cupel_network_name(learner->network), error);
}

static enum cupel_status load_learners(struct load *load, enum load_mode mode, struct cupel_error *error) {
    for (int i = 0; i < load->setup->learner_count; i++)
        CUPEL_TRY(load_learner(load, &load->setup->learners[i], mode, error));
    return load_statistics(load, error);
}

enum cupel_status load_weights(struct setup *setup, const char *path, enum load_mode mode,
                               struct cupel_error *error) {
    struct cupel_weights file = {0};
    struct load load;
    CUPEL_TRY(cupel_weights_load(path, &file, error));
    enum cupel_status status = load_start(&load, setup, path, &file, error);
    if (status == CUPEL_OK) status = load_end(&load, load_learners(&load, mode, error), error);
    cupel_weights_free(&file);
    return status;
}

/* A pattern that matches neither a tensor of the model nor one of the file is a mistake. */
static enum cupel_status check_patterns(const struct load *load, struct cupel_error *error) {
    const struct cupel_store *store = load->setup->store;
    for (int p = 0; p < load->skip_count; p++) {
        const char *pattern = load->skip[p];
        char suggestion[200];
        bool found = false;
        for (size_t i = 0; i < load->file->count && !found; i++) {
            const char *name = load->file->tensors[i].name;
            found = pattern_matches(pattern, name, short_of(load, name));
        }
        for (int i = 0; i < cupel_store_count(store) && !found; i++) {
            const struct cupel_store_entry entry = cupel_store_entry(store, i);
            const bool ours = entry.part || is_statistic(load->setup, &entry);
            found = ours && pattern_matches(pattern, entry.name, short_of(load, entry.name));
        }
        if (!found)
            return cupel_fail(error, CUPEL_INVALID,
                              "--init-skip: '%.100s' matches no tensor of %s or of %s%s", pattern,
                              cupel_model_name(load->setup->model), load->path,
                              pattern_suggest(load->setup->model, pattern, suggestion, sizeof suggestion));
    }
    return CUPEL_OK;
}

enum cupel_status load_initial(struct setup *setup, const char *path, const char *const *skip, int skip_count,
                               struct cupel_error *error) {
    static const char *const none[] = {NULL};
    struct cupel_weights file = {0};
    struct load load;
    CUPEL_TRY(cupel_weights_load(path, &file, error));
    enum cupel_status status = load_start(&load, setup, path, &file, error);
    if (status == CUPEL_OK) {
        load.skip = skip_count ? skip : none;
        load.skip_count = skip_count;
        status = check_patterns(&load, error);
        if (status == CUPEL_OK) status = load_learners(&load, LOAD_PLAIN, error);
        status = load_end(&load, status, error);
    }
    cupel_weights_free(&file);
    return status;
}
