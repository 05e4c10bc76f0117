/* NumPy's arrays in files (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html). */
#ifndef CUPEL_DATA_NPY_H
#define CUPEL_DATA_NPY_H

#include <stdbool.h>

#include "cupel/tensor.h"

struct npy {
    struct cupel_shape shape;
    bool sign, big;            /* signed; the most significant byte first */
    int size;                  /* bytes of an element, 1, 2, 4 or 8 */
    const unsigned char *data; /* in the file's bytes */
};

/* Parses a file in memory; `file` is its name for messages. CUPEL_INVALID: it is cut or malformed, its elements are no
 * whole numbers, or it is in Fortran's order. */
enum cupel_status npy_parse(const char *file, const unsigned char *bytes, size_t size, struct npy *array,
                            struct cupel_error *error);

/* Element `index`; one of 2^63 or more comes out negative. */
int64_t npy_number(const struct npy *array, int64_t index);

#endif
