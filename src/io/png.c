/* PNG through libpng, which reports errors by longjmp. Whatever changes between setjmp and a jump lives in
 * the struct that the caller owns, never in a local of the function that called setjmp. */
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/file.h"
#include "io/image.h"

struct coder {
    png_structp png;
    png_infop info;
    const unsigned char *bytes; /* decoding: what is left of the file */
    size_t left;
    struct buffer *out; /* encoding: the file */
    png_uint_32 width, height;
    int channels;          /* in the file, after conversion to 8 bits of gray or RGB */
    bool mask;             /* pixels are numbers: nothing is converted */
    png_bytep interleaved; /* the pixels as the file has them: rows, columns, channels */
    png_bytep *rows;
    png_textp texts;
    char reason[RASTER_REASON];
};

static void note_error(png_structp png, png_const_charp reason) {
    struct coder *coder = png_get_error_ptr(png);
    snprintf(coder->reason, sizeof coder->reason, "%s", reason);
    png_longjmp(png, 1);
}

static void ignore_warning(png_structp png, png_const_charp reason) {
    (void)png;
    (void)reason;
}

static void read_bytes(png_structp png, png_bytep to, size_t size) {
    struct coder *coder = png_get_io_ptr(png);
    if (size > coder->left) png_error(png, "the file is cut");
    memcpy(to, coder->bytes, size);
    coder->bytes += size;
    coder->left -= size;
}

static void write_bytes(png_structp png, png_bytep from, size_t size) {
    struct coder *coder = png_get_io_ptr(png);
    buffer_add(coder->out, from, size);
}

static void flush_nothing(png_structp png) {
    (void)png;
}

static void allocate_rows(struct coder *coder) {
    size_t stride = (size_t)coder->width * (size_t)coder->channels;
    coder->interleaved = malloc(stride * coder->height);
    coder->rows = calloc(coder->height, sizeof *coder->rows);
    if (!coder->interleaved || !coder->rows) png_error(coder->png, "no memory for its pixels");
    for (size_t y = 0; y < coder->height; y++) coder->rows[y] = coder->interleaved + y * stride;
}

/* Asks for 8 bits of gray or RGB. */
static void convert_to_pixels(png_structp png) {
    png_set_scale_16(png);
    png_set_palette_to_rgb(png);
    png_set_expand_gray_1_2_4_to_8(png);
    png_set_strip_alpha(png);
}

/* Asks for a byte with each number. */
static void convert_to_numbers(const struct coder *coder) {
    const int colour = png_get_color_type(coder->png, coder->info);
    if (colour != PNG_COLOR_TYPE_GRAY && colour != PNG_COLOR_TYPE_PALETTE)
        png_error(coder->png, "it is in colour or has transparency, not gray levels or a palette");
    if (png_get_bit_depth(coder->png, coder->info) > 8) png_error(coder->png, "it has 16 bits, not 8");
    png_set_packing(coder->png);
}

/* Reads the image into `interleaved`; on false, `reason` says what is wrong. */
static bool decode_rows(struct coder *coder) {
    coder->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, coder, note_error, ignore_warning);
    coder->info = coder->png ? png_create_info_struct(coder->png) : NULL;
    if (!coder->info) {
        snprintf(coder->reason, sizeof coder->reason, "no memory to decode it");
        return false;
    }
    if (setjmp(png_jmpbuf(coder->png))) return false;
    png_set_read_fn(coder->png, coder, read_bytes);
    png_read_info(coder->png, coder->info);
    coder->width = png_get_image_width(coder->png, coder->info);
    coder->height = png_get_image_height(coder->png, coder->info);
    if ((uint64_t)coder->width * coder->height > IMAGE_PIXELS) png_error(coder->png, "more than 2^28 pixels");
    if (coder->mask)
        convert_to_numbers(coder);
    else
        convert_to_pixels(coder->png);
    png_set_interlace_handling(coder->png);
    png_read_update_info(coder->png, coder->info);
    coder->channels = png_get_channels(coder->png, coder->info);
    allocate_rows(coder);
    png_read_image(coder->png, coder->rows);
    png_read_end(coder->png, NULL);
    return true;
}

static void decode_close(struct coder *coder) {
    png_destroy_read_struct(&coder->png, &coder->info, NULL);
    free(coder->interleaved);
    free(coder->rows);
}

bool image_decode_png(const unsigned char *bytes, size_t size, struct raster *raster) {
    struct coder coder = {.bytes = bytes, .left = size};
    const bool decoded = decode_rows(&coder);
    if (decoded) {
        *raster = (struct raster){(int)coder.width, (int)coder.height, coder.channels, coder.interleaved};
        coder.interleaved = NULL;
    }
    memcpy(raster->reason, coder.reason, sizeof raster->reason);
    decode_close(&coder);
    return decoded;
}

enum cupel_status cupel_image_read_mask(const char *path, struct cupel_image *mask,
                                        struct cupel_error *error) {
    unsigned char *bytes;
    size_t size;
    *mask = (struct cupel_image){0};
    CUPEL_TRY(file_read(path, PTRDIFF_MAX, &bytes, &size, error));
    struct coder coder = {.bytes = bytes, .left = size, .mask = true};
    enum cupel_status status = CUPEL_OK;
    if (size < 8 || png_sig_cmp(bytes, 0, 8)) {
        status = cupel_fail(error, CUPEL_INVALID, "%s: is no PNG image, which masks are", path);
    } else if (!decode_rows(&coder)) {
        status = cupel_fail(error, CUPEL_INVALID, "%s: the mask cannot be read: %s", path, coder.reason);
    } else {
        *mask = (struct cupel_image){1, (int)coder.height, (int)coder.width, coder.interleaved};
        coder.interleaved = NULL;
    }
    decode_close(&coder);
    free(bytes);
    return status;
}

/* The text of a key in a file that has been decoded; *value stays NULL without one. */
static enum cupel_status find_text(const char *file, const struct coder *coder, const char *key, char **value,
                                   struct cupel_error *error) {
    png_textp texts;
    const int count = png_get_text(coder->png, coder->info, &texts, NULL);
    for (int i = 0; i < count; i++) {
        if (strcmp(texts[i].key, key) != 0) continue;
        *value = strdup(texts[i].text ? texts[i].text : "");
        return *value ? CUPEL_OK : cupel_fail(error, CUPEL_NOMEM, "%s: no memory for its texts", file);
    }
    return CUPEL_OK;
}

static enum cupel_status read_text(const char *file, struct coder *coder, const char *key, char **value,
                                   struct cupel_error *error) {
    if (coder->left < 8 || png_sig_cmp(coder->bytes, 0, 8))
        return cupel_fail(error, CUPEL_INVALID, "%s: is no PNG image", file);
    if (decode_rows(coder)) return find_text(file, coder, key, value, error);
    return cupel_fail(error, CUPEL_INVALID, "%s: the PNG image cannot be read: %s", file, coder->reason);
}

enum cupel_status cupel_image_read_text(const char *path, const char *key, char **value,
                                        struct cupel_error *error) {
    unsigned char *bytes;
    size_t size;
    *value = NULL;
    CUPEL_TRY(file_read(path, PTRDIFF_MAX, &bytes, &size, error));
    struct coder coder = {.bytes = bytes, .left = size};
    const enum cupel_status status = read_text(path, &coder, key, value, error);
    decode_close(&coder);
    free(bytes);
    return status;
}

/* The bits of a number, from the lowest up, go to red, green and blue in turn, from their highest bits down: the colour map of
 * the PASCAL VOC development kit (Everingham et al. 2010). */
void cupel_image_colour(uint8_t number, uint8_t colour[3]) {
    colour[0] = colour[1] = colour[2] = 0;
    for (unsigned bit = 0; bit < 8; bit++)
        colour[bit % 3] = (uint8_t)(colour[bit % 3] | (number >> bit & 1u) << (7 - bit / 3));
}

static void set_palette(struct coder *coder) {
    png_color palette[256];
    for (int i = 0; i < 256; i++) {
        uint8_t colour[3];
        cupel_image_colour((uint8_t)i, colour);
        palette[i] = (png_color){colour[0], colour[1], colour[2]};
    }
    png_set_PLTE(coder->png, coder->info, palette, 256);
}

static void set_texts(struct coder *coder, const struct cupel_image_text *texts, size_t count) {
    coder->texts = calloc(count + 1, sizeof *coder->texts);
    if (!coder->texts) png_error(coder->png, "no memory for its texts");
    for (size_t i = 0; i < count; i++) {
        coder->texts[i].compression = PNG_ITXT_COMPRESSION_NONE;
        coder->texts[i].key = (png_charp)texts[i].key; /* libpng copies both */
        coder->texts[i].text = (png_charp)texts[i].value;
    }
    png_set_text(coder->png, coder->info, coder->texts, (int)count);
}

static void join_channels(const struct coder *coder, const struct cupel_image *image) {
    size_t count = (size_t)coder->width * coder->height;
    for (size_t i = 0; i < count; i++)
        for (int c = 0; c < image->channels; c++)
            coder->interleaved[i * (size_t)image->channels + (size_t)c] =
                image->pixels[(size_t)c * count + i];
}

/* Writes the image to `out`; on false, `reason` says what is wrong. */
static bool encode_rows(struct coder *coder, const struct cupel_image *image,
                        const struct cupel_image_text *texts, size_t count) {
    coder->png = png_create_write_struct(PNG_LIBPNG_VER_STRING, coder, note_error, ignore_warning);
    coder->info = coder->png ? png_create_info_struct(coder->png) : NULL;
    if (!coder->info) {
        snprintf(coder->reason, sizeof coder->reason, "no memory to encode it");
        return false;
    }
    if (setjmp(png_jmpbuf(coder->png))) return false;
    png_set_write_fn(coder->png, coder, write_bytes, flush_nothing);
    png_set_IHDR(coder->png, coder->info, coder->width, coder->height, 8,
                 coder->mask            ? PNG_COLOR_TYPE_PALETTE
                 : image->channels == 3 ? PNG_COLOR_TYPE_RGB
                                        : PNG_COLOR_TYPE_GRAY,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (coder->mask) set_palette(coder);
    if (count) set_texts(coder, texts, count);
    allocate_rows(coder);
    join_channels(coder, image);
    png_write_info(coder->png, coder->info);
    png_write_image(coder->png, coder->rows);
    png_write_end(coder->png, NULL);
    return true;
}

static enum cupel_status encode(const char *file, const struct cupel_image *image, bool mask,
                                const struct cupel_image_text *texts, size_t count, struct buffer *out,
                                struct cupel_error *error) {
    if (image->channels != 1 && image->channels != 3)
        return cupel_fail(error, CUPEL_INVALID, "%s: a PNG image has 1 or 3 channels, not %d", file,
                          image->channels);
    if (image->width < 1 || image->height < 1)
        return cupel_fail(error, CUPEL_INVALID, "%s: an image of %d x %d pixels cannot be written", file,
                          image->width, image->height);
    struct coder coder = {.out = out,
                          .mask = mask,
                          .channels = image->channels,
                          .width = (png_uint_32)image->width,
                          .height = (png_uint_32)image->height};
    enum cupel_status status = CUPEL_OK;
    if (!encode_rows(&coder, image, texts, count))
        status =
            cupel_fail(error, CUPEL_INVALID, "%s: the PNG image cannot be written: %s", file, coder.reason);
    else if (out->failed)
        status = cupel_fail(error, CUPEL_NOMEM, "%s: no memory for the PNG image", file);
    png_destroy_write_struct(&coder.png, &coder.info);
    free(coder.interleaved);
    free(coder.rows);
    free(coder.texts);
    return status;
}

enum cupel_status image_encode(const char *file, const struct cupel_image *image,
                               const struct cupel_image_text *texts, size_t count, struct buffer *out,
                               struct cupel_error *error) {
    return encode(file, image, false, texts, count, out, error);
}

static enum cupel_status write_file(const char *path, const struct cupel_image *image, bool mask,
                                    const struct cupel_image_text *texts, size_t count,
                                    struct cupel_error *error) {
    struct buffer out = {0};
    enum cupel_status status = encode(path, image, mask, texts, count, &out, error);
    if (!status) status = file_write(path, &(struct iovec){out.data, out.size}, 1, error);
    buffer_free(&out);
    return status;
}

enum cupel_status cupel_image_write(const char *path, const struct cupel_image *image,
                                    const struct cupel_image_text *texts, size_t count,
                                    struct cupel_error *error) {
    return write_file(path, image, false, texts, count, error);
}

enum cupel_status cupel_image_write_mask(const char *path, const struct cupel_image *mask,
                                         struct cupel_error *error) {
    if (mask->channels == 1) return write_file(path, mask, true, NULL, 0, error);
    return cupel_fail(error, CUPEL_INVALID, "%s: a mask has 1 channel, not %d", path, mask->channels);
}
