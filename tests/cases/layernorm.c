/* Cases of layer normalisation. */
#include "case.h"

/* x, weight, bias; number: eps, a shift of x; arg[0]: y is the only output. */
static void build_layernorm(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    struct cupel_tensor *x = one->number[1] != 0 ? cupel_scale(in[0], 1, one->number[1]) : in[0];
    out[0] = cupel_layernorm(x, in[1], in[2], one->number[0]);
    for (int i = 1; out[0] && i < (one->arg[0] ? 1 : 3); i++) out[i] = out[0] + i;
}
/* Of every plane; with weight and bias of the channels or without. */
BUILD(instancenorm, cupel_instancenorm(favourite_layout(in[0]), in[1], in[1] ? in[2] : NULL, one->number[0]))
CASES(layernorm) = {
    {"instancenorm", build_instancenorm, {{{4, {2, 3, 4, 5}}}}, .number = {1e-5}},
    {"instancenorm-affine",
     build_instancenorm,
     {{{4, {2, 5, 3, 3}}}, {{1, {5}}}, {{1, {5}}}},
     .number = {1e-3}},
    {"one", build_layernorm, {{{1, {1}}}, {{1, {1}}}, {{1, {1}}}}, .number = {0.1}},
    {"one-row", build_layernorm, {{{2, {1, 9}}}, {{1, {9}}}, {{1, {9}}}}, .number = {1e-5}},
    {"one-column", build_layernorm, {{{2, {5, 1}}}, {{1, {1}}}, {{1, {1}}}}, .number = {0.1}},
    {"rows", build_layernorm, {{{2, {5, 17}}}, {{1, {17}}}, {{1, {17}}}}, .number = {1e-5}},
    {"result-only", build_layernorm, {{{2, {3, 7}}}, {{1, {7}}}, {{1, {7}}}}, .number = {1e-5}, .arg = {1}},
    {"sequence", build_layernorm, {{{3, {3, 5, 7}}}, {{1, {7}}}, {{1, {7}}}}, .number = {1e-3}},
    {"two-axes", build_layernorm, {{{4, {2, 3, 5, 3}}}, {{2, {5, 3}}}, {{2, {5, 3}}}}, .number = {1e-5}},
    {"three-axes",
     build_layernorm,
     {{{4, {3, 3, 2, 3}}}, {{3, {3, 2, 3}}}, {{3, {3, 2, 3}}}},
     .number = {1e-5}},
    {"all-axes", build_layernorm, {{{2, {3, 5}}}, {{2, {3, 5}}}, {{2, {3, 5}}}}, .number = {1e-5}},
    /* Rows of one chunk and of several, in vectors and not, by a warp and by a block. */
    {"warp-vectors", build_layernorm, {{{2, {9, 132}}}, {{1, {132}}}, {{1, {132}}}}, .number = {1e-5}},
    {"warp-ragged", build_layernorm, {{{2, {5, 255}}}, {{1, {255}}}, {{1, {255}}}}, .number = {1e-5}},
    {"block", build_layernorm, {{{2, {2, 257}}}, {{1, {257}}}, {{1, {257}}}}, .number = {1e-5}},
    {"block-vectors", build_layernorm, {{{2, {3, 516}}}, {{1, {516}}}, {{1, {516}}}}, .number = {1e-5}},
    {"long", build_layernorm, {{{2, {2, 2051}}}, {{1, {2051}}}, {{1, {2051}}}}, .number = {1e-5}},
    {"long-vectors", build_layernorm, {{{2, {2, 4100}}}, {{1, {4100}}}, {{1, {4100}}}}, .number = {1e-5}},
    {"many-rows", build_layernorm, {{{2, {65, 8}}}, {{1, {8}}}, {{1, {8}}}}, .number = {1e-5}},
    /* A variance from the mean of squares would be noise here; in 16 bits, x itself is. */
    {"far",
     build_layernorm,
     {{{2, {3, 9}}}, {{1, {9}}}, {{1, {9}}}},
     .number = {1e-5, 1e3},
     .tolerance = 3e-4,
     .half = -1},
    {0},
};

/* x, weight, mean, invstd, dy, each for itself: the row is a function of all five. */
static void build_layernorm_grad(const struct op_case *one, struct cupel_tensor **in,
                                 struct cupel_tensor **out) {
    (void)one;
    out[0] = NODE_ADD(layernorm_grad, NULL, in[0], in[1], in[2], in[3], in[4]);
    for (int i = 1; out[0] && i < 3; i++) out[i] = out[0] + i;
}
CASES(layernorm_grad) = {
    {"one",
     build_layernorm_grad,
     {{{1, {1}}}, {{1, {1}}}, {{1, {1}}}, {{1, {1}}, CASE_POSITIVE}, {{1, {1}}}}},
    {"rows",
     build_layernorm_grad,
     {{{2, {5, 7}}}, {{1, {7}}}, {{2, {5, 1}}}, {{2, {5, 1}}, CASE_POSITIVE}, {{2, {5, 7}}}}},
    {"two-axes",
     build_layernorm_grad,
     {{{4, {2, 3, 5, 3}}},
      {{2, {5, 3}}},
      {{4, {2, 3, 1, 1}}},
      {{4, {2, 3, 1, 1}}, CASE_POSITIVE},
      {{4, {2, 3, 5, 3}}}}},
    {"warp-vectors",
     build_layernorm_grad,
     {{{2, {9, 132}}}, {{1, {132}}}, {{2, {9, 1}}}, {{2, {9, 1}}, CASE_POSITIVE}, {{2, {9, 132}}}}},
    {"warp-ragged",
     build_layernorm_grad,
     {{{2, {5, 255}}}, {{1, {255}}}, {{2, {5, 1}}}, {{2, {5, 1}}, CASE_POSITIVE}, {{2, {5, 255}}}}},
    {"block",
     build_layernorm_grad,
     {{{2, {2, 257}}}, {{1, {257}}}, {{2, {2, 1}}}, {{2, {2, 1}}, CASE_POSITIVE}, {{2, {2, 257}}}}},
    {"block-vectors",
     build_layernorm_grad,
     {{{2, {3, 516}}}, {{1, {516}}}, {{2, {3, 1}}}, {{2, {3, 1}}, CASE_POSITIVE}, {{2, {3, 516}}}}},
    {"long",
     build_layernorm_grad,
     {{{2, {2, 2051}}}, {{1, {2051}}}, {{2, {2, 1}}}, {{2, {2, 1}}, CASE_POSITIVE}, {{2, {2, 2051}}}}},
    {"long-vectors",
     build_layernorm_grad,
     {{{2, {2, 4100}}}, {{1, {4100}}}, {{2, {2, 1}}}, {{2, {2, 1}}, CASE_POSITIVE}, {{2, {2, 4100}}}}},
    {"many-rows",
     build_layernorm_grad,
     {{{2, {1030, 8}}}, {{1, {8}}}, {{2, {1030, 1}}}, {{2, {1030, 1}}, CASE_POSITIVE}, {{2, {1030, 8}}}}},
    {"one-column",
     build_layernorm_grad,
     {{{2, {2100, 1}}}, {{1, {1}}}, {{2, {2100, 1}}}, {{2, {2100, 1}}, CASE_POSITIVE}, {{2, {2100, 1}}}}},
    {"columns-ragged",
     build_layernorm_grad,
     {{{2, {61, 131}}}, {{1, {131}}}, {{2, {61, 1}}}, {{2, {61, 1}}, CASE_POSITIVE}, {{2, {61, 131}}}}},
    {"columns-vectors",
     build_layernorm_grad,
     {{{2, {70, 260}}}, {{1, {260}}}, {{2, {70, 1}}}, {{2, {70, 1}}, CASE_POSITIVE}, {{2, {70, 260}}}}},
    {"many-splits",
     build_layernorm_grad,
     {{{2, {1091, 63}}}, {{1, {63}}}, {{2, {1091, 1}}}, {{2, {1091, 1}}, CASE_POSITIVE}, {{2, {1091, 63}}}}},
    {0},
};
