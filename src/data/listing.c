#include "data/listing.h"

#include <errno.h>
#include <fts.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "data/common.h"

static bool is_image(const char *name) {
    static const char *const endings[] = {".png", ".jpg", ".jpeg"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof endings / sizeof *endings; i++)
        if (!strcasecmp(dot, endings[i])) return true;
    return false;
}

/* The class of a file, as FTS's number of the directory below the root. */
static int32_t class_of(const FTSENT *entry) {
    while (entry->fts_level > 1) entry = entry->fts_parent;
    return entry->fts_info == FTS_D || entry->fts_info == FTS_DP ? (int32_t)entry->fts_number : -1;
}

static enum cupel_status no_memory(const char *path, struct cupel_error *error) {
    return cupel_fail(error, CUPEL_NOMEM, "%s: no memory to list it", path);
}

static enum cupel_status add_class(struct listing *listing, FTSENT *entry, struct cupel_error *error) {
    if (listing->class_count == MOST_CLASSES)
        return cupel_fail(error, CUPEL_INVALID, "%s: is one class more than %d", entry->fts_path,
                          MOST_CLASSES);
    /* Doubled when it is full: at powers of two. */
    if (!(listing->class_count & (listing->class_count - 1))) {
        const size_t room = listing->class_count ? 2 * (size_t)listing->class_count : 1;
        char **classes = reallocarray(listing->classes, room, sizeof *classes);
        if (!classes) return no_memory(entry->fts_path, error);
        listing->classes = classes;
    }
    listing->classes[listing->class_count] = strdup(entry->fts_name);
    if (!listing->classes[listing->class_count]) return no_memory(entry->fts_path, error);
    entry->fts_number = listing->class_count++;
    return CUPEL_OK;
}

static enum cupel_status add_file(struct listing *listing, const FTSENT *entry, struct cupel_error *error) {
    if (!is_image(entry->fts_name)) {
        listing->others++;
        return CUPEL_OK;
    }
    if (listing->count == listing->room) {
        const int64_t room = listing->room ? 2 * listing->room : 256;
        struct listed *files = reallocarray(listing->files, (size_t)room, sizeof *files);
        if (!files) return no_memory(entry->fts_path, error);
        listing->files = files;
        listing->room = room;
    }
    const bool known = entry->fts_info == FTS_F; /* otherwise opening it will say what is wrong */
    struct listed file = {.path = strdup(entry->fts_path), .class = class_of(entry)};
    if (!file.path) return no_memory(entry->fts_path, error);
    if (known) {
        file.size = entry->fts_statp->st_size;
        file.changed = entry->fts_statp->st_mtim;
    }
    listing->files[listing->count++] = file;
    return CUPEL_OK;
}

static enum cupel_status add_entry(FTS *tree, struct listing *listing, FTSENT *entry,
                                   struct cupel_error *error) {
    if (entry->fts_level > 0 && entry->fts_name[0] == '.') {
        if (entry->fts_info == FTS_D) fts_set(tree, entry, FTS_SKIP);
        return CUPEL_OK;
    }
    switch (entry->fts_info) {
    case FTS_D:
        return entry->fts_level == 1 ? add_class(listing, entry, error) : CUPEL_OK;
    case FTS_DP:
        return CUPEL_OK;
    case FTS_DC:
        return cupel_fail(error, CUPEL_INVALID, "%s: is a link to a directory that it lies in; remove it",
                          entry->fts_path);
    case FTS_DNR:
    case FTS_ERR:
        return cupel_fail(error, CUPEL_INVALID, "%s: %s", entry->fts_path, strerror(entry->fts_errno));
    default:
        break;
    }
    if (entry->fts_level == 0)
        return cupel_fail(error, CUPEL_INVALID, "%s: %s", entry->fts_path,
                          entry->fts_info == FTS_NS ? strerror(entry->fts_errno) : "Not a directory");
    return add_file(listing, entry, error);
}

static enum cupel_status walk(const char *directory, struct listing *listing, struct cupel_error *error) {
    char *const roots[] = {(char *)directory, NULL};
    FTS *tree = fts_open(roots, FTS_LOGICAL | FTS_NOCHDIR, NULL);
    if (!tree) return cupel_fail(error, CUPEL_INVALID, "%s: %s", directory, strerror(errno));
    enum cupel_status status = CUPEL_OK;
    for (FTSENT *entry; !status && (errno = 0, entry = fts_read(tree));)
        status = add_entry(tree, listing, entry, error);
    if (!status && errno) status = cupel_fail(error, CUPEL_IO, "%s: %s", directory, strerror(errno));
    fts_close(tree);
    return status;
}

/* ---- order ---- */

static int compare_names(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int compare_files(const void *a, const void *b) {
    const struct listed *one = a, *other = b;
    if (one->class != other->class) return one->class < other->class ? -1 : 1;
    return strcmp(one->path, other->path);
}

/* Sorts the classes, and the files by them. */
static enum cupel_status sort(const char *directory, struct listing *listing, struct cupel_error *error) {
    const size_t classes = (size_t)listing->class_count;
    char **found = reallocarray(NULL, classes + 1, sizeof *found);
    int32_t *places = reallocarray(NULL, classes + 1, sizeof *places);
    if (found && places && classes) {
        memcpy(found, listing->classes, classes * sizeof *found);
        qsort(listing->classes, classes, sizeof *listing->classes, compare_names);
        for (size_t i = 0; i < classes; i++) {
            char **place =
                bsearch(&found[i], listing->classes, classes, sizeof *listing->classes, compare_names);
            places[i] = (int32_t)(place - listing->classes);
        }
        for (int64_t i = 0; i < listing->count; i++)
            if (listing->files[i].class >= 0) listing->files[i].class = places[listing->files[i].class];
    }
    const bool sorted = found && places;
    if (sorted && listing->count)
        qsort(listing->files, (size_t)listing->count, sizeof *listing->files, compare_files);
    free(found);
    free(places);
    return sorted ? CUPEL_OK : no_memory(directory, error);
}

/* ---- what makes a set ---- */

static enum cupel_status check(const char *directory, bool empty, struct listing *listing,
                               struct cupel_error *error) {
    if (!listing->count)
        return cupel_fail(error, CUPEL_INVALID,
                          "%s: holds no images: no file below it ends in .png, .jpg or .jpeg", directory);
    const bool flat = listing->files[0].class < 0, nested = listing->files[listing->count - 1].class >= 0;
    if (flat && nested)
        return cupel_fail(error, CUPEL_INVALID,
                          "%s: lies beside directories with images; move all images into a directory for "
                          "each class, or all into one directory",
                          listing->files[0].path);
    int64_t place = 0;
    for (int32_t c = 0; c < listing->class_count && nested && !empty; c++) {
        const int64_t first = place;
        while (place < listing->count && listing->files[place].class == c) place++;
        if (place == first)
            return cupel_fail(error, CUPEL_INVALID,
                              "%s/%s: this class has no images: no file in it ends in .png, .jpg or .jpeg; "
                              "put some there, or remove the directory",
                              directory, listing->classes[c]);
    }
    for (; flat && listing->class_count; listing->class_count--)
        free(listing->classes[listing->class_count - 1]);
    return CUPEL_OK;
}

enum cupel_status listing_make(const char *directory, bool empty, struct listing *listing,
                               struct cupel_error *error) {
    *listing = (struct listing){0};
    enum cupel_status status = walk(directory, listing, error);
    if (!status) status = sort(directory, listing, error);
    if (!status) status = check(directory, empty, listing, error);
    if (status) listing_free(listing);
    return status;
}

void listing_free(struct listing *listing) {
    for (int64_t i = 0; i < listing->count; i++) {
        free(listing->files[i].path);
        free(listing->files[i].mask);
    }
    for (int32_t i = 0; i < listing->class_count; i++) free(listing->classes[i]);
    free(listing->files);
    free(listing->classes);
    *listing = (struct listing){0};
}
