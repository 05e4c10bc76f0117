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
    /* Rows of one chunk and of several, in vectors and not, by a warp and by a block. */
    {"warp-vectors", build_softmax, {{{2, {9, 132}}}}, .arg = {1}},
    {"warp-full", build_softmax, {{{2, {3, 512}}}}, .arg = {1}},
    {"warp-ragged", build_softmax, {{{2, {5, 255}}}}, .arg = {1}},
    {"block", build_softmax, {{{2, {2, 257}}}}, .arg = {1}},
    {"block-vectors", build_softmax, {{{2, {3, 516}}}}, .arg = {1}},
    {"long", build_softmax, {{{2, {2, 2051}}}}, .arg = {1}},
    {"long-vectors", build_softmax, {{{1, {4100}}}}, .arg = {0}},
    {"many-lines", build_softmax, {{{3, {3, 19, 31}}}}, .arg = {1}},
    /* In 16 bits, x itself would be off. */
    {"far", build_softmax, {{{2, {5, 7}}}}, .arg = {1}, .number = {1, 1e3}, .tolerance = 1e-4, .half = -1},
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
    {"warp-vectors", build_softmax_grad, {{{2, {9, 132}}, CASE_UNIT}, {{2, {9, 132}}}}, .arg = {1}},
    {"warp-ragged", build_softmax_grad, {{{2, {5, 255}}, CASE_UNIT}, {{2, {5, 255}}}}, .arg = {1}},
    {"block", build_softmax_grad, {{{2, {2, 257}}, CASE_UNIT}, {{2, {2, 257}}}}, .arg = {1}},
    {"block-vectors", build_softmax_grad, {{{2, {3, 516}}, CASE_UNIT}, {{2, {3, 516}}}}, .arg = {1}},
    {"long", build_softmax_grad, {{{2, {2, 2051}}, CASE_UNIT}, {{2, {2, 2051}}}}, .arg = {1}},
    {"long-vectors", build_softmax_grad, {{{1, {4100}}, CASE_UNIT}, {{1, {4100}}}}, .arg = {0}},
    {"many-lines", build_softmax_grad, {{{3, {3, 19, 31}}, CASE_UNIT}, {{3, {3, 19, 31}}}}, .arg = {1}},
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
    /* Rows of one chunk and of several, in vectors and not, by a warp and by a block. */
    {"warp-vectors", build_log_softmax, {{{2, {9, 132}}}}, .arg = {1}},
    {"warp-full", build_log_softmax, {{{2, {3, 512}}}}, .arg = {1}},
    {"warp-ragged", build_log_softmax, {{{2, {5, 255}}}}, .arg = {1}},
    {"block", build_log_softmax, {{{2, {2, 257}}}}, .arg = {1}},
    {"block-vectors", build_log_softmax, {{{2, {3, 516}}}}, .arg = {1}},
    {"long", build_log_softmax, {{{2, {2, 2051}}}}, .arg = {1}},
    {"long-vectors", build_log_softmax, {{{1, {4100}}}}, .arg = {0}},
    {"many-lines", build_log_softmax, {{{3, {3, 19, 31}}}}, .arg = {1}},
    /* In 16 bits, x itself would be off. */
    {"far",
     build_log_softmax,
     {{{2, {5, 7}}}},
     .arg = {1},
     .number = {1, 1e3},
     .tolerance = 1e-4,
     .half = -1},
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
    {"warp-vectors", build_log_softmax_grad, {{{2, {9, 132}}}, {{2, {9, 132}}}}, .arg = {1}},
    {"warp-ragged", build_log_softmax_grad, {{{2, {5, 255}}}, {{2, {5, 255}}}}, .arg = {1}},
    {"block", build_log_softmax_grad, {{{2, {2, 257}}}, {{2, {2, 257}}}}, .arg = {1}},
    {"block-vectors", build_log_softmax_grad, {{{2, {3, 516}}}, {{2, {3, 516}}}}, .arg = {1}},
    {"long", build_log_softmax_grad, {{{2, {2, 2051}}}, {{2, {2, 2051}}}}, .arg = {1}},
    {"long-vectors", build_log_softmax_grad, {{{1, {4100}}}, {{1, {4100}}}}, .arg = {0}},
    {"many-lines", build_log_softmax_grad, {{{3, {3, 19, 31}}}, {{3, {3, 19, 31}}}}, .arg = {1}},
    {0},
};
