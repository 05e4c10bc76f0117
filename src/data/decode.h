/* Decoding many image files at once. */
#ifndef CUPEL_DATA_DECODE_H
#define CUPEL_DATA_DECODE_H

#include "cupel/data.h"
#include "data/listing.h"

/* Threads to decode with; 0 asks for one for each core. */
int decode_threads(int asked);

/* Reads an image file, in the channels of `shape`; one of another height or width is scaled and cut with `resize`, else
 * CUPEL_UNSUPPORTED. CUPEL_INVALID, CUPEL_IO: it is no whole image, or cannot be read. */
enum cupel_status decode_file(const int64_t shape[3], bool resize, const char *path, uint8_t *to,
                              struct cupel_error *error);

/* Reads the files [count] into `images` [count, shape] and, unless that is NULL, `masks` [count, height, width], as the spec asks,
 * on several threads. `bad`, [count], gets
 * whether a file was left out, which only `skip_bad` allows: its image is then undefined. What is wrong with the
 * first bad file, in the order of the list, goes to `error`, or with `skip_bad` to `first`. */
enum cupel_status decode_files(const struct cupel_dataset_spec *spec, const int64_t shape[3],
                               const struct listed *const *files, int64_t count, uint8_t *images,
                               uint8_t *masks, bool *bad, struct cupel_error *first,
                               struct cupel_error *error);

#endif
