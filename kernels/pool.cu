/* Pooling, an element or a vector of channels to a thread (images.cuh). Gradients gather: a thread goes over the windows that
 * cover its element of the image, so that nothing is added to twice and nothing depends on order. Sums are in f32. */
#include "images.cuh"
#include "pool.h"

/* Which elements of one axis belong to element i of another: floor((i step + first) / by) to floor((i step + last) / by), as far
 * as there are any. */
struct reach {
    int64_t step, first, last;
    divisor by;
};

struct pooling : images {
    int64_t index[4]; /* strides of argmax */
    int64_t pad[2];
    reach windows[2], places[2]; /* of the image, under a window; of the pooled side, over an element */
    bool exclude_pad;
    int counted; /* numbers in every average; 0: the elements under the window */
};

/* What lies under the window at place o of an image of `size`. Only windows of parts are `divided`, and those have no padding. */
template <bool divided = true>
__device__ __forceinline__ span window_at(const pooling &of, int axis, int64_t o, int64_t size) {
    const reach &window = of.windows[axis];
    const int64_t start = o * window.step + window.first, stop = o * window.step + window.last;
    const int64_t from = divided && start > 0 ? quotient(start, window.by) : start;
    const int64_t end = (divided ? quotient(stop, window.by) : stop) + 1;
    const int64_t first = max(from, int64_t{0}), last = min(end, size);
    const int64_t elements = of.exclude_pad ? last - first : min(end, size + of.pad[axis]) - from;
    return {first, last, of.counted == 0 ? elements : axis == 0 ? of.counted : 1};
}

/* The places, out of `places`, of the windows that cover element i of the image. */
__device__ __forceinline__ span places_over(const pooling &of, int axis, int64_t i, int64_t places) {
    const reach &over = of.places[axis];
    const int64_t first = i * over.step + over.first;
    return {first > 0 ? quotient(first, over.by) : 0,
            min(quotient(i * over.step + over.last, over.by) + 1, places), 0};
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

template <class T, int width, bool divided> __global__ void avgpool_grad(const T *dy, T *dx, pooling of) {
    FOR_EACH_VECTOR(of, i) {
        const pixel to = pixel_of<width>(of, i);
        const span rows = places_over(of, 0, to.h, of.from_size[0]),
                   columns = places_over(of, 1, to.w, of.from_size[1]);
        float sum[width] = {};
        for_each_in<width>(dy + at(of.from, {to.n, to.c, 0, 0}), of, rows, columns,
                           [&](int64_t h, int64_t w, const float(&part)[width]) {
                               const int64_t elements = window_at<divided>(of, 0, h, of.to_size[0]).divisor *
                                                        window_at<divided>(of, 1, w, of.to_size[1]).divisor;
                               const float factor = 1.f / static_cast<float>(elements);
                               UNROLL
                               for (int v = 0; v < width; v++) sum[v] += factor * part[v];
                           });
        store_floats(dx + at(of.to, to), sum);
    }
}

/* ---- launching ---- */

/* Part i of P equal parts of S elements is i S / P to (i S + S - 1) / P, rounded down; element i of S lies in the parts i P / S to
 * (i P + P - 1) / S. */
static void set_reaches(pooling *of, const kernel_pool *pool, int axis, int64_t image, int64_t places) {
    const int64_t kernel = pool->kernel[axis], stride = pool->stride[axis], pad = pool->pad[axis];
    if (pool->adaptive) {
        of->windows[axis] = {image, 0, image - 1, divisor_of(places)};
        of->places[axis] = {places, 0, places - 1, divisor_of(image)};
    } else {
        of->windows[axis] = {stride, -pad, kernel - pad - 1, divisor_of(1)};
        of->places[axis] = {1, pad - kernel + stride, pad, divisor_of(stride)};
    }
}

/* `back`: from the pooled side to the image. */
static pooling pooling_of(const kernel_pool *pool, const kernel_view *from, const kernel_view *to,
                          const kernel_view *index, int width, bool back) {
    pooling of = {};
    static_cast<images &>(of) = images_of(from, to, width);
    for (int d = 0; d < 4; d++) of.index[d] = index ? index->stride[d] : 0;
    for (int axis = 0; axis < 2; axis++) {
        of.pad[axis] = pool->pad[axis];
        set_reaches(&of, pool, axis, (back ? to : from)->dim[2 + axis], (back ? from : to)->dim[2 + axis]);
    }
    of.exclude_pad = pool->exclude_pad;
    of.counted = pool->divisor;
    return of;
}

extern "C" kernel_status kernel_maxpool(const struct kernel_pool *pool, const void *x,
                                        const struct kernel_view *x_view, void *y,
                                        const struct kernel_view *y_view, int32_t *argmax,
                                        const struct kernel_view *argmax_view, void *stream) {
    const int most = widest(pool->type);
    const bool vectors = has_vectors(x, x_view, most) && has_vectors(y, y_view, most) &&
                         has_vectors(argmax, argmax_view, most);
    WITH_VECTORS(pool->type, vectors, T,
                 const pooling of = pooling_of(pool, x_view, y_view, argmax_view, width, false);
                 LAUNCH((maxpool<T, width>), blocks_for(of.count, image_threads), image_threads, 0, stream,
                        static_cast<const T *>(x), static_cast<T *>(y), argmax, of));
    return cudaGetLastError();
}

extern "C" kernel_status kernel_maxpool_grad(const struct kernel_pool *pool, const void *dy,
                                             const struct kernel_view *dy_view, const int32_t *argmax,
                                             const struct kernel_view *argmax_view, void *dx,
                                             const struct kernel_view *dx_view, void *stream) {
    const int most = widest(pool->type);
    const bool vectors = has_vectors(dy, dy_view, most) && has_vectors(dx, dx_view, most) &&
                         has_vectors(argmax, argmax_view, most);
    WITH_VECTORS(pool->type, vectors, T,
                 const pooling of = pooling_of(pool, dy_view, dx_view, argmax_view, width, true);
                 LAUNCH((maxpool_grad<T, width>), blocks_for(of.count, image_threads), image_threads, 0,
                        stream, static_cast<const T *>(dy), argmax, static_cast<T *>(dx), of));
    return cudaGetLastError();
}

extern "C" kernel_status kernel_maxpool_pick(const struct kernel_pool *pool, const void *x,
                                             const struct kernel_view *x_view, const int32_t *argmax,
                                             const struct kernel_view *argmax_view, void *y,
                                             const struct kernel_view *y_view, struct kernel_fault *fault,
                                             void *stream) {
    const int most = widest(pool->type);
    const bool vectors = has_vectors(argmax, argmax_view, most) && has_vectors(y, y_view, most);
    WITH_VECTORS(pool->type, vectors, T,
                 const pooling of = pooling_of(pool, x_view, y_view, argmax_view, width, false);
                 LAUNCH((maxpool_pick<T, width>), blocks_for(of.count, image_threads), image_threads, 0,
                        stream, static_cast<const T *>(x), argmax, static_cast<T *>(y), of,
                        divisor_of(x_view->dim[3]), fault));
    return cudaGetLastError();
}

extern "C" kernel_status kernel_avgpool(const struct kernel_pool *pool, const void *x,
                                        const struct kernel_view *x_view, void *y,
                                        const struct kernel_view *y_view, void *stream) {
    const int most = widest(pool->type);
    const bool vectors = has_vectors(x, x_view, most) && has_vectors(y, y_view, most);
    WITH_VECTORS(pool->type, vectors, T,
                 const pooling of = pooling_of(pool, x_view, y_view, nullptr, width, false);
                 LAUNCH((avgpool<T, width>), blocks_for(of.count, image_threads), image_threads, 0, stream,
                        static_cast<const T *>(x), static_cast<T *>(y), of));
    return cudaGetLastError();
}

extern "C" kernel_status kernel_avgpool_grad(const struct kernel_pool *pool, const void *dy,
                                             const struct kernel_view *dy_view, void *dx,
                                             const struct kernel_view *dx_view, void *stream) {
    const int most = widest(pool->type);
    const bool vectors = has_vectors(dy, dy_view, most) && has_vectors(dx, dx_view, most);
    WITH_VECTORS(
        pool->type, vectors, T, const pooling of = pooling_of(pool, dy_view, dx_view, nullptr, width, true);
        if (pool->adaptive) {
            LAUNCH((avgpool_grad<T, width, true>), blocks_for(of.count, image_threads), image_threads, 0,
                   stream, static_cast<const T *>(dy), static_cast<T *>(dx), of);
        } else {
            LAUNCH((avgpool_grad<T, width, false>), blocks_for(of.count, image_threads), image_threads, 0,
                   stream, static_cast<const T *>(dy), static_cast<T *>(dx), of);
        });
    return cudaGetLastError();
}
