#include "io/zip.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* Sizes and signatures of the records. */
enum {
    END_SIZE = 22,
    END64_PLACE_SIZE = 20,
    END64_SIZE = 56,
    ENTRY_SIZE = 46,
    LOCAL_SIZE = 30,
    MOST_COMMENT = 65535,
    STORED = 0,
    DEFLATED = 8,
    ENCRYPTED = 1,
    ZIP64 = 1, /* the kind of extra field that holds large numbers */
    DEFLATE_RATIO = 1032,
};
static const uint32_t end_mark = 0x06054b50, end64_place_mark = 0x07064b50, end64_mark = 0x06064b50,
                      entry_mark = 0x02014b50, local_mark = 0x04034b50, large = UINT32_MAX;

struct archive {
    const char *file;
    const unsigned char *bytes;
    size_t size;
};

struct member {
    uint64_t packed, size, place; /* bytes in the archive, unpacked, where its local header is */
    uint32_t checksum;
    unsigned method, flags;
};

/* Little-endian numbers. */
static uint64_t number(const unsigned char *at, int bytes) {
    uint64_t value = 0;
    while (bytes--) value = value << 8 | at[bytes];
    return value;
}

static enum cupel_status damaged(const struct archive *archive, const char *what, struct cupel_error *error) {
    return cupel_fail(error, CUPEL_INVALID, "%s: the ZIP archive is cut or damaged: %s", archive->file, what);
}

/* The record of `length` bytes at `place` if it lies in the archive and begins with the mark. */
static const unsigned char *record(const struct archive *archive, uint64_t place, size_t length,
                                   uint32_t mark) {
    if (place > archive->size || archive->size - place < length) return NULL;
    const unsigned char *at = archive->bytes + place;
    return number(at, 4) == mark ? at : NULL;
}

/* Where the directory begins, and its number of entries. */
static enum cupel_status find_directory(const struct archive *archive, uint64_t *place, uint64_t *count,
                                        struct cupel_error *error) {
    const unsigned char *end = NULL;
    size_t at = archive->size < END_SIZE ? 0 : archive->size - END_SIZE;
    for (size_t tried = 0; !end && tried <= MOST_COMMENT; tried++, at--) {
        end = record(archive, at, END_SIZE, end_mark);
        if (end || !at) break;
    }
    if (!end) return cupel_fail(error, CUPEL_INVALID, "%s: is no ZIP archive, or is cut", archive->file);
    *count = number(end + 10, 2);
    *place = number(end + 16, 4);
    if (*place != large && *count != UINT16_MAX) return CUPEL_OK;
    const unsigned char *hint =
        at < END64_PLACE_SIZE ? NULL
                              : record(archive, at - END64_PLACE_SIZE, END64_PLACE_SIZE, end64_place_mark);
    if (!hint) return CUPEL_OK; /* just 65535 members */
    end = record(archive, number(hint + 8, 8), END64_SIZE, end64_mark);
    if (!end) return damaged(archive, "its end is not where it should be", error);
    *count = number(end + 32, 8);
    *place = number(end + 48, 8);
    return CUPEL_OK;
}

/* Takes the numbers that are too large for an entry from its extra fields. */
static void read_large(struct member *member, const unsigned char *extra, size_t length) {
    while (length >= 4) {
        const unsigned kind = (unsigned)number(extra, 2);
        size_t left = (size_t)number(extra + 2, 2);
        if (left > length - 4) return;
        const unsigned char *at = extra + 4;
        uint64_t *const places[] = {&member->size, &member->packed, &member->place};
        for (int i = 0; kind == ZIP64 && i < 3; i++) {
            if (*places[i] != large || left < 8) continue;
            *places[i] = number(at, 8);
            at += 8;
            left -= 8;
        }
        const size_t whole = 4 + (size_t)number(extra + 2, 2);
        extra += whole;
        length -= whole;
    }
}

/* Looks for the member in the directory; `found` tells whether it is there. */
static enum cupel_status find_member(const struct archive *archive, const char *name, struct member *member,
                                     bool *found, struct cupel_error *error) {
    uint64_t place = 0, count = 0;
    *found = false;
    CUPEL_TRY(find_directory(archive, &place, &count, error));
    for (uint64_t i = 0; i < count && !*found; i++) {
        const unsigned char *entry = record(archive, place, ENTRY_SIZE, entry_mark);
        if (!entry) return damaged(archive, "its directory is not whole", error);
        const size_t length = (size_t)number(entry + 28, 2), extra = (size_t)number(entry + 30, 2);
        const size_t whole = ENTRY_SIZE + length + extra + (size_t)number(entry + 32, 2);
        if (archive->size - place < whole) return damaged(archive, "its directory is not whole", error);
        *found = length == strlen(name) && !memcmp(entry + ENTRY_SIZE, name, length);
        *member = (struct member){
            .flags = (unsigned)number(entry + 8, 2),
            .method = (unsigned)number(entry + 10, 2),
            .checksum = (uint32_t)number(entry + 16, 4),
            .packed = number(entry + 20, 4),
            .size = number(entry + 24, 4),
            .place = number(entry + 42, 4),
        };
        read_large(member, entry + ENTRY_SIZE + length, extra);
        place += whole;
    }
    return CUPEL_OK;
}

/* Inflates all of `from` to exactly `size` bytes. */
static bool inflate_all(const unsigned char *from, size_t packed, unsigned char *to, size_t size) {
    static const size_t piece = 1 << 30; /* zlib counts in unsigned int */
    z_stream stream = {.next_in = (unsigned char *)from, .next_out = to};
    unsigned char none;
    int result = Z_OK;
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) return false;
    if (!size) stream.next_out = &none;
    while (result == Z_OK) {
        const size_t input = packed < piece ? packed : piece, output = size < piece ? size : piece;
        stream.avail_in = (uInt)input;
        stream.avail_out = (uInt)output;
        result = inflate(&stream, Z_NO_FLUSH);
        packed -= input - stream.avail_in;
        size -= output - stream.avail_out;
    }
    inflateEnd(&stream);
    return result == Z_STREAM_END && !packed && !size;
}

static enum cupel_status unpack(const struct archive *archive, const char *name, const struct member *member,
                                unsigned char **data, struct cupel_error *error) {
    const unsigned char *local = record(archive, member->place, LOCAL_SIZE, local_mark);
    if (!local) return damaged(archive, "a member is not where it should be", error);
    const size_t start =
        (size_t)member->place + LOCAL_SIZE + (size_t)number(local + 26, 2) + (size_t)number(local + 28, 2);
    if (start > archive->size || archive->size - start < member->packed)
        return damaged(archive, "a member is not whole", error);
    if (member->flags & ENCRYPTED || (member->method != STORED && member->method != DEFLATED))
        return cupel_fail(error, CUPEL_INVALID,
                          "%s: %s is encrypted, or compressed by method %u; only deflate is read",
                          archive->file, name, member->method);
    if (member->method == STORED ? member->size != member->packed
                                 : member->size / DEFLATE_RATIO > member->packed + 1)
        return damaged(archive, "a member's size cannot be", error);
    *data = malloc(member->size ? (size_t)member->size : 1);
    if (!*data)
        return cupel_fail(error, CUPEL_NOMEM, "%s: no memory for the %" PRIu64 " bytes of %s", archive->file,
                          member->size, name);
    if (member->method == STORED)
        memcpy(*data, archive->bytes + start, (size_t)member->size);
    else if (!inflate_all(archive->bytes + start, (size_t)member->packed, *data, (size_t)member->size))
        return damaged(archive, "a member cannot be inflated", error);
    if (crc32_z(0, *data, (size_t)member->size) != member->checksum)
        return damaged(archive, "a member's checksum is wrong", error);
    return CUPEL_OK;
}

enum cupel_status zip_read(const char *file, const unsigned char *bytes, size_t size, const char *name,
                           unsigned char **data, size_t *data_size, struct cupel_error *error) {
    const struct archive archive = {file, bytes, size};
    struct member member;
    bool found;
    *data = NULL;
    CUPEL_TRY(find_member(&archive, name, &member, &found, error));
    if (!found) return CUPEL_OK;
    const enum cupel_status status = unpack(&archive, name, &member, data, error);
    if (status) {
        free(*data);
        *data = NULL;
    }
    *data_size = (size_t)member.size;
    return status;
}
