/* A growing byte string: file headers, JSON lines, encoded images and reports are put together in one.
 *
 * Running out of memory is remembered in `failed` and makes later additions do nothing, so that a writer
 * checks once, at the end. Zero-initialise before use. */
#ifndef CUPEL_BASE_BUFFER_H
#define CUPEL_BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

struct buffer {
    char *data; /* `size` bytes and a NUL after them; NULL until something is added */
    size_t size;
    size_t capacity;
    bool failed;
};

void buffer_add(struct buffer *buffer, const void *data, size_t size);

void buffer_text(struct buffer *buffer, const char *text);

void buffer_format(struct buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Adds `text` (UTF-8) in double quotes, escaped as JSON asks. */
void buffer_json_string(struct buffer *buffer, const char *text);

/* Adds a JSON number of nine significant digits (enough for every float); `null` for NaN and infinities,
 * which JSON cannot say. The decimal sign is a point whatever the locale. */
void buffer_json_number(struct buffer *buffer, double value);

/* Adds the standard base64 encoding, padded with '='. */
void buffer_base64(struct buffer *buffer, const void *data, size_t size);

/* Makes the buffer empty and forgets a failure, keeping the memory for reuse. */
void buffer_clear(struct buffer *buffer);

void buffer_free(struct buffer *buffer);

#endif
