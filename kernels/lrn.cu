/* Local response normalisation: s = k + factor * sum of x^2 over the window of channels c - before to c + after, y = x s^-beta;
 * back, dx = dy s^-beta - 2 factor beta x * sum of dy y / s over the channels whose windows have c.
 *
 * A thread makes a group of channels of one pixel, so that it reads what its windows share once: a vector where channels lie
 * innermost, else so many numbers from as many planes, consecutive threads taking consecutive elements of the result's memory.
 * It goes over groups of channels from the first that its windows reach to the last. Sums are in f32, always in the order of the
 * channels. */
#include "images.cuh"
#include "lrn.h"

/* Planes in a group, where channels are no vectors. The gradient has more to keep in registers. */
constexpr int planes = 8, planes_back = 4;

struct normalising : images {
    int64_t scale[4], dy[4]; /* strides */
    int64_t channels;
    int before, after;
    float k, factor, beta, slope;
};

/* The channels in the windows of `group` channels from c on. */
template <int group> __device__ __forceinline__ span channels_near(const normalising &of, int64_t c) {
    return {max(c - of.before, int64_t{0}), min(c + group + of.after, of.channels), 0};
}

/* Channels c to c + group - 1 of a pixel. Of planes, only those `wanted` are read; the others are given `rest`. */
template <bool vectors, int group, class T>
__device__ __forceinline__ void load_channels(const T *pixel, int64_t stride, int64_t c, const span &wanted,
                                              float rest, float (&to)[group]) {
    if constexpr (vectors) {
        load_floats(pixel + c, to);
    } else {
        UNROLL
        for (int v = 0; v < group; v++) {
            to[v] = rest;
            if (c + v >= wanted.from && c + v < wanted.to) to[v] = to_float(pixel[(c + v) * stride]);
        }
    }
}
template <bool vectors, int group, class T>
__device__ __forceinline__ void store_channels(T *pixel, int64_t stride, int64_t c, int64_t channels,
                                               const float (&from)[group]) {
    if constexpr (vectors) {
        store_floats(pixel + c, from);
    } else {
        UNROLL
        for (int v = 0; v < group; v++)
            if (c + v < channels) pixel[(c + v) * stride] = from_float<T>(from[v]);
    }
}

/* Adds the terms of a group of channels, `ahead` of the thread's, to the sums of those whose windows they are in. */
template <int group>
__device__ __forceinline__ void add_near(const float (&term)[group], int ahead, int before, int after,
                                         float (&sum)[group]) {
    UNROLL
    for (int u = 0; u < group; u++) UNROLL
    for (int v = 0; v < group; v++) {
        const int d = ahead + u - v;
        sum[v] += d >= -before && d <= after ? term[u] : 0.f;
    }
}

__device__ __forceinline__ float power(float x, float exponent) {
    return exp2f(exponent * log2f(x));
}

template <class T, int group, bool vectors>
__global__ void lrn(const T *x, T *y, float *scale, normalising of) {
    FOR_EACH_VECTOR(of, i) {
        const pixel to = pixel_of<group>(of, i);
        const span wanted = channels_near<group>(of, to.c);
        const T *from = x + at(of.from, {to.n, 0, to.h, to.w});
        float own[group] = {}, sum[group] = {};
        for (int64_t j = wanted.from / group * group; j < wanted.to; j += group) {
            float term[group];
            load_channels<vectors>(from, of.from[1], j, wanted, 0.f, term);
            UNROLL
            for (int v = 0; v < group; v++) {
                own[v] = j == to.c ? term[v] : own[v];
                term[v] *= term[v];
            }
            add_near(term, static_cast<int>(j - to.c), of.before, of.after, sum);
        }
        UNROLL
        for (int v = 0; v < group; v++) {
            sum[v] = of.k + of.factor * sum[v];
            own[v] *= power(sum[v], -of.beta);
        }
        store_channels<vectors>(y + at(of.to, {to.n, 0, to.h, to.w}), of.to[1], to.c, of.channels, own);
        store_channels<vectors>(scale + at(of.scale, {to.n, 0, to.h, to.w}), of.scale[1], to.c, of.channels,
                                sum);
    }
}

template <class T, int group, bool vectors>
__global__ void lrn_grad(const T *y, const float *scale, const T *dy, T *dx, normalising of) {
    FOR_EACH_VECTOR(of, i) {
        const pixel to = pixel_of<group>(of, i);
        const span wanted = channels_near<group>(of, to.c);
        const T *y_from = y + at(of.from, {to.n, 0, to.h, to.w}),
                *dy_from = dy + at(of.dy, {to.n, 0, to.h, to.w});
        const float *scale_from = scale + at(of.scale, {to.n, 0, to.h, to.w});
        float own_y[group] = {}, own_dy[group] = {}, own_scale[group] = {}, sum[group] = {};
        for (int64_t j = wanted.from / group * group; j < wanted.to; j += group) {
            float term[group], down[group], over[group];
            load_channels<vectors>(y_from, of.from[1], j, wanted, 0.f, term);
            load_channels<vectors>(dy_from, of.dy[1], j, wanted, 0.f, down);
            load_channels<vectors>(scale_from, of.scale[1], j, wanted, 1.f, over);
            UNROLL
            for (int v = 0; v < group; v++) {
                own_y[v] = j == to.c ? term[v] : own_y[v];
                own_dy[v] = j == to.c ? down[v] : own_dy[v];
                own_scale[v] = j == to.c ? over[v] : own_scale[v];
                term[v] *= down[v] / over[v];
            }
            add_near(term, static_cast<int>(j - to.c), of.before, of.after, sum);
        }
        UNROLL
        for (int v = 0; v < group; v++) {
            const float back = power(own_scale[v], -of.beta);
            own_dy[v] = own_dy[v] * back - of.slope * (own_y[v] / back) * sum[v];
        }
        store_channels<vectors>(dx + at(of.to, {to.n, 0, to.h, to.w}), of.to[1], to.c, of.channels, own_dy);
    }
}

/* ---- launching ---- */

/* Groups take the place of channels. */
static normalising normalising_of(const kernel_response *lrn, const kernel_view *from, const kernel_view *to,
                                  const kernel_view *scale, const kernel_view *dy, int group) {
    normalising of = {};
    kernel_view groups = *to;
    groups.dim[1] = (to->dim[1] + group - 1) / group;
    static_cast<images &>(of) = images_of(from, &groups, 1);
    for (int d = 0; d < 4; d++) {
        of.scale[d] = scale->stride[d];
        of.dy[d] = dy ? dy->stride[d] : 0;
    }
    of.channels = to->dim[1];
    of.before = lrn->before;
    of.after = lrn->after;
    of.k = lrn->k;
    of.factor = lrn->factor;
    of.beta = lrn->beta;
    of.slope = 2 * lrn->factor * lrn->beta;
    return of;
}

/* Calls BODY with T, `group` and whether that is a vector. */
#define WITH_GROUPS(type, in_vectors, planes, T, ...) \
    WITH_TYPE(                                        \
        type, T,                                      \
        if (in_vectors) {                             \
            constexpr int group = vector_of<T>;       \
            constexpr bool vectors = true;            \
            __VA_ARGS__;                              \
        } else {                                      \
            constexpr int group = planes;             \
            constexpr bool vectors = false;           \
            __VA_ARGS__;                              \
        })

extern "C" kernel_status kernel_lrn(const struct kernel_response *lrn_of, const void *x,
                                    const struct kernel_view *x_view, void *y,
                                    const struct kernel_view *y_view, float *scale,
                                    const struct kernel_view *scale_view, void *stream) {
    const int most = widest(lrn_of->type);
    const bool all =
        has_vectors(x, x_view, most) && has_vectors(y, y_view, most) && has_vectors(scale, scale_view, most);
    WITH_GROUPS(lrn_of->type, all, planes, T,
                const normalising of = normalising_of(lrn_of, x_view, y_view, scale_view, nullptr, group);
                LAUNCH((lrn<T, group, vectors>), blocks_for(of.count, image_threads), image_threads, 0,
                       stream, static_cast<const T *>(x), static_cast<T *>(y), scale, of));
    return cudaGetLastError();
}

extern "C" kernel_status kernel_lrn_grad(const struct kernel_response *lrn_of, const void *y,
                                         const struct kernel_view *y_view, const float *scale,
                                         const struct kernel_view *scale_view, const void *dy,
                                         const struct kernel_view *dy_view, void *dx,
                                         const struct kernel_view *dx_view, void *stream) {
    const int most = widest(lrn_of->type);
    const bool all = has_vectors(y, y_view, most) && has_vectors(scale, scale_view, most) &&
                     has_vectors(dy, dy_view, most) && has_vectors(dx, dx_view, most);
    WITH_GROUPS(lrn_of->type, all, planes_back, T,
                const normalising of = normalising_of(lrn_of, y_view, dx_view, scale_view, dy_view, group);
                LAUNCH((lrn_grad<T, group, vectors>), blocks_for(of.count, image_threads), image_threads, 0,
                       stream, static_cast<const T *>(y), scale, static_cast<const T *>(dy),
                       static_cast<T *>(dx), of));
    return cudaGetLastError();
}
