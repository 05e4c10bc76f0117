/* Enlarging images by whole factors.
 *
 * The nearest pixel repeated is what average pooling's gradient does with a divisor of 1. bilinear is linear; bilinear_grad is
 * its transpose, and each one's gradient is the other. */
#include "ops/check.h"

/* The enlarged H, W. */
static bool enlarge(const struct cupel_tensor *x, const int64_t *factor, int64_t *image) {
    if (x->shape.rank != 4) {
        graph_fail(x->node->graph, "upsample", "the input must be images [N, C, H, W]");
        return false;
    }
    for (int axis = 0; axis < 2; axis++)
        if (factor[axis] < 1 || factor[axis] > INT32_MAX ||
            __builtin_mul_overflow(x->shape.dim[2 + axis], factor[axis], &image[axis])) {
            graph_fail(x->node->graph, "upsample", "a factor of %lld is not possible",
                       (long long)factor[axis]);
            return false;
        }
    return true;
}

struct cupel_tensor *cupel_upsample(struct cupel_tensor *x, const int64_t *factor,
                                    enum cupel_upsampling how) {
    int64_t image[2];
    if (!x || !enlarge(x, factor, image)) return NULL;
    if (factor[0] == 1 && factor[1] == 1) return x;
    if (how == CUPEL_UPSAMPLE_BILINEAR)
        return NODE_ADD(bilinear, ATTR(upsample, .factor = {factor[0], factor[1]}), x);
    const struct cupel_pool pool = {.kernel = {(int)factor[0], (int)factor[1]}, .divisor = 1};
    return NODE_ADD(avgpool_grad, ATTR(pool, .pool = pool, .image = {image[0], image[1]}), x);
}

/* ---- bilinear ---- */

bool infer_bilinear(struct node *node) {
    const int64_t *factor = node->attr.upsample.factor, *x = node->in[0]->shape.dim;
    return check_inputs(node, 1, 4) &&
           node_out(node, node->in[0]->dtype, &CUPEL_SHAPE(x[0], x[1], x[2] * factor[0], x[3] * factor[1]));
}

void grad_bilinear(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
                   struct cupel_tensor **dx) {
    (void)need;
    dx[0] = NODE_ADD(bilinear_grad, &node->attr, dy[0]);
}

bool infer_bilinear_grad(struct node *node) {
    const int64_t *factor = node->attr.upsample.factor, *dy = node->in[0]->shape.dim;
    if (!check_inputs(node, 1, 4)) return false;
    if (dy[2] % factor[0] || dy[3] % factor[1])
        return node_fail(node, "%lld x %lld is no multiple of %lld x %lld", (long long)dy[2],
                         (long long)dy[3], (long long)factor[0], (long long)factor[1]);
    return node_out(node, node->in[0]->dtype,
                    &CUPEL_SHAPE(dy[0], dy[1], dy[2] / factor[0], dy[3] / factor[1]));
}

void grad_bilinear_grad(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
                        struct cupel_tensor **dx) {
    (void)need;
    dx[0] = NODE_ADD(bilinear, &node->attr, dy[0]);
}

/* Four products and three sums for each enlarged pixel. */
double flops_bilinear(const struct node *node) {
    return 7 * (double)tensor_count(&node->out[0]);
}

double flops_bilinear_grad(const struct node *node) {
    return 7 * (double)tensor_count(node->in[0]);
}

/* ---- pixels from channels ---- */

struct cupel_tensor *cupel_pixel_shuffle(struct cupel_tensor *x, int64_t factor) {
    if (!x) return NULL;
    const int64_t *dim = x->shape.dim, most = INT64_C(1) << 20;
    if (x->shape.rank != 4 || factor < 1 || factor > most || dim[1] % (factor * factor))
        return graph_fail(x->node->graph, "pixel_shuffle",
                          "a factor of %lld needs images of a multiple of %lld channels", (long long)factor,
                          (long long)(factor > most ? most : factor * factor));
    const int64_t channels = dim[1] / (factor * factor);
    x = cupel_reshape(x, &CUPEL_SHAPE(dim[0], channels, factor, factor, dim[2], dim[3]));
    x = cupel_transpose(x, (const int[]){0, 1, 4, 2, 5, 3});
    return cupel_reshape(x, &CUPEL_SHAPE(dim[0], channels, dim[2] * factor, dim[3] * factor));
}
