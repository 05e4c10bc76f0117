/* The safetensors format: 8 bytes of header length (little endian), a JSON header that gives each tensor's
 * dtype, shape and range in the data section, and the data section.
 *
 * Our own files begin their header with `__metadata__`, and that with a CRC-32 over all bytes of the file, in
 * which its eight digits count as zeros. Files of other writers have no such entry and are read without it.
 */
#include <cjson/cJSON.h>
#include <endian.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/buffer.h"
#include "io/file.h"
#include "io/weights.h"

/* The reference implementation's own limit. */
static const uint64_t longest_header = 100000000;

static const char head_of_ours[] = "{\"__metadata__\":{\"crc32\":\"";
enum { CHECKSUM_AT = 8 + sizeof head_of_ours - 1, CHECKSUM_DIGITS = 8 };

static const char *const dtype_names[] = {
    [CUPEL_F32] = "F32", [CUPEL_F64] = "F64", [CUPEL_BF16] = "BF16", [CUPEL_F16] = "F16",
    [CUPEL_I32] = "I32", [CUPEL_I64] = "I64", [CUPEL_U8] = "U8",
};
enum { DTYPES = sizeof dtype_names / sizeof *dtype_names };

/* A tensor as the header describes it. */
struct entry {
    const char *name;
    enum cupel_dtype dtype;
    struct cupel_shape shape;
    size_t begin, end; /* its bytes in the data section */
};

struct parser {
    const char *file;
    const unsigned char *bytes;
    size_t size;
    const unsigned char *data; /* the data section */
    size_t data_size;
    cJSON *root;
    struct entry *entries;
    size_t count;
    bool has_checksum;
    struct cupel_weights *weights;
    struct cupel_error *error;
};

#define REFUSE(parser, format, ...) \
    cupel_fail((parser)->error, CUPEL_INVALID, "%s: " format, (parser)->file, __VA_ARGS__)

/* Whether the file begins as torch.save's do: as a ZIP archive, or as a pickle of protocol 2 to 5 (which, read as a length, has
 * something in its upper bytes). */
static bool is_pickle(const struct parser *p) {
    static const unsigned char zip[] = {'P', 'K', 3, 4};
    if (p->size < 8) return false;
    return memcmp(p->bytes, zip, sizeof zip) == 0 ||
           (p->bytes[0] == 0x80 && p->bytes[1] >= 2 && p->bytes[1] <= 5 && (p->bytes[6] || p->bytes[7]));
}

static enum cupel_status parse_header(struct parser *p) {
    uint64_t length;
    if (is_pickle(p))
        return REFUSE(
            p,
            "this is a file of torch.save, or another pickle or archive, which is not read; convert it:\n"
            "    python3 -c \"import torch; from safetensors.torch import save_file; "
            "save_file(torch.load('%s', map_location='cpu', weights_only=True), 'weights.safetensors')\"",
            p->file);
    if (p->size < sizeof length) return REFUSE(p, "%zu bytes are too few for a safetensors file", p->size);
    memcpy(&length, p->bytes, sizeof length);
    length = le64toh(length);
    size_t left = p->size - sizeof length;
    if (length > left || length > longest_header)
        return REFUSE(p,
                      "the header is said to be %" PRIu64
                      " bytes long, but %zu follow: the file is cut, or is no "
                      "safetensors file",
                      length, left);
    const unsigned char *text = p->bytes + sizeof length;
    p->data = text + length;
    p->data_size = left - (size_t)length;
    if (!length || *text != '{')
        return REFUSE(p, "%s", "the header does not begin with '{': no safetensors file");
    /* A NUL, plain or escaped, would silently end a name. */
    if (memchr(text, '\0', (size_t)length) || memmem(text, (size_t)length, "\\u0000", 6))
        return REFUSE(p, "%s", "the header has a NUL character");
    char *copy = strndup((const char *)text, (size_t)length);
    if (!copy) return cupel_fail(p->error, CUPEL_NOMEM, "%s: no memory for its header", p->file);
    const char *end = copy;
    p->root = cJSON_ParseWithOpts(copy, &end, 0);
    size_t used = (size_t)(end - copy);
    if (p->root) used += strspn(end, " \t\r\n");
    free(copy);
    if (!p->root || used != length) return REFUSE(p, "the header is no valid JSON at its byte %zu", used);
    return CUPEL_OK;
}

/* A JSON number that is an integer from 0 to 2^53, beyond which a double no longer holds every integer. */
static bool whole_number(const cJSON *item, int64_t *value) {
    double number = cJSON_IsNumber(item) ? item->valuedouble : -1;
    if (!(number >= 0 && number <= 9007199254740992.0) || number != floor(number)) return false;
    *value = (int64_t)number;
    return true;
}

static enum cupel_status parse_dtype(struct parser *p, const cJSON *item, struct entry *entry) {
    if (!cJSON_IsString(item)) return REFUSE(p, "tensor %s: its dtype is no string", entry->name);
    for (int i = 0; i < DTYPES; i++) {
        if (strcmp(item->valuestring, dtype_names[i]) != 0) continue;
        entry->dtype = (enum cupel_dtype)i;
        return CUPEL_OK;
    }
    return REFUSE(
        p, "tensor %s: dtype %.20s is not supported; convert it to F32, F64, BF16, F16, I32, I64 or U8",
        entry->name, item->valuestring);
}

static enum cupel_status parse_shape(struct parser *p, const cJSON *list, struct entry *entry) {
    if (!cJSON_IsArray(list)) return REFUSE(p, "tensor %s: its shape is no list", entry->name);
    const cJSON *item;
    cJSON_ArrayForEach(item, list) {
        if (entry->shape.rank == CUPEL_MAX_RANK)
            return REFUSE(p, "tensor %s has more than %d dimensions", entry->name, CUPEL_MAX_RANK);
        if (!whole_number(item, &entry->shape.dim[entry->shape.rank++]))
            return REFUSE(p, "tensor %s: a dimension is no whole number from 0 to 2^53", entry->name);
    }
    struct cupel_error reason = {0};
    if (cupel_shape_check(&entry->shape, entry->dtype, &reason))
        return REFUSE(p, "tensor %s: %s", entry->name, reason.message);
    return CUPEL_OK;
}

static enum cupel_status parse_range(struct parser *p, const cJSON *list, struct entry *entry) {
    int64_t begin, end;
    if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) != 2 || !whole_number(list->child, &begin) ||
        !whole_number(list->child->next, &end))
        return REFUSE(p, "tensor %s: its data_offsets are no two whole numbers from 0 to 2^53", entry->name);
    if (begin > end || (uint64_t)end > p->data_size)
        return REFUSE(p,
                      "tensor %s: its bytes %" PRId64 " to %" PRId64
                      " lie outside the data section of %zu bytes: "
                      "the file is cut or damaged",
                      entry->name, begin, end, p->data_size);
    int64_t needed = cupel_shape_count(&entry->shape) * (int64_t)cupel_dtype_size(entry->dtype);
    char text[160];
    if (end - begin != needed)
        return REFUSE(p,
                      "tensor %s: shape %s in %s takes %" PRId64 " bytes, but its data_offsets give %" PRId64,
                      entry->name, cupel_shape_text(&entry->shape, text, sizeof text),
                      dtype_names[entry->dtype], needed, end - begin);
    entry->begin = (size_t)begin;
    entry->end = (size_t)end;
    return CUPEL_OK;
}

static enum cupel_status parse_tensor(struct parser *p, const cJSON *item) {
    struct entry *entry = &p->entries[p->count++];
    entry->name = item->string;
    if (!cJSON_IsObject(item)) return REFUSE(p, "tensor %s: its description is no object", entry->name);
    const cJSON *dtype = cJSON_GetObjectItemCaseSensitive(item, "dtype");
    const cJSON *shape = cJSON_GetObjectItemCaseSensitive(item, "shape");
    const cJSON *range = cJSON_GetObjectItemCaseSensitive(item, "data_offsets");
    if (!dtype || !shape || !range || cJSON_GetArraySize(item) != 3)
        return REFUSE(p, "tensor %s: needs dtype, shape and data_offsets, each once and nothing else",
                      entry->name);
    CUPEL_TRY(parse_dtype(p, dtype, entry));
    CUPEL_TRY(parse_shape(p, shape, entry));
    return parse_range(p, range, entry);
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static enum cupel_status refuse_duplicates(struct parser *p, const cJSON *object) {
    size_t count = (size_t)cJSON_GetArraySize(object);
    const char **names = calloc(count + 1, sizeof *names);
    if (!names) return cupel_fail(p->error, CUPEL_NOMEM, "%s: no memory for its names", p->file);
    size_t filled = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, object) names[filled++] = item->string;
    qsort(names, count, sizeof *names, compare_names);
    enum cupel_status status = CUPEL_OK;
    for (size_t i = 1; i < count && !status; i++)
        if (!strcmp(names[i - 1], names[i])) status = REFUSE(p, "the name %s occurs twice", names[i]);
    free(names);
    return status;
}

static enum cupel_status parse_metadata(struct parser *p, const cJSON *object) {
    if (!cJSON_IsObject(object)) return REFUSE(p, "%s", "__metadata__ is no object");
    CUPEL_TRY(refuse_duplicates(p, object));
    const cJSON *item;
    cJSON_ArrayForEach(item, object) {
        if (!cJSON_IsString(item)) return REFUSE(p, "__metadata__: %s is no string", item->string);
        bool is_format = !strcmp(item->string, "format");
        bool is_checksum = !strcmp(item->string, "crc32");
        /* Both entries announce the checksum, so that damage to one of them cannot hide it. */
        if (is_checksum || (is_format && !strcmp(item->valuestring, "cupel"))) p->has_checksum = true;
        if (!is_format && !is_checksum)
            CUPEL_TRY(weights_append_metadata(p->weights, item->string, item->valuestring, p->error));
    }
    return CUPEL_OK;
}

static int compare_begins(const void *a, const void *b) {
    const struct entry *x = a, *y = b;
    return (x->begin > y->begin) - (x->begin < y->begin);
}

/* The tensors must fill the data section without holes and without sharing bytes. Leaves them in the order of
 * their data. */
static enum cupel_status check_ranges(struct parser *p) {
    qsort(p->entries, p->count, sizeof *p->entries, compare_begins);
    size_t filled = 0;
    for (size_t i = 0; i < p->count; i++) {
        const struct entry *entry = &p->entries[i];
        if (entry->begin != filled)
            return REFUSE(
                p, "tensor %s begins at byte %zu of the data section, but the one before it ends at %zu",
                entry->name, entry->begin, filled);
        filled = entry->end;
    }
    if (filled != p->data_size)
        return REFUSE(p, "the tensors take %zu bytes, but the data section has %zu", filled, p->data_size);
    return CUPEL_OK;
}

static enum cupel_status check_checksum(struct parser *p) {
    static const unsigned char zeros[CHECKSUM_DIGITS] = {'0', '0', '0', '0', '0', '0', '0', '0'};
    static const char advice[] =
        "the file is damaged, or another program rewrote it and kept Cupel's metadata";
    const size_t after = CHECKSUM_AT + CHECKSUM_DIGITS;
    if (p->size < after || memcmp(p->bytes + 8, head_of_ours, sizeof head_of_ours - 1) != 0)
        return REFUSE(p, "its checksum is not where Cupel writes it: %s", advice);
    uLong crc = crc32_z(0, p->bytes, CHECKSUM_AT);
    crc = crc32_z(crc, zeros, sizeof zeros);
    crc = crc32_z(crc, p->bytes + after, p->size - after);
    char expected[CHECKSUM_DIGITS + 1];
    snprintf(expected, sizeof expected, "%08lx", crc);
    if (memcmp(p->bytes + CHECKSUM_AT, expected, CHECKSUM_DIGITS) != 0)
        return REFUSE(p, "the checksum is wrong (%.8s, not %s): %s", (const char *)p->bytes + CHECKSUM_AT,
                      expected, advice);
    return CUPEL_OK;
}

static enum cupel_status parse(struct parser *p) {
    CUPEL_TRY(parse_header(p));
    CUPEL_TRY(refuse_duplicates(p, p->root));
    p->entries = calloc((size_t)cJSON_GetArraySize(p->root) + 1, sizeof *p->entries);
    if (!p->entries) return cupel_fail(p->error, CUPEL_NOMEM, "%s: no memory for its header", p->file);
    const cJSON *item;
    cJSON_ArrayForEach(item, p->root) {
        if (strcmp(item->string, "__metadata__") != 0) {
            CUPEL_TRY(parse_tensor(p, item));
        } else {
            CUPEL_TRY(parse_metadata(p, item));
        }
    }
    CUPEL_TRY(check_ranges(p));
    if (p->has_checksum) CUPEL_TRY(check_checksum(p));
    for (size_t i = 0; i < p->count; i++) {
        const struct entry *entry = &p->entries[i];
        struct cupel_error reason = {0};
        enum cupel_status status = weights_append(p->weights, entry->name, entry->dtype, &entry->shape,
                                                  p->data + entry->begin, &reason);
        if (status) return cupel_fail(p->error, status, "%s: %s", p->file, reason.message);
    }
    return CUPEL_OK;
}

enum cupel_status weights_parse(const char *file, const unsigned char *bytes, size_t size,
                                struct cupel_weights *weights, struct cupel_error *error) {
    struct parser parser = {.file = file, .bytes = bytes, .size = size, .weights = weights, .error = error};
    enum cupel_status status = parse(&parser);
    cJSON_Delete(parser.root);
    free(parser.entries);
    if (status) cupel_weights_free(weights);
    return status;
}

enum cupel_status cupel_weights_load(const char *path, struct cupel_weights *weights,
                                     struct cupel_error *error) {
    unsigned char *bytes;
    size_t size;
    CUPEL_TRY(file_read(path, PTRDIFF_MAX, &bytes, &size, error));
    enum cupel_status status = weights_parse(path, bytes, size, weights, error);
    free(bytes);
    return status;
}

/* Fills `order` with the tensors as the file holds them: wider elements first, else as in the list. */
static void file_order(const struct cupel_weights *weights, size_t *order) {
    size_t filled = 0;
    for (size_t width = sizeof(int64_t); width; width /= 2)
        for (size_t i = 0; i < weights->count; i++)
            if (cupel_dtype_size(weights->tensors[i].dtype) == width) order[filled++] = i;
}

/* Writes the header with its length before it, a multiple of 8 bytes, and zeros for the checksum. */
static void write_header(struct buffer *header, const struct cupel_weights *weights, const size_t *order) {
    uint64_t length = 0;
    buffer_add(header, &length, sizeof length);
    buffer_format(header, "%s%0*d\",\"format\":\"cupel\"", head_of_ours, CHECKSUM_DIGITS, 0);
    for (size_t i = 0; i < weights->metadata_count; i++) {
        buffer_text(header, ",");
        buffer_json_string(header, weights->metadata[i].key);
        buffer_text(header, ":");
        buffer_json_string(header, weights->metadata[i].value);
    }
    buffer_text(header, "}");
    size_t offset = 0;
    for (size_t i = 0; i < weights->count; i++) {
        const struct cupel_weight *tensor = &weights->tensors[order[i]];
        buffer_text(header, ",");
        buffer_json_string(header, tensor->name);
        buffer_format(header, ":{\"dtype\":\"%s\",\"shape\":[", dtype_names[tensor->dtype]);
        for (int d = 0; d < tensor->shape.rank; d++)
            buffer_format(header, "%s%" PRId64, d ? "," : "", tensor->shape.dim[d]);
        buffer_format(header, "],\"data_offsets\":[%zu,%zu]}", offset, offset + tensor->bytes);
        offset += tensor->bytes;
    }
    buffer_text(header, "}");
    while (header->size % 8 && !header->failed) buffer_text(header, " ");
    if (header->failed) return;
    length = htole64(header->size - sizeof length);
    memcpy(header->data, &length, sizeof length);
}

static enum cupel_status save(const struct cupel_weights *weights, const char *path, struct buffer *header,
                              size_t *order, struct iovec *parts, struct cupel_error *error) {
    file_order(weights, order);
    write_header(header, weights, order);
    if (header->failed) return cupel_fail(error, CUPEL_NOMEM, "%s: no memory for its header", path);
    parts[0] = (struct iovec){header->data, header->size};
    uLong crc = crc32_z(0, (unsigned char *)header->data, header->size);
    for (size_t i = 0; i < weights->count; i++) {
        const struct cupel_weight *tensor = &weights->tensors[order[i]];
        parts[i + 1] = (struct iovec){tensor->data, tensor->bytes};
        crc = crc32_z(crc, tensor->data, tensor->bytes);
    }
    char digits[CHECKSUM_DIGITS + 1];
    snprintf(digits, sizeof digits, "%08lx", crc);
    memcpy(header->data + CHECKSUM_AT, digits, CHECKSUM_DIGITS);
    return file_write(path, parts, weights->count + 1, error);
}

enum cupel_status cupel_weights_save(const struct cupel_weights *weights, const char *path,
                                     struct cupel_error *error) {
    struct buffer header = {0};
    size_t *order = calloc(weights->count + 1, sizeof *order);
    struct iovec *parts = calloc(weights->count + 1, sizeof *parts);
    enum cupel_status status = order && parts
                                   ? save(weights, path, &header, order, parts, error)
                                   : cupel_fail(error, CUPEL_NOMEM, "%s: no memory to write it", path);
    free(order);
    free(parts);
    buffer_free(&header);
    return status;
}
