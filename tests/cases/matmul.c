/* Cases of the matrix products. */
#include "case.h"

/* arg: transpose_a, transpose_b */
static void build_matmul(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    out[0] = cupel_matmul(in[0], in[1], one->arg[0], one->arg[1]);
}
/* weight, u, v; arg: axis, mode. */
BUILD(spectral_norm, cupel_spectral_norm(in[0], in[1], in[2], (int)one->arg[0], 1e-12, one->arg[1]))
CASES(matmul) = {
    {"spectral-norm",
     build_spectral_norm,
     {{{2, {5, 7}}, CASE_POSITIVE}, {{1, {5}}, CASE_POSITIVE}, {{1, {7}}, CASE_POSITIVE}},
     {0}},
    {"spectral-norm-training",
     build_spectral_norm,
     {{{2, {33, 67}}, CASE_POSITIVE}, {{1, {33}}}, {{1, {67}}}},
     {0, 1},
     .no_grad = true},
    {"spectral-norm-of-columns",
     build_spectral_norm,
     {{{4, {4, 3, 2, 3}}, CASE_POSITIVE}, {{1, {3}}, CASE_POSITIVE}, {{1, {24}}, CASE_POSITIVE}},
     {1}},
    {"spectral-norm-of-columns-training",
     build_spectral_norm,
     {{{4, {8, 5, 3, 3}}, CASE_POSITIVE}, {{1, {5}}}, {{1, {72}}}},
     {1, 1},
     .no_grad = true},
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
    /* Tiles of every size, whole and ragged, aligned and not, in every orientation; k in parts */
    {"a-tile", build_matmul, {{{2, {64, 64}}}, {{2, {64, 64}}}}},
    {"a-tile-transposed-b", build_matmul, {{{2, {64, 64}}}, {{2, {64, 64}}}}, {0, 1}},
    {"a-tile-transposed-a", build_matmul, {{{2, {64, 64}}}, {{2, {64, 64}}}}, {1, 0}},
    {"a-tile-transposed-both", build_matmul, {{{2, {64, 64}}}, {{2, {64, 64}}}}, {1, 1}},
    {"four-tiles", build_matmul, {{{2, {72, 40}}}, {{2, {40, 80}}}}},
    {"four-tiles-transposed-b", build_matmul, {{{2, {72, 40}}}, {{2, {80, 40}}}}, {0, 1}},
    {"four-tiles-transposed-a", build_matmul, {{{2, {40, 72}}}, {{2, {40, 80}}}}, {1, 0}},
    {"four-tiles-transposed-both", build_matmul, {{{2, {40, 72}}}, {{2, {80, 40}}}}, {1, 1}},
    {"ragged-tiles", build_matmul, {{{2, {67, 33}}}, {{2, {33, 71}}}}},
    {"ragged-tiles-transposed-b", build_matmul, {{{2, {67, 33}}}, {{2, {71, 33}}}}, {0, 1}},
    {"ragged-tiles-transposed-a", build_matmul, {{{2, {33, 67}}}, {{2, {33, 71}}}}, {1, 0}},
    {"ragged-tiles-transposed-both", build_matmul, {{{2, {33, 67}}}, {{2, {71, 33}}}}, {1, 1}},
    {"k-in-parts", build_matmul, {{{2, {32, 400}}}, {{2, {400, 48}}}}},
    {"k-in-parts-transposed-b", build_matmul, {{{2, {32, 400}}}, {{2, {48, 400}}}}, {0, 1}},
    {"k-in-parts-transposed-a", build_matmul, {{{2, {400, 32}}}, {{2, {400, 48}}}}, {1, 0}},
    {"k-in-parts-transposed-both", build_matmul, {{{2, {400, 32}}}, {{2, {48, 400}}}}, {1, 1}},
    {"ragged-k-in-parts", build_matmul, {{{2, {33, 257}}}, {{2, {257, 31}}}}},
    {"ragged-k-in-parts-transposed-b", build_matmul, {{{2, {33, 257}}}, {{2, {31, 257}}}}, {0, 1}},
    {"ragged-k-in-parts-transposed-a", build_matmul, {{{2, {257, 33}}}, {{2, {257, 31}}}}, {1, 0}},
    {"ragged-k-in-parts-transposed-both", build_matmul, {{{2, {257, 33}}}, {{2, {31, 257}}}}, {1, 1}},
    {"large-tiles", build_matmul, {{{2, {128, 24}}}, {{2, {24, 384}}}}},
    {"large-tiles-transposed-b", build_matmul, {{{2, {128, 24}}}, {{2, {384, 24}}}}, {0, 1}},
    {"large-tiles-transposed-a", build_matmul, {{{2, {24, 128}}}, {{2, {24, 384}}}}, {1, 0}},
    {"large-tiles-transposed-both", build_matmul, {{{2, {24, 128}}}, {{2, {384, 24}}}}, {1, 1}},
    {"large-ragged-tiles", build_matmul, {{{2, {133, 21}}}, {{2, {21, 250}}}}},
    {"large-ragged-tiles-transposed-b", build_matmul, {{{2, {133, 21}}}, {{2, {250, 21}}}}, {0, 1}},
    {"large-ragged-tiles-transposed-a", build_matmul, {{{2, {21, 133}}}, {{2, {21, 250}}}}, {1, 0}},
    {"large-ragged-tiles-transposed-both", build_matmul, {{{2, {21, 133}}}, {{2, {250, 21}}}}, {1, 1}},
    {"one-large-tile", build_matmul, {{{2, {120, 192}}}, {{2, {192, 128}}}}},
    {"one-large-tile-transposed-a", build_matmul, {{{2, {192, 120}}}, {{2, {192, 128}}}}, {1, 0}},
    {"stack-of-tiles", build_matmul, {{{3, {3, 40, 24}}}, {{3, {3, 24, 48}}}}},
    {"ragged-stack-of-tiles", build_matmul, {{{3, {5, 33, 35}}}, {{3, {5, 35, 37}}}}},
    {"stack-k-in-parts", build_matmul, {{{3, {2, 16, 136}}}, {{3, {2, 136, 24}}}}},
    {"many-steps", build_matmul, {{{2, {150, 200}}}, {{2, {200, 20}}}}},
    {"many-steps-transposed-a", build_matmul, {{{2, {208, 144}}}, {{2, {208, 16}}}}, {1, 0}},
    {"many-ragged-steps-transposed-b", build_matmul, {{{2, {141, 203}}}, {{2, {19, 203}}}}, {0, 1}},
    {"tall", build_matmul, {{{2, {320, 20}}}, {{2, {20, 40}}}}},
    {"long-row", build_matmul, {{{2, {1, 300}}}, {{2, {300, 5}}}}},
    {"long-column", build_matmul, {{{2, {70, 130}}}, {{2, {130, 1}}}}},
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
/* arg: where in a range of parameters the weight lies, in elements, and its outputs and inputs. */
static void build_linear_part(const struct op_case *one, struct cupel_tensor **in,
                              struct cupel_tensor **out) {
    out[0] = cupel_linear(
        in[0], cupel_part(in[1], NULL, one->arg[0], &CUPEL_SHAPE(one->arg[1], one->arg[2]), NULL), NULL);
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
    {"tile", build_linear, LINEAR_BIAS(64, 40, 48)},
    {"ragged-tiles", build_linear, LINEAR_BIAS(33, 65, 31)},
    {"inputs-in-parts", build_linear, LINEAR_BIAS(20, 400, 12)},
    {"ragged-inputs-in-parts", build_linear, LINEAR_BIAS(9, 259, 11)},
    {"one-output-inputs-in-parts", build_linear, LINEAR_BIAS(16, 256, 1)},
    {"large-tiles", build_linear, LINEAR_BIAS(128, 17, 380)},
    {"large-ragged-tiles", build_linear, LINEAR_BIAS(133, 18, 250)},
    {"weight-in-a-range", build_linear_part, {{{2, {17, 32}}}, {{1, {24 * 32 + 3}}}}, {1, 24, 32}},
    {"ragged-weight-in-a-range", build_linear_part, {{{2, {5, 8}}}, {{1, {50}}}}, {3, 5, 8}},
    {"relu-without-bias", build_linear_activation, LINEAR(4, 7, 9), {ACTIVATION_RELU}, .no_grad = true},
    ACTIVATED("relu", ACTIVATION_RELU, {0}),
    ACTIVATED("leaky-relu", ACTIVATION_LEAKY_RELU, {0.2}),
    ACTIVATED("sigmoid", ACTIVATION_SIGMOID, {0}),
    ACTIVATED("tanh", ACTIVATION_TANH, {0}),
    {"tanh-inputs-in-parts",
     build_linear_activation,
     LINEAR_BIAS(12, 208, 20),
     {ACTIVATION_TANH},
     .no_grad = true},
    {"leaky-relu-tiles",
     build_linear_activation,
     LINEAR_BIAS(70, 33, 66),
     {ACTIVATION_LEAKY_RELU},
     {0.2},
     .no_grad = true},
    {0},
};
