/* Rows of numbers as the work of groups of neighbouring lanes: 1, 2, 4, ... or 32 of them to a row, so that short rows
 * do not leave lanes without work. Groups go over the rows in strides of the grid. All lanes of a warp come along until its last
 * group is through, because all take part in shuffles. */
#ifndef CUPEL_GROUPS_CUH
#define CUPEL_GROUPS_CUH

#include "numeric.cuh"

/* Lanes for rows of `length` numbers: each gets four or more. */
static inline int group_lanes(int64_t length) {
    int lanes = 1;
    while (lanes < 32 && lanes * 8 <= length) lanes *= 2;
    return lanes;
}

/* FOR_GROUPS(i, lane, lanes, rows): i is the group's row, not below `rows` where there is none left, `lane` the thread's
 * place in the group. */
#define FOR_GROUPS(i, lane, lanes, rows)                                         \
    const int lane = threadIdx.x & ((lanes)-1);                                  \
    for (int64_t i = (blockIdx.x * int64_t{blockDim.x} + threadIdx.x) / (lanes); \
         i - threadIdx.x % 32 / (lanes) < (rows); i += gridDim.x * int64_t{blockDim.x} / (lanes))

/* Sum and maximum over the group, the same in each of its lanes. */
template <class T> __device__ __forceinline__ T group_sum(T x, int lanes) {
    for (int distance = lanes / 2; distance > 0; distance /= 2)
        x += __shfl_xor_sync(0xffffffffu, x, distance);
    return x;
}
__device__ __forceinline__ float group_max(float x, int lanes) {
    for (int distance = lanes / 2; distance > 0; distance /= 2)
        x = fmaxf(x, __shfl_xor_sync(0xffffffffu, x, distance));
    return x;
}

#endif
