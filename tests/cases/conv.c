/* Cases of the convolutions. arg: stride, pad, dilation (vertical, horizontal), groups, then what a case
 * needs beyond. */
#include "case.h"

static struct cupel_conv conv_of(const struct op_case *one) {
    const int64_t *arg = one->arg;
    return (struct cupel_conv){.stride = {(int)arg[0], (int)arg[1]},
                               .pad = {(int)arg[2], (int)arg[3]},
                               .dilation = {(int)arg[4], (int)arg[5]},
                               .groups = (int)arg[6]};
}

static struct cupel_tensor *bias_of(const struct op_case *one, struct cupel_tensor **in) {
    return case_inputs(one) > 2 ? in[2] : NULL;
}

#define FOUR(n, c, h, w)   \
    {                      \
        {                  \
            4, {           \
                n, c, h, w \
            }              \
        }                  \
    }
#define ONE(n)    \
    {             \
        {         \
            1, {  \
                n \
            }     \
        }         \
    }

/* ---- conv2d ---- */

static void build_conv2d(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    const struct cupel_conv conv = conv_of(one);
    out[0] = cupel_conv2d(in[0], in[1], bias_of(one, in), &conv);
}

/* The node as a plan's rewrite makes it, after differentiation. arg[7]: activation, [8, 9]: image; number:
 * slope */
static void build_activated(const struct op_case *one, enum op_id op, struct cupel_tensor **in,
                            struct cupel_tensor **out) {
    const union attr attr = {.conv = {.conv = conv_of(one),
                                      .image = {one->arg[8], one->arg[9]},
                                      .activation = (int)one->arg[7],
                                      .slope = one->number[0]}};
    out[0] = node_add_list(op, in, case_inputs(one), &attr);
}
static void build_conv2d_activation(const struct op_case *one, struct cupel_tensor **in,
                                    struct cupel_tensor **out) {
    build_activated(one, OP_conv2d, in, out);
}
#define ACTIVATED(name, n, activation, ...)                                          \
    {                                                                                \
        name, build_conv2d_activation, {FOUR(n, 3, 5, 6), FOUR(5, 3, 3, 2), ONE(5)}, \
            {1, 1, 1, 0, 1, 1, 1, activation}, __VA_ARGS__, .no_grad = true          \
    }
/* The result is read by an op that takes it in the layout and type in which it is made. */
static void build_conv2d_kept(const struct op_case *one, struct cupel_tensor **in,
                              struct cupel_tensor **out) {
    build_conv2d(one, in, out);
    out[0] = favourite_layout(out[0]);
}
CASES(conv2d) = {
    {"one", build_conv2d, {FOUR(1, 1, 1, 1), FOUR(1, 1, 1, 1), ONE(1)}},
    {"plain", build_conv2d, {FOUR(2, 3, 5, 6), FOUR(4, 3, 3, 2)}},
    {"bias", build_conv2d, {FOUR(2, 3, 5, 6), FOUR(4, 3, 3, 2), ONE(4)}},
    {"pad", build_conv2d, {FOUR(1, 2, 4, 5), FOUR(3, 2, 3, 5), ONE(3)}, {1, 1, 1, 2}},
    {"pad-beyond-kernel", build_conv2d, {FOUR(1, 1, 2, 3), FOUR(2, 1, 2, 1)}, {1, 1, 3, 2}},
    {"stride2", build_conv2d, {FOUR(2, 2, 6, 7), FOUR(3, 2, 2, 3), ONE(3)}, {2, 2, 0, 1}},
    {"stride3-1", build_conv2d, {FOUR(1, 2, 8, 5), FOUR(3, 2, 3, 2)}, {3, 1, 1, 0}},
    {"stride1-3-unused-edge", build_conv2d, {FOUR(1, 2, 4, 9), FOUR(3, 2, 2, 2), ONE(3)}, {1, 3, 0, 0}},
    {"stride-over-kernel", build_conv2d, {FOUR(1, 2, 7, 8), FOUR(2, 2, 1, 2)}, {3, 3}},
    {"dilation", build_conv2d, {FOUR(1, 2, 6, 8), FOUR(2, 2, 2, 3), ONE(2)}, {1, 1, 0, 1, 2, 3}},
    {"dilation-stride-pad", build_conv2d, {FOUR(1, 2, 7, 9), FOUR(3, 2, 3, 2)}, {2, 3, 2, 1, 2, 3}},
    {"groups", build_conv2d, {FOUR(2, 4, 4, 5), FOUR(6, 2, 2, 3), ONE(6)}, {1, 1, 0, 1, 1, 1, 2}},
    {"depthwise", build_conv2d, {FOUR(2, 3, 5, 4), FOUR(3, 1, 3, 2), ONE(3)}, {2, 1, 1, 0, 1, 1, 3}},
    {"depthwise-multiplied", build_conv2d, {FOUR(1, 3, 4, 5), FOUR(6, 1, 2, 3)}, {1, 2, 0, 1, 1, 1, 3}},
    {"k1", build_conv2d, {FOUR(2, 5, 3, 4), FOUR(3, 5, 1, 1), ONE(3)}},
    {"k1-stride2", build_conv2d, {FOUR(1, 3, 5, 4), FOUR(5, 3, 1, 1)}, {2, 2}},
    {"kernel-is-image", build_conv2d, {FOUR(3, 2, 4, 3), FOUR(5, 2, 4, 3), ONE(5)}},
    {"ragged", build_conv2d, {FOUR(1, 17, 3, 4), FOUR(5, 17, 2, 3), ONE(5)}, {1, 1, 1, 1}},
    {"ragged-out", build_conv2d, {FOUR(2, 1, 4, 3), FOUR(17, 1, 3, 2)}, {1, 1, 1, 0}},
    ACTIVATED("relu", 2, ACTIVATION_RELU, {0}),
    ACTIVATED("leaky-relu", 2, ACTIVATION_LEAKY_RELU, {0.2}),
    ACTIVATED("sigmoid", 2, ACTIVATION_SIGMOID, {0}),
    ACTIVATED("tanh", 2, ACTIVATION_TANH, {0}),
    ACTIVATED("batch16-relu", 16, ACTIVATION_RELU, {0}),
    ACTIVATED("batch16-leaky-relu", 16, ACTIVATION_LEAKY_RELU, {0.2}),
    ACTIVATED("batch32-sigmoid", 32, ACTIVATION_SIGMOID, {0}),
    ACTIVATED("batch16-tanh", 16, ACTIVATION_TANH, {0}),
    {"batch16", build_conv2d, {FOUR(16, 2, 4, 5), FOUR(7, 2, 3, 2), ONE(7)}, {1, 1, 1, 2}},
    {"batch48-stride2", build_conv2d, {FOUR(48, 3, 6, 5), FOUR(9, 3, 2, 3)}, {2, 2, 0, 1}},
    {"batch32-dilation", build_conv2d, {FOUR(32, 1, 6, 8), FOUR(11, 1, 2, 3), ONE(11)}, {1, 1, 0, 1, 2, 3}},
    {"batch128-lenet", build_conv2d, {FOUR(128, 1, 9, 8), FOUR(6, 1, 5, 5), ONE(6)}, {1, 1, 2, 2}},
    {"batch64-k1", build_conv2d, {FOUR(64, 3, 2, 3), FOUR(13, 3, 1, 1)}},
    /* Whole chunks of channels, several tiles. */
    {"channels8",
     build_conv2d_kept,
     {FOUR(3, 8, 9, 7), FOUR(16, 8, 3, 3), ONE(16)},
     {1, 1, 1, 1},
     .no_grad = true},
    {"channels16-tiles",
     build_conv2d,
     {FOUR(2, 16, 10, 11), FOUR(132, 16, 2, 3), ONE(132)},
     {1, 1, 0, 1},
     .no_grad = true},
    {"channels8-stride2-dilation",
     build_conv2d_kept,
     {FOUR(5, 8, 13, 11), FOUR(20, 8, 3, 3)},
     {2, 2, 2, 1, 2, 1},
     .no_grad = true},
    {"groups-of-8",
     build_conv2d_kept,
     {FOUR(3, 16, 7, 8), FOUR(24, 8, 3, 2), ONE(24)},
     {1, 2, 1, 0, 1, 1, 2},
     .no_grad = true},
    {"k1-channels24", build_conv2d_kept, {FOUR(5, 24, 6, 5), FOUR(40, 24, 1, 1), ONE(40)}, .no_grad = true},
    {"depthwise-channels33",
     build_conv2d_kept,
     {FOUR(2, 33, 9, 8), FOUR(33, 1, 3, 3), ONE(33)},
     {1, 1, 1, 1, 1, 1, 33},
     .no_grad = true},
    {"channels3-outputs33",
     build_conv2d_kept,
     {FOUR(3, 3, 12, 10), FOUR(33, 3, 4, 4)},
     {2, 2, 1, 1},
     .no_grad = true},
    /* In few multiplications: both kernels, tiles of all sizes, whole or not, several blocks of channels, several parts. */
    {"winograd-k3",
     build_conv2d_kept,
     {FOUR(2, 16, 8, 8), FOUR(32, 16, 3, 3)},
     {1, 1, 1, 1},
     .no_grad = true},
    {"winograd-k3-ragged",
     build_conv2d_kept,
     {FOUR(3, 32, 7, 9), FOUR(48, 32, 3, 3), ONE(48)},
     {1, 1, 1, 1},
     .no_grad = true},
    {"winograd-k3-pad2",
     build_conv2d_kept,
     {FOUR(1, 16, 5, 6), FOUR(16, 16, 3, 3)},
     {1, 1, 2, 0},
     .no_grad = true},
    {"winograd-k3-2x2", build_conv2d_kept, {FOUR(5, 16, 2, 2), FOUR(16, 16, 3, 3), ONE(16)}, {1, 1, 1, 1}},
    {"winograd-k3-deep",
     build_conv2d_kept,
     {FOUR(1, 528, 4, 4), FOUR(16, 528, 3, 3)},
     {1, 1, 1, 1},
     .no_grad = true},
    {"winograd-k4",
     build_conv2d_kept,
     {FOUR(2, 16, 16, 8), FOUR(32, 16, 4, 4)},
     {2, 2, 1, 1},
     .no_grad = true},
    {"winograd-k4-ragged",
     build_conv2d_kept,
     {FOUR(3, 32, 15, 13), FOUR(48, 32, 4, 4), ONE(48)},
     {2, 2, 1, 1},
     .no_grad = true},
    {"winograd-k4-pad2",
     build_conv2d_kept,
     {FOUR(1, 16, 9, 4), FOUR(16, 16, 4, 4)},
     {2, 2, 2, 0},
     .no_grad = true},
    {"winograd-k4-2x2", build_conv2d_kept, {FOUR(5, 16, 4, 4), FOUR(16, 16, 4, 4), ONE(16)}, {2, 2, 1, 1}},
    {"winograd-k3-chunks",
     build_conv2d_kept,
     {FOUR(259, 16, 2, 2), FOUR(16, 16, 3, 3)},
     {1, 1, 1, 1},
     .no_grad = true},
    {"winograd-k3-stride2",
     build_conv2d_kept,
     {FOUR(3, 32, 9, 7), FOUR(48, 32, 3, 3), ONE(48)},
     {2, 2, 1, 1},
     .no_grad = true},
    {"winograd-relu",
     build_conv2d_activation,
     {FOUR(2, 16, 6, 5), FOUR(16, 16, 3, 3), ONE(16)},
     {1, 1, 1, 1, 1, 1, 1, ACTIVATION_RELU},
     .no_grad = true},
    {"winograd-tanh",
     build_conv2d_activation,
     {FOUR(2, 16, 6, 5), FOUR(16, 16, 4, 4)},
     {2, 2, 1, 1, 1, 1, 1, ACTIVATION_TANH},
     .no_grad = true},
    /* more rows, columns or outputs than one block makes of few channels */
    {"channel1-rows",
     build_conv2d_kept,
     {FOUR(3, 1, 37, 31), FOUR(6, 1, 3, 3)},
     {1, 1, 1, 1},
     .no_grad = true},
    {"channels3-columns", build_conv2d_kept, {FOUR(2, 3, 7, 41), FOUR(16, 3, 3, 3)}, {1, 1}, .no_grad = true},
    {"channels4-outputs72",
     build_conv2d_kept,
     {FOUR(2, 4, 6, 7), FOUR(72, 4, 2, 3)},
     {1, 2, 0, 1},
     .no_grad = true},
    {0},
};
#undef ACTIVATED

/* ---- conv2d_image: transposed convolution ---- */

/* arg[7, 8]: output_pad */
static void build_deconv2d(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    struct cupel_conv conv = conv_of(one);
    conv.output_pad[0] = (int)one->arg[7];
    conv.output_pad[1] = (int)one->arg[8];
    out[0] = cupel_deconv2d(in[0], in[1], bias_of(one, in), &conv);
}
static void build_deconv2d_activation(const struct op_case *one, struct cupel_tensor **in,
                                      struct cupel_tensor **out) {
    build_activated(one, OP_conv2d_image, in, out);
}
#define ACTIVATED(name, n, activation, ...)                                            \
    {                                                                                  \
        name, build_deconv2d_activation, {FOUR(n, 3, 3, 2), FOUR(3, 5, 4, 3), ONE(5)}, \
            {2, 2, 1, 0, 1, 1, 1, activation, 6, 5}, __VA_ARGS__, .no_grad = true      \
    }
static void build_deconv2d_kept(const struct op_case *one, struct cupel_tensor **in,
                                struct cupel_tensor **out) {
    build_deconv2d(one, in, out);
    out[0] = favourite_layout(out[0]);
}
CASES(conv2d_image) = {
    {"one", build_deconv2d, {FOUR(1, 1, 1, 1), FOUR(1, 1, 1, 1), ONE(1)}},
    {"plain", build_deconv2d, {FOUR(2, 3, 3, 4), FOUR(3, 4, 3, 2)}},
    {"bias", build_deconv2d, {FOUR(2, 3, 3, 4), FOUR(3, 4, 3, 2), ONE(4)}},
    {"from-one-pixel", build_deconv2d, {FOUR(2, 5, 1, 1), FOUR(5, 3, 4, 3), ONE(3)}},
    {"k4-stride2-pad1", build_deconv2d, {FOUR(2, 3, 3, 4), FOUR(3, 2, 4, 4)}, {2, 2, 1, 1}},
    {"stride2-3", build_deconv2d, {FOUR(1, 2, 3, 2), FOUR(2, 3, 3, 2), ONE(3)}, {2, 3, 0, 1}},
    {"output-pad", build_deconv2d, {FOUR(1, 2, 3, 2), FOUR(2, 3, 3, 2)}, {2, 3, 1, 0, 1, 1, 1, 1, 2}},
    {"output-pad-over-stride",
     build_deconv2d,
     {FOUR(1, 2, 3, 2), FOUR(2, 3, 2, 3)},
     {1, 2, 1, 1, 3, 4, 1, 2, 3}},
    {"dilation", build_deconv2d, {FOUR(1, 2, 3, 4), FOUR(2, 2, 2, 3), ONE(2)}, {1, 2, 1, 2, 3, 2}},
    {"groups", build_deconv2d, {FOUR(2, 4, 2, 3), FOUR(4, 3, 3, 2), ONE(6)}, {2, 1, 1, 0, 1, 1, 2}},
    {"depthwise", build_deconv2d, {FOUR(1, 3, 3, 4), FOUR(3, 1, 2, 3), ONE(3)}, {2, 2, 0, 1, 1, 1, 3, 1, 0}},
    {"stride-over-kernel", build_deconv2d, {FOUR(1, 2, 3, 2), FOUR(2, 3, 1, 2), ONE(3)}, {3, 3}},
    {"k1", build_deconv2d, {FOUR(2, 5, 3, 2), FOUR(5, 3, 1, 1)}},
    {"ragged", build_deconv2d, {FOUR(1, 17, 2, 3), FOUR(17, 5, 3, 2), ONE(5)}, {2, 1, 1, 0}},
    {"ragged-out", build_deconv2d, {FOUR(1, 1, 2, 3), FOUR(1, 17, 2, 3)}, {1, 2}},
    ACTIVATED("relu", 2, ACTIVATION_RELU, {0}),
    ACTIVATED("leaky-relu", 2, ACTIVATION_LEAKY_RELU, {0.2}),
    ACTIVATED("sigmoid", 2, ACTIVATION_SIGMOID, {0}),
    ACTIVATED("tanh", 2, ACTIVATION_TANH, {0}),
    ACTIVATED("batch16-relu", 16, ACTIVATION_RELU, {0}),
    ACTIVATED("batch16-leaky-relu", 16, ACTIVATION_LEAKY_RELU, {0.2}),
    ACTIVATED("batch32-sigmoid", 32, ACTIVATION_SIGMOID, {0}),
    ACTIVATED("batch16-tanh", 16, ACTIVATION_TANH, {0}),
    {"batch16", build_deconv2d, {FOUR(16, 3, 3, 4), FOUR(3, 7, 3, 2), ONE(7)}},
    {"batch48-stride2-3", build_deconv2d, {FOUR(48, 2, 3, 2), FOUR(2, 3, 3, 2), ONE(3)}, {2, 3, 0, 1}},
    {"batch32-dilation", build_deconv2d, {FOUR(32, 2, 3, 4), FOUR(2, 9, 2, 3), ONE(9)}, {1, 2, 1, 2, 3, 2}},
    {"batch64-k4-stride2-pad1", build_deconv2d, {FOUR(64, 5, 3, 4), FOUR(5, 6, 4, 4)}, {2, 2, 1, 1}},
    /* Few channels from many. */
    {"columns-k4-stride2-pad1", build_deconv2d, {FOUR(3, 17, 3, 4), FOUR(17, 3, 4, 4), ONE(3)}, {2, 2, 1, 1}},
    {"columns-many-rows", build_deconv2d, {FOUR(2, 16, 40, 70), FOUR(16, 1, 5, 3)}, {1, 1, 2, 0}},
    {"columns-tanh",
     build_deconv2d_activation,
     {FOUR(2, 16, 3, 2), FOUR(16, 3, 4, 3), ONE(3)},
     {2, 2, 1, 0, 1, 1, 1, ACTIVATION_TANH, 6, 5},
     .no_grad = true},
    {"columns-stride3-pad2", build_deconv2d, {FOUR(1, 20, 5, 2), FOUR(20, 2, 5, 6)}, {3, 1, 2, 2, 2, 1}},
    /* Whole chunks of channels, several tiles. */
    {"channels16-k4-stride2-pad1",
     build_deconv2d_kept,
     {FOUR(3, 16, 7, 6), FOUR(16, 8, 4, 4), ONE(8)},
     {2, 2, 1, 1},
     .no_grad = true},
    {"channels8-k3-stride2",
     build_deconv2d_kept,
     {FOUR(4, 8, 6, 5), FOUR(8, 68, 3, 3)},
     {2, 2, 1, 1},
     .no_grad = true},
    {"channels8-stride3-dilation2",
     build_deconv2d,
     {FOUR(2, 8, 5, 6), FOUR(8, 12, 4, 2), ONE(12)},
     {3, 2, 1, 1, 2, 3, 1, 2, 1},
     .no_grad = true},
    {"channels8-k3",
     build_deconv2d_kept,
     {FOUR(3, 8, 9, 7), FOUR(8, 132, 3, 3), ONE(132)},
     {1, 1, 1, 1},
     .no_grad = true},
    {"groups-of-8",
     build_deconv2d_kept,
     {FOUR(3, 16, 5, 6), FOUR(16, 8, 3, 3), ONE(16)},
     {2, 1, 1, 1, 1, 1, 2, 1, 0},
     .no_grad = true},
    {"k1-channels24", build_deconv2d_kept, {FOUR(5, 24, 6, 5), FOUR(24, 36, 1, 1), ONE(36)}, .no_grad = true},
    {"from-one-pixel-channels24",
     build_deconv2d_kept,
     {FOUR(9, 24, 1, 1), FOUR(24, 36, 4, 4)},
     .no_grad = true},
    /* In few multiplications: as for conv2d. */
    {"winograd-k3",
     build_deconv2d_kept,
     {FOUR(2, 16, 8, 8), FOUR(16, 32, 3, 3)},
     {1, 1, 1, 1},
     .no_grad = true},
    {"winograd-k3-ragged",
     build_deconv2d_kept,
     {FOUR(3, 32, 7, 9), FOUR(32, 48, 3, 3), ONE(48)},
     {1, 1, 1, 1},
     .no_grad = true},
    {"winograd-k3-pad2",
     build_deconv2d_kept,
     {FOUR(1, 16, 7, 5), FOUR(16, 16, 3, 3)},
     {1, 1, 2, 0},
     .no_grad = true},
    {"winograd-k3-2x2", build_deconv2d_kept, {FOUR(5, 16, 2, 2), FOUR(16, 16, 3, 3), ONE(16)}, {1, 1, 1, 1}},
    {"winograd-k4",
     build_deconv2d_kept,
     {FOUR(2, 16, 8, 4), FOUR(16, 32, 4, 4)},
     {2, 2, 1, 1},
     .no_grad = true},
    {"winograd-k4-ragged",
     build_deconv2d_kept,
     {FOUR(3, 32, 7, 6), FOUR(32, 48, 4, 4), ONE(48)},
     {2, 2, 1, 1, 1, 1, 1, 1, 0},
     .no_grad = true},
    {"winograd-k4-pad2",
     build_deconv2d_kept,
     {FOUR(1, 16, 6, 3), FOUR(16, 16, 4, 4)},
     {2, 2, 2, 0, 1, 1, 1, 1, 1},
     .no_grad = true},
    {"winograd-k4-2x2", build_deconv2d_kept, {FOUR(5, 16, 2, 2), FOUR(16, 16, 4, 4), ONE(16)}, {2, 2, 1, 1}},
    {"winograd-k4-chunks",
     build_deconv2d_kept,
     {FOUR(259, 16, 1, 2), FOUR(16, 16, 4, 4)},
     {2, 2, 1, 1},
     .no_grad = true},
    {"winograd-k3-stride2",
     build_deconv2d_kept,
     {FOUR(3, 32, 5, 4), FOUR(32, 48, 3, 3), ONE(48)},
     {2, 2, 1, 1, 1, 1, 1, 1, 0},
     .no_grad = true},
    {"winograd-leaky-relu",
     build_deconv2d_activation,
     {FOUR(2, 16, 3, 2), FOUR(16, 16, 4, 4), ONE(16)},
     {2, 2, 1, 1, 1, 1, 1, ACTIVATION_LEAKY_RELU, 6, 5},
     {0.2},
     .no_grad = true},
    {"stride-over-kernel-channels8",
     build_deconv2d_kept,
     {FOUR(2, 8, 5, 6), FOUR(8, 12, 1, 2), ONE(12)},
     {3, 3},
     .no_grad = true},
    {0},
};

/* ---- conv2d_weight ---- */

/* arg[7, 8]: kernel */
static void build_conv2d_weight(const struct op_case *one, struct cupel_tensor **in,
                                struct cupel_tensor **out) {
    const union attr attr = {.conv = {.conv = conv_of(one), .kernel = {one->arg[7], one->arg[8]}}};
    out[0] = node_add_list(OP_conv2d_weight, in, 2, &attr);
}
static void build_conv2d_weight_kept(const struct op_case *one, struct cupel_tensor **in,
                                     struct cupel_tensor **out) {
    build_conv2d_weight(one, in, out);
    out[0] = favourite_layout(out[0]);
}
CASES(conv2d_weight) = {
    {"one", build_conv2d_weight, {FOUR(1, 1, 1, 1), FOUR(1, 1, 1, 1)}, {1, 1, 0, 0, 1, 1, 1, 1, 1}},
    {"plain", build_conv2d_weight, {FOUR(2, 3, 5, 6), FOUR(2, 4, 3, 5)}, {1, 1, 0, 0, 1, 1, 1, 3, 2}},
    {"pad", build_conv2d_weight, {FOUR(3, 2, 4, 5), FOUR(3, 3, 4, 5)}, {1, 1, 1, 2, 1, 1, 1, 3, 5}},
    {"stride-unused-edge",
     build_conv2d_weight,
     {FOUR(2, 2, 8, 7), FOUR(2, 3, 3, 4)},
     {3, 2, 1, 1, 1, 1, 1, 2, 3}},
    {"dilation", build_conv2d_weight, {FOUR(1, 2, 6, 8), FOUR(1, 2, 4, 4)}, {1, 1, 0, 1, 2, 3, 1, 2, 3}},
    {"groups", build_conv2d_weight, {FOUR(2, 4, 4, 5), FOUR(2, 6, 3, 5)}, {1, 1, 0, 1, 1, 1, 2, 2, 3}},
    {"depthwise", build_conv2d_weight, {FOUR(2, 3, 5, 4), FOUR(2, 3, 3, 3)}, {2, 1, 1, 0, 1, 1, 3, 3, 2}},
    {"k1", build_conv2d_weight, {FOUR(2, 5, 3, 4), FOUR(2, 3, 3, 4)}, {1, 1, 0, 0, 1, 1, 1, 1, 1}},
    {"kernel-is-image",
     build_conv2d_weight,
     {FOUR(3, 2, 4, 3), FOUR(3, 5, 1, 1)},
     {1, 1, 0, 0, 1, 1, 1, 4, 3}},
    {"ragged", build_conv2d_weight, {FOUR(1, 17, 3, 4), FOUR(1, 5, 4, 4)}, {1, 1, 1, 1, 1, 1, 1, 2, 3}},
    {"batch16", build_conv2d_weight, {FOUR(16, 3, 5, 6), FOUR(16, 7, 3, 5)}, {1, 1, 0, 0, 1, 1, 1, 3, 2}},
    {"batch128-lenet",
     build_conv2d_weight,
     {FOUR(128, 1, 9, 8), FOUR(128, 6, 9, 8)},
     {1, 1, 2, 2, 1, 1, 1, 5, 5}},
    {"batch32-k1", build_conv2d_weight, {FOUR(32, 3, 3, 4), FOUR(32, 9, 3, 4)}, {1, 1, 0, 0, 1, 1, 1, 1, 1}},
    {"batch48-stride-dilation",
     build_conv2d_weight,
     {FOUR(48, 2, 7, 8), FOUR(48, 4, 4, 4)},
     {2, 2, 1, 1, 2, 3, 1, 2, 2}},
    /* Whole chunks of channels, several tiles. */
    {"channels8",
     build_conv2d_weight_kept,
     {FOUR(3, 8, 9, 7), FOUR(3, 16, 9, 7)},
     {1, 1, 1, 1, 1, 1, 1, 3, 3},
     .no_grad = true},
    {"channels16-tiles",
     build_conv2d_weight_kept,
     {FOUR(4, 16, 7, 9), FOUR(4, 72, 6, 9)},
     {1, 1, 0, 1, 1, 1, 1, 2, 3},
     .no_grad = true},
    {"channels8-k4-stride2-pad1",
     build_conv2d_weight,
     {FOUR(5, 8, 14, 12), FOUR(5, 20, 7, 6)},
     {2, 2, 1, 1, 1, 1, 1, 4, 4},
     .no_grad = true},
    {"groups-of-8",
     build_conv2d_weight_kept,
     {FOUR(3, 16, 7, 8), FOUR(3, 24, 7, 4)},
     {1, 2, 1, 0, 1, 1, 2, 3, 2},
     .no_grad = true},
    {"k1-channels24",
     build_conv2d_weight_kept,
     {FOUR(5, 24, 6, 5), FOUR(5, 40, 6, 5)},
     {1, 1, 0, 0, 1, 1, 1, 1, 1},
     .no_grad = true},
    {"depthwise-channels33",
     build_conv2d_weight_kept,
     {FOUR(5, 33, 9, 8), FOUR(5, 33, 9, 8)},
     {1, 1, 1, 1, 1, 1, 33, 3, 3},
     .no_grad = true},
    /* In few multiplications: as for conv2d. */
    {"winograd-k3",
     build_conv2d_weight,
     {FOUR(2, 32, 8, 8), FOUR(2, 64, 8, 8)},
     {1, 1, 1, 1, 1, 1, 1, 3, 3},
     .no_grad = true},
    {"winograd-k3-ragged",
     build_conv2d_weight,
     {FOUR(2, 48, 7, 9), FOUR(2, 48, 7, 9)},
     {1, 1, 1, 1, 1, 1, 1, 3, 3},
     .no_grad = true},
    {"winograd-k3-pad2",
     build_conv2d_weight,
     {FOUR(1, 128, 5, 5), FOUR(1, 16, 7, 3)},
     {1, 1, 2, 0, 1, 1, 1, 3, 3},
     .no_grad = true},
    {"winograd-k4",
     build_conv2d_weight,
     {FOUR(2, 64, 16, 8), FOUR(2, 32, 8, 4)},
     {2, 2, 1, 1, 1, 1, 1, 4, 4},
     .no_grad = true},
    {"winograd-k4-ragged",
     build_conv2d_weight,
     {FOUR(2, 48, 15, 13), FOUR(2, 48, 7, 6)},
     {2, 2, 1, 1, 1, 1, 1, 4, 4},
     .no_grad = true},
    {"winograd-k3-stride2",
     build_conv2d_weight,
     {FOUR(2, 48, 9, 7), FOUR(2, 48, 5, 4)},
     {2, 2, 1, 1, 1, 1, 1, 3, 3},
     .no_grad = true},
    {"winograd-k3-chunks",
     build_conv2d_weight,
     {FOUR(259, 64, 1, 2), FOUR(259, 32, 1, 2)},
     {1, 1, 1, 1, 1, 1, 1, 3, 3},
     .no_grad = true},
    {"channels3-outputs33",
     build_conv2d_weight,
     {FOUR(9, 3, 12, 10), FOUR(9, 33, 6, 5)},
     {2, 2, 1, 1, 1, 1, 1, 4, 4},
     .no_grad = true},
    {0},
};
