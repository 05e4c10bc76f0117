/* Many images in one. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "io/image.h"

enum { GAP = 2, GRAY = 128 };

/* Pixels of `count` images of `size` pixels side by side; -1 when they are more than an image may have. */
static int64_t side(int64_t count, int64_t size) {
    int64_t pixels;
    if (__builtin_mul_overflow(count, size + GAP, &pixels) || pixels - GAP > IMAGE_PIXELS) return -1;
    return pixels - GAP;
}

static enum cupel_status check(const struct cupel_shape *shape, int64_t count, int64_t rows, int64_t columns,
                               struct cupel_error *error) {
    if (shape->rank != 3 || (shape->dim[0] != 1 && shape->dim[0] != 3)) {
        char text[120];
        return cupel_fail(
            error, CUPEL_INVALID,
            "images of shape %s make no picture: it takes 1 or 3 channels, [1 or 3, height, width]",
            cupel_shape_text(shape, text, sizeof text));
    }
    int64_t cells;
    if (rows < 1 || columns < 1 || __builtin_mul_overflow(rows, columns, &cells) || count > cells)
        return cupel_fail(error, CUPEL_INVALID,
                          "%" PRId64 " images do not fit in a grid of %" PRId64 " rows and %" PRId64
                          " columns",
                          count, rows, columns);
    const int64_t height = side(rows, shape->dim[1]), width = side(columns, shape->dim[2]);
    if (height < 1 || width < 1 || height * width > IMAGE_PIXELS)
        return cupel_fail(error, CUPEL_INVALID,
                          "a grid of %" PRId64 " x %" PRId64 " images of %" PRId64 " x %" PRId64
                          " pixels is too large; at most 2^28 pixels make one picture",
                          rows, columns, shape->dim[1], shape->dim[2]);
    return CUPEL_OK;
}

enum cupel_status cupel_image_grid(const uint8_t *images, const struct cupel_shape *shape, int64_t count,
                                   int64_t rows, int64_t columns, struct cupel_image *grid,
                                   struct cupel_error *error) {
    *grid = (struct cupel_image){0};
    CUPEL_TRY(check(shape, count, rows, columns, error));
    const int64_t channels = shape->dim[0], height = shape->dim[1], width = shape->dim[2];
    const int64_t full_height = side(rows, height), full_width = side(columns, width);
    const size_t bytes = (size_t)(channels * full_height * full_width);
    uint8_t *pixels = malloc(bytes);
    if (!pixels) return cupel_fail(error, CUPEL_NOMEM, "no memory for a grid of %" PRId64 " images", count);
    memset(pixels, GRAY, bytes);
    for (int64_t line = 0; line < count * channels * height; line++) {
        const int64_t y = line % height, c = line / height % channels, i = line / height / channels;
        const int64_t down = i / columns * (height + GAP) + y, across = i % columns * (width + GAP);
        memcpy(pixels + (c * full_height + down) * full_width + across, images + line * width, (size_t)width);
    }
    *grid = (struct cupel_image){(int)channels, (int)full_height, (int)full_width, pixels};
    return CUPEL_OK;
}
