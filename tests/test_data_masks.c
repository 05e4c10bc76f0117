/* Sets of images with masks. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cupel/data.h"
#include "cupel/image.h"
#include "files.h"
#include "io/file.h"

static char *root; /* the set of the test under way */

static char *place(const char *name) {
    char path[300];
    snprintf(path, sizeof path, "masked/%s", name);
    return temporary_path(path);
}

static void add_directory(const char *name) {
    char *path = place(name);
    cr_assert_eq(directory_make(path, NULL), CUPEL_OK);
    free(path);
}

/* A pair whose pixels and numbers tell where they lie. */
static void add_image(const char *name, int width, int height) {
    uint8_t pixels[400];
    char *path = place(name);
    for (int i = 0; i < width * height; i++) pixels[i] = (uint8_t)i;
    cr_assert_eq(cupel_image_write(path, &(struct cupel_image){1, height, width, pixels}, NULL, 0, NULL),
                 CUPEL_OK);
    free(path);
}

static void add_mask(const char *name, int width, int height, int classes) {
    uint8_t numbers[400];
    char *path = place(name);
    for (int i = 0; i < width * height; i++)
        numbers[i] = (uint8_t)(i % (classes + 1) == classes ? 255 : i % (classes + 1));
    cr_assert_eq(cupel_image_write_mask(path, &(struct cupel_image){1, height, width, numbers}, NULL),
                 CUPEL_OK);
    free(path);
}

static void add_bytes(const char *name, const void *bytes, size_t size) {
    char *path = place(name);
    spill(path, bytes, size);
    free(path);
}

static void begin(void) {
    root = temporary_path("masked");
    add_directory(".");
    add_directory("images");
    add_directory("masks");
    for (int i = 0; i < 20; i++) {
        char name[40];
        snprintf(name, sizeof name, "images/%c.png", 'a' + i);
        add_image(name, 4, 3);
        snprintf(name, sizeof name, "masks/%c.png", 'a' + i);
        add_mask(name, 4, 3, 3);
    }
}

static struct cupel_dataset_spec spec_of(int64_t classes) {
    return (struct cupel_dataset_spec){.format = "folder",
                                       .path = root,
                                       .shape = {1, 3, 4},
                                       .classes = classes,
                                       .masks = true,
                                       .threads = 2};
}

static struct cupel_dataset open_set(const struct cupel_dataset_spec *spec) {
    struct cupel_dataset set;
    struct cupel_error error = {0};
    cr_assert_eq(cupel_dataset_open(spec, &set, &error), CUPEL_OK, "%s", error.message);
    return set;
}

/* Refused by default, left out and counted with --skip-bad. */
static void bad(const char *expected, int64_t left, int64_t skipped) {
    struct cupel_dataset_spec spec = spec_of(3);
    struct cupel_dataset set;
    struct cupel_error error = {0};
    cr_expect_eq(cupel_dataset_open(&spec, &set, &error), CUPEL_INVALID, "%s", expected);
    cr_expect(strstr(error.message, expected), "expected %s, got %s", expected, error.message);
    cr_expect_eq(strncmp(error.message, root, strlen(root)), 0, "%s", error.message);
    spec.skip_bad = true;
    set = open_set(&spec);
    cr_expect_eq(set.train.count + set.test.count, left, "%s: %lld left", expected,
                 (long long)(set.train.count + set.test.count));
    cr_expect_eq(set.skipped, skipped);
    cr_expect(strstr(set.first_skipped.message, expected), "%s", set.first_skipped.message);
    /* Masks stay with their images: all pairs are alike. */
    for (int64_t i = 0; i < set.train.count; i++) {
        cr_expect_eq(set.train.images[i * 12 + 7], 7);
        cr_expect_eq(set.train.masks[i * 12 + 7], 255);
        cr_expect_eq(set.train.masks[i * 12 + 6], 2);
    }
    cupel_dataset_free(&set);
}

Test(data_masks, pairs_are_read_and_every_tenth_is_for_testing, .init = begin) {
    const struct cupel_dataset_spec spec = spec_of(3);
    struct cupel_dataset set = open_set(&spec);
    cr_expect_eq(set.train.count, 18);
    cr_expect_eq(set.test.count, 2);
    cr_expect_eq(set.classes, 3);
    cr_expect_null(set.train.labels);
    cr_expect_arr_eq(set.test.masks + 12, ((uint8_t[]){0, 1, 2, 255, 0, 1, 2, 255, 0, 1, 2, 255}), 12);
    cupel_dataset_free(&set);
}

Test(data_masks, classes_are_counted_where_the_spec_has_none, .init = begin) {
    const struct cupel_dataset_spec spec = spec_of(0);
    struct cupel_dataset set = open_set(&spec);
    cr_expect_eq(set.classes, 3);
    cupel_dataset_free(&set);
}

Test(data_masks, splits_lie_in_directories, .init = begin) {
    add_directory("train");
    add_directory("val");
    char *images = place("images"), *masks = place("masks"), *to = place("train/images"),
         *too = place("train/masks");
    cr_assert(rename(images, to) == 0 && rename(masks, too) == 0);
    add_directory("val/images");
    add_directory("val/masks");
    add_image("val/images/z.png", 4, 3);
    add_mask("val/masks/z.png", 4, 3, 2);
    const struct cupel_dataset_spec spec = spec_of(3);
    struct cupel_dataset set = open_set(&spec);
    cr_expect_eq(set.train.count, 20);
    cr_expect_eq(set.test.count, 1);
    cr_expect_arr_eq(set.test.masks, ((uint8_t[]){0, 1, 255, 0, 1, 255, 0, 1, 255, 0, 1, 255}), 12);
    cupel_dataset_free(&set);
    free(images);
    free(masks);
    free(to);
    free(too);
}

/* Everything that is wrong is named at once, the masks of no image as one. */
Test(data_masks, a_scan_tells_classes_and_bad_pairs, .init = begin) {
    struct cupel_dataset_scan scan;
    struct cupel_error error = {0};
    add_mask("masks/c.png", 3, 4, 3);
    add_mask("masks/d.png", 4, 3, 2);
    add_image("images/c-d.png", 4, 3);
    add_mask("masks/x-y.png", 4, 3, 9);
    add_mask("masks/y-z.png", 4, 3, 9);
    cr_assert_eq(cupel_dataset_scan(root, 2, &scan, &error), CUPEL_OK, "%s", error.message);
    cr_expect(scan.masks && scan.train == 17 && scan.test == 2 && scan.gray == 19 && scan.sizes == 1);
    cr_assert_eq(scan.classes, 3);
    cr_expect(scan.class_of[0].train == 17 && scan.class_of[2].train == 16 && scan.class_of[2].test == 2);
    cr_assert_eq(scan.bad_count, 3);
    cr_expect(strstr(scan.bad[0], "images/c-d.png: has no mask of its own"), "%s", scan.bad[0]);
    cr_expect(strstr(scan.bad[1], "masks/c.png: is 3 pixels wide and 4 high"), "%s", scan.bad[1]);
    cr_expect(strstr(scan.bad[2], "masks/x-y.png: is the mask of no image") &&
                  strstr(scan.bad[2], "(and 1 more)"),
              "%s", scan.bad[2]);
    cupel_dataset_scan_free(&scan);
}

Test(data_masks, an_image_without_a_mask, .init = begin) {
    add_image("images/c-d.png", 4, 3);
    bad("images/c-d.png: has no mask of its own", 20, 1);
}

Test(data_masks, two_images_of_one_name, .init = begin) {
    add_image("images/c.PNG", 4, 3);
    bad("images/c.png: has no mask of its own", 20, 1);
}

Test(data_masks, a_mask_without_an_image, .init = begin) {
    add_mask("masks/b-c.png", 4, 3, 3);
    bad("masks/b-c.png: is the mask of no image", 20, 1);
}

Test(data_masks, a_mask_of_another_size, .init = begin) {
    add_mask("masks/c.png", 3, 4, 3);
    bad("masks/c.png: is 3 pixels wide and 4 high, but its image is 4 x 3", 19, 1);
}

Test(data_masks, a_number_that_is_no_class, .init = begin) {
    add_mask("masks/c.png", 4, 3, 4);
    bad("masks/c.png: the pixel in row 0, column 3 is 3, but with 3 classes the largest is 2 (255: no class)",
        19, 1);
}

Test(data_masks, a_mask_that_is_cut, .init = begin) {
    unsigned char *bytes;
    size_t size;
    char *path = place("masks/c.png");
    cr_assert_eq(file_read(path, 1 << 20, &bytes, &size, NULL), CUPEL_OK);
    add_bytes("masks/c.png", bytes, size - 30);
    add_bytes("masks/d.png", "no image", 8);
    bad("masks/c.png: the mask cannot be read: ", 18, 2);
    free(bytes);
    free(path);
}

Test(data_masks, no_image_in_spite_of_the_name, .init = begin) {
    add_bytes("masks/d.png", "no image", 8);
    bad("masks/d.png: is no PNG image, which masks are", 19, 1);
}

Test(data_masks, a_mask_of_sixteen_bits, .init = begin) {
    /* Of one pixel, 0x12e0, as a tool wrote it. */
    static const unsigned char sixteen[] = {
        0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52, 0x00,
        0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01, 0x10, 0x00, 0x00, 0x00, 0x00, 0x6a, 0xee, 0x47, 0x16, 0x00,
        0x00, 0x00, 0x0b, 0x49, 0x44, 0x41, 0x54, 0x78, 0x9c, 0x63, 0x10, 0x7a, 0x00, 0x00, 0x01, 0x07, 0x00,
        0xf3, 0x3b, 0x55, 0x34, 0xfa, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82};
    add_bytes("masks/d.png", sixteen, sizeof sixteen);
    bad("masks/d.png: the mask cannot be read: it has 16 bits, not 8", 19, 1);
}

Test(data_masks, a_mask_in_colour, .init = begin) {
    uint8_t pixels[3 * 12] = {0};
    char *path = place("masks/d.png");
    cr_assert_eq(cupel_image_write(path, &(struct cupel_image){3, 3, 4, pixels}, NULL, 0, NULL), CUPEL_OK);
    bad("masks/d.png: the mask cannot be read: it is in colour or has transparency, not gray levels or a "
        "palette",
        19, 1);
    free(path);
}

Test(data_masks, a_bad_image_takes_its_mask_along, .init = begin) {
    add_bytes("images/a.png", "no image", 8);
    bad("images/a.png: is no PNG or JPEG image", 19, 1);
}

static void refused(const struct cupel_dataset_spec *spec, const char *expected) {
    struct cupel_dataset set;
    struct cupel_error error = {0};
    cr_expect_eq(cupel_dataset_open(spec, &set, &error), CUPEL_INVALID, "%s", expected);
    cr_expect(strstr(error.message, expected), "expected %s, got %s", expected, error.message);
}

Test(data_masks, a_folder_of_another_kind, .init = begin) {
    struct cupel_dataset_spec spec = spec_of(3);
    add_directory("masks/deep");
    add_mask("masks/deep/x.png", 4, 3, 3);
    refused(&spec, "lies beside directories with images");
    char *masks = place("masks"), *away = place("away");
    cr_assert_eq(rename(masks, away), 0);
    refused(&spec, "/masks: No such file or directory; a set with masks has its images in `images`");
    free(masks);
    free(away);
}

Test(data_masks, masks_are_scaled_with_their_images, .init = begin) {
    struct cupel_dataset_spec spec = spec_of(3);
    spec.shape[1] = spec.shape[2] = 2;
    struct cupel_dataset set;
    struct cupel_error error = {0};
    cr_expect_eq(cupel_dataset_open(&spec, &set, &error), CUPEL_UNSUPPORTED);
    spec.resize = true;
    set = open_set(&spec);
    /* Columns 1 and 3 of rows 0 and 2, each of which is 0 1 2 255. */
    cr_expect_arr_eq(set.train.masks, ((uint8_t[]){1, 255, 1, 255}), 4);
    cupel_dataset_free(&set);
}

Test(data_masks, nearest_pixels_are_those_of_pillow) {
    static const struct {
        int width, height, to_width, to_height;
        uint8_t expected[20];
    } cases[] = {
        /* image.resize(..., Image.NEAREST), cut to its middle, of the numbers 0, 1, 2, ... */
        {3, 2, 3, 2, {0, 1, 2, 3, 4, 5}},
        {3, 2, 6, 4, {0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4}},
        {5, 2, 2, 2, {2, 3, 7, 8}},
        {2, 5, 2, 2, {4, 5, 6, 7}},
        {6, 6, 4, 4, {0, 2, 3, 5, 12, 14, 15, 17, 18, 20, 21, 23, 30, 32, 33, 35}},
        {8, 4, 2, 2, {11, 13, 27, 29}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t pixels[64], made[64];
        for (int p = 0; p < 64; p++) pixels[p] = (uint8_t)p;
        const struct cupel_image image = {1, cases[i].height, cases[i].width, pixels};
        cupel_image_cover_nearest(&image, cases[i].to_height, cases[i].to_width, made);
        const size_t count = (size_t)(cases[i].to_width * cases[i].to_height);
        cr_expect_eq(memcmp(made, cases[i].expected, count < 16 ? count : 16), 0, "case %zu", i);
    }
}

/* ---- NumPy's arrays ---- */

static void add_array(const char *name, const char *shape, const void *data, size_t size) {
    char path[300];
    snprintf(path, sizeof path, "%s/%s", root, name);
    unsigned char file[2000];
    const int length = snprintf((char *)file + 10, sizeof file - 10,
                                "{'descr': '|u1', 'fortran_order': False, 'shape': %s, }\n", shape);
    memcpy(file, "\x93NUMPY\1\0", 8);
    file[8] = (unsigned char)length;
    file[9] = 0;
    memcpy(file + 10 + length, data, size);
    spill(path, file, 10 + (size_t)length + size);
}

Test(data_masks, arrays_of_masks, .init = begin) {
    uint8_t images[20 * 4], masks[20 * 4];
    struct cupel_dataset_spec spec = spec_of(3);
    spec.format = "npy";
    spec.shape[1] = spec.shape[2] = 2;
    for (int i = 0; i < 80; i++) images[i] = (uint8_t)i, masks[i] = (uint8_t)(i % 4 == 3 ? 255 : i % 4);
    add_array("images.npy", "(20, 2, 2)", images, sizeof images);
    refused(&spec, "labels.npy is not there. Save the masks, whole numbers [N, H, W], beside the images");
    add_array("labels.npy", "(20, 4)", masks, sizeof masks);
    refused(&spec, "labels.npy: is [20, 4] for 20 images of 2 x 2 pixels; masks are [N, H, W]");
    add_array("labels.npy", "(20, 2, 2)", masks, sizeof masks);
    struct cupel_dataset set = open_set(&spec);
    cr_expect_eq(set.train.count, 18);
    cr_expect_eq(set.test.count, 2);
    for (int64_t i = 0; i < 72; i++)
        cr_expect_eq(set.train.masks[i], set.train.images[i] % 4 == 3 ? 255 : set.train.images[i] % 4);
    cr_expect_arr_eq(set.test.images + 4, images + 76, 4);
    cr_expect_arr_eq(set.test.masks + 4, masks + 76, 4);
    cupel_dataset_free(&set);
    add_array("test_images.npy", "(1, 2, 2)", images, 4);
    add_array("test_labels.npy", "(1, 2, 2)", masks, 4);
    spec.classes = 0;
    set = open_set(&spec);
    cr_expect(set.train.count == 20 && set.test.count == 1 && set.classes == 3);
    cupel_dataset_free(&set);
    spec.classes = 3;
    masks[2] = 3;
    add_array("labels.npy", "(20, 2, 2)", masks, sizeof masks);
    refused(&spec, "labels.npy: the pixel in row 1, column 0 is 3, but with 3 classes the largest is 2");
}
