/* What was measured as JSON, there and back. One table of members serves both ways. */
#include <cjson/cJSON.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "io/file.h"
#include "io/text.h"

enum { FORMAT = 2 };
static const size_t most_bytes = (size_t)256 << 20;

enum member_type { TEXT, NUMBER, WHOLE, LONG, SIZE, TIME, PART, VERDICT };
struct member {
    const char *key;
    enum member_type type;
    size_t offset, size; /* size: of a text */
};

#define MEMBER(type_, of, name) \
    { #name, type_, offsetof(struct of, name), sizeof(((struct of *)0)->name) }

static const struct member of_bench[] = {
    MEMBER(TEXT, cupel_bench, title),
    MEMBER(TEXT, cupel_bench, version),
    MEMBER(TEXT, cupel_bench, commit),
    MEMBER(TEXT, cupel_bench, device),
    MEMBER(TEXT, cupel_bench, description),
    MEMBER(TEXT, cupel_bench, precision),
    MEMBER(WHOLE, cupel_bench, threads),
    MEMBER(NUMBER, cupel_bench, copy_rate),
    MEMBER(NUMBER, cupel_bench, product_rate),
    MEMBER(NUMBER, cupel_bench, launch),
    MEMBER(WHOLE, cupel_bench, failed),
    MEMBER(WHOLE, cupel_bench, skipped),
    MEMBER(LONG, cupel_bench, batch),
    MEMBER(TIME, cupel_bench, step),
    MEMBER(NUMBER, cupel_bench, images_per_second),
    MEMBER(NUMBER, cupel_bench, gaps),
    MEMBER(TEXT, cupel_bench, against),
    MEMBER(NUMBER, cupel_bench, shift),
    MEMBER(WHOLE, cupel_bench, slower),
    MEMBER(WHOLE, cupel_bench, faster),
    MEMBER(WHOLE, cupel_bench, missing),
};
static const struct member of_row[] = {
    MEMBER(TEXT, cupel_bench_row, name),       MEMBER(TEXT, cupel_bench_row, op),
    MEMBER(PART, cupel_bench_row, part),       MEMBER(TEXT, cupel_bench_row, shape),
    MEMBER(TEXT, cupel_bench_row, dtype),      MEMBER(TEXT, cupel_bench_row, layout),
    MEMBER(TEXT, cupel_bench_row, engine),     MEMBER(NUMBER, cupel_bench_row, flops),
    MEMBER(NUMBER, cupel_bench_row, bytes),    MEMBER(SIZE, cupel_bench_row, workspace),
    MEMBER(TIME, cupel_bench_row, hot),        MEMBER(TIME, cupel_bench_row, cold),
    MEMBER(NUMBER, cupel_bench_row, gflops),   MEMBER(NUMBER, cupel_bench_row, gbytes),
    MEMBER(NUMBER, cupel_bench_row, roof),     MEMBER(TEXT, cupel_bench_row, bound),
    MEMBER(TEXT, cupel_bench_row, verified),   MEMBER(TEXT, cupel_bench_row, note),
    MEMBER(VERDICT, cupel_bench_row, verdict), MEMBER(NUMBER, cupel_bench_row, change),
};
static const struct member of_time[] = {
    MEMBER(WHOLE, cupel_bench_time, samples),  MEMBER(WHOLE, cupel_bench_time, passes),
    MEMBER(WHOLE, cupel_bench_time, quiet),    MEMBER(NUMBER, cupel_bench_time, best),
    MEMBER(NUMBER, cupel_bench_time, fastest), MEMBER(NUMBER, cupel_bench_time, median),
    MEMBER(NUMBER, cupel_bench_time, p95),     MEMBER(NUMBER, cupel_bench_time, noise),
    MEMBER(NUMBER, cupel_bench_time, quarter), MEMBER(NUMBER, cupel_bench_time, low),
    MEMBER(NUMBER, cupel_bench_time, high),
};
#define COUNT(array) (sizeof(array) / sizeof *(array))

static const char *const verdicts[] = {"alone", "same", "faster", "slower"};

/* ---- writing ---- */

static void write_members(struct buffer *buffer, const struct member *members, size_t count, const void *of);

static void write_member(struct buffer *buffer, const struct member *member, const void *of) {
    const void *at = (const char *)of + member->offset;
    buffer_format(buffer, "\"%s\": ", member->key);
    switch (member->type) {
    case TEXT:
        buffer_json_string(buffer, at);
        break;
    case NUMBER:
        buffer_json_number(buffer, *(const double *)at);
        break;
    case WHOLE:
        buffer_format(buffer, "%d", *(const int *)at);
        break;
    case LONG:
        buffer_format(buffer, "%lld", (long long)*(const int64_t *)at);
        break;
    case SIZE:
        buffer_format(buffer, "%zu", *(const size_t *)at);
        break;
    case TIME:
        write_members(buffer, of_time, COUNT(of_time), at);
        break;
    case PART:
        buffer_json_string(buffer, cupel_bench_part_text(*(const enum cupel_bench_part *)at));
        break;
    case VERDICT:
        buffer_json_string(buffer, verdicts[*(const enum cupel_bench_verdict *)at]);
        break;
    }
}

static void write_list(struct buffer *buffer, const struct member *members, size_t count, const void *of) {
    for (size_t i = 0; i < count; i++) {
        if (i) buffer_text(buffer, ", ");
        write_member(buffer, &members[i], of);
    }
}

static void write_members(struct buffer *buffer, const struct member *members, size_t count, const void *of) {
    buffer_text(buffer, "{");
    write_list(buffer, members, count, of);
    buffer_text(buffer, "}");
}

enum cupel_status cupel_bench_save(const struct cupel_bench *bench, const char *path,
                                   struct cupel_error *error) {
    struct buffer buffer = {0};
    buffer_format(&buffer, "{\"cupel_bench\": %d, ", FORMAT);
    write_list(&buffer, of_bench, COUNT(of_bench), bench);
    buffer_text(&buffer, ", \"parts\": {");
    for (int p = 0; p < CUPEL_BENCH_PARTS; p++) {
        buffer_format(&buffer, "%s\"%s\": ", p ? ", " : "", cupel_bench_part_text((enum cupel_bench_part)p));
        buffer_json_number(&buffer, bench->parts[p]);
    }
    buffer_text(&buffer, "},\n\"rows\": [");
    for (int i = 0; i < bench->count; i++) {
        buffer_text(&buffer, i ? ",\n" : "\n");
        write_members(&buffer, of_row, COUNT(of_row), &bench->rows[i]);
    }
    buffer_text(&buffer, "\n]}\n");
    const enum cupel_status status = text_write(&buffer, path, error);
    buffer_free(&buffer);
    return status;
}

/* ---- reading ---- */

static int index_of(const char *text, const char *(*name)(int), int count) {
    for (int i = 0; i < count; i++)
        if (strcmp(text, name(i)) == 0) return i;
    return -1;
}

static const char *part_name(int i) {
    return cupel_bench_part_text((enum cupel_bench_part)i);
}

static const char *verdict_name(int i) {
    return verdicts[i];
}

static bool read_members(const cJSON *object, const struct member *members, size_t count, void *of,
                         const char **bad);

/* A whole number of the type at hand. */
static bool read_whole(const cJSON *item, double most, double *number) {
    *number = cJSON_IsNumber(item) ? item->valuedouble : -1;
    return *number >= 0 && *number <= most && *number == floor(*number);
}

static bool read_word(const cJSON *item, enum member_type type, void *at) {
    if (!cJSON_IsString(item)) return false;
    const int index = type == PART ? index_of(item->valuestring, part_name, CUPEL_BENCH_PARTS)
                                   : index_of(item->valuestring, verdict_name, COUNT(verdicts));
    if (index < 0) return false;
    if (type == PART)
        *(enum cupel_bench_part *)at = (enum cupel_bench_part)index;
    else
        *(enum cupel_bench_verdict *)at = (enum cupel_bench_verdict)index;
    return true;
}

static bool read_member(const cJSON *item, const struct member *member, void *of, const char **bad) {
    void *at = (char *)of + member->offset;
    double number;
    *bad = member->key;
    switch (member->type) {
    case TEXT:
        if (!cJSON_IsString(item) || strlen(item->valuestring) >= member->size) return false;
        memcpy(at, item->valuestring, strlen(item->valuestring) + 1);
        return true;
    case NUMBER: /* NaN was written as null */
        if (!cJSON_IsNumber(item) && !cJSON_IsNull(item)) return false;
        *(double *)at = cJSON_IsNull(item) ? NAN : item->valuedouble;
        return true;
    case WHOLE:
        if (!read_whole(item, INT32_MAX, &number)) return false;
        *(int *)at = (int)number;
        return true;
    case LONG:
    case SIZE:
        if (!read_whole(item, 9007199254740992.0, &number)) return false;
        if (member->type == LONG)
            *(int64_t *)at = (int64_t)number;
        else
            *(size_t *)at = (size_t)number;
        return true;
    case TIME:
        return cJSON_IsObject(item) && read_members(item, of_time, COUNT(of_time), at, bad);
    case PART:
    case VERDICT:
        return read_word(item, member->type, at);
    }
    return false;
}

static bool read_members(const cJSON *object, const struct member *members, size_t count, void *of,
                         const char **bad) {
    for (size_t i = 0; i < count; i++)
        if (!read_member(cJSON_GetObjectItemCaseSensitive(object, members[i].key), &members[i], of, bad))
            return false;
    return true;
}

static enum cupel_status read_rows(const char *path, const cJSON *root, struct cupel_bench *bench,
                                   struct cupel_error *error) {
    const cJSON *rows = cJSON_GetObjectItemCaseSensitive(root, "rows"), *object;
    const char *bad = "rows";
    if (!cJSON_IsArray(rows))
        return cupel_fail(error, CUPEL_INVALID, "%s: its rows are missing or damaged; measure again", path);
    cJSON_ArrayForEach(object, rows) {
        struct cupel_bench_row row = {0};
        if (!read_members(object, of_row, COUNT(of_row), &row, &bad))
            return cupel_fail(error, CUPEL_INVALID, "%s: row %d: `%s` is missing or damaged; measure again",
                              path, bench->count + 1, bad);
        CUPEL_TRY(bench_add(bench, &row, error));
    }
    return CUPEL_OK;
}

static enum cupel_status read_all(const char *path, const cJSON *root, struct cupel_bench *bench,
                                  struct cupel_error *error) {
    const char *bad = "";
    const cJSON *format = cJSON_GetObjectItemCaseSensitive(root, "cupel_bench");
    if (!cJSON_IsNumber(format))
        return cupel_fail(error, CUPEL_INVALID, "%s: was not made by `cupel bench --json`", path);
    if (format->valueint != FORMAT)
        return cupel_fail(error, CUPEL_INVALID, "%s: has format %d, and this program reads %d; measure again",
                          path, format->valueint, FORMAT);
    if (!read_members(root, of_bench, COUNT(of_bench), bench, &bad))
        return cupel_fail(error, CUPEL_INVALID, "%s: `%s` is missing or damaged; measure again", path, bad);
    const cJSON *parts = cJSON_GetObjectItemCaseSensitive(root, "parts");
    for (int p = 0; p < CUPEL_BENCH_PARTS; p++) {
        const cJSON *part = cJSON_GetObjectItemCaseSensitive(parts, part_name(p));
        bench->parts[p] = cJSON_IsNumber(part) ? part->valuedouble : NAN;
    }
    return read_rows(path, root, bench, error);
}

enum cupel_status cupel_bench_load(const char *path, struct cupel_bench *bench, struct cupel_error *error) {
    unsigned char *text;
    size_t size;
    *bench = (struct cupel_bench){0};
    CUPEL_TRY(file_read(path, most_bytes, &text, &size, error));
    cJSON *root = cJSON_ParseWithLength((const char *)text, size);
    free(text);
    enum cupel_status status = cJSON_IsObject(root)
                                   ? read_all(path, root, bench, error)
                                   : cupel_fail(error, CUPEL_INVALID, "%s: is no JSON object", path);
    cJSON_Delete(root);
    if (status) cupel_bench_free(bench);
    return status;
}
