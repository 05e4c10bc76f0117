/* A folder's decoded images in one file, for the next run. */
#ifndef CUPEL_DATA_CACHE_H
#define CUPEL_DATA_CACHE_H

#include "data/folder.h"
#include "io/file.h"

/* Where the spec's set lies in its cache directory, and what it must have been made from: the paths, sizes, times and classes
 * of the folder's files. */
struct cache {
    char *path;
    uint64_t contents;
    bool stream; /* leave the images in the file; set by the caller */
};

/* CUPEL_NOMEM. To be freed with cache_close. */
enum cupel_status cache_open(const struct cupel_dataset_spec *spec, const int64_t shape[3],
                             const struct folder *folder, struct cache *cache, struct cupel_error *error);
void cache_close(struct cache *cache);

/* Reads the set of this shape, into a dataset that has no images yet, or makes sources of its images; all of the file is checked
 * either way. False, with the dataset as it was: the file is not there, is of another state of the folder, or damaged. */
bool cache_load(const struct cache *cache, const struct folder *folder, struct cupel_dataset *dataset);

/* Writes the file, all or nothing, in pieces that are added in its order: images and labels of the training split, those of the
 * test split. CUPEL_INVALID, CUPEL_IO: it cannot be written. */
struct cache_writer {
    struct file_writer file;
    uint32_t checksum;
};
enum cupel_status cache_begin(const struct cache *cache, struct cache_writer *writer,
                              struct cupel_error *error);
enum cupel_status cache_add(struct cache_writer *writer, const void *data, size_t size,
                            struct cupel_error *error);
/* `dataset` tells what was added. With a `status` other than CUPEL_OK, which is returned, there is no file. */
enum cupel_status cache_end(struct cache_writer *writer, const struct cache *cache,
                            const struct cupel_dataset *dataset, enum cupel_status status,
                            struct cupel_error *error);

#endif
