/* Convolutions. A convolution has an image side x, N x C x H x W, a place side y, N x O x H' x W', and a weight, O x C/groups x kh x kw
 * row-major, of which any two make the third: with row h = h' stride - pad + k dilation (columns likewise), the
 * channels of a group, and each sum over the indices that do not stand on the left,
 *
 *     y[n, o, h', w']        = sum x[n, c, h, w] weight[o, c, k, l]       places
 *     x[n, c, h, w]          = sum y[n, o, h', w'] weight[o, c, k, l]     image
 *     weight[o, c, k, l]     = sum x[n, c, h, w] y[n, o, h', w']          weight
 *
 * An image or place result may end in + bias[channel] and an activation. */
#ifndef CUPEL_KERNEL_CONV_H
#define CUPEL_KERNEL_CONV_H

#include "kernel.h"

#ifdef __cplusplus
extern "C" {
#endif

struct kernel_conv_axis {
    int image, places, window; /* sizes of x, y and weight */
    int stride, pad, dilation;
    int phases, step; /* what kernel_conv_axis_complete makes of the others */
};

/* Rows of the axis fall into `phases` = stride classes by their remainder: to each belongs every `step`th element of the
 * window, or none. */
void kernel_conv_axis_complete(struct kernel_conv_axis *axis);

struct kernel_conv {
    int batch, groups, channels, outputs; /* the latter two of one group */
    struct kernel_conv_axis axis[2];      /* vertical, horizontal */
    int64_t x_stride[4], y_stride[4];     /* in elements, of N, C, H, W; any */
    enum kernel_type type, result_type;   /* of both inputs; of the result: the same or KERNEL_F32 */
    enum kernel_activation activation;
    float slope;
    bool has_bias;
};

/* The result of places or image by direct summation, for any shape; bias is [channels of the result] of float, read if
 * has_bias. */
kernel_status kernel_conv_direct_places(const struct kernel_conv *conv, const void *x, const void *weight,
                                        const float *bias, void *y, void *stream);
kernel_status kernel_conv_direct_image(const struct kernel_conv *conv, const void *y, const void *weight,
                                       const float *bias, void *x, void *stream);

/* The weight by direct summation, for any shape, in `splits` parts of the sum, from 1 to 65535, each of which `workspace`
 * holds as a weight of float (not used for 1). */
kernel_status kernel_conv_direct_weight(const struct kernel_conv *conv, const void *x, const void *y,
                                        void *weight, int splits, float *workspace, void *stream);

/* result[i] = sum over s < splits of parts[s * n + i]: what splits of a sum over places add up to. */
kernel_status kernel_conv_add_splits(const float *parts, int splits, int64_t n, void *result,
                                     enum kernel_type type, void *stream);

#ifdef __cplusplus
}
#endif
#endif
