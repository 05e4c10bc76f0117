/* Tensor-core operations and asynchronous copies: what the wrappers of common.cuh call on the host. */
#ifndef EMU_TENSOR_H
#define EMU_TENSOR_H

#include "emu_sync.h"

namespace emu {

enum class matrix_type { bf16, f16, tf32 };

/* D += A B of a warp: 16x8 += 16xK Kx8, K = 16 for 16-bit types, 8 for tf32, in the fragments of the PTX
 * manual's mma.m16n8k16 and mma.m16n8k8: `d` 4 floats, `a` 4 registers, `b` 2. */
void mma(matrix_type type, float *d, const uint32_t *a, const uint32_t *b, place at);

/* Loads `count` (1, 2, 4) 8x8 matrices of 16-bit elements from shared memory; lane 8 i + r gives the address
 * of row r of matrix i. */
void ldmatrix(uint32_t *registers, int count, bool transposed, const void *row, place at);

/* A copy of 4, 8 or 16 bytes from device to shared memory that lands when the thread waits for its group;
 * until then its target holds 0xff. Of `bytes`, those past `valid` become zeros. */
void cp_async(void *to, const void *from, int bytes, int valid);
void cp_async_commit();

/* Waits until at most `groups` of the thread's latest groups are under way. */
void cp_async_wait(int groups);

/* Rounds to TF32's ten bits of fraction, ties away from zero. */
uint32_t to_tf32(float value);

/* A vector access that must be aligned: fails the thread if it is not. */
void check_alignment(const void *address, size_t alignment, place at);

void copies_begin_block();

} // namespace emu

#endif
