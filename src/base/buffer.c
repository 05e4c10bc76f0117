/* Adding to a byte string, and what JSON and base64 make of it. */
#include "base/buffer.h"

#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Makes room for `size` more bytes and a NUL; false when there is no memory. */
static bool buffer_grow(struct buffer *buffer, size_t size) {
    if (buffer->failed || size >= PTRDIFF_MAX - buffer->size) return false;
    size_t needed = buffer->size + size + 1;
    if (needed <= buffer->capacity) return true;
    size_t capacity = needed < 128 ? 128 : needed + needed / 2;
    char *data = realloc(buffer->data, capacity);
    if (!data) return false;
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
}

void buffer_add(struct buffer *buffer, const void *data, size_t size) {
    if (!buffer_grow(buffer, size)) {
        buffer->failed = true;
        return;
    }
    if (size) memcpy(buffer->data + buffer->size, data, size);
    buffer->size += size;
    buffer->data[buffer->size] = '\0';
}

void buffer_text(struct buffer *buffer, const char *text) {
    buffer_add(buffer, text, strlen(text));
}

void buffer_format(struct buffer *buffer, const char *format, ...) {
    char *text;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (length < 0) {
        buffer->failed = true;
        return;
    }
    buffer_add(buffer, text, (size_t)length);
    free(text);
}

void buffer_json_string(struct buffer *buffer, const char *text) {
    buffer_add(buffer, "\"", 1);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            buffer_format(buffer, "\\%c", c);
        else if (c < 0x20)
            buffer_format(buffer, "\\u%04x", c);
        else
            buffer_add(buffer, text, 1);
    }
    buffer_add(buffer, "\"", 1);
}

void buffer_json_number(struct buffer *buffer, double value) {
    if (!isfinite(value)) {
        buffer_text(buffer, "null");
        return;
    }
    char text[40];
    snprintf(text, sizeof text, "%.9g", value);
    char *comma = strchr(text, ',');
    if (comma) *comma = '.';
    buffer_text(buffer, text);
}

void buffer_base64(struct buffer *buffer, const void *data, size_t size) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *bytes = data;
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        uint32_t group = (uint32_t)bytes[i] << 16;
        if (left > 1) group |= (uint32_t)bytes[i + 1] << 8;
        if (left > 2) group |= bytes[i + 2];
        char text[4] = {digits[group >> 18], digits[group >> 12 & 63],
                        left > 1 ? digits[group >> 6 & 63] : '=', left > 2 ? digits[group & 63] : '='};
        buffer_add(buffer, text, sizeof text);
    }
}

void buffer_clear(struct buffer *buffer) {
    buffer->size = 0;
    buffer->failed = false;
}

void buffer_free(struct buffer *buffer) {
    free(buffer->data);
    *buffer = (struct buffer){0};
}
