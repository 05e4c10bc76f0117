/* Elementwise arithmetic of one and two inputs. */
#include <math.h>

#include "graph/node.h"

/* Broadcasts a and b to one shape as in NumPy, aligned at the last axis, and applies the op. */
static struct cupel_tensor *add_binary(enum op_id op, struct cupel_tensor *a, struct cupel_tensor *b) {
    if (!a || !b) return NULL;
    struct cupel_shape to = a->shape.rank >= b->shape.rank ? a->shape : b->shape;
    const struct cupel_shape *other = a->shape.rank >= b->shape.rank ? &b->shape : &a->shape;
    for (int i = 0; i < other->rank; i++) {
        int64_t *dim = &to.dim[i + to.rank - other->rank];
        char text_a[120], text_b[120];
        if (*dim == 1) *dim = other->dim[i];
        if (other->dim[i] != 1 && other->dim[i] != *dim)
            return graph_fail(a->node->graph, ops[op].name, "shapes %s and %s do not fit together",
                              cupel_shape_text(&a->shape, text_a, sizeof text_a),
                              cupel_shape_text(&b->shape, text_b, sizeof text_b));
    }
    return node_add_list(op, (struct cupel_tensor *[]){cupel_broadcast(a, &to), cupel_broadcast(b, &to)}, 2,
                         NULL);
}

struct cupel_tensor *cupel_add(struct cupel_tensor *a, struct cupel_tensor *b) {
    return add_binary(OP_add, a, b);
}

void grad_add(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
              struct cupel_tensor **dx) {
    (void)node, (void)need;
    dx[0] = dx[1] = dy[0];
}

struct cupel_tensor *cupel_sub(struct cupel_tensor *a, struct cupel_tensor *b) {
    return add_binary(OP_sub, a, b);
}

void grad_sub(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
              struct cupel_tensor **dx) {
    (void)node;
    dx[0] = dy[0];
    if (need[1]) dx[1] = cupel_scale(dy[0], -1, 0);
}

struct cupel_tensor *cupel_mul(struct cupel_tensor *a, struct cupel_tensor *b) {
    return add_binary(OP_mul, a, b);
}

void grad_mul(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
              struct cupel_tensor **dx) {
    if (need[0]) dx[0] = cupel_mul(dy[0], node->in[1]);
    if (need[1]) dx[1] = cupel_mul(dy[0], node->in[0]);
}

struct cupel_tensor *cupel_div(struct cupel_tensor *a, struct cupel_tensor *b) {
    return add_binary(OP_div, a, b);
}

void grad_div(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
              struct cupel_tensor **dx) {
    struct cupel_tensor *y = node_result(node), *da = cupel_div(dy[0], node->in[1]);
    dx[0] = da;
    if (need[1]) dx[1] = cupel_scale(cupel_mul(da, y), -1, 0);
}

struct cupel_tensor *cupel_scale(struct cupel_tensor *x, double factor, double shift) {
    if (factor == 1 && shift == 0) return x;
    return NODE_ADD(scale, ATTR(number, .a = factor, .b = shift), x);
}

void grad_scale(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
                struct cupel_tensor **dx) {
    (void)need;
    dx[0] = cupel_scale(dy[0], node->attr.number.a, 0);
}

/* ---- functions of one input ---- */

struct cupel_tensor *cupel_exp(struct cupel_tensor *x) {
    return NODE_ADD(exp, NULL, x);
}

void grad_exp(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
              struct cupel_tensor **dx) {
    (void)need;
    dx[0] = cupel_mul(dy[0], node_result(node));
}

struct cupel_tensor *cupel_log(struct cupel_tensor *x) {
    return NODE_ADD(log, NULL, x);
}

void grad_log(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
              struct cupel_tensor **dx) {
    (void)need;
    dx[0] = cupel_div(dy[0], node->in[0]);
}

struct cupel_tensor *cupel_sqrt(struct cupel_tensor *x) {
    return NODE_ADD(sqrt, NULL, x);
}

void grad_sqrt(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
               struct cupel_tensor **dx) {
    (void)need;
    dx[0] = cupel_scale(cupel_div(dy[0], node_result(node)), 0.5, 0);
}

struct cupel_tensor *cupel_power(struct cupel_tensor *x, double exponent) {
    if (exponent == 1) return x;
    return NODE_ADD(power, ATTR(number, .a = exponent), x);
}

void grad_power(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
                struct cupel_tensor **dx) {
    (void)need;
    double exponent = node->attr.number.a;
    /* Were it 0, the formula would ask for 0 times infinity at x = 0. */
    if (exponent != 0)
        dx[0] = cupel_scale(cupel_mul(dy[0], cupel_power(node->in[0], exponent - 1)), exponent, 0);
}

struct cupel_tensor *cupel_abs(struct cupel_tensor *x) {
    return NODE_ADD(abs, NULL, x);
}

void grad_abs(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
              struct cupel_tensor **dx) {
    (void)need;
    dx[0] = cupel_mul(dy[0], cupel_sign(node->in[0]));
}

struct cupel_tensor *cupel_sign(struct cupel_tensor *x) {
    return NODE_ADD(sign, NULL, x);
}

struct cupel_tensor *cupel_step(struct cupel_tensor *x) {
    return NODE_ADD(step, NULL, x);
}

/* ---- clamp ---- */

bool infer_clamp(struct node *node) {
    double low = node->attr.number.a, high = node->attr.number.b;
    if (!(low <= high)) return node_fail(node, "the bounds %g and %g are no interval", low, high);
    return infer_same(node);
}

struct cupel_tensor *cupel_clamp(struct cupel_tensor *x, double low, double high) {
    return NODE_ADD(clamp, ATTR(number, .a = low, .b = high), x);
}

/* clamp_grad(x, dy): dy where x is inside or on the bounds, else 0 */
void grad_clamp(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
                struct cupel_tensor **dx) {
    (void)need;
    dx[0] = NODE_ADD(clamp_grad, &node->attr, node->in[0], dy[0]);
}

void grad_clamp_grad(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
                     struct cupel_tensor **dx) {
    if (need[1]) dx[1] = NODE_ADD(clamp_grad, &node->attr, node->in[0], dy[0]);
}

/* ---- bias ---- */

bool infer_bias_add(struct node *node) {
    const struct cupel_tensor *x = node->in[0], *bias = node->in[1];
    if (!is_real(x) || !is_real(bias))
        return node_fail(node, "the inputs must be %s", cupel_dtype_text(node->graph->real));
    if (x->shape.rank < 2 || bias->shape.rank != 1 || bias->shape.dim[0] != x->shape.dim[1])
        return node_fail(node, "it takes [N, C, ...] and a bias [C]");
    return node_out(node, x->dtype, &x->shape);
}

struct cupel_tensor *cupel_bias_add(struct cupel_tensor *x, struct cupel_tensor *bias) {
    return NODE_ADD(bias_add, NULL, x, bias);
}

void grad_bias_add(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
                   struct cupel_tensor **dx) {
    (void)node;
    dx[0] = dy[0];
    if (need[1]) dx[1] = cupel_sum(dy[0], CUPEL_ALL_AXES & ~2u, false);
}
