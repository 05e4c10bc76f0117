/* Directories of images as data sets. */
#include "data/folder.h"

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

/* ---- labels ---- */

static int compare_names(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
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
    if (!spec->classes || spec->classes == train->class_count) return CUPEL_OK;
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
    int64_t *seen = calloc((size_t)train->class_count, sizeof *seen);
    folder->held = calloc((size_t)train->count, sizeof *folder->held);
    const bool made = seen && folder->held;
    for (int64_t i = 0; made && i < train->count; i++)
        folder->held[i] = common_held(seen, train->files[i].class);
    free(seen);
    return made ? CUPEL_OK : cupel_fail(error, CUPEL_NOMEM, "%s: no memory to divide its images", path);
}

enum cupel_status folder_list(const struct cupel_dataset_spec *spec, bool empty, struct folder *folder,
                              struct cupel_error *error) {
    char train[PATH_MAX], test[PATH_MAX];
    if (find_splits(spec->path, train, test)) {
        CUPEL_TRY(listing_make(train, empty, &folder->train, error));
        CUPEL_TRY(check_classes(spec, &folder->train, error));
        if (spec->train_only) return CUPEL_OK;
        CUPEL_TRY(listing_make(test, true, &folder->test, error));
        return match_classes(test, &folder->train, &folder->test, error);
    }
    CUPEL_TRY(listing_make(spec->path, empty, &folder->train, error));
    CUPEL_TRY(check_classes(spec, &folder->train, error));
    if (!folder->train.class_count || spec->train_only) return CUPEL_OK;
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

/* Moves the images of good files together. */
static void drop_bad(struct cupel_dataset *dataset, struct cupel_dataset_split *split, const bool *bad) {
    const int64_t pixels = dataset->shape[0] * dataset->shape[1] * dataset->shape[2];
    int64_t kept = 0;
    for (int64_t i = 0; i < split->count; i++) {
        if (bad[i]) continue;
        if (kept < i) {
            memmove(split->images + kept * pixels, split->images + i * pixels, (size_t)pixels);
            if (split->labels) split->labels[kept] = split->labels[i];
        }
        kept++;
    }
    dataset->skipped += split->count - kept;
    split->count = kept;
}

/* Reads the files of a split. */
static enum cupel_status read_files(const struct cupel_dataset_spec *spec, const struct listed **files,
                                    struct cupel_dataset *dataset, struct cupel_dataset_split *split,
                                    struct cupel_error *error) {
    const size_t count = (size_t)split->count;
    const struct cupel_shape shape =
        CUPEL_SHAPE(split->count, dataset->shape[0], dataset->shape[1], dataset->shape[2]);
    CUPEL_TRY(cupel_shape_check(&shape, CUPEL_U8, error));
    const size_t bytes = (size_t)cupel_shape_count(&shape);
    split->images = malloc(bytes);
    bool *bad = calloc(count, sizeof *bad);
    if (dataset->classes) split->labels = reallocarray(NULL, count, sizeof *split->labels);
    if (!split->images || !bad || (dataset->classes && !split->labels)) {
        free(bad);
        return cupel_fail(error, CUPEL_NOMEM,
                          "%s: no memory for its %zu images, which take %zu bytes; use fewer or smaller ones",
                          spec->path, count, bytes);
    }
    for (size_t i = 0; i < count && split->labels; i++) split->labels[i] = files[i]->class;
    const enum cupel_status status = decode_files(spec, dataset->shape, files, split->count, split->images,
                                                  bad, &dataset->first_skipped, error);
    if (!status) drop_bad(dataset, split, bad);
    free(bad);
    return status;
}

/* Reads those files of a listing that are held out, or those that are not. */
static enum cupel_status read_split(const struct cupel_dataset_spec *spec, const struct listing *listing,
                                    const bool *held, bool test, struct cupel_dataset *dataset,
                                    struct cupel_dataset_split *split, struct cupel_error *error) {
    const struct listed **files = reallocarray(NULL, (size_t)listing->count + 1, sizeof *files);
    if (!files) return cupel_fail(error, CUPEL_NOMEM, "%s: no memory to list it", spec->path);
    for (int64_t i = 0; i < listing->count; i++)
        if (!held || held[i] == test) files[split->count++] = &listing->files[i];
    const enum cupel_status status = split->count ? read_files(spec, files, dataset, split, error) : CUPEL_OK;
    free(files);
    return status;
}

static enum cupel_status read_folder(const struct cupel_dataset_spec *spec, const struct folder *folder,
                                     struct cupel_dataset *dataset, struct cupel_error *error) {
    const bool *held = folder->held;
    dataset->classes = folder->train.class_count;
    CUPEL_TRY(read_split(spec, &folder->train, held, false, dataset, &dataset->train, error));
    CUPEL_TRY(
        read_split(spec, held ? &folder->train : &folder->test, held, true, dataset, &dataset->test, error));
    if (dataset->train.count) return CUPEL_OK;
    return cupel_fail(error, CUPEL_INVALID, "%s: not one training image can be read; the first: %s",
                      spec->path, dataset->first_skipped.message);
}

/* The same from the cache, or into it. */
static enum cupel_status read_cached(const struct cupel_dataset_spec *spec, const struct folder *folder,
                                     struct cupel_dataset *dataset, struct cupel_error *error) {
    struct cache cache;
    CUPEL_TRY(cache_open(spec, dataset->shape, folder, &cache, error));
    enum cupel_status status = CUPEL_OK;
    if (!cache_load(&cache, folder, dataset)) {
        status = read_folder(spec, folder, dataset, error);
        if (!status) status = cache_save(&cache, dataset, error);
    }
    cache_close(&cache);
    return status;
}

enum cupel_status folder_open(const struct cupel_dataset_spec *spec, struct cupel_dataset *dataset,
                              struct cupel_error *error) {
    struct folder folder = {0};
    enum cupel_status status = folder_list(spec, false, &folder, error);
    if (!status) status = settle_shape(spec, &folder.train, dataset, error);
    if (!status) status = (spec->cache ? read_cached : read_folder)(spec, &folder, dataset, error);
    folder_free(&folder);
    return status;
}
