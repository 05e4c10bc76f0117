/* libFuzzer target: IDX files, plain and gzip. The first byte chooses images or labels. */
#include <stdlib.h>

#include "data/idx.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct cupel_shape shape;
    struct cupel_error error = {0};
    uint8_t *data;
    if (!size) return 0;
    enum cupel_status status =
        idx_parse("fuzz", bytes + 1, size - 1, bytes[0] & 1 ? 3 : 1, &shape, &data, &error);
    if (status == CUPEL_OK) {
        /* What was accepted must be there: AddressSanitizer looks at the last byte. */
        volatile uint8_t last = data[cupel_shape_count(&shape) - 1];
        (void)last;
    } else if (!error.message[0] || data) {
        abort();
    }
    free(data);
    return 0;
}
