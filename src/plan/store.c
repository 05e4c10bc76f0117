/* The store: named state on a device, shared by plans. */
#include <stdlib.h>
#include <string.h>

#include "base/init.h"
#include "plan/plan.h"

struct entry {
    char *name;
    enum cupel_dtype dtype;
    struct cupel_shape shape;
    char *data;
    size_t bytes;
    bool part; /* the memory belongs to another entry */
};

struct cupel_store {
    struct cupel_device *device;
    uint64_t seed;
    struct entry *entries;
    int count, room;
};

struct cupel_store *cupel_store_new(struct cupel_device *device, uint64_t seed) {
    struct cupel_store *store = calloc(1, sizeof *store);
    if (store) *store = (struct cupel_store){.device = device, .seed = seed};
    return store;
}

void cupel_store_free(struct cupel_store *store) {
    if (!store) return;
    for (int i = 0; i < store->count; i++) {
        if (!store->entries[i].part) store->device->backend->free(store->device, store->entries[i].data);
        free(store->entries[i].name);
    }
    free(store->entries);
    free(store);
}

struct cupel_device *store_device(const struct cupel_store *store) {
    return store->device;
}

int cupel_store_count(const struct cupel_store *store) {
    return store->count;
}

struct cupel_store_entry cupel_store_entry(const struct cupel_store *store, int index) {
    const struct entry *entry = &store->entries[index];
    return (struct cupel_store_entry){entry->name, entry->dtype, entry->shape, entry->part};
}

size_t cupel_store_bytes(const struct cupel_store *store) {
    size_t bytes = 0;
    for (int i = 0; i < store->count; i++) bytes += store->entries[i].part ? 0 : store->entries[i].bytes;
    return bytes;
}

static struct entry *find(const struct cupel_store *store, const char *name) {
    for (int i = 0; i < store->count; i++)
        if (strcmp(store->entries[i].name, name) == 0) return &store->entries[i];
    return NULL;
}

/* ---- reading and writing ---- */

static enum cupel_status find_sized(struct cupel_store *store, const char *name, size_t bytes,
                                    struct entry **entry, struct cupel_error *error) {
    char shape[120];
    *entry = find(store, name);
    if (!*entry) return cupel_fail(error, CUPEL_INVALID, "the store has no state '%s'", name);
    if (bytes != (*entry)->bytes)
        return cupel_fail(error, CUPEL_INVALID, "state '%s' is %s %s, %zu bytes, not %zu", name,
                          cupel_dtype_text((*entry)->dtype),
                          cupel_shape_text(&(*entry)->shape, shape, sizeof shape), (*entry)->bytes, bytes);
    return CUPEL_OK;
}

enum cupel_status cupel_store_read(struct cupel_store *store, const char *name, void *data, size_t bytes,
                                   struct cupel_error *error) {
    struct entry *entry;
    CUPEL_TRY(find_sized(store, name, bytes, &entry, error));
    return store->device->backend->download(store->device, data, entry->data, bytes, error);
}

enum cupel_status cupel_store_write(struct cupel_store *store, const char *name, const void *data,
                                    size_t bytes, struct cupel_error *error) {
    struct entry *entry;
    CUPEL_TRY(find_sized(store, name, bytes, &entry, error));
    return store->device->backend->upload(store->device, entry->data, data, bytes, error);
}

enum cupel_status cupel_store_zero(struct cupel_store *store, const char *name, struct cupel_error *error) {
    struct entry *entry = find(store, name);
    if (!entry) return cupel_fail(error, CUPEL_INVALID, "the store has no state '%s'", name);
    return store->device->backend->fill(store->device, entry->data, 0, entry->bytes, error);
}

enum cupel_status cupel_store_send(struct cupel_store *store, const char *name, const void *from,
                                   size_t bytes, struct cupel_error *error) {
    const struct entry *entry = find(store, name);
    if (!entry) return cupel_fail(error, CUPEL_INVALID, "the store has no state '%s'", name);
    if (bytes > entry->bytes)
        return cupel_fail(error, CUPEL_INVALID, "%zu bytes do not fit into state '%s' of %zu bytes", bytes,
                          name, entry->bytes);
    const struct backend *backend = store->device->backend;
    return (backend->send ? backend->send : backend->upload)(store->device, entry->data, from, bytes, error);
}

enum cupel_status cupel_store_settle(struct cupel_store *store, struct cupel_error *error) {
    return store->device->backend->synchronise(store->device, error);
}

/* ---- binding ---- */

static enum cupel_status append(struct cupel_store *store, const struct entry *entry,
                                struct cupel_error *error) {
    if (store->count == store->room) {
        int room = store->room ? 2 * store->room : 16;
        struct entry *entries = realloc(store->entries, (size_t)room * sizeof *entries);
        if (!entries) return cupel_fail(error, CUPEL_NOMEM, "no memory for state '%s'", entry->name);
        store->entries = entries;
        store->room = room;
    }
    char *name = strdup(entry->name);
    if (!name) return cupel_fail(error, CUPEL_NOMEM, "no memory for state '%s'", entry->name);
    store->entries[store->count] = *entry;
    store->entries[store->count++].name = name;
    return CUPEL_OK;
}

static enum cupel_status fill(struct cupel_store *store, const struct entry *entry,
                              const struct cupel_init *init, struct cupel_error *error) {
    const struct backend *backend = store->device->backend;
    if (init->kind == CUPEL_INIT_ZEROS)
        return backend->fill(store->device, entry->data, 0, entry->bytes, error);
    void *values = malloc(entry->bytes);
    if (!values) return cupel_fail(error, CUPEL_NOMEM, "no memory for the values of '%s'", entry->name);
    enum cupel_status status =
        init_fill(init, entry->name, store->seed, entry->dtype, &entry->shape, values, error);
    if (status == CUPEL_OK) status = backend->upload(store->device, entry->data, values, entry->bytes, error);
    free(values);
    return status;
}

/* The entry a node declares, or an error when the store has another one by that name. `data` is where a part
 * must lie; NULL for a whole state. */
static enum cupel_status lookup(struct cupel_store *store, const struct node *node, const char *data,
                                struct entry **entry, struct cupel_error *error) {
    const struct cupel_tensor *tensor = &node->out[0];
    const char *name = node->attr.state.name;
    *entry = find(store, name);
    if (*entry && ((*entry)->dtype != tensor->dtype || !cupel_shape_equal(&(*entry)->shape, &tensor->shape) ||
                   (*entry)->part != (data != NULL)))
        return cupel_fail(error, CUPEL_INVALID,
                          "the store already has a state '%s' of another shape or dtype", name);
    if (*entry && data && (*entry)->data != data)
        return cupel_fail(error, CUPEL_INVALID, "the store already has a part '%s' in another place", name);
    return CUPEL_OK;
}

enum cupel_status store_bind(struct cupel_store *store, const struct node *state, char **data,
                             struct cupel_error *error) {
    struct entry *known;
    CUPEL_TRY(lookup(store, state, NULL, &known, error));
    if (known) {
        *data = known->data;
        return CUPEL_OK;
    }
    const struct cupel_tensor *tensor = &state->out[0];
    struct entry entry = {
        .name = (char *)state->attr.state.name, .dtype = tensor->dtype, .shape = tensor->shape};
    entry.bytes = (size_t)tensor_count(tensor) * cupel_dtype_size(tensor->dtype);
    entry.data = store->device->backend->alloc(store->device, entry.bytes);
    if (!entry.data)
        return cupel_fail(error, CUPEL_NOMEM, "no memory on device %s for state '%s' (%zu bytes)",
                          store->device->backend->name, entry.name, entry.bytes);
    enum cupel_status status = fill(store, &entry, &state->attr.state.init, error);
    if (status == CUPEL_OK) status = append(store, &entry, error);
    if (status != CUPEL_OK) store->device->backend->free(store->device, entry.data);
    *data = entry.data;
    return status;
}

enum cupel_status store_bind_part(struct cupel_store *store, const struct node *part,
                                  struct cupel_error *error) {
    struct entry *known;
    const struct cupel_tensor *tensor = &part->out[0];
    const struct entry *range = find(store, part->in[0]->node->attr.state.name);
    size_t size = cupel_dtype_size(tensor->dtype);
    char *data = range->data + (size_t)part->attr.state.offset * size;
    CUPEL_TRY(lookup(store, part, data, &known, error));
    if (known) return CUPEL_OK;
    struct entry entry = {
        .name = (char *)part->attr.state.name, .dtype = tensor->dtype, .shape = tensor->shape, .part = true};
    entry.bytes = (size_t)tensor_count(tensor) * size;
    entry.data = data;
    CUPEL_TRY(fill(store, &entry, &part->attr.state.init, error));
    return append(store, &entry, error);
}
