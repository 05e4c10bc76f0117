/* PNG images, held against what Pillow makes of the same files. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdlib.h>
#include <zlib.h>

#include "files.h"
#include "io/file.h"
#include "io/image.h"

static const char signature[] = "\x89PNG\r\n\x1a\n";

static void add_word(struct buffer *file, uint32_t word) {
    word = htonl(word);
    buffer_add(file, &word, sizeof word);
}

static void add_chunk(struct buffer *file, const char *type, const void *data, size_t size) {
    add_word(file, (uint32_t)size);
    size_t start = file->size;
    buffer_add(file, type, 4);
    buffer_add(file, data, size);
    add_word(file, (uint32_t)crc32_z(0, (const Bytef *)file->data + start, size + 4));
}

/* A PNG file by hand: libpng must not be what writes the files that try its reading. */
struct picture {
    const char *what;
    uint32_t width, height;
    unsigned char depth, colour, interlace;
    const char *palette;
    size_t palette_size;
    const char *raw; /* the rows, each behind its filter byte, before compression */
    size_t raw_size;
    int channels; /* asked for */
    int expected_channels;
    unsigned char expected[16];
};

static void make_picture(struct buffer *file, const struct picture *picture) {
    unsigned char header[13] = {0};
    uint32_t size[2] = {htonl(picture->width), htonl(picture->height)};
    memcpy(header, size, sizeof size);
    header[8] = picture->depth;
    header[9] = picture->colour;
    header[12] = picture->interlace;
    buffer_add(file, signature, 8);
    add_chunk(file, "IHDR", header, sizeof header);
    if (picture->palette) add_chunk(file, "PLTE", picture->palette, picture->palette_size);
    unsigned char packed[256];
    uLongf packed_size = sizeof packed;
    compress(packed, &packed_size, (const Bytef *)picture->raw, picture->raw_size);
    add_chunk(file, "IDAT", packed, packed_size);
    add_chunk(file, "IEND", NULL, 0);
}

#define RAW(text) (text), sizeof(text) - 1
enum { GRAY = 0, RGB = 2, PALETTE = 3, GRAY_ALPHA = 4, RGB_ALPHA = 6 };

static const struct picture pictures[] = {
    {"gray", 2, 2, 8, GRAY, 0, NULL, 0, RAW("\x00\x01\x02\x00\x03\x04"), 0, 1, {1, 2, 3, 4}},
    {"gray as RGB", 2, 1, 8, GRAY, 0, NULL, 0, RAW("\x00\x01\x02"), 3, 3, {1, 2, 1, 2, 1, 2}},
    {"interlaced", 2, 2, 8, GRAY, 1, NULL, 0, RAW("\x00\x01\x00\x02\x00\x03\x04"), 0, 1, {1, 2, 3, 4}},
    {"one bit", 3, 1, 1, GRAY, 0, NULL, 0, RAW("\x00\xa0"), 0, 1, {255, 0, 255}},
    {"sixteen bits", 2, 1, 16, GRAY, 0, NULL, 0, RAW("\x00\x12\xe0\xff\xff"), 0, 1, {0x13, 255}},
    {"gray, alpha", 2, 1, 8, GRAY_ALPHA, 0, NULL, 0, RAW("\x00\x09\x00\x08\xff"), 0, 1, {9, 8}},
    {"RGB", 2, 1, 8, RGB, 0, NULL, 0, RAW("\x00\x01\x02\x03\x04\x05\x06"), 0, 3, {1, 4, 2, 5, 3, 6}},
    {"RGB as gray", 2, 1, 8, RGB, 0, NULL, 0, RAW("\x00\x0a\xc8\x1e\xff\x00\x00"), 1, 1, {124, 76}},
    {"RGB, alpha",
     2,
     1,
     8,
     RGB_ALPHA,
     0,
     NULL,
     0,
     RAW("\x00\x0a\xc8\x1e\x80\x01\x02\x03\x00"),
     1,
     1,
     {124, 2}},
    {"palette",
     2,
     2,
     2,
     PALETTE,
     0,
     RAW("\xff\0\0\0\xff\0\0\0\xff\x0a\xc8\x1e"),
     RAW("\x00\x10\x00\xb0"),
     1,
     1,
     {76, 150, 29, 124}},
};

Test(io_image, every_kind_of_png_is_read_as_pillow_does) {
    for (size_t i = 0; i < sizeof pictures / sizeof *pictures; i++) {
        const struct picture *picture = &pictures[i];
        struct buffer file = {0};
        struct cupel_image image;
        struct cupel_error error = {0};
        make_picture(&file, picture);
        image_decode("f.png", (unsigned char *)file.data, file.size, picture->channels, &image, &error);
        cr_assert_eq(error.status, CUPEL_OK, "%s: %s", picture->what, error.message);
        cr_expect_eq(image.channels, picture->expected_channels, "%s", picture->what);
        cr_expect_eq(image.width, (int)picture->width, "%s", picture->what);
        cr_expect_eq(image.height, (int)picture->height, "%s", picture->what);
        size_t size = (size_t)image.channels * picture->width * picture->height;
        cr_expect_eq(memcmp(image.pixels, picture->expected, size), 0, "%s", picture->what);
        cupel_image_free(&image);
        cr_assert_null(image.pixels);
        buffer_free(&file);
    }
}

/* Numbers as they stand in the file: no level is scaled, no palette applied. */
static const struct picture masks[] = {
    {"gray", 3, 1, 8, GRAY, 0, NULL, 0, RAW("\0\0\1\377"), 1, 1, {0, 1, 255}},
    {"gray of two bits", 4, 1, 2, GRAY, 0, NULL, 0, RAW("\0\x1b"), 1, 1, {0, 1, 2, 3}},
    {"palette of four bits",
     3,
     1,
     4,
     PALETTE,
     0,
     RAW("\1\2\3\4\5\6\7\x8\x9"),
     RAW("\0\x12\x00"),
     1,
     1,
     {1, 2, 0}},
};

static enum cupel_status read_mask(const struct picture *picture, struct cupel_image *mask,
                                   struct cupel_error *error) {
    struct buffer file = {0};
    char *path = temporary_path("mask.png");
    make_picture(&file, picture);
    spill(path, file.data, file.size);
    const enum cupel_status status = cupel_image_read_mask(path, mask, error);
    buffer_free(&file);
    free(path);
    return status;
}

Test(io_image, masks_are_numbers) {
    for (size_t i = 0; i < sizeof masks / sizeof *masks; i++) {
        struct cupel_image mask;
        struct cupel_error error = {0};
        cr_assert_eq(read_mask(&masks[i], &mask, &error), CUPEL_OK, "%s: %s", masks[i].what, error.message);
        cr_expect(mask.channels == 1 && mask.height == 1 && mask.width == (int)masks[i].width);
        cr_expect_eq(memcmp(mask.pixels, masks[i].expected, masks[i].width), 0, "%s", masks[i].what);
        cupel_image_free(&mask);
    }
    static const struct picture others[] = {
        {"it has 16 bits, not 8", 1, 1, 16, GRAY, 0, NULL, 0, RAW("\0\0\1")},
        {"it is in colour", 1, 1, 8, RGB, 0, NULL, 0, RAW("\0\0\1\2")},
        {"it is in colour or has transparency", 1, 1, 8, GRAY_ALPHA, 0, NULL, 0, RAW("\0\0\1")},
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct cupel_image mask;
        struct cupel_error error = {0};
        cr_expect_eq(read_mask(&others[i], &mask, &error), CUPEL_INVALID);
        cr_expect(strstr(error.message, others[i].what), "%s", error.message);
        cr_expect_null(mask.pixels);
    }
}

Test(io_image, masks_come_back_and_show_their_colours) {
    uint8_t numbers[] = {0, 1, 2, 3, 4, 7, 8, 64, 192, 255};
    /* of PASCAL VOC's colour map */
    static const uint8_t colours[][3] = {
        {0, 0, 0},   {128, 0, 0},     {0, 128, 0}, {128, 128, 0},
        {0, 0, 128}, {128, 128, 128}, {64, 0, 0},  {32, 0, 0} /* bit 6 is red's third */,
        {32, 32, 0}, {224, 224, 192}};
    char *path = temporary_path("mask.png");
    const struct cupel_image mask = {1, 2, 5, numbers};
    struct cupel_image back, image;
    cr_assert_eq(cupel_image_write_mask(path, &mask, NULL), CUPEL_OK);
    cr_assert_eq(cupel_image_read_mask(path, &back, NULL), CUPEL_OK);
    cr_expect(back.height == 2 && back.width == 5);
    cr_expect_arr_eq(back.pixels, numbers, sizeof numbers);
    cr_assert_eq(cupel_image_read(path, 3, &image, NULL), CUPEL_OK);
    for (int i = 0; i < 10; i++)
        for (int c = 0; c < 3; c++)
            cr_expect_eq(image.pixels[10 * c + i], colours[i][c], "%d, channel %d", i, c);
    struct cupel_error error = {0};
    cr_expect_eq(cupel_image_write_mask(path, &image, &error), CUPEL_INVALID);
    cr_expect(strstr(error.message, "a mask has 1 channel, not 3"), "%s", error.message);
    cupel_image_free(&back);
    cupel_image_free(&image);
    free(path);
}

static const struct picture good = {"good", 2, 2, 8, GRAY, 0, NULL, 0, RAW("\0\1\2\0\3\4"), 0, 1, {0}};

static void refuse(const struct buffer *file, const char *expected) {
    unsigned char *copy = malloc(file->size ? file->size : 1); /* exact, for AddressSanitizer */
    if (file->size) memcpy(copy, file->data, file->size);
    struct cupel_image image;
    struct cupel_error error = {0};
    cr_expect_eq(image_decode("f.png", copy, file->size, 0, &image, &error), CUPEL_INVALID, "%s", expected);
    cr_expect_not_null(strstr(error.message, expected), "expected %s, got %s", expected, error.message);
    cr_expect_eq(strncmp(error.message, "f.png: ", 7), 0);
    cr_expect_null(image.pixels);
    free(copy);
}

Test(io_image, a_file_cut_or_altered_at_any_byte_is_refused) {
    struct buffer file = {0};
    make_picture(&file, &good);
    size_t size = file.size;
    for (file.size = 0; file.size < 8; file.size++) refuse(&file, "is no PNG or JPEG image");
    for (; file.size < size; file.size++) refuse(&file, "the PNG image cannot be read: ");
    for (size_t i = 8; i < size; i++) {
        file.data[i] ^= 4;
        refuse(&file, "the PNG image cannot be read: ");
        file.data[i] ^= 4;
    }
    buffer_free(&file);
}

static const struct {
    struct picture picture;
    const char *expected;
} malformed[] = {
    {{"no width", 0, 2, 8, GRAY, 0, NULL, 0, RAW("\0\1\2"), 0, 1, {0}}, "Invalid IHDR data"},
    {{"3 bits", 2, 2, 3, GRAY, 0, NULL, 0, RAW("\0\1\2\0\3\4"), 0, 1, {0}}, "Invalid IHDR data"},
    {{"colour 5", 2, 2, 8, 5, 0, NULL, 0, RAW("\0\1\2\0\3\4"), 0, 1, {0}}, "Invalid IHDR data"},
    {{"no palette", 2, 2, 8, PALETTE, 0, NULL, 0, RAW("\0\1\2\0\3\4"), 0, 1, {0}},
     "Missing PLTE before IDAT"},
    {{"a row short", 2, 2, 8, GRAY, 0, NULL, 0, RAW("\0\1\2"), 0, 1, {0}}, "Not enough image data"},
    {{"filter 9", 2, 2, 8, GRAY, 0, NULL, 0, RAW("\0\1\2\11\3\4"), 0, 1, {0}}, "bad adaptive filter value"},
    {{"a bomb", 20000, 20000, 8, GRAY, 0, NULL, 0, RAW("\0\1\2\0\3\4"), 0, 1, {0}}, "more than 2^28 pixels"},
    {{"too wide", 0x80000000, 2, 8, GRAY, 0, NULL, 0, RAW("\0\1\2\0\3\4"), 0, 1, {0}},
     "unsigned integer out of range"},
};

Test(io_image, malformed_files_are_refused_with_the_reason) {
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++) {
        struct buffer file = {0};
        make_picture(&file, &malformed[i].picture);
        refuse(&file, malformed[i].expected);
        buffer_free(&file);
    }
    struct cupel_image image;
    cr_assert_eq(image_decode("f.png", NULL, 0, 2, &image, NULL), CUPEL_INVALID);
}

Test(io_image, what_is_written_is_read_with_its_texts) {
    static uint8_t pixels[3 * 5 * 7];
    for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)(i * 37);
    static const struct cupel_image_text texts[] = {{"Software", "cupel"}, {"Comment", "grüße"}};
    for (int channels = 1; channels <= 3; channels += 2) {
        struct cupel_error error = {0};
        struct cupel_image image = {channels, 5, 7, pixels}, read;
        char *path = temporary_path("image.png");
        cr_assert_eq(cupel_image_write(path, &image, texts, 2, &error), CUPEL_OK, "%s", error.message);
        cr_assert_eq(cupel_image_read(path, 0, &read, &error), CUPEL_OK, "%s", error.message);
        cr_assert_eq(read.channels, channels);
        cr_assert_eq(read.height, 5);
        cr_assert_eq(read.width, 7);
        cr_assert_eq(memcmp(read.pixels, pixels, (size_t)channels * 35), 0);
        cupel_image_free(&read);
        unsigned char *bytes;
        size_t size;
        cr_assert_eq(file_read(path, 1 << 20, &bytes, &size, NULL), CUPEL_OK);
        cr_assert_not_null(memmem(bytes, size, "iTXtSoftware\0\0\0\0\0cupel", 22));
        cr_assert_not_null(memmem(bytes, size, "grüße", 7));
        free(bytes);
        free(path);
    }
}

Test(io_image, what_cannot_be_written_is_refused) {
    static uint8_t pixels[16];
    const struct cupel_image fine = {1, 2, 2, pixels}, flat = {1, 0, 2, pixels}, two = {2, 2, 2, pixels};
    const struct cupel_image_text bad_key = {"", "value"};
    static const char prefix[] = "/nowhere/i.png: ";
    const struct {
        const struct cupel_image *image;
        const struct cupel_image_text *text;
        const char *expected;
    } table[] = {
        {&fine, NULL, "cannot be written: No such file"},
        {&flat, NULL, "an image of 2 x 0 pixels"},
        {&two, NULL, "has 1 or 3 channels, not 2"},
        {&fine, &bad_key, "the PNG image cannot be written: "},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct cupel_error error = {0};
        cr_expect_eq(
            cupel_image_write("/nowhere/i.png", table[i].image, table[i].text, table[i].text != NULL, &error),
            CUPEL_INVALID);
        cr_expect_not_null(strstr(error.message, table[i].expected), "%s", error.message);
        cr_expect_eq(strncmp(error.message, prefix, sizeof prefix - 1), 0);
    }
}
