/* Folders of images with masks. */
#ifndef CUPEL_DATA_MASKS_H
#define CUPEL_DATA_MASKS_H

#include "cupel/data.h"
#include "cupel/image.h"
#include "data/listing.h"

/* Lists the files of DIRECTORY/images, each with the file in DIRECTORY/masks that has its name but for the ending, if there is one
 * that no other image has. Masks that are left over are CUPEL_INVALID, or with the spec's `skip_bad` counted in `*strays`, of
 * which `first` then says what is wrong with the first of all. */
enum cupel_status masks_list(const struct cupel_dataset_spec *spec, const char *directory,
                             struct listing *listing, int64_t *strays, struct cupel_error *first,
                             struct cupel_error *error);

/* Reads the mask of a file whose image has been read, in the size that the image gets, into `to` [height, width]. CUPEL_INVALID:
 * there is none, it cannot be read, is of another size than the image, or holds what is no class. */
enum cupel_status mask_decode(const struct cupel_dataset_spec *spec, const struct listed *file,
                              const struct cupel_image *image, int height, int width, uint8_t *to,
                              struct cupel_error *error);

/* Checks the numbers of a mask of that width; `limit` classes are possible, 0: any number. */
enum cupel_status mask_check(const char *name, const uint8_t *mask, int64_t count, int64_t width,
                             int64_t limit, struct cupel_error *error);

/* The classes of a set's masks: the largest plus 1. */
int64_t masks_classes(const struct cupel_dataset *dataset);

#endif
