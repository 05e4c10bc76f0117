/* Reference kernels: metrics of classification. */
#include "cpu/kernel.h"

/* The logits of one label: class c is at first[c * stride]. */
struct row {
    const real *first;
    int64_t stride, classes, label;
};

/* Row i of the logits, for i in the order of the labels. */
static struct row row_of(const struct call *call, const struct view *logits, int64_t i) {
    const int64_t height = logits->shape.dim[2], width = logits->shape.dim[3];
    return (struct row){.first = IN(0) + at4(logits, i / (height * width), 0, i / width % height, i % width),
                        .stride = logits->stride[1],
                        .classes = logits->shape.dim[1],
                        .label = ((const int32_t *)call->in[1].data)[i]};
}

static bool has_class(const struct row *row) {
    return row->label >= 0 && row->label < row->classes;
}

/* Whether the label is among the k largest logits. Classes before it win a tie; NaN wins against anything. */
static bool among_largest(const struct row *row, int64_t k) {
    const real wanted = row->first[row->label * row->stride];
    int64_t above = 0;
    for (int64_t c = 0; c < row->classes && above < k; c++) {
        if (c == row->label) continue;
        const real other = row->first[c * row->stride];
        const bool below = c < row->label ? other < wanted : other <= wanted;
        above += !below;
    }
    return above < k;
}

KERNEL(correct) {
    const struct view logits = as_image(&call->in[0]);
    int64_t correct = 0;
    for (int64_t i = 0, n = view_count(&call->in[1]); i < n; i++) {
        const struct row row = row_of(call, &logits, i);
        if (has_class(&row)) correct += among_largest(&row, call->node->attr.number.n);
    }
    *OUT(0) = (real)correct;
}

KERNEL(confusion) {
    const struct view logits = as_image(&call->in[0]);
    const int64_t classes = logits.shape.dim[1];
    int32_t *counts = call->out[0].data;
    memset(counts, 0, (size_t)(classes * classes) * sizeof *counts);
    for (int64_t i = 0, n = view_count(&call->in[1]); i < n; i++) {
        const struct row row = row_of(call, &logits, i);
        int64_t best = 0;
        for (int64_t c = 1; c < classes; c++)
            if (row.first[c * row.stride] > row.first[best * row.stride]) best = c;
        if (has_class(&row)) counts[row.label * classes + best]++;
    }
}
