/* libFuzzer target: CIFAR's binary files. The first byte chooses labels and their limit. */
#include <stdlib.h>

#include "data/cifar.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct cupel_dataset dataset = {0};
    struct cupel_error error = {0};
    if (!size) return 0;
    const int labels = bytes[0] & 1 ? 2 : 1, label = labels == 2 && bytes[0] & 2;
    enum cupel_status status =
        cifar_parse("fuzz", bytes + 1, size - 1, labels, label, 10, &dataset, &dataset.train, &error);
    if (status == CUPEL_OK) {
        const int64_t count = dataset.train.count;
        if (count < 1 || dataset.train.labels[count - 1] >= 10) abort();
        volatile uint8_t last = dataset.train.images[count * 3072 - 1];
        (void)last;
    } else if (!error.message[0]) {
        abort();
    }
    free(dataset.train.images);
    free(dataset.train.labels);
    return 0;
}
