/* Planted bugs in kernels. A comment `@name` marks a line that the report of plant `name` must give,
 * `@name-other` that of the other thread. */
#include "common.cuh"
#include "plants.cuh"
#include "plants.h"

constexpr unsigned full_warp = 0xffffffffu;

/* y[i] = x[n - 1 - i] through shared memory, without the barrier between. */
__global__ void missing_barrier(float *y, const float *x) {
    SHARED(float, tile, [64]);
    tile[threadIdx.x] = 0.0f;
    __syncthreads();
    tile[threadIdx.x] = x[threadIdx.x];      /* @missing_barrier-other */
    y[threadIdx.x] = tile[63 - threadIdx.x]; /* @missing_barrier */
}
int plant_missing_barrier(void) {
    input x(64);
    output y(64);
    LAUNCH(missing_barrier, 1, 64, 0, nullptr, y.data, x.data);
    return y.wrong([](int i) { return static_cast<float>(63 - i); });
}

/* Shifts by one, writing before the neighbour has read. */
__global__ void missing_barrier_war(float *x) {
    SHARED(float, tile, [64]);
    tile[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    float next = tile[(threadIdx.x + 1) % 64]; /* @missing_barrier_war-other */
    tile[threadIdx.x] = next;                  /* @missing_barrier_war */
    __syncthreads();
    x[threadIdx.x] = tile[threadIdx.x];
}
int plant_missing_barrier_war(void) {
    input x(64);
    LAUNCH(missing_barrier_war, 1, 64, 0, nullptr, x.data);
    return x.wrong([](int i) { return static_cast<float>((i + 1) % 64); });
}

__global__ void missing_warp_barrier(float *x) {
    SHARED(float, tile, [32]);
    tile[threadIdx.x] = 0.0f;
    __syncwarp();
    tile[threadIdx.x] = x[threadIdx.x];      /* @missing_warp_barrier-other */
    x[threadIdx.x] = tile[threadIdx.x ^ 1u]; /* @missing_warp_barrier */
}
int plant_missing_warp_barrier(void) {
    input x(32);
    LAUNCH(missing_warp_barrier, 1, 32, 0, nullptr, x.data);
    return x.wrong([](int i) { return static_cast<float>(i ^ 1); });
}

/* Works on every GPU until a compiler moves the write. */
__global__ void shuffle_is_no_barrier(float *x) {
    SHARED(float, tile, [32]);
    tile[threadIdx.x] = x[threadIdx.x]; /* @shuffle_is_no_barrier-other */
    float first = __shfl_sync(full_warp, x[threadIdx.x], 0);
    x[threadIdx.x] = tile[threadIdx.x ^ 1u] + first; /* @shuffle_is_no_barrier */
}
int plant_shuffle_is_no_barrier(void) {
    input x(32);
    LAUNCH(shuffle_is_no_barrier, 1, 32, 0, nullptr, x.data);
    return x.wrong([](int i) { return static_cast<float>(i ^ 1); });
}

__global__ void divergent_barrier(float *x) {
    if (threadIdx.x < 40) {
        x[threadIdx.x] += 1.0f;
        __syncthreads(); /* @divergent_barrier */
    }
}
int plant_divergent_barrier(void) {
    input x(64);
    LAUNCH(divergent_barrier, 1, 64, 0, nullptr, x.data);
    return 0;
}

__global__ void two_barriers(float *x) {
    if (threadIdx.x % 2 == 0) {
        x[threadIdx.x] += 1.0f;
        __syncthreads(); /* @two_barriers */
    } else {
        __syncthreads(); /* @two_barriers-other */
    }
}
int plant_two_barriers(void) {
    input x(64);
    LAUNCH(two_barriers, 1, 64, 0, nullptr, x.data);
    return 0;
}

/* The last block is not full; its idle threads leave before the barrier. */
__global__ void early_return(float *x, int n) {
    SHARED(float, tile, [64]);
    int i = static_cast<int>(blockIdx.x * 64 + threadIdx.x);
    if (i >= n) return;
    tile[threadIdx.x] = x[i];
    __syncthreads(); /* @early_return */
    x[i] = tile[0];
}
int plant_early_return(void) {
    input x(100);
    LAUNCH(early_return, 2, 64, 0, nullptr, x.data, 100);
    return 0;
}

__global__ void off_by_one_global(float *x, int n) {
    int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    if (i <= n) x[i] = 2.0f; /* @off_by_one_global */
}
int plant_off_by_one_global(void) {
    input x(100);
    LAUNCH(off_by_one_global, 2, 64, 0, nullptr, x.data, 100);
    return x.wrong([](int) { return 2.0f; });
}

__global__ void off_by_one_shared(float *y, const float *x) {
    SHARED(float, tile, [64]);
    tile[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    y[threadIdx.x] = tile[threadIdx.x + 1]; /* @off_by_one_shared */
}
int plant_off_by_one_shared(void) {
    input x(64);
    output y(64);
    LAUNCH(off_by_one_shared, 1, 64, 0, nullptr, y.data, x.data);
    return y.wrong([](int i) { return static_cast<float>(i + 1); });
}

/* Past the end of a size that leaves no slack: a fault wherever it runs. */
__global__ void off_by_a_page(float *x, int n) {
    for (int i = static_cast<int>(threadIdx.x); i <= n; i += 32) x[i] = 2.0f; /* @off_by_a_page */
}
int plant_off_by_a_page(void) {
    input x(1024);
    LAUNCH(off_by_a_page, 1, 32, 0, nullptr, x.data, 1024);
    return 0;
}

/* Half of the warp thinks that it is alone. */
__global__ void wrong_mask(float *x) {
    unsigned mask = threadIdx.x < 16 ? full_warp : 0xffff0000u;
    x[threadIdx.x] += __shfl_xor_sync(mask, x[threadIdx.x], 1); /* @wrong_mask */
}
int plant_wrong_mask(void) {
    input x(32);
    LAUNCH(wrong_mask, 1, 32, 0, nullptr, x.data);
    return 0;
}

__global__ void caller_not_in_mask(float *x) {
    x[threadIdx.x] += __shfl_xor_sync(0x0000ffffu, x[threadIdx.x], 1); /* @caller_not_in_mask */
}
int plant_caller_not_in_mask(void) {
    input x(32);
    LAUNCH(caller_not_in_mask, 1, 32, 0, nullptr, x.data);
    return 0;
}

__global__ void source_not_in_mask(float *x) {
    if (threadIdx.x < 16)
        x[threadIdx.x] += __shfl_xor_sync(0xffffu, x[threadIdx.x], 16); /* @source_not_in_mask */
}
int plant_source_not_in_mask(void) {
    input x(32);
    LAUNCH(source_not_in_mask, 1, 32, 0, nullptr, x.data);
    return 0;
}

__global__ void exited_lane(float *x, int n) {
    if (static_cast<int>(threadIdx.x) >= n) return;
    x[threadIdx.x] += __shfl_xor_sync(full_warp, x[threadIdx.x], 1); /* @exited_lane */
}
int plant_exited_lane(void) {
    input x(31);
    LAUNCH(exited_lane, 1, 32, 0, nullptr, x.data, 31);
    return 0;
}

__global__ void copy_not_waited_for(float *y, const float *x) {
    SHARED(float, tile, [4 * 32]);
    cp_async<16>(&tile[4 * threadIdx.x], x + 4 * threadIdx.x); /* @copy_not_waited_for-other */
    cp_async_commit();
    __syncthreads();
    for (int i = 0; i < 4; i++) y[4 * threadIdx.x + i] = tile[4 * threadIdx.x + i]; /* @copy_not_waited_for */
    cp_async_wait<0>();
}
int plant_copy_not_waited_for(void) {
    input x(128);
    output y(128);
    LAUNCH(copy_not_waited_for, 1, 32, 0, nullptr, y.data, x.data);
    return y.wrong([](int i) { return static_cast<float>(i); });
}

/* A wait is for one's own copies; others need the barrier too. */
__global__ void copy_without_barrier(float *y, const float *x) {
    SHARED(float, tile, [4 * 64]);
    cp_async<16>(&tile[4 * threadIdx.x], x + 4 * threadIdx.x); /* @copy_without_barrier-other */
    cp_async_commit();
    cp_async_wait<0>();
    y[threadIdx.x] = tile[4 * (63 - threadIdx.x)]; /* @copy_without_barrier */
}
int plant_copy_without_barrier(void) {
    input x(256);
    output y(64);
    LAUNCH(copy_without_barrier, 1, 64, 0, nullptr, y.data, x.data);
    return y.wrong([](int i) { return static_cast<float>(4 * (63 - i)); });
}

/* A pipeline without the barrier before the next copy. */
__global__ void copy_over_tile_in_use(float *y, const float *x) {
    SHARED(float, tile, [4 * 64]);
    float sum = 0.0f;
    for (int round = 0; round < 2; round++) {
        cp_async<16>(&tile[4 * threadIdx.x], x + 256 * round + 4 * threadIdx.x); /* @copy_over_tile_in_use */
        cp_async_commit();
        cp_async_wait<0>();
        __syncthreads();
        sum += tile[4 * (63 - threadIdx.x)]; /* @copy_over_tile_in_use-other */
    }
    y[threadIdx.x] = sum;
}
int plant_copy_over_tile_in_use(void) {
    input x(512);
    output y(64);
    LAUNCH(copy_over_tile_in_use, 1, 64, 0, nullptr, y.data, x.data);
    return y.wrong([](int i) { return static_cast<float>(8 * (63 - i) + 256); });
}

/* Sums a tile of which the edge was never filled. */
__global__ void unwritten_shared(float *y, const float *x, int n) {
    SHARED(float, tile, [64]);
    if (static_cast<int>(threadIdx.x) < n) tile[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    if (threadIdx.x > 0) return;
    float sum = 0.0f;
    for (int i = 0; i < 64; i++) sum += tile[i]; /* @unwritten_shared */
    *y = sum;
}
int plant_unwritten_shared(void) {
    input x(50);
    output y(1);
    LAUNCH(unwritten_shared, 1, 64, 0, nullptr, y.data, x.data, 50);
    return y.wrong([](int) { return 1225.0f; });
}

__global__ void accumulate(float *y, const float *x) {
    y[threadIdx.x] += x[threadIdx.x]; /* @unwritten_global */
}
int plant_unwritten_global(void) {
    input x(64);
    output y(64);
    LAUNCH(accumulate, 1, 64, 0, nullptr, y.data, x.data);
    return y.wrong([](int i) { return static_cast<float>(i); });
}

__global__ void misaligned_load(float *y, const float *x) {
    y[threadIdx.x] = load_vector<float4>(x + 1 + 4 * threadIdx.x).w; /* @misaligned_load */
}
int plant_misaligned_load(void) {
    input x(129);
    output y(32);
    LAUNCH(misaligned_load, 1, 32, 0, nullptr, y.data, x.data);
    return 0;
}

__global__ void misaligned_pointer(double *y, const float *x) {
    y[threadIdx.x] = *reinterpret_cast<const double *>(x + 1 + 2 * threadIdx.x); /* @misaligned_pointer */
}
int plant_misaligned_pointer(void) {
    input x(65);
    output y(64);
    LAUNCH(misaligned_pointer, 1, 32, 0, nullptr, reinterpret_cast<double *>(y.data), x.data);
    return 0;
}

/* Blocks overlap by one element. */
__global__ void blocks_race(float *x) {
    unsigned i = blockIdx.x * 63 + threadIdx.x;
    x[i] = static_cast<float>(blockIdx.x); /* @blocks_race @blocks_race-other */
}
int plant_blocks_race(void) {
    input x(127);
    LAUNCH(blocks_race, 2, 64, 0, nullptr, x.data);
    return x.wrong([](int i) { return i < 64 ? 0.0f : 1.0f; });
}

__global__ void lost_atomic(float *sum, const float *x) {
    *sum += x[blockIdx.x * blockDim.x + threadIdx.x]; /* @lost_atomic @lost_atomic-other */
}
int plant_lost_atomic(void) {
    input x(64), sum(1);
    LAUNCH(lost_atomic, 2, 32, 0, nullptr, sum.data, x.data);
    return sum.wrong([](int) { return 2016.0f; });
}

__global__ void plain_read_of_atomic(float *y, float *sum) {
    float mine = atomicAdd(sum, 1.0f);  /* @plain_read_of_atomic-other */
    if (threadIdx.x == 63) mine = *sum; /* @plain_read_of_atomic */
    y[threadIdx.x] = mine;
}
int plant_plain_read_of_atomic(void) {
    input sum(1);
    output y(64);
    LAUNCH(plain_read_of_atomic, 1, 64, 0, nullptr, y.data, sum.data);
    return y.wrong([](int i) { return static_cast<float>(i < 63 ? i : 64); });
}

/* The last-block pattern, with the fence before the ticket (or after it) left out. */
template <bool late> __global__ void last_block(float *partial, unsigned *counter) {
    SHARED(bool, last);
    if (threadIdx.x == 0) {
        partial[blockIdx.x] = 1.0f; /* @missing_fence-other @fence_too_late-other */
        last = atomicAdd(counter, 1u) == gridDim.x - 1;
        if (late) __threadfence();
    }
    __syncthreads();
    if (!last || threadIdx.x >= gridDim.x) return;
    partial[threadIdx.x] += 1.0f; /* @missing_fence @fence_too_late */
}
int plant_missing_fence(void) {
    input partial(8), counter(1);
    LAUNCH((last_block<false>), 8, 32, 0, nullptr, partial.data, reinterpret_cast<unsigned *>(counter.data));
    return partial.wrong([](int) { return 2.0f; });
}
int plant_fence_too_late(void) {
    input partial(8), counter(1);
    LAUNCH((last_block<true>), 8, 32, 0, nullptr, partial.data, reinterpret_cast<unsigned *>(counter.data));
    return partial.wrong([](int) { return 2.0f; });
}

__global__ void waits_for_other_block(volatile float *flag) {
    float seen = flag[1];
    if (blockIdx.x != 1)
        while (seen == 0.0f) seen = flag[1]; /* @waits_for_other_block */
    else
        flag[1] = 1.0f;
    flag[0] = seen;
}
int plant_waits_for_other_block(void) {
    std::vector<float> zeros(2);
    output flag(2);
    cudaMemcpy(flag.data, zeros.data(), sizeof(float) * 2, cudaMemcpyHostToDevice);
    LAUNCH(waits_for_other_block, 3, 1, 0, nullptr, flag.data);
    return 0;
}

/* Every thread gets on, none ends. */
__global__ void never_ends(volatile float *x) {
    while (x[threadIdx.x] >= 0.0f) {
        __syncthreads();
        x[threadIdx.x] = x[threadIdx.x] + 1.0f;
    }
}
int plant_never_ends(void) {
    input x(64);
    LAUNCH(never_ends, 1, 64, 0, nullptr, x.data);
    return 0;
}

__global__ void divides_by_zero(int *y, int by) {
    y[threadIdx.x] = 7 / (by * static_cast<int>(threadIdx.x)); /* @divides_by_zero */
}
int plant_divides_by_zero(void) {
    output y(32);
    LAUNCH(divides_by_zero, 1, 32, 0, nullptr, reinterpret_cast<int *>(y.data), 3);
    return 0;
}

__device__ int sink(volatile int *values, int depth) {
    volatile int more[1024];
    more[depth % 1024] = values[0];
    return depth == 0 ? more[0] : sink(more, depth - 1) + more[depth % 1024];
}
__global__ void overflows_stack(int *y, int depth) {
    volatile int first[1] = {1};
    y[threadIdx.x] = sink(first, depth);
}
int plant_overflows_stack(void) {
    output y(32);
    LAUNCH(overflows_stack, 1, 32, 0, nullptr, reinterpret_cast<int *>(y.data), 1000);
    return 0;
}
