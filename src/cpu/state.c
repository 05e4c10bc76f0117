/* Reference kernels: giving a state a new version. */
#include "cpu/kernel.h"

KERNEL(assign) {
    memcpy(call->out[0].data, call->in[1].data,
           (size_t)view_count(&call->out[0]) * cupel_dtype_size(call->out[0].dtype));
}

KERNEL(assign_add) {
    int64_t n = view_count(&call->out[0]);
    switch (call->out[0].dtype) {
    case CUPEL_I32:
        for (int64_t i = 0; i < n; i++)
            ((int32_t *)call->out[0].data)[i] += ((const int32_t *)call->in[1].data)[i];
        break;
    case CUPEL_I64:
        for (int64_t i = 0; i < n; i++)
            ((int64_t *)call->out[0].data)[i] += ((const int64_t *)call->in[1].data)[i];
        break;
    default:
        for (int64_t i = 0; i < n; i++) OUT(0)[i] += IN(1)[i];
    }
}

KERNEL(advance) {
    ((int64_t *)call->out[0].data)[view_count(&call->out[0]) - 1] += call->node->attr.number.n;
}

KERNEL(ema) {
    const double decay = call->node->attr.number.a;
    for (int64_t i = 0, n = view_count(&call->out[0]); i < n; i++)
        OUT(0)[i] = (real)(decay * (double)OUT(0)[i] + (1 - decay) * (double)IN(1)[i]);
}
