/* IDX files, and the data set that four of them make. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include "base/buffer.h"
#include "data/idx.h"
#include "files.h"
#include "io/file.h"
#include "streamed.h"

#define FASHION_MNIST "/usr/share/datasets/fashion-mnist"

static void add_words(struct buffer *file, size_t count, const uint32_t *words) {
    for (size_t i = 0; i < count; i++) {
        uint32_t word = htonl(words[i]);
        buffer_add(file, &word, sizeof word);
    }
}

/* An IDX file whose elements are 0, 1, 2, ... modulo `modulus`. */
static void make_idx(struct buffer *file, uint32_t magic, size_t rank, const uint32_t *dims, size_t elements,
                     unsigned modulus) {
    add_words(file, 1, &magic);
    add_words(file, rank, dims);
    for (size_t i = 0; i < elements; i++) buffer_add(file, &(unsigned char){(unsigned char)(i % modulus)}, 1);
}

static void make_images(struct buffer *file) {
    make_idx(file, 0x803, 3, (uint32_t[]){2, 2, 3}, 12, 256);
}

static void compress_file(struct buffer *file) {
    unsigned char packed[4096];
    z_stream stream = {0};
    cr_assert_eq(deflateInit2(&stream, 9, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    stream.next_in = (unsigned char *)file->data;
    stream.avail_in = (uInt)file->size;
    stream.next_out = packed;
    stream.avail_out = sizeof packed;
    cr_assert_eq(deflate(&stream, Z_FINISH), Z_STREAM_END);
    buffer_clear(file);
    buffer_add(file, packed, sizeof packed - stream.avail_out);
    deflateEnd(&stream);
}

static void make_gzip(struct buffer *file) {
    make_images(file);
    compress_file(file);
}

static enum cupel_status parse_exactly(const struct buffer *file, int rank, struct cupel_shape *shape,
                                       uint8_t **data, struct cupel_error *error) {
    unsigned char *copy = malloc(file->size ? file->size : 1); /* exact, for AddressSanitizer */
    if (file->size) memcpy(copy, file->data, file->size);
    enum cupel_status status = idx_parse("f", copy, file->size, rank, shape, data, error);
    free(copy);
    return status;
}

Test(data, idx_is_parsed_plain_and_compressed) {
    for (int compressed = 0; compressed < 2; compressed++) {
        struct buffer file = {0};
        struct cupel_shape shape;
        struct cupel_error error = {0};
        uint8_t *data;
        (compressed ? make_gzip : make_images)(&file);
        cr_assert_eq(parse_exactly(&file, 3, &shape, &data, &error), CUPEL_OK, "%s", error.message);
        cr_assert(cupel_shape_equal(&shape, &CUPEL_SHAPE(2, 2, 3)));
        for (int i = 0; i < 12; i++) cr_assert_eq(data[i], i);
        free(data);
        buffer_free(&file);
    }
}

static void no_bytes(struct buffer *file) {
    (void)file;
}
static void two_bytes(struct buffer *file) {
    buffer_add(file, "\0\0", 2);
}
static void text_file(struct buffer *file) {
    buffer_text(file, "this is not an IDX file");
}
static void floats(struct buffer *file) {
    make_idx(file, 0xd03, 3, (uint32_t[]){2, 2, 3}, 48, 256);
}
static void labels_for_images(struct buffer *file) {
    make_idx(file, 0x801, 1, (uint32_t[]){12}, 12, 256);
}
static void cut_in_dimensions(struct buffer *file) {
    make_idx(file, 0x803, 2, (uint32_t[]){2, 2}, 0, 256);
}
static void no_images(struct buffer *file) {
    make_idx(file, 0x803, 3, (uint32_t[]){0, 2, 3}, 0, 256);
}
static void overflowing(struct buffer *file) {
    make_idx(file, 0x803, 3, (uint32_t[]){UINT32_MAX, UINT32_MAX, UINT32_MAX}, 12, 256);
}
static void promising(struct buffer *file) {
    make_idx(file, 0x803, 3, (uint32_t[]){60000, 28, 28}, 12, 256);
}
static void one_short(struct buffer *file) {
    make_idx(file, 0x803, 3, (uint32_t[]){2, 2, 3}, 11, 256);
}
static void one_more(struct buffer *file) {
    make_idx(file, 0x803, 3, (uint32_t[]){2, 2, 3}, 13, 256);
}
static void compressed_promising(struct buffer *file) {
    promising(file);
    compress_file(file);
}
static void compressed_short(struct buffer *file) {
    one_short(file);
    compress_file(file);
}
static void compressed_more(struct buffer *file) {
    one_more(file);
    compress_file(file);
}
static void bomb(struct buffer *file) {
    make_idx(file, 0x803, 3, (uint32_t[]){2, 2, 3}, 100000, 1);
    compress_file(file);
}
static void gzip_cut(struct buffer *file) {
    make_gzip(file);
    file->size -= 9;
}
static void gzip_without_length(struct buffer *file) {
    make_gzip(file);
    file->size -= 1;
}
static void gzip_bad_crc(struct buffer *file) {
    make_gzip(file);
    file->data[file->size - 8] ^= 1;
}
static void gzip_bad_length(struct buffer *file) {
    make_gzip(file);
    file->data[file->size - 4] ^= 1;
}
static void gzip_and_rubbish(struct buffer *file) {
    make_gzip(file);
    buffer_add(file, "rubbish", 7);
}
static void gzip_bad_method(struct buffer *file) {
    make_gzip(file);
    file->data[2] = 7;
}
static void gzip_bad_block(struct buffer *file) {
    make_gzip(file);
    file->data[10] = 7; /* the last block, of the type that does not exist */
}
static void gzip_magic_only(struct buffer *file) {
    buffer_add(file, "\x1f\x8b", 2);
}
static void gzip_of_nothing(struct buffer *file) {
    compress_file(file);
}

static const struct {
    void (*make)(struct buffer *);
    const char *expected;
} malformed[] = {
    {no_bytes, "f: the file ends 4 bytes too early"},
    {two_bytes, "f: the file ends 2 bytes too early"},
    {text_file, "f: is no IDX file: it begins with 74686973, not 00000803"},
    {floats, "f: has elements of type 0x0d"},
    {labels_for_images, "f: has 1 dimensions, but images have 3"},
    {cut_in_dimensions, "f: the file ends 4 bytes too early"},
    {no_images, "f: shape [0, 2, 3]: every dimension must be at least 1"},
    {overflowing, "f: shape [4294967295, 4294967295, 4294967295] is too large"},
    {promising, "f: shape [60000, 28, 28] takes 47040000 bytes, but the file's 28 cannot hold them"},
    {one_short, "f: shape [2, 2, 3] takes 12 bytes, but the file's 27"},
    {one_more, "f: 1 bytes of something else follow the data"},
    {compressed_promising, "f: shape [60000, 28, 28] takes 47040000 bytes, but the file's"},
    {compressed_short, "f: the compressed file ends 1 bytes too early"},
    {compressed_more, "f: holds more data than its header says"},
    {bomb, "f: holds more data than its header says"},
    {gzip_cut, "the file is cut"},
    {gzip_without_length, "the file is cut"},
    {gzip_bad_crc, "damaged near byte"},
    {gzip_bad_length, "incorrect length check"},
    {gzip_and_rubbish, "f: 7 bytes of something else follow the gzip stream"},
    {gzip_bad_method, "unknown compression method"},
    {gzip_bad_block, "invalid block type"},
    {gzip_magic_only, "the file is cut"},
    {gzip_of_nothing, "f: the compressed file ends 4 bytes too early"},
};

Test(data, malformed_idx_files_are_refused_with_the_reason) {
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++) {
        struct buffer file = {0};
        struct cupel_shape shape;
        struct cupel_error error = {0};
        uint8_t *data;
        malformed[i].make(&file);
        cr_expect_eq(parse_exactly(&file, 3, &shape, &data, &error), CUPEL_INVALID, "%s",
                     malformed[i].expected);
        cr_expect_not_null(strstr(error.message, malformed[i].expected), "expected %s, got %s",
                           malformed[i].expected, error.message);
        cr_expect_eq(strncmp(error.message, "f: ", 3), 0);
        cr_expect_null(data);
        buffer_free(&file);
    }
}

Test(data, a_compressed_file_cut_or_altered_at_any_byte_is_refused) {
    struct buffer file = {0};
    struct cupel_shape shape;
    uint8_t *data;
    make_gzip(&file);
    size_t size = file.size;
    for (file.size = 0; file.size < size; file.size++)
        cr_expect_eq(parse_exactly(&file, 3, &shape, &data, NULL), CUPEL_INVALID, "cut at %zu", file.size);
    for (size_t i = 10; i < size; i++) { /* before come the time and the system, which nothing checks */
        file.data[i] ^= 16;
        cr_expect_eq(parse_exactly(&file, 3, &shape, &data, NULL), CUPEL_INVALID, "altered at %zu", i);
        file.data[i] ^= 16;
    }
    buffer_free(&file);
}

/* Writes a small set: 4 training and 2 test images of 2x3, labels 0, 1, 2 in turn. */
static char *make_set(void) {
    static const char *const splits[] = {"train", "t10k"};
    char *directory = temporary_path("set");
    cr_assert_eq(directory_make(directory, NULL), CUPEL_OK);
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t count = i ? 2 : 4;
        char name[64];
        struct buffer file = {0};
        make_idx(&file, 0x803, 3, (uint32_t[]){count, 2, 3}, count * 6, 256);
        snprintf(name, sizeof name, "set/%s-images-idx3-ubyte", splits[i]);
        char *path = temporary_path(name);
        spill(path, file.data, file.size);
        free(path);
        buffer_clear(&file);
        make_idx(&file, 0x801, 1, &count, count, 3);
        compress_file(&file);
        snprintf(name, sizeof name, "set/%s-labels-idx1-ubyte.gz", splits[i]);
        path = temporary_path(name);
        spill(path, file.data, file.size);
        free(path);
        buffer_free(&file);
    }
    return directory;
}

Test(data, a_small_set_opens) {
    char *directory = make_set();
    struct cupel_dataset set;
    struct cupel_error error = {0};
    const struct cupel_dataset_spec spec = {"idx", directory, {0, 2, 0}, 0};
    cr_assert_eq(cupel_dataset_open(&spec, &set, &error), CUPEL_OK, "%s", error.message);
    expect_streamed(&spec, &set);
    cr_assert_eq(set.train.count, 4);
    cr_assert_eq(set.test.count, 2);
    cr_assert_eq(set.shape[0], 1);
    cr_assert_eq(set.shape[1], 2);
    cr_assert_eq(set.shape[2], 3);
    cr_assert_eq(set.classes, 3);
    cr_assert_eq(set.train.images[23], 23);
    cr_assert_eq(set.train.labels[2], 2);
    cr_assert_eq(set.train.labels[3], 0);
    cr_assert_eq(set.test.labels[1], 1);
    double mean, deviation;
    cupel_dataset_statistics(&set, &mean, &deviation); /* of 0, 1, ... 23: 11.5 and sqrt((24^2 - 1) / 12) */
    cr_assert_float_eq(mean, 11.5 / 255, 1e-15);
    cr_assert_float_eq(deviation, sqrt(575.0 / 12) / 255, 1e-15);
    cupel_dataset_free(&set);
    cr_assert_null(set.train.images);
    free(directory);
}

static void expect_refusal(const struct cupel_dataset_spec *spec, const char *expected) {
    struct cupel_dataset set;
    struct cupel_error error = {0};
    cr_expect_eq(cupel_dataset_open(spec, &set, &error), CUPEL_INVALID, "%s", expected);
    cr_expect_not_null(strstr(error.message, expected), "expected %s, got %s", expected, error.message);
    cr_expect_eq(strncmp(error.message, spec->path, strlen(spec->path)), 0, "%s", error.message);
    cr_expect_null(set.train.images);
}

static void remove_file(const char *name) {
    char *path = temporary_path(name);
    cr_assert_eq(unlink(path), 0);
    free(path);
}

Test(data, a_set_that_does_not_fit_its_description_is_refused) {
    char *directory = make_set();
    expect_refusal(&(struct cupel_dataset_spec){"cifar9", directory, {0}, 0},
                   "data format `cifar9` is unknown");
    expect_refusal(
        &(struct cupel_dataset_spec){"idx", directory, {1, 28, 28}, 0},
        "train-images-idx3-ubyte: its images are [1, 2, 3] (channels, height, width), but [1, 28, 28]");
    expect_refusal(&(struct cupel_dataset_spec){"idx", directory, {3, 2, 3}, 0},
                   "but [3, 2, 3] are expected");
    expect_refusal(&(struct cupel_dataset_spec){"idx", directory, {0}, 2},
                   "train-labels-idx1-ubyte.gz: label 2 is 2, but with 2 classes the largest is 1");

    const struct cupel_dataset_spec spec = {"idx", directory, {0}, 0};
    struct buffer file = {0};
    make_idx(&file, 0x801, 1, (uint32_t[]){3}, 3, 3);
    char *labels =
        temporary_path("set/t10k-labels-idx1-ubyte"); /* the plain file comes before the compressed */
    spill(labels, file.data, file.size);
    expect_refusal(&spec, "t10k-labels-idx1-ubyte: has 3 labels for 2 images");
    remove_file("set/t10k-labels-idx1-ubyte");
    buffer_clear(&file);
    make_idx(&file, 0x803, 3, (uint32_t[]){2, 3, 3}, 18, 256);
    char *images = temporary_path("set/t10k-images-idx3-ubyte");
    spill(images, file.data, file.size);
    expect_refusal(&spec, "t10k-images-idx3-ubyte: its images are [1, 3, 3]");
    buffer_free(&file);
    free(labels);
    free(images);
    free(directory);
}

Test(data, a_set_without_labels_opens_unless_classes_are_asked_for) {
    char *directory = make_set();
    struct cupel_dataset set;
    struct cupel_error error = {0};
    const struct cupel_dataset_spec spec = {"idx", directory, {0}, 0};
    remove_file("set/train-labels-idx1-ubyte.gz");
    expect_refusal(&spec, "train-labels-idx1-ubyte[.gz] is not there");
    remove_file("set/t10k-labels-idx1-ubyte.gz");
    expect_refusal(&(struct cupel_dataset_spec){"idx", directory, {0}, 3},
                   "train-labels-idx1-ubyte[.gz] is not");
    cr_assert_eq(cupel_dataset_open(&spec, &set, &error), CUPEL_OK, "%s", error.message);
    cr_assert_null(set.train.labels);
    cr_assert_null(set.test.labels);
    cr_assert_eq(set.classes, 0);
    cupel_dataset_free(&set);
    free(directory);
}

Test(data, a_missing_set_says_how_to_get_one) {
    const struct cupel_dataset_spec nowhere = {"idx", "/nowhere/set", {0}, 0},
                                    file = {"idx", "/etc/passwd", {0}, 0};
    expect_refusal(&nowhere,
                   "/nowhere/set: No such file or directory: train-images-idx3-ubyte[.gz] is not there");
    expect_refusal(&nowhere, "apt-get install dataset-fashion-mnist");
    expect_refusal(&nowhere, "--data PATH");
    expect_refusal(&file, "/etc/passwd: Not a directory");
}

static void expect_class_counts(const struct cupel_dataset_split *split, int expected) {
    int counts[10] = {0};
    for (int64_t i = 0; i < split->count; i++) counts[split->labels[i]]++;
    for (int i = 0; i < 10; i++) cr_expect_eq(counts[i], expected, "class %d", i);
}

/* The mean and deviation are those that everyone quotes for this set: 0.2860 and 0.3530. */
Test(data, fashion_mnist_is_what_it_should_be) {
    if (access(FASHION_MNIST, R_OK)) cr_skip("dataset-fashion-mnist is not installed");
    struct cupel_dataset set;
    struct cupel_error error = {0};
    const struct cupel_dataset_spec spec = {"idx", FASHION_MNIST, {1, 28, 28}, 10};
    cr_assert_eq(cupel_dataset_open(&spec, &set, &error), CUPEL_OK, "%s", error.message);
    cr_assert_eq(set.train.count, 60000);
    cr_assert_eq(set.test.count, 10000);
    cr_assert_eq(set.classes, 10);
    expect_class_counts(&set.train, 6000);
    expect_class_counts(&set.test, 1000);
    cr_assert_eq(set.train.labels[0], 9); /* an ankle boot */
    double mean, deviation;
    cupel_dataset_statistics(&set, &mean, &deviation);
    cr_assert_float_eq(mean, 0.2860405969887955, 1e-9);
    cr_assert_float_eq(deviation, 0.3530242445149223, 1e-9);
    cupel_dataset_free(&set);
}
