/* One JSON object a line, each handed over whole. */
#include "io/jsonl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"

struct jsonl {
    FILE *file;
    struct buffer line;
    char path[];
};

/* Cuts the file behind its last newline and leaves the position there. */
static bool drop_unfinished_line(FILE *file) {
    char block[4096];
    long end = 0;
    long place = 0;
    size_t got;
    while ((got = fread(block, 1, sizeof block, file)) > 0) {
        const char *newline = memrchr(block, '\n', got);
        if (newline) end = place + (newline - block) + 1;
        place += (long)got;
    }
    return !ferror(file) && ftruncate(fileno(file), end) == 0 && fseek(file, end, SEEK_SET) == 0;
}

enum cupel_status jsonl_open(const char *path, bool append, struct jsonl **jsonl, struct cupel_error *error) {
    size_t length = strlen(path);
    struct jsonl *made = calloc(1, sizeof *made + length + 1);
    *jsonl = made;
    if (!made) return cupel_fail(error, CUPEL_NOMEM, "%s: no memory to write it", path);
    memcpy(made->path, path, length + 1);
    /* "a+" would do for appending, but makes the file's end wherever others have written. */
    if (append) made->file = fopen(path, "r+e");
    if (!append || (!made->file && errno == ENOENT)) made->file = fopen(path, "we");
    if (made->file && (!append || drop_unfinished_line(made->file))) return CUPEL_OK;
    enum cupel_status status =
        cupel_fail(error, CUPEL_INVALID, "%s: cannot be written: %s", path, strerror(errno));
    jsonl_close(made);
    *jsonl = NULL;
    return status;
}

static void add_key(struct jsonl *jsonl, const char *key) {
    buffer_text(&jsonl->line, jsonl->line.size ? "," : "{");
    buffer_json_string(&jsonl->line, key);
    buffer_text(&jsonl->line, ":");
}

void jsonl_number(struct jsonl *jsonl, const char *key, double value) {
    add_key(jsonl, key);
    buffer_json_number(&jsonl->line, value);
}

void jsonl_integer(struct jsonl *jsonl, const char *key, int64_t value) {
    add_key(jsonl, key);
    buffer_format(&jsonl->line, "%" PRId64, value);
}

void jsonl_numbers(struct jsonl *jsonl, const char *key, const double *values, int64_t count) {
    add_key(jsonl, key);
    for (int64_t i = 0; i < count; i++) {
        buffer_text(&jsonl->line, i ? "," : "[");
        buffer_json_number(&jsonl->line, values[i]);
    }
    buffer_text(&jsonl->line, count ? "]" : "[]");
}

void jsonl_text(struct jsonl *jsonl, const char *key, const char *value) {
    add_key(jsonl, key);
    buffer_json_string(&jsonl->line, value);
}

enum cupel_status jsonl_end(struct jsonl *jsonl, struct cupel_error *error) {
    buffer_text(&jsonl->line, jsonl->line.size ? "}\n" : "{}\n");
    bool failed = jsonl->line.failed;
    enum cupel_status status = CUPEL_OK;
    if (failed)
        status = cupel_fail(error, CUPEL_NOMEM, "%s: no memory for a line", jsonl->path);
    else if (fwrite(jsonl->line.data, 1, jsonl->line.size, jsonl->file) != jsonl->line.size ||
             fflush(jsonl->file))
        status = cupel_fail(error, CUPEL_IO, "%s: writing failed: %s", jsonl->path, strerror(errno));
    buffer_clear(&jsonl->line);
    return status;
}

void jsonl_close(struct jsonl *jsonl) {
    if (!jsonl) return;
    if (jsonl->file) fclose(jsonl->file);
    buffer_free(&jsonl->line);
    free(jsonl);
}
