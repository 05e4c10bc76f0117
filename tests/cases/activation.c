/* Cases of the activations and their gradients. */
#include "case.h"

/* clang-format off */
/* One element, rows that fit no vector, and images, with the slope or alpha p. */
#define ACTIVATION_CASES(build, p)                                                  \
    {"one", build, {{{1, {1}}}}, .number = {p}},                                    \
    {"ragged", build, {{{2, {31, 33}}}}, .number = {p}},                            \
    {"images", build, {{{4, {2, 5, 3, 9}}}}, .number = {p}}

/* The same for op_grad(y, dy), y being of a kind that the activation can make. */
#define GRADIENT_CASES(build, kind, p)                                              \
    {"one", build, {{{1, {1}}, kind}, {{1, {1}}}}, .number = {p}},                  \
    {"ragged", build, {{{2, {31, 33}}, kind}, {{2, {31, 33}}}}, .number = {p}},     \
    {"images", build, {{{4, {2, 5, 3, 9}}, kind}, {{4, {2, 5, 3, 9}}}}, .number = {p}}

/* After a layer that can apply the activation on its way out. */
#define LAYER_CASES(name, p)                                                                             \
    {"linear", build_##name##_linear, {{{2, {5, 7}}}, {{2, {9, 7}}}, {{1, {9}}}}, .number = {p}},        \
    {"conv2d", build_##name##_conv2d, {{{4, {2, 3, 5, 7}}}, {{4, {4, 3, 3, 3}}}, {{1, {4}}}}, .number = {p}}
/* clang-format on */
#define BUILD_LAYERS(name, activation)                                  \
    BUILD(name##_linear, activation(cupel_linear(in[0], in[1], in[2]))) \
    BUILD(name##_conv2d, activation(cupel_conv2d(in[0], in[1], in[2], &(struct cupel_conv){0})))

BUILD(relu, cupel_relu(in[0]))
BUILD_LAYERS(relu, cupel_relu)
CASES(relu) = {ACTIVATION_CASES(build_relu, 0), LAYER_CASES(relu, 0), {0}};

BUILD(relu_grad, NODE_ADD(relu_grad, NULL, in[0], in[1]))
BUILD(relu_grad_zeros, NODE_ADD(relu_grad, NULL, cupel_relu(in[0]), in[1]))
CASES(relu_grad) = {
    GRADIENT_CASES(build_relu_grad, CASE_NORMAL, 0),
    {"zeros", build_relu_grad_zeros, {{{2, {5, 7}}}, {{2, {5, 7}}}}, .no_grad = true},
    {0},
};

#define LEAKY_RELU(x) cupel_leaky_relu(x, one->number[0])
BUILD(leaky_relu, LEAKY_RELU(in[0]))
BUILD_LAYERS(leaky_relu, LEAKY_RELU)
CASES(leaky_relu) = {ACTIVATION_CASES(build_leaky_relu, 0.2), LAYER_CASES(leaky_relu, 0.2), {0}};

BUILD(leaky_relu_grad, NODE_ADD(leaky_relu_grad, ATTR(number, .a = one->number[0]), in[0], in[1]))
BUILD(leaky_relu_grad_zeros, NODE_ADD(leaky_relu_grad, ATTR(number, .a = 0.2), cupel_relu(in[0]), in[1]))
CASES(leaky_relu_grad) = {
    GRADIENT_CASES(build_leaky_relu_grad, CASE_NORMAL, 0.2),
    {"zeros", build_leaky_relu_grad_zeros, {{{2, {5, 7}}}, {{2, {5, 7}}}}, .no_grad = true},
    {0},
};

BUILD(elu, cupel_elu(in[0], one->number[0]))
BUILD(selu, cupel_selu(in[0]))
CASES(elu) = {
    ACTIVATION_CASES(build_elu, 0.7),
    {"selu", build_selu, {{{2, {7, 33}}}}},
    {0},
};

/* y is made by elu itself: no other value of y below 0 has a meaning. */
BUILD(elu_grad,
      NODE_ADD(elu_grad, ATTR(number, .a = one->number[0]), cupel_elu(in[0], one->number[0]), in[1]))
BUILD(elu_grad_zeros, NODE_ADD(elu_grad, ATTR(number, .a = 0.7), cupel_relu(in[0]), in[1]))
CASES(elu_grad) = {
    GRADIENT_CASES(build_elu_grad, CASE_NORMAL, 0.7),
    {"zeros", build_elu_grad_zeros, {{{2, {5, 7}}}, {{2, {5, 7}}}}, .no_grad = true},
    {0},
};

BUILD(sigmoid, cupel_sigmoid(in[0]))
BUILD_LAYERS(sigmoid, cupel_sigmoid)
CASES(sigmoid) = {ACTIVATION_CASES(build_sigmoid, 0), LAYER_CASES(sigmoid, 0), {0}};

BUILD(sigmoid_grad, NODE_ADD(sigmoid_grad, NULL, in[0], in[1]))
CASES(sigmoid_grad) = {GRADIENT_CASES(build_sigmoid_grad, CASE_UNIT, 0), {0}};

BUILD(tanh, cupel_tanh(in[0]))
BUILD_LAYERS(tanh, cupel_tanh)
CASES(tanh) = {ACTIVATION_CASES(build_tanh, 0), LAYER_CASES(tanh, 0), {0}};

BUILD(tanh_grad, NODE_ADD(tanh_grad, NULL, in[0], in[1]))
CASES(tanh_grad) = {GRADIENT_CASES(build_tanh_grad, CASE_UNIT, 0), {0}};

BUILD(softplus, cupel_softplus(in[0]))
BUILD(softplus_far, cupel_softplus(cupel_scale(in[0], 100, 0)))
CASES(softplus) = {
    ACTIVATION_CASES(build_softplus, 0),
    {"far", build_softplus_far, {{{2, {3, 7}}}}},
    {0},
};

BUILD(gelu, cupel_gelu(in[0]))
CASES(gelu) = {ACTIVATION_CASES(build_gelu, 0), {0}};

BUILD(gelu_grad, NODE_ADD(gelu_grad, NULL, in[0], in[1]))
CASES(gelu_grad) = {GRADIENT_CASES(build_gelu_grad, CASE_NORMAL, 0), {0}};
