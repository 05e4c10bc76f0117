/* A TensorBoard event file of scalars. */
#ifndef CUPEL_IO_TENSORBOARD_H
#define CUPEL_IO_TENSORBOARD_H

#include <stdint.h>

#include "cupel/status.h"

struct tensorboard;

/* Makes a new event file in `directory`, which must exist; TensorBoard joins all event files of a directory,
 * so a resumed run simply adds one. CUPEL_INVALID when it cannot be made. Close it with tensorboard_close. */
enum cupel_status tensorboard_open(const char *directory, struct tensorboard **tensorboard,
                                   struct cupel_error *error);

/* Appends one scalar and hands it to the operating system at once. CUPEL_IO when it could not be written. */
enum cupel_status tensorboard_scalar(struct tensorboard *tensorboard, const char *tag, int64_t step,
                                     float value, struct cupel_error *error);

/* Closes the file and frees the writer, which may be NULL. */
void tensorboard_close(struct tensorboard *tensorboard);

#endif
