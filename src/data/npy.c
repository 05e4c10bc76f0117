/* NPY files, alone or in an NPZ archive, as data sets. */
#include "data/npy.h"

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
#include "data/masks.h"
#include "data/source.h"
#include "io/file.h"
#include "io/zip.h"

/* ---- one array ---- */

/* What follows `key` in the header, a Python dictionary; NULL when it is not there. */
static const char *find_value(const char *header, const char *key) {
    const char *found = strstr(header, key);
    if (!found) return NULL;
    found += strlen(key);
    found += strspn(found, " ");
    if (*found != ':') return NULL;
    return found + 1 + strspn(found + 1, " ");
}

static enum cupel_status parse_type(const char *file, const char *text, struct npy *array,
                                    struct cupel_error *error) {
    const bool quoted = text && (*text == '\'' || *text == '"') && strlen(text) > 4 && text[4] == *text;
    const char order = quoted ? text[1] : 0, kind = quoted ? text[2] : 0, size = quoted ? text[3] : 0;
    const bool whole = (kind == 'u' || kind == 'i') && size && strchr("1248", size);
    if (!whole || !strchr("|<>", order))
        return cupel_fail(error, CUPEL_INVALID,
                          "%s: has elements of type %.20s; whole numbers are read, images as uint8: convert "
                          "the array with astype",
                          file, text ? text : "unknown");
    array->sign = kind == 'i';
    array->big = order == '>';
    array->size = size - '0';
    return CUPEL_OK;
}

static enum cupel_status parse_shape(const char *file, const char *text, struct npy *array,
                                     struct cupel_error *error) {
    const char *at = text && *text == '(' ? text + 1 : NULL;
    array->shape.rank = 0;
    while (at && *at != ')') {
        char *end;
        if (*at < '0' || *at > '9' || array->shape.rank == CUPEL_MAX_RANK) {
            at = NULL;
            break;
        }
        array->shape.dim[array->shape.rank++] = strtoll(at, &end, 10);
        at = end + strspn(end, ", ");
    }
    if (!at || !array->shape.rank)
        return cupel_fail(error, CUPEL_INVALID, "%s: the shape in its header is malformed: %.40s", file,
                          text ? text : "not given");
    /* As elements of the size's largest kind: what fits as that cannot overflow. */
    struct cupel_error reason = {0};
    if (cupel_shape_check(&array->shape, CUPEL_I64, &reason))
        return cupel_fail(error, CUPEL_INVALID, "%s: %s", file, reason.message);
    return CUPEL_OK;
}

static enum cupel_status parse_header(const char *file, const char *header, struct npy *array,
                                      struct cupel_error *error) {
    const char *order = find_value(header, "'fortran_order'");
    CUPEL_TRY(parse_type(file, find_value(header, "'descr'"), array, error));
    if (!order || strncmp(order, "False", 5) != 0)
        return cupel_fail(error, CUPEL_INVALID,
                          "%s: is in Fortran's order; save it with numpy.ascontiguousarray", file);
    return parse_shape(file, find_value(header, "'shape'"), array, error);
}

/* Of a file of `size` bytes the first `read` ones are in memory. */
static enum cupel_status parse_beginning(const char *file, const unsigned char *bytes, size_t read,
                                         size_t size, struct npy *array, struct cupel_error *error) {
    *array = (struct npy){0};
    if (read < 10 || memcmp(bytes, "\x93NUMPY", 6) != 0)
        return cupel_fail(error, CUPEL_INVALID, "%s: is no NPY file", file);
    const bool wide = bytes[6] > 1; /* version 1 has a length of two bytes, later ones of four */
    const size_t start = wide ? 12 : 10;
    size_t length = (size_t)bytes[8] | (size_t)bytes[9] << 8;
    if (wide && read >= start) length |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
    if (read < start || length > read - start)
        return cupel_fail(error, CUPEL_INVALID, "%s: the file ends in its header", file);
    char *header = strndup((const char *)bytes + start, length);
    if (!header) return cupel_fail(error, CUPEL_NOMEM, "%s: no memory for its header", file);
    const enum cupel_status status = parse_header(file, header, array, error);
    free(header);
    if (status) return status;
    const size_t there = size - start - length,
                 needed = (size_t)cupel_shape_count(&array->shape) * (size_t)array->size;
    char text[160];
    if (there != needed)
        return cupel_fail(error, CUPEL_INVALID,
                          "%s: shape %s takes %zu bytes, but %zu follow the header: it is cut or damaged",
                          file, cupel_shape_text(&array->shape, text, sizeof text), needed, there);
    array->data = bytes + start + length;
    return CUPEL_OK;
}

enum cupel_status npy_parse(const char *file, const unsigned char *bytes, size_t size, struct npy *array,
                            struct cupel_error *error) {
    return parse_beginning(file, bytes, size, size, array, error);
}

int64_t npy_number(const struct npy *array, int64_t index) {
    const unsigned char *at = array->data + (size_t)index * (size_t)array->size;
    uint64_t value = 0;
    for (int i = 0; i < array->size; i++) value = value << 8 | at[array->big ? i : array->size - 1 - i];
    const int unused = 64 - 8 * array->size;
    return array->sign ? (int64_t)(value << unused) >> unused : (int64_t)value;
}

/* ---- arrays that make a set ---- */

/* A directory of NPY files, or an NPZ file in memory. */
struct source {
    const struct cupel_dataset_spec *spec;
    const char *path;
    unsigned char *archive; /* NULL: a directory */
    size_t size;
};

enum array { IMAGES, LABELS, TEST_IMAGES, TEST_LABELS };
/* Names to look for, ours and Keras's. */
static const char *const names[][2] = {
    [IMAGES] = {"images.npy", "x_train.npy"},
    [LABELS] = {"labels.npy", "y_train.npy"},
    [TEST_IMAGES] = {"test_images.npy", "x_test.npy"},
    [TEST_LABELS] = {"test_labels.npy", "y_test.npy"},
};

/* Finds the file of an array in a directory, which has a file descriptor and a size then; -1 when there is none. */
static int find_plain(const struct source *source, enum array which, char name[PATH_MAX], size_t *size) {
    struct stat info;
    for (int i = 0; i < 2 && !source->archive; i++) {
        if (!common_path(source->path, names[which][i], name)) continue;
        const int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0) continue;
        *size = fstat(fd, &info) == 0 ? (size_t)info.st_size : 0;
        if (S_ISREG(info.st_mode)) return fd;
        close(fd);
    }
    return -1;
}

/* Reads an array's file to `bytes`, which stays NULL when there is none; `name` gets what messages call it. */
static enum cupel_status fetch(const struct source *source, enum array which, char name[PATH_MAX],
                               unsigned char **bytes, size_t *size, struct cupel_error *error) {
    *bytes = NULL;
    for (int i = 0; i < 2 && !*bytes; i++) {
        const char *wanted = names[which][i];
        if (!common_path(source->path, wanted, name)) continue;
        if (source->archive)
            CUPEL_TRY(zip_read(source->path, source->archive, source->size, wanted, bytes, size, error));
        else if (access(name, F_OK) == 0)
            CUPEL_TRY(file_read(name, PTRDIFF_MAX, bytes, size, error));
    }
    return CUPEL_OK;
}

static size_t pixels_of(const struct cupel_dataset *dataset) {
    return (size_t)(dataset->shape[0] * dataset->shape[1] * dataset->shape[2]);
}

/* Takes the number of images and their shape, [N, H, W] or [N, C, H, W] of unsigned bytes. */
static enum cupel_status take_shape(const char *name, const struct npy *array, struct cupel_dataset *dataset,
                                    struct cupel_dataset_split *split, struct cupel_error *error) {
    char text[160];
    const struct cupel_shape *shape = &array->shape;
    const bool gray = shape->rank == 3;
    if (array->size != 1 || array->sign || (!gray && shape->rank != 4))
        return cupel_fail(error, CUPEL_INVALID,
                          "%s: is %s of %d bytes each; images are uint8 [N, C, H, W], or [N, H, W] for gray",
                          name, cupel_shape_text(shape, text, sizeof text), array->size);
    const int64_t found[3] = {gray ? 1 : shape->dim[1], shape->dim[shape->rank - 2],
                              shape->dim[shape->rank - 1]};
    CUPEL_TRY(common_shape(name, found, dataset, error));
    split->count = shape->dim[0];
    return CUPEL_OK;
}

/* The split gets `bytes`, whose start the images become. */
static enum cupel_status take_images(const char *name, unsigned char *bytes, size_t size,
                                     struct cupel_dataset *dataset, struct cupel_dataset_split *split,
                                     struct cupel_error *error) {
    struct npy array;
    split->images = bytes;
    CUPEL_TRY(npy_parse(name, bytes, size, &array, error));
    CUPEL_TRY(take_shape(name, &array, dataset, split, error));
    memmove(bytes, array.data, (size_t)cupel_shape_count(&array.shape));
    return CUPEL_OK;
}

/* Leaves the images in the file, which is closed with the split's source, or here. */
static enum cupel_status leave_images(const char *name, int fd, size_t size, struct cupel_dataset *dataset,
                                      struct cupel_dataset_split *split, struct cupel_error *error) {
    enum { BEGINNING = 1 << 16 };
    unsigned char *bytes = malloc(BEGINNING);
    struct npy array = {.data = bytes};
    const ssize_t got = bytes ? pread(fd, bytes, BEGINNING, 0) : 0;
    enum cupel_status status =
        bytes ? parse_beginning(name, bytes, got < 0 ? 0 : (size_t)got, size, &array, error)
              : cupel_fail(error, CUPEL_NOMEM, "%s: no memory for its header", name);
    if (!status) status = take_shape(name, &array, dataset, split, error);
    const uint64_t offset = status ? 0 : (uint64_t)(array.data - bytes);
    free(bytes);
    if (!status) return source_of_file(name, fd, offset, pixels_of(dataset), &split->source, error);
    close(fd);
    return status;
}

static enum cupel_status take_labels(const char *name, const unsigned char *bytes, size_t size, int64_t limit,
                                     struct cupel_dataset *dataset, struct cupel_dataset_split *split,
                                     struct cupel_error *error) {
    struct npy array;
    char text[160];
    CUPEL_TRY(npy_parse(name, bytes, size, &array, error));
    const struct cupel_shape *shape = &array.shape;
    if (cupel_shape_count(shape) != split->count || shape->dim[0] != split->count)
        return cupel_fail(error, CUPEL_INVALID,
                          "%s: is %s for %" PRId64 " images; labels are [N], a class for each", name,
                          cupel_shape_text(shape, text, sizeof text), split->count);
    split->labels = reallocarray(NULL, (size_t)split->count, sizeof *split->labels);
    if (!split->labels)
        return cupel_fail(error, CUPEL_NOMEM, "%s: no memory for %" PRId64 " labels", name, split->count);
    for (int64_t i = 0; i < split->count; i++)
        CUPEL_TRY(common_label(name, i, npy_number(&array, i), limit, dataset, &split->labels[i], error));
    return CUPEL_OK;
}

static enum cupel_status take_masks(const char *name, const unsigned char *bytes, size_t size, int64_t limit,
                                    struct cupel_dataset *dataset, struct cupel_dataset_split *split,
                                    struct cupel_error *error) {
    struct npy array;
    char text[160];
    CUPEL_TRY(npy_parse(name, bytes, size, &array, error));
    const struct cupel_shape wanted = CUPEL_SHAPE(split->count, dataset->shape[1], dataset->shape[2]);
    const int64_t count = cupel_shape_count(&wanted), width = dataset->shape[2];
    if (!cupel_shape_equal(&array.shape, &wanted))
        return cupel_fail(error, CUPEL_INVALID,
                          "%s: is %s for %" PRId64 " images of %" PRId64 " x %" PRId64
                          " pixels; masks are [N, H, W], a class for each pixel",
                          name, cupel_shape_text(&array.shape, text, sizeof text), split->count, width,
                          dataset->shape[1]);
    split->masks = malloc((size_t)count);
    if (!split->masks)
        return cupel_fail(error, CUPEL_NOMEM, "%s: no memory for %" PRId64 " masks", name, split->count);
    for (int64_t i = 0; i < count; i++) {
        const int64_t number = npy_number(&array, i);
        if (number < 0 || number > CUPEL_NO_CLASS)
            return cupel_fail(error, CUPEL_INVALID,
                              "%s: element %" PRId64 " is %" PRId64 "; numbers of masks go from 0 to %d",
                              name, i, number, CUPEL_NO_CLASS);
        split->masks[i] = (uint8_t)number;
    }
    return mask_check(name, split->masks, count, width, limit, error);
}

/* The images of a split, in memory or in their file; none when there is no such file. */
static enum cupel_status read_images(const struct source *source, enum array images,
                                     struct cupel_dataset *dataset, struct cupel_dataset_split *split,
                                     struct cupel_error *error) {
    char name[PATH_MAX];
    unsigned char *bytes;
    size_t size;
    const int fd = find_plain(source, images, name, &size);
    if (fd >= 0 && source_wanted(source->spec, size))
        return leave_images(name, fd, size, dataset, split, error);
    if (fd >= 0) close(fd);
    CUPEL_TRY(fetch(source, images, name, &bytes, &size, error));
    return bytes ? take_images(name, bytes, size, dataset, split, error) : CUPEL_OK;
}

/* Reads a split; it stays empty when there are no images of it. */
static enum cupel_status read_split(const struct source *source, enum array images, enum array labels,
                                    struct cupel_dataset *dataset, struct cupel_dataset_split *split,
                                    struct cupel_error *error) {
    char name[PATH_MAX];
    unsigned char *bytes;
    size_t size;
    const int64_t limit = source->spec->classes;
    CUPEL_TRY(read_images(source, images, dataset, split, error));
    if (!split->count) return CUPEL_OK;
    CUPEL_TRY(fetch(source, labels, name, &bytes, &size, error));
    if (!bytes) return CUPEL_OK;
    const enum cupel_status status =
        (source->spec->masks ? take_masks : take_labels)(name, bytes, size, limit, dataset, split, error);
    free(bytes);
    return status;
}

/* Gives both splits sources of their own rows of the training split's file. */
static enum cupel_status divide_source(struct cupel_dataset *dataset, int32_t *const rows[2],
                                       struct cupel_error *error) {
    struct cupel_dataset_split *train = &dataset->train, *test = &dataset->test;
    struct cupel_source *whole = train->source, *part = NULL;
    CUPEL_TRY(source_part(whole, rows[0], train->count, &part, error));
    train->source = part;
    const enum cupel_status status = source_part(whole, rows[1], test->count, &test->source, error);
    whole->free(whole);
    return status;
}

/* Moves the images that are held out of the training split into the test split. */
static enum cupel_status hold_out(const char *path, struct cupel_dataset *dataset,
                                  struct cupel_error *error) {
    struct cupel_dataset_split *train = &dataset->train, *test = &dataset->test;
    const size_t pixels = pixels_of(dataset), plane = pixels / (size_t)dataset->shape[0],
                 most = (size_t)train->count / HELD_OUT + 1;
    const int64_t count = train->count;
    int64_t *seen = calloc((size_t)dataset->classes + 1, sizeof *seen);
    int32_t *rows[] = {calloc((size_t)count, sizeof **rows), calloc(most, sizeof **rows)};
    if (train->images) test->images = reallocarray(NULL, most, pixels);
    if (train->labels) test->labels = reallocarray(NULL, most, sizeof *test->labels);
    if (train->masks) test->masks = reallocarray(NULL, most, plane);
    const bool made = seen && rows[0] && rows[1] && !train->images == !test->images &&
                      !train->labels == !test->labels && !train->masks == !test->masks;
    if (made) train->count = 0;
    for (int64_t i = 0; made && i < count; i++) {
        const bool held = common_held(seen, train->labels ? train->labels[i] : 0);
        struct cupel_dataset_split *to = held ? test : train;
        const size_t place = (size_t)to->count++;
        if (to->labels) to->labels[place] = train->labels[i];
        if (to->masks) memmove(to->masks + place * plane, train->masks + (size_t)i * plane, plane);
        if (to->images) memmove(to->images + place * pixels, train->images + (size_t)i * pixels, pixels);
        rows[held][place] = (int32_t)i;
    }
    enum cupel_status status =
        made ? CUPEL_OK : cupel_fail(error, CUPEL_NOMEM, "%s: no memory to divide its images", path);
    if (!status && train->source) status = divide_source(dataset, rows, error);
    free(seen);
    free(rows[0]);
    free(rows[1]);
    return status;
}

/* Whether a split says what its images are. */
static bool is_labelled(const struct cupel_dataset_split *split) {
    return split->labels || split->masks;
}

static enum cupel_status read_set(const struct source *source, const struct cupel_dataset_spec *spec,
                                  struct cupel_dataset *dataset, struct cupel_error *error) {
    static const char how[] =
        "Save the images, uint8 [N, C, H, W] or [N, H, W], with numpy.save, or with numpy.savez as `images`";
    memcpy(dataset->shape, spec->shape, sizeof dataset->shape);
    dataset->classes = spec->classes;
    CUPEL_TRY(read_split(source, IMAGES, LABELS, dataset, &dataset->train, error));
    if (!dataset->train.count) return common_missing(spec->path, names[IMAGES][0], how, error);
    if ((spec->classes || spec->masks) && !is_labelled(&dataset->train))
        return common_missing(spec->path, names[LABELS][0],
                              spec->masks ? "Save the masks, whole numbers [N, H, W], beside the images"
                                          : "Save the labels, whole numbers [N], beside the images",
                              error);
    if (spec->train_only) return CUPEL_OK;
    CUPEL_TRY(read_split(source, TEST_IMAGES, TEST_LABELS, dataset, &dataset->test, error));
    if (dataset->test.count && is_labelled(&dataset->train) != is_labelled(&dataset->test))
        return common_missing(spec->path, names[is_labelled(&dataset->test) ? LABELS : TEST_LABELS][0],
                              "Save the labels of both splits", error);
    if (spec->masks && !spec->classes) dataset->classes = masks_classes(dataset);
    if (dataset->test.count || !is_labelled(&dataset->train)) return CUPEL_OK;
    if (dataset->train.count > INT32_MAX)
        return cupel_fail(error, CUPEL_INVALID, "%s: the set has more than %d images", spec->path, INT32_MAX);
    return hold_out(spec->path, dataset, error);
}

enum cupel_status npy_open(const struct cupel_dataset_spec *spec, struct cupel_dataset *dataset,
                           struct cupel_error *error) {
    struct source source = {.spec = spec, .path = spec->path};
    struct stat info;
    if (stat(spec->path, &info) == 0 && S_ISREG(info.st_mode))
        CUPEL_TRY(file_read(spec->path, PTRDIFF_MAX, &source.archive, &source.size, error));
    const enum cupel_status status = read_set(&source, spec, dataset, error);
    free(source.archive);
    return status;
}
