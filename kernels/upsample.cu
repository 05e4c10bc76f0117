/* Bilinear enlarging by whole factors F, an element or a vector of channels to a thread (images.cuh).
 *
 * Along each axis the centre of pixel o of the result lies at s = (o + 1/2) / F - 1/2 among the image's pixels, but not before
 * the first: it is made of 1 - (s - i) of pixel i = floor(s) and s - i of pixel i + 1, or of the last pixel alone. With
 * t = 2 o + 1 - F, s is t / 2F, so that i and the parts come from integers, the same in both directions. The gradient gathers
 * from the 2F pixels of the result, along each axis, that its pixel is part of: nothing depends on order. Sums are in f32. */
#include "images.cuh"
#include "upsample.h"

struct enlarging : images {
    int64_t factor[2];
    divisor double_factor[2];
};

/* The first pixel of an image of `size` that pixel o of the result is made of, and how much of the second there is in it. */
struct blend {
    int64_t first;
    float second;
};
__device__ __forceinline__ blend blend_at(const enlarging &of, int axis, int64_t o, int64_t size) {
    const int64_t t = max(2 * o + 1 - of.factor[axis], int64_t{0});
    const int64_t first = quotient(t, of.double_factor[axis]),
                  rest = t - first * of.double_factor[axis].value;
    if (first + 1 >= size) return {first, 0};
    return {first, static_cast<float>(rest) / static_cast<float>(of.double_factor[axis].value)};
}

__device__ __forceinline__ float part_of(const blend &of, int64_t pixel) {
    return pixel == of.first ? 1 - of.second : of.second;
}

template <class T, int width> __global__ void bilinear(const T *x, T *y, enlarging of) {
    FOR_EACH_VECTOR(of, i) {
        const pixel to = pixel_of<width>(of, i);
        const int64_t height = of.from_size[0], across = of.from_size[1];
        const blend row = blend_at(of, 0, to.h, height), column = blend_at(of, 1, to.w, across);
        const span rows = {row.first, min(row.first + 2, height), 0},
                   columns = {column.first, min(column.first + 2, across), 0};
        float sum[width] = {};
        for_each_in<width>(x + at(of.from, {to.n, to.c, 0, 0}), of, rows, columns,
                           [&](int64_t h, int64_t w, const float(&value)[width]) {
                               const float part = part_of(row, h) * part_of(column, w);
                               UNROLL
                               for (int v = 0; v < width; v++) sum[v] += part * value[v];
                           });
        store_floats(y + at(of.to, to), sum);
    }
}

/* The pixels of the result, `size` along the axis, that pixel i of the image is part of. */
__device__ __forceinline__ span pixels_over(const enlarging &of, int axis, int64_t i, int64_t size) {
    const int64_t from = of.factor[axis] * (i - 1) + of.factor[axis] / 2;
    return {max(from, int64_t{0}), min(from + of.double_factor[axis].value, size), 0};
}

template <class T, int width> __global__ void bilinear_grad(const T *dy, T *dx, enlarging of) {
    FOR_EACH_VECTOR(of, i) {
        const pixel to = pixel_of<width>(of, i);
        const span rows = pixels_over(of, 0, to.h, of.from_size[0]),
                   columns = pixels_over(of, 1, to.w, of.from_size[1]);
        float sum[width] = {};
        for_each_in<width>(dy + at(of.from, {to.n, to.c, 0, 0}), of, rows, columns,
                           [&](int64_t h, int64_t w, const float(&value)[width]) {
                               const float part = part_of(blend_at(of, 0, h, of.to_size[0]), to.h) *
                                                  part_of(blend_at(of, 1, w, of.to_size[1]), to.w);
                               UNROLL
                               for (int v = 0; v < width; v++) sum[v] += part * value[v];
                           });
        store_floats(dx + at(of.to, to), sum);
    }
}

/* The factors are those of the larger view to the smaller. */
static enlarging enlarging_of(const kernel_view *from, const kernel_view *to, int width) {
    enlarging of = {};
    static_cast<images &>(of) = images_of(from, to, width);
    for (int axis = 0; axis < 2; axis++) {
        const int64_t a = from->dim[2 + axis], b = to->dim[2 + axis];
        of.factor[axis] = a > b ? a / b : b / a;
        of.double_factor[axis] = divisor_of(2 * of.factor[axis]);
    }
    return of;
}

extern "C" kernel_status kernel_bilinear(enum kernel_type type, const void *x,
                                         const struct kernel_view *x_view, void *y,
                                         const struct kernel_view *y_view, void *stream) {
    const bool vectors = has_vectors(x, x_view, widest(type)) && has_vectors(y, y_view, widest(type));
    WITH_VECTORS(type, vectors, T, const enlarging of = enlarging_of(x_view, y_view, width);
                 LAUNCH((bilinear<T, width>), blocks_for(of.count, image_threads), image_threads, 0, stream,
                        static_cast<const T *>(x), static_cast<T *>(y), of));
    return cudaGetLastError();
}

extern "C" kernel_status kernel_bilinear_grad(enum kernel_type type, const void *dy,
                                              const struct kernel_view *dy_view, void *dx,
                                              const struct kernel_view *dx_view, void *stream) {
    const bool vectors = has_vectors(dy, dy_view, widest(type)) && has_vectors(dx, dx_view, widest(type));
    WITH_VECTORS(type, vectors, T, const enlarging of = enlarging_of(dy_view, dx_view, width);
                 LAUNCH((bilinear_grad<T, width>), blocks_for(of.count, image_threads), image_threads, 0,
                        stream, static_cast<const T *>(dy), static_cast<T *>(dx), of));
    return cudaGetLastError();
}
