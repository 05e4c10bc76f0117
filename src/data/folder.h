/* The files of a folder of images. */
#ifndef CUPEL_DATA_FOLDER_H
#define CUPEL_DATA_FOLDER_H

#include "cupel/data.h"
#include "data/listing.h"

/* What makes up the set: one listing, or one for each split. */
struct folder {
    struct listing train, test;
    bool *held;     /* which files of `train` make up the test split, or NULL */
    int64_t strays; /* masks without an image, and what is wrong with the first one */
    struct cupel_error first_stray;
};

/* Lists the set of the spec; `empty`: classes may have no images. To be freed whatever the outcome. */
enum cupel_status folder_list(const struct cupel_dataset_spec *spec, bool empty, struct folder *folder,
                              struct cupel_error *error);
void folder_free(struct folder *folder);

/* Whether the set of the folder `path` has images with masks, by the names of its directories. */
bool folder_has_masks(const char *path);

/* As cupel_dataset_class_names, of the folder `path`; what was found is to be freed even after a failure. */
enum cupel_status folder_class_names(const char *path, struct cupel_class_names *names,
                                     struct cupel_error *error);

#endif
