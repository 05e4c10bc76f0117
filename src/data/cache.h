/* A folder's decoded images in one file, for the next run. */
#ifndef CUPEL_DATA_CACHE_H
#define CUPEL_DATA_CACHE_H

#include "data/folder.h"

/* Where the spec's set lies in its cache directory, and what it must have been made from: the paths, sizes, times and classes
 * of the folder's files. */
struct cache {
    char *path;
    uint64_t contents;
};

/* CUPEL_NOMEM. To be freed with cache_close. */
enum cupel_status cache_open(const struct cupel_dataset_spec *spec, const int64_t shape[3],
                             const struct folder *folder, struct cache *cache, struct cupel_error *error);
void cache_close(struct cache *cache);

/* Reads the set of this shape, into a dataset that has no images yet. False, with the dataset as it was: the file is not
 * there, is of another state of the folder, or damaged. */
bool cache_load(const struct cache *cache, const struct folder *folder, struct cupel_dataset *dataset);

/* Writes the set, atomically. CUPEL_INVALID, CUPEL_IO: it cannot be written. */
enum cupel_status cache_save(const struct cache *cache, const struct cupel_dataset *dataset,
                             struct cupel_error *error);

#endif
