/* Scaling of losses.
 *
 *   unscale      y = x / scale, four elements a thread, blocks in strides of the grid. Each block writes whether all of its y
 *                are finite; a second launch of one block puts that together
 *   adapt_scale  one thread: the scale halves after a step that was not finite, doubles after many that were
 *
 * Nothing is summed, so no result depends on timing. */
#include "numeric.cuh"
#include "scaling.h"

constexpr int threads = 256, most_blocks = KERNEL_UNSCALE_WORKSPACE / sizeof(int);

__device__ __forceinline__ bool is_finite(float x) {
    return fabsf(x) <= 3.402823466e38f; /* the largest number; a NaN is not below it */
}

__global__ void unscale(const float *x, const float *scale, float *y, int64_t n, int *overflowed) {
    const float factor = 1 / *scale;
    bool overflow = false;
    for (int64_t i = (blockIdx.x * int64_t{threads} + threadIdx.x) * 4; i < n;
         i += gridDim.x * int64_t{threads} * 4) {
        if (i + 4 <= n) {
            float numbers[4];
            load_floats(x + i, numbers);
            UNROLL
            for (int k = 0; k < 4; k++) {
                numbers[k] *= factor;
                overflow = overflow || !is_finite(numbers[k]);
            }
            store_floats(y + i, numbers);
        } else {
            for (int64_t k = i; k < n; k++) {
                y[k] = x[k] * factor;
                overflow = overflow || !is_finite(y[k]);
            }
        }
    }
    overflow = __syncthreads_or(overflow);
    if (threadIdx.x == 0) overflowed[blockIdx.x] = overflow;
}

__global__ void all_finite(const int *overflowed, int blocks, float *finite) {
    bool overflow = false;
    for (int i = threadIdx.x; i < blocks; i += threads) overflow = overflow || overflowed[i];
    overflow = __syncthreads_or(overflow);
    if (threadIdx.x == 0) *finite = overflow ? 0 : 1;
}

extern "C" kernel_status kernel_unscale(const float *x, const float *scale, float *y, int64_t n,
                                        float *finite, void *workspace, void *stream) {
    int *overflowed = static_cast<int *>(workspace);
    const unsigned blocks = blocks_for((n + 3) / 4, threads, most_blocks);
    LAUNCH(unscale, blocks, threads, 0, stream, x, scale, y, n, overflowed);
    LAUNCH(all_finite, 1, threads, 0, stream, overflowed, static_cast<int>(blocks), finite);
    return cudaGetLastError();
}

__global__ void adapt_scale(float *scale, int64_t *counts, const float *finite, float growth, float backoff,
                            int64_t interval) {
    if (*finite == 0) {
        *scale *= backoff;
        counts[0] = 0;
        return;
    }
    counts[1]++;
    if (++counts[0] < interval) return;
    counts[0] = 0;
    if (is_finite(*scale * growth)) *scale *= growth;
}

extern "C" kernel_status kernel_adapt_scale(float *scale, int64_t *counts, const float *finite, float growth,
                                            float backoff, int64_t interval, void *stream) {
    LAUNCH(adapt_scale, 1, 1, 0, stream, scale, counts, finite, growth, backoff, interval);
    return cudaGetLastError();
}
