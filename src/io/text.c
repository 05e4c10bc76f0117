#include "io/text.h"

#include "io/file.h"

enum cupel_status text_write(const struct buffer *text, const char *path, struct cupel_error *error) {
    if (text->failed) return cupel_fail(error, CUPEL_NOMEM, "no memory for %s", path);
    return file_write(path, &(struct iovec){text->data, text->size}, 1, error);
}
