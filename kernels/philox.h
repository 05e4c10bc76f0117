/* Random numbers by counter: Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as
 * 1, 2, 3", 2011).
 *
 * A draw is a pure function of (seed, domain, stream, step, element), so every backend, thread and batch
 * split gets the same bits. The mapping is one to one, so no two draws can share a block:
 *
 *   key         seed (64 bits)
 *   counter[0]  block, low 32 bits                         block = element / 4, below 2^48
 *   counter[1]  block, 16 bits | step, 14 high bits << 16 | domain << 30
 *   counter[2]  step, low 32 bits                          below 2^46
 *   counter[3]  stream
 *
 * Word i of a block belongs to element 4 block + i. Plain C and kernels include this file; the floating-point
 * functions use only fmaf, sqrtf, products whose result is rounded at once, and conversions, all of which
 * IEEE 754 defines, so that host and device agree bit for bit whatever the compiler is allowed to contract.
 */
#ifndef CUPEL_PHILOX_H
#define CUPEL_PHILOX_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#ifdef __CUDACC__
#define PHILOX_FN static inline __host__ __device__
#else
#define PHILOX_FN static inline
#endif

/* Who draws; keeps ops, initial values, shuffles and latents to sample from apart under one seed. */
enum philox_domain { PHILOX_OPS, PHILOX_INIT, PHILOX_SHUFFLE, PHILOX_SAMPLE };

struct philox_block {
    uint32_t word[4];
};

struct philox_floats {
    float value[4];
};

/* A sequence of draws: everything but the element. */
struct philox {
    uint32_t key[2], high, step, stream;
};

/* The bijection itself: ten rounds. */
PHILOX_FN struct philox_block philox4x32(struct philox_block counter, uint32_t key0, uint32_t key1) {
    uint32_t *c = counter.word;
    for (int round = 0; round < 10; round++) {
        uint64_t a = (uint64_t)0xD2511F53u * c[0], b = (uint64_t)0xCD9E8D57u * c[2];
        uint32_t c1 = c[1], c3 = c[3];
        c[0] = (uint32_t)(b >> 32) ^ c1 ^ key0;
        c[1] = (uint32_t)b;
        c[2] = (uint32_t)(a >> 32) ^ c3 ^ key1;
        c[3] = (uint32_t)a;
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
    return counter;
}

PHILOX_FN struct philox philox_start(uint64_t seed, enum philox_domain domain, uint32_t stream,
                                     uint64_t step) {
    struct philox philox;
    philox.key[0] = (uint32_t)seed;
    philox.key[1] = (uint32_t)(seed >> 32);
    philox.high = (uint32_t)(step >> 32) << 16 | (uint32_t)domain << 30;
    philox.step = (uint32_t)step;
    philox.stream = stream;
    return philox;
}

/* The words of elements 4 block to 4 block + 3. */
PHILOX_FN struct philox_block philox_words(const struct philox *philox, uint64_t block) {
    struct philox_block counter;
    counter.word[0] = (uint32_t)block;
    counter.word[1] = philox->high | (uint32_t)(block >> 32);
    counter.word[2] = philox->step;
    counter.word[3] = philox->stream;
    return philox4x32(counter, philox->key[0], philox->key[1]);
}

/* The word of one element. An index that is known only at run time would put the words into memory on a GPU. */
PHILOX_FN uint32_t philox_word(const struct philox *philox, uint64_t element) {
    const struct philox_block four = philox_words(philox, element / 4);
    const uint32_t low = element & 1 ? four.word[1] : four.word[0],
                   high = element & 1 ? four.word[3] : four.word[2];
    return element & 2 ? high : low;
}

/* Uniform in [0, 1) on a grid of 2^24 points. */
PHILOX_FN float philox_unit(uint32_t word) {
    return (float)(word >> 8) * 0x1p-24f;
}

/* Natural logarithm of a positive normal number: x = 2^k m with m from sqrt(1/2) to sqrt(2), f = m - 1 and
 * log(1 + f) = f - f^2 / 2 + f^3 p(f), p fitted for the least relative error. */
PHILOX_FN float philox_log(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    int32_t k = (int32_t)(bits - 0x3F3504F3u) >> 23; /* the bits of sqrt(1/2) */
    bits -= (uint32_t)k << 23;
    float m;
    memcpy(&m, &bits, sizeof m);
    float f = m - 1.0f, square = f * f;
    float p = -0.07634497f;
    p = fmaf(p, f, 0.12761576f);
    p = fmaf(p, f, -0.13160183f);
    p = fmaf(p, f, 0.14201757f);
    p = fmaf(p, f, -0.16623357f);
    p = fmaf(p, f, 0.20001227f);
    p = fmaf(p, f, -0.2500082f);
    p = fmaf(p, f, 0.3333333f);
    p = fmaf(p, f, -0.5f);
    float tail = fmaf(p, square, (float)k * -0x1.05c610p-29f); /* log 2 = 0x1.62e430p-1 + this */
    return fmaf((float)k, 0x1.62e430p-1f, f + tail);
}

/* Cosine and sine of 2 pi word / 2^32. The quarter turn is split off in whole numbers, exactly; the rest t
 * lies in [-pi/4, pi/4), where sin t = t + t^3 p(t^2) and cos t = 1 - t^2 / 2 + t^4 q(t^2). */
PHILOX_FN void philox_turn(uint32_t word, float *cosine, float *sine) {
    uint32_t quarter = (word + 0x20000000u) >> 30;
    float t = (float)(int32_t)(word - (quarter << 30)) * 0x1.921fb6p-30f;
    float square = t * t;
    float p = fmaf(fmaf(-0.00019515284f, square, 0.00833216f), square, -0.16666655f);
    float q = fmaf(fmaf(2.4438452e-05f, square, -0.0013887368f), square, 0.041666646f);
    float s = fmaf(t * square, p, t);
    float c = fmaf(square, fmaf(q, square, -0.5f), 1.0f);
    *cosine = quarter & 1 ? s : c;
    *sine = quarter & 1 ? c : s;
    if (quarter == 1 || quarter == 2) *cosine = -*cosine;
    if (quarter == 2 || quarter == 3) *sine = -*sine;
}

/* The standard normals of a block: Box-Muller on words (0, 1) and (2, 3). The radius takes all 32 bits, so
 * that they reach 6.7. */
PHILOX_FN struct philox_floats philox_normals(struct philox_block block) {
    struct philox_floats normals;
    for (int i = 0; i < 4; i += 2) {
        float unit = fmaf((float)block.word[i], 0x1p-32f, 0x1p-33f); /* in (0, 1] */
        float radius = sqrtf(-2.0f * philox_log(unit)), cosine, sine;
        philox_turn(block.word[i + 1], &cosine, &sine);
        normals.value[i] = radius * cosine;
        normals.value[i + 1] = radius * sine;
    }
    return normals;
}

/* exp(x) for x <= 0; 0 below -87. x = k log 2 + r with |r| <= log(2) / 2, and r's exponential by its series. */
PHILOX_FN float philox_exp(float x) {
    if (x < -87.0f) return 0;
    const float k = rintf(x * 0x1.715476p+0f);
    const float r = fmaf(k, 0x1.05c610p-29f, fmaf(k, -0x1.62e430p-1f, x));
    float p = 1.0f / 5040;
    p = fmaf(p, r, 1.0f / 720);
    p = fmaf(p, r, 1.0f / 120);
    p = fmaf(p, r, 1.0f / 24);
    p = fmaf(p, r, 1.0f / 6);
    p = fmaf(p, r, 0.5f);
    p = fmaf(p, r, 1.0f);
    p = fmaf(p, r, 1.0f);
    const uint32_t bits = (uint32_t)((int32_t)k + 127) << 23;
    float power;
    memcpy(&power, &bits, sizeof power);
    return p * power;
}

/* A Beta(alpha, alpha) of words 0 and 1. With u uniform in (0, 1], v in [0, 1) and w = u^(1 / alpha),
 * t = sqrt(2 alpha (1 / w - 1)) cos(2 pi v) is Student's with 2 alpha degrees of freedom (Bailey: "Polar generation of random
 * variates with the t-distribution", 1994), and 1/2 + t / (2 sqrt(2 alpha + t^2)) is the beta. */
PHILOX_FN float philox_beta(struct philox_block block, float alpha) {
    const float unit = fmaf((float)block.word[0], 0x1p-32f, 0x1p-33f);
    const float w = philox_exp(philox_log(unit) / alpha), rest = 1.0f - w;
    float cosine, sine;
    philox_turn(block.word[1], &cosine, &sine);
    if (w == 0) return cosine < 0 ? 0.0f : 1.0f;
    const float far = sqrtf(rest / fmaf(cosine * cosine, rest, w)), beta = fmaf(0.5f * cosine, far, 0.5f);
    return beta < 0 ? 0.0f : beta > 1 ? 1.0f : beta;
}

#endif
