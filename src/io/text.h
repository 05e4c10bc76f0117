/* Files that are put together in a buffer. */
#ifndef CUPEL_IO_TEXT_H
#define CUPEL_IO_TEXT_H

#include "base/buffer.h"
#include "cupel/status.h"

/* Writes the text as file_write does. CUPEL_NOMEM: it ran out of memory while it grew. */
enum cupel_status text_write(const struct buffer *text, const char *path, struct cupel_error *error);

#endif
