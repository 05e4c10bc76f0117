/* Which source serves the calls that several can serve. */
#include <stdlib.h>
#include <string.h>

#include "cuda/device.h"
#include "cuda/nvidia/nvidia.h"
#include "cuda/tune.h"

static bool times_are_taken(const struct call *call) {
    const char *wish = getenv("CUPEL_TUNE");
    if (wish && *wish) return strcmp(wish, "0") != 0;
    return strcmp(call->device->backend->name, "cuda") == 0;
}

static enum cupel_status open_ways(const struct call *call, struct cupel_error *error) {
    struct cuda_device *own = cuda_device(call);
    if (own->ways) return CUPEL_OK;
    struct cudaDeviceProp properties;
    CUDA_TRY(cudaGetDeviceProperties(&properties, own->index));
    char versions[100], identity[400], path[4096];
    nvidia_versions(versions, sizeof versions);
    snprintf(identity, sizeof identity, "%s%s", properties.name, versions);
    tune_path(identity, path, sizeof path);
    own->ways = tune_open(path);
    return own->ways ? CUPEL_OK : cupel_fail(error, CUPEL_NOMEM, "no memory for a table of ways");
}

static enum cupel_status choose(struct call *call, const char *detail, const struct tune_source *library,
                                const struct tune_source *own, struct cupel_error *error) {
    const struct tune_source *sources[2];
    struct tune_question question = {.detail = detail, .sources = sources};
    if (library) sources[question.n_sources++] = library;
    sources[question.n_sources++] = own;
    CUPEL_TRY(open_ways(call, error));
    return tune_choose(cuda_device(call)->ways, times_are_taken(call) ? cuda_time : NULL, call, &question,
                       error);
}

enum cupel_status cuda_choose_conv(struct call *call, const struct tune_source *own,
                                   struct cupel_error *error) {
    const union attr *attr = &call->node->attr;
    const struct cupel_conv *conv = &attr->conv.conv;
    char detail[200];
    snprintf(detail, sizeof detail, "%s stride %d,%d pad %d,%d dilation %d,%d groups %d activation %d",
             call->node->op == OP_conv2d         ? "conv2d"
             : call->node->op == OP_conv2d_image ? "conv2d_image"
                                                 : "conv2d_weight",
             conv->stride[0], conv->stride[1], conv->pad[0], conv->pad[1], conv->dilation[0],
             conv->dilation[1], conv->groups, attr->conv.activation);
    return choose(call, detail, nvidia_conv(call), own, error);
}

enum cupel_status cuda_choose_matmul(struct call *call, const struct tune_source *own,
                                     struct cupel_error *error) {
    const union attr *attr = &call->node->attr;
    char detail[100];
    if (call->node->op == OP_linear)
        snprintf(detail, sizeof detail, "linear activation %d", attr->conv.activation);
    else
        snprintf(detail, sizeof detail, "matmul transpose %d,%d", attr->shape.transpose_a,
                 attr->shape.transpose_b);
    return choose(call, detail, nvidia_matmul(call), own, error);
}
