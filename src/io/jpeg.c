/* JPEG through libjpeg-turbo, which reports errors by a function that must not return: here it jumps. Whatever
 * changes between setjmp and a jump lives in the struct that the caller owns. */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Each needs what is included before it. */
#include <jpeglib.h>

#include <jerror.h>

#include "io/image.h"

struct decoder {
    struct jpeg_error_mgr errors; /* the library hands out pointers to this member */
    struct jpeg_source_mgr source;
    struct jpeg_decompress_struct jpeg;
    jmp_buf jump;
    uint8_t *pixels;
    struct raster *raster;
};

static void note_error(j_common_ptr jpeg) {
    struct decoder *decoder = (struct decoder *)jpeg->err;
    char reason[JMSG_LENGTH_MAX];
    jpeg->err->format_message(jpeg, reason);
    snprintf(decoder->raster->reason, sizeof decoder->raster->reason, "%s", reason);
    longjmp(decoder->jump, 1);
}

static void fail(struct decoder *decoder, const char *reason) {
    snprintf(decoder->raster->reason, sizeof decoder->raster->reason, "%s", reason);
    longjmp(decoder->jump, 1);
}

/* The library would fill what damage took away with gray and go on. */
static void judge_warning(j_common_ptr jpeg, int level) {
    static const int damage[] = {JWRN_ARITH_BAD_CODE, JWRN_HIT_MARKER,     JWRN_HUFF_BAD_CODE,
                                 JWRN_MUST_RESYNC,    JWRN_NOT_SEQUENTIAL, JWRN_BOGUS_PROGRESSION};
    if (level >= 0) return;
    for (size_t i = 0; i < sizeof damage / sizeof *damage; i++)
        if (jpeg->err->msg_code == damage[i]) note_error(jpeg);
}

static void start_source(j_decompress_ptr jpeg) {
    (void)jpeg;
}

/* All bytes were there from the start. */
static boolean want_more(j_decompress_ptr jpeg) {
    fail((struct decoder *)jpeg->err, "the file is cut");
    return FALSE;
}

static void skip_bytes(j_decompress_ptr jpeg, long count) {
    if (count <= 0) return;
    if ((size_t)count > jpeg->src->bytes_in_buffer) want_more(jpeg);
    jpeg->src->next_input_byte += count;
    jpeg->src->bytes_in_buffer -= (size_t)count;
}

static void read_rows(struct decoder *decoder) {
    struct jpeg_decompress_struct *jpeg = &decoder->jpeg;
    jpeg_read_header(jpeg, TRUE);
    if ((uint64_t)jpeg->image_width * jpeg->image_height > IMAGE_PIXELS)
        fail(decoder, "more than 2^28 pixels");
    if (jpeg->num_components != 1 && jpeg->num_components != 3)
        fail(decoder, "it has neither gray nor RGB colours (CMYK, for print); convert it");
    jpeg->out_color_space = jpeg->num_components == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_start_decompress(jpeg);
    size_t stride = (size_t)jpeg->output_width * (size_t)jpeg->output_components;
    decoder->pixels = malloc(stride * jpeg->output_height);
    if (!decoder->pixels) fail(decoder, "no memory for its pixels");
    while (jpeg->output_scanline < jpeg->output_height) {
        JSAMPROW row = decoder->pixels + stride * jpeg->output_scanline;
        jpeg_read_scanlines(jpeg, &row, 1);
    }
    jpeg_finish_decompress(jpeg);
}

static bool decode(struct decoder *decoder) {
    if (setjmp(decoder->jump)) return false;
    jpeg_create_decompress(&decoder->jpeg);
    decoder->jpeg.src = &decoder->source;
    read_rows(decoder);
    return true;
}

bool image_decode_jpeg(const unsigned char *bytes, size_t size, struct raster *raster) {
    struct decoder decoder = {.raster = raster};
    decoder.jpeg.err = jpeg_std_error(&decoder.errors);
    decoder.errors.error_exit = note_error;
    decoder.errors.emit_message = judge_warning;
    decoder.source = (struct jpeg_source_mgr){
        .next_input_byte = bytes,
        .bytes_in_buffer = size,
        .init_source = start_source,
        .fill_input_buffer = want_more,
        .skip_input_data = skip_bytes,
        .resync_to_restart = jpeg_resync_to_restart,
        .term_source = start_source,
    };
    const bool decoded = decode(&decoder);
    if (decoded) {
        raster->width = (int)decoder.jpeg.output_width;
        raster->height = (int)decoder.jpeg.output_height;
        raster->channels = decoder.jpeg.output_components;
        raster->pixels = decoder.pixels;
    } else {
        free(decoder.pixels);
    }
    jpeg_destroy_decompress(&decoder.jpeg);
    return decoded;
}
