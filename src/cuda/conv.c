/* Convolutions: the choice among engines, and the engine that takes all. */
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
    struct kernel_conv conv = {.batch = (int)views.x->shape.dim[0],
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
        if (attr->stride[axis] > most || attr->pad[axis] > most / 4 || attr->dilation[axis] > most ||
            (views.weight->shape.dim[2 + axis]) * attr->dilation[axis] > most ||
            views.x->shape.dim[2 + axis] > most / 4)
            return false;
    return true;
}

/* ---- direct ---- */

static bool fits_all(const struct call *call) {
    (void)call;
    return true;
}

static void run_direct_places(struct call *call) {
    const struct kernel_conv conv = conv_of(call);
    cuda_check(call, kernel_conv_direct_places(&conv, call->in[0].data, call->in[1].data, conv_bias(call),
                                               call->out[0].data, cuda_stream(call)));
}

static void run_direct_image(struct call *call) {
    const struct kernel_conv conv = conv_of(call);
    cuda_check(call, kernel_conv_direct_image(&conv, call->in[0].data, call->in[1].data, conv_bias(call),
                                              call->out[0].data, cuda_stream(call)));
}

/* Parts of the sum over places: enough blocks to fill the device, and no part so long that rounding shows. A block makes
 * some thousand weights. */
static int direct_splits(const struct call *call) {
    enum { LONGEST = 4096, SHORTEST = 64, WEIGHTS = 1024 };
    const struct conv_views views = conv_views(call);
    const int64_t places = view_count(views.y) / views.y->shape.dim[1],
                  blocks = view_count(views.weight) / WEIGHTS + 1,
                  wanted = 4 * cuda_device(call)->multiprocessors;
    int64_t splits = (places + LONGEST - 1) / LONGEST;
    if (splits * blocks < wanted) splits = (wanted + blocks - 1) / blocks;
    if (splits > (places + SHORTEST - 1) / SHORTEST) splits = (places + SHORTEST - 1) / SHORTEST;
    return (int)splits;
}

static size_t workspace_direct_weight(const struct call *call) {
    const int splits = direct_splits(call);
    const bool at_once = splits == 1 && call->out[0].dtype == CUPEL_F32;
    return at_once ? 0 : (size_t)splits * (size_t)view_count(&call->out[0]) * sizeof(float);
}

static void run_direct_weight(struct call *call) {
    const struct kernel_conv conv = conv_of(call);
    cuda_check(call, kernel_conv_direct_weight(&conv, call->in[0].data, call->in[1].data, call->out[0].data,
                                               direct_splits(call), call->workspace, cuda_stream(call)));
}

static const struct conv_engine direct_places = {"direct", fits_all, NULL, run_direct_places},
                                direct_image = {"direct", fits_all, NULL, run_direct_image},
                                direct_weight = {"direct", fits_all, workspace_direct_weight,
                                                 run_direct_weight};

/* ---- the choice ---- */

const struct conv_engine *const *conv_engines(const struct call *call) {
    static const struct conv_engine *const places[] = {&direct_places, NULL},
                                           *const image[] = {&direct_image, NULL},
                                           *const weight[] = {&direct_weight, NULL};
    return call->node->op == OP_conv2d_image ? image : call->node->op == OP_conv2d_weight ? weight : places;
}

void conv_use(struct call *call, const struct conv_engine *engine) {
    call->kernel = engine->run;
    call->engine = engine->name;
    call->workspace_bytes = engine->workspace ? engine->workspace(call) : 0;
}

/* CUPEL_CONV_ENGINE names the engine to use where it fits. */
static enum cupel_status prepare(struct call *call, struct cupel_error *error) {
    if (!is_countable(call))
        return cupel_fail(error, CUPEL_UNSUPPORTED, "the convolution is too large for kernels");
    const char *wanted = getenv("CUPEL_CONV_ENGINE");
    const struct conv_engine *chosen = NULL;
    for (const struct conv_engine *const *engine = conv_engines(call); *engine; engine++) {
        if (!(*engine)->fits(call)) continue;
        if (!chosen) chosen = *engine;
        if (wanted && strcmp(wanted, (*engine)->name) == 0) chosen = *engine;
    }
    if (!wanted) return conv_choose(call, error);
    conv_use(call, chosen);
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
