/* Element types and shapes. */
#ifndef CUPEL_TENSOR_H
#define CUPEL_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cupel/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* X(NAME, text, bytes per element) */
#define CUPEL_DTYPES(X) \
    X(F32, "f32", 4)    \
    X(F64, "f64", 8)    \
    X(BF16, "bf16", 2)  \
    X(F16, "f16", 2)    \
    X(I32, "i32", 4)    \
    X(I64, "i64", 8)    \
    X(U8, "u8", 1)

enum cupel_dtype {
#define X(name, text, bytes) CUPEL_##name,
    CUPEL_DTYPES(X)
#undef X
};

/* Bytes of one element; 0 for a value outside the enum. */
size_t cupel_dtype_size(enum cupel_dtype dtype);

/* "f32", "f64", ...; "?" for a value outside the enum. */
const char *cupel_dtype_text(enum cupel_dtype dtype);

enum { CUPEL_MAX_RANK = 6 };

/* A logical shape: images are always N, C, H, W whatever the layout in memory. Rank 0 is a scalar. */
struct cupel_shape {
    int rank;
    int64_t dim[CUPEL_MAX_RANK];
};

/* Writes a shape in place: CUPEL_SHAPE(128, 1, 28, 28). */
#define CUPEL_SHAPE(...)                                                                     \
    ((struct cupel_shape){.rank = (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), \
                          .dim = {__VA_ARGS__}})
#define CUPEL_SCALAR ((struct cupel_shape){.rank = 0})

/* Number of elements: the product of the dimensions, 1 for a scalar. The shape must have passed
 * cupel_shape_check, so that this cannot overflow. */
int64_t cupel_shape_count(const struct cupel_shape *shape);

/* Whether two shapes have the same rank and dimensions. */
bool cupel_shape_equal(const struct cupel_shape *a, const struct cupel_shape *b);

/* CUPEL_INVALID unless the rank is 0..CUPEL_MAX_RANK, every dimension is at least 1, `dtype` is one of the
 * enum, and the shape's bytes in it fit in PTRDIFF_MAX. Sizes that come from files go through here. */
enum cupel_status cupel_shape_check(const struct cupel_shape *shape, enum cupel_dtype dtype,
                                    struct cupel_error *error);

/* Writes "[128, 1, 28, 28]" ("[]" for a scalar) into `text` of `size` bytes, cut if need be, and returns
 * it. */
char *cupel_shape_text(const struct cupel_shape *shape, char *text, size_t size);

#ifdef __cplusplus
}
#endif
#endif
