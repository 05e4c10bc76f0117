/* CIFAR's binary files. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buffer.h"
#include "data/cifar.h"
#include "files.h"
#include "io/file.h"
#include "streamed.h"

enum { PIXELS = 3 * 32 * 32 };

/* Records whose labels are `first`, `first` + 1, ... and whose pixels are `seed` and what follows. */
static void add_records(struct buffer *file, int count, int labels, int first, int seed) {
    for (int i = 0; i < count; i++) {
        if (labels == 2) buffer_add(file, &(uint8_t){(uint8_t)((first + i) % 20)}, 1);
        buffer_add(file, &(uint8_t){(uint8_t)(first + i)}, 1);
        for (int j = 0; j < PIXELS; j++) buffer_add(file, &(uint8_t){(uint8_t)(seed + i + j)}, 1);
    }
}

static void write_records(const char *directory, const char *name, int count, int labels, int first,
                          int seed) {
    struct buffer file = {0};
    char path[80];
    add_records(&file, count, labels, first, seed);
    snprintf(path, sizeof path, "%s/%s", directory, name);
    char *full = temporary_path(path);
    spill(full, file.data, file.size);
    free(full);
    buffer_free(&file);
}

/* CIFAR-10 with two images in each batch and three for testing. */
static char *make_cifar10(const char *name) {
    char *directory = temporary_path(name), file[40];
    cr_assert_eq(directory_make(directory, NULL), CUPEL_OK);
    for (int i = 1; i <= 5; i++) {
        snprintf(file, sizeof file, "data_batch_%d.bin", i);
        write_records(name, file, 2, 1, 2 * (i - 1), 10 * i);
    }
    write_records(name, "test_batch.bin", 3, 1, 7, 100);
    return directory;
}

static void expect_cifar10(const char *path) {
    struct cupel_dataset set;
    struct cupel_error error = {0};
    const struct cupel_dataset_spec spec = {.format = "cifar10", .path = path, .shape = {3, 32, 32}};
    cr_assert_eq(cupel_dataset_open(&spec, &set, &error), CUPEL_OK, "%s", error.message);
    expect_streamed(&spec, &set);
    cr_assert(set.train.count == 10 && set.test.count == 3 && set.classes == 10);
    cr_assert(set.shape[0] == 3 && set.shape[1] == 32 && set.shape[2] == 32);
    for (int i = 0; i < 10; i++) {
        cr_expect_eq(set.train.labels[i], i);
        const int first = 10 * (i / 2 + 1) + i % 2;
        cr_expect_eq(set.train.images[i * PIXELS], first);
        cr_expect_eq(set.train.images[i * PIXELS + PIXELS - 1], (uint8_t)(first + PIXELS - 1));
    }
    cr_expect_eq(set.test.labels[2], 9);
    cr_expect_eq(set.test.images[2 * PIXELS], 102);
    cupel_dataset_free(&set);
}

Test(data_cifar, cifar10_opens_where_it_is_and_where_its_archive_puts_it) {
    char *directory = make_cifar10("c10"), *above = temporary_path("");
    expect_cifar10(directory);
    free(make_cifar10("cifar-10-batches-bin"));
    expect_cifar10(above);
    struct cupel_dataset set;
    const struct cupel_dataset_spec spec = {.format = "cifar10", .path = directory, .train_only = true};
    cr_assert_eq(cupel_dataset_open(&spec, &set, NULL), CUPEL_OK);
    cr_expect(set.train.count == 10 && set.test.count == 0 && !set.test.images);
    cupel_dataset_free(&set);
    free(directory);
    free(above);
}

Test(data_cifar, cifar100_has_fine_labels_or_superclasses) {
    char *directory = temporary_path("c100");
    cr_assert_eq(directory_make(directory, NULL), CUPEL_OK);
    write_records("c100", "train.bin", 4, 2, 96, 50);
    write_records("c100", "test.bin", 2, 2, 33, 60);
    for (int coarse = 0; coarse < 2; coarse++) {
        struct cupel_dataset set;
        struct cupel_error error = {0};
        const struct cupel_dataset_spec spec = {"cifar100", directory, {3, 0, 0}, coarse ? 20 : 0};
        cr_assert_eq(cupel_dataset_open(&spec, &set, &error), CUPEL_OK, "%s", error.message);
        cr_expect(set.train.count == 4 && set.test.count == 2);
        cr_expect_eq(set.classes, coarse ? 20 : 100);
        cr_expect_eq(set.train.labels[3], coarse ? 19 : 99);
        cr_expect_eq(set.test.labels[0], coarse ? 13 : 33);
        cr_expect_eq(set.train.images[3 * PIXELS], 53);
        cupel_dataset_free(&set);
    }
    free(directory);
}

static void refuse(const struct cupel_dataset_spec *spec, const char *expected) {
    struct cupel_dataset set;
    struct cupel_error error = {0};
    cr_expect_eq(cupel_dataset_open(spec, &set, &error), CUPEL_INVALID, "%s", expected);
    cr_expect(strstr(error.message, expected), "expected %s, got %s", expected, error.message);
    cr_expect_eq(strncmp(error.message, spec->path, strlen(spec->path)), 0, "%s", error.message);
    cr_expect_null(set.train.images);
}

Test(data_cifar, wrong_files_are_named) {
    char *directory = make_cifar10("wrong"), *batch = temporary_path("wrong/data_batch_3.bin");
    const struct cupel_dataset_spec spec = {"cifar10", directory, {3, 32, 32}, 10};
    refuse(&(struct cupel_dataset_spec){"cifar10", directory, {3, 28, 28}, 10}, "[3, 32, 32] (channels");
    refuse(&(struct cupel_dataset_spec){"cifar10", directory, {3, 32, 32}, 9},
           "data_batch_5.bin: label 1 is 9, but with 9 classes the largest is 8");
    refuse(&(struct cupel_dataset_spec){"cifar100", directory, {3, 32, 32}, 100},
           "train.bin is not there. Get cifar-100-binary.tar.gz");
    refuse(&(struct cupel_dataset_spec){"cifar10", "/nowhere", {0}, 0},
           "/nowhere: No such file or directory: data_batch_1.bin is not there. Get cifar-10-binary.tar.gz");
    write_records("wrong", "data_batch_3.bin", 1, 1, 10, 0);
    refuse(&spec, "data_batch_3.bin: label 0 is 10, but with 10 classes the largest is 9");
    write_records("wrong", "data_batch_3.bin", 1, 2, 3, 0); /* a record of CIFAR-100 */
    refuse(&spec, "data_batch_3.bin: has 3074 bytes, no whole number of records of 3073 bytes");
    spill(batch, "", 0);
    refuse(&spec, "data_batch_3.bin: has 0 bytes");
    cr_assert_eq(unlink(batch), 0);
    refuse(&spec, "data_batch_3.bin is not there");
    cr_assert_eq(directory_make(batch, NULL), CUPEL_OK);
    refuse(&spec, "data_batch_3.bin: is a directory, not a file");
    free(batch);
    free(directory);
}
