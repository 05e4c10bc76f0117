/* Cases of the matrix products. */
#include "case.h"

/* arg: transpose_a, transpose_b */
static void build_matmul(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    out[0] = cupel_matmul(in[0], in[1], one->arg[0], one->arg[1]);
}
CASES(matmul) = {
    {"one", build_matmul, {{{2, {1, 1}}}, {{2, {1, 1}}}}},
    {"plain", build_matmul, {{{2, {3, 5}}}, {{2, {5, 4}}}}},
    {"transposed-b", build_matmul, {{{2, {3, 5}}}, {{2, {4, 5}}}}, {0, 1}},
    {"transposed-a", build_matmul, {{{2, {5, 3}}}, {{2, {5, 4}}}}, {1, 0}},
    {"transposed-both", build_matmul, {{{2, {5, 3}}}, {{2, {4, 5}}}}, {1, 1}},
    {"square", build_matmul, {{{2, {4, 4}}}, {{2, {4, 4}}}}},
    {"row-by-column", build_matmul, {{{2, {1, 17}}}, {{2, {17, 1}}}}},
    {"column-by-row", build_matmul, {{{2, {7, 1}}}, {{2, {1, 9}}}}},
    {"ragged", build_matmul, {{{2, {9, 17}}}, {{2, {17, 11}}}}},
    {"stack", build_matmul, {{{3, {2, 3, 4}}}, {{3, {2, 4, 5}}}}},
    {"stack-transposed-a", build_matmul, {{{3, {3, 4, 2}}}, {{3, {3, 4, 5}}}}, {1, 0}},
    {"stack-transposed-b", build_matmul, {{{3, {3, 2, 4}}}, {{3, {3, 5, 4}}}}, {0, 1}},
    {"stack-transposed-both", build_matmul, {{{4, {2, 3, 4, 2}}}, {{4, {2, 3, 5, 4}}}}, {1, 1}},
    {"one-for-a-stack", build_matmul, {{{4, {2, 3, 2, 4}}}, {{2, {4, 5}}}}},
    {"one-for-a-stack-transposed-a", build_matmul, {{{3, {3, 4, 2}}}, {{2, {4, 5}}}}, {1, 0}},
    {"one-for-a-stack-transposed-b", build_matmul, {{{3, {3, 2, 4}}}, {{2, {5, 4}}}}, {0, 1}},
    {"one-for-a-stack-transposed-both", build_matmul, {{{3, {3, 4, 2}}}, {{2, {5, 4}}}}, {1, 1}},
    {0},
};

static void build_linear(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    out[0] = cupel_linear(in[0], in[1], case_inputs(one) > 2 ? in[2] : NULL);
}

/* arg: activation; number: slope. As a plan's rewrite makes it, after differentiation. */
static void build_linear_activation(const struct op_case *one, struct cupel_tensor **in,
                                    struct cupel_tensor **out) {
    const union attr attr = {.conv = {.activation = (int)one->arg[0], .slope = one->number[0]}};
    out[0] = node_add_list(OP_linear, in, case_inputs(one), &attr);
}
#define LINEAR(n, i, o)  \
    {                    \
        {{2, {n, i}}}, { \
            {            \
                2, {     \
                    o, i \
                }        \
            }            \
        }                \
    }
#define LINEAR_BIAS(n, i, o)            \
    {                                   \
        {{2, {n, i}}}, {{2, {o, i}}}, { \
            {                           \
                1, {                    \
                    o                   \
                }                       \
            }                           \
        }                               \
    }
#define ACTIVATED(name, activation, ...) \
    { name, build_linear_activation, LINEAR_BIAS(4, 7, 9), {activation}, __VA_ARGS__, .no_grad = true }
CASES(linear) = {
    {"one", build_linear, LINEAR_BIAS(1, 1, 1)},
    {"bias", build_linear, LINEAR_BIAS(3, 5, 4)},
    {"no-bias", build_linear, LINEAR(3, 5, 4)},
    {"ragged", build_linear, LINEAR_BIAS(5, 17, 11)},
    {"one-row", build_linear, LINEAR_BIAS(1, 19, 3)},
    {"one-output", build_linear, LINEAR_BIAS(7, 3, 1)},
    {"relu-without-bias", build_linear_activation, LINEAR(4, 7, 9), {ACTIVATION_RELU}, .no_grad = true},
    ACTIVATED("relu", ACTIVATION_RELU, {0}),
    ACTIVATED("leaky-relu", ACTIVATION_LEAKY_RELU, {0.2}),
    ACTIVATED("sigmoid", ACTIVATION_SIGMOID, {0}),
    ACTIVATED("tanh", ACTIVATION_TANH, {0}),
    {0},
};
