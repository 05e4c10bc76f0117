/* Numbers as kernels read and write them: f32, or bf16, which is the upper half of an f32's bits. Where `half` is known when
 * the code is compiled, one source makes a kernel for either. */
#ifndef CUPEL_CPU_FAST_HALF_H
#define CUPEL_CPU_FAST_HALF_H

#include "cpu/fast/formula.h"
#include "plan/backend.h"

#define INLINE static inline __attribute__((always_inline))

static inline bool is_half(const struct view *view) {
    return view->dtype == CUPEL_BF16;
}

/* The nearest bf16, of two as near the even one; NaN stays NaN. */
static inline uint16_t half_of(float value) {
    const uint32_t bits = (uint32_t)bits_of(value), quiet = 0x40, odd = bits >> 16 & 1;
    const uint32_t nearest = (bits + 0x7fff + odd) >> 16, nan = bits >> 16 | quiet;
    return (uint16_t)(value != value ? nan : nearest);
}

/* Element i. */
INLINE float get(const void *from, int64_t i, const bool half) {
    return half ? float_of((int32_t)((uint32_t)((const uint16_t *)from)[i] << 16)) : ((const float *)from)[i];
}

INLINE void put(void *to, int64_t i, float value, const bool half) {
    if (half)
        ((uint16_t *)to)[i] = half_of(value);
    else
        ((float *)to)[i] = value;
}

/* The address of element i. */
static inline void *address_of(const void *data, int64_t i, bool half) {
    return (char *)data + i * (half ? 2 : 4);
}

#endif
