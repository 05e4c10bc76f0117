/* IEEE half precision for the host compiler: storage, and conversions whose bits are the toolkit's. As with
 * bfloat16 (cuda_bf16.h) there is no arithmetic. */
#ifndef EMU_CUDA_FP16_H
#define EMU_CUDA_FP16_H

#include "cuda_runtime.h"

struct __half;
inline __half __float2half_rn(float x);
inline float __half2float(__half x);

struct __align__(2) __half {
    unsigned short bits;

    __half() = default;
    __half(float x) : bits(__float2half_rn(x).bits) {
    }
    operator float() const {
        return __half2float(*this);
    }
};

struct __align__(4) __half2 {
    __half x, y;
};

typedef __half half;
typedef __half2 half2;

__half operator+(__half, __half) = delete;
__half operator-(__half, __half) = delete;
__half operator*(__half, __half) = delete;
__half operator/(__half, __half) = delete;

inline __half __ushort_as_half(unsigned short bits) {
    __half x;
    x.bits = bits;
    return x;
}
inline unsigned short __half_as_ushort(__half x) {
    return x.bits;
}

/* Every NaN becomes 0x7fffffff. */
inline float __half2float(__half x) {
    unsigned sign = static_cast<unsigned>(x.bits & 0x8000u) << 16, exponent = x.bits >> 10 & 31u;
    unsigned fraction = x.bits & 0x3ffu;
    if (exponent == 31) return __uint_as_float(fraction ? 0x7fffffffu : sign | 0x7f800000u);
    if (exponent > 0) return __uint_as_float(sign | (exponent + 112) << 23 | fraction << 13);
    float small = static_cast<float>(fraction) * 0x1p-24f; /* exact */
    return __uint_as_float(sign | __float_as_uint(small));
}

/* To nearest, ties to even; every NaN becomes 0x7fff. */
inline __half __float2half_rn(float x) {
    unsigned bits = __float_as_uint(x), sign = bits >> 16 & 0x8000u, size = bits & 0x7fffffffu, result;
    if (size > 0x7f800000u) return __ushort_as_half(0x7fff);
    if (size >= 0x477ff000u) { /* rounds to infinity */
        result = 0x7c00;
    } else if (size >=
               0x38800000u) { /* a normal half: drop 13 bits of fraction, change the exponent's bias */
        result = (size - 0x38000000u + 0xfffu + (size >> 13 & 1u)) >> 13;
    } else { /* a multiple of 2^-24: this sum has just that as its last place, so that adding rounds to it */
        result = __float_as_uint(__uint_as_float(size) + 0.5f) - 0x3f000000u;
    }
    return __ushort_as_half(static_cast<unsigned short>(sign | result));
}
inline __half __float2half(float x) {
    return __float2half_rn(x);
}

inline __half2 __halves2half2(__half low, __half high) {
    return {low, high};
}
inline __half2 __floats2half2_rn(float low, float high) {
    return {__float2half_rn(low), __float2half_rn(high)};
}
inline __half2 __float22half2_rn(float2 x) {
    return __floats2half2_rn(x.x, x.y);
}
inline float2 __half22float2(__half2 x) {
    return make_float2(__half2float(x.x), __half2float(x.y));
}
inline __half __low2half(__half2 x) {
    return x.x;
}
inline __half __high2half(__half2 x) {
    return x.y;
}
inline float __low2float(__half2 x) {
    return __half2float(x.x);
}
inline float __high2float(__half2 x) {
    return __half2float(x.y);
}

#endif
