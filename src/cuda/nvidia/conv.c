/* Convolutions by cuDNN: what is done before and after its kernel. */
#include "cuda/nvidia/conv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cast.h"
#include "cuda/nvidia/last.h"
#include "shape.h"

/* A prepared call. Workspace is divided among what cuDNN wants, the weight as it wants it, and the narrow result. */
struct conv_run {
    char name[TUNE_NAME];
    struct cudnn_plan *plan;
    enum conv_way way;
    bool reorders; /* the weight lies in other order than rows */
    struct kernel_view rows, wanted;
    size_t at_weight, at_narrow;
};

static void release(void *prepared) {
    struct conv_run *run = prepared;
    cudnn_plan_free(run->plan);
    free(run);
}

static size_t view_size(const struct view *view, cudnnDataType_t type) {
    const size_t bytes = (size_t)view_count(view) * (type == CUDNN_DATA_FLOAT ? 4 : 2);
    return (bytes + 255) / 256 * 256;
}

/* ---- running ---- */

/* The weight that the call makes, from where cuDNN has left it. */
static void put_weight(struct call *call, const struct conv_run *run, void *made) {
    const struct view *out = &call->out[0];
    const bool narrow = run->way == CONV_NARROW;
    char *workspace = call->workspace;
    const int size = narrow ? 2 : (int)cupel_dtype_size(out->dtype);
    void *rows = narrow ? workspace + run->at_narrow : out->data;
    if (run->reorders)
        cuda_check(call, kernel_copy(made, &run->wanted, rows, &run->rows, size, cuda_stream(call)));
}

static void run_conv(struct call *call) {
    const struct conv_run *run = call->prepared;
    const enum op_id op = call->node->op;
    const struct view *weight = op == OP_conv2d_weight ? &call->out[0] : &call->in[1];
    char *workspace = call->workspace;
    void *made = run->way == CONV_NARROW ? workspace + run->at_narrow : call->out[0].data,
         *weight_data = op == OP_conv2d_weight ? made : weight->data;
    if (run->reorders) {
        weight_data = workspace + run->at_weight;
        if (op != OP_conv2d_weight)
            cuda_check(call, kernel_copy(weight->data, &run->rows, weight_data, &run->wanted,
                                         (int)cupel_dtype_size(weight->dtype), cuda_stream(call)));
    }
    void *data[PARTY_BIAS + 1] = {
        [PARTY_IMAGE] = op == OP_conv2d_image ? made : call->in[0].data,
        [PARTY_WEIGHT] = weight_data,
        [PARTY_RESULT] = op == OP_conv2d         ? made
                         : op == OP_conv2d_image ? call->in[0].data
                                                 : call->in[1].data,
        [PARTY_BIAS] = call->n_in > 2 ? call->in[2].data : NULL,
    };
    if (call->error.status != CUPEL_OK ||
        cudnn_plan_execute(run->plan, cuda_stream(call), data, workspace, &call->error) != CUPEL_OK)
        return;
    if (op == OP_conv2d_weight) put_weight(call, run, weight_data);
    if (run->way == CONV_APART) nvidia_last_steps(call);
    if (run->way == CONV_NARROW)
        cuda_check(call, kernel_cast(made, cuda_type(&call->in[0]), call->out[0].data, KERNEL_F32,
                                     view_count(&call->out[0]), cuda_stream(call)));
}

/* ---- preparing ---- */

static struct kernel_view as_view(const struct cudnn_tensor *tensor) {
    struct kernel_view view = {.rank = 4};
    for (int d = 0; d < KERNEL_RANK; d++) {
        view.dim[d] = d < 4 ? tensor->dim[d] : 1;
        view.stride[d] = d < 4 ? tensor->stride[d] : 0;
    }
    return view;
}

/* Whether the weight must be moved, and where to. */
static void plan_weight(const struct call *call, const struct cudnn_conv *conv, struct conv_run *run) {
    const struct view *weight = call->node->op == OP_conv2d_weight ? &call->out[0] : &call->in[1];
    run->wanted = as_view(&conv->weight);
    run->rows = cuda_view(weight);
    for (int d = 0; d < 4; d++)
        if (conv->weight.dim[d] > 1 && conv->weight.stride[d] != weight->stride[d]) run->reorders = true;
}

enum cupel_status conv_prepare(const struct cudnn_target *target, struct call *call, const char *name,
                               struct cupel_error *error) {
    enum conv_way way;
    struct cudnn_choice choice;
    struct cudnn_conv conv;
    if (!conv_way_read(name, &way, &choice) || !conv_describe(call, way, &conv))
        return cupel_fail(error, CUPEL_UNSUPPORTED, "'%s' is no way to serve this convolution", name);
    struct conv_run *run = calloc(1, sizeof *run);
    if (!run) return cupel_fail(error, CUPEL_NOMEM, "no memory for a convolution");
    call->prepared = run;
    call->release = release;
    const struct cudnn_rules rules = conv_rules(call);
    CUPEL_TRY(cudnn_plan_make(target, &conv, &rules, &choice, &run->plan, error));
    snprintf(run->name, sizeof run->name, "%s", name);
    run->way = way;
    plan_weight(call, &conv, run);
    size_t bytes = (cudnn_plan_workspace(run->plan) + 255) / 256 * 256;
    const struct view *weight = call->node->op == OP_conv2d_weight ? &call->out[0] : &call->in[1];
    run->at_weight = bytes;
    if (run->reorders) bytes += view_size(weight, conv.weight.type);
    run->at_narrow = bytes;
    if (way == CONV_NARROW) bytes += view_size(&call->out[0], CUDNN_DATA_HALF);
    call->kernel = run_conv;
    call->engine = run->name;
    call->workspace_bytes = bytes;
    return CUPEL_OK;
}
