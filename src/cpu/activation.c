/* Reference kernels: activations and their gradients. In relu_grad, leaky_relu_grad, elu_grad, sigmoid_grad
 * and tanh_grad a is the activation's result; in gelu_grad it is its input. b is the gradient that comes in.
 */
#include "cpu/activate.h"
#include "cpu/elementwise.h"

UNARY(relu, activate(ACTIVATION_RELU, 0, a))
BINARY(relu_grad, a <= 0 ? 0 : b)
UNARY(leaky_relu, activate(ACTIVATION_LEAKY_RELU, p, a))
BINARY(leaky_relu_grad, a <= 0 ? (p) * (b) : b)
UNARY(elu, a > 0 ? a : (p)*expm1(a))
BINARY(elu_grad, a > 0 ? b : (b) * (a + p))
UNARY(sigmoid, activate(ACTIVATION_SIGMOID, 0, a))
BINARY(sigmoid_grad, (b) * (a) * (1 - a))
UNARY(tanh, activate(ACTIVATION_TANH, 0, a))
BINARY(tanh_grad, (b) * (1 - (a) * (a)))
UNARY(softplus, (a > 0 ? a : 0) + log1p(exp(-fabs(a))))

/* The normal distribution function, without losing digits far below zero. */
static double normal_below(double x) {
    return 0.5 * erfc(-x * M_SQRT1_2);
}

static double normal_density(double x) {
    return 0.5 * M_SQRT1_2 * M_2_SQRTPI * exp(-0.5 * x * x);
}

UNARY(gelu, (a)*normal_below(a))
BINARY(gelu_grad, (b) * (normal_below(a) + (a)*normal_density(a)))
