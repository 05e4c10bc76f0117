/* exp, log and what is made of them in single precision, without branches or calls, so that loops become
 * vector code. Relative errors are a few times 1e-7. The polynomials are the Taylor series of exp(x) - 1 and
 * of atanh. */
#ifndef CUPEL_CPU_FORMULA_H
#define CUPEL_CPU_FORMULA_H

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

static inline float float_of(int32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline int32_t bits_of(float value) {
    int32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* ln(2) in two parts; the product of the first with a whole number up to 2^15 is exact. */
#define LN2_HIGH 0x1.63p-1f
#define LN2_LOW -0x1.bd0106p-13f

/* Splits x into n ln(2) + rest with |rest| <= ln(2) / 2; |x| must be below 2^20. */
static inline float split_power(float x, int32_t *n) {
    const float magic =
        0x1.8p23f; /* the sum has no room for a fraction, so it is rounded to a whole number */
    const float rounded = x * 0x1.715476p+0f + magic, whole = rounded - magic;
    *n = bits_of(rounded) - bits_of(magic);
    return x - whole * LN2_HIGH - whole * LN2_LOW;
}

/* 2^n for n from -126 to 127 */
static inline float power_of_2(int32_t n) {
    return float_of((int32_t)((uint32_t)(n + 127) << 23));
}

/* exp(x) - 1 for |x| <= ln(2) / 2 */
static inline float expm1_near_0(float x) {
    float sum = 1.0f / 5040;
    sum = sum * x + 1.0f / 720;
    sum = sum * x + 1.0f / 120;
    sum = sum * x + 1.0f / 24;
    sum = sum * x + 1.0f / 6;
    sum = sum * x + 1.0f / 2;
    return sum * x * x + x;
}

/* 2 atanh(s) / s as a series of s^2 up to s^(2 terms) */
static inline float atanh_series(float s, int terms) {
    const float square = s * s;
    float sum = 0;
    for (int n = terms; n >= 0; n--) sum = sum * square + 2.0f / (float)(2 * n + 1);
    return sum;
}

static inline float exp_fast(float x) {
    float bounded = x < -104 ? -104 : x; /* there the result is 0, at 89 infinite; NaN passes */
    bounded = bounded > 89 ? 89 : bounded;
    int32_t n;
    const float rest = split_power(bounded, &n);
    const int32_t half = n >> 1;
    return (1 + expm1_near_0(rest)) * power_of_2(half) * power_of_2(n - half);
}

static inline float log_fast(float x) {
    const float lifted = x < FLT_MIN ? x * 0x1p24f : x;
    const int32_t root_half = 0x3f3504f3, bits = bits_of(lifted);
    /* Of numbers below zero it may wrap round: they have no logarithm anyway. */
    const int32_t exponent = (int32_t)((uint32_t)bits - (uint32_t)root_half) >> 23;
    const float mantissa =
        float_of((int32_t)((uint32_t)bits - ((uint32_t)exponent << 23))); /* sqrt(1/2) to sqrt(2) */
    const float n = (float)(x < FLT_MIN ? exponent - 24 : exponent), s = (mantissa - 1) / (mantissa + 1);
    const float result = n * LN2_HIGH + (s * atanh_series(s, 4) + n * LN2_LOW);
    const float special = x == 0 ? -INFINITY : x < 0 ? NAN : x;
    return x > 0 && x <= FLT_MAX ? result : special;
}

static inline float sigmoid_fast(float x) {
    return 1 / (1 + exp_fast(-x));
}

static inline float expm1_fast(float x) {
    float bounded = x < -87 ? -87 : x; /* there the result is -1 */
    bounded = bounded > 88 ? 88 : bounded;
    int32_t n;
    const float rest = split_power(bounded, &n), power = power_of_2(n);
    const float result = power * expm1_near_0(rest) + (power - 1);
    return x > 88 ? exp_fast(x) : result;
}

/* expm1(2x) / (expm1(2x) + 2) */
static inline float tanh_fast(float x) {
    const float bounded = x > 10 ? 10 : x; /* there the result is 1 */
    const float expm1 = expm1_fast(2 * bounded);
    return expm1 / (expm1 + 2);
}

/* log(1 + exp(x)) */
static inline float softplus_fast(float x) {
    const float power = exp_fast(x > 0 ? -x : x), s = power / (power + 2);
    return (x > 0 ? x : 0) + (x != x ? x : s * atanh_series(s, 7));
}

#endif
