/* Reference kernels: losses of classification. */
#include "cpu/kernel.h"

/* ---- cross entropy ---- */

/* Number of labels that count. Fails the call when one of them is no class. */
static int64_t count_labels(struct call *call, const struct view *labels, int64_t classes) {
    const int32_t *label = labels->data;
    int64_t count = 0;
    for (int64_t i = 0, n = view_count(labels); i < n; i++) {
        if (label[i] == call->node->attr.number.n) continue;
        if (label[i] < 0 || label[i] >= classes)
            cupel_fail(&call->error, CUPEL_INVALID, "label %lld is %d, which is none of the %lld classes",
                       (long long)i, (int)label[i], (long long)classes);
        count++;
    }
    return count;
}

/* The logits of one label: class c is at first[c * stride]. */
struct row {
    const real *first;
    int64_t stride, classes, label;
    double log_sum; /* log of the sum of exp over the classes */
};

/* Row i of the logits, for i in the order of the labels. */
static struct row row_of(const struct call *call, const struct view *logits, int64_t i) {
    const int64_t height = logits->shape.dim[2], width = logits->shape.dim[3];
    const int64_t n = i / (height * width), h = i / width % height, w = i % width;
    struct row row = {.first = IN(0) + at4(logits, n, 0, h, w),
                      .stride = logits->stride[1],
                      .classes = logits->shape.dim[1],
                      .label = ((const int32_t *)call->in[1].data)[i]};
    double largest = (double)row.first[0], sum = 0;
    for (int64_t c = 1; c < row.classes; c++) largest = fmax(largest, (double)row.first[c * row.stride]);
    for (int64_t c = 0; c < row.classes; c++) sum += exp((double)row.first[c * row.stride] - largest);
    row.log_sum = largest + log(sum);
    return row;
}

static double target(const struct call *call, const struct row *row, int64_t c) {
    const double smoothing = call->node->attr.number.a;
    return smoothing / (double)row->classes + (c == row->label ? 1 - smoothing : 0);
}

KERNEL(cross_entropy) {
    const struct view logits = as_image(&call->in[0]);
    const int64_t count = count_labels(call, &call->in[1], logits.shape.dim[1]);
    double loss = 0;
    for (int64_t i = 0, n = view_count(&call->in[1]); i < n; i++) {
        const struct row row = row_of(call, &logits, i);
        if (row.label == call->node->attr.number.n) continue;
        for (int64_t c = 0; c < row.classes; c++) {
            /* A class ruled out by a logit of minus infinity costs nothing unless it is wanted. */
            const double wanted = target(call, &row, c);
            if (wanted != 0) loss += wanted * (row.log_sum - (double)row.first[c * row.stride]);
        }
    }
    *OUT(0) = (real)(loss / (double)count);
}

KERNEL(cross_entropy_grad) {
    const struct view logits = as_image(&call->in[0]), dx = as_image(&call->out[0]);
    const int64_t count = count_labels(call, &call->in[1], logits.shape.dim[1]);
    const int64_t height = dx.shape.dim[2], width = dx.shape.dim[3];
    for (int64_t i = 0, n = view_count(&call->in[1]); i < n; i++) {
        const struct row row = row_of(call, &logits, i);
        const bool counts = row.label != call->node->attr.number.n;
        const double factor = (double)*IN(2) / (double)count;
        real *to = OUT(0) + at4(&dx, i / (height * width), 0, i / width % height, i % width);
        for (int64_t c = 0; c < row.classes; c++) {
            const double softmax = exp((double)row.first[c * row.stride] - row.log_sum);
            to[c * dx.stride[1]] = counts ? (real)(factor * (softmax - target(call, &row, c))) : 0;
        }
    }
}

KERNEL(label_weight) {
    const int64_t count = count_labels(call, &call->in[0], INT64_MAX);
    for (int64_t i = 0, n = view_count(&call->out[0]); i < n; i++) {
        const bool counts = ((const int32_t *)call->in[0].data)[i] != call->node->attr.number.n;
        OUT(0)[i] = counts ? (real)(1.0 / (double)count) : 0;
    }
}

/* ---- binary cross entropy ---- */

KERNEL(bce_with_logits) {
    const int64_t n = view_count(&call->in[0]);
    double loss = 0;
    for (int64_t i = 0; i < n; i++) {
        const double x = (double)IN(0)[view_offset(&call->in[0], i)],
                     t = (double)IN(1)[view_offset(&call->in[1], i)];
        loss += fmax(x, 0) - x * t + log1p(exp(-fabs(x)));
    }
    *OUT(0) = (real)(loss / (double)n);
}

KERNEL(bce_with_logits_grad) {
    const int64_t n = view_count(&call->in[0]);
    const double factor = (double)*IN(2) / (double)n;
    for (int64_t i = 0; i < n; i++) {
        const double x = (double)IN(0)[view_offset(&call->in[0], i)],
                     t = (double)IN(1)[view_offset(&call->in[1], i)];
        OUT(0)[view_offset(&call->out[0], i)] = (real)(factor * (1 / (1 + exp(-x)) - t));
    }
}
