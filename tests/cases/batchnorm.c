/* Cases of batch normalisation. */
#include "case.h"

/* x, weight, bias, running mean and variance; number: momentum, eps, a shift of x; arg[0]: x has the
 * layout that the device likes best; arg[1]: y is the only output; arg[2]: what is added to the first element of all. */
static void build_batchnorm(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    struct cupel_tensor *x = one->arg[0] ? favourite_layout(in[0]) : in[0];
    if (one->number[2] != 0) x = cupel_scale(x, 1, one->number[2]);
    if (one->arg[2] && x) {
        struct cupel_tensor *first =
            cupel_fill(cupel_tensor_graph(x), &CUPEL_SHAPE(1, 1, 1, 1), (double)one->arg[2]);
        x = cupel_add(x, cupel_pad(first, (int64_t[4]){0}, cupel_tensor_shape(x)));
    }
    out[0] = cupel_batchnorm(x, in[1], in[2], in[3], in[4], one->number[0], one->number[1]);
    for (int i = 1; out[0] && i < (one->arg[1] ? 1 : 5); i++) out[i] = out[0] + i;
}
#define CHANNELS(c)                       \
    {{1, {c}}}, {{1, {c}}}, {{1, {c}}}, { \
        {1, {c}}, CASE_POSITIVE           \
    }
CASES(batchnorm) = {
    {"first-far-out",
     build_batchnorm,
     {{{4, {16, 2, 16, 16}}}, CHANNELS(2)},
     .number = {0.1, 1e-5},
     .arg = {0, 0, 100}},
    {"pair", build_batchnorm, {{{2, {2, 1}}}, CHANNELS(1)}, .number = {0.1, 0.1}},
    {"rows", build_batchnorm, {{{2, {5, 7}}}, CHANNELS(7)}, .number = {0.1, 1e-2}},
    {"sequence", build_batchnorm, {{{3, {3, 4, 5}}}, CHANNELS(4)}, .number = {0.1, 1e-5}},
    {"one-image", build_batchnorm, {{{4, {1, 3, 5, 7}}}, CHANNELS(3)}, .number = {0.1, 1e-5}},
    {"one-channel", build_batchnorm, {{{4, {4, 1, 3, 3}}}, CHANNELS(1)}, .number = {0.1, 1e-5}},
    {"one-pixel", build_batchnorm, {{{4, {9, 5, 1, 1}}}, CHANNELS(5)}, .number = {0.1, 1e-3}},
    {"ragged", build_batchnorm, {{{4, {3, 5, 7, 3}}}, CHANNELS(5)}, .number = {0.3, 1e-3}, .arg = {1}},
    {"result-only",
     build_batchnorm,
     {{{4, {2, 3, 5, 3}}}, CHANNELS(3)},
     .number = {0.1, 1e-5},
     .arg = {1, 1}},
    /* Vectors, or not, along channels and planes; several splits of a channel; several blocks of channels. */
    {"block-less", build_batchnorm, {{{2, {255, 1}}}, CHANNELS(1)}, .number = {0.1, 1e-5}},
    {"block-more", build_batchnorm, {{{2, {257, 1}}}, CHANNELS(1)}, .number = {0.1, 1e-5}},
    {"eights", build_batchnorm, {{{4, {2, 8, 3, 5}}}, CHANNELS(8)}, .number = {0.1, 1e-5}},
    {"planes-of-eights", build_batchnorm, {{{4, {3, 5, 4, 6}}}, CHANNELS(5)}, .number = {0.1, 1e-5}},
    {"rows-of-eights", build_batchnorm, {{{4, {5, 8, 15, 15}}}, CHANNELS(8)}, .number = {0.1, 1e-5}},
    {"wide", build_batchnorm, {{{2, {59, 264}}}, CHANNELS(264)}, .number = {0.1, 1e-5}},
    {"wide-ragged", build_batchnorm, {{{2, {43, 131}}}, CHANNELS(131)}, .number = {0.1, 1e-5}},
    {"large-planes", build_batchnorm, {{{4, {2, 2, 65, 64}}}, CHANNELS(2)}, .number = {0.1, 1e-5}},
    {"large-ragged", build_batchnorm, {{{4, {3, 2, 27, 27}}}, CHANNELS(2)}, .number = {0.1, 1e-5}},
    {"many-splits", build_batchnorm, {{{2, {1091, 63}}}, CHANNELS(63)}, .number = {0.1, 1e-5}},
    {"momentum-0", build_batchnorm, {{{2, {7, 3}}}, CHANNELS(3)}, .number = {0, 1e-5}},
    {"momentum-1", build_batchnorm, {{{2, {7, 3}}}, CHANNELS(3)}, .number = {1, 0.5}},
    /* A variance from the mean of squares would be noise here; in 16 bits, x itself is. */
    {"far",
     build_batchnorm,
     {{{2, {9, 3}}}, CHANNELS(3)},
     .number = {0.1, 1e-5, 1e3},
     .tolerance = 3e-4,
     .half = -1},
    {0},
};

/* An activation of batchnorm, or of batchnorm_eval with arg[0], and with it the gradients: of its sum with in[5] as
 * weights. number: momentum, eps, slope of leaky_relu or 0 for relu; arg[1]: x has the layout that the device likes best;
 * arg[2]: what is normalised has a second reader. */
static void build_activated(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    struct cupel_tensor *x = one->arg[1] ? favourite_layout(in[0]) : in[0], *targets[] = {x, in[1], in[2]};
    const double momentum = one->number[0], eps = one->number[1], slope = one->number[2];
    struct cupel_tensor *normal = one->arg[0] ? cupel_batchnorm_eval(x, in[1], in[2], in[3], in[4], eps)
                                              : cupel_batchnorm(x, in[1], in[2], in[3], in[4], momentum, eps);
    struct cupel_tensor *y = slope > 0 ? cupel_leaky_relu(normal, slope) : cupel_relu(normal);
    out[0] = y;
    if (one->arg[2]) y = cupel_add(y, normal);
    cupel_grad(cupel_sum(cupel_mul(y, in[5]), CUPEL_ALL_AXES, false), NULL, targets, 3, out + 1);
}

/* x, weight, mean, invstd, dy, each for itself: the row is a function of all five. */
static void build_batchnorm_grad(const struct op_case *one, struct cupel_tensor **in,
                                 struct cupel_tensor **out) {
    struct cupel_tensor *x = one->arg[0] ? favourite_layout(in[0]) : in[0];
    struct cupel_tensor *dy = one->arg[1] ? favourite_layout(in[4]) : in[4];
    out[0] = NODE_ADD(batchnorm_grad, NULL, x, in[1], in[2], in[3], dy);
    for (int i = 1; out[0] && i < 3; i++) out[i] = out[0] + i;
}
#define STATISTICS(c)           \
    {{1, {c}}}, {{1, {c}}}, {   \
        {1, {c}}, CASE_POSITIVE \
    }
CASES(batchnorm_grad) = {
    {"pair", build_batchnorm_grad, {{{2, {2, 1}}}, STATISTICS(1), {{2, {2, 1}}}}},
    {"rows", build_batchnorm_grad, {{{2, {5, 7}}}, STATISTICS(7), {{2, {5, 7}}}}},
    {"sequence", build_batchnorm_grad, {{{3, {3, 4, 5}}}, STATISTICS(4), {{3, {3, 4, 5}}}}},
    {"images", build_batchnorm_grad, {{{4, {3, 5, 3, 2}}}, STATISTICS(5), {{4, {3, 5, 3, 2}}}}},
    {"layouts",
     build_batchnorm_grad,
     {{{4, {1, 3, 5, 3}}}, STATISTICS(3), {{4, {1, 3, 5, 3}}}},
     .arg = {1, 0}},
    {"layout",
     build_batchnorm_grad,
     {{{4, {2, 3, 2, 3}}}, STATISTICS(3), {{4, {2, 3, 2, 3}}}},
     .arg = {1, 1}},
    {"eights", build_batchnorm_grad, {{{4, {2, 8, 3, 5}}}, STATISTICS(8), {{4, {2, 8, 3, 5}}}}},
    {"planes-of-eights", build_batchnorm_grad, {{{4, {3, 5, 4, 6}}}, STATISTICS(5), {{4, {3, 5, 4, 6}}}}},
    {"rows-of-eights", build_batchnorm_grad, {{{4, {5, 8, 15, 15}}}, STATISTICS(8), {{4, {5, 8, 15, 15}}}}},
    {"wide", build_batchnorm_grad, {{{2, {59, 264}}}, STATISTICS(264), {{2, {59, 264}}}}},
    {"wide-ragged", build_batchnorm_grad, {{{2, {43, 131}}}, STATISTICS(131), {{2, {43, 131}}}}},
    {"large-planes", build_batchnorm_grad, {{{4, {2, 2, 65, 64}}}, STATISTICS(2), {{4, {2, 2, 65, 64}}}}},
    {"large-ragged", build_batchnorm_grad, {{{4, {3, 2, 27, 27}}}, STATISTICS(2), {{4, {3, 2, 27, 27}}}}},
    {"many-splits", build_batchnorm_grad, {{{2, {1091, 63}}}, STATISTICS(63), {{2, {1091, 63}}}}},
    /* Back through activations too, where plans may do that. */
    {"relu-rows",
     build_activated,
     {{{2, {5, 7}}}, CHANNELS(7), {{2, {5, 7}}}},
     .number = {0.1, 1e-3},
     .arg = {0, 0}},
    {"leaky-rows",
     build_activated,
     {{{2, {5, 7}}}, CHANNELS(7), {{2, {5, 7}}}},
     .number = {0.1, 1e-3, 0.2},
     .arg = {0, 0}},
    {"relu-images",
     build_activated,
     {{{4, {3, 5, 7, 3}}}, CHANNELS(5), {{4, {3, 5, 7, 3}}}},
     .number = {0.1, 1e-3},
     .arg = {0, 0}},
    {"leaky-images",
     build_activated,
     {{{4, {3, 5, 7, 3}}}, CHANNELS(5), {{4, {3, 5, 7, 3}}}},
     .number = {0.1, 1e-3, 0.2},
     .arg = {0, 0}},
    {"relu-layout",
     build_activated,
     {{{4, {2, 3, 5, 3}}}, CHANNELS(3), {{4, {2, 3, 5, 3}}}},
     .number = {0.1, 1e-3},
     .arg = {0, 1}},
    {"leaky-layout",
     build_activated,
     {{{4, {2, 3, 5, 3}}}, CHANNELS(3), {{4, {2, 3, 5, 3}}}},
     .number = {0.1, 1e-3, 0.2},
     .arg = {0, 1}},
    {"relu-eights",
     build_activated,
     {{{4, {3, 8, 5, 3}}}, CHANNELS(8), {{4, {3, 8, 5, 3}}}},
     .number = {0.1, 1e-3},
     .arg = {0, 1}},
    {"leaky-eights",
     build_activated,
     {{{4, {3, 8, 5, 3}}}, CHANNELS(8), {{4, {3, 8, 5, 3}}}},
     .number = {0.1, 1e-3, 0.2},
     .arg = {0, 1}},
    {"relu-planes-of-eights",
     build_activated,
     {{{4, {2, 3, 4, 6}}}, CHANNELS(3), {{4, {2, 3, 4, 6}}}},
     .number = {0.1, 1e-3},
     .arg = {0, 0}},
    {"leaky-planes-of-eights",
     build_activated,
     {{{4, {2, 3, 4, 6}}}, CHANNELS(3), {{4, {2, 3, 4, 6}}}},
     .number = {0.1, 1e-3, 0.2},
     .arg = {0, 0}},
    {"relu-large",
     build_activated,
     {{{4, {5, 8, 15, 15}}}, CHANNELS(8), {{4, {5, 8, 15, 15}}}},
     .number = {0.1, 1e-3},
     .arg = {0}},
    {"leaky-two-readers",
     build_activated,
     {{{2, {9, 4}}}, CHANNELS(4), {{2, {9, 4}}}},
     .number = {0.1, 1e-3, 0.2},
     .arg = {0, 0, 1}},
    {0},
};

static void build_batchnorm_eval(const struct op_case *one, struct cupel_tensor **in,
                                 struct cupel_tensor **out) {
    struct cupel_tensor *x = one->arg[0] ? favourite_layout(in[0]) : in[0];
    out[0] = cupel_batchnorm_eval(x, in[1], in[2], in[3], in[4], one->number[0]);
}
CASES(batchnorm_eval) = {
    {"one", build_batchnorm_eval, {{{2, {1, 1}}}, CHANNELS(1)}, .number = {1e-5}},
    {"rows", build_batchnorm_eval, {{{2, {5, 7}}}, CHANNELS(7)}, .number = {1e-3}},
    {"sequence", build_batchnorm_eval, {{{3, {3, 4, 5}}}, CHANNELS(4)}, .number = {1e-5}},
    {"images", build_batchnorm_eval, {{{4, {3, 5, 7, 3}}}, CHANNELS(5)}, .number = {0.1}},
    {"layout", build_batchnorm_eval, {{{4, {2, 3, 5, 3}}}, CHANNELS(3)}, .number = {1e-5}, .arg = {1}},
    {"eights", build_batchnorm_eval, {{{4, {2, 8, 3, 5}}}, CHANNELS(8)}, .number = {1e-5}},
    {"planes-of-eights", build_batchnorm_eval, {{{4, {3, 5, 4, 6}}}, CHANNELS(5)}, .number = {1e-5}},
    {"wide", build_batchnorm_eval, {{{2, {59, 264}}}, CHANNELS(264)}, .number = {1e-5}},
    {"large-planes", build_batchnorm_eval, {{{4, {2, 2, 65, 64}}}, CHANNELS(2)}, .number = {1e-5}},
    {"large-ragged", build_batchnorm_eval, {{{4, {3, 2, 27, 27}}}, CHANNELS(2)}, .number = {1e-5}},
    /* Activations are part of the node, where plans may do that. */
    {"relu-rows",
     build_activated,
     {{{2, {5, 7}}}, CHANNELS(7), {{2, {5, 7}}}},
     .number = {0.1, 1e-3},
     .arg = {1, 0}},
    {"leaky-rows",
     build_activated,
     {{{2, {5, 7}}}, CHANNELS(7), {{2, {5, 7}}}},
     .number = {0.1, 1e-3, 0.2},
     .arg = {1, 0}},
    {"relu-images",
     build_activated,
     {{{4, {3, 5, 7, 3}}}, CHANNELS(5), {{4, {3, 5, 7, 3}}}},
     .number = {0.1, 1e-3},
     .arg = {1, 0}},
    {"leaky-images",
     build_activated,
     {{{4, {3, 5, 7, 3}}}, CHANNELS(5), {{4, {3, 5, 7, 3}}}},
     .number = {0.1, 1e-3, 0.2},
     .arg = {1, 0}},
    {"relu-layout",
     build_activated,
     {{{4, {2, 3, 5, 3}}}, CHANNELS(3), {{4, {2, 3, 5, 3}}}},
     .number = {0.1, 1e-3},
     .arg = {1, 1}},
    {"leaky-layout",
     build_activated,
     {{{4, {2, 3, 5, 3}}}, CHANNELS(3), {{4, {2, 3, 5, 3}}}},
     .number = {0.1, 1e-3, 0.2},
     .arg = {1, 1}},
    {"relu-eights",
     build_activated,
     {{{4, {3, 8, 5, 3}}}, CHANNELS(8), {{4, {3, 8, 5, 3}}}},
     .number = {0.1, 1e-3},
     .arg = {1, 1}},
    {"leaky-eights",
     build_activated,
     {{{4, {3, 8, 5, 3}}}, CHANNELS(8), {{4, {3, 8, 5, 3}}}},
     .number = {0.1, 1e-3, 0.2},
     .arg = {1, 1}},
    {"relu-planes-of-eights",
     build_activated,
     {{{4, {2, 3, 4, 6}}}, CHANNELS(3), {{4, {2, 3, 4, 6}}}},
     .number = {0.1, 1e-3},
     .arg = {1, 0}},
    {"leaky-planes-of-eights",
     build_activated,
     {{{4, {2, 3, 4, 6}}}, CHANNELS(3), {{4, {2, 3, 4, 6}}}},
     .number = {0.1, 1e-3, 0.2},
     .arg = {1, 0}},
    {0},
};
