/* Reading IDX files, and the directory of four that makes a data set. */
#include "data/idx.h"

#include <endian.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/common.h"
#include "data/formats.h"
#include "data/source.h"
#include "io/file.h"
#include "io/reader.h"

enum { UNSIGNED_BYTES = 0x08 }; /* the format's code for the element type */

/* Reads the magic number and the dimensions. */
static enum cupel_status parse_header(struct reader *reader, int rank, struct cupel_shape *shape,
                                      struct cupel_error *error) {
    unsigned char magic[4];
    uint32_t dims[CUPEL_MAX_RANK];
    CUPEL_TRY(reader_read(reader, magic, sizeof magic, error));
    if (magic[0] || magic[1])
        return cupel_fail(
            error, CUPEL_INVALID, "%s: is no IDX file: it begins with %02x%02x%02x%02x, not 0000%02x%02x",
            reader->file, magic[0], magic[1], magic[2], magic[3], UNSIGNED_BYTES, (unsigned)rank);
    if (magic[2] != UNSIGNED_BYTES)
        return cupel_fail(error, CUPEL_INVALID,
                          "%s: has elements of type 0x%02x; only unsigned bytes (0x08) are read",
                          reader->file, magic[2]);
    if (magic[3] != rank)
        return cupel_fail(error, CUPEL_INVALID, "%s: has %d dimensions, but %s have %d", reader->file,
                          magic[3], rank == 1 ? "labels" : "images", rank);
    CUPEL_TRY(reader_read(reader, dims, sizeof *dims * (size_t)rank, error));
    shape->rank = rank;
    for (int i = 0; i < rank; i++) shape->dim[i] = be32toh(dims[i]);
    struct cupel_error reason = {0};
    if (cupel_shape_check(shape, CUPEL_U8, &reason))
        return cupel_fail(error, CUPEL_INVALID, "%s: %s", reader->file, reason.message);
    return CUPEL_OK;
}

static enum cupel_status parse_body(struct reader *reader, const struct cupel_shape *shape, uint8_t *data,
                                    struct cupel_error *error) {
    CUPEL_TRY(reader_read(reader, data, (size_t)cupel_shape_count(shape), error));
    return reader_finish(reader, error);
}

static enum cupel_status parse_open(struct reader *reader, int rank, struct cupel_shape *shape,
                                    uint8_t **data, struct cupel_error *error) {
    CUPEL_TRY(parse_header(reader, rank, shape, error));
    size_t needed = (size_t)cupel_shape_count(shape);
    char text[160];
    if (needed > reader_bound(reader))
        return cupel_fail(error, CUPEL_INVALID,
                          "%s: shape %s takes %zu bytes, but the file's %zu cannot hold them: it "
                          "is cut or damaged",
                          reader->file, cupel_shape_text(shape, text, sizeof text), needed, reader->size);
    uint8_t *bytes = malloc(needed);
    if (!bytes)
        return cupel_fail(error, CUPEL_NOMEM, "%s: no memory for its %zu bytes", reader->file, needed);
    enum cupel_status status = parse_body(reader, shape, bytes, error);
    if (status)
        free(bytes);
    else
        *data = bytes;
    return status;
}

enum cupel_status idx_parse(const char *file, const unsigned char *bytes, size_t size, int rank,
                            struct cupel_shape *shape, uint8_t **data, struct cupel_error *error) {
    struct reader reader;
    *data = NULL;
    *shape = CUPEL_SCALAR;
    CUPEL_TRY(reader_open(&reader, file, bytes, size, error));
    enum cupel_status status = parse_open(&reader, rank, shape, data, error);
    reader_close(&reader);
    return status;
}

/* Writes the path of the file, plain or with .gz, whichever exists, to `path`; false when neither does. */
static bool find_file(const char *directory, const char *split, const char *what, char path[PATH_MAX]) {
    static const char *const endings[] = {"", ".gz"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        int length = snprintf(path, PATH_MAX, "%s/%s-%s-ubyte%s", directory, split, what, endings[i]);
        if (length > 0 && length < PATH_MAX && access(path, F_OK) == 0) return true;
    }
    return false;
}

static enum cupel_status read_idx(const char *path, int rank, struct cupel_shape *shape, uint8_t **data,
                                  struct cupel_error *error) {
    unsigned char *bytes;
    size_t size;
    CUPEL_TRY(file_read(path, PTRDIFF_MAX, &bytes, &size, error));
    enum cupel_status status = idx_parse(path, bytes, size, rank, shape, data, error);
    free(bytes);
    return status;
}

/* Leaves the images in their file when they are to stay there and it is plain; the split gets no source otherwise. */
static enum cupel_status leave_images(const struct cupel_dataset_spec *spec, const char *path,
                                      struct cupel_shape *shape, struct cupel_dataset_split *split,
                                      struct cupel_error *error) {
    enum { HEADER = 16 };
    unsigned char bytes[HEADER];
    struct reader reader;
    struct stat info;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    const bool plain = fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode) &&
                       source_wanted(spec, (uint64_t)info.st_size) && pread(fd, bytes, HEADER, 0) == HEADER &&
                       !bytes[0] && !bytes[1];
    if (!plain) {
        if (fd >= 0) close(fd);
        return CUPEL_OK;
    }
    enum cupel_status status = reader_open(&reader, path, bytes, HEADER, error);
    if (!status) status = parse_header(&reader, 3, shape, error);
    reader_close(&reader);
    const uint64_t there = (uint64_t)info.st_size - HEADER;
    if (!status && there != (uint64_t)cupel_shape_count(shape))
        status = cupel_fail(error, CUPEL_INVALID,
                            "%s: %" PRIu64 " bytes follow its header, but its images take %" PRId64
                            ": it is cut or damaged",
                            path, there, cupel_shape_count(shape));
    if (!status)
        return source_of_file(path, fd, HEADER, (size_t)(shape->dim[1] * shape->dim[2]), &split->source,
                              error);
    close(fd);
    return status;
}

static enum cupel_status read_labels(const char *path, int64_t limit, struct cupel_dataset *dataset,
                                     struct cupel_dataset_split *split, struct cupel_error *error) {
    struct cupel_shape shape;
    uint8_t *bytes;
    CUPEL_TRY(read_idx(path, 1, &shape, &bytes, error));
    enum cupel_status status = CUPEL_OK;
    if (shape.dim[0] != split->count)
        status = cupel_fail(error, CUPEL_INVALID, "%s: has %" PRId64 " labels for %" PRId64 " images", path,
                            shape.dim[0], split->count);
    if (!status) {
        split->labels = reallocarray(NULL, (size_t)split->count, sizeof *split->labels);
        if (!split->labels)
            status =
                cupel_fail(error, CUPEL_NOMEM, "%s: no memory for %" PRId64 " labels", path, split->count);
    }
    for (int64_t i = 0; i < split->count && !status; i++)
        status = common_label(path, i, bytes[i], limit, dataset, &split->labels[i], error);
    free(bytes);
    return status;
}

static enum cupel_status missing(const char *directory, const char *split, const char *what,
                                 struct cupel_error *error) {
    char file[64];
    snprintf(file, sizeof file, "%s-%s-ubyte[.gz]", split, what);
    return common_missing(directory, file,
                          "Install Fashion-MNIST with `apt-get install dataset-fashion-mnist`", error);
}

static enum cupel_status read_split(const struct cupel_dataset_spec *spec, const char *name,
                                    struct cupel_dataset *dataset, struct cupel_dataset_split *split,
                                    struct cupel_error *error) {
    char path[PATH_MAX];
    struct cupel_shape shape = CUPEL_SCALAR;
    if (!find_file(spec->path, name, "images-idx3", path))
        return missing(spec->path, name, "images-idx3", error);
    CUPEL_TRY(leave_images(spec, path, &shape, split, error));
    if (!split->source) CUPEL_TRY(read_idx(path, 3, &shape, &split->images, error));
    split->count = shape.dim[0];
    const int64_t found[3] = {1, shape.dim[1], shape.dim[2]};
    CUPEL_TRY(common_shape(path, found, dataset, error));
    if (find_file(spec->path, name, "labels-idx1", path))
        return read_labels(path, spec->classes, dataset, split, error);
    return spec->classes ? missing(spec->path, name, "labels-idx1", error) : CUPEL_OK;
}

enum cupel_status idx_open(const struct cupel_dataset_spec *spec, struct cupel_dataset *dataset,
                           struct cupel_error *error) {
    memcpy(dataset->shape, spec->shape, sizeof dataset->shape);
    dataset->classes = spec->classes;
    CUPEL_TRY(read_split(spec, "train", dataset, &dataset->train, error));
    if (spec->train_only) return CUPEL_OK;
    CUPEL_TRY(read_split(spec, "t10k", dataset, &dataset->test, error));
    if (!dataset->train.labels != !dataset->test.labels)
        return missing(spec->path, dataset->train.labels ? "t10k" : "train", "labels-idx1", error);
    return CUPEL_OK;
}
