/* Storage types and vectors of them, as all kernels use them. Numbers are stored as float, __nv_bfloat16 or __half and
 * computed with as float. */
#ifndef CUPEL_NUMERIC_CUH
#define CUPEL_NUMERIC_CUH

#include "common.cuh"
#include "kernel.h"

__device__ __forceinline__ float to_float(float x) {
    return x;
}
__device__ __forceinline__ float to_float(__nv_bfloat16 x) {
    return __bfloat162float(x);
}
__device__ __forceinline__ float to_float(__half x) {
    return __half2float(x);
}

template <class T> __device__ __forceinline__ T from_float(float x);
template <> __device__ __forceinline__ float from_float<float>(float x) {
    return x;
}
template <> __device__ __forceinline__ __nv_bfloat16 from_float<__nv_bfloat16>(float x) {
    return __float2bfloat16_rn(x);
}
template <> __device__ __forceinline__ __half from_float<__half>(float x) {
    return __float2half_rn(x);
}

/* Elements that one access moves: 16 bytes of the narrowest type that takes part. */
template <class T> constexpr int vector_of = 16 / static_cast<int>(sizeof(T));

/* N numbers of type T, to and from memory in accesses of up to 16 bytes; `at` is a multiple of N * sizeof(T) bytes. */
template <class T, int N> struct alignas(N * sizeof(T) < 16 ? N * sizeof(T) : 16) pack { T number[N]; };
template <int N, class T> __device__ __forceinline__ void load_floats(const T *at, float (&to)[N]) {
    constexpr int bytes = N * static_cast<int>(sizeof(T)), step = bytes < 16 ? N : vector_of<T>;
    UNROLL
    for (int i = 0; i < N; i += step) {
        const auto part = load_vector<pack<T, step>>(at + i);
        UNROLL
        for (int k = 0; k < step; k++) to[i + k] = to_float(part.number[k]);
    }
}
template <int N, class T> __device__ __forceinline__ void store_floats(T *at, const float (&from)[N]) {
    constexpr int bytes = N * static_cast<int>(sizeof(T)), step = bytes < 16 ? N : vector_of<T>;
    UNROLL
    for (int i = 0; i < N; i += step) {
        pack<T, step> part;
        UNROLL
        for (int k = 0; k < step; k++) part.number[k] = from_float<T>(from[i + k]);
        store_vector(at + i, part);
    }
}

/* Calls BODY with T as the type that `type` names. */
#define WITH_TYPE(type, T, ...)             \
    do {                                    \
        if ((type) == KERNEL_F32) {         \
            using T = float;                \
            __VA_ARGS__;                    \
        } else if ((type) == KERNEL_BF16) { \
            using T = __nv_bfloat16;        \
            __VA_ARGS__;                    \
        } else {                            \
            using T = __half;               \
            __VA_ARGS__;                    \
        }                                   \
    } while (0)

/* Blocks of `threads` for `n` units of work, at most `most` (kernels go over the rest in strides of the grid). */
static inline unsigned blocks_for(int64_t n, int threads, int64_t most = 1 << 16) {
    const int64_t blocks = (n + threads - 1) / threads;
    return static_cast<unsigned>(blocks < 1 ? 1 : blocks < most ? blocks : most);
}

/* An activation as a kernel's last step; a NaN stays one. */
__device__ __forceinline__ float activate(enum kernel_activation activation, float slope, float x) {
    switch (activation) {
    case KERNEL_ACTIVATION_RELU:
        return x < 0 ? 0.f : x;
    case KERNEL_ACTIVATION_LEAKY_RELU:
        return x > 0 ? x : slope * x;
    case KERNEL_ACTIVATION_SIGMOID:
        return 1.f / (1.f + expf(-x));
    case KERNEL_ACTIVATION_TANH:
        return tanhf(x);
    case KERNEL_ACTIVATION_NONE:
        break;
    }
    return x;
}

/* A number from 1 on to divide by: quotient(x, d) takes a multiplication and a shift where x < 2^31, as
 * x / d = x * ceil(2^(32 + shift) / d) / 2^(32 + shift) with 2^shift < d <= 2^(shift + 1) (Granlund and
 * Montgomery 1994). */
struct divisor {
    int64_t value;
    uint32_t multiplier;
    int shift;
};
static inline divisor divisor_of(int64_t value) {
    int shift = 0;
    while (shift < 30 && value > int64_t{2} << shift) shift++;
    if (value < 2 || value > INT32_MAX) return {value, 0, 0};
    return {value, static_cast<uint32_t>(((uint64_t{1} << (32 + shift)) + value - 1) / value), shift};
}
__device__ __forceinline__ int64_t quotient(int64_t x, const divisor &by) {
    if (x >> 31 != 0) return x / by.value;
    return by.value == 1 ? x : __umulhi(static_cast<uint32_t>(x), by.multiplier) >> by.shift;
}

/* Tells the host that 0 <= value < bound does not hold, unless it was told of another fault before. */
__device__ __forceinline__ void report_fault(struct kernel_fault *fault, enum kernel_fault_kind kind,
                                             long long value, long long bound) {
    if (atomicCAS(&fault->kind, static_cast<unsigned>(KERNEL_FAULT_NONE), static_cast<unsigned>(kind)) !=
        KERNEL_FAULT_NONE)
        return;
    fault->value = value;
    fault->bound = bound;
}

/* Sum over a full warp, the same in every lane, in an order that does not depend on timing. */
template <class T> __device__ __forceinline__ T warp_sum(T x) {
    UNROLL
    for (int lane = 16; lane > 0; lane /= 2) x += __shfl_xor_sync(0xffffffffu, x, lane);
    return x;
}

#endif
