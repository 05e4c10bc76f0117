/* Looking through a data set of any format. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cupel/image.h"
#include "data/common.h"
#include "data/decode.h"
#include "data/folder.h"
#include "data/masks.h"

/* Files that tell a format, in the directory itself; anything else is a folder of images. */
static const struct {
    const char *format, *file;
} signs[] = {
    {"idx", "train-images-idx3-ubyte"},
    {"idx", "train-images-idx3-ubyte.gz"},
    {"cifar10", "data_batch_1.bin"},
    {"cifar10", "cifar-10-batches-bin/data_batch_1.bin"},
    {"cifar100", "train.bin"},
    {"cifar100", "cifar-100-binary/train.bin"},
    {"npy", "images.npy"},
    {"npy", "x_train.npy"},
};

static const char *find_format(const char *path) {
    char file[PATH_MAX];
    struct stat info;
    if (stat(path, &info) == 0 && S_ISREG(info.st_mode)) return "npy";
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (common_path(path, signs[i].file, file) && access(file, F_OK) == 0) return signs[i].format;
    return "folder";
}

static enum cupel_status no_memory(const char *path, struct cupel_error *error) {
    return cupel_fail(error, CUPEL_NOMEM, "%s: no memory to look through it", path);
}

static bool add_classes(struct cupel_dataset_scan *scan, int64_t classes, char **names) {
    if (!classes) return true;
    scan->class_of = calloc((size_t)classes, sizeof *scan->class_of);
    if (!scan->class_of) return false;
    scan->classes = classes;
    for (int64_t c = 0; names && c < classes; c++) {
        scan->class_of[c].name = strdup(names[c]);
        if (!scan->class_of[c].name) return false;
    }
    return true;
}

/* ---- sets in memory ---- */

static enum cupel_status scan_set(const struct cupel_dataset_spec *spec, struct cupel_dataset_scan *scan,
                                  struct cupel_error *error) {
    struct cupel_dataset set;
    CUPEL_TRY(cupel_dataset_open(spec, &set, error));
    scan->train = set.train.count;
    scan->test = set.test.count;
    scan->sizes = 1;
    *(set.shape[0] == 1 ? &scan->gray : &scan->colour) = scan->train + scan->test;
    memcpy(scan->smallest, set.shape + 1, sizeof scan->smallest);
    memcpy(scan->largest, set.shape + 1, sizeof scan->largest);
    const bool made = add_classes(scan, set.classes, NULL);
    for (int64_t i = 0; made && set.train.labels && i < set.train.count; i++)
        scan->class_of[set.train.labels[i]].train++;
    for (int64_t i = 0; made && set.test.labels && i < set.test.count; i++)
        scan->class_of[set.test.labels[i]].test++;
    cupel_dataset_free(&set);
    return made ? CUPEL_OK : no_memory(spec->path, error);
}

/* ---- folders ---- */

/* What decoding a file showed. */
struct look {
    int height, width, channels;
    bool *shows;  /* of an image with a mask: by number, whether a pixel of the mask has it */
    char *reason; /* of a bad file */
};

static enum cupel_status look_at_mask(const struct cupel_dataset_spec *spec, const struct listed *file,
                                      const struct cupel_image *image, struct look *look,
                                      struct cupel_error *error) {
    const size_t pixels = (size_t)image->height * (size_t)image->width;
    uint8_t *mask = malloc(pixels);
    look->shows = calloc(CUPEL_NO_CLASS + 1, sizeof *look->shows);
    if (!mask || !look->shows) {
        free(mask);
        return no_memory(file->path, error);
    }
    const enum cupel_status status = mask_decode(spec, file, image, image->height, image->width, mask, error);
    for (size_t i = 0; status == CUPEL_OK && i < pixels; i++) look->shows[mask[i]] = true;
    free(mask);
    return status;
}

static enum cupel_status look_at_file(const struct cupel_dataset_spec *spec, const struct listed *file,
                                      struct look *look, struct cupel_error *error) {
    struct cupel_image image;
    CUPEL_TRY(cupel_image_read(file->path, 0, &image, error));
    const enum cupel_status status = spec->masks ? look_at_mask(spec, file, &image, look, error) : CUPEL_OK;
    look->height = image.height;
    look->width = image.width;
    look->channels = image.channels;
    cupel_image_free(&image);
    return status;
}

static enum cupel_status look_at(const struct cupel_dataset_spec *spec, const struct listing *listing,
                                 struct look *looks, struct cupel_error *error) {
    bool lost = false;
#pragma omp parallel for schedule(dynamic, 4) num_threads(decode_threads(spec->threads)) reduction(|| : lost)
    for (int64_t i = 0; i < listing->count; i++) {
        struct cupel_error reason = {0};
        if (look_at_file(spec, &listing->files[i], &looks[i], &reason) == CUPEL_OK) continue;
        looks[i].reason = strdup(reason.message);
        looks[i].channels = 0;
        lost = lost || !looks[i].reason;
    }
    return lost ? no_memory(listing->files[0].path, error) : CUPEL_OK;
}

static int compare_sizes(const void *a, const void *b) {
    const struct look *one = a, *other = b;
    if (one->height != other->height) return one->height < other->height ? -1 : 1;
    return (one->width > other->width) - (one->width < other->width);
}

static void widen(int64_t *smallest, int64_t *largest, int64_t side) {
    if (!*smallest || side < *smallest) *smallest = side;
    if (side > *largest) *largest = side;
}

/* Sorts the looks, and counts what is different in them. */
static void count_sizes(struct look *looks, int64_t count, struct cupel_dataset_scan *scan) {
    const struct look *last = NULL;
    qsort(looks, (size_t)count, sizeof *looks, compare_sizes);
    for (int64_t i = 0; i < count; i++) {
        if (!looks[i].channels) continue; /* a bad file */
        if (!last || compare_sizes(last, &looks[i]) != 0) scan->sizes++;
        last = &looks[i];
        widen(&scan->smallest[0], &scan->largest[0], looks[i].height);
        widen(&scan->smallest[1], &scan->largest[1], looks[i].width);
        ++*(looks[i].channels == 1 ? &scan->gray : &scan->colour);
    }
}

/* Counts the files of a listing, whose bad ones have the room behind those found so far. */
static void count_files(const struct listing *listing, const bool *held, bool test, struct look *looks,
                        struct cupel_dataset_scan *scan) {
    for (int64_t i = 0; i < listing->count; i++) {
        if (looks[i].reason) {
            scan->bad[scan->bad_count++] = looks[i].reason;
            looks[i].reason = NULL;
            continue;
        }
        const bool tests = held ? held[i] : test;
        const int32_t class = listing->files[i].class;
        ++*(tests ? &scan->test : &scan->train);
        if (class >= 0) ++*(tests ? &scan->class_of[class].test : &scan->class_of[class].train);
        for (int64_t c = 0; looks[i].shows && c < scan->classes; c++)
            if (looks[i].shows[c]) ++*(tests ? &scan->class_of[c].test : &scan->class_of[c].train);
    }
}

/* The classes of masks: the largest that any shows, plus 1. */
static int64_t count_classes(const struct look *looks, int64_t count) {
    int64_t classes = 0;
    for (int64_t i = 0; i < count; i++)
        for (int64_t c = classes; c < CUPEL_NO_CLASS; c++)
            if (!looks[i].reason && looks[i].shows[c]) classes = c + 1;
    return classes;
}

/* The masks that belong to no image, as one bad file with the first one's name. */
static bool add_strays(const struct folder *folder, struct cupel_dataset_scan *scan) {
    char text[sizeof folder->first_stray.message + 40];
    if (!folder->strays) return true;
    snprintf(text, sizeof text, "%s", folder->first_stray.message);
    if (folder->strays > 1)
        snprintf(text, sizeof text, "%s (and %lld more)", folder->first_stray.message,
                 (long long)folder->strays - 1);
    scan->bad[scan->bad_count] = strdup(text);
    return scan->bad[scan->bad_count++];
}

static enum cupel_status scan_files(const struct cupel_dataset_spec *spec, const struct folder *folder,
                                    struct look *looks, struct cupel_dataset_scan *scan,
                                    struct cupel_error *error) {
    const struct listing *train = &folder->train, *test = &folder->test;
    const int64_t count = train->count + test->count;
    scan->masks = spec->masks;
    scan->others = train->others + test->others;
    scan->bad = calloc((size_t)count + 1, sizeof *scan->bad);
    if (!scan->bad) return no_memory(spec->path, error);
    CUPEL_TRY(look_at(spec, train, looks, error));
    CUPEL_TRY(look_at(spec, test, looks + train->count, error));
    const int64_t classes = spec->masks ? count_classes(looks, count) : train->class_count;
    if (!add_classes(scan, classes, train->classes)) return no_memory(spec->path, error);
    count_files(train, folder->held, false, looks, scan);
    count_files(test, NULL, true, looks + train->count, scan);
    if (!add_strays(folder, scan)) return no_memory(spec->path, error);
    count_sizes(looks, count, scan);
    return CUPEL_OK;
}

static enum cupel_status scan_folder(const struct cupel_dataset_spec *spec, struct cupel_dataset_scan *scan,
                                     struct cupel_error *error) {
    struct folder folder = {0};
    enum cupel_status status = folder_list(spec, true, &folder, error);
    const int64_t count = folder.train.count + folder.test.count;
    struct look *looks = status ? NULL : calloc((size_t)count, sizeof *looks);
    if (looks)
        status = scan_files(spec, &folder, looks, scan, error);
    else if (!status)
        status = no_memory(spec->path, error);
    for (int64_t i = 0; looks && i < count; i++) {
        free(looks[i].shows);
        free(looks[i].reason);
    }
    free(looks);
    folder_free(&folder);
    return status;
}

enum cupel_status cupel_dataset_scan(const char *path, int threads, struct cupel_dataset_scan *scan,
                                     struct cupel_error *error) {
    struct cupel_dataset_spec spec = {.format = find_format(path), .path = path, .threads = threads};
    if (strcmp(spec.format, "folder") == 0 && folder_has_masks(path)) spec.masks = spec.skip_bad = true;
    *scan = (struct cupel_dataset_scan){.format = spec.format};
    const enum cupel_status status =
        strcmp(spec.format, "folder") != 0 ? scan_set(&spec, scan, error) : scan_folder(&spec, scan, error);
    if (status) cupel_dataset_scan_free(scan);
    return status;
}

void cupel_dataset_scan_free(struct cupel_dataset_scan *scan) {
    for (int64_t c = 0; c < scan->classes; c++) free(scan->class_of[c].name);
    for (int64_t i = 0; i < scan->bad_count; i++) free(scan->bad[i]);
    free(scan->class_of);
    free(scan->bad);
    *scan = (struct cupel_dataset_scan){0};
}
