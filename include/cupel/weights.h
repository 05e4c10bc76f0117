/* Named tensors in a file: weights, checkpoints and dumps, in the safetensors format.
 *
 * Any safetensors reader reads the files written here and the other way round (PyTorch's `save_file` of a
 * `state_dict`, for instance). The format: https://github.com/huggingface/safetensors. Beyond it, a file
 * written here carries a checksum over all its bytes, so that a file that was cut or altered anywhere is
 * refused. */
#ifndef CUPEL_WEIGHTS_H
#define CUPEL_WEIGHTS_H

#include <stddef.h>

#include "cupel/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One named tensor. Elements lie in C order, in the byte order of the machine (little endian). */
struct cupel_weight {
    char *name;
    enum cupel_dtype dtype;
    struct cupel_shape shape;
    void *data; /* `bytes` bytes, aligned for every dtype */
    size_t bytes;
};

struct cupel_metadata {
    char *key;
    char *value;
};

/* An ordered list of tensors, and of strings that describe them. Zero-initialise before use; read the members
 * freely, change them only through the functions below. */
struct cupel_weights {
    struct cupel_weight *tensors;
    size_t count;
    struct cupel_metadata *metadata;
    size_t metadata_count;
};

/* Adds a tensor with a copy of `data`, or zeroed when `data` is NULL: fill it then through the list's last
 * tensor. CUPEL_INVALID: the name is empty, taken, `__metadata__` or has control characters, or the shape is
 * impossible. */
enum cupel_status cupel_weights_add(struct cupel_weights *weights, const char *name, enum cupel_dtype dtype,
                                    const struct cupel_shape *shape, const void *data,
                                    struct cupel_error *error);

/* The tensor of that name; NULL when there is none. Adding tensors makes the pointer invalid. */
struct cupel_weight *cupel_weights_find(const struct cupel_weights *weights, const char *name);

/* Sets a string, replacing an earlier value. The keys `crc32` and `format` belong to the file format and are
 * refused (CUPEL_INVALID); they are not seen in a loaded file either. */
enum cupel_status cupel_weights_set_metadata(struct cupel_weights *weights, const char *key,
                                             const char *value, struct cupel_error *error);

/* The string set for `key`; NULL when there is none. */
const char *cupel_weights_metadata(const struct cupel_weights *weights, const char *key);

/* Reads a safetensors file into an empty list. On failure the list stays empty and the message begins with
 * the path. CUPEL_INVALID: the file is missing, cut, altered, malformed, or holds a dtype that enum
 * cupel_dtype lacks. */
enum cupel_status cupel_weights_load(const char *path, struct cupel_weights *weights,
                                     struct cupel_error *error);

/* Writes the list to a safetensors file, atomically: whatever fails, an earlier file of that name stays as it
 * was. Tensors are written in their order, wider elements first (that keeps all of them aligned in the file);
 * the same content gives the same bytes. CUPEL_INVALID: no file can be made there. CUPEL_IO: the writing
 * failed. */
enum cupel_status cupel_weights_save(const struct cupel_weights *weights, const char *path,
                                     struct cupel_error *error);

/* The CRC-32 (zlib's) of a whole file, to tell files apart. Statuses as for cupel_weights_load. */
enum cupel_status cupel_file_checksum(const char *path, uint32_t *checksum, struct cupel_error *error);

/* Frees everything in the list and leaves it empty. */
void cupel_weights_free(struct cupel_weights *weights);

#ifdef __cplusplus
}
#endif
#endif
