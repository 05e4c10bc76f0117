/* Two-dimensional convolution and its two gradients.
 *
 * conv2d(x, w), conv2d_image(g, w) and conv2d_weight(x, g) are the three derivatives of <g, conv2d(x, w)>,
 * which is linear in each of x, w and g: so each one's gradient is made of the other two. conv2d_image is a
 * transposed convolution. */
#include "ops/check.h"

/* Which dimensions the three parties must have. */
struct geometry {
    const int64_t *image;  /* H, W */
    const int64_t *kernel; /* kh, kw */
    int64_t channels, outputs;
};

static void set_defaults(struct cupel_conv *conv) {
    for (int axis = 0; axis < 2; axis++) {
        if (conv->stride[axis] == 0) conv->stride[axis] = 1;
        if (conv->dilation[axis] == 0) conv->dilation[axis] = 1;
    }
    if (conv->groups == 0) conv->groups = 1;
}

/* Checks the geometry and sets the result side's H, W. */
static bool check_conv(struct node *node, const struct geometry *geometry, int64_t *result) {
    const struct cupel_conv *conv = &node->attr.conv.conv;
    if (conv->output_pad[0] || conv->output_pad[1])
        return node_fail(node, "output_pad is for deconv2d alone");
    if (conv->groups < 1 || geometry->channels % conv->groups || geometry->outputs % conv->groups)
        return node_fail(node, "%lld and %lld channels must both be divisible by groups = %d",
                         (long long)geometry->channels, (long long)geometry->outputs, conv->groups);
    for (int axis = 0; axis < 2; axis++) {
        struct window window = {.size = geometry->image[axis],
                                .kernel = geometry->kernel[axis],
                                .stride = conv->stride[axis],
                                .pad = conv->pad[axis],
                                .dilation = conv->dilation[axis]};
        if (!check_window(node, axis, &window, &result[axis])) return false;
    }
    return true;
}

/* Whether the tensor given for the result side is as large as it must be. */
static bool check_result(struct node *node, const struct geometry *geometry,
                         const struct cupel_tensor *given) {
    int64_t result[2] = {0};
    if (!check_conv(node, geometry, result)) return false;
    if (given->shape.dim[2] != result[0] || given->shape.dim[3] != result[1])
        return node_fail(node, "(W - F + 2P)/S + 1 gives %lld x %lld for an image of %lld x %lld",
                         (long long)result[0], (long long)result[1], (long long)geometry->image[0],
                         (long long)geometry->image[1]);
    return true;
}

bool infer_conv2d(struct node *node) {
    set_defaults(&node->attr.conv.conv);
    if (!check_inputs(node, 2, 4)) return false;
    const int64_t *x = node->in[0]->shape.dim, *weight = node->in[1]->shape.dim,
                  groups = node->attr.conv.conv.groups;
    const struct geometry geometry = {
        .image = x + 2, .kernel = weight + 2, .channels = x[1], .outputs = weight[0]};
    int64_t result[2];
    if (!check_conv(node, &geometry, result) || !check_bias(node, weight[0])) return false;
    if (x[1] / groups != weight[1])
        return node_fail(node,
                         "the weight takes %lld channels in each of %lld groups, the image has %lld in all",
                         (long long)weight[1], (long long)groups, (long long)x[1]);
    return node_out(node, node->in[0]->dtype, &CUPEL_SHAPE(x[0], weight[0], result[0], result[1]));
}

bool infer_conv2d_image(struct node *node) {
    set_defaults(&node->attr.conv.conv);
    if (!check_inputs(node, 2, 4)) return false;
    const int64_t *g = node->in[0]->shape.dim, *weight = node->in[1]->shape.dim,
                  *image = node->attr.conv.image;
    int64_t channels;
    if (__builtin_mul_overflow(weight[1], (int64_t)node->attr.conv.conv.groups, &channels))
        return node_fail(node, "%d groups are too many", node->attr.conv.conv.groups);
    const struct geometry geometry = {
        .image = image, .kernel = weight + 2, .channels = channels, .outputs = g[1]};
    if (!check_result(node, &geometry, node->in[0]) || !check_bias(node, channels)) return false;
    if (g[1] != weight[0])
        return node_fail(node, "the weight takes %lld channels, the input has %lld", (long long)weight[0],
                         (long long)g[1]);
    return node_out(node, node->in[0]->dtype, &CUPEL_SHAPE(g[0], channels, image[0], image[1]));
}

bool infer_conv2d_weight(struct node *node) {
    set_defaults(&node->attr.conv.conv);
    if (!check_inputs(node, 2, 4)) return false;
    const int64_t *x = node->in[0]->shape.dim, *g = node->in[1]->shape.dim, *kernel = node->attr.conv.kernel;
    const struct geometry geometry = {.image = x + 2, .kernel = kernel, .channels = x[1], .outputs = g[1]};
    if (!check_result(node, &geometry, node->in[1])) return false;
    if (x[0] != g[0]) return node_fail(node, "inputs must have one batch size");
    return node_out(node, node->in[0]->dtype,
                    &CUPEL_SHAPE(g[1], x[1] / node->attr.conv.conv.groups, kernel[0], kernel[1]));
}

struct cupel_tensor *cupel_conv2d(struct cupel_tensor *x, struct cupel_tensor *weight,
                                  struct cupel_tensor *bias, const struct cupel_conv *conv) {
    return node_add_list(OP_conv2d, (struct cupel_tensor *[]){x, weight, bias}, bias ? 3 : 2,
                         ATTR(conv, .conv = *conv));
}

/* ---- deconv2d ---- */

/* H' = (H - 1) stride - 2 pad + dilation (kh - 1) + output_pad + 1 */
static bool deconv_size(struct cupel_graph *graph, const struct cupel_conv *conv, int axis, int64_t size,
                        int64_t kernel, int64_t *image) {
    const int stride = conv->stride[axis], pad = conv->pad[axis], dilation = conv->dilation[axis];
    const int output_pad = conv->output_pad[axis];
    if (stride < 1 || pad < 0 || dilation < 1 || output_pad < 0 ||
        (output_pad >= stride && output_pad >= dilation)) {
        graph_fail(graph, "deconv2d",
                   "stride %d and dilation %d must be at least 1, pad %d at least 0, and output_pad %d "
                   "at least 0 and smaller than stride or dilation",
                   stride, dilation, pad, output_pad);
        return false;
    }
    const __int128 result = (__int128)(size - 1) * stride - 2 * (__int128)pad +
                            (__int128)dilation * (kernel - 1) + output_pad + 1;
    if (result < 1 || result > INT64_MAX) {
        graph_fail(graph, "deconv2d",
                   "%s: (W - 1)S - 2P + D(F - 1) + output_pad + 1 = (%lld - 1)*%d - 2*%d + %d*(%lld - 1) "
                   "+ %d + 1 is %s",
                   axis == 0 ? "height" : "width", (long long)size, stride, pad, dilation, (long long)kernel,
                   output_pad, result < 1 ? "below 1" : "too large");
        return false;
    }
    *image = (int64_t)result;
    return true;
}

struct cupel_tensor *cupel_deconv2d(struct cupel_tensor *x, struct cupel_tensor *weight,
                                    struct cupel_tensor *bias, const struct cupel_conv *conv) {
    if (!x || !weight) return NULL;
    struct cupel_graph *graph = x->node->graph;
    if (graph->error.status != CUPEL_OK) return NULL;
    if (x->shape.rank != 4 || weight->shape.rank != 4)
        return graph_fail(graph, "deconv2d", "input and weight must have 4 dimensions");
    union attr attr = {.conv = {.conv = *conv}};
    set_defaults(&attr.conv.conv);
    struct cupel_shape padded = x->shape;
    for (int axis = 0; axis < 2; axis++) {
        if (!deconv_size(graph, &attr.conv.conv, axis, x->shape.dim[2 + axis], weight->shape.dim[2 + axis],
                         &attr.conv.image[axis]))
            return NULL;
        /* A whole stride of output_pad (which a larger dilation allows) is one more row of x, of zeros. */
        padded.dim[2 + axis] += conv->output_pad[axis] / attr.conv.conv.stride[axis];
        attr.conv.conv.output_pad[axis] = 0;
    }
    if (!cupel_shape_equal(&padded, &x->shape)) x = cupel_pad(x, (int64_t[4]){0}, &padded);
    return node_add_list(OP_conv2d_image, (struct cupel_tensor *[]){x, weight, bias}, bias ? 3 : 2, &attr);
}

/* ---- gradients ---- */

/* A member of the family with the node's parameters, for images and kernels like those of the two tensors. */
static struct cupel_tensor *add_like(const struct node *node, enum op_id op, struct cupel_tensor *a,
                                     struct cupel_tensor *b, const struct cupel_tensor *image,
                                     const struct cupel_tensor *weight) {
    union attr attr = {.conv = {.conv = node->attr.conv.conv}};
    for (int axis = 0; axis < 2; axis++) {
        if (op == OP_conv2d_image) attr.conv.image[axis] = image->shape.dim[2 + axis];
        if (op == OP_conv2d_weight) attr.conv.kernel[axis] = weight->shape.dim[2 + axis];
    }
    return node_add_list(op, (struct cupel_tensor *[]){a, b}, 2, &attr);
}

static struct cupel_tensor *bias_gradient(struct cupel_tensor *dy) {
    return cupel_sum(dy, 1u << 0 | 1u << 2 | 1u << 3, false);
}

void grad_conv2d(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
                 struct cupel_tensor **dx) {
    struct cupel_tensor *x = node->in[0], *weight = node->in[1];
    if (need[0]) dx[0] = add_like(node, OP_conv2d_image, dy[0], weight, x, weight);
    if (need[1]) dx[1] = add_like(node, OP_conv2d_weight, x, dy[0], x, weight);
    if (node->n_in > 2 && need[2]) dx[2] = bias_gradient(dy[0]);
}

void grad_conv2d_image(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
                       struct cupel_tensor **dx) {
    struct cupel_tensor *g = node->in[0], *weight = node->in[1];
    if (need[0]) dx[0] = add_like(node, OP_conv2d, dy[0], weight, dy[0], weight);
    if (need[1]) dx[1] = add_like(node, OP_conv2d_weight, dy[0], g, dy[0], weight);
    if (node->n_in > 2 && need[2]) dx[2] = bias_gradient(dy[0]);
}

void grad_conv2d_weight(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
                        struct cupel_tensor **dx) {
    struct cupel_tensor *x = node->in[0], *g = node->in[1];
    if (need[0]) dx[0] = add_like(node, OP_conv2d_image, g, dy[0], x, dy[0]);
    if (need[1]) dx[1] = add_like(node, OP_conv2d, x, dy[0], x, dy[0]);
}

/* ---- cost: one multiply-add for each element of the result side and of the weights that make it ---- */

static double conv_flops(const struct cupel_tensor *result, const struct cupel_tensor *weight) {
    return 2.0 * (double)tensor_count(result) * ((double)tensor_count(weight) / (double)weight->shape.dim[0]);
}

double flops_conv2d(const struct node *node) {
    return conv_flops(&node->out[0], node->in[1]);
}

double flops_conv2d_image(const struct node *node) {
    return conv_flops(node->in[0], node->in[1]);
}

double flops_conv2d_weight(const struct node *node) {
    return conv_flops(node->in[1], &node->out[0]);
}
