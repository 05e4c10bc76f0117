/* Scaling of losses, so that gradients do not vanish in 16 bits. */
#include "graph/node.h"

static bool check_scale(struct node *node, const struct cupel_tensor *scale) {
    if (is_real(scale) && tensor_count(scale) == 1) return true;
    return node_fail(node, "the scale must be one %s number", cupel_dtype_text(node->graph->real));
}

bool infer_unscale(struct node *node) {
    const struct cupel_tensor *gradient = node->in[0];
    if (!is_real(gradient)) return node_fail(node, "the gradient must be floating-point");
    return check_scale(node, node->in[1]) && node_out(node, gradient->dtype, &gradient->shape) &&
           node_out(node, gradient->dtype, &CUPEL_SCALAR);
}

struct cupel_tensor *cupel_unscale(struct cupel_tensor *gradient, struct cupel_tensor *scale,
                                   struct cupel_tensor **finite) {
    struct cupel_tensor *result = NODE_ADD(unscale, NULL, gradient, scale);
    *finite = result ? &result->node->out[1] : NULL;
    return result;
}

/* A product and a comparison. */
double flops_unscale(const struct node *node) {
    return 2 * flops_each(node);
}

bool infer_adapt_scale(struct node *node) {
    const struct cupel_tensor *scale = node->in[0], *counts = node->in[1], *finite = node->in[2];
    if (!check_scale(node, scale)) return false;
    if (counts->dtype != CUPEL_I64 || !cupel_shape_equal(&counts->shape, &CUPEL_SHAPE(2)))
        return node_fail(node, "the counts must be i64 [2]");
    if (!is_real(finite) || tensor_count(finite) != 1)
        return node_fail(node, "input 2 must be the number that cupel_unscale gives");
    return node_out(node, scale->dtype, &scale->shape) && node_out(node, counts->dtype, &counts->shape);
}

struct cupel_tensor *cupel_adapt_scale(struct cupel_tensor *scale, struct cupel_tensor *counts,
                                       struct cupel_tensor *finite, const struct cupel_scaling *scaling) {
    return NODE_ADD(adapt_scale,
                    ATTR(number, .a = scaling->growth, .b = scaling->backoff, .n = scaling->interval), scale,
                    counts, finite);
}
