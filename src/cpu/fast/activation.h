/* The activation that a linear or convolution node may end in, in vector code. */
#ifndef CUPEL_CPU_FAST_ACTIVATION_H
#define CUPEL_CPU_FAST_ACTIVATION_H

#include "cpu/fast/formula.h"
#include "graph/op.h"

/* to[i to_step] = activation(from[i from_step] + bias); `to` may be `from`. */
static inline void activate_row(float *to, int64_t to_step, const float *from, int64_t from_step,
                                int64_t count, float bias, int activation, float slope) {
#define LOOP(to_at, from_at, expression)      \
    for (int64_t i = 0; i < count; i++) {     \
        const float x = from[from_at] + bias; \
        to[to_at] = expression;               \
    }
#define ROW(expression)                            \
    if (to_step == 1 && from_step == 1)            \
        LOOP(i, i, expression)                     \
    else                                           \
        LOOP(i *to_step, i *from_step, expression) \
    return
    switch ((enum activation)activation) {
    case ACTIVATION_RELU:
        ROW(x <= 0 ? 0 : x);
    case ACTIVATION_LEAKY_RELU:
        ROW(x <= 0 ? slope * x : x);
    case ACTIVATION_SIGMOID:
        ROW(sigmoid_fast(x));
    case ACTIVATION_TANH:
        ROW(tanh_fast(x));
    case ACTIVATION_NONE:
        ROW(x);
    }
#undef ROW
#undef LOOP
}

#endif
