#include "data/cache.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "data/source.h"

static const char magic[8] = "CUPELSET";
enum { VERSION = 3, PIECE = 1 << 20 };

/* The file: this, images and labels of the training split, those of the test split. Numbers are as this machine has them; another
 * one's version does not match. */
struct header {
    char magic[8];
    uint64_t version;
    uint64_t contents;
    int64_t shape[3];
    int64_t classes, train, test, skipped;
    struct cupel_error first_skipped;
    uint32_t body; /* CRC-32 of what follows the header, */
    uint32_t head; /* and of what is before this */
};

static uint32_t checksum_of(const struct header *header) {
    return (uint32_t)crc32_z(0, (const unsigned char *)header, offsetof(struct header, head));
}

/* ---- what the file belongs to ---- */

/* FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/). */
static void mix(uint64_t *hash, const void *data, size_t size) {
    const unsigned char *bytes = data;
    for (size_t i = 0; i < size; i++) *hash = (*hash ^ bytes[i]) * UINT64_C(0x100000001b3);
}

static void mix_number(uint64_t *hash, int64_t number) {
    mix(hash, &number, sizeof number);
}

/* With its final zero, which no path holds. */
static void mix_text(uint64_t *hash, const char *text) {
    mix(hash, text, strlen(text) + 1);
}

static const uint64_t start = UINT64_C(0xcbf29ce484222325);

static void mix_listing(uint64_t *hash, const struct listing *listing) {
    mix_number(hash, listing->count);
    for (int32_t c = 0; c < listing->class_count; c++) mix_text(hash, listing->classes[c]);
    for (int64_t i = 0; i < listing->count; i++) {
        const struct listed *file = &listing->files[i];
        mix_text(hash, file->path);
        mix_number(hash, file->class);
        mix_number(hash, file->size);
        mix_number(hash, file->changed.tv_sec);
        mix_number(hash, file->changed.tv_nsec);
    }
}

enum cupel_status cache_open(const struct cupel_dataset_spec *spec, const int64_t shape[3],
                             const struct folder *folder, struct cache *cache, struct cupel_error *error) {
    uint64_t place = start;
    *cache = (struct cache){.contents = start};
    char *whole = realpath(spec->path, NULL);
    mix_text(&place, whole ? whole : spec->path);
    free(whole);
    for (int i = 0; i < 3; i++) mix_number(&place, shape[i]);
    mix_number(&place, spec->resize);
    mix_number(&place, spec->skip_bad);
    mix_number(&place, spec->train_only);
    mix_listing(&cache->contents, &folder->train);
    mix_listing(&cache->contents, &folder->test);
    if (asprintf(&cache->path, "%s/%016" PRIx64 ".images", spec->cache, place) >= 0) return CUPEL_OK;
    cache->path = NULL;
    return cupel_fail(error, CUPEL_NOMEM, "%s: no memory for a file name", spec->cache);
}

void cache_close(struct cache *cache) {
    free(cache->path);
    *cache = (struct cache){0};
}

/* ---- reading ---- */

static bool read_all(FILE *file, void *to, size_t size, uLong *crc) {
    if (fread(to, 1, size, file) != size) return false;
    *crc = crc32_z(*crc, to, size);
    return true;
}

/* Goes over what is not taken into memory. */
static bool pass_over(FILE *file, size_t size, uLong *crc) {
    unsigned char *piece = malloc(PIECE);
    bool read = piece != NULL;
    for (; read && size; size -= size < PIECE ? size : PIECE)
        read = read_all(file, piece, size < PIECE ? size : PIECE, crc);
    free(piece);
    return read;
}

/* A source takes the file by a descriptor of its own, so that replacing the file by another one changes nothing. */
static bool leave_images(const struct cache *cache, FILE *file, size_t pixels,
                         struct cupel_dataset_split *split, uLong *crc) {
    const off_t place = ftello(file);
    const int fd = fcntl(fileno(file), F_DUPFD_CLOEXEC, 0);
    if (fd < 0) return false;
    if (place >= 0 && pass_over(file, (size_t)split->count * pixels, crc))
        return !source_of_file(cache->path, fd, (uint64_t)place, pixels, &split->source, NULL);
    close(fd);
    return false;
}

static bool read_split(const struct cache *cache, FILE *file, const struct cupel_dataset *dataset,
                       struct cupel_dataset_split *split, uLong *crc) {
    const size_t pixels = (size_t)(dataset->shape[0] * dataset->shape[1] * dataset->shape[2]),
                 count = (size_t)split->count;
    if (!count) return true;
    split->labels = dataset->classes ? reallocarray(NULL, count, sizeof *split->labels) : NULL;
    if (dataset->classes && !split->labels) return false;
    if (cache->stream) {
        if (!leave_images(cache, file, pixels, split, crc)) return false;
    } else {
        split->images = reallocarray(NULL, count, pixels);
        if (!split->images || !read_all(file, split->images, count * pixels, crc)) return false;
    }
    return !split->labels || read_all(file, split->labels, count * sizeof *split->labels, crc);
}

/* Whether a file may have come out of this folder; its counts bound what is allocated. */
static bool fits(const struct header *header, const struct cache *cache, const struct folder *folder,
                 const struct cupel_dataset *dataset) {
    const int64_t most = folder->train.count + folder->test.count;
    return !memcmp(header->magic, magic, sizeof magic) && header->version == VERSION &&
           header->head == checksum_of(header) && header->contents == cache->contents &&
           !memcmp(header->shape, dataset->shape, sizeof header->shape) &&
           header->classes == folder->train.class_count && header->train >= 0 && header->train <= most &&
           header->test >= 0 && header->test <= most && header->skipped >= 0;
}

static bool labels_fit(const struct cupel_dataset_split *split, int64_t classes) {
    for (int64_t i = 0; split->labels && i < split->count; i++)
        if (split->labels[i] < 0 || split->labels[i] >= classes) return false;
    return true;
}

static bool read_set(FILE *file, const struct cache *cache, const struct folder *folder,
                     struct cupel_dataset *dataset) {
    struct header header;
    uLong crc = 0;
    if (fread(&header, sizeof header, 1, file) != 1 || !fits(&header, cache, folder, dataset)) return false;
    dataset->classes = header.classes;
    dataset->train.count = header.train;
    dataset->test.count = header.test;
    if (!read_split(cache, file, dataset, &dataset->train, &crc) ||
        !read_split(cache, file, dataset, &dataset->test, &crc))
        return false;
    dataset->skipped = header.skipped;
    dataset->first_skipped = header.first_skipped;
    dataset->first_skipped.message[sizeof header.first_skipped.message - 1] = '\0';
    return header.body == (uint32_t)crc && fgetc(file) == EOF &&
           labels_fit(&dataset->train, header.classes) && labels_fit(&dataset->test, header.classes);
}

bool cache_load(const struct cache *cache, const struct folder *folder, struct cupel_dataset *dataset) {
    const struct cupel_dataset before = *dataset;
    FILE *file = fopen(cache->path, "rbe");
    if (!file) return false;
    const bool loaded = read_set(file, cache, folder, dataset);
    fclose(file);
    if (loaded) return true;
    cupel_dataset_free(dataset);
    *dataset = before;
    return false;
}

/* ---- writing ---- */

enum cupel_status cache_begin(const struct cache *cache, struct cache_writer *writer,
                              struct cupel_error *error) {
    static const struct header nothing;
    char *directory = strndup(cache->path, (size_t)(strrchr(cache->path, '/') - cache->path));
    enum cupel_status status = directory ? directory_make(directory, error)
                                         : cupel_fail(error, CUPEL_NOMEM, "no memory for a file name");
    free(directory);
    if (status) return status;
    *writer = (struct cache_writer){0};
    CUPEL_TRY(file_begin(cache->path, &writer->file, error));
    status = file_append(&writer->file, &nothing, sizeof nothing, error);
    return status ? file_end(&writer->file, status, error) : CUPEL_OK;
}

enum cupel_status cache_add(struct cache_writer *writer, const void *data, size_t size,
                            struct cupel_error *error) {
    writer->checksum = (uint32_t)crc32_z(writer->checksum, data, size);
    return file_append(&writer->file, data, size, error);
}

enum cupel_status cache_end(struct cache_writer *writer, const struct cache *cache,
                            const struct cupel_dataset *dataset, enum cupel_status status,
                            struct cupel_error *error) {
    struct header header;
    memset(&header, 0, sizeof header); /* what lies between its members too */
    memcpy(header.magic, magic, sizeof magic);
    memcpy(header.shape, dataset->shape, sizeof header.shape);
    header.version = VERSION;
    header.contents = cache->contents;
    header.classes = dataset->classes;
    header.train = dataset->train.count;
    header.test = dataset->test.count;
    header.skipped = dataset->skipped;
    header.first_skipped.status = dataset->first_skipped.status;
    memcpy(header.first_skipped.message, dataset->first_skipped.message, sizeof header.first_skipped.message);
    header.body = writer->checksum;
    header.head = checksum_of(&header);
    if (!status) status = file_replace(&writer->file, 0, &header, sizeof header, error);
    return file_end(&writer->file, status, error);
}
