/* NumPy's files as data sets. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "cupel/data.h"
#include "data/npy.h"
#include "files.h"
#include "io/file.h"
#include "io/zip.h"
#include "streamed.h"

#define GOLDEN CUPEL_SOURCE_DIR "/tests/golden/"

/* A file of version `major` with this dictionary. */
static void make_npy(struct buffer *file, int major, const char *header, const void *data, size_t size) {
    const size_t length = strlen(header);
    const unsigned char wide[4] = {(unsigned char)length, (unsigned char)(length >> 8), 0, 0};
    buffer_format(file, "\x93NUMPY%c", major);
    buffer_add(file, "", 1);
    buffer_add(file, wide, major > 1 ? 4 : 2);
    buffer_text(file, header);
    buffer_add(file, data, size);
}

static enum cupel_status parse_exactly(const struct buffer *file, struct npy *array, int64_t *first,
                                       struct cupel_error *error) {
    unsigned char *copy = malloc(file->size ? file->size : 1); /* exact, for AddressSanitizer */
    if (file->size) memcpy(copy, file->data, file->size);
    const enum cupel_status status = npy_parse("f", copy, file->size, array, error);
    if (!status && first) *first = npy_number(array, cupel_shape_count(&array->shape) - 1);
    free(copy);
    return status;
}

Test(data_npy, whole_numbers_of_every_kind_are_read) {
    static const struct {
        const char *type;
        unsigned char bytes[8];
        int64_t expected;
    } cases[] = {
        {"|u1", {0xfe}, 254},
        {"|i1", {0xfe}, -2},
        {"<u2", {0xfe, 0xff}, 65534},
        {">u2", {0xff, 0xfe}, 65534},
        {"<i2", {0xfe, 0xff}, -2},
        {"<i4", {0xfe, 0xff, 0xff, 0xff}, -2},
        {">u4", {0x80, 0, 0, 1}, INT64_C(0x80000001)},
        {"<i8", {1, 0, 0, 0, 0, 0, 0, 0x80}, INT64_MIN + 1},
        {">i8", {0, 0, 0, 0, 0, 0, 1, 2}, 258},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int major = 1; major < 4; major++) {
            struct buffer file = {0};
            struct npy array;
            struct cupel_error error = {0};
            char header[100];
            int64_t number;
            snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': (1,), }\n",
                     cases[i].type);
            make_npy(&file, major, header, cases[i].bytes, (size_t)(cases[i].type[2] - '0'));
            cr_assert_eq(parse_exactly(&file, &array, &number, &error), CUPEL_OK, "%s", error.message);
            cr_expect_eq(number, cases[i].expected, "%s: %lld", cases[i].type, (long long)number);
            buffer_free(&file);
        }
}

#define DICT(type, order, shape) "{'descr': " type ", 'fortran_order': " order ", 'shape': " shape ", }"

Test(data_npy, malformed_files_are_refused_with_the_reason) {
    static const struct {
        const char *header, *expected;
        size_t size;
    } cases[] = {
        {DICT("'<f4'", "False", "(2,)"), "f: has elements of type '<f4'", 8},
        {DICT("'|b1'", "False", "(2,)"), "f: has elements of type '|b1'", 2},
        {DICT("'<i3'", "False", "(2,)"), "f: has elements of type", 6},
        {DICT("'=i4'", "False", "(2,)"), "f: has elements of type", 8},
        {DICT("[('a', '<i4')]", "False", "(2,)"), "f: has elements of type", 8},
        {"{'descr': '", "f: has elements of type '", 0},
        {"{'fortran_order': False}", "f: has elements of type unknown", 0},
        {DICT("'|u1'", "True", "(2,)"), "f: is in Fortran's order; save it with numpy.ascontiguousarray", 2},
        {"{'descr': '|u1'}", "f: is in Fortran's order", 0},
        {"{'descr': '|u1', 'fortran_order': False}", "the shape in its header is malformed: not given", 0},
        {DICT("'|u1'", "False", "()"), "the shape in its header is malformed: ()", 1},
        {DICT("'|u1'", "False", "(2, -3)"), "the shape in its header is malformed", 1},
        {DICT("'|u1'", "False", "(1,1,1,1,1,1,1)"), "the shape in its header is malformed", 1},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (2, ", "the shape in its header is malformed", 1},
        {DICT("'|u1'", "False", "(0, 3)"), "f: shape [0, 3]: every dimension must be at least 1", 0},
        {DICT("'|u1'", "False", "(4000000000, 4000000000, 4)"), "is too large", 8},
        {DICT("'|u1'", "False", "(99999999999999999999,)"), "is too large", 8},
        {DICT("'|u1'", "False", "(2, 3)"), "f: shape [2, 3] takes 6 bytes, but 5 follow the header", 5},
        {DICT("'<i2'", "False", "(2, 3)"), "f: shape [2, 3] takes 12 bytes, but 13 follow the header", 13},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        static const char zeros[16];
        struct buffer file = {0};
        struct npy array;
        struct cupel_error error = {0};
        make_npy(&file, 1, cases[i].header, zeros, cases[i].size);
        cr_expect_eq(parse_exactly(&file, &array, NULL, &error), CUPEL_INVALID, "%s", cases[i].header);
        cr_expect(strstr(error.message, cases[i].expected), "expected %s, got %s", cases[i].expected,
                  error.message);
        buffer_free(&file);
    }
}

Test(data_npy, a_file_cut_at_any_byte_is_refused) {
    for (int major = 1; major < 3; major++) {
        struct buffer file = {0};
        struct npy array;
        make_npy(&file, major, DICT("'|u1'", "False", "(2, 3)"), "abcdef", 6);
        const size_t size = file.size;
        for (file.size = 0; file.size < size; file.size++)
            cr_expect_eq(parse_exactly(&file, &array, NULL, NULL), CUPEL_INVALID, "cut at %zu", file.size);
        buffer_free(&file);
    }
}

static struct cupel_dataset open_set(const struct cupel_dataset_spec *spec) {
    struct cupel_dataset set;
    struct cupel_error error = {0};
    cr_assert_eq(cupel_dataset_open(spec, &set, &error), CUPEL_OK, "%s", error.message);
    expect_streamed(spec, &set);
    return set;
}

Test(data_npy, archives_of_numpy_open) {
    static const char *const files[] = {GOLDEN "arrays.npz", GOLDEN "arrays-stored.npz"};
    for (int i = 0; i < 2; i++) {
        const struct cupel_dataset_spec spec = {"npy", files[i], {3, 2, 4}, 3};
        struct cupel_dataset set = open_set(&spec);
        cr_assert(set.train.count == 6 && set.test.count == 2 && set.classes == 3);
        for (int j = 0; j < 144; j++) cr_expect_eq(set.train.images[j], j);
        for (int j = 0; j < 48; j++) cr_expect_eq(set.test.images[j], j + 100);
        for (int j = 0; j < 6; j++) cr_expect_eq(set.train.labels[j], j % 3);
        cr_expect(set.test.labels[0] == 2 && set.test.labels[1] == 1);
        cupel_dataset_free(&set);
    }
}

static void refuse(const struct cupel_dataset_spec *spec, const char *expected) {
    struct cupel_dataset set;
    struct cupel_error error = {0};
    cr_expect_eq(cupel_dataset_open(spec, &set, &error), CUPEL_INVALID, "%s", expected);
    cr_expect(strstr(error.message, expected), "expected %s, got %s", expected, error.message);
    cr_expect_eq(strncmp(error.message, spec->path, strlen(spec->path)), 0, "%s", error.message);
    cr_expect_null(set.train.images);
}

static void write_array(const char *name, const char *header, const void *data, size_t size) {
    struct buffer file = {0};
    make_npy(&file, 1, header, data, size);
    char *path = temporary_path(name);
    spill(path, file.data, file.size);
    free(path);
    buffer_free(&file);
}

Test(data_npy, a_directory_of_arrays_holds_every_tenth_image_out) {
    static uint8_t images[25 * 6], labels[25];
    char *directory = temporary_path("arrays");
    cr_assert_eq(directory_make(directory, NULL), CUPEL_OK);
    for (int i = 0; i < 25; i++) {
        labels[i] = i >= 20;
        memset(images + 6 * i, i, 6);
    }
    write_array("arrays/x_train.npy", DICT("'|u1'", "False", "(25, 2, 3)"), images, sizeof images);
    struct cupel_dataset_spec spec = {.format = "npy", .path = directory, .train_only = false};
    struct cupel_dataset set = open_set(&spec);
    cr_expect(set.train.count == 25 && set.test.count == 0 && !set.train.labels && set.classes == 0);
    cr_expect(set.shape[0] == 1 && set.shape[1] == 2 && set.shape[2] == 3);
    cupel_dataset_free(&set);
    spec.classes = 2;
    refuse(&spec, "labels.npy is not there. Save the labels");
    write_array("arrays/y_train.npy", DICT("'|u1'", "False", "(25, 1)"), labels, sizeof labels);
    set = open_set(&spec);
    cr_assert(set.train.count == 23 && set.test.count == 2);
    cr_expect(set.test.images[0] == 9 && set.test.images[6] == 19 && !set.test.labels[1]);
    for (int i = 0; i < 23; i++) {
        cr_expect_eq(set.train.images[6 * i + 5], i + i / 9);
        cr_expect_eq(set.train.labels[i], i >= 18);
    }
    cupel_dataset_free(&set);
    spec.train_only = true;
    set = open_set(&spec);
    cr_expect(set.train.count == 25 && set.test.count == 0);
    cupel_dataset_free(&set);
    spec.train_only = false;
    write_array("arrays/labels.npy", DICT("'|i1'", "False", "(25,)"), memset(labels, 0xff, 25), 25);
    refuse(&spec, "labels.npy: label 0 is -1; labels go from 0 to");
    write_array("arrays/labels.npy", DICT("'|u1'", "False", "(5, 5)"), labels, 25);
    refuse(&spec, "labels.npy: is [5, 5] for 25 images; labels are [N], a class for each");
    write_array("arrays/images.npy", DICT("'<i2'", "False", "(3, 2, 2)"), images, 24);
    refuse(&spec, "images.npy: is [3, 2, 2] of 2 bytes each; images are uint8 [N, C, H, W]");
    write_array("arrays/images.npy", DICT("'|u1'", "False", "(3, 2)"), images, 6);
    refuse(&spec, "images.npy: is [3, 2] of 1 bytes each");
    free(directory);
}

Test(data_npy, what_is_missing_is_named) {
    struct cupel_dataset_spec spec = {.format = "npy", .path = "/nowhere"};
    refuse(&spec, "/nowhere: No such file or directory: images.npy is not there. Save the images");
    spec.path = "/etc/passwd";
    refuse(&spec, "/etc/passwd: is no ZIP archive, or is cut");
    spec.path = GOLDEN "arrays.npz";
    spec.shape[0] = 1;
    refuse(&spec,
           "images.npy: its images are [3, 2, 4] (channels, height, width), but [1, 0, 0] are expected");
}

/* ---- archives ---- */

static enum cupel_status read_exactly(const char *bytes, size_t size, const char *name,
                                      struct cupel_error *error) {
    unsigned char *copy = malloc(size ? size : 1), *data;
    size_t data_size;
    if (size) memcpy(copy, bytes, size);
    const enum cupel_status status = zip_read("f", copy, size, name, &data, &data_size, error);
    free(copy);
    free(data);
    return status;
}

static unsigned char *read_golden(const char *path, size_t *size) {
    unsigned char *bytes;
    cr_assert_eq(file_read(path, 1 << 20, &bytes, size, NULL), CUPEL_OK);
    return bytes;
}

/* Cut anywhere, the end is gone; altered anywhere, nothing is read beyond, and nothing wrong is believed. */
Test(data_npy, archives_that_are_cut_or_altered_are_refused) {
    static const char *const files[] = {GOLDEN "arrays.npz", GOLDEN "arrays-stored.npz"};
    for (int i = 0; i < 2; i++) {
        size_t size, good_size;
        char *bytes = (char *)read_golden(files[i], &size);
        unsigned char *good;
        cr_assert_eq(zip_read("f", (unsigned char *)bytes, size, "images.npy", &good, &good_size, NULL),
                     CUPEL_OK);
        for (size_t cut = 0; cut < size; cut++)
            cr_expect_eq(read_exactly(bytes, cut, "images.npy", NULL), CUPEL_INVALID, "cut at %zu", cut);
        for (size_t at = 0; at < size; at++) {
            unsigned char *data;
            size_t data_size;
            struct cupel_error error = {0};
            bytes[at] ^= 0x11;
            if (zip_read("f", (unsigned char *)bytes, size, "images.npy", &data, &data_size, &error))
                cr_expect_neq(error.message[0], '\0');
            else if (data)
                cr_expect(data_size == good_size && !memcmp(data, good, good_size), "altered at %zu", at);
            free(data);
            bytes[at] ^= 0x11;
        }
        free(good);
        free(bytes);
    }
}

Test(data_npy, archives_that_are_not_read_say_why) {
    size_t size;
    unsigned char *bytes = read_golden(GOLDEN "arrays.npz", &size);
    /* The first entry of the directory. */
    unsigned char *entry = memmem(bytes, size, "PK\1\2", 4);
    struct cupel_error error = {0};
    cr_assert_not_null(entry);
    entry[10] = 12; /* bzip2 */
    cr_expect_eq(read_exactly((char *)bytes, size, "images.npy", &error), CUPEL_INVALID);
    cr_expect(strstr(error.message, "f: images.npy is encrypted, or compressed by method 12"), "%s",
              error.message);
    entry[10] = 8;
    entry[16] ^= 1;
    error = (struct cupel_error){0};
    cr_expect_eq(read_exactly((char *)bytes, size, "images.npy", &error), CUPEL_INVALID);
    cr_expect(strstr(error.message, "a member's checksum is wrong"), "%s", error.message);
    entry[16] ^= 1;
    entry[23] = 0x70; /* more bytes than there are */
    error = (struct cupel_error){0};
    cr_expect_eq(read_exactly((char *)bytes, size, "images.npy", &error), CUPEL_INVALID);
    cr_expect(strstr(error.message, "a member is not whole"), "%s", error.message);
    entry[23] = 0;
    entry[27] = 0x70; /* a size of gigabytes */
    error = (struct cupel_error){0};
    cr_expect_eq(read_exactly((char *)bytes, size, "images.npy", &error), CUPEL_INVALID);
    cr_expect(strstr(error.message, "a member's size cannot be"), "%s", error.message);
    free(bytes);
}

/* An archive as numpy writes it beyond 4 GiB: every large number in an extra field. */
Test(data_npy, archives_of_zip64_are_read) {
    struct buffer file = {0};
    static const unsigned char local[30] = {'P', 'K', 3, 4};
    unsigned char entry[46] = {'P', 'K', 1, 2}, end64[56] = {'P', 'K', 6, 6}, hint[20] = {'P', 'K', 6, 7},
                  end[22] = {'P', 'K', 5, 6}, extra[28] = {1, 0, 24, 0, 5, [12] = 5, [20] = 7};
    static const unsigned char checksum[4] = {0x86, 0xa6, 0x10, 0x36}; /* of "hello", 3610a686 */
    memcpy(entry + 16, checksum, 4);
    memset(entry + 20, 0xff, 8);
    memset(entry + 42, 0xff, 4);
    entry[28] = 1;
    entry[30] = sizeof extra;
    end64[32] = 1;
    end64[48] = 7 + sizeof local + 5;
    hint[8] = (unsigned char)(end64[48] + sizeof entry + 1 + sizeof extra);
    memset(end + 8, 0xff, 12);
    buffer_text(&file, "rubbish");
    buffer_add(&file, local, sizeof local);
    buffer_text(&file, "hello");
    buffer_add(&file, entry, sizeof entry);
    buffer_text(&file, "m");
    buffer_add(&file, extra, sizeof extra);
    buffer_add(&file, end64, sizeof end64);
    buffer_add(&file, hint, sizeof hint);
    buffer_add(&file, end, sizeof end);
    unsigned char *data;
    size_t size;
    struct cupel_error error = {0};
    cr_assert_eq(zip_read("f", (unsigned char *)file.data, file.size, "m", &data, &size, &error), CUPEL_OK,
                 "%s", error.message);
    cr_assert(data && size == 5 && !memcmp(data, "hello", 5));
    free(data);
    cr_assert_eq(zip_read("f", (unsigned char *)file.data, file.size, "n", &data, &size, &error), CUPEL_OK);
    cr_assert_null(data);
    buffer_free(&file);
}
