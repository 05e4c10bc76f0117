/* PNG and JPEG images. */
#ifndef CUPEL_IMAGE_H
#define CUPEL_IMAGE_H

#include "cupel/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Pixels from 0 to 255 in the order channel, row, column: [channels, height, width]. */
struct cupel_image {
    int channels; /* 1 (gray) or 3 (red, green, blue) */
    int height;
    int width;
    uint8_t *pixels;
};

/* A text that travels in the file (an `iTXt` chunk). The key has 1 to 79 Latin-1 characters, such as
 * "Software"; the value is UTF-8. */
struct cupel_image_text {
    const char *key;
    const char *value;
};

/* Reads a PNG or JPEG file, known by its first bytes, of at most 2^28 pixels. `channels` is 1 or 3 to convert
 * to gray (as Pillow's convert("L"), the luma of ITU-R BT.601: 0.299 R + 0.587 G + 0.114 B) or to RGB, 0 to
 * keep what the file has. Sixteen-bit samples are scaled to eight, transparency is dropped, an orientation in
 * EXIF is not looked at. Free the pixels with cupel_image_free. CUPEL_INVALID: no such file, not a whole
 * image, or a JPEG image in CMYK. */
enum cupel_status cupel_image_read(const char *path, int channels, struct cupel_image *image,
                                   struct cupel_error *error);

/* Writes a PNG file with `count` texts, atomically. CUPEL_INVALID: no file can be made there, the image is
 * empty or has neither 1 nor 3 channels, or a text cannot be written. CUPEL_IO: the writing failed. */
enum cupel_status cupel_image_write(const char *path, const struct cupel_image *image,
                                    const struct cupel_image_text *texts, size_t count,
                                    struct cupel_error *error);

/* Reads the text of that key, `iTXt`, `tEXt` or `zTXt`, of a PNG file; *value is the caller's to free, NULL when the file
 * has none. CUPEL_INVALID as for cupel_image_read. */
enum cupel_status cupel_image_read_text(const char *path, const char *key, char **value,
                                        struct cupel_error *error);

/* Lays `count` images, u8 [count, C, H, W] with `shape` [C, H, W], into one, row by row, with gray lines of 2 pixels
 * between them; places left over stay gray. Free the pixels with cupel_image_free. CUPEL_INVALID: there are more images
 * than rows x columns, C is neither 1 nor 3, or the picture would have more than 2^28 pixels. */
enum cupel_status cupel_image_grid(const uint8_t *images, const struct cupel_shape *shape, int64_t count,
                                   int64_t rows, int64_t columns, struct cupel_image *grid,
                                   struct cupel_error *error);

/* Scales the image, keeping its proportions, until it just covers height x width, both at least 1, and cuts that out of its
 * middle: for a square, torchvision's Resize(size) and CenterCrop(size) of a Pillow image. Scaling is Pillow's BILINEAR: each
 * pixel a weighted mean under a triangle as wide as the scale asks for (at least two pixels of the source), first along rows,
 * then along columns, rounded to a byte after each. `to` gets [channels, height, width]. CUPEL_NOMEM. */
enum cupel_status cupel_image_cover(const struct cupel_image *image, int height, int width, uint8_t *to,
                                    struct cupel_error *error);

/* The same with Pillow's NEAREST instead: each pixel is the one of the source in which its centre lies. Values stay what they are,
 * as masks need it. */
void cupel_image_cover_nearest(const struct cupel_image *image, int height, int width, uint8_t *to);

/* ---- masks: a number for each pixel, as an image of one channel ---- */

/* Reads a PNG file of gray levels or of palette entries of at most 8 bits as numbers: no level is scaled, no palette applied. Free
 * the pixels with cupel_image_free. CUPEL_INVALID: no such file, not a whole PNG image, or one of 16 bits or in colour. */
enum cupel_status cupel_image_read_mask(const char *path, struct cupel_image *mask,
                                        struct cupel_error *error);

/* Writes numbers as a PNG file of palette entries, atomically, in the colours of the PASCAL VOC sets: black, dark red, dark green,
 * ..., nearly white for 255. Errors as for cupel_image_write. */
enum cupel_status cupel_image_write_mask(const char *path, const struct cupel_image *mask,
                                         struct cupel_error *error);

/* The palette: the colour of a number. */
void cupel_image_colour(uint8_t number, uint8_t colour[3]);

/* Frees the pixels and zeroes the image. */
void cupel_image_free(struct cupel_image *image);

#ifdef __cplusplus
}
#endif
#endif
