/* What every kernel includes, and the only header that it does: the same source is CUDA under nvcc and plain
 * C++ under the emulator of kernels/emu. docs/kernels.md has the rules that keep it so.
 *
 * Inline PTX stands here alone, one wrapper for each instruction, and each has a twin in the emulator. */
#ifndef CUPEL_COMMON_CUH
#define CUPEL_COMMON_CUH

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>
#include <stdint.h>
#include <type_traits>

/* LAUNCH(kernel, grid, block, bytes of dynamic shared memory, stream, arguments...): a template's instance
 * stands in parentheses. Errors are left to cudaGetLastError.
 *
 * SHARED(float, tile, [16][68]) declares `float tile[16][68]` in shared memory, at a multiple of 16 bytes.
 * DYN_SHARED(float, p) declares `float *p`, the start of the dynamic shared memory. */
#ifdef __CUDACC__

#define LAUNCH(kernel, grid, block, shared_bytes, stream, ...) \
    kernel<<<grid, block, shared_bytes, static_cast<cudaStream_t>(stream)>>>(__VA_ARGS__)
#define SHARED(type, name, ...) __shared__ __align__(16) type name __VA_ARGS__
#define DYN_SHARED(type, name)                                      \
    extern __shared__ __align__(16) unsigned char dynamic_shared[]; \
    type *name = reinterpret_cast<type *>(dynamic_shared)

/* What older architectures do not have must not be reached there. */
#if __CUDA_ARCH__ >= 800
#define CUPEL_SM80(...) __VA_ARGS__
#else
#define CUPEL_SM80(...) __trap()
#endif

/* In front of a loop that must be unrolled, because its counter chooses registers; and of one of which n rounds at a time
 * are best, n a constant expression: more would need more registers. */
#define UNROLL _Pragma("unroll")
#define CUPEL_PRAGMA(words) _Pragma(#words)
#define UNROLL_BY(n) CUPEL_PRAGMA(unroll n)

#define CUPEL_CALLER
#define CUPEL_EMULATE(...)

#else

#include "emu_tensor.h"

#define LAUNCH(kernel, grid, block, shared_bytes, stream, ...) \
    emu::launch(kernel, #kernel, grid, block, shared_bytes, stream, ##__VA_ARGS__)
#define SHARED(type, name, ...)              \
    static emu::shared_slot slot_of_##name;  \
    using type_of_##name = type __VA_ARGS__; \
    type_of_##name &name = emu::shared_variable<type_of_##name>(slot_of_##name, #name)
#define DYN_SHARED(type, name) type *name = static_cast<type *>(emu::dynamic_shared_memory())

#define UNROLL
#define UNROLL_BY(n)

/* The line that calls a wrapper, for reports. */
#define CUPEL_CALLER , const char *file = __builtin_FILE(), int line = __builtin_LINE()
#define CUPEL_EMULATE(...) __VA_ARGS__

#endif

/* One access of sizeof(V) bytes, 2, 4, 8 or 16, at an address that must be a multiple of that. */
template <class V, class T> __device__ __forceinline__ V load_vector(const T *address CUPEL_CALLER) {
    CUPEL_EMULATE(emu::check_alignment(address, sizeof(V), {file, line});)
    return *reinterpret_cast<const V *>(address);
}
template <class V, class T> __device__ __forceinline__ void store_vector(T *address, V value CUPEL_CALLER) {
    CUPEL_EMULATE(emu::check_alignment(address, sizeof(V), {file, line});)
    *reinterpret_cast<V *>(address) = value;
}

/* What a register of mma_sync holds when it holds no 16-bit numbers: a float rounded by float_to_tf32. */
struct tf32 {};

/* Rounds to TF32's ten bits of fraction, ties away from zero. */
__device__ __forceinline__ uint32_t float_to_tf32(float value) {
#ifdef __CUDACC__
    uint32_t bits = 0;
    CUPEL_SM80(asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(value)));
    return bits;
#else
    return emu::to_tf32(value);
#endif
}

/* D += A B by a full warp: D is 16x8 of float, A 16xK and B Kx8 of T: __nv_bfloat16 or __half (two to a
 * register, the first in the low half; K = 16) or tf32 (K = 8). Lane 4 g + t holds
 *
 *   of D  row g, columns 2t and 2t+1 in 0 and 1; row g+8 in 2 and 3
 *   of A  rows g, g+8, g, g+8 in 0 to 3; columns 2t and 2t+1 in 0 and 1, 2t+8 and 2t+9 in 2 and 3
 *         (tf32: column t in 0 and 1, t+4 in 2 and 3)
 *   of B  column g, rows 2t and 2t+1 in 0, 2t+8 and 2t+9 in 1 (tf32: row t in 0, t+4 in 1) */
template <class T>
__device__ __forceinline__ void mma_sync(float (&d)[4], const uint32_t (&a)[4],
                                         const uint32_t (&b)[2] CUPEL_CALLER) {
    constexpr bool is_bf16 = std::is_same<T, __nv_bfloat16>::value, is_f16 = std::is_same<T, __half>::value;
    static_assert(is_bf16 || is_f16 || std::is_same<T, tf32>::value, "mma_sync takes bf16, f16 and tf32");
#ifdef __CUDACC__
#define CUPEL_MMA(shape)                                                                       \
    CUPEL_SM80(asm volatile("mma.sync.aligned." shape                                          \
                            " {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};" \
                            : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])                   \
                            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1])))
    if constexpr (is_bf16)
        CUPEL_MMA("m16n8k16.row.col.f32.bf16.bf16.f32");
    else if constexpr (is_f16)
        CUPEL_MMA("m16n8k16.row.col.f32.f16.f16.f32");
    else
        CUPEL_MMA("m16n8k8.row.col.f32.tf32.tf32.f32");
#undef CUPEL_MMA
#else
    constexpr auto type = is_bf16  ? emu::matrix_type::bf16
                          : is_f16 ? emu::matrix_type::f16
                                   : emu::matrix_type::tf32;
    emu::mma(type, d, a, b, {file, line});
#endif
}

/* Loads N (1, 2 or 4) 8x8 matrices of 16-bit elements from shared memory by a full warp: lane 8 i + r gives
 * the address of row r of matrix i, a multiple of 16 bytes (of other lanes it is ignored). Lane 4 g + t
 * receives of matrix i in registers[i] the elements (g, 2t) and (g, 2t+1); transposed, (2t, g) and (2t+1, g).
 */
template <int N, bool transposed = false>
__device__ __forceinline__ void ldmatrix(uint32_t (&registers)[N], const void *row CUPEL_CALLER) {
    static_assert(N == 1 || N == 2 || N == 4, "ldmatrix loads 1, 2 or 4 matrices");
#ifdef __CUDACC__
    auto address = static_cast<uint32_t>(__cvta_generic_to_shared(row));
#define CUPEL_LDMATRIX(form, outputs, address_operand, ...)                                                \
    if constexpr (transposed)                                                                              \
        asm volatile("ldmatrix.sync.aligned.m8n8." form ".trans.shared.b16 " outputs ", [" address_operand \
                     "];"                                                                                  \
                     : __VA_ARGS__                                                                         \
                     : "r"(address)                                                                        \
                     : "memory");                                                                          \
    else                                                                                                   \
        asm volatile("ldmatrix.sync.aligned.m8n8." form ".shared.b16 " outputs ", [" address_operand "];"  \
                     : __VA_ARGS__                                                                         \
                     : "r"(address)                                                                        \
                     : "memory")
    if constexpr (N == 1)
        CUPEL_LDMATRIX("x1", "{%0}", "%1", "=r"(registers[0]));
    else if constexpr (N == 2)
        CUPEL_LDMATRIX("x2", "{%0, %1}", "%2", "=r"(registers[0]), "=r"(registers[1]));
    else
        CUPEL_LDMATRIX("x4", "{%0, %1, %2, %3}", "%4", "=r"(registers[0]), "=r"(registers[1]),
                       "=r"(registers[2]), "=r"(registers[3]));
#undef CUPEL_LDMATRIX
#else
    emu::ldmatrix(registers, N, transposed, row, {file, line});
#endif
}

/* Begins a copy of `bytes` (4, 8 or 16) bytes from device to shared memory, both aligned to as many; of these
 * only the first `valid` are read, the rest become zeros. The thread sees them after cp_async_wait, others
 * after a barrier behind that. */
template <int bytes> __device__ __forceinline__ void cp_async(void *to, const void *from, int valid = bytes) {
    static_assert(bytes == 4 || bytes == 8 || bytes == 16, "cp.async copies 4, 8 or 16 bytes");
#ifdef __CUDACC__
    auto address = static_cast<uint32_t>(__cvta_generic_to_shared(to));
    if constexpr (bytes == 16)
        CUPEL_SM80(
            asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(address), "l"(from), "r"(valid)
                         : "memory"));
    else
        CUPEL_SM80(asm volatile("cp.async.ca.shared.global [%0], [%1], %3, %2;" ::"r"(address), "l"(from),
                                "r"(valid), "n"(bytes)
                                : "memory"));
#else
    emu::cp_async(to, from, bytes, valid);
#endif
}

/* Ends a group of the thread's copies. */
__device__ __forceinline__ void cp_async_commit() {
#ifdef __CUDACC__
    CUPEL_SM80(asm volatile("cp.async.commit_group;" ::: "memory"));
#else
    emu::cp_async_commit();
#endif
}

/* Waits until at most `groups` of the thread's latest groups are under way. */
template <int groups> __device__ __forceinline__ void cp_async_wait() {
#ifdef __CUDACC__
    CUPEL_SM80(asm volatile("cp.async.wait_group %0;" ::"n"(groups) : "memory"));
#else
    emu::cp_async_wait(groups);
#endif
}

#endif
