/* Reductions over axes. */
#include "reduce.h"

#include "cuda/cuda.h"

static struct kernel_reduction reduction_of(const struct call *call, enum kernel_reduction_kind kind,
                                            double factor) {
    const struct view *x = &call->in[0], *y = &call->out[0];
    const unsigned axes = call->node->attr.shape.axes;
    struct kernel_reduction reduction = {.kind = kind,
                                         .x_type = cuda_type(x),
                                         .y_type = cuda_type(y),
                                         .x = cuda_view(x),
                                         .axes = axes,
                                         .factor = (float)factor,
                                         .multiprocessors = cuda_device(call)->multiprocessors};
    for (int d = 0, kept = 0; d < x->shape.rank; d++) {
        const bool reduced = axes >> d & 1;
        if (!reduced) reduction.y_stride[d] = y->stride[kept];
        kept += !reduced || call->node->attr.shape.keep;
    }
    return reduction;
}

#define REDUCTION(op, kind, factor)                                                                      \
    static void run_##op(struct call *call) {                                                            \
        const struct kernel_reduction reduction = reduction_of(call, kind, factor);                      \
        cuda_check(call, kernel_reduce(&reduction, call->in[0].data, call->out[0].data, call->workspace, \
                                       cuda_stream(call)));                                              \
    }                                                                                                    \
    enum cupel_status cuda_##op(struct call *call, struct cupel_error *error) {                          \
        (void)error;                                                                                     \
        const struct kernel_reduction reduction = reduction_of(call, kind, factor);                      \
        call->workspace_bytes = kernel_reduce_workspace(&reduction);                                     \
        call->kernel = run_##op;                                                                         \
        call->engine = "cuda";                                                                           \
        return CUPEL_OK;                                                                                 \
    }
REDUCTION(sum, KERNEL_SUM, call->node->attr.shape.factor)
REDUCTION(max, KERNEL_MAX, 1)
