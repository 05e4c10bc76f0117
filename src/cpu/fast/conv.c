/* Convolutions: kernels of our own where the batch lies innermost, oneDNN elsewhere. */
#include "cpu/fast/activation.h"
#include "cpu/fast/batched.h"
#include "cpu/fast/columns.h"
#include "cpu/fast/fast.h"
#include "cpu/fast/half.h"
#include "cpu/fast/onednn.h"
#include "cpu/fast/winograd.h"

#include <omp.h>

/* oneDNN's description of the convolution whose parties are the views. */
struct conv {
    const struct view *image, *weight, *result, *bias;
    dnnl_memory_desc_t plain_image, plain_weight, plain_result, plain_bias, any_weight;
    dnnl_dims_t stride, dilation, pad;
};

static dnnl_status_t describe_view(const struct view *view, int64_t groups, dnnl_memory_desc_t *plain,
                                   dnnl_memory_desc_t *any) {
    dnnl_dims_t dim, stride;
    int rank = 0;
    if (groups > 1) {
        dim[rank] = groups;
        stride[rank++] = view->shape.dim[0] / groups * view->stride[0];
    }
    for (int d = 0; d < view->shape.rank; d++) {
        dim[rank] = d == 0 ? view->shape.dim[0] / groups : view->shape.dim[d];
        stride[rank++] = view->stride[d];
    }
    const dnnl_data_type_t type = onednn_type(view);
    dnnl_status_t status = dnnl_memory_desc_init_by_strides(plain, rank, dim, type, stride);
    if (any && status == dnnl_success)
        status = dnnl_memory_desc_init_by_tag(any, rank, dim, type, dnnl_format_tag_any);
    return status;
}

/* An image of one channel, or of one pixel, has several equal layouts: says the one that the other image has,
 * which is what oneDNN's choice of code goes by. */
static dnnl_status_t describe_image(const struct view *view, const struct view *other,
                                    dnnl_memory_desc_t *plain) {
    const bool last = view->stride[1] == 1 && (view->shape.dim[1] > 1 || other->stride[1] == 1);
    const int64_t *from = view->shape.dim;
    const dnnl_dims_t dim = {from[0], from[1], from[2], from[3]};
    return dnnl_memory_desc_init_by_tag(plain, 4, dim, onednn_type(view), last ? dnnl_nhwc : dnnl_nchw);
}

static dnnl_status_t describe(struct conv *conv, const struct call *call) {
    const struct cupel_conv *attr = &call->node->attr.conv.conv;
    for (int axis = 0; axis < 2; axis++) {
        conv->stride[axis] = attr->stride[axis];
        conv->dilation[axis] = attr->dilation[axis] - 1;
        conv->pad[axis] = attr->pad[axis];
    }
    dnnl_status_t status = describe_view(conv->weight, attr->groups, &conv->plain_weight, &conv->any_weight);
    if (status == dnnl_success) status = describe_image(conv->image, conv->result, &conv->plain_image);
    if (status == dnnl_success) status = describe_image(conv->result, conv->image, &conv->plain_result);
    if (status == dnnl_success && conv->bias) status = describe_view(conv->bias, 1, &conv->plain_bias, NULL);
    return status;
}

static dnnl_status_t describe_forward(const struct conv *conv, const dnnl_memory_desc_t *image,
                                      const dnnl_memory_desc_t *weight, const dnnl_memory_desc_t *result,
                                      dnnl_engine_t engine, dnnl_primitive_attr_t attributes,
                                      dnnl_primitive_desc_t *description) {
    dnnl_convolution_desc_t forward;
    const dnnl_status_t status = dnnl_dilated_convolution_forward_desc_init(
        &forward, dnnl_forward_training, dnnl_convolution_direct, image, weight,
        conv->bias ? &conv->plain_bias : NULL, result, conv->stride, conv->dilation, conv->pad, conv->pad);
    return status == dnnl_success
               ? dnnl_primitive_desc_create(description, &forward, attributes, engine, NULL)
               : status;
}

/* The memory as if its numbers were of another type. */
static dnnl_memory_desc_t retyped(dnnl_memory_desc_t memory, dnnl_data_type_t type) {
    memory.data_type = type;
    return memory;
}

/* Describes the primitive of the call's op; the gradients' take as a hint the forward one of what they read: it has no bf16
 * images with weights of f32, nor the other way round. */
static dnnl_status_t describe_primitive(const struct conv *conv, const struct call *call,
                                        dnnl_engine_t engine, dnnl_primitive_attr_t attributes,
                                        dnnl_primitive_desc_t *description) {
    if (call->node->op == OP_conv2d)
        return describe_forward(conv, &conv->plain_image, &conv->any_weight, &conv->plain_result, engine,
                                attributes, description);
    const dnnl_alg_kind_t direct = dnnl_convolution_direct;
    const dnnl_data_type_t type = onednn_type(&call->in[0]);
    const dnnl_memory_desc_t image = retyped(conv->plain_image, type),
                             weight = retyped(conv->any_weight, type),
                             result = retyped(conv->plain_result, type);
    dnnl_primitive_desc_t hint;
    dnnl_convolution_desc_t backward;
    dnnl_status_t status = describe_forward(conv, &image, &weight, &result, engine, attributes, &hint);
    if (status != dnnl_success) return status;
    status = call->node->op == OP_conv2d_image
                 ? dnnl_dilated_convolution_backward_data_desc_init(
                       &backward, direct, &conv->plain_image, &conv->any_weight, &conv->plain_result,
                       conv->stride, conv->dilation, conv->pad, conv->pad)
                 : dnnl_dilated_convolution_backward_weights_desc_init(
                       &backward, direct, &conv->plain_image, &conv->any_weight, NULL, &conv->plain_result,
                       conv->stride, conv->dilation, conv->pad, conv->pad);
    if (status == dnnl_success)
        status = dnnl_primitive_desc_create(description, &backward, attributes, engine, hint);
    dnnl_primitive_desc_destroy(hint);
    return status;
}

static dnnl_status_t describe_call(struct conv *conv, const struct call *call,
                                   dnnl_primitive_desc_t *description) {
    dnnl_primitive_attr_t attributes;
    dnnl_status_t status = describe(conv, call);
    if (status == dnnl_success) status = onednn_attributes(call, call->node->op == OP_conv2d, &attributes);
    if (status != dnnl_success) return status;
    status =
        describe_primitive(conv, call, ((struct onednn *)call->device->own)->engine, attributes, description);
    dnnl_primitive_attr_destroy(attributes);
    return status;
}

/* Adds the bias to numbers that are `step` apart from `first` on, and applies the activation. */
INLINE void activate_numbers(const struct call *call, int64_t first, int64_t step, int64_t count, float bias,
                             const bool half) {
    enum { PIECE = 256 };
    float piece[PIECE];
    void *data = call->out[0].data;
    const union attr *attr = &call->node->attr;
    for (int64_t from = 0; from < count; from += PIECE, first += PIECE * step) {
        const int64_t size = count - from < PIECE ? count - from : PIECE;
        for (int64_t i = 0; i < size; i++) piece[i] = get(data, first + i * step, half);
        activate_row(piece, 1, piece, 1, size, bias, attr->conv.activation, (float)attr->conv.slope);
        for (int64_t i = 0; i < size; i++) put(data, first + i * step, piece[i], half);
    }
}

/* oneDNN's gradient with respect to the image takes no bias and no activation. */
static void image_with_bias(struct call *call) {
    onednn_run(call);
    const struct view *x = &call->out[0];
    const int64_t *dim = x->shape.dim;
    const float *bias = call->n_in > 2 ? call->in[2].data : NULL;
#pragma omp parallel for schedule(static) num_threads(call->device->threads)
    for (int64_t n = 0; n < dim[0]; n++)
        for (int64_t h = 0; h < dim[2]; h++)
            for (int64_t c = 0; c < dim[1]; c++) {
                const int64_t row = at4(x, n, c, h, 0);
                const float added = bias ? bias[c] : 0;
                if (is_half(x))
                    activate_numbers(call, row, x->stride[3], dim[3], added, true);
                else
                    activate_numbers(call, row, x->stride[3], dim[3], added, false);
            }
}

/* Whether oneDNN has code for the layout. */
static bool batch_is_outermost(const struct view *view) {
    return view->shape.dim[0] == 1 || view->stride[0] == view_count(view) / view->shape.dim[0];
}

static enum cupel_status prepare_onednn(struct conv *conv, struct call *call, struct cupel_error *error) {
    const enum op_id op = call->node->op;
    if (!batch_is_outermost(conv->image) || !batch_is_outermost(conv->result)) return CUPEL_OK;
    dnnl_primitive_desc_t description;
    omp_set_num_threads(call->device->threads); /* primitives divide their work when they are made */
    ONEDNN_TRY(describe_call(conv, call, &description));
    struct onednn_argument arguments[] = {
        {op == OP_conv2d_image ? DNNL_ARG_DIFF_SRC : DNNL_ARG_SRC, conv->image, conv->plain_image,
         &conv->plain_image, op == OP_conv2d_image},
        {op == OP_conv2d_weight ? DNNL_ARG_DIFF_WEIGHTS : DNNL_ARG_WEIGHTS, conv->weight, conv->plain_weight,
         dnnl_primitive_desc_query_md(
             description, op == OP_conv2d_weight ? dnnl_query_diff_weights_md : dnnl_query_weights_md, 0),
         op == OP_conv2d_weight},
        {op == OP_conv2d ? DNNL_ARG_DST : DNNL_ARG_DIFF_DST, conv->result, conv->plain_result,
         &conv->plain_result, op == OP_conv2d},
        {DNNL_ARG_BIAS, conv->bias, conv->plain_bias, &conv->plain_bias, false},
    };
    enum cupel_status status = onednn_prepare(call, description, arguments, conv->bias ? 4 : 3, error);
    dnnl_primitive_desc_destroy(description);
    return status;
}

enum cupel_status fast_conv2d(struct call *call, struct cupel_error *error) {
    if (batched_fits(call)) return batched_prepare(call, error);
    if (winograd_pays(call)) return winograd_prepare(call, error);
    struct conv conv = {.image = &call->in[0],
                        .weight = &call->in[1],
                        .result = &call->out[0],
                        .bias = call->n_in > 2 ? &call->in[2] : NULL};
    return prepare_onednn(&conv, call, error);
}

enum cupel_status fast_conv2d_image(struct call *call, struct cupel_error *error) {
    if (batched_fits(call)) return batched_prepare(call, error);
    if (winograd_pays(call)) return winograd_prepare(call, error);
    if (columns_pay(call)) return columns_prepare(call, error);
    struct conv conv = {.image = &call->out[0], .weight = &call->in[1], .result = &call->in[0]};
    CUPEL_TRY(prepare_onednn(&conv, call, error));
    if (!call->kernel) return CUPEL_OK;
    if (call->n_in > 2 || call->node->attr.conv.activation != ACTIVATION_NONE) call->kernel = image_with_bias;
    return CUPEL_OK;
}

enum cupel_status fast_conv2d_weight(struct call *call, struct cupel_error *error) {
    if (batched_fits(call)) return batched_prepare(call, error);
    if (winograd_pays(call)) return winograd_prepare(call, error);
    struct conv conv = {.image = &call->in[0], .weight = &call->out[0], .result = &call->in[1]};
    return prepare_onednn(&conv, call, error);
}
