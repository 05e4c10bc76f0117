/* Images of every kind of file: which kind it is, and channels. */
#include "io/image.h"

#include <stdlib.h>
#include <string.h>

#include "io/file.h"

/* Splits the interleaved pixels into planes of the channels asked for. */
static void split_channels(const struct raster *raster, struct cupel_image *image) {
    size_t count = (size_t)raster->width * (size_t)raster->height;
    const uint8_t *from = raster->pixels;
    for (size_t i = 0; i < count; i++, from += raster->channels) {
        if (raster->channels == 3 && image->channels == 1) {
            /* Pillow's weights in 16 bits, so that gray images agree with what a PyTorch pipeline reads. */
            image->pixels[i] =
                (uint8_t)((from[0] * 19595u + from[1] * 38470u + from[2] * 7471u + 0x8000) >> 16);
            continue;
        }
        for (int c = 0; c < image->channels; c++)
            image->pixels[(size_t)c * count + i] = from[raster->channels == 3 ? c : 0];
    }
}

static const struct kind {
    const char *name, *start;
    size_t length;
    bool (*decode)(const unsigned char *, size_t, struct raster *);
} kinds[] = {
    {"PNG", "\x89PNG\r\n\x1a\n", 8, image_decode_png},
    {"JPEG", "\xff\xd8\xff", 3, image_decode_jpeg},
};

static const struct kind *find_kind(const unsigned char *bytes, size_t size) {
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (size >= kinds[i].length && !memcmp(bytes, kinds[i].start, kinds[i].length)) return &kinds[i];
    return NULL;
}

enum cupel_status image_decode(const char *file, const unsigned char *bytes, size_t size, int channels,
                               struct cupel_image *image, struct cupel_error *error) {
    *image = (struct cupel_image){0};
    if (channels != 0 && channels != 1 && channels != 3)
        return cupel_fail(error, CUPEL_INVALID, "%s: an image is read with 1 or 3 channels, not %d", file,
                          channels);
    const struct kind *kind = find_kind(bytes, size);
    struct raster raster = {0};
    if (!kind) return cupel_fail(error, CUPEL_INVALID, "%s: is no PNG or JPEG image", file);
    if (!kind->decode(bytes, size, &raster))
        return cupel_fail(error, CUPEL_INVALID, "%s: the %s image cannot be read: %s", file, kind->name,
                          raster.reason);
    image->channels = channels ? channels : raster.channels;
    image->height = raster.height;
    image->width = raster.width;
    image->pixels = malloc((size_t)image->channels * (size_t)raster.width * (size_t)raster.height);
    if (image->pixels) split_channels(&raster, image);
    free(raster.pixels);
    return image->pixels ? CUPEL_OK : cupel_fail(error, CUPEL_NOMEM, "%s: no memory for its pixels", file);
}

enum cupel_status cupel_image_read(const char *path, int channels, struct cupel_image *image,
                                   struct cupel_error *error) {
    unsigned char *bytes;
    size_t size;
    *image = (struct cupel_image){0};
    CUPEL_TRY(file_read(path, PTRDIFF_MAX, &bytes, &size, error));
    enum cupel_status status = image_decode(path, bytes, size, channels, image, error);
    free(bytes);
    return status;
}

void cupel_image_free(struct cupel_image *image) {
    free(image->pixels);
    *image = (struct cupel_image){0};
}
