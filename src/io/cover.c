/* Scaling as Pillow and torchvision do it. */
#include "cupel/image.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { FRACTION_BITS = 22 }; /* of a weight; a byte and the sum's room take the other ten */

/* Which pixels of the source make up each pixel of a row or column, and with which weights. */
struct taps {
    int *first, *count; /* [size] */
    int32_t *weights;   /* [size, room] */
    int size, room;
};

static void free_taps(struct taps *taps) {
    free(taps->first);
    free(taps->count);
    free(taps->weights);
}

/* Fills the taps of one pixel, whose centre lies at `center` of the source. */
static void weigh(struct taps *taps, int place, double center, double reach, int source, double *scratch) {
    int first = (int)(center - reach + 0.5), end = (int)(center + reach + 0.5);
    if (center - reach + 0.5 < 0) first = 0;
    if (end > source) end = source;
    double sum = 0;
    for (int i = first; i < end; i++) {
        const double distance = fabs((i + 0.5 - center) / reach);
        scratch[i - first] = distance < 1 ? 1 - distance : 0;
        sum += scratch[i - first];
    }
    taps->first[place] = first;
    taps->count[place] = end - first;
    for (int i = 0; i < end - first; i++)
        taps->weights[(size_t)place * (size_t)taps->room + (size_t)i] =
            (int32_t)(scratch[i] / sum * (1 << FRACTION_BITS) + 0.5);
}

/* The taps of pixels [skip, skip + size) when `source` pixels become `scaled`. */
static bool make_taps(int source, int64_t scaled, int64_t skip, int size, struct taps *taps) {
    const double scale = (double)source / (double)scaled, reach = scale > 1 ? scale : 1;
    *taps = (struct taps){.size = size, .room = (int)ceil(reach) * 2 + 1};
    taps->first = calloc((size_t)size, sizeof *taps->first);
    taps->count = calloc((size_t)size, sizeof *taps->count);
    taps->weights = calloc((size_t)size * (size_t)taps->room, sizeof *taps->weights);
    double *scratch = calloc((size_t)taps->room, sizeof *scratch);
    const bool made = taps->first && taps->count && taps->weights && scratch;
    for (int i = 0; made && i < size; i++)
        weigh(taps, i, ((double)(skip + i) + 0.5) * scale, reach, source, scratch);
    free(scratch);
    return made;
}

static uint8_t round_sum(int64_t sum) {
    sum = (sum + (1 << (FRACTION_BITS - 1))) >> FRACTION_BITS;
    return (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

/* Rows of the source that the columns' taps look at. */
static int rows_needed(const struct taps *down) {
    return down->first[down->size - 1] + down->count[down->size - 1] - down->first[0];
}

/* One plane: rows first, of those that columns look at, into `between` [rows, width]. */
static void resize_plane(const uint8_t *from, int source_width, const struct taps *across,
                         const struct taps *down, uint8_t *between, uint8_t *to) {
    const int top = down->first[0], bottom = top + rows_needed(down), width = across->size;
    for (int y = top; y < bottom; y++) {
        const uint8_t *row = from + (size_t)y * (size_t)source_width;
        uint8_t *out = between + (size_t)(y - top) * (size_t)width;
        for (int x = 0; x < width; x++) {
            const int32_t *weights = across->weights + (size_t)x * (size_t)across->room;
            int64_t sum = 0;
            for (int i = 0; i < across->count[x]; i++) sum += (int64_t)weights[i] * row[across->first[x] + i];
            out[x] = round_sum(sum);
        }
    }
    for (int y = 0; y < down->size; y++) {
        const int32_t *weights = down->weights + (size_t)y * (size_t)down->room;
        const uint8_t *rows = between + (size_t)(down->first[y] - top) * (size_t)width;
        for (int x = 0; x < width; x++) {
            int64_t sum = 0;
            for (int i = 0; i < down->count[y]; i++)
                sum += (int64_t)weights[i] * rows[(size_t)i * (size_t)width + x];
            to[(size_t)y * (size_t)width + x] = round_sum(sum);
        }
    }
}

/* Half of what is too much, to the even number where it lies in the middle, as Python rounds. */
static int64_t margin(int64_t scaled, int64_t wanted) {
    const int64_t extra = scaled - wanted, half = extra / 2;
    return extra % 2 && half % 2 ? half + 1 : half;
}

/* The size that the image is scaled to, which just covers height x width: the side that would not reach sets the scale. */
static void fit(const struct cupel_image *image, int height, int width, int64_t *tall, int64_t *wide) {
    *tall = height;
    *wide = width;
    if ((int64_t)image->height * width <= (int64_t)image->width * height)
        *wide = (int64_t)height * image->width / image->height;
    else
        *tall = (int64_t)width * image->height / image->width;
}

enum cupel_status cupel_image_cover(const struct cupel_image *image, int height, int width, uint8_t *to,
                                    struct cupel_error *error) {
    int64_t tall, wide;
    fit(image, height, width, &tall, &wide);
    struct taps across = {0}, down = {0};
    bool made = make_taps(image->width, wide, margin(wide, width), width, &across) &&
                make_taps(image->height, tall, margin(tall, height), height, &down);
    uint8_t *between = made ? malloc((size_t)rows_needed(&down) * (size_t)width) : NULL;
    for (int c = 0; between && c < image->channels; c++)
        resize_plane(image->pixels + (size_t)c * (size_t)image->height * (size_t)image->width, image->width,
                     &across, &down, between, to + (size_t)c * (size_t)height * (size_t)width);
    made = between != NULL;
    free(between);
    free_taps(&across);
    free_taps(&down);
    return made ? CUPEL_OK
                : cupel_fail(error, CUPEL_NOMEM, "no memory to scale an image of %d x %d pixels",
                             image->width, image->height);
}

/* The pixel of the source in which the centre of a scaled pixel lies. */
static size_t nearest(int64_t place, int source, int64_t scaled) {
    return (size_t)((2 * place + 1) * source / (2 * scaled));
}

void cupel_image_cover_nearest(const struct cupel_image *image, int height, int width, uint8_t *to) {
    int64_t tall, wide;
    fit(image, height, width, &tall, &wide);
    const int64_t top = margin(tall, height), left = margin(wide, width);
    for (int c = 0; c < image->channels; c++) {
        const uint8_t *plane = image->pixels + (size_t)c * (size_t)image->height * (size_t)image->width;
        for (int y = 0; y < height; y++) {
            const uint8_t *row = plane + nearest(top + y, image->height, tall) * (size_t)image->width;
            for (int x = 0; x < width; x++) *to++ = row[nearest(left + x, image->width, wide)];
        }
    }
}
