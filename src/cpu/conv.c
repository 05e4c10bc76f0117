/* Reference kernels: convolution and its gradients.
 *
 * With image row h = oh stride - pad + kh dilation (columns likewise), c and o channels of one group, and
 * each sum over the indices that do not stand on the left:
 *
 *     conv2d         y[n, o, oh, ow]      = sum x[n, c, h, w] weight[o, c, kh, kw]
 *     conv2d_image   x[n, c, h, w]        = sum y[n, o, oh, ow] weight[o, c, kh, kw]
 *     conv2d_weight  weight[o, c, kh, kw] = sum x[n, c, h, w] y[n, o, oh, ow] */
#include "cpu/activate.h"

/* The three tensors of a convolution, whichever of them is the result. */
struct conv {
    const struct view *x, *weight, *y;
    const struct cupel_conv *attr;
    int64_t channels, outputs; /* of one group */
};

static struct conv conv_of(const struct call *call, const struct view *x, const struct view *weight,
                           const struct view *y) {
    return (struct conv){.x = x,
                         .weight = weight,
                         .y = y,
                         .attr = &call->node->attr.conv.conv,
                         .channels = weight->shape.dim[1],
                         .outputs = weight->shape.dim[0] / call->node->attr.conv.conv.groups};
}

static double element(const struct view *view, int64_t n, int64_t c, int64_t h, int64_t w) {
    return ((const real *)view->data)[at4(view, n, c, h, w)];
}

/* The row (axis 0) or column of the image under element k of the window at place o; -1 in the padding. */
static int64_t image_at(const struct conv *conv, int axis, int64_t o, int64_t k) {
    const int64_t at = o * conv->attr->stride[axis] - conv->attr->pad[axis] + k * conv->attr->dilation[axis];
    return at < conv->x->shape.dim[2 + axis] ? at : -1;
}

/* The place of the window whose element k lies on row or column `at` of the image; -1 when there is none. */
static int64_t place_at(const struct conv *conv, int axis, int64_t at, int64_t k) {
    const int64_t from = at + conv->attr->pad[axis] - k * conv->attr->dilation[axis],
                  stride = conv->attr->stride[axis];
    return from >= 0 && from % stride == 0 && from / stride < conv->y->shape.dim[2 + axis] ? from / stride
                                                                                           : -1;
}

/* Stores the result with its bias, if there is one, and its activation. */
static void store(struct call *call, int64_t n, int64_t c, int64_t h, int64_t w, double sum) {
    const union attr *attr = &call->node->attr;
    if (call->n_in > 2) sum += (double)IN(2)[c];
    OUT(0)[at4(&call->out[0], n, c, h, w)] = (real)activate(attr->conv.activation, attr->conv.slope, sum);
}

static double conv2d_at(const struct conv *conv, int64_t n, int64_t o, int64_t oh, int64_t ow) {
    const int64_t *kernel = conv->weight->shape.dim + 2, first = o / conv->outputs * conv->channels;
    double sum = 0;
    for (int64_t c = 0; c < conv->channels; c++)
        for (int64_t kh = 0; kh < kernel[0]; kh++) {
            const int64_t h = image_at(conv, 0, oh, kh);
            for (int64_t kw = 0; kw < kernel[1] && h >= 0; kw++) {
                const int64_t w = image_at(conv, 1, ow, kw);
                if (w >= 0) sum += element(conv->x, n, first + c, h, w) * element(conv->weight, o, c, kh, kw);
            }
        }
    return sum;
}

KERNEL(conv2d) {
    const struct conv conv = conv_of(call, &call->in[0], &call->in[1], &call->out[0]);
    const int64_t *y = call->out[0].shape.dim;
    for (int64_t n = 0; n < y[0]; n++)
        for (int64_t o = 0; o < y[1]; o++)
            for (int64_t oh = 0; oh < y[2]; oh++)
                for (int64_t ow = 0; ow < y[3]; ow++)
                    store(call, n, o, oh, ow, conv2d_at(&conv, n, o, oh, ow));
}

static double image_sum(const struct conv *conv, int64_t n, int64_t c, int64_t h, int64_t w) {
    const int64_t *kernel = conv->weight->shape.dim + 2, first = c / conv->channels * conv->outputs;
    double sum = 0;
    for (int64_t kh = 0; kh < kernel[0]; kh++) {
        const int64_t oh = place_at(conv, 0, h, kh);
        for (int64_t kw = 0; kw < kernel[1] && oh >= 0; kw++) {
            const int64_t ow = place_at(conv, 1, w, kw);
            for (int64_t o = first; o < first + conv->outputs && ow >= 0; o++)
                sum += element(conv->y, n, o, oh, ow) * element(conv->weight, o, c % conv->channels, kh, kw);
        }
    }
    return sum;
}

KERNEL(conv2d_image) {
    const struct conv conv = conv_of(call, &call->out[0], &call->in[1], &call->in[0]);
    const int64_t *x = call->out[0].shape.dim;
    for (int64_t n = 0; n < x[0]; n++)
        for (int64_t c = 0; c < x[1]; c++)
            for (int64_t h = 0; h < x[2]; h++)
                for (int64_t w = 0; w < x[3]; w++) store(call, n, c, h, w, image_sum(&conv, n, c, h, w));
}

static double weight_sum(const struct conv *conv, int64_t o, int64_t c, int64_t kh, int64_t kw) {
    const int64_t *y = conv->y->shape.dim, channel = o / conv->outputs * conv->channels + c;
    double sum = 0;
    for (int64_t n = 0; n < y[0]; n++)
        for (int64_t oh = 0; oh < y[2]; oh++) {
            const int64_t h = image_at(conv, 0, oh, kh);
            for (int64_t ow = 0; ow < y[3] && h >= 0; ow++) {
                const int64_t w = image_at(conv, 1, ow, kw);
                if (w >= 0) sum += element(conv->x, n, channel, h, w) * element(conv->y, n, o, oh, ow);
            }
        }
    return sum;
}

KERNEL(conv2d_weight) {
    const struct conv conv = conv_of(call, &call->in[0], &call->out[0], &call->in[1]);
    const int64_t *weight = call->out[0].shape.dim;
    for (int64_t o = 0; o < weight[0]; o++)
        for (int64_t c = 0; c < weight[1]; c++)
            for (int64_t kh = 0; kh < weight[2]; kh++)
                for (int64_t kw = 0; kw < weight[3]; kw++)
                    OUT(0)[at4(&call->out[0], o, c, kh, kw)] = (real)weight_sum(&conv, o, c, kh, kw);
}
