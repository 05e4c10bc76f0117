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

#include "gemm.h"

#ifdef __cplusplus
extern "C" {
#endif

struct kernel_conv_axis {
    int image, places, window; /* sizes of x, y and weight */
    int stride, pad, dilation;
    /* What kernel_conv_axis_complete makes of the others. Rows of the image fall into `phases` classes by their remainder
     * over the stride. To each belongs every `step`th element of the window, or none: elements k with
     * k dilation = row + pad modulo stride, of which k inverse / common is the first. */
    int phases, step, common, inverse;
};

/* For stride up to 46340, so that products of two remainders fit. */
void kernel_conv_axis_complete(struct kernel_conv_axis *axis);

enum kernel_conv_made { KERNEL_CONV_PLACES, KERNEL_CONV_IMAGE, KERNEL_CONV_WEIGHT };

struct kernel_conv {
    enum kernel_conv_made made;           /* what the other two make */
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

/* Places of an image of few channels (conv_edge.cu), with no groups: whether they can be made so, and making them. */
bool kernel_conv_has_edge(const struct kernel_conv *conv);
kernel_status kernel_conv_edge(const struct kernel_conv *conv, const void *x, const void *weight,
                               const float *bias, void *y, void *stream);

/* The weight by direct summation, for any shape, in `splits` parts of the sum, from 1 to 65535, each of which `workspace`
 * holds as a weight of float (not used for 1). */
kernel_status kernel_conv_direct_weight(const struct kernel_conv *conv, const void *x, const void *y,
                                        void *weight, int splits, float *workspace, void *stream);

/* result[i] = sum over s < splits of parts[s * n + i]: what splits of a sum over places add up to. */
kernel_status kernel_conv_add_splits(const float *parts, int splits, int64_t n, void *result,
                                     enum kernel_type type, void *stream);

/* The result as a product of matrices whose operands are read from the images in place ("implicit GEMM"): m, n, k and number of
 * products. Only where windows, image and places have less than 2^31 elements each in an image or a window. */
struct kernel_conv_product {
    int64_t m, n, k, batches;
};
struct kernel_conv_product kernel_conv_product_of(const struct kernel_conv *conv);

/* Bytes of the workspace in which the weight is put into the order of k, a multiple of 256; 0 where it lies so. */
size_t kernel_conv_reordered(const struct kernel_conv *conv);

/* a and b are the two tensors that are not made, x before weight, y before weight, x before y. `gemm` has the sizes of
 * kernel_conv_product_of; `workspace`, aligned to 16 bytes, has kernel_conv_reordered + kernel_gemm_workspace bytes. */
kernel_status kernel_conv_gemm(const struct kernel_conv *conv, const void *a, const void *b,
                               const float *bias, void *result, const struct kernel_gemm *gemm,
                               void *workspace, void *stream);

/* The image of few channels by columns (conv_columns.cu): whether it can be; the product's sizes; bytes of the workspace,
 * a multiple of 256, to which those of kernel_gemm_workspace are added. `gemm` has a result of KERNEL_F32 and no
 * activation. */
bool kernel_conv_has_columns(const struct kernel_conv *conv);
struct kernel_conv_product kernel_conv_columns_product(const struct kernel_conv *conv);
size_t kernel_conv_columns_bytes(const struct kernel_conv *conv);
kernel_status kernel_conv_columns(const struct kernel_conv *conv, const void *y, const void *weight,
                                  const float *bias, void *x, const struct kernel_gemm *gemm, void *workspace,
                                  void *stream);

#ifdef __cplusplus
}
#endif
#endif
