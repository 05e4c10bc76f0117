/* Element types and shapes: sizes, checks, texts. */
#include "cupel/tensor.h"

#include <inttypes.h>
#include <stdio.h>

#include "cupel/graph.h"

static const struct {
    const char *text;
    size_t bytes;
} dtypes[] = {
#define X(name, text, bytes) [CUPEL_##name] = {text, bytes},
    CUPEL_DTYPES(X)
#undef X
};

size_t cupel_dtype_size(enum cupel_dtype dtype) {
    return (unsigned)dtype < sizeof dtypes / sizeof *dtypes ? dtypes[dtype].bytes : 0;
}

const char *cupel_dtype_text(enum cupel_dtype dtype) {
    return (unsigned)dtype < sizeof dtypes / sizeof *dtypes ? dtypes[dtype].text : "?";
}

int64_t cupel_shape_count(const struct cupel_shape *shape) {
    int64_t count = 1;
    for (int i = 0; i < shape->rank; i++) count *= shape->dim[i];
    return count;
}

int64_t cupel_part_span(const struct cupel_shape *shape) {
    return (cupel_shape_count(shape) + 15) / 16 * 16;
}

bool cupel_shape_equal(const struct cupel_shape *a, const struct cupel_shape *b) {
    if (a->rank != b->rank) return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dim[i] != b->dim[i]) return false;
    return true;
}

enum cupel_status cupel_shape_check(const struct cupel_shape *shape, enum cupel_dtype dtype,
                                    struct cupel_error *error) {
    if (shape->rank < 0 || shape->rank > CUPEL_MAX_RANK)
        return cupel_fail(error, CUPEL_INVALID, "a shape has 0 to %d dimensions, not %d", CUPEL_MAX_RANK,
                          shape->rank);
    char text[160];
    int64_t bytes = (int64_t)cupel_dtype_size(dtype);
    if (!bytes) return cupel_fail(error, CUPEL_INVALID, "there is no dtype %d", (int)dtype);
    for (int i = 0; i < shape->rank; i++) {
        if (shape->dim[i] < 1)
            return cupel_fail(error, CUPEL_INVALID, "shape %s: every dimension must be at least 1",
                              cupel_shape_text(shape, text, sizeof text));
        if (__builtin_mul_overflow(bytes, shape->dim[i], &bytes))
            return cupel_fail(error, CUPEL_INVALID, "shape %s is too large for this machine's memory",
                              cupel_shape_text(shape, text, sizeof text));
    }
    return CUPEL_OK;
}

char *cupel_shape_text(const struct cupel_shape *shape, char *text, size_t size) {
    size_t used = 0;
    int rank = shape->rank < 0 ? 0 : shape->rank > CUPEL_MAX_RANK ? CUPEL_MAX_RANK : shape->rank;
    for (int i = 0; i < rank && used < size; i++) {
        int wrote = snprintf(text + used, size - used, "%s%" PRId64, i ? ", " : "[", shape->dim[i]);
        used += wrote > 0 ? (size_t)wrote : 0;
    }
    if (used < size) snprintf(text + used, size - used, rank ? "]" : "[]");
    return text;
}
