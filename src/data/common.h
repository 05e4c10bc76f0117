/* What the formats of data sets share. */
#ifndef CUPEL_DATA_COMMON_H
#define CUPEL_DATA_COMMON_H

#include "cupel/data.h"

enum { MOST_CLASSES = 1 << 24 }; /* as in model files */

/* Takes the images' shape, or compares it with the one that is known from the spec or the other split. */
enum cupel_status common_shape(const char *path, const int64_t found[3], struct cupel_dataset *dataset,
                               struct cupel_error *error);

/* Takes label `index` of a file. `limit` is the spec's number of classes, or 0; then the set's number grows to
 * hold every label. */
enum cupel_status common_label(const char *path, int64_t index, int64_t label, int64_t limit,
                               struct cupel_dataset *dataset, int32_t *to, struct cupel_error *error);

/* CUPEL_INVALID: `file` of the set is not in the directory, or the directory is none; `how` says where sets of
 * the format come from. */
enum cupel_status common_missing(const char *directory, const char *file, const char *how,
                                 struct cupel_error *error);

/* Whether the sample of a set without a test split belongs to it: the 10th, 20th, ... of each class. `seen`
 * counts the samples of the classes. */
enum { HELD_OUT = 10 };
static inline bool common_held(int64_t *seen, int32_t label) {
    return ++seen[label] % HELD_OUT == 0;
}

/* Writes "DIRECTORY/NAME" into `path` of PATH_MAX bytes; false when it does not fit. */
bool common_path(const char *directory, const char *name, char *path);

#endif
