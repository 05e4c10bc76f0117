/* Layer normalisation (Ba et al. 2016): over the last axes, those of weight and bias; and what is made of it. */
#include "ops/norm.h"

static struct norm last_axes_norm(const struct cupel_tensor *x, const struct cupel_tensor *weight) {
    const unsigned all = (1u << x->shape.rank) - 1;
    const unsigned repeat = (1u << (x->shape.rank - weight->shape.rank)) - 1;
    return (struct norm){.group = all & ~repeat, .repeat = repeat};
}

/* Checks x and weight and sets the shape of the statistics: x's with 1 along the normalised axes. */
static bool check_layernorm(struct node *node, struct cupel_shape *stat) {
    const struct cupel_tensor *x = node->in[0], *weight = node->in[1];
    const int rank = weight->shape.rank, first = x->shape.rank - rank;
    if (!is_real(x) || weight->dtype != x->dtype)
        return node_fail(node, "inputs must have one floating-point dtype");
    bool fits = rank > 0 && first >= 0;
    for (int i = 0; fits && i < rank; i++) fits = weight->shape.dim[i] == x->shape.dim[first + i];
    if (!fits) return node_fail(node, "the weight must have the shape of the input's last axes");
    *stat = x->shape;
    for (int i = first; i < x->shape.rank; i++) stat->dim[i] = 1;
    return true;
}

bool infer_layernorm(struct node *node) {
    const struct cupel_tensor *x = node->in[0], *weight = node->in[1], *bias = node->in[2];
    struct cupel_shape stat;
    if (!check_layernorm(node, &stat)) return false;
    if (bias->dtype != x->dtype || !cupel_shape_equal(&bias->shape, &weight->shape))
        return node_fail(node, "the bias must be like the weight");
    if (!(node->attr.norm.eps > 0))
        return node_fail(node, "eps must be above 0, not %g", node->attr.norm.eps);
    return node_out(node, x->dtype, &x->shape) && node_out(node, x->dtype, &stat) &&
           node_out(node, x->dtype, &stat);
}

struct cupel_tensor *cupel_layernorm(struct cupel_tensor *x, struct cupel_tensor *weight,
                                     struct cupel_tensor *bias, double eps) {
    return NODE_ADD(layernorm, ATTR(norm, .eps = eps), x, weight, bias);
}

void grad_layernorm(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
                    struct cupel_tensor **dx) {
    const struct norm norm = last_axes_norm(node->in[0], node->in[1]);
    norm_grad(node, 0, OP_layernorm_grad, &norm, dy, need, dx);
}

bool infer_layernorm_grad(struct node *node) {
    struct cupel_shape stat;
    return check_layernorm(node, &stat) && norm_infer_grad(node, &stat);
}

void grad_layernorm_grad(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
                         struct cupel_tensor **dx) {
    const struct norm norm = last_axes_norm(node->in[0], node->in[1]);
    norm_grad_grad(node, &norm, dy, need, dx);
}

struct cupel_tensor *cupel_instancenorm(struct cupel_tensor *x, struct cupel_tensor *weight,
                                        struct cupel_tensor *bias, double eps) {
    if (!x) return NULL;
    struct cupel_graph *graph = x->node->graph;
    struct cupel_shape channels = x->shape;
    if (x->shape.rank < 3 || tensor_count(x) == x->shape.dim[0] * x->shape.dim[1])
        return graph_fail(graph, "instancenorm", "the input must be [N, C, ...] with more than one pixel");
    if (!weight != !bias)
        return graph_fail(graph, "instancenorm", "weight and bias must be given both or neither");
    const int64_t planes = x->shape.dim[0] * x->shape.dim[1], pixels = tensor_count(x) / planes;
    struct cupel_tensor *ones = cupel_fill(graph, &CUPEL_SHAPE(pixels), 1),
                        *zeros = cupel_fill(graph, &CUPEL_SHAPE(pixels), 0);
    struct cupel_tensor *rows = cupel_reshape(x, &CUPEL_SHAPE(planes, pixels));
    struct cupel_tensor *y = cupel_reshape(cupel_layernorm(rows, ones, zeros, eps), &x->shape);
    if (!weight) return y;
    for (int i = 0; i < channels.rank; i++)
        if (i != 1) channels.dim[i] = 1;
    return cupel_bias_add(cupel_mul(y, cupel_reshape(weight, &channels)), bias);
}
