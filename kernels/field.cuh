/* Tensors [outer, channels, inner] as kernels see them that reduce or normalise channel by channel: images in NHWC
 * (inner = 1, outer = N H W), in NCHW (inner = H W) and in any other order without gaps.
 *
 * The tensor is cut into *columns*. A column is what belongs to one channel or, where channels lie innermost and their
 * number allows it, to K = V neighbouring channels. It consists of *units*, accesses of V elements. A block serves
 * `width` neighbouring columns by `lanes` threads each, and of them one *split*, a range of units; a lane takes every
 * lanes-th unit. So accesses of neighbouring threads are neighbours in memory: along the channels if these lie innermost,
 * along the runs of `inner` elements if not. */
#ifndef CUPEL_FIELD_CUH
#define CUPEL_FIELD_CUH

#include "numeric.cuh"

constexpr int field_threads = 256;

struct field {
    int64_t units, share; /* of a column; of a split, the last of which may have fewer */
    int64_t run;          /* units of a column that follow one another; then come the other channels' */
    int64_t jump, pitch;  /* elements from one run of a column to the next, from one column to the next */
    int64_t leap, rest, carry; /* how a lane gets ahead: see position */
    int64_t columns;
    int width, lanes, blocks /* side by side, for all columns */, splits;
    bool vectors, channels_inside; /* V > 1; K = V */
};

/* Units that a lane has in registers at one time. */
template <int V> constexpr int field_depth = V == 1 ? 8 : 32 / V;

/* How to go over a tensor of a type with elements of `size` bytes, aligned to 16 bytes, by about `most` blocks. */
static inline struct field field_of(int64_t outer, int64_t channels, int64_t inner, int size,
                                    int64_t most = 1024) {
    struct field f = {};
    f.channels_inside = inner == 1;
    f.vectors = (f.channels_inside ? channels : inner) % (16 / size) == 0;
    const int v = f.vectors ? 16 / size : 1;
    f.columns = f.channels_inside ? channels / v : channels;
    f.run = f.channels_inside ? 1 : inner / v;
    f.units = outer * f.run;
    f.jump = channels * inner;
    f.pitch = f.channels_inside ? v : inner;
    const int64_t widest = f.channels_inside ? 64 : 1, parts = (f.columns + widest - 1) / widest;
    f.width = static_cast<int>((f.columns + parts - 1) / parts);
    f.lanes = field_threads / f.width;
    f.blocks = static_cast<int>((f.columns + f.width - 1) / f.width);
    f.leap = f.lanes / f.run * f.jump + f.lanes % f.run * v;
    f.rest = f.lanes % f.run;
    f.carry = f.jump - f.run * v;
    const int64_t step = f.lanes * (f.vectors ? 32 / v : 8), steps = (f.units + step - 1) / step;
    const int64_t splits = most > f.blocks ? most / f.blocks : 1;
    f.share = (steps + splits - 1) / splits * step;
    f.splits = static_cast<int>((f.units + f.share - 1) / f.share);
    return f;
}

/* Where a thread is in its share of the field. */
template <int V, int K> struct position {
    int64_t offset, at; /* of the unit, in elements; in its run, in units */
    int64_t column, left;
    int lane, split;

    __device__ __forceinline__ explicit position(const field &f) {
        lane = static_cast<int>(threadIdx.x) / f.width;
        column = blockIdx.x % static_cast<unsigned>(f.blocks) * int64_t{f.width} +
                 static_cast<int>(threadIdx.x) % f.width;
        split = static_cast<int>(blockIdx.x / static_cast<unsigned>(f.blocks));
        const int64_t begin = split * f.share, first = begin + lane;
        const int64_t end = begin + f.share < f.units ? begin + f.share : f.units;
        left =
            lane < f.lanes && column < f.columns && first < end ? (end - first + f.lanes - 1) / f.lanes : 0;
        const int64_t runs = first / f.run;
        at = first - runs * f.run;
        offset = runs * f.jump + at * V + column * f.pitch;
    }
    __device__ __forceinline__ void advance(const field &f) {
        offset += f.leap;
        at += f.rest;
        if (at >= f.run) {
            at -= f.run;
            offset += f.carry;
        }
        left--;
    }
    /* Whether the thread writes what all lanes of its column have found together. */
    __device__ __forceinline__ bool speaks(const field &f) const {
        return lane == 0 && column < f.columns;
    }
    /* The first of the column's K channels. */
    __device__ __forceinline__ int64_t channel() const {
        return column * K;
    }
};

/* Puts together what the lanes of each column have in shared memory at threadIdx.x, in an order that is always the same:
 * merge(other) adds the entry of thread `other` to the thread's own. All is with lane 0 in the end. */
template <class Merge> __device__ __forceinline__ void merge_lanes(const field &f, int lane, Merge merge) {
    for (int n = f.lanes; n > 1; n = (n + 1) / 2) {
        const int reach = (n + 1) / 2;
        __syncthreads();
        if (lane + reach < n) merge(static_cast<int>(threadIdx.x) + reach * f.width);
    }
}

/* Sums of K numbers a[] and b[] over the lanes, for lane 0. */
template <int K>
__device__ __forceinline__ void sum_lanes(const field &f, int lane, float (&a)[K], float (&b)[K]) {
    SHARED(float, all, [2][K][field_threads]);
    const auto put = [&] {
        UNROLL
        for (int k = 0; k < K; k++) {
            all[0][k][threadIdx.x] = a[k];
            all[1][k][threadIdx.x] = b[k];
        }
    };
    put();
    merge_lanes(f, lane, [&](int other) {
        UNROLL
        for (int k = 0; k < K; k++) {
            a[k] += all[0][k][other];
            b[k] += all[1][k][other];
        }
        put();
    });
}

/* A channel's two sums over its splits, by a full warp; every lane gets them. */
__device__ __forceinline__ void sum_splits(const float2 *partial, int splits, int64_t channel, int lane,
                                           double &a, double &b) {
    a = b = 0;
    for (int s = lane; s < splits; s += 32) {
        const float2 part = partial[channel * splits + s];
        a += part.x;
        b += part.y;
    }
    a = warp_sum(a);
    b = warp_sum(b);
}

/* Blocks for so many warps, one for each column or channel. */
static inline unsigned blocks_of_warps(int64_t warps) {
    return static_cast<unsigned>((warps + field_threads / 32 - 1) / (field_threads / 32));
}

/* LAUNCH of kernel<T, V, K> over a field. */
#define LAUNCH_FIELD(kernel, T, f, stream, ...)                                          \
    do {                                                                                 \
        const unsigned blocks_ = static_cast<unsigned>((f).blocks * (f).splits);         \
        constexpr int v_ = vector_of<T>;                                                 \
        if (!(f).vectors)                                                                \
            LAUNCH((kernel<T, 1, 1>), blocks_, field_threads, 0, stream, __VA_ARGS__);   \
        else if ((f).channels_inside)                                                    \
            LAUNCH((kernel<T, v_, v_>), blocks_, field_threads, 0, stream, __VA_ARGS__); \
        else                                                                             \
            LAUNCH((kernel<T, v_, 1>), blocks_, field_threads, 0, stream, __VA_ARGS__);  \
    } while (0)

#endif
