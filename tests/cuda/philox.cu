/* Draws normals in a kernel: compiled where nvcc is, so that philox.h stays a header that host and device share. */
#include "base/philox.h"

__global__ void draw_normals(uint64_t seed, uint32_t stream, uint64_t step, float *y, int64_t blocks) {
    int64_t block = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
    if (block >= blocks) return;
    struct philox philox = philox_start(seed, PHILOX_OPS, stream, step);
    struct philox_floats four = philox_normals(philox_words(&philox, (uint64_t)block));
    for (int i = 0; i < 4; i++) y[4 * block + i] = four.value[i];
}
