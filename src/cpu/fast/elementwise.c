/* Elementwise kernels in threads and vectors. In the gradients of relu, leaky_relu, elu, sigmoid and tanh a
 * is the activation's result, in gelu's its input, and b is the gradient that comes in. */
#include "cpu/fast/fast.h"
#include "cpu/fast/half.h"

/* y = EXPRESSION of a (and b), element by element, of f32 or bf16. Up to `serial` elements are left to one thread. */
#define KERNEL(name, half, serial, operands, expression)                                        \
    static void run_##name(struct call *call) {                                                 \
        const float p = (float)call->node->attr.number.a, q = (float)call->node->attr.number.b; \
        const int64_t n = view_count(&call->out[0]);                                            \
        const int threads = call->device->threads;                                              \
        const void *x = call->in[0].data, *z = call->in[call->n_in - 1].data;                   \
        void *y = call->out[0].data;                                                            \
        (void)p, (void)q, (void)z;                                                              \
        FAST_FOR(i, n, threads, serial) {                                                       \
            const float operands(half);                                                         \
            put(y, i, expression, half);                                                        \
        }                                                                                       \
    }
/* Defines such kernels and fast_NAME; LOOP_F32 for ops that are done in f32 alone. */
#define LOOP(name, serial, operands, expression)            \
    KERNEL(name, false, serial, operands, expression)       \
    KERNEL(name##_half, true, serial, operands, expression) \
    FAST_PREPARE_AS(name, is_half(&call->out[0]) ? run_##name##_half : run_##name, true)
#define LOOP_F32(name, serial, operands, expression)  \
    KERNEL(name, false, serial, operands, expression) \
    FAST_PREPARE(name, true)
#define CHEAP FAST_SERIAL
#define HEAVY FAST_SERIAL_HEAVY
#define ONE(half) a = get(x, i, half)
#define TWO(half) a = get(x, i, half), b = get(z, i, half)

/* x Phi(x), and its derivative */
static inline float gelu_of(float x) {
    return 0.5f * x * erfcf(-x * (float)M_SQRT1_2);
}
static inline float gelu_slope(float x) {
    return 0.5f * erfcf(-x * (float)M_SQRT1_2) +
           x * (float)(0.5 * M_SQRT1_2 * M_2_SQRTPI) * exp_fast(-0.5f * x * x);
}

LOOP(add, CHEAP, TWO, a + b)
LOOP(sub, CHEAP, TWO, a - b)
LOOP(mul, CHEAP, TWO, (a) * (b))
LOOP_F32(div, CHEAP, TWO, a / b)
LOOP(scale, CHEAP, ONE, p *(a) + q)
LOOP_F32(exp, HEAVY, ONE, exp_fast(a))
LOOP_F32(log, HEAVY, ONE, log_fast(a))
LOOP_F32(sqrt, CHEAP, ONE, sqrtf(a))
LOOP_F32(power, HEAVY, ONE, p == 2 ? (a) * (a) : powf(a, p))
LOOP(abs, CHEAP, ONE, fabsf(a))
LOOP(clamp, CHEAP, ONE, a<p ? p : a> q ? q : a)
LOOP(clamp_grad, CHEAP, TWO, a<p || a> q ? 0 : b)
LOOP(relu, CHEAP, ONE, a <= 0 ? 0 : a)
LOOP(relu_grad, CHEAP, TWO, a <= 0 ? 0 : b)
LOOP(leaky_relu, CHEAP, ONE, a <= 0 ? p * (a) : a)
LOOP(leaky_relu_grad, CHEAP, TWO, a <= 0 ? p * (b) : b)
LOOP(elu, HEAVY, ONE, a > 0 ? a : p * expm1_fast(a))
LOOP(elu_grad, CHEAP, TWO, a > 0 ? b : (b) * (a + p))
LOOP(sigmoid, HEAVY, ONE, sigmoid_fast(a))
LOOP(sigmoid_grad, CHEAP, TWO, (b) * (a) * (1 - a))
LOOP(tanh, HEAVY, ONE, tanh_fast(a))
LOOP(tanh_grad, CHEAP, TWO, (b) * (1 - (a) * (a)))
LOOP(softplus, HEAVY, ONE, softplus_fast(a))
LOOP(gelu, HEAVY, ONE, gelu_of(a))
LOOP(gelu_grad, HEAVY, TWO, (b)*gelu_slope(a))

/* x [N, C, ...] + bias [C]. Whatever the layout, runs of as many elements as the channels' stride belong to
 * one channel. */
INLINE void add_bias(void *to, const void *from, int64_t start, int64_t count, const float *bias, bool one,
                     const bool half) {
#pragma omp simd
    for (int64_t i = start; i < start + count; i++)
        put(to, i, get(from, i, half) + bias[one ? 0 : i - start], half);
}

static void run_bias_add(struct call *call) {
    const struct view *x = &call->in[0];
    const int64_t channels = x->shape.dim[1], run = x->stride[1], runs = view_count(x) / run;
    const float *bias = call->in[1].data;
#pragma omp parallel for schedule(static) num_threads(call->device->threads) if (runs * run > FAST_SERIAL)
    for (int64_t r = 0; r < runs; r += run == 1 ? channels : 1) {
        const int64_t count = run == 1 ? channels : run;
        const float *b = bias + r % channels;
        if (is_half(x))
            add_bias(call->out[0].data, x->data, r * run, count, b, run != 1, true);
        else
            add_bias(call->out[0].data, x->data, r * run, count, b, run != 1, false);
    }
}
FAST_PREPARE(bias_add, call->in[0].stride[1] == call->out[0].stride[1])
