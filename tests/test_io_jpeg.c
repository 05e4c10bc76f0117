/* JPEG images, and scaling, held against Pillow's values. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "files.h"
#include "golden.h"
#include "io/image.h"

static enum cupel_status decode_exactly(const unsigned char *bytes, size_t size, int channels,
                                        struct cupel_image *image, struct cupel_error *error) {
    unsigned char *copy = malloc(size ? size : 1); /* exact, for AddressSanitizer */
    if (size) memcpy(copy, bytes, size);
    const enum cupel_status status = image_decode("f.jpg", copy, size, channels, image, error);
    free(copy);
    return status;
}

/* The case that a tensor NAME/file belongs to. */
static bool next_file(const struct cupel_weights *golden, size_t *cursor, char name[GOLDEN_NAME]) {
    for (; *cursor < golden->count; ++*cursor) {
        const char *full = golden->tensors[*cursor].name, *slash = strrchr(full, '/');
        if (strcmp(slash, "/file") != 0) continue;
        snprintf(name, GOLDEN_NAME, "%.*s", (int)(slash - full), full);
        ++*cursor;
        return true;
    }
    return false;
}

Test(io_jpeg, images_are_decoded_and_scaled_as_pillow_does) {
    struct cupel_weights golden = golden_load("images.safetensors");
    char name[GOLDEN_NAME];
    int decoded = 0, scaled = 0;
    for (size_t cursor = 0; next_file(&golden, &cursor, name); decoded++) {
        const struct cupel_weight *file = golden_find(&golden, name, "file"),
                                  *pixels = golden_find(&golden, name, "pixels"),
                                  *smaller = golden_find(&golden, name, "scaled");
        struct cupel_image image;
        struct cupel_error error = {0};
        cr_assert_eq(decode_exactly(file->data, file->bytes, (int)pixels->shape.dim[0], &image, &error),
                     CUPEL_OK, "%s", error.message);
        cr_assert_eq(image.height, pixels->shape.dim[1]);
        cr_assert_eq(image.width, pixels->shape.dim[2]);
        cr_expect_eq(memcmp(image.pixels, pixels->data, pixels->bytes), 0, "%s", name);
        if (smaller) {
            uint8_t *to = malloc(smaller->bytes);
            cr_assert_eq(
                cupel_image_cover(&image, (int)smaller->shape.dim[1], (int)smaller->shape.dim[2], to, &error),
                CUPEL_OK);
            cr_expect_eq(memcmp(to, smaller->data, smaller->bytes), 0, "%s", name);
            scaled++;
            free(to);
        }
        cupel_image_free(&image);
    }
    cr_assert_geq(decoded, 17);
    cr_assert_geq(scaled, 11);
    cupel_weights_free(&golden);
}

static void expect_refusal(const unsigned char *bytes, size_t size, const char *expected) {
    struct cupel_image image;
    struct cupel_error error = {0};
    cr_expect_eq(decode_exactly(bytes, size, 3, &image, &error), CUPEL_INVALID, "%zu bytes", size);
    cr_expect(strstr(error.message, expected) && !strncmp(error.message, "f.jpg: ", 7), "%zu bytes: %s", size,
              error.message);
    cr_expect_null(image.pixels);
}

Test(io_jpeg, a_file_cut_at_any_byte_is_refused) {
    static const char *const names[] = {"jpeg-rgb", "jpeg-progressive", "jpeg-gray"};
    struct cupel_weights golden = golden_load("images.safetensors");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct cupel_weight *file = golden_find(&golden, names[i], "file");
        for (size_t size = 0; size < 3; size++) expect_refusal(file->data, size, "is no PNG or JPEG image");
        for (size_t size = 3; size < file->bytes; size++)
            expect_refusal(file->data, size, "the JPEG image cannot be read: the file is cut");
    }
    cupel_weights_free(&golden);
}

Test(io_jpeg, a_scan_that_ends_too_early_is_refused) {
    struct cupel_weights golden = golden_load("images.safetensors");
    const struct cupel_weight *file = golden_find(&golden, "jpeg-gray", "file");
    unsigned char *bytes = malloc(file->bytes);
    memcpy(bytes, file->data, file->bytes);
    memcpy(bytes + file->bytes - 22, "\xff\xd9", 2); /* the end of the image */
    expect_refusal(bytes, file->bytes - 20, "premature end of data segment");
    free(bytes);
    cupel_weights_free(&golden);
}

/* Whatever a byte becomes: an image of some kind, or a reason. */
Test(io_jpeg, altered_files_end_in_an_image_or_a_reason) {
    struct cupel_weights golden = golden_load("images.safetensors");
    const struct cupel_weight *file = golden_find(&golden, "jpeg-gray", "file");
    unsigned char *bytes = malloc(file->bytes);
    memcpy(bytes, file->data, file->bytes);
    int refused = 0;
    for (size_t i = 0; i < file->bytes; i++) {
        struct cupel_image image;
        struct cupel_error error = {0};
        bytes[i] ^= 0x41;
        if (decode_exactly(bytes, file->bytes, 1, &image, &error)) {
            cr_expect_neq(error.message[0], '\0');
            refused++;
        }
        cupel_image_free(&image);
        bytes[i] ^= 0x41;
    }
    cr_expect_gt(refused, (int)file->bytes / 4);
    free(bytes);
    cupel_weights_free(&golden);
}

/* A frame header says what kind of picture it is. */
static unsigned char *find_frame(unsigned char *bytes, size_t size) {
    static const unsigned char marker[] = {0xff, 0xc0};
    return memmem(bytes, size, marker, sizeof marker);
}

Test(io_jpeg, pictures_that_are_no_use_are_refused) {
    struct cupel_weights golden = golden_load("images.safetensors");
    struct cupel_weight *file = (struct cupel_weight *)golden_find(&golden, "jpeg-gray", "file");
    unsigned char *frame = find_frame(file->data, file->bytes);
    cr_assert_not_null(frame);
    memset(frame + 5, 0xff, 4); /* height and width */
    expect_refusal(file->data, file->bytes, "Maximum supported image dimension is 65500");
    memset(frame + 5, 0x7f, 4);
    expect_refusal(file->data, file->bytes, "more than 2^28 pixels");
    /* Four colours: a frame of its own, since each takes three bytes. */
    static const unsigned char cmyk[] = {0xff, 0xd8, 0xff, 0xc0, 0, 20,   8, 0, 8,    0, 8,    4,    1, 0x11,
                                         0,    2,    0x11, 0,    3, 0x11, 0, 4, 0x11, 0, 0xff, 0xda, 0, 14,
                                         4,    1,    0,    2,    0, 3,    0, 4, 0,    0, 63,   0};
    expect_refusal(cmyk, sizeof cmyk, "neither gray nor RGB colours");
    cupel_weights_free(&golden);
}

/* 2^14 pixels to one: many more taps than any picture needs, and sides that are far apart. */
Test(io_jpeg, scaling_reaches_far) {
    uint8_t *pixels = malloc(1 << 14), to[6];
    memset(pixels, 200, 1 << 14);
    struct cupel_error error = {0};
    for (int tall = 0; tall < 2; tall++) {
        const struct cupel_image image = {1, tall ? 1 << 14 : 1, tall ? 1 : 1 << 14, pixels};
        cr_assert_eq(cupel_image_cover(&image, 2, 3, to, &error), CUPEL_OK);
        for (int i = 0; i < 6; i++) cr_expect_eq(to[i], 200);
    }
    const struct cupel_image square = {1, 128, 128, pixels};
    cr_assert_eq(cupel_image_cover(&square, 1, 1, to, &error), CUPEL_OK);
    cr_expect_eq(to[0], 200);
    free(pixels);
}
