/* Activations. The gradients of relu, leaky_relu, elu, sigmoid and tanh are taken from the result y and never
 * from x, so that a plan may let the op before apply the activation, or let y overwrite x. */
#include <math.h>

#include "graph/node.h"

bool infer_slope(struct node *node) {
    double slope = node->attr.number.a;
    if (!(slope > 0) || !isfinite(slope))
        return node_fail(node, "its parameter must be positive and finite, not %g", slope);
    return infer_same(node);
}

/* ---- relu ---- */

struct cupel_tensor *cupel_relu(struct cupel_tensor *x) {
    return NODE_ADD(relu, NULL, x);
}

/* relu_grad(y, dy): dy where y > 0, else 0 */
void grad_relu(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
               struct cupel_tensor **dx) {
    (void)need;
    dx[0] = NODE_ADD(relu_grad, NULL, node_result(node), dy[0]);
}

void grad_relu_grad(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
                    struct cupel_tensor **dx) {
    if (need[1]) dx[1] = NODE_ADD(relu_grad, NULL, node->in[0], dy[0]);
}

struct cupel_tensor *cupel_leaky_relu(struct cupel_tensor *x, double slope) {
    return NODE_ADD(leaky_relu, ATTR(number, .a = slope), x);
}

/* leaky_relu_grad(y, dy): dy where y > 0, else slope * dy; y has the sign of x as the slope is positive */
void grad_leaky_relu(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
                     struct cupel_tensor **dx) {
    (void)need;
    dx[0] = NODE_ADD(leaky_relu_grad, &node->attr, node_result(node), dy[0]);
}

void grad_leaky_relu_grad(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
                          struct cupel_tensor **dx) {
    if (need[1]) dx[1] = NODE_ADD(leaky_relu_grad, &node->attr, node->in[0], dy[0]);
}

/* ---- elu ---- */

struct cupel_tensor *cupel_elu(struct cupel_tensor *x, double alpha) {
    return NODE_ADD(elu, ATTR(number, .a = alpha), x);
}

/* Klambauer et al. 2017: the constants keep mean 0 and variance 1. */
struct cupel_tensor *cupel_selu(struct cupel_tensor *x) {
    const double alpha = 1.6732632423543772848170429916717, scale = 1.0507009873554804934193349852946;
    return cupel_scale(cupel_elu(x, alpha), scale, 0);
}

/* elu_grad(y, dy): dy where y > 0, else dy * (y + alpha), for alpha exp(x) = y + alpha */
void grad_elu(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
              struct cupel_tensor **dx) {
    (void)need;
    dx[0] = NODE_ADD(elu_grad, &node->attr, node_result(node), dy[0]);
}

void grad_elu_grad(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
                   struct cupel_tensor **dx) {
    struct cupel_tensor *y = node->in[0];
    if (need[0]) dx[0] = cupel_mul(cupel_mul(dy[0], node->in[1]), cupel_step(cupel_scale(y, -1, 0)));
    if (need[1]) dx[1] = NODE_ADD(elu_grad, &node->attr, y, dy[0]);
}

/* ---- sigmoid, tanh, softplus ---- */

struct cupel_tensor *cupel_sigmoid(struct cupel_tensor *x) {
    return NODE_ADD(sigmoid, NULL, x);
}

/* sigmoid_grad(y, dy) = dy * y * (1 - y) */
void grad_sigmoid(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
                  struct cupel_tensor **dx) {
    (void)need;
    dx[0] = NODE_ADD(sigmoid_grad, NULL, node_result(node), dy[0]);
}

void grad_sigmoid_grad(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
                       struct cupel_tensor **dx) {
    struct cupel_tensor *y = node->in[0];
    if (need[0]) dx[0] = cupel_mul(cupel_mul(dy[0], node->in[1]), cupel_scale(y, -2, 1));
    if (need[1]) dx[1] = NODE_ADD(sigmoid_grad, NULL, y, dy[0]);
}

struct cupel_tensor *cupel_tanh(struct cupel_tensor *x) {
    return NODE_ADD(tanh, NULL, x);
}

/* tanh_grad(y, dy) = dy * (1 - y^2) */
void grad_tanh(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
               struct cupel_tensor **dx) {
    (void)need;
    dx[0] = NODE_ADD(tanh_grad, NULL, node_result(node), dy[0]);
}

void grad_tanh_grad(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
                    struct cupel_tensor **dx) {
    struct cupel_tensor *y = node->in[0];
    if (need[0]) dx[0] = cupel_mul(cupel_mul(dy[0], node->in[1]), cupel_scale(y, -2, 0));
    if (need[1]) dx[1] = NODE_ADD(tanh_grad, NULL, y, dy[0]);
}

struct cupel_tensor *cupel_softplus(struct cupel_tensor *x) {
    return NODE_ADD(softplus, NULL, x);
}

void grad_softplus(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
                   struct cupel_tensor **dx) {
    (void)need;
    dx[0] = cupel_mul(dy[0], cupel_sigmoid(node->in[0]));
}

/* ---- gelu ---- */

struct cupel_tensor *cupel_gelu(struct cupel_tensor *x) {
    return NODE_ADD(gelu, NULL, x);
}

/* gelu_grad(x, dy) = dy * (Phi(x) + x phi(x)), with the normal distribution's density phi */
void grad_gelu(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
               struct cupel_tensor **dx) {
    (void)need;
    dx[0] = NODE_ADD(gelu_grad, NULL, node->in[0], dy[0]);
}

/* The derivative of Phi + x phi is (2 - x^2) phi. */
void grad_gelu_grad(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
                    struct cupel_tensor **dx) {
    struct cupel_tensor *x = node->in[0];
    if (need[0]) {
        struct cupel_tensor *square = cupel_power(x, 2);
        struct cupel_tensor *density =
            cupel_scale(cupel_exp(cupel_scale(square, -0.5, 0)), 0.5 * M_SQRT1_2 * M_2_SQRTPI, 0);
        struct cupel_tensor *slope = cupel_mul(density, cupel_scale(square, -1, 2));
        dx[0] = cupel_mul(cupel_mul(dy[0], node->in[1]), slope);
    }
    if (need[1]) dx[1] = NODE_ADD(gelu_grad, NULL, x, dy[0]);
}
