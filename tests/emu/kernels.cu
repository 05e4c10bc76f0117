/* Correct kernels: reductions, atomics, conversions and warp operations; the matrix products are in
 * matmul.cu. */
#include "common.cuh"
#include "kernels.h"

/* Four elements per thread through 16-byte accesses, the rest one by one. */
__global__ void axpy(float *y, const float *x, float a, int n) {
    int i = 4 * static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    if (i + 4 <= n) {
        float4 p = load_vector<float4>(x + i), q = load_vector<float4>(y + i);
        q.x = fmaf(a, p.x, q.x);
        q.y = fmaf(a, p.y, q.y);
        q.z = fmaf(a, p.z, q.z);
        q.w = fmaf(a, p.w, q.w);
        store_vector(y + i, q);
    } else {
        for (; i < n; i++) y[i] = fmaf(a, x[i], y[i]);
    }
}

int launch_axpy(float *y, const float *x, float a, int n, void *stream) {
    LAUNCH(axpy, (n + 1023) / 1024, 256, 0, stream, y, x, a, n);
    return cudaGetLastError();
}

__device__ float warp_sum(float x) {
    for (int lanes = 16; lanes > 0; lanes /= 2) x += __shfl_xor_sync(0xffffffffu, x, lanes);
    return x;
}

/* The sum of a block of up to 1024 threads, whole warps; thread 0 has it. */
__device__ float block_sum(float x) {
    SHARED(float, warps, [32]);
    unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    x = warp_sum(x);
    if (lane == 0) warps[warp] = x;
    __syncthreads();
    if (warp == 0) x = warp_sum(lane < blockDim.x / 32 ? warps[lane] : 0.0f);
    return x;
}

__global__ void sum_blocks(float *sums, const float *x, int n) {
    int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    float sum = block_sum(i < n ? x[i] : 0.0f);
    if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

int launch_block_sum(float *sums, const float *x, int n, int threads, void *stream) {
    LAUNCH(sum_blocks, (n + threads - 1) / threads, threads, 0, stream, sums, x, n);
    return cudaGetLastError();
}

template <int threads>
__global__ void sum_all(float *sum, float *partial, unsigned *counter, const float *x, int n) {
    SHARED(bool, last);
    int i = static_cast<int>(blockIdx.x * threads + threadIdx.x);
    float mine = block_sum(i < n ? x[i] : 0.0f);
    if (threadIdx.x == 0) {
        partial[blockIdx.x] = mine;
        __threadfence();
        last = atomicInc(counter, gridDim.x - 1) == gridDim.x - 1;
    }
    __syncthreads();
    if (!last) return;
    __threadfence();
    mine = 0.0f;
    for (unsigned block = threadIdx.x; block < gridDim.x; block += threads) mine += partial[block];
    mine = block_sum(mine);
    if (threadIdx.x == 0) *sum = mine;
}

int launch_last_block_sum(float *sum, float *partial, unsigned *counter, const float *x, int n,
                          void *stream) {
    LAUNCH((sum_all<128>), (n + 127) / 128, 128, 0, stream, sum, partial, counter, x, n);
    return cudaGetLastError();
}

/* The same with a partial sum of every thread's own: each passes a fence, and the ticket is taken behind a
 * barrier. */
template <int threads>
__global__ void sum_all_threads(float *sum, float *partial, unsigned *counter, const float *x, int n) {
    SHARED(bool, last);
    int i = static_cast<int>(blockIdx.x * threads + threadIdx.x);
    partial[i] = i < n ? x[i] : 0.0f;
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0) last = atomicInc(counter, gridDim.x - 1) == gridDim.x - 1;
    __syncthreads();
    if (!last) return;
    float mine = 0.0f;
    for (unsigned block = 0; block < gridDim.x; block++) mine += partial[block * threads + threadIdx.x];
    mine = block_sum(mine);
    if (threadIdx.x == 0) *sum = mine;
}

int launch_last_block_sum_threads(float *sum, float *partial, unsigned *counter, const float *x, int n,
                                  void *stream) {
    LAUNCH((sum_all_threads<128>), (n + 127) / 128, 128, 0, stream, sum, partial, counter, x, n);
    return cudaGetLastError();
}

__global__ void bf16_all(float *wide, uint16_t *back) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    float x = __bfloat162float(__ushort_as_bfloat16(static_cast<unsigned short>(i)));
    wide[i] = x;
    back[i] = __bfloat16_as_ushort(__float2bfloat16(x));
}

int launch_bf16_all(float *wide, uint16_t *back, void *stream) {
    LAUNCH(bf16_all, 256, 256, 0, stream, wide, back);
    return cudaGetLastError();
}

__global__ void f16_all(float *wide, uint16_t *back) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    float x = __half2float(__ushort_as_half(static_cast<unsigned short>(i)));
    wide[i] = x;
    back[i] = __half_as_ushort(__float2half(x));
}

int launch_f16_all(float *wide, uint16_t *back, void *stream) {
    LAUNCH(f16_all, 256, 256, 0, stream, wide, back);
    return cudaGetLastError();
}

__global__ void round_all(uint16_t *bf16, uint16_t *f16, const float *x, int n) {
    int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    if (i >= n) return;
    bf16[i] = __bfloat16_as_ushort(__float2bfloat16(x[i]));
    f16[i] = __half_as_ushort(__float2half(x[i]));
}

int launch_round(uint16_t *bf16, uint16_t *f16, const float *x, int n, void *stream) {
    LAUNCH(round_all, (n + 255) / 256, 256, 0, stream, bf16, f16, x, n);
    return cudaGetLastError();
}

__global__ void warp_operations(unsigned *out) {
    unsigned thread = threadIdx.x, mask = thread < 32 ? 0xffffffffu : 0xffffu;
    unsigned value = thread * thread;
    bool odd = thread % 2 == 1;
    unsigned *mine = out + WARP_RESULTS * thread;
    mine[0] = __shfl_sync(mask, value, 5);
    mine[1] = __shfl_up_sync(mask, value, 3, 16);
    mine[2] = __shfl_down_sync(mask, value, 2, 8);
    mine[3] = __shfl_xor_sync(mask, value, 9);
    mine[4] = __ballot_sync(mask, odd);
    mine[5] = static_cast<unsigned>(__any_sync(mask, thread == 7));
    mine[6] = static_cast<unsigned>(__all_sync(mask, thread < 40));
    mine[7] = __reduce_add_sync(mask, value);
    mine[8] = static_cast<unsigned>(__reduce_min_sync(mask, static_cast<int>(thread) - 40));
    mine[9] = __reduce_xor_sync(mask, value);
    double wide = __shfl_sync(mask, static_cast<double>(value) + 0.25, 1);
    mine[10] = static_cast<unsigned>(wide * 4.0);
    if (odd) { /* half of a warp by itself */
        __syncwarp(mask & 0xaaaaaaaau);
        mine[11] = __reduce_max_sync(mask & 0xaaaaaaaau, value);
    } else {
        mine[11] = static_cast<unsigned>(__popc(mask));
    }
}

int launch_warp_operations(unsigned *out, void *stream) {
    LAUNCH(warp_operations, 1, 48, 0, stream, out);
    return cudaGetLastError();
}

__global__ void barriers(int *out) {
    int predicate = threadIdx.x % 3 == 0, *mine = out + 3 * (blockIdx.x * blockDim.x + threadIdx.x);
    mine[0] = __syncthreads_count(predicate);
    mine[1] = __syncthreads_and(predicate);
    mine[2] = __syncthreads_or(predicate);
}

int launch_barriers(int *out, int threads, void *stream) {
    LAUNCH(barriers, 2, threads, 0, stream, out);
    return cudaGetLastError();
}

__global__ void count_all(atomic_results *results, const int *bin, int n) {
    int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    if (i >= n) return;
    int value = bin[i];
    atomicAdd(&results->counts[value], 1u);
    atomicMin(&results->low, value);
    atomicMax(&results->high, value);
    atomicAdd(&results->sum, static_cast<float>(value));
    atomicAdd(&results->double_sum, 0.5 * value);
    atomicOr(&results->bits, 1ull << (32 + value));
    atomicInc(&results->wrapped, 9u);
}

int launch_atomics(struct atomic_results *results, const int *bin, int n, void *stream) {
    LAUNCH(count_all, (n + 63) / 64, 64, 0, stream, results, bin, n);
    return cudaGetLastError();
}

__global__ void reverse(float *x) {
    DYN_SHARED(float, block);
    float *mine = x + static_cast<size_t>(blockIdx.x) * blockDim.x;
    block[threadIdx.x] = mine[threadIdx.x];
    __syncthreads();
    mine[threadIdx.x] = block[blockDim.x - 1 - threadIdx.x];
}

int launch_reverse(float *x, int threads, int blocks, int floats, void *stream) {
    size_t bytes = static_cast<size_t>(floats) * sizeof(float);
    cudaFuncSetAttribute(reverse, cudaFuncAttributeMaxDynamicSharedMemorySize, 64 * 1024);
    LAUNCH(reverse, blocks, threads, bytes, stream, x);
    return cudaGetLastError();
}
