/* Copies of inputs that lie at addresses which vectors cannot be read from. */
#include "cuda/align.h"

#include <stdlib.h>
#include <string.h>

#include "cuda/cuda.h"

/* Ops whose kernels read any address. */
static const bool any_address[OP_COUNT] = {
    [OP_pack] = true,         [OP_slice] = true,        [OP_pad] = true,           [OP_concat] = true,
    [OP_transpose] = true,    [OP_broadcast] = true,    [OP_relayout] = true,      [OP_sum] = true,
    [OP_max] = true,          [OP_assign] = true,       [OP_matmul] = true,        [OP_linear] = true,
    [OP_conv2d] = true,       [OP_conv2d_image] = true, [OP_conv2d_weight] = true, [OP_maxpool] = true,
    [OP_maxpool_grad] = true, [OP_maxpool_pick] = true, [OP_avgpool] = true,       [OP_avgpool_grad] = true,
    [OP_embedding] = true,    [OP_lrn] = true,          [OP_lrn_grad] = true,
};

enum { MOST_INPUTS = 8 };

/* What the call did before, and the bytes of workspace that it has for that. */
struct direct {
    kernel_fn kernel;
    size_t bytes;
};

static size_t rounded(size_t bytes) {
    return (bytes + 63) / 64 * 64;
}

static size_t bytes_of(const struct view *view) {
    return rounded((size_t)view_count(view) * cupel_dtype_size(view->dtype));
}

static bool is_copied(const struct call *call, int i) {
    const enum cupel_dtype dtype = call->in[i].dtype;
    return (dtype == CUPEL_F32 || dtype == CUPEL_BF16 || dtype == CUPEL_F16) && !cuda_aligned(call->node, i);
}

static void run_aligned(struct call *call) {
    const struct direct *direct = call->prepared;
    struct view in[MOST_INPUTS];
    struct call copy = *call;
    char *place = (char *)call->workspace + direct->bytes;
    memcpy(in, call->in, (size_t)call->n_in * sizeof *in);
    for (int i = 0; i < call->n_in; i++) {
        if (!is_copied(call, i)) continue;
        cuda_check(call, (kernel_status)cudaMemcpyAsync(
                             place, in[i].data, (size_t)view_count(&in[i]) * cupel_dtype_size(in[i].dtype),
                             cudaMemcpyDeviceToDevice, cuda_stream(call)));
        in[i].data = place;
        place += bytes_of(&in[i]);
    }
    copy.in = in;
    direct->kernel(&copy);
    if (call->error.status == CUPEL_OK) call->error = copy.error;
}

enum cupel_status cuda_align(struct call *call, struct cupel_error *error) {
    size_t bytes = 0;
    if (any_address[call->node->op]) return CUPEL_OK;
    for (int i = 0; i < call->n_in; i++) bytes += is_copied(call, i) ? bytes_of(&call->in[i]) : 0;
    if (!bytes) return CUPEL_OK;
    struct direct *direct = malloc(sizeof *direct);
    if (!direct || call->n_in > MOST_INPUTS) {
        free(direct);
        return cupel_fail(error, CUPEL_NOMEM, "no memory for copies of %d inputs", call->n_in);
    }
    *direct = (struct direct){.kernel = call->kernel, .bytes = rounded(call->workspace_bytes)};
    call->kernel = run_aligned;
    call->workspace_bytes = direct->bytes + bytes;
    call->prepared = direct;
    call->release = free;
    return CUPEL_OK;
}
