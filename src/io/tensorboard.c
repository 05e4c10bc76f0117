/* An event file is a sequence of TFRecords, each holding one `Event` protocol buffer.
 *
 * TFRecord: length (8 bytes), masked CRC of the length, data, masked CRC of the data; CRC-32C, masked as
 * rotate_right(crc, 15) + 0xa282ead8 (tensorflow/core/lib/hash/crc32c.h). Event and Summary are written by
 * hand from their field numbers in tensorflow/core/util/event.proto and
 * tensorflow/core/framework/summary.proto. */
#include "io/tensorboard.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"

struct tensorboard {
    FILE *file;
    char *path;
    struct buffer event, summary, value;
};

enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 }; /* protobuf wire types */
enum { EVENT_WALL_TIME = 1, EVENT_STEP = 2, EVENT_FILE_VERSION = 3, EVENT_SUMMARY = 5 };
enum { SUMMARY_VALUE = 1 };
enum { VALUE_TAG = 1, VALUE_SIMPLE = 2 };

/* Bit by bit: a record has some 50 bytes, a table would not pay. */
static uint32_t masked_crc32c(const void *data, size_t size) {
    const unsigned char *bytes = data;
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
    }
    crc = ~crc;
    return (crc >> 15 | crc << 17) + 0xa282ead8;
}

static void add_varint(struct buffer *buffer, uint64_t value) {
    unsigned char bytes[10];
    size_t count = 0;
    for (; value >= 0x80; value >>= 7) bytes[count++] = (unsigned char)(value | 0x80);
    bytes[count++] = (unsigned char)value;
    buffer_add(buffer, bytes, count);
}

static void add_field(struct buffer *buffer, unsigned field, unsigned wire_type) {
    add_varint(buffer, field << 3 | wire_type);
}

static void add_bytes(struct buffer *buffer, unsigned field, const void *data, size_t size) {
    add_field(buffer, field, BYTES);
    add_varint(buffer, size);
    buffer_add(buffer, data, size);
}

static void begin_event(struct tensorboard *tensorboard) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    double seconds = (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
    buffer_clear(&tensorboard->event);
    add_field(&tensorboard->event, EVENT_WALL_TIME, FIXED64);
    buffer_add(&tensorboard->event, &seconds, sizeof seconds);
}

static enum cupel_status write_event(struct tensorboard *tensorboard, struct cupel_error *error) {
    const struct buffer *event = &tensorboard->event;
    if (event->failed || tensorboard->summary.failed || tensorboard->value.failed)
        return cupel_fail(error, CUPEL_NOMEM, "%s: no memory for an event", tensorboard->path);
    uint64_t length = htole64(event->size);
    uint32_t length_crc = htole32(masked_crc32c(&length, sizeof length));
    uint32_t data_crc = htole32(masked_crc32c(event->data, event->size));
    FILE *file = tensorboard->file;
    fwrite(&length, sizeof length, 1, file);
    fwrite(&length_crc, sizeof length_crc, 1, file);
    fwrite(event->data, 1, event->size, file);
    fwrite(&data_crc, sizeof data_crc, 1, file);
    if (fflush(file) || ferror(file))
        return cupel_fail(error, CUPEL_IO, "%s: writing failed: %s", tensorboard->path, strerror(errno));
    return CUPEL_OK;
}

/* Opens a file of a new name: TensorBoard wants `tfevents` and a time in it. */
static enum cupel_status open_file(struct tensorboard *tensorboard, const char *directory,
                                   struct cupel_error *error) {
    char host[65] = "localhost";
    gethostname(host, sizeof host - 1);
    for (int attempt = 0;; attempt++) {
        free(tensorboard->path);
        if (asprintf(&tensorboard->path, "%s/events.out.tfevents.%lld.%s.%ld.%d", directory,
                     (long long)time(NULL), host, (long)getpid(), attempt) < 0) {
            tensorboard->path = NULL;
            return cupel_fail(error, CUPEL_NOMEM, "%s: no memory for a file name", directory);
        }
        tensorboard->file = fopen(tensorboard->path, "wxe");
        if (tensorboard->file) return CUPEL_OK;
        if (errno != EEXIST)
            return cupel_fail(error, CUPEL_INVALID, "%s: cannot be written: %s", tensorboard->path,
                              strerror(errno));
    }
}

enum cupel_status tensorboard_open(const char *directory, struct tensorboard **tensorboard,
                                   struct cupel_error *error) {
    static const char version[] = "brain.Event:2";
    struct tensorboard *made = calloc(1, sizeof *made);
    *tensorboard = NULL;
    if (!made) return cupel_fail(error, CUPEL_NOMEM, "%s: no memory for an event file", directory);
    enum cupel_status status = open_file(made, directory, error);
    if (!status) {
        begin_event(made);
        add_bytes(&made->event, EVENT_FILE_VERSION, version, sizeof version - 1);
        status = write_event(made, error);
    }
    if (status)
        tensorboard_close(made);
    else
        *tensorboard = made;
    return status;
}

enum cupel_status tensorboard_scalar(struct tensorboard *tensorboard, const char *tag, int64_t step,
                                     float value, struct cupel_error *error) {
    buffer_clear(&tensorboard->value);
    add_bytes(&tensorboard->value, VALUE_TAG, tag, strlen(tag));
    add_field(&tensorboard->value, VALUE_SIMPLE, FIXED32);
    buffer_add(&tensorboard->value, &value, sizeof value);
    buffer_clear(&tensorboard->summary);
    add_bytes(&tensorboard->summary, SUMMARY_VALUE, tensorboard->value.data, tensorboard->value.size);
    begin_event(tensorboard);
    add_field(&tensorboard->event, EVENT_STEP, VARINT);
    add_varint(&tensorboard->event, (uint64_t)step);
    add_bytes(&tensorboard->event, EVENT_SUMMARY, tensorboard->summary.data, tensorboard->summary.size);
    return write_event(tensorboard, error);
}

void tensorboard_close(struct tensorboard *tensorboard) {
    if (!tensorboard) return;
    if (tensorboard->file) fclose(tensorboard->file);
    buffer_free(&tensorboard->event);
    buffer_free(&tensorboard->summary);
    buffer_free(&tensorboard->value);
    free(tensorboard->path);
    free(tensorboard);
}
