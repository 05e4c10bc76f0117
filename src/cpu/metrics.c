/* Reference kernels: metrics of classification. */
#include "cpu/kernel.h"

/* Whether the label is among the k largest logits. Classes before it win a tie; NaN wins against anything. */
static bool among_largest(const real *logits, int64_t classes, int64_t label, int64_t k) {
    int64_t above = 0;
    for (int64_t c = 0; c < classes && above < k; c++) {
        if (c == label) continue;
        const bool below = c < label ? logits[c] < logits[label] : logits[c] <= logits[label];
        above += !below;
    }
    return above < k;
}

KERNEL(correct) {
    const int64_t rows = call->in[0].shape.dim[0], classes = call->in[0].shape.dim[1];
    const int32_t *labels = call->in[1].data;
    int64_t correct = 0;
    for (int64_t r = 0; r < rows; r++)
        if (labels[r] >= 0 && labels[r] < classes)
            correct += among_largest(IN(0) + r * classes, classes, labels[r], call->node->attr.number.n);
    *OUT(0) = (real)correct;
}

KERNEL(confusion) {
    const int64_t rows = call->in[0].shape.dim[0], classes = call->in[0].shape.dim[1];
    const int32_t *labels = call->in[1].data;
    int32_t *counts = call->out[0].data;
    memset(counts, 0, (size_t)(classes * classes) * sizeof *counts);
    for (int64_t r = 0; r < rows; r++) {
        int64_t best = 0;
        for (int64_t c = 1; c < classes; c++)
            if (IN(0)[r * classes + c] > IN(0)[r * classes + best]) best = c;
        if (labels[r] >= 0 && labels[r] < classes) counts[labels[r] * classes + best]++;
    }
}
