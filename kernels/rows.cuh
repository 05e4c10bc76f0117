/* Rows of f32 numbers that a warp or a block works on together, and reads once where its registers hold all of a row.
 *
 * A row is cut into *chunks* of row_chunk numbers: each of `lanes` threads has row_depth units of V neighbouring numbers
 * of it, unit d of lane l being number d * lanes + l. Rows of one chunk stay in registers from one pass to the next. */
#ifndef CUPEL_ROWS_CUH
#define CUPEL_ROWS_CUH

#include "numeric.cuh"

constexpr int row_threads = 256;
template <int V> constexpr int row_depth = V == 1 ? 8 : 4;
template <int V, int lanes> constexpr int row_chunk = row_depth<V> *lanes *V;

/* The thread's row; with lanes = 32 it may not exist. */
template <int lanes> __device__ __forceinline__ int64_t row_of_thread() {
    return blockIdx.x * int64_t{row_threads / lanes} + static_cast<int>(threadIdx.x) / lanes;
}

/* f(d, at) for the thread's units of the chunk that begins at `begin`: at is a unit's first number in the row. */
template <int V, int lanes, class F>
__device__ __forceinline__ void for_units(int64_t begin, int64_t size, F f) {
    const int64_t own = begin + static_cast<int>(threadIdx.x) % lanes * V;
    UNROLL
    for (int d = 0; d < row_depth<V>; d++)
        if (own + d * lanes * V < size) f(d, own + d * lanes * V);
}

/* merge(x, y) over all lanes of a row, the same in each and in every run. */
template <int lanes, class Merge> __device__ __forceinline__ float merge_row(float x, Merge merge) {
    UNROLL
    for (int lane = 16; lane > 0; lane /= 2) x = merge(x, __shfl_xor_sync(0xffffffffu, x, lane));
    if constexpr (lanes > 32) {
        SHARED(float, warps, [lanes / 32]);
        __syncthreads(); /* nobody still reads what an earlier call left */
        if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = x;
        __syncthreads();
        x = warps[0];
        UNROLL
        for (int i = 1; i < lanes / 32; i++) x = merge(x, warps[i]);
    }
    return x;
}
template <int lanes> __device__ __forceinline__ float row_sum(float x) {
    return merge_row<lanes>(x, [](float a, float b) { return a + b; });
}
template <int lanes> __device__ __forceinline__ float row_max(float x) {
    return merge_row<lanes>(x, [](float a, float b) { return fmaxf(a, b); });
}

/* LAUNCH of kernel<..., V, lanes> for rows whose numbers are aligned to 16 bytes if their count is a multiple of 4. */
#define LAUNCH_ROWS(kernel, rows, size, stream, ...)                    \
    do {                                                                \
        if ((size) % 4 == 0)                                            \
            LAUNCH_ROWS_OF(kernel, 4, rows, size, stream, __VA_ARGS__); \
        else                                                            \
            LAUNCH_ROWS_OF(kernel, 1, rows, size, stream, __VA_ARGS__); \
    } while (0)
#define LAUNCH_ROWS_OF(kernel, V, rows, size, stream, ...)                                  \
    do {                                                                                    \
        const int lanes_ = (size) <= row_chunk<V, 32> ? 32 : row_threads;                   \
        const int64_t each_ = row_threads / lanes_, blocks_ = ((rows) + each_ - 1) / each_; \
        const unsigned grid_ = static_cast<unsigned>(blocks_);                              \
        if (lanes_ == 32)                                                                   \
            LAUNCH((kernel<V, 32>), grid_, row_threads, 0, stream, __VA_ARGS__);            \
        else                                                                                \
            LAUNCH((kernel<V, row_threads>), grid_, row_threads, 0, stream, __VA_ARGS__);   \
    } while (0)

#endif
