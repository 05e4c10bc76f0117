/* libFuzzer target: NPY files, and NPZ archives of them. */
#include <stdlib.h>

#include "data/npy.h"
#include "io/zip.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void parse(const uint8_t *bytes, size_t size) {
    struct npy array;
    struct cupel_error error = {0};
    if (npy_parse("fuzz", bytes, size, &array, &error) == CUPEL_OK) {
        volatile int64_t last = npy_number(&array, cupel_shape_count(&array.shape) - 1);
        (void)last;
    } else if (!error.message[0]) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    unsigned char *data;
    size_t data_size;
    struct cupel_error error = {0};
    parse(bytes, size);
    if (zip_read("fuzz", bytes, size, "images.npy", &data, &data_size, &error) == CUPEL_OK) {
        if (data) parse(data, data_size);
    } else if (!error.message[0] || data) {
        abort();
    }
    free(data);
    return 0;
}
