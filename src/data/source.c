#include "data/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "data/decode.h"

/* ---- rows of a file ---- */

struct rows {
    struct cupel_source source;
    char *path;
    int fd;
    uint64_t offset;
    size_t bytes;
    int32_t *rows; /* NULL: all, as they lie */
};

static enum cupel_status read_row(const struct cupel_source *source, int64_t index, uint8_t *image,
                                  struct cupel_error *error) {
    const struct rows *rows = (const struct rows *)source;
    const uint64_t row = (uint64_t)(rows->rows ? rows->rows[index] : index);
    for (size_t done = 0; done < rows->bytes;) {
        const ssize_t got = pread(rows->fd, image + done, rows->bytes - done,
                                  (off_t)(rows->offset + row * rows->bytes + done));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0)
            return cupel_fail(error, CUPEL_IO, "%s: image %llu cannot be read: %s", rows->path,
                              (unsigned long long)row, got ? strerror(errno) : "the file became shorter");
        done += (size_t)got;
    }
    return CUPEL_OK;
}

static void free_rows(struct cupel_source *source) {
    struct rows *rows = (struct rows *)source;
    close(rows->fd);
    free(rows->path);
    free(rows->rows);
    free(rows);
}

enum cupel_status source_of_file(const char *path, int fd, uint64_t offset, size_t bytes,
                                 struct cupel_source **source, struct cupel_error *error) {
    struct rows *made = calloc(1, sizeof *made);
    char *name = strdup(path);
    if (made && name) {
        *made = (struct rows){{read_row, free_rows}, name, fd, offset, bytes, NULL};
        *source = &made->source;
        return CUPEL_OK;
    }
    free(made);
    free(name);
    close(fd);
    return cupel_fail(error, CUPEL_NOMEM, "%s: no memory to read it", path);
}

enum cupel_status source_part(const struct cupel_source *whole, const int32_t *rows, int64_t count,
                              struct cupel_source **part, struct cupel_error *error) {
    const struct rows *all = (const struct rows *)whole;
    int32_t *copy = reallocarray(NULL, (size_t)count + 1, sizeof *copy);
    if (!copy) return cupel_fail(error, CUPEL_NOMEM, "%s: no memory to divide its images", all->path);
    memcpy(copy, rows, (size_t)count * sizeof *copy);
    const int fd = fcntl(all->fd, F_DUPFD_CLOEXEC, 0);
    const enum cupel_status status =
        fd < 0 ? cupel_fail(error, CUPEL_IO, "%s: %s", all->path, strerror(errno))
               : source_of_file(all->path, fd, all->offset, all->bytes, part, error);
    if (status)
        free(copy);
    else
        ((struct rows *)*part)->rows = copy;
    return status;
}

/* ---- image files ---- */

struct images {
    struct cupel_source source;
    int64_t shape[3];
    bool resize;
    char **paths;
    int64_t count;
};

static enum cupel_status read_image(const struct cupel_source *source, int64_t index, uint8_t *image,
                                    struct cupel_error *error) {
    const struct images *images = (const struct images *)source;
    return decode_file(images->shape, images->resize, images->paths[index], image, error);
}

static void free_images(struct cupel_source *source) {
    struct images *images = (struct images *)source;
    for (int64_t i = 0; i < images->count; i++) free(images->paths[i]);
    free(images->paths);
    free(images);
}

enum cupel_status source_of_images(const int64_t shape[3], bool resize, char **paths, int64_t count,
                                   struct cupel_source **source, struct cupel_error *error) {
    struct images *made = calloc(1, sizeof *made);
    if (!made) return cupel_fail(error, CUPEL_NOMEM, "no memory to read images");
    *made = (struct images){{read_image, free_images}, {shape[0], shape[1], shape[2]}, resize, paths, count};
    *source = &made->source;
    return CUPEL_OK;
}

/* ---- which images ---- */

bool source_wanted(const struct cupel_dataset_spec *spec, uint64_t bytes) {
    enum { SHARE = 4 }; /* while images go to a device, the host has them too; and there are other programs */
    if (spec->stream != CUPEL_STREAM_AUTO) return spec->stream == CUPEL_STREAM_ALWAYS;
    return bytes > (spec->memory ? spec->memory : memory_available()) / SHARE;
}

enum cupel_status source_read(const struct cupel_dataset_split *split, size_t bytes, int64_t index,
                              uint8_t *image, struct cupel_error *error) {
    if (split->source) return split->source->read(split->source, index, image, error);
    memcpy(image, split->images + (size_t)index * bytes, bytes);
    return CUPEL_OK;
}

enum cupel_status cupel_dataset_read(const struct cupel_dataset *dataset,
                                     const struct cupel_dataset_split *split, int64_t index, uint8_t *image,
                                     struct cupel_error *error) {
    const size_t bytes = (size_t)(dataset->shape[0] * dataset->shape[1] * dataset->shape[2]);
    return source_read(split, bytes, index, image, error);
}
