/* Pooling. One thread makes one element of the result, or one vector of channels where they lie innermost, and consecutive
 * threads consecutive ones in the result's memory. Gradients gather: a thread goes over the windows that
 * cover its element of the image, so that nothing is added to twice and nothing depends on order. Sums are in f32. */
#include "numeric.cuh"
#include "pool.h"

constexpr int threads = 256;

/* `from` and `to` are the tensor read and the one written, `index` is argmax; strides are those of N, C, H, W. */
struct pooling {
    int64_t count; /* of the result's vectors */
    bool channels_inner;
    divisor inner, middle, outer; /* sizes of the result's three inner dimensions */
    int64_t from_size[2], to_size[2];
    int64_t from[4], to[4], index[4];
    int64_t kernel[2], pad[2];
    divisor stride[2];
    bool exclude_pad;
};

struct pixel {
    int64_t n, c, h, w;
};

template <int width> __device__ __forceinline__ pixel pixel_of(const pooling &of, int64_t i) {
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

/* What lies under the window at place o of an image of `size`. */
__device__ __forceinline__ span window_at(const pooling &of, int axis, int64_t o, int64_t size) {
    const int64_t from = o * of.stride[axis].value - of.pad[axis];
    const int64_t to = min(from + of.kernel[axis], size + of.pad[axis]);
    const int64_t first = max(from, int64_t{0}), last = min(to, size);
    return {first, last, of.exclude_pad ? last - first : to - from};
}

/* The places, out of `places`, of the windows that cover element i of the image. */
__device__ __forceinline__ span places_over(const pooling &of, int axis, int64_t i, int64_t places) {
    const int64_t end = i + of.pad[axis], first = end - of.kernel[axis] + of.stride[axis].value;
    return {first > 0 ? quotient(first, of.stride[axis]) : 0, min(quotient(end, of.stride[axis]) + 1, places),
            0};
}

template <int width> __device__ __forceinline__ void load_indices(const int32_t *from, int32_t (&to)[width]) {
    constexpr int step = width < 4 ? width : 4;
    UNROLL
    for (int i = 0; i < width; i += step) {
        const auto part = load_vector<pack<int32_t, step>>(from + i);
        UNROLL
        for (int k = 0; k < step; k++) to[i + k] = part.number[k];
    }
}
template <int width>
__device__ __forceinline__ void store_indices(int32_t *to, const int32_t (&from)[width]) {
    constexpr int step = width < 4 ? width : 4;
    UNROLL
    for (int i = 0; i < width; i += step) {
        pack<int32_t, step> part;
        UNROLL
        for (int k = 0; k < step; k++) part.number[k] = from[i + k];
        store_vector(to + i, part);
    }
}

/* Calls use(h, w, numbers) for each vector of a plane that lies in the range, with two of them loaded ahead. */
template <int width, class T, class Use>
__device__ __forceinline__ void for_each_in(const T *plane, const pooling &of, const span &rows,
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
#define FOR_EACH_VECTOR(of, i)                                                  \
    for (int64_t i = blockIdx.x * int64_t{threads} + threadIdx.x; i < of.count; \
         i += gridDim.x * int64_t{threads})

template <class T, int width> __global__ void maxpool(const T *x, T *y, int32_t *argmax, pooling of) {
    FOR_EACH_VECTOR(of, i) {
        const pixel to = pixel_of<width>(of, i);
        const span rows = window_at(of, 0, to.h, of.from_size[0]),
                   columns = window_at(of, 1, to.w, of.from_size[1]);
        float best[width];
        int32_t where[width];
        UNROLL
        for (int v = 0; v < width; v++) {
            best[v] = -INFINITY;
            where[v] = static_cast<int32_t>(rows.from * of.from_size[1] + columns.from);
        }
        for_each_in<width>(x + at(of.from, {to.n, to.c, 0, 0}), of, rows, columns,
                           [&](int64_t h, int64_t w, const float(&value)[width]) {
                               const auto here = static_cast<int32_t>(h * of.from_size[1] + w);
                               UNROLL
                               for (int v = 0; v < width; v++) {
                                   const bool take = value[v] > best[v] || isnan(value[v]);
                                   best[v] = take ? value[v] : best[v];
                                   where[v] = take ? here : where[v];
                               }
                           });
        store_floats(y + at(of.to, to), best);
        store_indices(argmax + at(of.index, to), where);
    }
}

template <class T, int width>
__global__ void maxpool_grad(const T *dy, const int32_t *argmax, T *dx, pooling of) {
    FOR_EACH_VECTOR(of, i) {
        const pixel to = pixel_of<width>(of, i);
        const span rows = places_over(of, 0, to.h, of.from_size[0]),
                   columns = places_over(of, 1, to.w, of.from_size[1]);
        const auto mine = static_cast<int32_t>(to.h * of.to_size[1] + to.w);
        float sum[width] = {};
        for_each_in<width>(dy + at(of.from, {to.n, to.c, 0, 0}), of, rows, columns,
                           [&](int64_t h, int64_t w, const float(&part)[width]) {
                               int32_t where[width];
                               load_indices(argmax + at(of.index, {to.n, to.c, h, w}), where);
                               UNROLL
                               for (int v = 0; v < width; v++) sum[v] += where[v] == mine ? part[v] : 0;
                           });
        store_floats(dx + at(of.to, to), sum);
    }
}

template <class T, int width>
__global__ void maxpool_pick(const T *x, const int32_t *argmax, T *y, pooling of, divisor row,
                             kernel_fault *fault) {
    FOR_EACH_VECTOR(of, i) {
        const pixel to = pixel_of<width>(of, i);
        const int64_t size = of.from_size[0] * of.from_size[1];
        float value[width];
        int32_t where[width];
        load_indices(argmax + at(of.index, to), where);
        UNROLL
        for (int v = 0; v < width; v++) {
            value[v] = 0;
            if (where[v] < 0 || where[v] >= size) {
                report_fault(fault, KERNEL_FAULT_INDEX, where[v], size);
            } else {
                const int64_t h = quotient(where[v], row), w = where[v] - h * row.value;
                value[v] = to_float(x[at(of.from, {to.n, to.c + v, h, w})]);
            }
        }
        store_floats(y + at(of.to, to), value);
    }
}

template <class T, int width> __global__ void avgpool(const T *x, T *y, pooling of) {
    FOR_EACH_VECTOR(of, i) {
        const pixel to = pixel_of<width>(of, i);
        const span rows = window_at(of, 0, to.h, of.from_size[0]),
                   columns = window_at(of, 1, to.w, of.from_size[1]);
        const float factor = 1.f / static_cast<float>(rows.divisor * columns.divisor);
        float sum[width] = {};
        for_each_in<width>(x + at(of.from, {to.n, to.c, 0, 0}), of, rows, columns,
                           [&](int64_t, int64_t, const float(&value)[width]) {
                               UNROLL
                               for (int v = 0; v < width; v++) sum[v] += value[v];
                           });
        UNROLL
        for (int v = 0; v < width; v++) sum[v] *= factor;
        store_floats(y + at(of.to, to), sum);
    }
}

template <class T, int width> __global__ void avgpool_grad(const T *dy, T *dx, pooling of) {
    FOR_EACH_VECTOR(of, i) {
        const pixel to = pixel_of<width>(of, i);
        const span rows = places_over(of, 0, to.h, of.from_size[0]),
                   columns = places_over(of, 1, to.w, of.from_size[1]);
        float sum[width] = {};
        for_each_in<width>(dy + at(of.from, {to.n, to.c, 0, 0}), of, rows, columns,
                           [&](int64_t h, int64_t w, const float(&part)[width]) {
                               const int64_t elements = window_at(of, 0, h, of.to_size[0]).divisor *
                                                        window_at(of, 1, w, of.to_size[1]).divisor;
                               const float factor = 1.f / static_cast<float>(elements);
                               UNROLL
                               for (int v = 0; v < width; v++) sum[v] += factor * part[v];
                           });
        store_floats(dx + at(of.to, to), sum);
    }
}

/* ---- launching ---- */

/* Whether a tensor's channels are innermost and can be read in vectors of 16 bytes of T, `width` of them. */
static bool has_vectors(const void *data, const kernel_view *view, int width) {
    return view->stride[1] == 1 && view->dim[1] % width == 0 && view->stride[0] % width == 0 &&
           view->stride[2] % width == 0 && view->stride[3] % width == 0 &&
           reinterpret_cast<uintptr_t>(data) % 16 == 0;
}

static pooling pooling_of(const kernel_pool *pool, const kernel_view *from, const kernel_view *to,
                          const kernel_view *index, int width) {
    pooling of = {};
    const int64_t channels = to->dim[1] / width;
    of.count = to->dim[0] * channels * to->dim[2] * to->dim[3];
    of.channels_inner = to->stride[1] < to->stride[3] || width > 1;
    of.inner = divisor_of(of.channels_inner ? channels : to->dim[3]);
    of.middle = divisor_of(to->dim[of.channels_inner ? 3 : 2]);
    of.outer = divisor_of(of.channels_inner ? to->dim[2] : channels);
    for (int d = 0; d < 4; d++) {
        of.from[d] = from->stride[d];
        of.to[d] = to->stride[d];
        of.index[d] = index ? index->stride[d] : 0;
    }
    for (int axis = 0; axis < 2; axis++) {
        of.from_size[axis] = from->dim[2 + axis];
        of.to_size[axis] = to->dim[2 + axis];
        of.kernel[axis] = pool->kernel[axis];
        of.pad[axis] = pool->pad[axis];
        of.stride[axis] = divisor_of(pool->stride[axis]);
    }
    of.exclude_pad = pool->exclude_pad;
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

static int widest(const kernel_pool *pool) {
    return pool->type == KERNEL_F32 ? vector_of<float> : vector_of<__half>;
}

extern "C" kernel_status kernel_maxpool(const struct kernel_pool *pool, const void *x,
                                        const struct kernel_view *x_view, void *y,
                                        const struct kernel_view *y_view, int32_t *argmax,
                                        const struct kernel_view *argmax_view, void *stream) {
    const int most = widest(pool);
    const bool vectors = has_vectors(x, x_view, most) && has_vectors(y, y_view, most) &&
                         has_vectors(argmax, argmax_view, most);
    WITH_VECTORS(pool->type, vectors, T,
                 const pooling of = pooling_of(pool, x_view, y_view, argmax_view, width);
                 LAUNCH((maxpool<T, width>), blocks_for(of.count, threads), threads, 0, stream,
                        static_cast<const T *>(x), static_cast<T *>(y), argmax, of));
    return cudaGetLastError();
}

extern "C" kernel_status kernel_maxpool_grad(const struct kernel_pool *pool, const void *dy,
                                             const struct kernel_view *dy_view, const int32_t *argmax,
                                             const struct kernel_view *argmax_view, void *dx,
                                             const struct kernel_view *dx_view, void *stream) {
    const int most = widest(pool);
    const bool vectors = has_vectors(dy, dy_view, most) && has_vectors(dx, dx_view, most) &&
                         has_vectors(argmax, argmax_view, most);
    WITH_VECTORS(pool->type, vectors, T,
                 const pooling of = pooling_of(pool, dy_view, dx_view, argmax_view, width);
                 LAUNCH((maxpool_grad<T, width>), blocks_for(of.count, threads), threads, 0, stream,
                        static_cast<const T *>(dy), argmax, static_cast<T *>(dx), of));
    return cudaGetLastError();
}

extern "C" kernel_status kernel_maxpool_pick(const struct kernel_pool *pool, const void *x,
                                             const struct kernel_view *x_view, const int32_t *argmax,
                                             const struct kernel_view *argmax_view, void *y,
                                             const struct kernel_view *y_view, struct kernel_fault *fault,
                                             void *stream) {
    const int most = widest(pool);
    const bool vectors = has_vectors(argmax, argmax_view, most) && has_vectors(y, y_view, most);
    WITH_VECTORS(pool->type, vectors, T,
                 const pooling of = pooling_of(pool, x_view, y_view, argmax_view, width);
                 LAUNCH((maxpool_pick<T, width>), blocks_for(of.count, threads), threads, 0, stream,
                        static_cast<const T *>(x), argmax, static_cast<T *>(y), of,
                        divisor_of(x_view->dim[3]), fault));
    return cudaGetLastError();
}

extern "C" kernel_status kernel_avgpool(const struct kernel_pool *pool, const void *x,
                                        const struct kernel_view *x_view, void *y,
                                        const struct kernel_view *y_view, void *stream) {
    const int most = widest(pool);
    const bool vectors = has_vectors(x, x_view, most) && has_vectors(y, y_view, most);
    WITH_VECTORS(pool->type, vectors, T, const pooling of = pooling_of(pool, x_view, y_view, nullptr, width);
                 LAUNCH((avgpool<T, width>), blocks_for(of.count, threads), threads, 0, stream,
                        static_cast<const T *>(x), static_cast<T *>(y), of));
    return cudaGetLastError();
}

extern "C" kernel_status kernel_avgpool_grad(const struct kernel_pool *pool, const void *dy,
                                             const struct kernel_view *dy_view, void *dx,
                                             const struct kernel_view *dx_view, void *stream) {
    const int most = widest(pool);
    const bool vectors = has_vectors(dy, dy_view, most) && has_vectors(dx, dx_view, most);
    WITH_VECTORS(pool->type, vectors, T,
                 const pooling of = pooling_of(pool, dy_view, dx_view, nullptr, width);
                 LAUNCH((avgpool_grad<T, width>), blocks_for(of.count, threads), threads, 0, stream,
                        static_cast<const T *>(dy), static_cast<T *>(dx), of));
    return cudaGetLastError();
}
