/* What the safetensors reader and writer share with the list of tensors. */
#ifndef CUPEL_IO_WEIGHTS_H
#define CUPEL_IO_WEIGHTS_H

#include "cupel/weights.h"

/* As cupel_weights_add and cupel_weights_set_metadata, but without a look at what is in the list already: a
 * file with many entries is checked for duplicates once, at its end. */
enum cupel_status weights_append(struct cupel_weights *weights, const char *name, enum cupel_dtype dtype,
                                 const struct cupel_shape *shape, const void *data,
                                 struct cupel_error *error);
enum cupel_status weights_append_metadata(struct cupel_weights *weights, const char *key, const char *value,
                                          struct cupel_error *error);

/* Parses a safetensors file in memory into an empty list, which stays empty on failure; `file` is its name
 * for messages. The bytes need no alignment. */
enum cupel_status weights_parse(const char *file, const unsigned char *bytes, size_t size,
                                struct cupel_weights *weights, struct cupel_error *error);

#endif
