/* Images that are read from files when they are needed. */
#ifndef CUPEL_DATA_SOURCE_H
#define CUPEL_DATA_SOURCE_H

#include "cupel/data.h"

/* What every kind of source begins with. */
struct cupel_source {
    /* As cupel_dataset_read. */
    enum cupel_status (*read)(const struct cupel_source *source, int64_t index, uint8_t *image,
                              struct cupel_error *error);
    void (*free)(struct cupel_source *source);
};

/* Images of `bytes` each that lie one behind the other in an open file from `offset` on. They are read, not mapped: of a mapped
 * file that somebody cuts, the first missing page ends the process. `path` is the file's name for messages. The source takes the
 * descriptor, also when it fails. */
enum cupel_status source_of_file(const char *path, int fd, uint64_t offset, size_t bytes,
                                 struct cupel_source **source, struct cupel_error *error);
/* The images rows[0..count) of such a source, which has all that are in its file. */
enum cupel_status source_part(const struct cupel_source *whole, const int32_t *rows, int64_t count,
                              struct cupel_source **part, struct cupel_error *error);

/* Image files, decoded as decode_file has it. Takes the paths [count] and the array of them out of the caller's hands unless it
 * fails. */
enum cupel_status source_of_images(const int64_t shape[3], bool resize, char **paths, int64_t count,
                                   struct cupel_source **source, struct cupel_error *error);

/* As cupel_dataset_read, of a set whose images have `bytes` each. */
enum cupel_status source_read(const struct cupel_dataset_split *split, size_t bytes, int64_t index,
                              uint8_t *image, struct cupel_error *error);

/* Whether the spec wants images that take so many bytes to be left where they are. */
bool source_wanted(const struct cupel_dataset_spec *spec, uint64_t bytes);

#endif
