#include "data/common.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum cupel_status common_shape(const char *path, const int64_t found[3], struct cupel_dataset *dataset,
                               struct cupel_error *error) {
    for (int i = 0; i < 3; i++) {
        if (!dataset->shape[i]) dataset->shape[i] = found[i];
        if (dataset->shape[i] == found[i]) continue;
        return cupel_fail(error, CUPEL_INVALID,
                          "%s: its images are [%" PRId64 ", %" PRId64 ", %" PRId64
                          "] (channels, height, width), but [%" PRId64 ", %" PRId64 ", %" PRId64
                          "] are expected; correct `shape` under `data`",
                          path, found[0], found[1], found[2], dataset->shape[0], dataset->shape[1],
                          dataset->shape[2]);
    }
    return CUPEL_OK;
}

enum cupel_status common_label(const char *path, int64_t index, int64_t label, int64_t limit,
                               struct cupel_dataset *dataset, int32_t *to, struct cupel_error *error) {
    if (limit && label >= limit)
        return cupel_fail(error, CUPEL_INVALID,
                          "%s: label %" PRId64 " is %" PRId64 ", but with %" PRId64
                          " classes the largest is %" PRId64 "; correct `classes` under `data`",
                          path, index, label, limit, limit - 1);
    if (label < 0 || label >= MOST_CLASSES)
        return cupel_fail(error, CUPEL_INVALID,
                          "%s: label %" PRId64 " is %" PRId64 "; labels go from 0 to %d", path, index, label,
                          MOST_CLASSES - 1);
    if (label >= dataset->classes) dataset->classes = label + 1;
    *to = (int32_t)label;
    return CUPEL_OK;
}

enum cupel_status common_missing(const char *directory, const char *file, const char *how,
                                 struct cupel_error *error) {
    struct stat info;
    const char *why = stat(directory, &info)  ? strerror(errno)
                      : S_ISDIR(info.st_mode) ? NULL
                                              : "Not a directory";
    return cupel_fail(error, CUPEL_INVALID,
                      "%s: %s%s%s is not there. %s, or name a directory that holds the data set with "
                      "`--data PATH`",
                      directory, why ? why : "", why ? ": " : "", file, how);
}

bool common_path(const char *directory, const char *name, char *path) {
    const int length = snprintf(path, PATH_MAX, "%s/%s", directory, name);
    return length > 0 && length < PATH_MAX;
}
