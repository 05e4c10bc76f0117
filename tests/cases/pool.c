/* Cases of pooling. arg: kernel, stride, pad (vertical, horizontal), ceil_mode, exclude_pad, then the image's
 * H, W; number[0]: divisor. Of adaptive pools: the size, then the image's H, W. */
#include "case.h"

static struct cupel_pool pool_of(const struct op_case *one) {
    const int64_t *arg = one->arg;
    return (struct cupel_pool){.kernel = {(int)arg[0], (int)arg[1]},
                               .stride = {(int)arg[2], (int)arg[3]},
                               .pad = {(int)arg[4], (int)arg[5]},
                               .ceil_mode = arg[6],
                               .exclude_pad = arg[7],
                               .divisor = (int)one->number[0]};
}

#define IMAGE(n, c, h, w) \
    { {4, {n, c, h, w}}, CASE_DISTINCT }

/* ---- max ---- */

static void build_maxpool(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    const struct cupel_pool pool = pool_of(one);
    out[0] = cupel_maxpool(in[0], &pool);
    out[1] = out[0] ? &out[0]->node->out[1] : NULL;
}
/* Of an activation with a bias: plans change the order of its gradients. */
static void build_maxpool_layer(const struct op_case *one, struct cupel_tensor **in,
                                struct cupel_tensor **out) {
    const struct cupel_pool pool = pool_of(one);
    struct cupel_tensor *x = cupel_bias_add(in[0], in[1]);
    out[0] = cupel_maxpool(one->arg[10] ? cupel_tanh(x) : cupel_leaky_relu(x, 0.25), &pool);
}
/* Of numbers that tie: with arg[10], of -infinities and zeros, else of NaNs and ones. */
static void build_maxpool_ties(const struct op_case *one, struct cupel_tensor **in,
                               struct cupel_tensor **out) {
    const struct cupel_pool pool = pool_of(one);
    struct cupel_tensor *x = one->arg[10] ? cupel_step(in[0]) : cupel_scale(cupel_sign(in[0]), 1, 1e-3);
    out[1] = cupel_maxpool(cupel_log(x), &pool);
    out[0] = out[1] ? &out[1]->node->out[1] : NULL;
    out[1] = cupel_step(cupel_scale(out[1], 1, 0.5));
}
static void build_adaptive_maxpool(const struct op_case *one, struct cupel_tensor **in,
                                   struct cupel_tensor **out) {
    out[0] = cupel_adaptive_maxpool(in[0], one->arg);
    out[1] = out[0] ? &out[0]->node->out[1] : NULL;
}
CASES(maxpool) = {
    {"parts-2-of-3", build_adaptive_maxpool, {IMAGE(1, 1, 3, 3)}, {2, 2}},
    {"parts-3-1", build_adaptive_maxpool, {IMAGE(2, 3, 7, 5)}, {3, 1}},
    {"parts-more-than-pixels", build_adaptive_maxpool, {IMAGE(1, 2, 3, 4)}, {5, 7}},
    {"parts-in-vectors", build_adaptive_maxpool, {IMAGE(2, 8, 7, 9)}, {4, 2}},
    {"parts-many", build_adaptive_maxpool, {IMAGE(5, 5, 14, 9)}, {4, 6}},
    {"parts-even", build_adaptive_maxpool, {IMAGE(2, 3, 6, 4)}, {3, 2}},
    {"one", build_maxpool, {IMAGE(1, 1, 1, 1)}, {1, 1}},
    {"k2", build_maxpool, {IMAGE(2, 3, 4, 6)}, {2, 2}},
    {"one-channel", build_maxpool, {IMAGE(3, 1, 4, 5)}, {2, 2}},
    {"k2-unused-edge", build_maxpool, {IMAGE(2, 2, 5, 7)}, {2, 2}},
    {"k3-2-overlapping", build_maxpool, {IMAGE(1, 2, 5, 6)}, {3, 2, 1, 1}},
    {"k3-stride2-pad1", build_maxpool, {IMAGE(2, 5, 5, 8)}, {3, 3, 2, 2, 1, 1}},
    {"k2-5-stride3-1-pad1-2", build_maxpool, {IMAGE(1, 3, 8, 6)}, {2, 5, 3, 1, 1, 2}},
    {"stride-over-kernel", build_maxpool, {IMAGE(1, 3, 7, 8)}, {2, 1, 3, 3}},
    {"ceil", build_maxpool, {IMAGE(2, 2, 5, 7)}, {2, 3, 2, 2, 0, 0, 1}},
    {"ceil-pad-last-dropped", build_maxpool, {IMAGE(1, 2, 4, 5)}, {2, 3, 3, 3, 1, 1, 1}},
    {"kernel-is-image", build_maxpool, {IMAGE(3, 2, 3, 5)}, {3, 5}},
    {"ragged", build_maxpool, {IMAGE(1, 17, 3, 4)}, {2, 3, 1, 1, 1, 0}},
    {"many", build_maxpool, {IMAGE(32, 5, 10, 12)}, {2, 2}},
    {"channels-in-vectors", build_maxpool, {IMAGE(2, 8, 5, 6)}, {3, 2, 2, 1, 1, 1}},
    {"many-channels", build_maxpool, {IMAGE(3, 24, 9, 11)}, {3, 3, 2, 2, 1, 1}},
    {"many-channels-f32", build_maxpool, {IMAGE(5, 20, 8, 11)}, {2, 3, 2, 1, 1, 0}},
    {"nans", build_maxpool_ties, {{{4, {2, 9, 7, 9}}}}, {2, 3, 1, 2}, .no_grad = true},
    {"nans-in-vectors", build_maxpool_ties, {{{4, {2, 8, 7, 9}}}}, {3, 2, 2, 1}, .no_grad = true},
    {"minus-infinities",
     build_maxpool_ties,
     {{{4, {3, 9, 5, 9}}}},
     {2, 2, 1, 2, 1, 1, 0, 0, 0, 0, 1},
     .no_grad = true},
    {"after-leaky-relu", build_maxpool_layer, {IMAGE(2, 3, 4, 5), {{1, {3}}}}, {2, 2}},
    {"after-tanh-overlapping",
     build_maxpool_layer,
     {IMAGE(1, 2, 5, 5), {{1, {2}}}},
     {3, 3, 2, 2, 1, 1, 0, 0, 0, 0, 1}},
    {0},
};

/* Inputs: the image that was pooled and a gradient of its pooled shape. */
static void build_maxpool_grad(const struct op_case *one, struct cupel_tensor **in,
                               struct cupel_tensor **out) {
    const union attr attr = {.pool = {.pool = pool_of(one), .image = {one->arg[8], one->arg[9]}}};
    struct cupel_tensor *y = cupel_maxpool(in[0], &attr.pool.pool);
    out[0] = NODE_ADD(maxpool_grad, &attr, in[1], y ? &y->node->out[1] : NULL);
}
static void build_adaptive_maxpool_grad(const struct op_case *one, struct cupel_tensor **in,
                                        struct cupel_tensor **out) {
    struct cupel_tensor *y = cupel_adaptive_maxpool(in[0], one->arg);
    union attr attr = {.pool = {.parts = {one->arg[0], one->arg[1]}, .image = {one->arg[2], one->arg[3]}}};
    out[0] = NODE_ADD(maxpool_grad, &attr, in[1], y ? &y->node->out[1] : NULL);
}
CASES(maxpool_grad) = {
    {"parts-2-of-3", build_adaptive_maxpool_grad, {IMAGE(1, 1, 3, 3), {{4, {1, 1, 2, 2}}}}, {2, 2, 3, 3}},
    {"parts-3-1", build_adaptive_maxpool_grad, {IMAGE(2, 3, 7, 5), {{4, {2, 3, 3, 1}}}}, {3, 1, 7, 5}},
    {"parts-more-than-pixels",
     build_adaptive_maxpool_grad,
     {IMAGE(1, 2, 3, 4), {{4, {1, 2, 5, 7}}}},
     {5, 7, 3, 4}},
    {"parts-in-vectors", build_adaptive_maxpool_grad, {IMAGE(2, 8, 7, 9), {{4, {2, 8, 4, 2}}}}, {4, 2, 7, 9}},
    {"parts-many", build_adaptive_maxpool_grad, {IMAGE(5, 5, 14, 9), {{4, {5, 5, 4, 6}}}}, {4, 6, 14, 9}},
    {"one", build_maxpool_grad, {IMAGE(1, 1, 1, 1), {{4, {1, 1, 1, 1}}}}, {1, 1, 0, 0, 0, 0, 0, 0, 1, 1}},
    {"k2", build_maxpool_grad, {IMAGE(2, 3, 4, 6), {{4, {2, 3, 2, 3}}}}, {2, 2, 0, 0, 0, 0, 0, 0, 4, 6}},
    {"overlapping",
     build_maxpool_grad,
     {IMAGE(1, 2, 5, 6), {{4, {1, 2, 3, 5}}}},
     {3, 2, 1, 1, 0, 0, 0, 0, 5, 6}},
    {"pad", build_maxpool_grad, {IMAGE(2, 2, 5, 8), {{4, {2, 2, 3, 4}}}}, {3, 3, 2, 2, 1, 1, 0, 0, 5, 8}},
    {"ceil", build_maxpool_grad, {IMAGE(1, 5, 5, 7), {{4, {1, 5, 3, 3}}}}, {2, 3, 2, 2, 0, 0, 1, 0, 5, 7}},
    {"channels-in-vectors",
     build_maxpool_grad,
     {IMAGE(2, 8, 5, 6), {{4, {2, 8, 3, 7}}}},
     {3, 2, 2, 1, 1, 1, 0, 0, 5, 6}},
    {"many-channels",
     build_maxpool_grad,
     {IMAGE(3, 24, 9, 11), {{4, {3, 24, 5, 6}}}},
     {3, 3, 2, 2, 1, 1, 0, 0, 9, 11}},
    {"many",
     build_maxpool_grad,
     {IMAGE(9, 5, 10, 11), {{4, {9, 5, 5, 6}}}},
     {2, 3, 2, 2, 0, 1, 0, 0, 10, 11}},
    {"gaps", build_maxpool_grad, {IMAGE(1, 3, 7, 8), {{4, {1, 3, 2, 3}}}}, {2, 1, 3, 3, 0, 0, 0, 0, 7, 8}},
    {0},
};

/* Inputs: the image that was pooled and another of its shape, from which the same elements are taken. */
static void build_maxpool_pick(const struct op_case *one, struct cupel_tensor **in,
                               struct cupel_tensor **out) {
    const union attr attr = {.pool = {.pool = pool_of(one)}};
    struct cupel_tensor *y = cupel_maxpool(in[0], &attr.pool.pool);
    out[0] = NODE_ADD(maxpool_pick, &attr, in[1], y ? &y->node->out[1] : NULL);
}
static void build_adaptive_maxpool_pick(const struct op_case *one, struct cupel_tensor **in,
                                        struct cupel_tensor **out) {
    struct cupel_tensor *y = cupel_adaptive_maxpool(in[0], one->arg);
    out[0] = NODE_ADD(maxpool_pick, ATTR(pool, .parts = {one->arg[0], one->arg[1]}), in[1],
                      y ? &y->node->out[1] : NULL);
}
CASES(maxpool_pick) = {
    {"parts", build_adaptive_maxpool_pick, {IMAGE(2, 3, 7, 5), {{4, {2, 3, 7, 5}}}}, {3, 2}},
    {"one", build_maxpool_pick, {IMAGE(1, 1, 1, 1), {{4, {1, 1, 1, 1}}}}, {1, 1}},
    {"k2", build_maxpool_pick, {IMAGE(2, 3, 4, 6), {{4, {2, 3, 4, 6}}}}, {2, 2}},
    {"overlapping-pad", build_maxpool_pick, {IMAGE(2, 2, 5, 8), {{4, {2, 2, 5, 8}}}}, {3, 2, 2, 1, 1, 1}},
    {"channels-in-vectors", build_maxpool_pick, {IMAGE(2, 8, 5, 6), {{4, {2, 8, 5, 6}}}}, {3, 2, 2, 1, 1, 1}},
    {"many-channels", build_maxpool_pick, {IMAGE(3, 24, 9, 11), {{4, {3, 24, 9, 11}}}}, {3, 3, 2, 2, 1, 1}},
    {"many", build_maxpool_pick, {IMAGE(9, 5, 10, 11), {{4, {9, 5, 10, 11}}}}, {2, 3, 2, 2, 0, 1}},
    {"ceil", build_maxpool_pick, {IMAGE(1, 5, 5, 7), {{4, {1, 5, 5, 7}}}}, {2, 3, 2, 2, 0, 0, 1}},
    {0},
};

/* ---- average ---- */

static void build_avgpool(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    const struct cupel_pool pool = pool_of(one);
    out[0] = cupel_avgpool(in[0], &pool);
}
BUILD(adaptive_avgpool, cupel_adaptive_avgpool(in[0], one->arg))
CASES(avgpool) = {
    {"parts-2-of-3", build_adaptive_avgpool, {{{4, {1, 1, 3, 3}}}}, {2, 2}},
    {"parts-3-1", build_adaptive_avgpool, {{{4, {2, 3, 7, 5}}}}, {3, 1}},
    {"parts-more-than-pixels", build_adaptive_avgpool, {{{4, {1, 2, 3, 4}}}}, {5, 7}},
    {"parts-in-vectors", build_adaptive_avgpool, {{{4, {2, 8, 7, 9}}}}, {4, 2}},
    {"parts-many", build_adaptive_avgpool, {{{4, {5, 5, 14, 9}}}}, {4, 6}},
    {"parts-even", build_adaptive_avgpool, {{{4, {2, 3, 6, 4}}}}, {3, 2}},
    {"one", build_avgpool, {{{4, {1, 1, 1, 1}}}}, {1, 1}},
    {"k2", build_avgpool, {{{4, {2, 3, 4, 6}}}}, {2, 2}},
    {"k2-unused-edge", build_avgpool, {{{4, {2, 2, 5, 7}}}}, {2, 2}},
    {"k3-2-overlapping", build_avgpool, {{{4, {1, 2, 5, 6}}}}, {3, 2, 1, 1}},
    {"pad", build_avgpool, {{{4, {2, 5, 5, 8}}}}, {3, 3, 2, 2, 1, 1}},
    {"pad-excluded", build_avgpool, {{{4, {2, 2, 5, 8}}}}, {3, 5, 2, 1, 1, 2, 0, 1}},
    {"ceil", build_avgpool, {{{4, {2, 2, 5, 7}}}}, {2, 4, 2, 2, 0, 1, 1}},
    {"ceil-pad-excluded", build_avgpool, {{{4, {1, 2, 6, 7}}}}, {3, 4, 2, 3, 1, 1, 1, 1}},
    {"ceil-pad-last-dropped", build_avgpool, {{{4, {1, 2, 4, 5}}}}, {2, 3, 3, 3, 1, 1, 1}},
    {"stride-over-kernel", build_avgpool, {{{4, {1, 3, 7, 8}}}}, {2, 1, 3, 3}},
    {"kernel-is-image", build_avgpool, {{{4, {3, 2, 3, 5}}}}, {3, 5}},
    {"kernel-covers-image", build_avgpool, {{{4, {3, 8, 3, 5}}}}, {5, 7, 1, 9, 1, 2}},
    {"kernel-covers-image-pad-excluded", build_avgpool, {{{4, {3, 8, 3, 5}}}}, {5, 7, 1, 9, 1, 2, 0, 1}},
    {"kernel-covers-height", build_avgpool, {{{4, {2, 3, 3, 5}}}}, {5, 3, 1, 9, 1, 1}},
    {"channels-in-vectors", build_avgpool, {{{4, {2, 8, 5, 6}}}}, {3, 2, 2, 1, 1, 1}},
    {"many", build_avgpool, {{{4, {9, 5, 10, 11}}}}, {2, 3, 2, 2, 0, 1}},
    {"many-channels", build_avgpool, {{{4, {3, 24, 9, 11}}}}, {3, 3, 2, 2, 1, 1}},
    {"sum", build_avgpool, {{{4, {2, 3, 6, 9}}}}, {2, 3}, {1}},
    {"divisor", build_avgpool, {{{4, {2, 5, 5, 8}}}}, {3, 3, 2, 2, 1, 1}, {7}},
    {"sum-of-plane", build_avgpool, {{{4, {2, 5, 3, 4}}}}, {3, 4}, {1}},
    {"divisor-pad-excluded", build_avgpool, {{{4, {2, 8, 5, 8}}}}, {3, 5, 2, 1, 1, 2, 0, 1}, {3}},
    {"many-of-planes", build_avgpool, {{{4, {2, 24, 28, 29}}}}, {28, 29}},
    {"ragged", build_avgpool, {{{4, {1, 17, 3, 4}}}}, {2, 3, 1, 1, 1, 0}},
    {0},
};

static void build_avgpool_grad(const struct op_case *one, struct cupel_tensor **in,
                               struct cupel_tensor **out) {
    const union attr attr = {.pool = {.pool = pool_of(one), .image = {one->arg[8], one->arg[9]}}};
    out[0] = NODE_ADD(avgpool_grad, &attr, in[0]);
}
/* arg: factors */
BUILD(nearest, cupel_upsample(in[0], one->arg, CUPEL_UPSAMPLE_NEAREST))
BUILD(adaptive_avgpool_grad,
      NODE_ADD(avgpool_grad,
               ATTR(pool, .parts = {one->arg[0], one->arg[1]}, .image = {one->arg[2], one->arg[3]}), in[0]))
CASES(avgpool_grad) = {
    {"parts-2-of-3", build_adaptive_avgpool_grad, {{{4, {1, 1, 2, 2}}}}, {2, 2, 3, 3}},
    {"parts-3-1", build_adaptive_avgpool_grad, {{{4, {2, 3, 3, 1}}}}, {3, 1, 7, 5}},
    {"parts-more-than-pixels", build_adaptive_avgpool_grad, {{{4, {1, 2, 5, 7}}}}, {5, 7, 3, 4}},
    {"parts-in-vectors", build_adaptive_avgpool_grad, {{{4, {2, 8, 4, 2}}}}, {4, 2, 7, 9}},
    {"parts-many", build_adaptive_avgpool_grad, {{{4, {5, 5, 4, 6}}}}, {4, 6, 14, 9}},
    {"nearest-x2", build_nearest, {{{4, {2, 3, 5, 6}}}}, {2, 2}},
    {"nearest-x3-by-1", build_nearest, {{{4, {1, 5, 3, 7}}}}, {3, 1}},
    {"nearest-of-vectors", build_nearest, {{{4, {2, 8, 3, 5}}}}, {1, 4}},
    {"divisor", build_avgpool_grad, {{{4, {2, 5, 3, 4}}}}, {3, 3, 2, 2, 1, 1, 0, 0, 5, 8}, {7}},
    {"one", build_avgpool_grad, {{{4, {1, 1, 1, 1}}}}, {1, 1, 0, 0, 0, 0, 0, 0, 1, 1}},
    {"k2", build_avgpool_grad, {{{4, {2, 3, 2, 3}}}}, {2, 2, 0, 0, 0, 0, 0, 0, 4, 6}},
    {"overlapping", build_avgpool_grad, {{{4, {1, 2, 3, 5}}}}, {3, 2, 1, 1, 0, 0, 0, 0, 5, 6}},
    {"pad", build_avgpool_grad, {{{4, {2, 5, 3, 4}}}}, {3, 3, 2, 2, 1, 1, 0, 0, 5, 8}},
    {"pad-excluded", build_avgpool_grad, {{{4, {2, 2, 3, 8}}}}, {3, 5, 2, 1, 1, 2, 0, 1, 5, 8}},
    {"ceil", build_avgpool_grad, {{{4, {2, 2, 3, 4}}}}, {2, 4, 2, 2, 0, 1, 1, 0, 5, 7}},
    {"channels-in-vectors", build_avgpool_grad, {{{4, {2, 8, 3, 7}}}}, {3, 2, 2, 1, 1, 1, 0, 0, 5, 6}},
    {"many", build_avgpool_grad, {{{4, {9, 5, 5, 6}}}}, {2, 3, 2, 2, 0, 1, 0, 0, 10, 11}},
    {"many-channels", build_avgpool_grad, {{{4, {3, 24, 5, 6}}}}, {3, 3, 2, 2, 1, 1, 0, 1, 9, 11}},
    {"gaps", build_avgpool_grad, {{{4, {1, 3, 2, 3}}}}, {2, 1, 3, 3, 0, 0, 0, 0, 7, 8}},
    {0},
};
