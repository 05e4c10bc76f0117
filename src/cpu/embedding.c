/* Reference kernels: rows chosen by labels, and sums of rows by label. */
#include "cpu/kernel.h"

/* Whether all labels are classes; fails the call when one is not. */
static bool labels_fit(struct call *call, int64_t classes) {
    const int32_t *label = call->in[1].data;
    for (int64_t i = 0, n = view_count(&call->in[1]); i < n; i++) {
        if (label[i] >= 0 && label[i] < classes) continue;
        cupel_fail(&call->error, CUPEL_INVALID, "label %lld is %d, which is none of the %lld classes",
                   (long long)i, (int)label[i], (long long)classes);
        return false;
    }
    return true;
}

KERNEL(embedding) {
    const int32_t *label = call->in[1].data;
    const int64_t n = call->out[0].shape.dim[0], width = call->out[0].shape.dim[1];
    if (!labels_fit(call, call->in[0].shape.dim[0])) return;
    for (int64_t i = 0; i < n; i++)
        memcpy(OUT(0) + i * width, IN(0) + label[i] * width, (size_t)width * sizeof(real));
}

/* A class at a time, so many columns of it that their sums are few. */
KERNEL(embedding_grad) {
    enum { COLUMNS = 64 };
    const int32_t *label = call->in[1].data;
    const int64_t n = call->in[0].shape.dim[0], width = call->in[0].shape.dim[1];
    const int64_t classes = call->out[0].shape.dim[0];
    if (!labels_fit(call, classes)) return;
    for (int64_t c = 0; c < classes; c++)
        for (int64_t first = 0; first < width; first += COLUMNS) {
            const int64_t count = width - first < COLUMNS ? width - first : COLUMNS;
            double sum[COLUMNS] = {0};
            for (int64_t i = 0; i < n; i++)
                for (int64_t k = 0; k < count && label[i] == c; k++)
                    sum[k] += (double)IN(0)[i * width + first + k];
            for (int64_t k = 0; k < count; k++) OUT(0)[c * width + first + k] = (real)sum[k];
        }
}
