/* A convolution in cuDNN's words.
 *
 * Every object of the backend interface is a descriptor: created, given attributes, finalised. A scope keeps those of one
 * graph, to be destroyed together when the plan that is made of them goes. */
#include "cuda/nvidia/scope.h"

#include <stdlib.h>
#include <string.h>

/* ---- descriptors ---- */

void scope_end(struct cudnn_scope *scope) {
    while (scope->count) scope->library->cudnnBackendDestroyDescriptor(scope->held[--scope->count]);
}

cudnnBackendDescriptor_t scope_add(struct cudnn_scope *scope, cudnnBackendDescriptorType_t type) {
    cudnnBackendDescriptor_t made = NULL;
    if (scope->status != CUDNN_STATUS_SUCCESS) return NULL;
    if (scope->count == SCOPE_MOST)
        scope->status = CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED;
    else
        scope->status = scope->library->cudnnBackendCreateDescriptor(type, &made);
    if (scope->status != CUDNN_STATUS_SUCCESS) return NULL;
    return scope->held[scope->count++] = made;
}

void scope_set(struct cudnn_scope *scope, cudnnBackendDescriptor_t of, cudnnBackendAttributeName_t name,
               cudnnBackendAttributeType_t type, int64_t count, const void *values) {
    if (scope->status == CUDNN_STATUS_SUCCESS)
        scope->status = scope->library->cudnnBackendSetAttribute(of, name, type, count, values);
}

void scope_finish(struct cudnn_scope *scope, cudnnBackendDescriptor_t descriptor) {
    if (scope->status == CUDNN_STATUS_SUCCESS)
        scope->status = scope->library->cudnnBackendFinalize(descriptor);
}

static void set_one(struct cudnn_scope *scope, cudnnBackendDescriptor_t of, cudnnBackendAttributeName_t name,
                    cudnnBackendDescriptor_t value) {
    scope_set(scope, of, name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &value);
}
static void set_float(struct cudnn_scope *scope, cudnnBackendDescriptor_t of,
                      cudnnBackendAttributeName_t name, float value) {
    scope_set(scope, of, name, CUDNN_TYPE_FLOAT, 1, &value);
}

/* ---- tensors and operations ---- */

/* A tensor that lies in memory, or, where `virtual`, exists between two operations only. */
static cudnnBackendDescriptor_t add_tensor(struct cudnn_scope *scope, const struct cudnn_tensor *tensor,
                                           int64_t id, bool virtual) {
    const int64_t alignment = 16;
    const cudnnBackendDescriptor_t made = scope_add(scope, CUDNN_BACKEND_TENSOR_DESCRIPTOR);
    scope_set(scope, made, CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &tensor->type);
    scope_set(scope, made, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 4, tensor->dim);
    scope_set(scope, made, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, 4, tensor->stride);
    scope_set(scope, made, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, 1, &id);
    scope_set(scope, made, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, 1, &alignment);
    scope_set(scope, made, CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, 1, &virtual);
    scope_finish(scope, made);
    return made;
}

static cudnnBackendDescriptor_t add_geometry(struct cudnn_scope *scope, const struct cudnn_conv *conv) {
    const cudnnDataType_t compute = CUDNN_DATA_FLOAT;
    const cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
    const int64_t axes = 2;
    const cudnnBackendDescriptor_t made = scope_add(scope, CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
    scope_set(scope, made, CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &compute);
    scope_set(scope, made, CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 1, &mode);
    scope_set(scope, made, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, CUDNN_TYPE_INT64, 1, &axes);
    scope_set(scope, made, CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_TYPE_INT64, axes, conv->dilation);
    scope_set(scope, made, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, CUDNN_TYPE_INT64, axes, conv->stride);
    scope_set(scope, made, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_TYPE_INT64, axes, conv->pad);
    scope_set(scope, made, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, CUDNN_TYPE_INT64, axes, conv->pad);
    scope_finish(scope, made);
    return made;
}

/* The names of the three operations' attributes. */
struct operation {
    cudnnBackendDescriptorType_t type;
    cudnnBackendAttributeName_t geometry, image, weight, result, alpha, beta;
};

static struct operation operation_of(enum op_id op) {
    static const struct operation forward = {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
                                             CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
                                             CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
                                             CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
                                             CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
                                             CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
                                             CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA},
                                  image = {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
                                           CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
                                           CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
                                           CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
                                           CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
                                           CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
                                           CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA},
                                  weight = {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
                                            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
                                            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
                                            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
                                            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
                                            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
                                            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA};
    return op == OP_conv2d ? forward : op == OP_conv2d_image ? image : weight;
}

/* A step on every element: y = mode(x) or mode(x, b). */
static cudnnBackendDescriptor_t add_pointwise(struct cudnn_scope *scope, cudnnPointwiseMode_t mode,
                                              double slope, cudnnBackendDescriptor_t x,
                                              cudnnBackendDescriptor_t b, cudnnBackendDescriptor_t y) {
    const cudnnDataType_t compute = CUDNN_DATA_FLOAT;
    const cudnnBackendDescriptor_t how = scope_add(scope, CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
    scope_set(scope, how, CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, 1, &mode);
    scope_set(scope, how, CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE, 1, &compute);
    if (slope != 0)
        scope_set(scope, how, CUDNN_ATTR_POINTWISE_RELU_LOWER_CLIP_SLOPE, CUDNN_TYPE_DOUBLE, 1, &slope);
    scope_finish(scope, how);
    const cudnnBackendDescriptor_t made = scope_add(scope, CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
    set_one(scope, made, CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, how);
    set_one(scope, made, CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x);
    if (b) set_one(scope, made, CUDNN_ATTR_OPERATION_POINTWISE_BDESC, b);
    set_one(scope, made, CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y);
    scope_finish(scope, made);
    return made;
}

static cudnnPointwiseMode_t mode_of(enum activation activation) {
    return activation == ACTIVATION_SIGMOID ? CUDNN_POINTWISE_SIGMOID_FWD
           : activation == ACTIVATION_TANH  ? CUDNN_POINTWISE_TANH_FWD
                                            : CUDNN_POINTWISE_RELU_FWD;
}

/* ---- the graph ---- */

enum { PARTY_SUM = PARTY_BIAS + 1, PARTY_BIASED }; /* between operations */

static const struct cudnn_tensor *made_tensor(const struct cudnn_conv *conv) {
    return conv->op == OP_conv2d ? &conv->result : conv->op == OP_conv2d_image ? &conv->image : &conv->weight;
}

/* What follows the product, from `sum` to `made`; the operations added are counted. */
static void add_last_steps(struct cudnn_scope *scope, const struct cudnn_conv *conv,
                           cudnnBackendDescriptor_t sum, cudnnBackendDescriptor_t made,
                           cudnnBackendDescriptor_t *operations, int *count) {
    struct cudnn_tensor between = *made_tensor(conv);
    between.type = CUDNN_DATA_FLOAT;
    if (conv->bias) {
        const int64_t channels = between.dim[1];
        const struct cudnn_tensor bias = {
            {1, channels, 1, 1}, {channels, 1, channels, channels}, CUDNN_DATA_FLOAT};
        const bool last = conv->activation == ACTIVATION_NONE;
        const cudnnBackendDescriptor_t b = add_tensor(scope, &bias, PARTY_BIAS, false),
                                       biased = last ? made : add_tensor(scope, &between, PARTY_BIASED, true);
        operations[(*count)++] = add_pointwise(scope, CUDNN_POINTWISE_ADD, 0, sum, b, biased);
        sum = biased;
    }
    if (conv->activation != ACTIVATION_NONE)
        operations[(*count)++] =
            add_pointwise(scope, mode_of(conv->activation),
                          conv->activation == ACTIVATION_LEAKY_RELU ? conv->slope : 0, sum, NULL, made);
}

cudnnBackendDescriptor_t scope_add_conv(struct cudnn_scope *scope, const struct cudnn_target *target,
                                        const struct cudnn_conv *conv) {
    const struct operation names = operation_of(conv->op);
    const struct cudnn_tensor *made = made_tensor(conv);
    const bool plain = !conv->bias && conv->activation == ACTIVATION_NONE;
    struct cudnn_tensor sum = *made;
    sum.type = CUDNN_DATA_FLOAT;
    const int64_t id = conv->op == OP_conv2d         ? PARTY_RESULT
                       : conv->op == OP_conv2d_image ? PARTY_IMAGE
                                                     : PARTY_WEIGHT;
    cudnnBackendDescriptor_t operations[3];
    int count = 0;
    const cudnnBackendDescriptor_t end = add_tensor(scope, made, id, false),
                                   product = plain ? end : add_tensor(scope, &sum, PARTY_SUM, true);
#define PARTY(tensor, number) \
    (&conv->tensor == made ? product : add_tensor(scope, &conv->tensor, number, false))
    const cudnnBackendDescriptor_t operation = scope_add(scope, names.type);
    set_one(scope, operation, names.geometry, add_geometry(scope, conv));
    set_one(scope, operation, names.image, PARTY(image, PARTY_IMAGE));
    set_one(scope, operation, names.weight, PARTY(weight, PARTY_WEIGHT));
    set_one(scope, operation, names.result, PARTY(result, PARTY_RESULT));
#undef PARTY
    set_float(scope, operation, names.alpha, 1);
    set_float(scope, operation, names.beta, 0);
    scope_finish(scope, operation);
    operations[count++] = operation;
    add_last_steps(scope, conv, product, end, operations, &count);
    const cudnnBackendDescriptor_t graph = scope_add(scope, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
    if (target->handle)
        scope_set(scope, graph, CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, 1, &target->handle);
    scope_set(scope, graph, CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, count, operations);
    scope_finish(scope, graph);
    return graph;
}

cudnnBackendDescriptor_t cudnn_properties(const struct cudnn *library, const char *json) {
    struct cudnn_scope scope = {.library = library};
    const cudnnBackendDescriptor_t made = scope_add(&scope, CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
    scope_set(&scope, made, CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR, (int64_t)strlen(json),
              json);
    scope_finish(&scope, made);
    if (scope.status == CUDNN_STATUS_SUCCESS) return made;
    scope_end(&scope);
    return NULL;
}
