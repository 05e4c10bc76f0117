/* Reference kernels: batch normalisation. The variance is summed from differences, in a second pass over the
 * channel. */
#include "cpu/activate.h"

/* All elements of one channel of a view with four dimensions. */
#define FOR_CHANNEL(x, n, h, w)                        \
    for (int64_t n = 0; n < (x).shape.dim[0]; n++)     \
        for (int64_t h = 0; h < (x).shape.dim[2]; h++) \
            for (int64_t w = 0; w < (x).shape.dim[3]; w++)

/* What the node's activation makes of a normalised number. */
static double finish(const struct call *call, double number) {
    return activate(call->node->attr.norm.activation, call->node->attr.norm.slope, number);
}

static double channel_size(const struct view *x) {
    return (double)(x->shape.dim[0] * x->shape.dim[2] * x->shape.dim[3]);
}

KERNEL(batchnorm) {
    const struct view x = as_image(&call->in[2]), y = as_image(&call->out[0]);
    const double momentum = call->node->attr.norm.momentum, eps = call->node->attr.norm.eps;
    const double size = channel_size(&x);
    for (int64_t c = 0; c < x.shape.dim[1]; c++) {
        double mean = 0, square = 0;
        FOR_CHANNEL(x, n, h, w) mean += (double)IN(2)[at4(&x, n, c, h, w)];
        mean /= size;
        FOR_CHANNEL(x, n, h, w) {
            const double centred = (double)IN(2)[at4(&x, n, c, h, w)] - mean;
            square += centred * centred;
        }
        const double invstd = 1 / sqrt(square / size + eps);
        const double slope = invstd * (double)IN(3)[c], shift = (double)IN(4)[c];
        FOR_CHANNEL(x, n, h, w) {
            const double number = ((double)IN(2)[at4(&x, n, c, h, w)] - mean) * slope + shift;
            OUT(0)[at4(&y, n, c, h, w)] = (real)finish(call, number);
        }
        OUT(1)[c] = (real)mean;
        OUT(2)[c] = (real)invstd;
        OUT(3)[c] = (real)((1 - momentum) * (double)IN(0)[c] + momentum * mean);
        OUT(4)[c] = (real)((1 - momentum) * (double)IN(1)[c] + momentum * square / (size - 1));
    }
}

/* The gradient in front of the activation, whose input has the sign of z weight + bias. */
static double before(const struct call *call, int64_t c, double z, double dy) {
    const int activation = call->node->attr.norm.activation;
    if (activation == ACTIVATION_NONE || z * (double)IN(1)[c] + (double)IN(5)[c] > 0) return dy;
    return activation == ACTIVATION_RELU ? 0 : call->node->attr.norm.slope * dy;
}

KERNEL(batchnorm_grad) {
    const struct view x = as_image(&call->in[0]), dy = as_image(&call->in[4]), dx = as_image(&call->out[0]);
    const double size = channel_size(&x);
    for (int64_t c = 0; c < x.shape.dim[1]; c++) {
        const double weight = (double)IN(1)[c], mean = (double)IN(2)[c], invstd = (double)IN(3)[c];
        double sum = 0, dot = 0;
        FOR_CHANNEL(x, n, h, w) {
            const double z = ((double)IN(0)[at4(&x, n, c, h, w)] - mean) * invstd;
            const double d = before(call, c, z, (double)IN(4)[at4(&dy, n, c, h, w)]);
            sum += d;
            dot += d * z;
        }
        FOR_CHANNEL(x, n, h, w) {
            const double z = ((double)IN(0)[at4(&x, n, c, h, w)] - mean) * invstd;
            const double d = before(call, c, z, (double)IN(4)[at4(&dy, n, c, h, w)]);
            OUT(0)[at4(&dx, n, c, h, w)] = (real)(weight * invstd * (d - (sum + z * dot) / size));
        }
        OUT(1)[c] = (real)dot;
        OUT(2)[c] = (real)sum;
    }
}

KERNEL(batchnorm_eval) {
    const struct view x = as_image(&call->in[0]), y = as_image(&call->out[0]);
    const double eps = call->node->attr.norm.eps;
    for (int64_t c = 0; c < x.shape.dim[1]; c++) {
        const double mean = (double)IN(3)[c], shift = (double)IN(2)[c];
        const double slope = (double)IN(1)[c] / sqrt((double)IN(4)[c] + eps);
        FOR_CHANNEL(x, n, h, w) {
            const double number = ((double)IN(0)[at4(&x, n, c, h, w)] - mean) * slope + shift;
            OUT(0)[at4(&y, n, c, h, w)] = (real)finish(call, number);
        }
    }
}
