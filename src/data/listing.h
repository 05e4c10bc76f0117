/* The images of a directory. */
#ifndef CUPEL_DATA_LISTING_H
#define CUPEL_DATA_LISTING_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "cupel/status.h"

struct listed {
    char *path;
    char *mask;    /* its mask's path, or NULL */
    int32_t class; /* -1 in a flat directory */
    int64_t size;
    struct timespec changed;
};

struct listing {
    struct listed *files; /* by class, then path, bytewise */
    int64_t count, room;
    char **classes; /* bytewise; a flat directory has none */
    int32_t class_count;
    int64_t others; /* files that are no images */
};

/* Lists the directory: files whose names end in .png, .jpg or .jpeg (in any case), flat, or in one directory for
 * each class, at any depth below it. Names that begin with a dot are passed over; symbolic links are followed.
 * CUPEL_INVALID: no directory, no images, images beside directories of images, a class without images (unless
 * `empty`), a directory that cannot be read or holds itself. On failure there is nothing to free. */
enum cupel_status listing_make(const char *directory, bool empty, struct listing *listing,
                               struct cupel_error *error);
void listing_free(struct listing *listing);

#endif
