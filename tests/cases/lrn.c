/* Cases of local response normalisation. arg[0]: size; number: alpha, beta, k. Alphas are large, for numbers to tell. */
#include "case.h"

static union attr attr_of(const struct op_case *one) {
    const double *number = one->number;
    return (union attr){.lrn = {one->arg[0], number[0], number[1], number[2]}};
}

static void build_lrn(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    const union attr attr = attr_of(one);
    out[0] = cupel_lrn(in[0], &attr.lrn);
}
CASES(lrn) = {
    {"one", build_lrn, {{{4, {1, 1, 1, 1}}}}, {1}, {1, 0.75, 1}, .once = true},
    {"five", build_lrn, {{{4, {2, 7, 3, 4}}}}, {5}, {2, 0.75, 1}, .once = true},
    {"as-in-alexnet", build_lrn, {{{4, {2, 16, 3, 5}}}}, {5}, {1e-4, 0.75, 2}, .once = true},
    {"even", build_lrn, {{{4, {1, 9, 5, 3}}}}, {4}, {2, 0.6, 0.5}, .once = true},
    {"two", build_lrn, {{{4, {1, 3, 3, 3}}}}, {2}, {1, 1, 1}, .once = true},
    {"wider-than-channels", build_lrn, {{{4, {2, 3, 2, 5}}}}, {9}, {3, 0.75, 1}, .once = true},
    {"wider-than-a-group", build_lrn, {{{4, {1, 40, 3, 3}}}}, {19}, {3, 0.75, 1}, .once = true},
    {"one-channel", build_lrn, {{{4, {3, 1, 5, 7}}}}, {5}, {2, 0.75, 1}, .once = true},
    {"vectors", build_lrn, {{{4, {2, 24, 3, 5}}}}, {6}, {2, 0.75, 1}, .once = true},
    {"blocks", build_lrn, {{{4, {5, 33, 7, 9}}}}, {3}, {1, 0.75, 1}, .once = true},
    {"blocks-of-vectors", build_lrn, {{{4, {5, 32, 9, 7}}}}, {5}, {1, 0.75, 1}, .once = true},
    {"strips", build_lrn, {{{4, {1, 130, 16, 17}}}}, {5}, {1, 0.75, 1}, .once = true},
    {"lines", build_lrn, {{{4, {3, 65, 7, 11}}}}, {5}, {1, 0.75, 1}, .once = true},
    {0},
};

/* Inputs: the result of an lrn, its scale, and a gradient. */
static void build_lrn_grad(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    const union attr attr = attr_of(one);
    out[0] = NODE_ADD(lrn_grad, &attr, in[0], in[1], in[2]);
}
#define LRN_GRAD(name, size, alpha, beta, ...)                                                         \
    {                                                                                                  \
        name, build_lrn_grad,                                                                          \
            {{{4, {__VA_ARGS__}}}, {{4, {__VA_ARGS__}}, CASE_POSITIVE}, {{4, {__VA_ARGS__}}}}, {size}, \
            {alpha, beta, 1}, .no_grad = true                                                          \
    }
CASES(lrn_grad) = {
    LRN_GRAD("one", 1, 1, 0.75, 1, 1, 1, 1),
    LRN_GRAD("five", 5, 2, 0.75, 2, 7, 3, 4),
    LRN_GRAD("even", 4, 2, 0.6, 1, 9, 5, 3),
    LRN_GRAD("two", 2, 1, 1, 1, 3, 3, 3),
    LRN_GRAD("wider-than-channels", 9, 3, 0.75, 2, 3, 2, 5),
    LRN_GRAD("wider-than-a-group", 19, 3, 0.75, 1, 40, 3, 3),
    LRN_GRAD("one-channel", 5, 2, 0.75, 3, 1, 5, 7),
    LRN_GRAD("vectors", 6, 2, 0.75, 2, 24, 3, 5),
    LRN_GRAD("blocks", 3, 1, 0.75, 5, 33, 7, 9),
    LRN_GRAD("blocks-of-vectors", 5, 1, 0.75, 5, 32, 9, 7),
    LRN_GRAD("strips", 5, 1, 0.75, 1, 130, 16, 17),
    LRN_GRAD("lines", 5, 1, 0.75, 3, 65, 7, 11),
    {0},
};
