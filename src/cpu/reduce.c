/* Reference kernels: reductions. */
#include "cpu/kernel.h"

/* The part of x's index space that is kept, or that is reduced, with its strides in x. */
static struct view part_of(const struct call *call, bool reduced) {
    const struct view *x = &call->in[0];
    struct view part = {.shape = {.rank = 0}};
    for (int d = 0; d < x->shape.rank; d++) {
        if ((call->node->attr.shape.axes >> d & 1) != reduced) continue;
        part.stride[part.shape.rank] = x->stride[d];
        part.shape.dim[part.shape.rank++] = x->shape.dim[d];
    }
    return part;
}

KERNEL(sum) {
    const struct view kept = part_of(call, false), reduced = part_of(call, true), *y = &call->out[0];
    for (int64_t i = 0, n = view_count(y), count = view_count(&reduced); i < n; i++) {
        const real *x = IN(0) + view_offset(&kept, i);
        double sum = 0;
        for (int64_t j = 0; j < count; j++) sum += x[view_offset(&reduced, j)];
        OUT(0)[view_offset(y, i)] = (real)(sum * call->node->attr.shape.factor);
    }
}

KERNEL(max) {
    const struct view kept = part_of(call, false), reduced = part_of(call, true), *y = &call->out[0];
    for (int64_t i = 0, n = view_count(y), count = view_count(&reduced); i < n; i++) {
        const real *x = IN(0) + view_offset(&kept, i);
        real max = x[0];
        for (int64_t j = 1; j < count; j++) {
            real value = x[view_offset(&reduced, j)];
            if (value > max || isnan(value)) max = value;
        }
        OUT(0)[view_offset(y, i)] = max;
    }
}
