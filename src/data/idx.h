/* The IDX format of MNIST and its successors: a magic number, dimensions (32 bits, big endian), bytes. */
#ifndef CUPEL_DATA_IDX_H
#define CUPEL_DATA_IDX_H

#include "cupel/data.h"

/* Parses an IDX file of unsigned bytes, plain or gzip, in memory; `file` is its name for messages and `rank`
 * the number of dimensions that it must have. `*data` gets the elements, which the caller frees. */
enum cupel_status idx_parse(const char *file, const unsigned char *bytes, size_t size, int rank,
                            struct cupel_shape *shape, uint8_t **data, struct cupel_error *error);

#endif
