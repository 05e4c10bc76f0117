/* Ops that make images anew, each by draws of its own. */
#include <math.h>

#include "ops/check.h"

/* Images and, behind them, reals of one value a channel. */
static bool check_images(struct node *node) {
    const struct cupel_tensor *x = node->in[0];
    if (x->shape.rank != 4 || !is_real(x))
        return node_fail(node, "input 0 must be floating-point images [N, C, H, W]");
    for (int i = 1; i < node->n_in - 1; i++)
        if (node->in[i]->dtype != x->dtype ||
            !cupel_shape_equal(&node->in[i]->shape, &CUPEL_SHAPE(x->shape.dim[1])))
            return node_fail(node, "input %d must be %s [%lld], one value a channel", i,
                             cupel_dtype_text(x->dtype), (long long)x->shape.dim[1]);
    return check_rng(node);
}

/* A range from which to draw, within [low, high]. */
static bool check_range(struct node *node, const char *what, const double range[2], double low, double high) {
    if (range[0] >= low && range[0] <= range[1] && range[1] <= high) return true;
    return node_fail(node, "%s must be a range within %g to %g, not %g to %g", what, low, high, range[0],
                     range[1]);
}

/* The next stream of the graph. */
static uint32_t stream_of(const struct cupel_tensor *rng) {
    return rng ? rng->node->graph->streams++ : 0;
}

/* ---- random_affine ---- */

bool infer_random_affine(struct node *node) {
    const struct cupel_affine *how = &node->attr.affine.how;
    if (!check_range(node, "the angle", how->rotate, -360, 360) ||
        !check_range(node, "the scale", how->scale, 1e-3, 1e3))
        return false;
    if (how->rotate[1] - how->rotate[0] > 360)
        return node_fail(node, "the angle's range must be at most 360 degrees");
    for (int i = 0; i < 2; i++)
        if (!(how->translate[i] >= 0 && how->translate[i] <= 1))
            return node_fail(node, "the shift must be from 0 to 1, not %g", how->translate[i]);
    return check_images(node) && node_out(node, node->in[0]->dtype, &node->in[0]->shape);
}

struct cupel_tensor *cupel_random_affine(struct cupel_tensor *x, struct cupel_tensor *fill,
                                         struct cupel_tensor *rng, const struct cupel_affine *affine) {
    return NODE_ADD(random_affine, ATTR(affine, .how = *affine, .stream = stream_of(rng)), x, fill, rng);
}

/* Two differences and products across, one down, each with a sum. */
double flops_random_affine(const struct node *node) {
    return 9 * flops_each(node);
}

/* ---- color_jitter ---- */

bool infer_color_jitter(struct node *node) {
    const struct cupel_jitter *how = &node->attr.jitter.how;
    if (!check_range(node, "brightness", how->brightness, 0, 1e3) ||
        !check_range(node, "contrast", how->contrast, 0, 1e3) ||
        !check_range(node, "saturation", how->saturation, 0, 1e3) ||
        !check_range(node, "hue", how->hue, -0.5, 0.5) || !check_images(node))
        return false;
    const int64_t channels = node->in[0]->shape.dim[1];
    if (channels != 1 && channels != 3)
        return node_fail(node, "colours have 1 or 3 channels, not %lld", (long long)channels);
    return node_out(node, node->in[0]->dtype, &node->in[0]->shape);
}

struct cupel_tensor *cupel_color_jitter(struct cupel_tensor *x, struct cupel_tensor *mean,
                                        struct cupel_tensor *deviation, struct cupel_tensor *rng,
                                        const struct cupel_jitter *jitter) {
    return NODE_ADD(color_jitter, ATTR(jitter, .how = *jitter, .stream = stream_of(rng)), x, mean, deviation,
                    rng);
}

/* Normalising and back, two blends and their limits, a grey twice, and a hue there and back. */
double flops_color_jitter(const struct node *node) {
    return 30 * flops_each(node);
}
