/* Reads bytes in memory one after another, inflating them when they are a gzip file. */
#ifndef CUPEL_IO_READER_H
#define CUPEL_IO_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <zlib.h>

#include "cupel/status.h"

struct reader {
    const char *file; /* its name, for messages */
    const unsigned char *bytes;
    size_t size;
    size_t used;
    bool gzip;
    bool ended; /* the gzip stream ended, and its checksum was right */
    z_stream stream;
};

/* Starts reading; `bytes` must stay until reader_close. */
enum cupel_status reader_open(struct reader *reader, const char *file, const unsigned char *bytes,
                              size_t size, struct cupel_error *error);

/* The most bytes that can still come, from the size of what is left; no allocation needs to be larger. */
size_t reader_bound(const struct reader *reader);

/* Fills `to` with the next `size` bytes. CUPEL_INVALID when the file ends before, or its compression is
 * damaged. */
enum cupel_status reader_read(struct reader *reader, void *to, size_t size, struct cupel_error *error);

/* CUPEL_INVALID unless everything was read, the gzip checksum is right and nothing follows. */
enum cupel_status reader_finish(struct reader *reader, struct cupel_error *error);

void reader_close(struct reader *reader);

#endif
