/* Correct kernels of every kind that the emulator runs, each with its launcher. Pointers are device memory
 * unless they say otherwise. */
#ifndef TESTS_EMU_KERNELS_H
#define TESTS_EMU_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* y += a x for n elements, four at a time. */
int launch_axpy(float *y, const float *x, float a, int n, void *stream);

/* sums[b] = sum of the elements of block b: `threads` a block, one element each. */
int launch_block_sum(float *sums, const float *x, int n, int threads, void *stream);

/* *sum = sum of all in one launch: the block that finishes last adds up the others' results. partial holds
 * one float per block (blocks of 128), *counter is 0 before and after. */
int launch_last_block_sum(float *sum, float *partial, unsigned *counter, const float *x, int n, void *stream);

/* The same, with one float of partial per thread. */
int launch_last_block_sum_threads(float *sum, float *partial, unsigned *counter, const float *x, int n,
                                  void *stream);

/* C (m x n) = A (m x k) B (k x n), row-major, any sizes. */
int launch_matmul(float *c, const float *a, const float *b, int m, int n, int k, void *stream);

/* The same for bfloat16 by tensor cores, with copies of the next tiles under way; k and n multiples of 8. C
 * is float. */
int launch_matmul_bf16(float *c, const uint16_t *a, const uint16_t *b, int m, int n, int k, void *stream);

/* One warp's D = A B of the type: 16x16 and 16x8 (tf32: 16x8 and 8x8) floats, which the kernel converts. */
enum mma_type { MMA_BF16, MMA_F16, MMA_TF32 };
int launch_mma(float *d, const float *a, const float *b, enum mma_type type, void *stream);

/* Each of the 65536 values widened, and the same value rounded back. */
int launch_bf16_all(float *wide, uint16_t *back, void *stream);
int launch_f16_all(float *wide, uint16_t *back, void *stream);
/* Each of n floats rounded. */
int launch_round(uint16_t *bf16, uint16_t *f16, const float *x, int n, void *stream);

/* 48 threads do everything that warps can; out[WARP_RESULTS * thread + i], listed in test_kernels.c. */
#define WARP_RESULTS 12
int launch_warp_operations(unsigned *out, void *stream);

/* What the counting barriers give each of `threads` threads (three ints each): predicate is thread % 3 == 0.
 */
int launch_barriers(int *out, int threads, void *stream);

/* counts[bin[i]]++, minimum and maximum of bin, and its sum as float and double. */
struct atomic_results {
    unsigned counts[8], wrapped;
    int low, high;
    float sum;
    double double_sum;
    unsigned long long bits;
};
int launch_atomics(struct atomic_results *results, const int *bin, int n, void *stream);

/* results[i] = numbers[i] / by, none below 0. */
int launch_quotients(int64_t *results, const int64_t *numbers, int n, int64_t by, void *stream);

/* Reverses each block of `threads` floats through dynamic shared memory, of which `floats` are asked for. */
int launch_reverse(float *x, int threads, int blocks, int floats, void *stream);

#ifdef __cplusplus
}
#endif
#endif
