/* Folders of images with masks: which belong together, and reading them. */
#include "data/masks.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "data/common.h"

/* ---- pairs ---- */

/* The length of a file's path without its ending, which listings have made sure of; `*name` is where its name begins. */
static size_t stem(const struct listed *file, const char **name) {
    *name = strrchr(file->path, '/') + 1;
    return (size_t)(strrchr(*name, '.') - *name);
}

static int compare_stems(const void *a, const void *b) {
    const char *one, *other;
    const size_t one_size = stem(a, &one), other_size = stem(b, &other);
    const int order = memcmp(one, other, one_size < other_size ? one_size : other_size);
    return order ? order : (one_size > other_size) - (one_size < other_size);
}

/* Gives each image its mask, whose path moves over. The masks are sorted by stem. */
static void take_masks(struct listing *images, struct listing *masks) {
    for (int64_t i = 0; i < images->count; i++) {
        struct listed *found = bsearch(&images->files[i], masks->files, (size_t)masks->count,
                                       sizeof *masks->files, compare_stems);
        if (!found) continue;
        /* Of two with that stem, the one that is left will be left over. */
        images->files[i].mask = found->mask;
        found->mask = NULL;
    }
}

static enum cupel_status check_left(const struct cupel_dataset_spec *spec, const char *directory,
                                    const struct listing *masks, int64_t *strays, struct cupel_error *first,
                                    struct cupel_error *error) {
    for (int64_t i = 0; i < masks->count; i++) {
        struct cupel_error reason = {0};
        if (!masks->files[i].mask) continue;
        cupel_fail(&reason, CUPEL_INVALID,
                   "%s: is the mask of no image; remove it, or put the image of the same name into %s/images",
                   masks->files[i].path, directory);
        if (!spec->skip_bad) return cupel_fail(error, reason.status, "%s", reason.message);
        ++*strays;
        if (!first->status) *first = reason;
    }
    return CUPEL_OK;
}

static enum cupel_status list_flat(const char *directory, const char *name, struct listing *listing,
                                   struct cupel_error *error) {
    char path[PATH_MAX];
    if (!common_path(directory, name, path))
        return cupel_fail(error, CUPEL_INVALID, "%s: the path is too long", directory);
    struct cupel_error reason = {0};
    const enum cupel_status status = listing_make(path, true, listing, &reason);
    if (status)
        return cupel_fail(error, status,
                          "%s; a set with masks has its images in `images` and their masks in `masks`",
                          reason.message);
    if (!listing->class_count) return CUPEL_OK;
    return cupel_fail(error, CUPEL_INVALID,
                      "%s: lies in a directory of its own; images with masks, and the masks, lie flat",
                      listing->files[0].path);
}

enum cupel_status masks_list(const struct cupel_dataset_spec *spec, const char *directory,
                             struct listing *listing, int64_t *strays, struct cupel_error *first,
                             struct cupel_error *error) {
    struct listing masks = {0};
    CUPEL_TRY(list_flat(directory, "images", listing, error));
    enum cupel_status status = list_flat(directory, "masks", &masks, error);
    for (int64_t i = 0; i < masks.count && !status; i++) {
        masks.files[i].mask = strdup(masks.files[i].path);
        if (!masks.files[i].mask) status = cupel_fail(error, CUPEL_NOMEM, "%s: no memory", directory);
    }
    if (!status && masks.files) {
        qsort(masks.files, (size_t)masks.count, sizeof *masks.files, compare_stems);
        take_masks(listing, &masks);
        status = check_left(spec, directory, &masks, strays, first, error);
    }
    listing_free(&masks);
    return status;
}

/* ---- one mask ---- */

enum cupel_status mask_check(const char *name, const uint8_t *mask, int64_t count, int64_t width,
                             int64_t limit, struct cupel_error *error) {
    for (int64_t i = 0; i < count && limit; i++)
        if (mask[i] >= limit && mask[i] != CUPEL_NO_CLASS)
            return cupel_fail(error, CUPEL_INVALID,
                              "%s: the pixel in row %" PRId64 ", column %" PRId64 " is %d, but with %" PRId64
                              " classes the largest is %" PRId64
                              " (%d: no class); correct the mask, or `classes` under `data`",
                              name, i / width, i % width, mask[i], limit, limit - 1, CUPEL_NO_CLASS);
    return CUPEL_OK;
}

enum cupel_status mask_decode(const struct cupel_dataset_spec *spec, const struct listed *file,
                              const struct cupel_image *image, int height, int width, uint8_t *to,
                              struct cupel_error *error) {
    struct cupel_image mask;
    if (!file->mask)
        return cupel_fail(error, CUPEL_INVALID,
                          "%s: has no mask of its own; put a PNG file of the same name into `masks` beside "
                          "`images`",
                          file->path);
    CUPEL_TRY(cupel_image_read_mask(file->mask, &mask, error));
    enum cupel_status status = CUPEL_OK;
    if (mask.height != image->height || mask.width != image->width)
        status =
            cupel_fail(error, CUPEL_INVALID,
                       "%s: is %d pixels wide and %d high, but its image is %d x %d; both must be of one "
                       "size",
                       file->mask, mask.width, mask.height, image->width, image->height);
    else
        status = mask_check(file->mask, mask.pixels, (int64_t)mask.height * mask.width, mask.width,
                            spec->classes, error);
    if (status == CUPEL_OK) cupel_image_cover_nearest(&mask, height, width, to);
    cupel_image_free(&mask);
    return status;
}

int64_t masks_classes(const struct cupel_dataset *dataset) {
    const struct cupel_dataset_split *const splits[] = {&dataset->train, &dataset->test};
    int64_t classes = 0;
    for (int s = 0; s < 2; s++)
        for (int64_t i = 0; i < splits[s]->count * dataset->shape[1] * dataset->shape[2]; i++)
            if (splits[s]->masks[i] != CUPEL_NO_CLASS && splits[s]->masks[i] >= classes)
                classes = splits[s]->masks[i] + 1;
    return classes;
}
