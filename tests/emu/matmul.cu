/* Matrix products: tiles in shared memory and registers, and tensor cores with copies under way. */
#include "common.cuh"
#include "kernels.h"

/* A 64x64 tile of C per block of 256 threads, 4x4 of it per thread; A and B pass through shared memory 16
 * columns and rows at a time. */
constexpr int tile = 64, depth = 16;

__global__ void matmul(float *c, const float *a, const float *b, int m, int n, int k) {
    SHARED(float, as, [depth][tile + 1]);
    SHARED(float, bs, [depth][tile + 1]);
    int thread = static_cast<int>(threadIdx.x), tx = thread % 16, ty = thread / 16;
    int row = static_cast<int>(blockIdx.y) * tile, column = static_cast<int>(blockIdx.x) * tile;
    float sum[4][4] = {};
    for (int first = 0; first < k; first += depth) {
        for (int i = thread; i < tile * depth; i += 256) {
            int r = row + i / depth, p = first + i % depth;
            as[i % depth][i / depth] = r < m && p < k ? a[static_cast<size_t>(r) * k + p] : 0.0f;
            int q = first + i / tile, s = column + i % tile;
            bs[i / tile][i % tile] = q < k && s < n ? b[static_cast<size_t>(q) * n + s] : 0.0f;
        }
        __syncthreads();
        for (int p = 0; p < depth; p++)
            for (int i = 0; i < 4; i++)
                for (int j = 0; j < 4; j++) sum[i][j] = fmaf(as[p][ty * 4 + i], bs[p][tx * 4 + j], sum[i][j]);
        __syncthreads();
    }
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++) {
            int r = row + ty * 4 + i, s = column + tx * 4 + j;
            if (r < m && s < n) c[static_cast<size_t>(r) * n + s] = sum[i][j];
        }
}

int launch_matmul(float *c, const float *a, const float *b, int m, int n, int k, void *stream) {
    dim3 grid(static_cast<unsigned>((n + tile - 1) / tile), static_cast<unsigned>((m + tile - 1) / tile));
    LAUNCH(matmul, grid, 256, 0, stream, c, a, b, m, n, k);
    return cudaGetLastError();
}

/* A 64x64 tile of C per block of four warps, 32x32 per warp; 32 columns of A and rows of B at a time, two of
 * each in shared memory: one in use, one being copied. Rows are padded by 8 elements against bank conflicts.
 */
constexpr int k_step = 32, a_stride = k_step + 8, b_stride = tile + 8;

__device__ void copy_tiles(__nv_bfloat16 *as, __nv_bfloat16 *bs, const uint16_t *a, const uint16_t *b,
                           int row, int column, int first, int m, int n, int k) {
    for (int i = static_cast<int>(threadIdx.x); i < tile * k_step / 8; i += 128) {
        int r = i / (k_step / 8), p = i % (k_step / 8) * 8;
        bool inside = row + r < m && first + p < k;
        cp_async<16>(as + r * a_stride + p, inside ? a + static_cast<size_t>(row + r) * k + first + p : a,
                     inside ? 16 : 0);
        int q = i / (tile / 8), s = i % (tile / 8) * 8;
        inside = first + q < k && column + s < n;
        cp_async<16>(bs + q * b_stride + s, inside ? b + static_cast<size_t>(first + q) * n + column + s : b,
                     inside ? 16 : 0);
    }
    cp_async_commit();
}

/* One k_step of a warp's 32x32. */
__device__ void multiply_tiles(float (&sum)[2][4][4], const __nv_bfloat16 *as, const __nv_bfloat16 *bs,
                               int row, int column) {
    int lane = static_cast<int>(threadIdx.x) % 32;
    for (int p = 0; p < k_step; p += 16) {
        uint32_t af[2][4], bf[4][2];
        for (int i = 0; i < 2; i++)
            ldmatrix(af[i], as + (row + 16 * i + lane % 16) * a_stride + p + lane / 16 * 8);
        for (int j = 0; j < 4; j++)
            ldmatrix<2, true>(bf[j], bs + (p + lane % 16) * b_stride + column + 8 * j);
        for (int i = 0; i < 2; i++)
            for (int j = 0; j < 4; j++) mma_sync<__nv_bfloat16>(sum[i][j], af[i], bf[j]);
    }
}

__global__ void matmul_bf16(float *c, const uint16_t *a, const uint16_t *b, int m, int n, int k) {
    SHARED(__nv_bfloat16, as, [2][tile * a_stride]);
    SHARED(__nv_bfloat16, bs, [2][k_step * b_stride]);
    int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
    int row = static_cast<int>(blockIdx.y) * tile, column = static_cast<int>(blockIdx.x) * tile;
    int warp_row = warp / 2 * 32, warp_column = warp % 2 * 32, steps = (k + k_step - 1) / k_step;
    float sum[2][4][4] = {};
    copy_tiles(as[0], bs[0], a, b, row, column, 0, m, n, k);
    for (int step = 0; step < steps; step++) {
        int now = step % 2;
        if (step + 1 < steps) {
            copy_tiles(as[1 - now], bs[1 - now], a, b, row, column, (step + 1) * k_step, m, n, k);
            cp_async_wait<1>();
        } else {
            cp_async_wait<0>();
        }
        __syncthreads();
        multiply_tiles(sum, as[now], bs[now], warp_row, warp_column);
        __syncthreads(); /* before the next copy overwrites what was read */
    }
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 4; j++)
            for (int e = 0; e < 4; e++) {
                int r = row + warp_row + 16 * i + lane / 4 + e / 2 * 8;
                int s = column + warp_column + 8 * j + lane % 4 * 2 + e % 2;
                if (r < m && s < n) c[static_cast<size_t>(r) * n + s] = sum[i][j][e];
            }
}

int launch_matmul_bf16(float *c, const uint16_t *a, const uint16_t *b, int m, int n, int k, void *stream) {
    if (k % 8 || n % 8) return cudaErrorInvalidValue;
    dim3 grid(static_cast<unsigned>((n + tile - 1) / tile), static_cast<unsigned>((m + tile - 1) / tile));
    LAUNCH(matmul_bf16, grid, 128, 0, stream, c, a, b, m, n, k);
    return cudaGetLastError();
}

__device__ unsigned short narrow(__nv_bfloat16, float x) {
    return __bfloat16_as_ushort(__float2bfloat16(x));
}
__device__ unsigned short narrow(__half, float x) {
    return __half_as_ushort(__float2half(x));
}

/* The fragments as the documentation of mma_sync lists them, without ldmatrix. */
template <class T> __global__ void mma_16(float *d, const float *a, const float *b) {
    int g = static_cast<int>(threadIdx.x) / 4, t = static_cast<int>(threadIdx.x) % 4;
    uint32_t af[4], bf[2];
    float df[4] = {};
    auto pair = [](float low, float high) {
        return narrow(T(), low) | static_cast<uint32_t>(narrow(T(), high)) << 16;
    };
    for (int i = 0; i < 4; i++) {
        const float *from = a + (g + i % 2 * 8) * 16 + 2 * t + i / 2 * 8;
        af[i] = pair(from[0], from[1]);
    }
    for (int i = 0; i < 2; i++) {
        const float *from = b + (2 * t + 8 * i) * 8 + g;
        bf[i] = pair(from[0], from[8]);
    }
    mma_sync<T>(df, af, bf);
    for (int i = 0; i < 4; i++) d[(g + i / 2 * 8) * 8 + 2 * t + i % 2] = df[i];
}

__global__ void mma_tf32(float *d, const float *a, const float *b) {
    int g = static_cast<int>(threadIdx.x) / 4, t = static_cast<int>(threadIdx.x) % 4;
    uint32_t af[4], bf[2];
    float df[4] = {};
    for (int i = 0; i < 4; i++) af[i] = float_to_tf32(a[(g + i % 2 * 8) * 8 + t + i / 2 * 4]);
    for (int i = 0; i < 2; i++) bf[i] = float_to_tf32(b[(t + 4 * i) * 8 + g]);
    mma_sync<tf32>(df, af, bf);
    for (int i = 0; i < 4; i++) d[(g + i / 2 * 8) * 8 + 2 * t + i % 2] = df[i];
}

int launch_mma(float *d, const float *a, const float *b, enum mma_type type, void *stream) {
    if (type == MMA_BF16)
        LAUNCH((mma_16<__nv_bfloat16>), 1, 32, 0, stream, d, a, b);
    else if (type == MMA_F16)
        LAUNCH((mma_16<__half>), 1, 32, 0, stream, d, a, b);
    else
        LAUNCH(mma_tf32, 1, 32, 0, stream, d, a, b);
    return cudaGetLastError();
}
