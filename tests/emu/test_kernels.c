/* Correct kernels give what arithmetic on the host gives, in every order, and no check complains. Built with
 * nvcc (EMU_TEST_GPU) the same holds on a GPU, which shows that the emulator's tensor cores are laid out like
 * the real ones. */
#include <criterion/criterion.h>

#include <cuda_runtime_api.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels.h"

#ifdef EMU_TEST_GPU
#define FOR_EACH_ORDER
#else
#include "emu.h"

#define ORDERS 6
#define FOR_EACH_ORDER for (unsigned order = 0; order < ORDERS; set_order(++order))

static void set_order(unsigned i) {
    cudaDeviceReset();
    emu_set_order(i < EMU_RANDOM ? (enum emu_order)i : EMU_RANDOM, i);
}
#endif

static void reset(void) {
    cudaDeviceReset();
}
TestSuite(kernels, .fini = reset);

static void ok(int status) {
    cr_assert_eq(status, 0, "%s: %s", cudaGetErrorName((cudaError_t)status),
                 cudaGetErrorString((cudaError_t)status));
}

static void *device(size_t size) {
    void *memory;
    ok(cudaMalloc(&memory, size));
    return memory;
}

static void *upload(const void *host, size_t size) {
    void *memory = device(size);
    ok(cudaMemcpy(memory, host, size, cudaMemcpyHostToDevice));
    return memory;
}

static void download(void *host, const void *memory, size_t size) {
    ok(cudaMemcpy(host, memory, size, cudaMemcpyDeviceToHost));
}

/* Small multiples of 1/8: products and sums of a few hundred are exact in float, the values in bfloat16 too.
 */
static float *numbers(size_t count, unsigned seed) {
    float *x = malloc(count * sizeof *x);
    for (size_t i = 0; i < count; i++) {
        seed = seed * 1664525u + 1013904223u;
        x[i] = (float)((int)(seed >> 24) - 128) / 8.0f;
    }
    return x;
}

Test(kernels, axpy) {
    FOR_EACH_ORDER {
        const int sizes[] = {1, 31, 33, 1023, 1024, 1025, 4099};
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            int n = sizes[s];
            size_t size = (size_t)n * sizeof(float);
            float *x = numbers((size_t)n, 1), *y = numbers((size_t)n, 2), *got = malloc(size);
            float *dx = upload(x, size), *dy = upload(y, size);
            ok(launch_axpy(dy, dx, 3.0f, n, NULL));
            download(got, dy, size);
            for (int i = 0; i < n; i++) cr_assert_eq(got[i], 3.0f * x[i] + y[i]);
            free(x), free(y), free(got);
        }
    }
}

/* On both sides of what is divided by a multiplication. */
Test(kernels, quotient) {
    const int64_t around = INT64_C(1) << 31,
                  numbers[] = {0,
                               1,
                               2,
                               6,
                               31,
                               32,
                               33,
                               999999937,
                               around - 2,
                               around - 1,
                               around,
                               around + 1,
                               2 * around - 1,
                               2 * around,
                               3 * around + 5,
                               INT64_C(1000000007) * 999,
                               (around << 10) + 7,
                               INT64_MAX - 1,
                               INT64_MAX},
                  divisors[] = {1,
                                2,
                                3,
                                5,
                                7,
                                31,
                                32,
                                33,
                                640,
                                65537,
                                around / 2 - 1,
                                around / 2,
                                around / 2 + 1,
                                around - 1,
                                around,
                                around + 1,
                                2 * around + 3,
                                INT64_MAX};
    enum { N = sizeof numbers / sizeof *numbers };
    int64_t *in = upload(numbers, sizeof numbers), *out = device(sizeof numbers), got[N];
    for (size_t d = 0; d < sizeof divisors / sizeof *divisors; d++) {
        ok(launch_quotients(out, in, N, divisors[d], NULL));
        download(got, out, sizeof got);
        for (int i = 0; i < N; i++)
            cr_expect_eq(got[i], numbers[i] / divisors[d], "%lld / %lld is not %lld", (long long)numbers[i],
                         (long long)divisors[d], (long long)got[i]);
    }
}

Test(kernels, block_sum) {
    FOR_EACH_ORDER {
        for (int threads = 32; threads <= 1024; threads *= 2) {
            int n = 5 * threads / 2 + 1, blocks = 3;
            float *x = numbers((size_t)n, 3), got[3];
            float *dx = upload(x, (size_t)n * sizeof *x), *sums = device(sizeof got);
            ok(launch_block_sum(sums, dx, n, threads, NULL));
            download(got, sums, sizeof got);
            for (int b = 0; b < blocks; b++) {
                float sum = 0.0f;
                for (int i = b * threads; i < (b + 1) * threads && i < n; i++) sum += x[i];
                cr_assert_eq(got[b], sum, "%d threads, block %d: %g, not %g", threads, b, got[b], sum);
            }
            free(x);
        }
    }
}

static void check_last_block(int (*launch)(float *, float *, unsigned *, const float *, int, void *)) {
    FOR_EACH_ORDER {
        int n = 2000;
        float *x = numbers((size_t)n, 4), sum = 0.0f, got;
        for (int i = 0; i < n; i++) sum += x[i];
        float *dx = upload(x, (size_t)n * sizeof *x), *total = device(sizeof got),
              *partial = device(2048 * sizeof *x);
        unsigned zero = 0, *counter = upload(&zero, sizeof zero);
        for (int round = 0; round < 2; round++) {
            ok(launch(total, partial, counter, dx, n, NULL));
            download(&got, total, sizeof got);
            cr_assert_eq(got, sum, "%g, not %g", got, sum);
        }
        free(x);
    }
}

Test(kernels, last_block) {
    check_last_block(launch_last_block_sum);
}

Test(kernels, last_block_of_threads) {
    check_last_block(launch_last_block_sum_threads);
}

static float product(const float *a, const float *b, int row, int column, int n, int k) {
    double sum = 0.0;
    for (int p = 0; p < k; p++) sum += (double)a[row * k + p] * b[p * n + column];
    return (float)sum;
}

static void check_product(const float *c, const float *a, const float *b, int m, int n, int k) {
    float *got = malloc((size_t)(m * n) * sizeof *got);
    download(got, c, (size_t)(m * n) * sizeof *got);
    for (int i = 0; i < m * n; i++) {
        float want = product(a, b, i / n, i % n, n, k);
        cr_assert_eq(got[i], want, "%dx%dx%d, %d: %g, not %g", m, n, k, i, got[i], want);
    }
    free(got);
}

Test(kernels, matmul) {
    FOR_EACH_ORDER {
        const int sizes[][3] = {{1, 1, 1}, {64, 64, 16}, {65, 33, 17}, {130, 70, 47}};
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            int m = sizes[s][0], n = sizes[s][1], k = sizes[s][2];
            float *a = numbers((size_t)(m * k), 5), *b = numbers((size_t)(k * n), 6);
            float *c = device((size_t)(m * n) * sizeof *c);
            ok(launch_matmul(c, upload(a, (size_t)(m * k) * sizeof *a),
                             upload(b, (size_t)(k * n) * sizeof *b), m, n, k, NULL));
            check_product(c, a, b, m, n, k);
            free(a), free(b);
        }
    }
}

static uint16_t *upload_bf16(const float *x, int count) {
    uint16_t *bits = malloc((size_t)count * sizeof *bits);
    for (int i = 0; i < count; i++) {
        uint32_t word;
        memcpy(&word, &x[i], sizeof word);
        bits[i] = (uint16_t)(word >> 16); /* exact */
    }
    uint16_t *memory = upload(bits, (size_t)count * sizeof *bits);
    free(bits);
    return memory;
}

Test(kernels, matmul_bf16) {
    FOR_EACH_ORDER {
        const int sizes[][3] = {{1, 8, 8}, {64, 64, 32}, {65, 72, 40}, {100, 136, 200}};
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            int m = sizes[s][0], n = sizes[s][1], k = sizes[s][2];
            float *a = numbers((size_t)(m * k), 7), *b = numbers((size_t)(k * n), 8);
            float *c = device((size_t)(m * n) * sizeof *c);
            ok(launch_matmul_bf16(c, upload_bf16(a, m * k), upload_bf16(b, k * n), m, n, k, NULL));
            check_product(c, a, b, m, n, k);
            free(a), free(b);
        }
    }
}

Test(kernels, mma) {
    FOR_EACH_ORDER {
        for (int type = MMA_BF16; type <= MMA_TF32; type++) {
            int k = type == MMA_TF32 ? 8 : 16;
            float *a = numbers((size_t)(16 * k), 9), *b = numbers((size_t)(k * 8), 10);
            float *d = device(16 * 8 * sizeof *d);
            ok(launch_mma(d, upload(a, (size_t)(16 * k) * sizeof *a), upload(b, (size_t)(k * 8) * sizeof *b),
                          (enum mma_type)type, NULL));
            check_product(d, a, b, 16, 8, k);
            free(a), free(b);
        }
    }
}

/* TF32 keeps ten bits of fraction: to nearest, ties away from zero. Row r of D is value r. */
Test(kernels, tf32_rounding) {
    const float values[][2] = {{0x1.002p0f, 0x1.004p0f}, {-0x1.002p0f, -0x1.004p0f},
                               {0x1.001ffep0f, 0x1p0f},  {0x1.00200p-120f, 0x1.004p-120f},
                               {0x1.fffffep3f, 0x1p4f},  {0x1.0039p0f, 0x1.004p0f},
                               {INFINITY, INFINITY},     {0.0f, 0.0f}};
    enum { ROWS = sizeof values / sizeof *values };
    float a[128] = {0}, b[64] = {0}, got[128];
    for (int row = 0; row < ROWS; row++) a[8 * row] = values[row][0];
    for (int column = 0; column < 8; column++) b[column] = 1.0f;
    float *d = device(sizeof got);
    ok(launch_mma(d, upload(a, sizeof a), upload(b, sizeof b), MMA_TF32, NULL));
    download(got, d, sizeof got);
    for (int row = 0; row < ROWS; row++)
        cr_assert_eq(got[8 * row], values[row][1], "%a: %a", a[8 * row], got[8 * row]);
}

/* The value of 16 bits: sign, exponent, fraction; NaN as the toolkit's own. */
static uint32_t widened(unsigned bits, int exponent_bits, uint32_t nan) {
    int fraction_bits = 15 - exponent_bits, bias = (1 << (exponent_bits - 1)) - 1;
    unsigned exponent = bits >> fraction_bits & ((1u << exponent_bits) - 1),
             fraction = bits & ((1u << fraction_bits) - 1);
    if (exponent == (1u << exponent_bits) - 1 && fraction) return nan;
    float value;
    if (exponent == (1u << exponent_bits) - 1)
        value = INFINITY;
    else if (exponent == 0)
        value = (float)ldexp(fraction, 1 - bias - fraction_bits);
    else
        value = (float)ldexp(fraction + (1u << fraction_bits), (int)exponent - bias - fraction_bits);
    if (bits >> 15) value = -value;
    uint32_t word;
    memcpy(&word, &value, sizeof word);
    return word;
}

static void check_all(int (*launch)(float *, uint16_t *, void *), int exponent_bits) {
    enum { COUNT = 65536 };
    static uint32_t wide[COUNT];
    static uint16_t back[COUNT];
    float *device_wide = device(sizeof wide);
    uint16_t *device_back = device(sizeof back);
    ok(launch(device_wide, device_back, NULL));
    download(wide, device_wide, sizeof wide);
    download(back, device_back, sizeof back);
    for (unsigned i = 0; i < COUNT; i++) {
        /* A bfloat16 NaN keeps its bits when widened, a half's becomes 0x7fffffff. */
        uint32_t want = widened(i, exponent_bits, exponent_bits == 8 ? i << 16 : 0x7fffffffu);
        cr_assert_eq(wide[i], want, "%04x widens to %08x, not %08x", i, wide[i], want);
        bool nan = (want & 0x7fffffffu) > 0x7f800000u;
        cr_assert_eq(back[i], nan ? 0x7fff : i, "%04x comes back as %04x", i, back[i]);
    }
}

Test(kernels, bf16_conversions) {
    FOR_EACH_ORDER check_all(launch_bf16_all, 8);
}

Test(kernels, f16_conversions) {
    FOR_EACH_ORDER check_all(launch_f16_all, 5);
}

static float widened_float(unsigned bits, int exponent_bits) {
    uint32_t word = widened(bits, exponent_bits, 0);
    float value;
    memcpy(&value, &word, sizeof value);
    return value;
}

/* The value after `bits`, which behind the largest is where the next would be, were it not infinity. */
static double next_value(unsigned bits, int exponent_bits) {
    double value = widened_float(bits, exponent_bits);
    if (!isinf(widened_float(bits + 1, exponent_bits))) return widened_float(bits + 1, exponent_bits);
    return 2.0 * value - (double)widened_float(bits - 1, exponent_bits);
}

/* Of floats at and between neighbouring 16-bit values: on the lower, in the middle, and next to the middle.
 */
static void check_rounding(int exponent_bits, unsigned largest) {
    int count = 4 * (int)(largest + 1);
    size_t size = (size_t)count * sizeof(uint16_t);
    float *x = malloc((size_t)count * sizeof *x);
    uint16_t *got = malloc(size), *bf16 = device(size), *f16 = device(size);
    for (unsigned i = 0; i <= largest; i++) {
        double low = widened_float(i, exponent_bits), high = next_value(i, exponent_bits);
        x[4 * i] = (float)low;
        x[4 * i + 1] = (float)((low + high) / 2);
        x[4 * i + 2] = nextafterf(x[4 * i + 1], INFINITY);
        x[4 * i + 3] = nextafterf(x[4 * i + 1], 0.0f);
    }
    ok(launch_round(bf16, f16, upload(x, (size_t)count * sizeof *x), count, NULL));
    download(got, exponent_bits == 8 ? bf16 : f16, size);
    for (unsigned i = 0; i <= largest; i++) {
        const unsigned want[] = {i, i + i % 2, i + 1, i}; /* a tie goes to the even */
        for (unsigned j = 0; j < 4; j++)
            cr_assert_eq(got[4 * i + j], want[j], "%a rounds to %04x, not %04x", x[4 * i + j], got[4 * i + j],
                         want[j]);
    }
    free(x), free(got);
}

Test(kernels, rounding) {
    check_rounding(8, 0x7f7f);
    check_rounding(5, 0x7bff);
}

/* What one thread of the 48 should see; see the kernel for the order. */
static void warp_expectation(unsigned thread, unsigned *want) {
    unsigned warp = thread / 32, lane = thread % 32, lanes = warp ? 16 : 32, first = warp * 32;
    unsigned sum = 0, parity = 0, odd_bits = 0, odd_largest = 0;
    for (unsigned i = first; i < first + lanes; i++) {
        sum += i * i;
        parity ^= i * i;
        if (i % 2) odd_bits |= 1u << (i % 32), odd_largest = i * i;
    }
    unsigned up = lane % 16 >= 3 ? thread - 3 : thread, down = lane % 8 <= 5 ? thread + 2 : thread;
    unsigned all[WARP_RESULTS] = {(first + 5) * (first + 5),
                                  up * up,
                                  down * down,
                                  (thread ^ 9) * (thread ^ 9),
                                  odd_bits,
                                  warp == 0,
                                  warp == 0,
                                  sum,
                                  first - 40u,
                                  parity,
                                  4 * (first + 1) * (first + 1) + 1,
                                  thread % 2 ? odd_largest : lanes};
    memcpy(want, all, sizeof all);
}

Test(kernels, warp_operations) {
    FOR_EACH_ORDER {
        unsigned got[48 * WARP_RESULTS], want[WARP_RESULTS];
        unsigned *out = device(sizeof got);
        ok(launch_warp_operations(out, NULL));
        download(got, out, sizeof got);
        for (unsigned thread = 0; thread < 48; thread++) {
            warp_expectation(thread, want);
            for (unsigned i = 0; i < WARP_RESULTS; i++)
                cr_assert_eq(got[thread * WARP_RESULTS + i], want[i], "thread %u, result %u: %u, not %u",
                             thread, i, got[thread * WARP_RESULTS + i], want[i]);
        }
    }
}

Test(kernels, barriers) {
    FOR_EACH_ORDER {
        for (int threads = 1; threads <= 1024; threads = 3 * threads + 1) {
            int got[6 * 1024], *out = device(sizeof got);
            ok(launch_barriers(out, threads, NULL));
            download(got, out, (size_t)(6 * threads) * sizeof *got);
            for (int i = 0; i < 2 * threads; i++) {
                cr_assert_eq(got[3 * i], (threads + 2) / 3);
                cr_assert_eq(got[3 * i + 1], threads == 1);
                cr_assert_eq(got[3 * i + 2], 1);
            }
        }
    }
}

Test(kernels, atomics) {
    FOR_EACH_ORDER {
        enum { COUNT = 200 };
        int bin[COUNT];
        struct atomic_results results = {.low = 100, .high = -100}, want = results;
        for (int i = 0; i < COUNT; i++) {
            bin[i] = i * i % 7 + 1;
            want.counts[bin[i]]++;
            want.low = bin[i] < want.low ? bin[i] : want.low;
            want.high = bin[i] > want.high ? bin[i] : want.high;
            want.sum += (float)bin[i];
            want.double_sum += 0.5 * bin[i];
            want.bits |= 1ull << (32 + bin[i]);
        }
        want.wrapped = COUNT % 10;
        struct atomic_results *device_results = upload(&results, sizeof results);
        ok(launch_atomics(device_results, upload(bin, sizeof bin), COUNT, NULL));
        download(&results, device_results, sizeof results);
        cr_assert_arr_eq(&results, &want, sizeof want);
    }
}

Test(kernels, dynamic_shared_memory) {
    FOR_EACH_ORDER {
        enum { THREADS = 100, BLOCKS = 3, COUNT = THREADS * BLOCKS };
        float *x = numbers(COUNT, 11), got[COUNT];
        float *dx = upload(x, sizeof got);
        ok(launch_reverse(dx, THREADS, BLOCKS, THREADS, NULL));
        download(got, dx, sizeof got);
        for (int i = 0; i < COUNT; i++)
            cr_assert_eq(got[i], x[i / THREADS * THREADS + THREADS - 1 - i % THREADS]);
        /* Up to 64 KiB have been allowed. */
        ok(launch_reverse(dx, THREADS, BLOCKS, 16 * 1024, NULL));
        ok(cudaDeviceSynchronize());
        cr_assert_eq(launch_reverse(dx, THREADS, BLOCKS, 16 * 1024 + 1, NULL), cudaErrorInvalidValue);
        free(x);
    }
}
