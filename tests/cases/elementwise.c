/* Cases of elementwise arithmetic. */
#include <math.h>

#include "case.h"

/* ---- two inputs ---- */

BUILD(add, cupel_add(in[0], in[1]))
CASES(add) = {
    {"one", build_add, {{{1, {1}}}, {{1, {1}}}}},
    {"ragged", build_add, {{{3, {3, 7, 11}}}, {{3, {3, 7, 11}}}}},
    {"broadcast-both", build_add, {{{3, {3, 1, 5}}}, {{2, {7, 1}}}}},
    {"images", build_add, {{{4, {2, 5, 3, 9}}}, {{4, {2, 5, 3, 9}}}}},
    {"many", build_add, {{{2, {270, 251}}}, {{2, {270, 251}}}}},
    {0},
};

BUILD(sub, cupel_sub(in[0], in[1]))
CASES(sub) = {
    {"one", build_sub, {{{1, {1}}}, {{1, {1}}}}},
    {"ragged", build_sub, {{{2, {31, 33}}}, {{2, {31, 33}}}}},
    {"broadcast-both", build_sub, {{{3, {3, 1, 5}}}, {{2, {7, 1}}}}},
    {"images", build_sub, {{{4, {2, 5, 3, 9}}}, {{4, {2, 5, 3, 9}}}}},
    {0},
};

BUILD(mul, cupel_mul(in[0], in[1]))
BUILD(mul_itself, cupel_mul(in[0], in[0]))
CASES(mul) = {
    {"one", build_mul, {{{1, {1}}}, {{1, {1}}}}},
    {"ragged", build_mul, {{{2, {33, 17}}}, {{2, {33, 17}}}}},
    {"broadcast", build_mul, {{{3, {3, 4, 5}}}, {{1, {5}}}}},
    {"images", build_mul, {{{4, {2, 5, 3, 9}}}, {{4, {1, 5, 1, 1}}}}},
    {"itself", build_mul_itself, {{{2, {3, 7}}}}},
    {"block-and-one", build_mul, {{{1, {1025}}}, {{1, {1025}}}}},
    {0},
};

BUILD(div, cupel_div(in[0], in[1]))
CASES(div) = {
    {"one", build_div, {{{1, {1}}}, {{1, {1}}, CASE_POSITIVE}}},
    {"ragged", build_div, {{{2, {33, 17}}}, {{2, {33, 17}}, CASE_POSITIVE}}},
    {"broadcast", build_div, {{{2, {5, 7}}}, {{2, {5, 1}}, CASE_POSITIVE}}},
    {"broadcast-left", build_div, {{{1, {7}}}, {{2, {5, 7}}, CASE_POSITIVE}}},
    {"images", build_div, {{{4, {2, 5, 3, 9}}}, {{4, {2, 5, 3, 9}}, CASE_POSITIVE}}},
    {0},
};

/* ---- one input ---- */

/* clang-format off */
/* One element, rows that fit no vector, and images, each with the numbers p and q. */
#define UNARY_CASES(name, build, kind, ...)                                     \
    {name "-one", build, {{{1, {1}}, kind}}, .number = {__VA_ARGS__}},          \
    {name "-ragged", build, {{{2, {31, 33}}, kind}}, .number = {__VA_ARGS__}},  \
    {name "-images", build, {{{4, {2, 5, 3, 9}}, kind}}, .number = {__VA_ARGS__}}
/* clang-format on */

BUILD(scale, cupel_scale(in[0], one->number[0], one->number[1]))
CASES(scale) = {
    UNARY_CASES("affine", build_scale, CASE_NORMAL, -2.5, 1),
    UNARY_CASES("factor", build_scale, CASE_NORMAL, 0.3, 0),
    {"block", build_scale, {{{1, {1024}}}}, .number = {0.3, 2}},
    {"block-of-halves-and-one", build_scale, {{{1, {2049}}}}, .number = {0.3, 2}},
    {"blocks", build_scale, {{{2, {65, 63}}}}, .number = {0.3, 2}},
    {0},
};

BUILD(exp, cupel_exp(in[0]))
CASES(exp) = {UNARY_CASES("normal", build_exp, CASE_NORMAL), {0}};

BUILD(log, cupel_log(in[0]))
CASES(log) = {UNARY_CASES("positive", build_log, CASE_POSITIVE), {0}};

BUILD(sqrt, cupel_sqrt(in[0]))
CASES(sqrt) = {UNARY_CASES("positive", build_sqrt, CASE_POSITIVE), {0}};

BUILD(power, cupel_power(in[0], one->number[0]))
CASES(power) = {
    UNARY_CASES("square", build_power, CASE_NORMAL, 2),
    UNARY_CASES("cube", build_power, CASE_NORMAL, 3),
    UNARY_CASES("third", build_power, CASE_POSITIVE, 1. / 3),
    UNARY_CASES("inverse", build_power, CASE_POSITIVE, -1),
    UNARY_CASES("zero", build_power, CASE_NORMAL, 0),
    {0},
};

BUILD(abs, cupel_abs(in[0]))
CASES(abs) = {UNARY_CASES("normal", build_abs, CASE_NORMAL), {0}};

BUILD(sign, cupel_sign(in[0]))
BUILD(sign_relu, cupel_sign(cupel_relu(in[0])))
CASES(sign) = {
    UNARY_CASES("normal", build_sign, CASE_NORMAL),
    {"zeros", build_sign_relu, {{{2, {5, 7}}}}, .no_grad = true},
    {0},
};

BUILD(step, cupel_step(in[0]))
BUILD(step_relu, cupel_step(cupel_relu(in[0])))
CASES(step) = {
    UNARY_CASES("normal", build_step, CASE_NORMAL),
    {"zeros", build_step_relu, {{{2, {5, 7}}}}, .no_grad = true},
    {0},
};

BUILD(clamp, cupel_clamp(in[0], one->number[0], one->number[1]))
CASES(clamp) = {
    UNARY_CASES("both", build_clamp, CASE_NORMAL, -0.4, 0.9),
    UNARY_CASES("below", build_clamp, CASE_NORMAL, 0, INFINITY),
    {0},
};

BUILD(clamp_grad, NODE_ADD(clamp_grad, ATTR(number, .a = one->number[0], .b = one->number[1]), in[0], in[1]))
/* On the bounds, which are numbers of every type. */
BUILD(clamp_grad_bounds,
      NODE_ADD(clamp_grad, ATTR(number, .a = -0.5, .b = 0.75), cupel_clamp(in[0], -0.5, 0.75), in[1]))
CASES(clamp_grad) = {
    {"bounds", build_clamp_grad_bounds, {{{2, {5, 7}}}, {{2, {5, 7}}}}, .no_grad = true},
    {"one", build_clamp_grad, {{{1, {1}}}, {{1, {1}}}}, .number = {-2, 2}},
    {"ragged", build_clamp_grad, {{{2, {31, 33}}}, {{2, {31, 33}}}}, .number = {-0.4, 0.9}},
    {"images", build_clamp_grad, {{{4, {2, 5, 3, 9}}}, {{4, {2, 5, 3, 9}}}}, .number = {-0.4, 0.9}},
    {0},
};

/* ---- bias ---- */

BUILD(bias_add, cupel_bias_add(in[0], in[1]))
/* Twice, so that the second takes what the first made, in the layout that the plan likes, and may overwrite
 * it. */
BUILD(bias_add_twice, cupel_bias_add(cupel_bias_add(in[0], in[1]), in[2]))
CASES(bias_add) = {
    {"one", build_bias_add, {{{2, {1, 1}}}, {{1, {1}}}}},
    {"rows", build_bias_add, {{{2, {5, 33}}}, {{1, {33}}}}},
    {"sequences", build_bias_add, {{{3, {3, 7, 5}}}, {{1, {7}}}}},
    {"images", build_bias_add, {{{4, {2, 5, 3, 9}}}, {{1, {5}}}}},
    {"pixels", build_bias_add, {{{4, {3, 17, 1, 1}}}, {{1, {17}}}}},
    {"many-channels", build_bias_add, {{{4, {2, 24, 7, 5}}}, {{1, {24}}}}},
    {"blocks", build_bias_add, {{{4, {5, 40, 3, 7}}}, {{1, {40}}}}},
    {"few-columns", build_bias_add, {{{2, {700, 3}}}, {{1, {3}}}}},
    {"one-channel", build_bias_add, {{{4, {3, 1, 5, 5}}}, {{1, {1}}}}},
    {"long", build_bias_add, {{{3, {2, 3, 333}}}, {{1, {3}}}}},
    {"twice", build_bias_add_twice, {{{4, {2, 5, 3, 9}}}, {{1, {5}}}, {{1, {5}}}}},
    {0},
};
