/* Cases of softmax and its logarithm. */
#include "case.h"

/* in[0] scaled and shifted: exp must not overflow. arg[0] is the axis. */
static struct cupel_tensor *stretch(const struct op_case *one, struct cupel_tensor *x) {
    const double factor = one->number[0];
    return factor != 0 ? cupel_scale(x, factor, one->number[1]) : x;
}

static void build_softmax(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    out[0] = cupel_softmax(stretch(one, in[0]), (int)one->arg[0]);
}
CASES(softmax) = {
    {"one", build_softmax, {{{1, {1}}}}},
    {"one-class", build_softmax, {{{2, {3, 1}}}}, .arg = {1}},
    {"one-row", build_softmax, {{{2, {1, 10}}}}, .arg = {1}},
    {"last", build_softmax, {{{2, {33, 17}}}}, .arg = {-1}},
    {"first", build_softmax, {{{2, {7, 5}}}}, .arg = {0}},
    {"middle", build_softmax, {{{3, {3, 7, 5}}}}, .arg = {1}},
    {"images", build_softmax, {{{4, {2, 5, 3, 3}}}}, .arg = {1}},
    {"images-last", build_softmax, {{{4, {2, 5, 3, 7}}}}, .arg = {3}},
    {"huge", build_softmax, {{{2, {5, 7}}}}, .arg = {1}, .number = {1e4, 0}},
    {"far", build_softmax, {{{2, {5, 7}}}}, .arg = {1}, .number = {1, 1e3}, .tolerance = 1e-4},
    {0},
};

static void build_softmax_grad(const struct op_case *one, struct cupel_tensor **in,
                               struct cupel_tensor **out) {
    out[0] = NODE_ADD(softmax_grad, ATTR(shape, .axis = {(int)one->arg[0]}), in[0], in[1]);
}
CASES(softmax_grad) = {
    {"one-class", build_softmax_grad, {{{2, {3, 1}}, CASE_UNIT}, {{2, {3, 1}}}}, .arg = {1}},
    {"last", build_softmax_grad, {{{2, {5, 17}}, CASE_UNIT}, {{2, {5, 17}}}}, .arg = {-1}},
    {"first", build_softmax_grad, {{{2, {7, 5}}, CASE_UNIT}, {{2, {7, 5}}}}, .arg = {0}},
    {"middle", build_softmax_grad, {{{4, {2, 5, 3, 3}}, CASE_UNIT}, {{4, {2, 5, 3, 3}}}}, .arg = {1}},
    {0},
};

static void build_log_softmax(const struct op_case *one, struct cupel_tensor **in,
                              struct cupel_tensor **out) {
    out[0] = cupel_log_softmax(stretch(one, in[0]), (int)one->arg[0]);
}
CASES(log_softmax) = {
    {"one", build_log_softmax, {{{1, {1}}}}},
    {"one-class", build_log_softmax, {{{2, {3, 1}}}}, .arg = {1}},
    {"one-row", build_log_softmax, {{{2, {1, 10}}}}, .arg = {1}},
    {"last", build_log_softmax, {{{2, {33, 17}}}}, .arg = {-1}},
    {"first", build_log_softmax, {{{2, {7, 5}}}}, .arg = {0}},
    {"middle", build_log_softmax, {{{3, {3, 7, 5}}}}, .arg = {1}},
    {"images", build_log_softmax, {{{4, {2, 5, 3, 3}}}}, .arg = {1}},
    {"huge", build_log_softmax, {{{2, {5, 7}}}}, .arg = {1}, .number = {1e4, 0}},
    {"far", build_log_softmax, {{{2, {5, 7}}}}, .arg = {1}, .number = {1, 1e3}, .tolerance = 1e-4},
    {0},
};

static void build_log_softmax_grad(const struct op_case *one, struct cupel_tensor **in,
                                   struct cupel_tensor **out) {
    out[0] = NODE_ADD(log_softmax_grad, ATTR(shape, .axis = {(int)one->arg[0]}), in[0], in[1]);
}
CASES(log_softmax_grad) = {
    {"one-class", build_log_softmax_grad, {{{2, {3, 1}}}, {{2, {3, 1}}}}, .arg = {1}},
    {"last", build_log_softmax_grad, {{{2, {5, 17}}}, {{2, {5, 17}}}}, .arg = {-1}},
    {"first", build_log_softmax_grad, {{{2, {7, 5}}}, {{2, {7, 5}}}}, .arg = {0}},
    {"middle", build_log_softmax_grad, {{{4, {2, 5, 3, 3}}}, {{4, {2, 5, 3, 3}}}}, .arg = {1}},
    {0},
};
