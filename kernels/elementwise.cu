/* Ops that work element by element on tensors of one layout, read once and written once.
 *
 *   elementwise  y = formula(a, b, p, q), the formulas being those of elementwise.def
 *   bias_add     y = x + bias[channel]
 *
 * Each thread takes one vector of 16 bytes of each tensor (4 floats or 8 16-bit numbers), the last thread what is left
 * over, one by one; blocks go over the tensors in order. Numbers are computed with as float. A thread reads all of its
 * elements before it writes them, so that y may be the memory of an input. No two threads touch one element:
 * results are the same in every run. Integer states are updated one element to a thread. */
#include "elementwise.cuh"

constexpr int threads = 256;

/* How many blocks of `threads` threads take `each` elements a thread. A grid may have 2^31 - 1. */
static unsigned blocks_of(int64_t n, int each) {
    return blocks_for((n + each - 1) / each, threads, INT32_MAX);
}

/* The thread's first element when each takes as many. */
__device__ __forceinline__ int64_t first_element(int each) {
    return (blockIdx.x * int64_t{threads} + threadIdx.x) * each;
}

/* ---- formulas ---- */

template <class Formula, class T>
__global__ void elementwise(const T *a, const T *b, T *y, int64_t n, float p, float q) {
    constexpr int width = vector_of<T>;
    const int64_t i = first_element(width);
    if (i + width <= n) {
        float left[width], right[width] = {};
        load_floats(a + i, left);
        if (Formula::inputs > 1) load_floats(b + i, right);
        UNROLL
        for (int k = 0; k < width; k++) left[k] = Formula::value(left[k], right[k], p, q);
        store_floats(y + i, left);
    } else {
        for (int64_t k = i; k < n; k++)
            y[k] =
                from_float<T>(Formula::value(to_float(a[k]), Formula::inputs > 1 ? to_float(b[k]) : 0, p, q));
    }
}

template <class Formula>
static void launch_formula(enum kernel_type type, const void *a, const void *b, void *y, int64_t n, float p,
                           float q, void *stream) {
#define LAUNCH_FORMULA                                                                \
    LAUNCH((elementwise<Formula, T>), blocks_of(n, vector_of<T>), threads, 0, stream, \
           static_cast<const T *>(a), static_cast<const T *>(b), static_cast<T *>(y), n, p, q)
    if constexpr (Formula::storage_types == ANY) {
        WITH_TYPE(type, T, LAUNCH_FORMULA);
    } else {
        using T = float;
        LAUNCH_FORMULA;
    }
}

extern "C" kernel_status kernel_elementwise(enum kernel_formula formula, enum kernel_type type, const void *a,
                                            const void *b, void *y, int64_t n, float p, float q,
                                            void *stream) {
    static constexpr decltype(&launch_formula<add_formula>) launchers[] = {
#define ELEMENTWISE(name, ...) launch_formula<name##_formula>,
#define UPDATE ELEMENTWISE
#include "elementwise.def"
#undef ELEMENTWISE
    };
    launchers[formula](type, a, b, y, n, p, q, stream);
    return cudaGetLastError();
}

/* ---- bias ---- */

/* Biases of `width` elements from element i on. Channels that lie innermost, in a number that vectors divide, are read
 * as vectors; else the thread walks from channel to channel. */
template <int width>
__device__ __forceinline__ void load_biases(const float *bias, int64_t i, int64_t run, int64_t channels,
                                            float (&to)[width]) {
    const int64_t runs = i / run;
    int64_t channel = runs % channels, left = run - (i - runs * run);
    if (run == 1 && channels % width == 0) {
        load_floats(bias + channel, to);
        return;
    }
    float current = bias[channel];
    UNROLL
    for (int k = 0; k < width; k++) {
        if (left == 0) {
            left = run;
            channel = channel + 1 == channels ? 0 : channel + 1;
            current = bias[channel];
        }
        to[k] = current;
        left--;
    }
}

template <class T>
__global__ void bias_add(const T *x, const float *bias, T *y, int64_t n, int64_t run, int64_t channels) {
    constexpr int width = vector_of<T>;
    const int64_t i = first_element(width);
    float biases[width];
    load_biases(bias, i, run, channels, biases);
    if (i + width <= n) {
        float numbers[width];
        load_floats(x + i, numbers);
        UNROLL
        for (int k = 0; k < width; k++) numbers[k] += biases[k];
        store_floats(y + i, numbers);
    } else {
        UNROLL
        for (int k = 0; k < width; k++)
            if (i + k < n) y[i + k] = from_float<T>(to_float(x[i + k]) + biases[k]);
    }
}

extern "C" kernel_status kernel_bias_add(const void *x, const float *bias, void *y, enum kernel_type type,
                                         int64_t n, int64_t run, int64_t channels, void *stream) {
    WITH_TYPE(type, T,
              LAUNCH((bias_add<T>), blocks_of(n, vector_of<T>), threads, 0, stream, static_cast<const T *>(x),
                     bias, static_cast<T *>(y), n, run, channels));
    return cudaGetLastError();
}

/* ---- integer states ---- */

template <class T> __global__ void add_integers(T *y, const T *x, int64_t n) {
    const int64_t i = first_element(1);
    if (i < n) y[i] += x[i];
}

extern "C" kernel_status kernel_add_i32(int32_t *y, const int32_t *x, int64_t n, void *stream) {
    LAUNCH((add_integers<int32_t>), blocks_of(n, 1), threads, 0, stream, y, x, n);
    return cudaGetLastError();
}
extern "C" kernel_status kernel_add_i64(int64_t *y, const int64_t *x, int64_t n, void *stream) {
    LAUNCH((add_integers<int64_t>), blocks_of(n, 1), threads, 0, stream, y, x, n);
    return cudaGetLastError();
}

__global__ void advance(int64_t *counter, int64_t amount) {
    *counter += amount;
}

extern "C" kernel_status kernel_advance(int64_t *counter, int64_t amount, void *stream) {
    LAUNCH(advance, 1, 1, 0, stream, counter, amount);
    return cudaGetLastError();
}
