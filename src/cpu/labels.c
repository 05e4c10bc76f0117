/* Reference kernels: labels of pixels. */
#include "cpu/kernel.h"

KERNEL(mask_labels) {
    const uint8_t *masks = call->in[0].data;
    int32_t *labels = call->out[0].data;
    for (int64_t i = 0, n = view_count(&call->out[0]); i < n; i++) labels[i] = masks[i] - 1;
}

KERNEL(one_hot) {
    const struct view y = as_image(&call->out[0]);
    const int64_t *dim = y.shape.dim;
    const int32_t *labels = call->in[0].data;
    FOR_EACH4(dim, n, c, h, w) {
        const int64_t i = (n * dim[2] + h) * dim[3] + w;
        const int label = labels[i];
        const bool counts = label != call->node->attr.number.n;
        if (counts && (label < 0 || label >= dim[1]))
            cupel_fail(&call->error, CUPEL_INVALID, "label %lld is %d, which is none of the %lld classes",
                       (long long)i, label, (long long)dim[1]);
        OUT(0)[at4(&y, n, c, h, w)] = counts && label == c;
    }
}
