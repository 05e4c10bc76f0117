/* The gradients of the normalising ops, composed from other ops. */
#include "ops/norm.h"

struct cupel_tensor *norm_spread(struct cupel_tensor *value, const struct cupel_tensor *x, unsigned axes) {
    struct cupel_shape shape = x->shape;
    for (int i = 0; i < shape.rank; i++)
        if (axes >> i & 1) shape.dim[i] = 1;
    return cupel_reshape(value, &shape);
}

static struct cupel_tensor *plus(struct cupel_tensor *a, struct cupel_tensor *b) {
    return a && b ? cupel_add(a, b) : a ? a : b;
}

/* The sum over `axes` in the shape of `like`. */
static struct cupel_tensor *sum_like(struct cupel_tensor *x, unsigned axes, const struct cupel_tensor *like) {
    return cupel_reshape(cupel_sum(x, axes, true), &like->shape);
}

static int64_t group_size(const struct cupel_tensor *x, unsigned group) {
    int64_t size = 1;
    for (int i = 0; i < x->shape.rank; i++)
        if (group >> i & 1) size *= x->shape.dim[i];
    return size;
}

bool norm_infer_grad(struct node *node, const struct cupel_shape *stat) {
    const struct cupel_tensor *x = node->in[0], *weight = node->in[1];
    const struct cupel_shape *shapes[] = {&x->shape, &weight->shape, stat, stat, &x->shape, &weight->shape};
    for (int i = 0; i < node->n_in; i++)
        if (!is_real(node->in[i]) || node->in[i]->dtype != x->dtype ||
            !cupel_shape_equal(&node->in[i]->shape, shapes[i]))
            return node_fail(node, "input %d does not fit the others", i);
    return node_out(node, x->dtype, &x->shape) && node_out(node, x->dtype, &weight->shape) &&
           node_out(node, x->dtype, &weight->shape);
}

/* dmean/dx = 1 / M and dinvstd/dx = -invstd^3 (x - mean) / M over a group of M. */
static struct cupel_tensor *through_statistics(struct cupel_tensor *x, struct cupel_tensor *mean,
                                               struct cupel_tensor *invstd, struct cupel_tensor *dmean,
                                               struct cupel_tensor *dinvstd, unsigned group) {
    struct cupel_tensor *sum = dmean ? norm_spread(dmean, x, group) : NULL;
    if (dinvstd) {
        struct cupel_tensor *factor = cupel_scale(cupel_mul(dinvstd, cupel_power(invstd, 3)), -1, 0);
        struct cupel_tensor *centred = cupel_sub(x, norm_spread(mean, x, group));
        sum = plus(sum, cupel_mul(centred, norm_spread(factor, x, group)));
    }
    return cupel_scale(cupel_broadcast(sum, &x->shape), 1.0 / (double)group_size(x, group), 0);
}

void norm_grad(const struct node *node, int first, enum op_id grad_op, const struct norm *norm,
               struct cupel_tensor *const *dy, const bool *need, struct cupel_tensor **dx) {
    struct cupel_tensor *x = node->in[first], *weight = node->in[first + 1], *out = node->out[0].node->out;
    struct cupel_tensor *mean = out + 1, *invstd = out + 2;
    if (dy[0]) {
        struct cupel_tensor *in[] = {x, weight, mean, invstd, dy[0]};
        struct cupel_tensor *made = node_add_list(grad_op, in, 5, NULL);
        for (int i = 0; made && i < 3; i++) dx[first + i] = made + i;
    }
    if (need[first] && (dy[1] || dy[2]))
        dx[first] = plus(dx[first], through_statistics(x, mean, invstd, dy[1], dy[2], norm->group));
}

/* With d = dy weight, z = (x - mean) invstd and E the mean over a group of M:
 *     r = invstd (d - E d - z E(d z)),  dweight = sum dy z,  dbias = sum dy,
 * and g, gw, gb the gradients for these three:
 *     to d       U = invstd (g - E g - z E(g z))
 *     to z       V = -invstd (g E(d z) + d E(g z)) + gw dy
 *     to invstd  M (E(g d) - E g E d - E(g z) E(d z)) + sum V (x - mean)
 * from which the inputs' follow. */
void norm_grad_grad(const struct node *node, const struct norm *norm, struct cupel_tensor *const *g,
                    const bool *need, struct cupel_tensor **dx) {
    struct cupel_tensor *x = node->in[0], *dy = node->in[4];
    struct cupel_tensor *weight = norm_spread(node->in[1], x, norm->repeat);
    struct cupel_tensor *mean = norm_spread(node->in[2], x, norm->group);
    struct cupel_tensor *invstd = norm_spread(node->in[3], x, norm->group);
    struct cupel_tensor *centred = cupel_sub(x, mean), *z = cupel_mul(centred, invstd);
    struct cupel_tensor *v = NULL, *to_dy = NULL, *to_invstd = NULL;
    if (g[0]) {
        struct cupel_tensor *d = cupel_mul(dy, weight);
        struct cupel_tensor *e_d = cupel_mean(d, norm->group, true);
        struct cupel_tensor *e_g = cupel_mean(g[0], norm->group, true);
        struct cupel_tensor *e_dz = cupel_mean(cupel_mul(d, z), norm->group, true);
        struct cupel_tensor *e_gz = cupel_mean(cupel_mul(g[0], z), norm->group, true);
        struct cupel_tensor *e_gd = cupel_mean(cupel_mul(g[0], d), norm->group, true);
        struct cupel_tensor *u = cupel_sub(cupel_sub(g[0], e_g), cupel_mul(z, e_gz));
        u = cupel_mul(invstd, u);
        to_dy = cupel_mul(u, weight);
        if (need[1]) dx[1] = sum_like(cupel_mul(u, dy), norm->repeat, node->in[1]);
        v = cupel_add(cupel_mul(g[0], e_dz), cupel_mul(d, e_gz));
        v = cupel_scale(cupel_mul(invstd, v), -1, 0);
        to_invstd = cupel_sub(cupel_sub(e_gd, cupel_mul(e_g, e_d)), cupel_mul(e_gz, e_dz));
        to_invstd = cupel_scale(to_invstd, (double)group_size(x, norm->group), 0);
        to_invstd = cupel_reshape(to_invstd, &node->in[3]->shape);
    }
    if (g[1]) {
        struct cupel_tensor *gw = norm_spread(g[1], x, norm->repeat);
        v = plus(v, cupel_mul(dy, gw));
        to_dy = plus(to_dy, cupel_mul(z, gw));
    }
    if (g[2]) to_dy = plus(to_dy, cupel_broadcast(norm_spread(g[2], x, norm->repeat), &x->shape));
    dx[4] = to_dy;
    if (!v) return;
    if (need[0] || need[2]) dx[0] = cupel_mul(v, invstd);
    if (need[2]) dx[2] = cupel_scale(sum_like(dx[0], norm->group, node->in[2]), -1, 0);
    if (need[3]) dx[3] = plus(to_invstd, sum_like(cupel_mul(v, centred), norm->group, node->in[3]));
}
