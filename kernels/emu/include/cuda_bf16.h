/* bfloat16 for the host compiler: storage, and conversions whose bits are the toolkit's.
 *
 * There is no arithmetic: kernels convert to float first. On a GPU, arithmetic of two bfloat16 rounds to
 * bfloat16; not to have it here keeps that from happening unnoticed. */
#ifndef EMU_CUDA_BF16_H
#define EMU_CUDA_BF16_H

#include "cuda_runtime.h"

struct __nv_bfloat16;
inline __nv_bfloat16 __float2bfloat16_rn(float x);
inline float __bfloat162float(__nv_bfloat16 x);

struct __align__(2) __nv_bfloat16 {
    unsigned short bits;

    __nv_bfloat16() = default;
    __nv_bfloat16(float x) : bits(__float2bfloat16_rn(x).bits) {
    }
    operator float() const {
        return __bfloat162float(*this);
    }
};

struct __align__(4) __nv_bfloat162 {
    __nv_bfloat16 x, y;
};

typedef __nv_bfloat16 nv_bfloat16;
typedef __nv_bfloat162 nv_bfloat162;

__nv_bfloat16 operator+(__nv_bfloat16, __nv_bfloat16) = delete;
__nv_bfloat16 operator-(__nv_bfloat16, __nv_bfloat16) = delete;
__nv_bfloat16 operator*(__nv_bfloat16, __nv_bfloat16) = delete;
__nv_bfloat16 operator/(__nv_bfloat16, __nv_bfloat16) = delete;

inline __nv_bfloat16 __ushort_as_bfloat16(unsigned short bits) {
    __nv_bfloat16 x;
    x.bits = bits;
    return x;
}
inline unsigned short __bfloat16_as_ushort(__nv_bfloat16 x) {
    return x.bits;
}

/* A bfloat16 is the upper half of a float. */
inline float __bfloat162float(__nv_bfloat16 x) {
    return __uint_as_float(static_cast<unsigned>(x.bits) << 16);
}

/* To nearest, ties to even; every NaN becomes 0x7fff. */
inline __nv_bfloat16 __float2bfloat16_rn(float x) {
    unsigned bits = __float_as_uint(x);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return __ushort_as_bfloat16(0x7fff);
    bits += 0x7fffu + (bits >> 16 & 1u);
    return __ushort_as_bfloat16(static_cast<unsigned short>(bits >> 16));
}
inline __nv_bfloat16 __float2bfloat16(float x) {
    return __float2bfloat16_rn(x);
}
/* Towards zero. */
inline __nv_bfloat16 __float2bfloat16_rz(float x) {
    unsigned bits = __float_as_uint(x);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return __ushort_as_bfloat16(0x7fff);
    return __ushort_as_bfloat16(static_cast<unsigned short>(bits >> 16));
}

inline __nv_bfloat162 __halves2bfloat162(__nv_bfloat16 low, __nv_bfloat16 high) {
    return {low, high};
}
inline __nv_bfloat162 __floats2bfloat162_rn(float low, float high) {
    return {__float2bfloat16_rn(low), __float2bfloat16_rn(high)};
}
inline __nv_bfloat162 __float22bfloat162_rn(float2 x) {
    return __floats2bfloat162_rn(x.x, x.y);
}
inline float2 __bfloat1622float2(__nv_bfloat162 x) {
    return make_float2(__bfloat162float(x.x), __bfloat162float(x.y));
}
inline __nv_bfloat16 __low2bfloat16(__nv_bfloat162 x) {
    return x.x;
}
inline __nv_bfloat16 __high2bfloat16(__nv_bfloat162 x) {
    return x.y;
}
inline float __low2float(__nv_bfloat162 x) {
    return __bfloat162float(x.x);
}
inline float __high2float(__nv_bfloat162 x) {
    return __bfloat162float(x.y);
}

#endif
