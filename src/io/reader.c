/* Bytes from memory, through zlib when they are a gzip file. */
#include "io/reader.h"

#include <stdint.h>
#include <string.h>

/* Deflate cannot expand more than 1032 times: 258 bytes from two bits (https://zlib.net/zlib_tech.html). */
enum { DEFLATE_RATIO = 1032 };

/* zlib counts in unsigned int; larger files go through it in pieces. */
static const size_t largest_piece = 1 << 30;

enum cupel_status reader_open(struct reader *reader, const char *file, const unsigned char *bytes,
                              size_t size, struct cupel_error *error) {
    *reader = (struct reader){.file = file, .bytes = bytes, .size = size};
    reader->gzip = size >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
    if (reader->gzip && inflateInit2(&reader->stream, MAX_WBITS + 16) != Z_OK) {
        reader->gzip = false;
        return cupel_fail(error, CUPEL_NOMEM, "%s: no memory to inflate it", file);
    }
    return CUPEL_OK;
}

size_t reader_bound(const struct reader *reader) {
    size_t left = reader->size - reader->used;
    if (!reader->gzip) return left;
    /* A few bytes that were taken in may still wait inside zlib. */
    return left > SIZE_MAX / DEFLATE_RATIO - 64 ? SIZE_MAX : (left + 64) * DEFLATE_RATIO;
}

/* Inflates up to `size` bytes; `got` tells how many came before the stream or the file ended. */
static enum cupel_status inflate_some(struct reader *reader, unsigned char *to, size_t size, size_t *got,
                                      struct cupel_error *error) {
    z_stream *stream = &reader->stream;
    *got = 0;
    while (*got < size && !reader->ended) {
        size_t input = reader->size - reader->used;
        if (input > largest_piece) input = largest_piece;
        size_t output = size - *got < largest_piece ? size - *got : largest_piece;
        stream->next_in = (unsigned char *)reader->bytes + reader->used;
        stream->avail_in = (uInt)input;
        stream->next_out = to + *got;
        stream->avail_out = (uInt)output;
        int result = inflate(stream, Z_NO_FLUSH);
        reader->used += input - stream->avail_in;
        *got += output - stream->avail_out;
        if (result == Z_STREAM_END)
            reader->ended = true;
        else if (result == Z_MEM_ERROR)
            return cupel_fail(error, CUPEL_NOMEM, "%s: no memory to inflate it", reader->file);
        else if (result == Z_BUF_ERROR)
            return cupel_fail(error, CUPEL_INVALID,
                              "%s: the gzip stream stops after %zu bytes: the file is cut", reader->file,
                              reader->size);
        else if (result != Z_OK)
            return cupel_fail(error, CUPEL_INVALID, "%s: the gzip stream is damaged near byte %zu: %s",
                              reader->file, reader->used,
                              stream->msg ? stream->msg : "a preset dictionary is asked for");
    }
    return CUPEL_OK;
}

enum cupel_status reader_read(struct reader *reader, void *to, size_t size, struct cupel_error *error) {
    size_t got = reader->size - reader->used;
    if (reader->gzip) {
        CUPEL_TRY(inflate_some(reader, to, size, &got, error));
    } else {
        if (got > size) got = size;
        memcpy(to, reader->bytes + reader->used, got);
        reader->used += got;
    }
    if (got == size) return CUPEL_OK;
    return cupel_fail(error, CUPEL_INVALID, "%s: the %sfile ends %zu bytes too early", reader->file,
                      reader->gzip ? "compressed " : "", size - got);
}

enum cupel_status reader_finish(struct reader *reader, struct cupel_error *error) {
    unsigned char extra;
    size_t got = 0;
    if (reader->gzip) CUPEL_TRY(inflate_some(reader, &extra, 1, &got, error));
    if (got)
        return cupel_fail(error, CUPEL_INVALID, "%s: holds more data than its header says", reader->file);
    if (reader->used == reader->size) return CUPEL_OK;
    return cupel_fail(error, CUPEL_INVALID, "%s: %zu bytes of something else follow the %s", reader->file,
                      reader->size - reader->used,
                      reader->gzip ? "gzip stream" : "data that its header announces");
}

void reader_close(struct reader *reader) {
    if (reader->gzip) inflateEnd(&reader->stream);
    reader->gzip = false;
}
