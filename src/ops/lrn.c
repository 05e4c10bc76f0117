/* Local response normalisation (Krizhevsky et al. 2012): y = x s^-beta with s = k + alpha / size * sum of x^2 over the channels
 * about x's. The gradient works on y, s and dy; x is y s^beta. */
#include "ops/check.h"

static bool check_lrn(struct node *node) {
    const int64_t size = node->attr.lrn.size;
    if (!check_inputs(node, node->n_in, 4)) return false;
    for (int i = 1; i < node->n_in; i++)
        if (!cupel_shape_equal(&node->in[i]->shape, &node->in[0]->shape))
            return node_fail(node, "inputs must have one shape");
    if (size < 1 || size > INT32_MAX || node->in[0]->shape.dim[1] > INT32_MAX)
        return node_fail(node, "%lld of %lld channels cannot be taken together; both must be 1 to 2^31 - 1",
                         (long long)size, (long long)node->in[0]->shape.dim[1]);
    return true;
}

bool infer_lrn(struct node *node) {
    const struct cupel_tensor *x = node->in[0];
    return check_lrn(node) && node_out(node, x->dtype, &x->shape) && node_out(node, x->dtype, &x->shape);
}

struct cupel_tensor *cupel_lrn(struct cupel_tensor *x, const struct cupel_lrn *lrn) {
    const union attr attr = {.lrn = *lrn};
    return NODE_ADD(lrn, &attr, x);
}

void grad_lrn(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
              struct cupel_tensor **dx) {
    (void)need;
    struct cupel_tensor *y = node_result(node);
    dx[0] = NODE_ADD(lrn_grad, &node->attr, y, y + 1, dy[0]);
}

bool infer_lrn_grad(struct node *node) {
    return check_lrn(node) && node_out(node, node->in[0]->dtype, &node->in[0]->shape);
}

/* A product and a sum for each channel of a window, and a power and what goes with it. */
double flops_lrn(const struct node *node) {
    return (double)tensor_count(&node->out[0]) * (2 * (double)node->attr.lrn.size + 5);
}
