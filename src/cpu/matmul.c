/* Reference kernels: matrix products. */
#include "cpu/activate.h"

static double dot(const real *a, int64_t step_a, const real *b, int64_t step_b, int64_t count) {
    double sum = 0;
    for (int64_t k = 0; k < count; k++) sum += (double)a[k * step_a] * (double)b[k * step_b];
    return sum;
}

KERNEL(matmul) {
    const struct view *a = &call->in[0], *y = &call->out[0];
    const bool transpose_a = call->node->attr.shape.transpose_a,
               transpose_b = call->node->attr.shape.transpose_b;
    const int rows = y->shape.rank - 2, columns = y->shape.rank - 1;
    const int64_t m = y->shape.dim[rows], n = y->shape.dim[columns],
                  count = a->shape.dim[transpose_a ? rows : columns];
    const int64_t row_a = transpose_a ? 1 : count, step_a = transpose_a ? m : 1;
    const int64_t column_b = transpose_b ? count : 1, step_b = transpose_b ? 1 : n;
    real *y_at = OUT(0);
    for (int64_t s = 0, stack = view_count(y) / (m * n); s < stack; s++) {
        const real *a_at = IN(0) + s * m * count, *b_at = IN(1) + s * count * n;
        for (int64_t i = 0; i < m; i++)
            for (int64_t j = 0; j < n; j++)
                *y_at++ = (real)dot(a_at + i * row_a, step_a, b_at + j * column_b, step_b, count);
    }
}

KERNEL(linear) {
    const int64_t rows = call->out[0].shape.dim[0], outputs = call->out[0].shape.dim[1],
                  inputs = call->in[0].shape.dim[1];
    const real *bias = call->n_in > 2 ? IN(2) : NULL;
    const union attr *attr = &call->node->attr;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < outputs; j++) {
            const double sum =
                dot(IN(0) + i * inputs, 1, IN(1) + j * inputs, 1, inputs) + (bias ? (double)bias[j] : 0);
            OUT(0)[i * outputs + j] = (real)activate(attr->conv.activation, attr->conv.slope, sum);
        }
}
