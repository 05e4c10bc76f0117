/* Intrinsics of the device language that compute: bit casts, integer and floating-point functions, cached
 * loads and stores. <math.h> has the rest.
 *
 * The fast functions (__expf, ...) are as exact as the host's: how far the GPU's are off shows on a GPU
 * alone. */
#ifndef EMU_MATH_H
#define EMU_MATH_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* glibc declares functions of these names, hence macros. */
#define __expf(x) expf(x)
#define __exp10f(x) exp10f(x)
#define __logf(x) logf(x)
#define __log2f(x) log2f(x)
#define __log10f(x) log10f(x)
#define __powf(x, y) powf(x, y)
#define __sinf(x) sinf(x)
#define __cosf(x) cosf(x)
#define __tanf(x) tanf(x)
#define __sincosf(x, s, c) sincosf(x, s, c)
#define __tanhf(x) tanhf(x)

namespace emu {
template <class To, class From> To bit_cast(From from) {
    static_assert(sizeof(To) == sizeof(From), "a bit cast keeps the size");
    To to;
    memcpy(&to, &from, sizeof to);
    return to;
}
} // namespace emu

inline int __float_as_int(float x) {
    return emu::bit_cast<int>(x);
}
inline unsigned __float_as_uint(float x) {
    return emu::bit_cast<unsigned>(x);
}
inline float __int_as_float(int x) {
    return emu::bit_cast<float>(x);
}
inline float __uint_as_float(unsigned x) {
    return emu::bit_cast<float>(x);
}
inline long long __double_as_longlong(double x) {
    return emu::bit_cast<long long>(x);
}
inline double __longlong_as_double(long long x) {
    return emu::bit_cast<double>(x);
}

inline float rsqrtf(float x) {
    return 1.0f / sqrtf(x);
}
inline double rsqrt(double x) {
    return 1.0 / sqrt(x);
}
inline float fdividef(float x, float y) {
    return x / y;
}
inline float __fdividef(float x, float y) {
    return x / y;
}
/* NaN becomes 0, as on the GPU. */
inline float __saturatef(float x) {
    return x > 0.0f ? (x < 1.0f ? x : 1.0f) : 0.0f;
}
inline float __fadd_rn(float x, float y) {
    return x + y;
}
inline float __fsub_rn(float x, float y) {
    return x - y;
}
inline float __fmul_rn(float x, float y) {
    return x * y;
}
inline float __fdiv_rn(float x, float y) {
    return x / y;
}
inline float __fmaf_rn(float x, float y, float z) {
    return fmaf(x, y, z);
}
inline float __frcp_rn(float x) {
    return 1.0f / x;
}
inline float __fsqrt_rn(float x) {
    return sqrtf(x);
}
inline float __frsqrt_rn(float x) {
    return static_cast<float>(1.0 / sqrt(static_cast<double>(x)));
}

/* Conversions clamp to the target's range and turn NaN into 0, as on the GPU. */
namespace emu {
template <class To> To to_whole(float rounded) {
    constexpr double low = static_cast<double>(static_cast<To>(-1) > 0 ? 0 : INT32_MIN);
    constexpr double high = static_cast<double>(static_cast<To>(-1) > 0 ? UINT32_MAX : INT32_MAX);
    double value = static_cast<double>(rounded);
    if (!(value == value)) return 0;
    return static_cast<To>(value < low ? low : value > high ? high : value);
}
} // namespace emu

inline int __float2int_rn(float x) {
    return emu::to_whole<int>(rintf(x));
}
inline int __float2int_rz(float x) {
    return emu::to_whole<int>(truncf(x));
}
inline int __float2int_rd(float x) {
    return emu::to_whole<int>(floorf(x));
}
inline int __float2int_ru(float x) {
    return emu::to_whole<int>(ceilf(x));
}
inline unsigned __float2uint_rn(float x) {
    return emu::to_whole<unsigned>(rintf(x));
}
inline unsigned __float2uint_rz(float x) {
    return emu::to_whole<unsigned>(truncf(x));
}
inline float __int2float_rn(int x) {
    return static_cast<float>(x);
}
inline float __uint2float_rn(unsigned x) {
    return static_cast<float>(x);
}

inline int __popc(unsigned x) {
    return __builtin_popcount(x);
}
inline int __popcll(unsigned long long x) {
    return __builtin_popcountll(x);
}
inline int __clz(int x) {
    return x == 0 ? 32 : __builtin_clz(static_cast<unsigned>(x));
}
inline int __clzll(long long x) {
    return x == 0 ? 64 : __builtin_clzll(static_cast<unsigned long long>(x));
}
inline int __ffs(int x) {
    return __builtin_ffs(x);
}
inline int __ffsll(long long x) {
    return __builtin_ffsll(x);
}
inline unsigned __umulhi(unsigned x, unsigned y) {
    return static_cast<unsigned>(static_cast<uint64_t>(x) * y >> 32);
}
inline int __mulhi(int x, int y) {
    return static_cast<int>(static_cast<int64_t>(x) * y >> 32);
}
inline unsigned long long __umul64hi(unsigned long long x, unsigned long long y) {
    return static_cast<unsigned long long>(static_cast<unsigned __int128>(x) * y >> 64);
}
inline unsigned __brev(unsigned x) {
    unsigned reversed = 0;
    for (int bit = 0; bit < 32; bit++) reversed |= (x >> bit & 1u) << (31 - bit);
    return reversed;
}

/* min and max of the device language; of floats, a NaN loses. */
#define EMU_MIN_MAX(type)             \
    inline type min(type x, type y) { \
        return y < x ? y : x;         \
    }                                 \
    inline type max(type x, type y) { \
        return x < y ? y : x;         \
    }
EMU_MIN_MAX(int)
EMU_MIN_MAX(unsigned)
EMU_MIN_MAX(long)
EMU_MIN_MAX(unsigned long)
EMU_MIN_MAX(long long)
EMU_MIN_MAX(unsigned long long)
#undef EMU_MIN_MAX
inline float min(float x, float y) {
    return fminf(x, y);
}
inline float max(float x, float y) {
    return fmaxf(x, y);
}
inline double min(double x, double y) {
    return fmin(x, y);
}
inline double max(double x, double y) {
    return fmax(x, y);
}

/* Cache hints mean nothing here. */
template <class T> T __ldg(const T *address) {
    return *address;
}
template <class T> T __ldca(const T *address) {
    return *address;
}
template <class T> T __ldcg(const T *address) {
    return *address;
}
template <class T> T __ldcs(const T *address) {
    return *address;
}
template <class T> void __stcg(T *address, T value) {
    *address = value;
}
template <class T> void __stcs(T *address, T value) {
    *address = value;
}
template <class T> void __stwt(T *address, T value) {
    *address = value;
}

/* Caught as an illegal instruction of the thread. */
inline void __trap() {
    __builtin_trap();
}

#endif
