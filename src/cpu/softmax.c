/* Reference kernels: softmax and its logarithm along an axis. */
#include "cpu/kernel.h"

/* The lines of elements along the axis; neighbours in a line are `stride` apart. */
struct lines {
    int64_t count, size, stride;
};

static struct lines lines_of(const struct call *call) {
    const struct view *x = &call->in[0];
    const int axis = call->node->attr.shape.axis[0];
    const int64_t size = x->shape.dim[axis];
    return (struct lines){.count = view_count(x) / size, .size = size, .stride = x->stride[axis]};
}

/* Offset of the first element of line i. */
static int64_t line_start(const struct lines *lines, int64_t i) {
    return i / lines->stride * lines->stride * lines->size + i % lines->stride;
}

/* The largest element of a line, and the logarithm of the sum of exp(x - largest). */
struct log_sum {
    double largest, log;
};

static struct log_sum log_sum_exp(const real *x, const struct lines *lines) {
    struct log_sum result = {.largest = (double)x[0]};
    double sum = 0;
    for (int64_t k = 1; k < lines->size; k++)
        result.largest = fmax(result.largest, (double)x[k * lines->stride]);
    for (int64_t k = 0; k < lines->size; k++) sum += exp((double)x[k * lines->stride] - result.largest);
    result.log = log(sum);
    return result;
}

KERNEL(softmax) {
    const struct lines lines = lines_of(call);
    for (int64_t i = 0; i < lines.count; i++) {
        const int64_t start = line_start(&lines, i);
        const struct log_sum norm = log_sum_exp(IN(0) + start, &lines);
        for (int64_t k = 0, e = start; k < lines.size; k++, e += lines.stride)
            OUT(0)[e] = (real)exp((double)IN(0)[e] - norm.largest - norm.log);
    }
}

KERNEL(log_softmax) {
    const struct lines lines = lines_of(call);
    for (int64_t i = 0; i < lines.count; i++) {
        const int64_t start = line_start(&lines, i);
        const struct log_sum norm = log_sum_exp(IN(0) + start, &lines);
        for (int64_t k = 0, e = start; k < lines.size; k++, e += lines.stride)
            OUT(0)[e] = (real)((double)IN(0)[e] - norm.largest - norm.log);
    }
}

KERNEL(softmax_grad) {
    const struct lines lines = lines_of(call);
    for (int64_t i = 0; i < lines.count; i++) {
        const int64_t start = line_start(&lines, i);
        double dot = 0;
        for (int64_t k = 0, e = start; k < lines.size; k++, e += lines.stride)
            dot += (double)IN(0)[e] * (double)IN(1)[e];
        for (int64_t k = 0, e = start; k < lines.size; k++, e += lines.stride)
            OUT(0)[e] = (real)((double)IN(0)[e] * ((double)IN(1)[e] - dot));
    }
}

KERNEL(log_softmax_grad) {
    const struct lines lines = lines_of(call);
    for (int64_t i = 0; i < lines.count; i++) {
        const int64_t start = line_start(&lines, i);
        double sum = 0;
        for (int64_t k = 0, e = start; k < lines.size; k++, e += lines.stride) sum += (double)IN(1)[e];
        for (int64_t k = 0, e = start; k < lines.size; k++, e += lines.stride)
            OUT(0)[e] = (real)((double)IN(1)[e] - exp((double)IN(0)[e]) * sum);
    }
}
