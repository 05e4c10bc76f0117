/* PNG and JPEG in memory. */
#ifndef CUPEL_IO_IMAGE_H
#define CUPEL_IO_IMAGE_H

#include "base/buffer.h"
#include "cupel/image.h"

enum { IMAGE_PIXELS = 1 << 28 }; /* the most that an image may have */

/* What a file holds: rows, columns, channels. */
enum { RASTER_REASON = 200 };
struct raster {
    int width, height, channels; /* channels: 1 or 3 */
    uint8_t *pixels;             /* for the caller to free */
    char reason[RASTER_REASON];  /* on failure: why */
};

/* Decode a file that begins as one of its kind does; false: it cannot be read. */
bool image_decode_png(const unsigned char *bytes, size_t size, struct raster *raster);
bool image_decode_jpeg(const unsigned char *bytes, size_t size, struct raster *raster);

/* As cupel_image_read from bytes in memory; `file` is their name for messages. */
enum cupel_status image_decode(const char *file, const unsigned char *bytes, size_t size, int channels,
                               struct cupel_image *image, struct cupel_error *error);

/* As cupel_image_write, adding the file's bytes to `out`; `file` is its name for messages. */
enum cupel_status image_encode(const char *file, const struct cupel_image *image,
                               const struct cupel_image_text *texts, size_t count, struct buffer *out,
                               struct cupel_error *error);

#endif
