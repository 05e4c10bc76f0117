/* Directories of images as data sets. */
#include "data/folder.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cupel/image.h"
#include "data/cache.h"
#include "data/common.h"
#include "data/decode.h"
#include "data/formats.h"
#include "data/masks.h"
#include "data/source.h"

static bool is_directory(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* Writes the directories of the two splits; false when the directory itself is the set. */
static bool find_splits(const char *directory, char train[PATH_MAX], char test[PATH_MAX]) {
    static const char *const names[] = {"test", "val"};
    if (!common_path(directory, "train", train) || !is_directory(train)) return false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (common_path(directory, names[i], test) && is_directory(test)) return true;
    return false;
}

bool folder_has_masks(const char *path) {
    char train[PATH_MAX], test[PATH_MAX], images[PATH_MAX], masks[PATH_MAX];
    const char *directory = find_splits(path, train, test) ? train : path;
    return common_path(directory, "images", images) && is_directory(images) &&
           common_path(directory, "masks", masks) && is_directory(masks);
}

/* ---- labels ---- */

static enum cupel_status add_name(struct cupel_class_names *names, const char *directory, const char *name,
                                  struct cupel_error *error) {
    char path[PATH_MAX];
    if (*name == '.' || !common_path(directory, name, path) || !is_directory(path)) return CUPEL_OK;
    char **longer = reallocarray(names->names, (size_t)names->count + 1, sizeof *longer);
    if (longer) names->names = longer;
    char *copy = longer ? strdup(name) : NULL;
    if (!copy) return cupel_fail(error, CUPEL_NOMEM, "%s: no memory to list it", directory);
    names->names[names->count++] = copy;
    return CUPEL_OK;
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

enum cupel_status folder_class_names(const char *path, struct cupel_class_names *names,
                                     struct cupel_error *error) {
    char train[PATH_MAX], test[PATH_MAX];
    const char *directory = find_splits(path, train, test) ? train : path;
    DIR *stream = opendir(directory);
    if (!stream)
        return cupel_fail(error, CUPEL_INVALID, "%s: cannot be listed: %s", directory, strerror(errno));
    enum cupel_status status = CUPEL_OK;
    for (const struct dirent *entry; status == CUPEL_OK && (entry = readdir(stream));)
        status = add_name(names, directory, entry->d_name, error);
    closedir(stream);
    if (names->count) qsort(names->names, (size_t)names->count, sizeof *names->names, compare_names);
    return status;
}

/* Gives the files of the test split the classes of the training split. */
static enum cupel_status match_classes(const char *directory, const struct listing *train,
                                       struct listing *test, struct cupel_error *error) {
    if (!train->class_count != !test->class_count)
        return cupel_fail(error, CUPEL_INVALID,
                          "%s: holds %s, but the training images %s; both need a directory for each class, "
                          "or neither",
                          directory, test->class_count ? "directories of images" : "images",
                          train->class_count ? "lie in directories" : "lie flat");
    for (int64_t i = 0; i < test->count && test->class_count; i++) {
        char *const name = test->classes[test->files[i].class];
        char **found =
            bsearch(&name, train->classes, (size_t)train->class_count, sizeof *train->classes, compare_names);
        if (!found)
            return cupel_fail(error, CUPEL_INVALID,
                              "%s/%s: no training images are of this class; remove it, or correct its name",
                              directory, name);
        test->files[i].class = (int32_t)(found - train->classes);
    }
    return CUPEL_OK;
}

static enum cupel_status check_classes(const struct cupel_dataset_spec *spec, const struct listing *train,
                                       struct cupel_error *error) {
    if (!spec->classes || spec->masks || spec->classes == train->class_count) return CUPEL_OK;
    if (!train->class_count)
        return cupel_fail(error, CUPEL_INVALID,
                          "%s: its images lie flat, without classes; put those of each class into a "
                          "directory of their own",
                          spec->path);
    return cupel_fail(error, CUPEL_INVALID,
                      "%s: holds directories of %" PRId32 " classes, but %" PRId64
                      " are expected; correct `classes` under `data`",
                      spec->path, train->class_count, spec->classes);
}

/* Holds images out for testing. */
static enum cupel_status hold_out(const char *path, struct folder *folder, struct cupel_error *error) {
    const struct listing *train = &folder->train;
    int64_t *seen = calloc((size_t)train->class_count + 1, sizeof *seen);
    folder->held = calloc((size_t)train->count, sizeof *folder->held);
    const bool made = seen && folder->held;
    for (int64_t i = 0; made && i < train->count; i++)
        folder->held[i] = common_held(seen + 1, train->files[i].class); /* -1 without classes */
    free(seen);
    return made ? CUPEL_OK : cupel_fail(error, CUPEL_NOMEM, "%s: no memory to divide its images", path);
}

/* Lists a directory that holds all of a split. */
static enum cupel_status list(const struct cupel_dataset_spec *spec, const char *directory, bool empty,
                              struct folder *folder, struct listing *listing, struct cupel_error *error) {
    if (spec->masks)
        return masks_list(spec, directory, listing, &folder->strays, &folder->first_stray, error);
    return listing_make(directory, empty, listing, error);
}

enum cupel_status folder_list(const struct cupel_dataset_spec *spec, bool empty, struct folder *folder,
                              struct cupel_error *error) {
    char train[PATH_MAX], test[PATH_MAX];
    if (find_splits(spec->path, train, test)) {
        CUPEL_TRY(list(spec, train, empty, folder, &folder->train, error));
        CUPEL_TRY(check_classes(spec, &folder->train, error));
        if (spec->train_only) return CUPEL_OK;
        CUPEL_TRY(list(spec, test, true, folder, &folder->test, error));
        return match_classes(test, &folder->train, &folder->test, error);
    }
    CUPEL_TRY(list(spec, spec->path, empty, folder, &folder->train, error));
    CUPEL_TRY(check_classes(spec, &folder->train, error));
    if (spec->train_only || !(folder->train.class_count || spec->masks)) return CUPEL_OK;
    return hold_out(spec->path, folder, error);
}

void folder_free(struct folder *folder) {
    listing_free(&folder->train);
    listing_free(&folder->test);
    free(folder->held);
    *folder = (struct folder){0};
}

/* ---- images ---- */

/* What the spec leaves open is as the first image has it. */
static enum cupel_status settle_shape(const struct cupel_dataset_spec *spec, const struct listing *train,
                                      struct cupel_dataset *dataset, struct cupel_error *error) {
    struct cupel_image image;
    memcpy(dataset->shape, spec->shape, sizeof dataset->shape);
    if (spec->shape[0] < 0 || spec->shape[0] == 2 || spec->shape[0] > 3)
        return cupel_fail(error, CUPEL_INVALID,
                          "%s: images of files have 1 or 3 channels, not %" PRId64
                          "; correct `shape` under `data`",
                          spec->path, spec->shape[0]);
    if (spec->shape[0] && spec->shape[1] && spec->shape[2]) return CUPEL_OK;
    CUPEL_TRY(cupel_image_read(train->files[0].path, (int)spec->shape[0], &image, error));
    const int64_t found[3] = {image.channels, image.height, image.width};
    for (int i = 0; i < 3; i++)
        if (!dataset->shape[i]) dataset->shape[i] = found[i];
    cupel_image_free(&image);
    return CUPEL_OK;
}

/* What becomes of the images. */
enum way { INTO_MEMORY, INTO_CACHE, AS_SOURCE };

/* The files of a split while they are read. */
struct reading {
    const struct cupel_dataset_spec *spec;
    struct cupel_dataset *dataset;
    struct cupel_dataset_split *split;
    const struct listed **files; /* [split->count] */
    bool *bad;                   /* [split->count], NULL until they are looked at */
    struct cache_writer *writer; /* gets images and labels; NULL: nothing is kept */
    size_t image;                /* bytes */
};

static enum cupel_status no_memory(const struct reading *reading, struct cupel_error *error) {
    return cupel_fail(error, CUPEL_NOMEM, "%s: no memory for its %" PRId64 " images", reading->spec->path,
                      reading->split->count);
}

/* Moves what belongs to good files together. */
static void drop_bad(struct reading *reading) {
    struct cupel_dataset_split *split = reading->split;
    int64_t kept = 0;
    for (int64_t i = 0; i < split->count; i++) {
        if (reading->bad[i]) continue;
        if (kept < i) {
            const size_t image = reading->image;
            if (split->images)
                memmove(split->images + (size_t)kept * image, split->images + (size_t)i * image, image);
            if (split->labels) split->labels[kept] = split->labels[i];
            reading->files[kept] = reading->files[i];
            const size_t plane = reading->image / (size_t)reading->dataset->shape[0];
            if (split->masks)
                memmove(split->masks + (size_t)kept * plane, split->masks + (size_t)i * plane, plane);
        }
        kept++;
    }
    reading->dataset->skipped += split->count - kept;
    split->count = kept;
}

static enum cupel_status decode(struct reading *reading, size_t first, size_t count, uint8_t *images,
                                struct cupel_error *error) {
    return decode_files(reading->spec, reading->dataset->shape, reading->files + first, (int64_t)count,
                        images, reading->split->masks, reading->bad + first, &reading->dataset->first_skipped,
                        error);
}

static enum cupel_status read_into_memory(struct reading *reading, struct cupel_error *error) {
    struct cupel_dataset_split *split = reading->split;
    const size_t bytes = (size_t)split->count * reading->image;
    split->images = malloc(bytes);
    if (reading->spec->masks) {
        split->masks = malloc(bytes / (size_t)reading->dataset->shape[0]);
        if (!split->masks) return no_memory(reading, error);
    }
    if (split->images) return decode(reading, 0, (size_t)split->count, split->images, error);
    return cupel_fail(error, CUPEL_NOMEM,
                      "%s: no memory for its %" PRId64
                      " images, which take %zu bytes; let `stream: true` "
                      "under `data` leave them in their files",
                      reading->spec->path, split->count, bytes);
}

/* Decodes files piece by piece, to find the bad ones, and for the writer if there is one. */
static enum cupel_status look_through(struct reading *reading, struct cupel_error *error) {
    enum { PIECE = 1 << 25, LEAST = 64 };
    const size_t fitting = PIECE / reading->image, count = (size_t)reading->split->count;
    const size_t room = fitting > LEAST ? fitting : LEAST;
    uint8_t *images = reallocarray(NULL, room < count ? room : count, reading->image);
    enum cupel_status status = images ? CUPEL_OK : no_memory(reading, error);
    for (size_t first = 0; first < count && !status; first += room) {
        const size_t here = count - first < room ? count - first : room;
        status = decode(reading, first, here, images, error);
        for (size_t i = 0; i < here && !status && reading->writer; i++)
            if (!reading->bad[first + i])
                status = cache_add(reading->writer, images + i * reading->image, reading->image, error);
    }
    free(images);
    return status;
}

/* Leaves the images in their files. */
static enum cupel_status make_source(struct reading *reading, struct cupel_error *error) {
    const int64_t count = reading->split->count;
    char **paths = calloc((size_t)count + 1, sizeof *paths);
    bool made = paths != NULL;
    for (int64_t i = 0; i < count && made; i++) made = (paths[i] = strdup(reading->files[i]->path)) != NULL;
    const enum cupel_status status = made ? source_of_images(reading->dataset->shape, reading->spec->resize,
                                                             paths, count, &reading->split->source, error)
                                          : no_memory(reading, error);
    if (made && !status) return CUPEL_OK;
    for (int64_t i = 0; i < count && paths; i++) free(paths[i]);
    free(paths);
    return status;
}

static enum cupel_status read_files(struct reading *reading, enum way way, struct cupel_error *error) {
    struct cupel_dataset *dataset = reading->dataset;
    struct cupel_dataset_split *split = reading->split;
    const struct cupel_shape shape =
        CUPEL_SHAPE(split->count, dataset->shape[0], dataset->shape[1], dataset->shape[2]);
    CUPEL_TRY(cupel_shape_check(&shape, CUPEL_U8, error));
    reading->image = (size_t)(dataset->shape[0] * dataset->shape[1] * dataset->shape[2]);
    const bool labelled = dataset->classes && !reading->spec->masks;
    if (labelled) split->labels = reallocarray(NULL, (size_t)split->count, sizeof *split->labels);
    reading->bad = calloc((size_t)split->count, sizeof *reading->bad);
    if (!reading->bad || (labelled && !split->labels)) return no_memory(reading, error);
    for (int64_t i = 0; i < split->count && split->labels; i++) split->labels[i] = reading->files[i]->class;
    if (way == INTO_MEMORY)
        CUPEL_TRY(read_into_memory(reading, error));
    else if (way == INTO_CACHE || reading->spec->skip_bad)
        CUPEL_TRY(look_through(reading, error));
    drop_bad(reading);
    if (way == INTO_CACHE && split->labels)
        return cache_add(reading->writer, split->labels, (size_t)split->count * sizeof *split->labels, error);
    return way == AS_SOURCE && split->count ? make_source(reading, error) : CUPEL_OK;
}

/* Reads those files of a listing that are held out, or those that are not. */
static enum cupel_status read_split(struct reading reading, const struct listing *listing, const bool *held,
                                    bool test, enum way way, struct cupel_error *error) {
    reading.files = reallocarray(NULL, (size_t)listing->count + 1, sizeof *reading.files);
    if (!reading.files) return cupel_fail(error, CUPEL_NOMEM, "%s: no memory to list it", reading.spec->path);
    for (int64_t i = 0; i < listing->count; i++)
        if (!held || held[i] == test) reading.files[reading.split->count++] = &listing->files[i];
    const enum cupel_status status = reading.split->count ? read_files(&reading, way, error) : CUPEL_OK;
    free(reading.files);
    free(reading.bad);
    return status;
}

static enum cupel_status read_folder(const struct cupel_dataset_spec *spec, const struct folder *folder,
                                     enum way way, struct cache_writer *writer, struct cupel_dataset *dataset,
                                     struct cupel_error *error) {
    const bool *held = folder->held;
    struct reading train = {.spec = spec, .dataset = dataset, .split = &dataset->train, .writer = writer},
                   test = {.spec = spec, .dataset = dataset, .split = &dataset->test, .writer = writer};
    dataset->classes = spec->masks ? spec->classes : folder->train.class_count;
    dataset->skipped = folder->strays;
    dataset->first_skipped = folder->first_stray;
    CUPEL_TRY(read_split(train, &folder->train, held, false, way, error));
    CUPEL_TRY(read_split(test, held ? &folder->train : &folder->test, held, true, way, error));
    if (spec->masks && !spec->classes) dataset->classes = masks_classes(dataset);
    if (dataset->train.count) return CUPEL_OK;
    return cupel_fail(error, CUPEL_INVALID, "%s: not one training image can be read; the first: %s",
                      spec->path, dataset->first_skipped.message);
}

/* Makes the cache's file. */
static enum cupel_status fill_cache(const struct cupel_dataset_spec *spec, const struct folder *folder,
                                    const struct cache *cache, const struct cupel_dataset *empty,
                                    struct cupel_error *error) {
    struct cupel_dataset dataset = *empty;
    struct cache_writer writer;
    CUPEL_TRY(cache_begin(cache, &writer, error));
    enum cupel_status status = read_folder(spec, folder, INTO_CACHE, &writer, &dataset, error);
    status = cache_end(&writer, cache, &dataset, status, error);
    cupel_dataset_free(&dataset);
    return status;
}

/* The images from the cache, which is made if need be. */
static enum cupel_status read_cached(const struct cupel_dataset_spec *spec, const struct folder *folder,
                                     bool stream, struct cupel_dataset *dataset, struct cupel_error *error) {
    struct cache cache;
    CUPEL_TRY(cache_open(spec, dataset->shape, folder, &cache, error));
    cache.stream = stream;
    enum cupel_status status = CUPEL_OK;
    if (!cache_load(&cache, folder, dataset)) {
        status = fill_cache(spec, folder, &cache, dataset, error);
        if (!status && !cache_load(&cache, folder, dataset))
            status = cupel_fail(error, CUPEL_IO, "%s: was written, but cannot be read again", cache.path);
    }
    cache_close(&cache);
    return status;
}

static enum cupel_status read_set(const struct cupel_dataset_spec *spec, const struct folder *folder,
                                  struct cupel_dataset *dataset, struct cupel_error *error) {
    const uint64_t pixels = (uint64_t)(dataset->shape[0] * dataset->shape[1] * dataset->shape[2]);
    if (spec->masks) return read_folder(spec, folder, INTO_MEMORY, NULL, dataset, error);
    const bool stream = source_wanted(spec, (uint64_t)(folder->train.count + folder->test.count) * pixels);
    if (spec->cache) return read_cached(spec, folder, stream, dataset, error);
    return read_folder(spec, folder, stream ? AS_SOURCE : INTO_MEMORY, NULL, dataset, error);
}

enum cupel_status folder_open(const struct cupel_dataset_spec *spec, struct cupel_dataset *dataset,
                              struct cupel_error *error) {
    struct folder folder = {0};
    enum cupel_status status = folder_list(spec, false, &folder, error);
    if (!status) status = settle_shape(spec, &folder.train, dataset, error);
    if (!status) status = read_set(spec, &folder, dataset, error);
    folder_free(&folder);
    return status;
}
