/* Paths of the files in a run's directory. */
#ifndef CUPEL_TRAIN_PATH_H
#define CUPEL_TRAIN_PATH_H

#include <stdio.h>

#include "cupel/status.h"

enum { PATH_ROOM = 4096 };

/* Writes "directory/name" to `path`, which has PATH_ROOM bytes. */
static inline enum cupel_status path_join(char *path, const char *directory, const char *name,
                                          struct cupel_error *error) {
    if (snprintf(path, PATH_ROOM, "%s/%s", directory, name) < PATH_ROOM) return CUPEL_OK;
    return cupel_fail(error, CUPEL_INVALID, "%s: the path is too long", directory);
}

#endif
