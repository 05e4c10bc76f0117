/* Convolutions: in the words of kernels, and the choice among engines. */
#include <stdlib.h>
#include <string.h>

#include "cuda/conv.h"

struct conv_views conv_views(const struct call *call) {
    switch (call->node->op) {
    case OP_conv2d_image:
        return (struct conv_views){.x = &call->out[0], .y = &call->in[0], .weight = &call->in[1]};
    case OP_conv2d_weight:
        return (struct conv_views){.x = &call->in[0], .y = &call->in[1], .weight = &call->out[0]};
    default:
        return (struct conv_views){.x = &call->in[0], .y = &call->out[0], .weight = &call->in[1]};
    }
}

struct kernel_conv conv_of(const struct call *call) {
    const struct conv_views views = conv_views(call);
    const struct cupel_conv *attr = &call->node->attr.conv.conv;
    const enum op_id op = call->node->op;
    struct kernel_conv conv = {.made = op == OP_conv2d_image    ? KERNEL_CONV_IMAGE
                                       : op == OP_conv2d_weight ? KERNEL_CONV_WEIGHT
                                                                : KERNEL_CONV_PLACES,
                               .batch = (int)views.x->shape.dim[0],
                               .groups = attr->groups,
                               .channels = (int)views.weight->shape.dim[1],
                               .outputs = (int)(views.weight->shape.dim[0] / attr->groups),
                               .type = cuda_type(&call->in[0]),
                               .result_type = cuda_type(&call->out[0]),
                               .activation = (enum kernel_activation)call->node->attr.conv.activation,
                               .slope = (float)call->node->attr.conv.slope,
                               .has_bias = call->n_in > 2};
    for (int d = 0; d < 4; d++) {
        conv.x_stride[d] = views.x->stride[d];
        conv.y_stride[d] = views.y->stride[d];
    }
    for (int axis = 0; axis < 2; axis++) {
        conv.axis[axis] = (struct kernel_conv_axis){.image = (int)views.x->shape.dim[2 + axis],
                                                    .places = (int)views.y->shape.dim[2 + axis],
                                                    .window = (int)views.weight->shape.dim[2 + axis],
                                                    .stride = attr->stride[axis],
                                                    .pad = attr->pad[axis],
                                                    .dilation = attr->dilation[axis]};
        kernel_conv_axis_complete(&conv.axis[axis]);
    }
    return conv;
}

/* Kernels count along each axis in 32 bits. */
static bool is_countable(const struct call *call) {
    const struct conv_views views = conv_views(call);
    const struct cupel_conv *attr = &call->node->attr.conv.conv;
    const int64_t most = 1 << 30;
    for (int d = 0; d < 4; d++)
        if (views.x->shape.dim[d] > most || views.y->shape.dim[d] > most || views.weight->shape.dim[d] > most)
            return false;
    for (int axis = 0; axis < 2; axis++)
        if (attr->stride[axis] > 46340 || attr->pad[axis] > most / 4 || attr->dilation[axis] > most ||
            (views.weight->shape.dim[2 + axis]) * attr->dilation[axis] > most ||
            views.x->shape.dim[2 + axis] > most / 4)
            return false;
    return true;
}

static bool is_small(const struct view *view) {
    int64_t last = 0;
    for (int d = 0; d < 4; d++) last += (view->shape.dim[d] - 1) * view->stride[d];
    return last <= INT32_MAX;
}

bool conv_is_small(const struct call *call) {
    const struct conv_views views = conv_views(call);
    return is_small(views.x) && is_small(views.y) && is_small(views.weight);
}

const struct conv_engine *const *conv_engines(const struct call *call) {
#define PRODUCTS &conv_tensor_large, &conv_tensor_small, &conv_simt_large, &conv_simt_small
    static const struct conv_engine *const places[] = {&conv_edge, PRODUCTS, &conv_direct_places, NULL},
                                           *const image[] = {&conv_columns, PRODUCTS, &conv_direct_image,
                                                             NULL},
                                           *const weight[] = {PRODUCTS, &conv_direct_weight, NULL};
    return call->node->op == OP_conv2d_image ? image : call->node->op == OP_conv2d_weight ? weight : places;
}

void conv_use(struct call *call, const struct conv_engine *engine) {
    call->kernel = engine->run;
    call->engine = engine->name;
    call->workspace_bytes = engine->workspace ? engine->workspace(call) : 0;
}

/* The engine that CUPEL_CONV_ENGINE names, if it fits. */
static const struct conv_engine *wished(const struct call *call) {
    const char *name = getenv("CUPEL_CONV_ENGINE");
    for (const struct conv_engine *const *engine = conv_engines(call); name && *engine; engine++)
        if (strcmp((*engine)->name, name) == 0 && (*engine)->fits(call)) return *engine;
    return NULL;
}

static enum cupel_status prepare(struct call *call, struct cupel_error *error) {
    if (!is_countable(call))
        return cupel_fail(error, CUPEL_UNSUPPORTED, "the convolution is too large for the kernels");
    const struct conv_engine *wish = wished(call);
    if (!wish) return conv_choose(call, error);
    conv_use(call, wish);
    return CUPEL_OK;
}

enum cupel_status cuda_conv2d(struct call *call, struct cupel_error *error) {
    return prepare(call, error);
}
enum cupel_status cuda_conv2d_image(struct call *call, struct cupel_error *error) {
    return prepare(call, error);
}
enum cupel_status cuda_conv2d_weight(struct call *call, struct cupel_error *error) {
    return prepare(call, error);
}
