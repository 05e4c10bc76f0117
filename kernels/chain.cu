/* A chain of elementwise formulas (elementwise.def), interpreted: y = the last of v1 = f1(inputs), v2 = f2(v1, inputs),
 * and so on, in one launch and one pass over memory.
 *
 * The program is an argument of the kernel, so all threads take the same way through it. Each thread takes one vector
 * of 16 bytes of each tensor (4 floats or 8 16-bit numbers), the last thread what is left over, and keeps the value so
 * far in registers as floats. An operand is read when its step comes: the other threads of the multiprocessor hide the
 * wait. A thread reads all of its elements before it writes them, so that y may be the memory of an input. No two
 * threads touch one element: results are the same in every run. */
#include "chain.h"
#include "elementwise.cuh"

constexpr int threads = 256;

/* An input's elements from i on, `count` of them where that is less than a vector. */
template <class T, int width>
__device__ __forceinline__ void load_some(const T *from, int64_t i, int64_t count, float (&to)[width]) {
    if (count >= width) {
        load_floats(from + i, to);
    } else {
        UNROLL
        for (int k = 0; k < width; k++) to[k] = k < count ? to_float(from[i + k]) : 0;
    }
}

template <class Formula, class T, int width>
__device__ __forceinline__ void apply(const float (&a)[width], const float (&b)[width], float p, float q,
                                      float (&value)[width]) {
    if constexpr (Formula::storage_types == ANY || std::is_same<T, float>::value) {
        UNROLL
        for (int k = 0; k < width; k++) value[k] = Formula::value(a[k], b[k], p, q);
    }
}

template <class T>
__global__ void chain(kernel_program program, const T *x0, const T *x1, const T *x2, const T *x3, const T *x4,
                      const T *x5, T *y, int64_t n) {
    constexpr int width = vector_of<T>;
    const int64_t i = (blockIdx.x * int64_t{threads} + threadIdx.x) * width, count = n - i;
    float value[width] = {};
    for (int s = 0; s < program.count; s++) {
        const kernel_step step = program.step[s];
        float operands[2][width];
        UNROLL
        for (int o = 0; o < 2; o++) {
            const int which = o == 0 ? step.a : step.b;
            const T *from = which < 2   ? which < 1 ? x0 : x1
                            : which < 4 ? which < 3 ? x2 : x3
                            : which < 5 ? x4
                                        : x5;
            if (which >= 0) {
                load_some(from, i, count, operands[o]);
            } else {
                UNROLL
                for (int k = 0; k < width; k++) operands[o][k] = value[k];
            }
        }
        switch (step.formula) {
#define ELEMENTWISE(name, ...)                                                     \
    case KERNEL_##name:                                                            \
        apply<name##_formula, T>(operands[0], operands[1], step.p, step.q, value); \
        break;
#define UPDATE(name, ...) \
    case KERNEL_##name:   \
        break;
#include "elementwise.def"
#undef ELEMENTWISE
        }
    }
    if (count >= width) {
        store_floats(y + i, value);
    } else {
        UNROLL
        for (int k = 0; k < width; k++)
            if (k < count) y[i + k] = from_float<T>(value[k]);
    }
}

extern "C" kernel_status kernel_chain(const struct kernel_program *program, enum kernel_type type,
                                      const void *const *in, void *y, int64_t n, void *stream) {
#define X(k) static_cast<const T *>(in[k])
    WITH_TYPE(type, T,
              LAUNCH((chain<T>), blocks_for((n + vector_of<T> - 1) / vector_of<T>, threads, INT32_MAX),
                     threads, 0, stream, *program, X(0), X(1), X(2), X(3), X(4), X(5), static_cast<T *>(y),
                     n));
    return cudaGetLastError();
}
