/* CIFAR-10 and CIFAR-100, the binary versions (https://www.cs.toronto.edu/~kriz/cifar.html): files of records,
 * each of one label or two and the bytes of an image of [3, 32, 32]. */
#include "data/cifar.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data/common.h"
#include "data/formats.h"
#include "io/file.h"

enum { PIXELS = 3 * 32 * 32, MOST_BATCHES = 5, SUPERCLASSES = 20 };

struct cifar {
    const char *directory; /* what the archive unpacks to */
    const char *train[MOST_BATCHES + 1], *test;
    int labels; /* in a record */
    int64_t classes;
    const char *how;
};

static const struct cifar cifar10 = {
    "cifar-10-batches-bin",
    {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"},
    "test_batch.bin",
    1,
    10,
    "Get cifar-10-binary.tar.gz from https://www.cs.toronto.edu/~kriz/cifar.html and unpack it there",
};

static const struct cifar cifar100 = {
    "cifar-100-binary",
    {"train.bin"},
    "test.bin",
    2,
    100,
    "Get cifar-100-binary.tar.gz from https://www.cs.toronto.edu/~kriz/cifar.html and unpack it there",
};

enum cupel_status cifar_parse(const char *file, const unsigned char *bytes, size_t size, int labels,
                              int label, int64_t limit, struct cupel_dataset *dataset,
                              struct cupel_dataset_split *split, struct cupel_error *error) {
    const size_t record = PIXELS + (size_t)labels, count = size / record;
    if (!size || size % record)
        return cupel_fail(error, CUPEL_INVALID,
                          "%s: has %zu bytes, no whole number of records of %zu bytes: it is cut, or not "
                          "the binary version",
                          file, size, record);
    const size_t before = (size_t)split->count;
    uint8_t *images = reallocarray(split->images, before + count, PIXELS);
    if (images) split->images = images;
    int32_t *numbers = reallocarray(split->labels, before + count, sizeof *numbers);
    if (numbers) split->labels = numbers;
    if (!images || !numbers)
        return cupel_fail(error, CUPEL_NOMEM, "%s: no memory for its %zu images", file, count);
    for (size_t i = 0; i < count; i++, bytes += record) {
        CUPEL_TRY(common_label(file, (int64_t)i, bytes[label], limit, dataset, &numbers[before + i], error));
        memcpy(images + (before + i) * PIXELS, bytes + labels, PIXELS);
    }
    split->count += (int64_t)count;
    return CUPEL_OK;
}

/* Reads a file, which lies in the directory or in the one that the archive unpacks to. */
static enum cupel_status read_file(const struct cifar *cifar, const struct cupel_dataset_spec *spec,
                                   const char *name, struct cupel_dataset *dataset,
                                   struct cupel_dataset_split *split, struct cupel_error *error) {
    char path[PATH_MAX], below[PATH_MAX];
    if (!common_path(spec->path, name, path) || access(path, F_OK)) {
        if (!common_path(spec->path, cifar->directory, below) || !common_path(below, name, path) ||
            access(path, F_OK))
            return common_missing(spec->path, name, cifar->how, error);
    }
    unsigned char *bytes;
    size_t size;
    CUPEL_TRY(file_read(path, PTRDIFF_MAX, &bytes, &size, error));
    /* Of CIFAR-100's labels the first is the superclass. */
    const int label = cifar->labels == 2 && spec->classes != SUPERCLASSES;
    const int64_t limit = spec->classes ? spec->classes : cifar->classes;
    const enum cupel_status status =
        cifar_parse(path, bytes, size, cifar->labels, label, limit, dataset, split, error);
    free(bytes);
    return status;
}

static enum cupel_status open_cifar(const struct cifar *cifar, const struct cupel_dataset_spec *spec,
                                    struct cupel_dataset *dataset, struct cupel_error *error) {
    static const int64_t shape[3] = {3, 32, 32};
    memcpy(dataset->shape, spec->shape, sizeof dataset->shape);
    dataset->classes = spec->classes ? spec->classes : cifar->classes;
    CUPEL_TRY(common_shape(spec->path, shape, dataset, error));
    for (int i = 0; cifar->train[i]; i++)
        CUPEL_TRY(read_file(cifar, spec, cifar->train[i], dataset, &dataset->train, error));
    if (spec->train_only) return CUPEL_OK;
    return read_file(cifar, spec, cifar->test, dataset, &dataset->test, error);
}

enum cupel_status cifar10_open(const struct cupel_dataset_spec *spec, struct cupel_dataset *dataset,
                               struct cupel_error *error) {
    return open_cifar(&cifar10, spec, dataset, error);
}

enum cupel_status cifar100_open(const struct cupel_dataset_spec *spec, struct cupel_dataset *dataset,
                                struct cupel_error *error) {
    return open_cifar(&cifar100, spec, dataset, error);
}
