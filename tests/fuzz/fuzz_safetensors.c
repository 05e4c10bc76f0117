/* libFuzzer target: safetensors files. */
#include <stdlib.h>

#include "io/weights.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct cupel_weights weights = {0};
    struct cupel_error error = {0};
    enum cupel_status status = weights_parse("fuzz", bytes, size, &weights, &error);
    if (status != CUPEL_OK && (!error.message[0] || weights.count || weights.tensors)) abort();
    for (size_t i = 0; i < weights.count; i++) {
        const struct cupel_weight *tensor = &weights.tensors[i];
        volatile uint8_t last = ((const uint8_t *)tensor->data)[tensor->bytes - 1];
        (void)last;
        if (cupel_weights_find(&weights, tensor->name) != tensor) abort();
    }
    cupel_weights_free(&weights);
    return 0;
}
