/* Reference kernels: scaling of losses. */
#include "cpu/kernel.h"

KERNEL(unscale) {
    const real factor = 1 / *IN(1);
    bool finite = true;
    for (int64_t i = 0, n = view_count(&call->out[0]); i < n; i++) {
        OUT(0)[i] = IN(0)[i] * factor;
        finite = finite && isfinite(OUT(0)[i]);
    }
    *OUT(1) = finite;
}

/* The outputs are the memory of the states. */
KERNEL(adapt_scale) {
    const union attr *attr = &call->node->attr;
    real *scale = OUT(0), grown = *scale * (real)attr->number.a;
    int64_t *counts = call->out[1].data;
    if (*IN(2) == 0) {
        *scale *= (real)attr->number.b;
        counts[0] = 0;
        return;
    }
    counts[1]++;
    if (++counts[0] < attr->number.n) return;
    counts[0] = 0;
    if (isfinite(grown)) *scale = grown;
}
