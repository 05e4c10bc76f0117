/* Sums that a launch makes: over a block at once; over all blocks by a launch behind it, which adds up what each block wrote
 * to the workspace. The order of additions does not depend on timing. They are few, so they are made in double. */
#ifndef CUPEL_TOTAL_CUH
#define CUPEL_TOTAL_CUH

#include "numeric.cuh"

/* A sum and how many things it is of. */
struct total {
    double sum, count;
};

/* Threads of a block for `work` units, one to a thread: so many that one block does it where that is possible. */
static inline int block_threads(int64_t work, int usual) {
    return work > 1024 ? usual : static_cast<int>((work + 31) / 32 * 32);
}

__device__ __forceinline__ total warp_total(total mine) {
    UNROLL
    for (int distance = 16; distance > 0; distance /= 2) {
        mine.sum += __shfl_xor_sync(0xffffffffu, mine.sum, distance);
        mine.count += __shfl_xor_sync(0xffffffffu, mine.count, distance);
    }
    return mine;
}

/* The total over the block, in every thread. A kernel calls it once, with all threads, which are whole warps. */
__device__ __forceinline__ total block_total(total mine) {
    SHARED(total, of_warp, [32]);
    const unsigned lane = threadIdx.x % 32, warps = blockDim.x / 32;
    mine = warp_total(mine);
    if (lane == 0) of_warp[threadIdx.x / 32] = mine;
    __syncthreads();
    return warp_total(lane < warps ? of_warp[lane] : total{0, 0});
}

/* The total of what `n` blocks wrote. */
__device__ __forceinline__ total total_of(const total *partial, int n) {
    total mine = {0, 0};
    for (int i = threadIdx.x; i < n; i += blockDim.x) {
        mine.sum += partial[i].sum;
        mine.count += partial[i].count;
    }
    return block_total(mine);
}

#endif
