/* A call's convolution as cuDNN is asked for it, and the names of the ways to do it. */
#include "cuda/nvidia/conv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cuda/align.h"
#include "cuda/cuda.h"

static const char *const way_names[CONV_WAYS] = {"whole", "apart", "narrow"};

/* ---- description ---- */

static cudnnDataType_t type_of(const struct view *view) {
    return view->dtype == CUPEL_BF16  ? CUDNN_DATA_BFLOAT16
           : view->dtype == CUPEL_F16 ? CUDNN_DATA_HALF
                                      : CUDNN_DATA_FLOAT;
}

static struct cudnn_tensor tensor_of(const struct view *view, bool nhwc) {
    const int64_t *dim = view->shape.dim, c = dim[1], h = dim[2], w = dim[3];
    struct cudnn_tensor tensor = {.dim = {dim[0], c, h, w}, .type = type_of(view)};
    const int64_t last[] = {h * w * c, 1, w * c, c}, first[] = {c * h * w, h * w, w, 1};
    memcpy(tensor.stride, nhwc ? last : first, sizeof tensor.stride);
    return tensor;
}

static bool way_applies(const struct call *call, enum conv_way way) {
    const bool steps = call->n_in > 2 || call->node->attr.conv.activation != ACTIVATION_NONE;
    switch (way) {
    case CONV_APART:
        return steps;
    case CONV_NARROW:
        return !steps && call->out[0].dtype == CUPEL_F32 && call->in[0].dtype != CUPEL_F32;
    default:
        return true;
    }
}

bool conv_describe(const struct call *call, enum conv_way way, struct cudnn_conv *conv) {
    const enum op_id op = call->node->op;
    const struct view *image = op == OP_conv2d_image ? &call->out[0] : &call->in[0],
                      *weight = op == OP_conv2d_weight ? &call->out[0] : &call->in[1],
                      *result = op == OP_conv2d         ? &call->out[0]
                                : op == OP_conv2d_image ? &call->in[0]
                                                        : &call->in[1];
    const bool nhwc = cuda_is_nhwc(image) && cuda_is_nhwc(result);
    if (!way_applies(call, way) || !cuda_all_aligned(call->node)) return false;
    if (!nhwc && !(cuda_is_nchw(image) && cuda_is_nchw(result))) return false;
    const union attr *attr = &call->node->attr;
    *conv = (struct cudnn_conv){.op = op,
                                .image = tensor_of(image, nhwc),
                                .weight = tensor_of(weight, nhwc),
                                .result = tensor_of(result, nhwc)};
    for (int axis = 0; axis < 2; axis++) {
        conv->stride[axis] = attr->conv.conv.stride[axis];
        conv->pad[axis] = attr->conv.conv.pad[axis];
        conv->dilation[axis] = attr->conv.conv.dilation[axis];
    }
    if (way == CONV_WHOLE) {
        conv->bias = call->n_in > 2;
        conv->activation = (enum activation)attr->conv.activation;
        conv->slope = attr->conv.slope;
    }
    struct cudnn_tensor *made = op == OP_conv2d         ? &conv->result
                                : op == OP_conv2d_image ? &conv->image
                                                        : &conv->weight;
    if (way == CONV_NARROW) made->type = type_of(&call->in[0]);
    return true;
}

struct cudnn_rules conv_rules(const struct call *call) {
    return (struct cudnn_rules){.tensor_cores = call->precision != CUPEL_PRECISION_F32,
                                .nondeterministic = !call->deterministic};
}

/* ---- names ---- */

void conv_way_write(enum conv_way way, const struct cudnn_choice *choice, char *name, size_t size) {
    int used = snprintf(name, size, "cudnn %s %lld", way_names[way], (long long)choice->engine);
    for (int k = 0; k < choice->n_knobs && used > 0 && (size_t)used < size; k++)
        used += snprintf(name + used, size - (size_t)used, " %lld=%lld", (long long)choice->knob[k].type,
                         (long long)choice->knob[k].value);
}

bool conv_way_read(const char *name, enum conv_way *way, struct cudnn_choice *choice) {
    char word[8];
    int used = 0, more = 0;
    long long number, value;
    if (sscanf(name, "cudnn %7s %lld%n", word, &number, &used) != 2) return false;
    *choice = (struct cudnn_choice){.engine = number};
    while (name[used] && choice->n_knobs < CUDNN_KNOBS) {
        if (sscanf(name + used, " %lld=%lld%n", &number, &value, &more) != 2) return false;
        choice->knob[choice->n_knobs].type = number;
        choice->knob[choice->n_knobs++].value = value;
        used += more;
    }
    for (int w = 0; w < CONV_WAYS; w++)
        if (strcmp(word, way_names[w]) == 0) {
            *way = (enum conv_way)w;
            return !name[used];
        }
    return false;
}

int conv_list(const struct cudnn_target *target, const struct call *call, struct tune_way *ways, int room) {
    enum { EACH = 8 };
    const struct cudnn_rules rules = conv_rules(call);
    int count = 0;
    for (int w = 0; w < CONV_WAYS; w++) {
        struct cudnn_conv conv;
        struct cudnn_choice choices[EACH];
        if (!conv_describe(call, (enum conv_way)w, &conv)) continue;
        const int left = room - count < EACH ? room - count : EACH,
                  found = cudnn_conv_choices(target, &conv, &rules, choices, left);
        for (int i = 0; i < found; i++)
            conv_way_write((enum conv_way)w, &choices[i], ways[count++].name, TUNE_NAME);
    }
    return count;
}
