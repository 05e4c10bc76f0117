/* Vectors as wide as the processor's registers, by the compiler's own vector types. */
#ifndef CUPEL_CPU_VECTOR_H
#define CUPEL_CPU_VECTOR_H

#include <stdbool.h>
#include <stdint.h>

#if defined __AVX512F__
enum { LANES = 16, REGISTERS = 32 };
#define VECTOR_LANES 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
#elif defined __AVX__
enum { LANES = 8, REGISTERS = 16 };
#define VECTOR_LANES 0, 1, 2, 3, 4, 5, 6, 7
#else
enum { LANES = 4, REGISTERS = 16 };
#define VECTOR_LANES 0, 1, 2, 3
#endif

typedef float vector __attribute__((vector_size(4 * LANES), may_alias));
typedef int32_t vector_mask __attribute__((vector_size(4 * LANES)));
typedef uint32_t vector_bits __attribute__((vector_size(4 * LANES)));
typedef uint16_t vector_half __attribute__((vector_size(2 * LANES), aligned(2), may_alias));
typedef float vector_anywhere __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

static inline vector vector_load(const float *from) {
    return *(const vector_anywhere *)from;
}

static inline void vector_store(float *to, vector value) {
    *(vector_anywhere *)to = value;
}

/* Of f32 or bf16 (half.h), from element i on. */
static inline __attribute__((always_inline)) vector vector_get(const void *from, int64_t i, const bool half) {
    if (!half) return vector_load((const float *)from + i);
    const vector_half bits = *(const vector_half *)((const uint16_t *)from + i);
    return (vector)(__builtin_convertvector(bits, vector_bits) << 16);
}

/* The same way back: rounded to the nearest, as half_of in half.h does it. */
static inline __attribute__((always_inline)) void vector_put(void *to, int64_t i, vector value,
                                                             const bool half) {
    if (!half) {
        vector_store((float *)to + i, value);
        return;
    }
    const vector_bits bits = (vector_bits)value, nan = (vector_bits)((bits & 0x7fffffff) > 0x7f800000),
                      nearest = bits + 0x7fff + (bits >> 16 & 1);
    *(vector_half *)((uint16_t *)to + i) =
        __builtin_convertvector(((nan & (bits | 0x400000)) | (~nan & nearest)) >> 16, vector_half);
}

/* As bf16 cut rather than rounded: for numbers that are of bf16. */
static inline void vector_cut(uint16_t *to, vector value) {
    *(vector_half *)to = __builtin_convertvector((vector_bits)value >> 16, vector_half);
}

static inline vector vector_all(float value) {
    return value - (vector){0};
}

/* Keeps a value that is used several times in a register: else the compiler loads it anew for each use. */
#if defined __x86_64__
#define VECTOR_KEEP(value) __asm__("" : "+v"(value))
#else
#define VECTOR_KEEP(value) (void)(value)
#endif

/* slope * value where value is not above 0; NaN passes. */
static inline vector vector_leaky(vector value, float slope) {
    const vector_mask low = value <= 0;
    vector_mask kept = ~low & (vector_mask)value;
    if (slope != 0) kept |= low & (vector_mask)(slope * value);
    return (vector)kept;
}

static inline float vector_sum(vector value) {
    float sum[LANES];
    vector_store(sum, value);
    for (int width = LANES / 2; width > 0; width /= 2)
        for (int i = 0; i < width; i++) sum[i] += sum[i + width];
    return sum[0];
}

/* Element i of row j becomes element j of row i. At each step, rows `step` apart exchange the lanes in which
 * they differ. */
static inline __attribute__((always_inline)) void vector_transpose(vector *row) {
    const vector_mask lane = {VECTOR_LANES};
#pragma GCC unroll 4
    for (int step = 1; step < LANES; step *= 2) {
        const vector_mask keep = lane + (((lane & step) != 0) & (LANES - step)), take = keep + step;
#pragma GCC unroll 16
        for (int i = 0; i < LANES; i++) {
            if (i & step) continue;
            const vector a = row[i], b = row[i + step];
            row[i] = __builtin_shuffle(a, b, keep);
            row[i + step] = __builtin_shuffle(a, b, take);
        }
    }
}

#endif
