/* Images [N, C, H, W] of any strides, made one from another by kernels of which a thread makes one element of the result, or
 * one vector of channels where they lie innermost, and consecutive threads consecutive ones in the result's memory. */
#ifndef CUPEL_IMAGES_CUH
#define CUPEL_IMAGES_CUH

#include "numeric.cuh"

constexpr int image_threads = 256;

/* `from` and `to` are the tensor read and the one written; strides are those of N, C, H, W. */
struct images {
    int64_t count; /* of the result's vectors */
    bool channels_inner;
    divisor inner, middle, outer; /* sizes of the result's three inner dimensions */
    int64_t from_size[2], to_size[2];
    int64_t from[4], to[4];
};

struct pixel {
    int64_t n, c, h, w;
};

template <int width> __device__ __forceinline__ pixel pixel_of(const images &of, int64_t i) {
    const int64_t middle = quotient(i, of.inner), outer = quotient(middle, of.middle),
                  n = quotient(outer, of.outer);
    const int64_t a = i - middle * of.inner.value, b = middle - outer * of.middle.value,
                  c = outer - n * of.outer.value;
    if (of.channels_inner) return {n, a * width, c, b};
    return {n, c * width, b, a};
}

__device__ __forceinline__ int64_t at(const int64_t (&stride)[4], const pixel &of) {
    return of.n * stride[0] + of.c * stride[1] + of.h * stride[2] + of.w * stride[3];
}

/* A range along one axis; `divisor` of its elements count in a mean. */
struct span {
    int64_t from, to, divisor;
};

/* Calls use(h, w, numbers) for each vector of a plane that lies in the range, with two of them loaded ahead. */
template <int width, class T, class Use>
__device__ __forceinline__ void for_each_in(const T *plane, const images &of, const span &rows,
                                            const span &columns, Use use) {
    for (int64_t h = rows.from; h < rows.to; h++) {
        const T *row = plane + h * of.from[2];
        for (int64_t w = columns.from; w < columns.to; w += 2) {
            const bool both = w + 1 < columns.to;
            float first[width], second[width] = {};
            load_floats(row + w * of.from[3], first);
            if (both) load_floats(row + (w + 1) * of.from[3], second);
            use(h, w, first);
            if (both) use(h, w + 1, second);
        }
    }
}

/* In front of a body that makes the vector i of the result. */
#define FOR_EACH_VECTOR(of, i)                                                        \
    for (int64_t i = blockIdx.x * int64_t{image_threads} + threadIdx.x; i < of.count; \
         i += gridDim.x * int64_t{image_threads})

/* Whether a tensor's channels are innermost and can be read in vectors of 16 bytes of T, `width` of them. */
static inline bool has_vectors(const void *data, const kernel_view *view, int width) {
    return view->stride[1] == 1 && view->dim[1] % width == 0 && view->stride[0] % width == 0 &&
           view->stride[2] % width == 0 && view->stride[3] % width == 0 &&
           reinterpret_cast<uintptr_t>(data) % 16 == 0;
}

/* Of one tensor read and one written, in vectors of `width`. */
static inline images images_of(const kernel_view *from, const kernel_view *to, int width) {
    images of = {};
    const int64_t channels = to->dim[1] / width;
    of.count = to->dim[0] * channels * to->dim[2] * to->dim[3];
    of.channels_inner = to->stride[1] < to->stride[3] || width > 1;
    of.inner = divisor_of(of.channels_inner ? channels : to->dim[3]);
    of.middle = divisor_of(to->dim[of.channels_inner ? 3 : 2]);
    of.outer = divisor_of(of.channels_inner ? to->dim[2] : channels);
    for (int d = 0; d < 4; d++) {
        of.from[d] = from->stride[d];
        of.to[d] = to->stride[d];
    }
    for (int axis = 0; axis < 2; axis++) {
        of.from_size[axis] = from->dim[2 + axis];
        of.to_size[axis] = to->dim[2 + axis];
    }
    return of;
}

/* Calls BODY with T and `width`, of which a vector has as many, or 1. */
#define WITH_VECTORS(type, vectors, T, ...)     \
    WITH_TYPE(                                  \
        type, T,                                \
        if (vectors) {                          \
            constexpr int width = vector_of<T>; \
            __VA_ARGS__;                        \
        } else {                                \
            constexpr int width = 1;            \
            __VA_ARGS__;                        \
        })

/* The most numbers in a vector. */
static inline int widest(enum kernel_type type) {
    return type == KERNEL_F32 ? vector_of<float> : vector_of<__half>;
}

#endif
