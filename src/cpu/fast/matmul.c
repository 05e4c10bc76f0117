/* Matrix products by oneDNN's sgemm. */
#include <dnnl.h>
#include <omp.h>

#include "cpu/fast/activation.h"
#include "cpu/fast/fast.h"

/* How many threads a product of so many multiply-adds is worth. */
static int threads_for(const struct call *call, int64_t work) {
    return work < (1 << 21) ? 1 : call->device->threads;
}

/* c [m, n] = a [m, k] times b [k, n], each stored transposed if so said. */
static void multiply(struct call *call, bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k,
                     const float *a, const float *b, float *c) {
    const dnnl_status_t status = dnnl_sgemm(transpose_a ? 'T' : 'N', transpose_b ? 'T' : 'N', m, n, k, 1, a,
                                            transpose_a ? m : k, b, transpose_b ? k : n, 0, c, n);
    if (status != dnnl_success) cupel_fail(&call->error, CUPEL_DEVICE, "oneDNN status %d", (int)status);
}

static void matmul(struct call *call) {
    const struct view *a = &call->in[0], *y = &call->out[0];
    const bool transpose_a = call->node->attr.shape.transpose_a,
               transpose_b = call->node->attr.shape.transpose_b;
    const int rows = y->shape.rank - 2, columns = y->shape.rank - 1;
    const int64_t m = y->shape.dim[rows], n = y->shape.dim[columns],
                  k = a->shape.dim[transpose_a ? rows : columns];
    const int64_t count = view_count(y) / (m * n);
    const int threads = threads_for(call, count * m * n * k);
    omp_set_num_threads(threads);
    /* Few matrices: threads share each one. Many: each thread has its own; oneDNN sees that it is in one. */
#pragma omp parallel for schedule(static) if (count >= threads && count > 1)
    for (int64_t i = 0; i < count; i++)
        multiply(call, transpose_a, transpose_b, m, n, k, (const float *)a->data + i * m * k,
                 (const float *)call->in[1].data + i * k * n, (float *)y->data + i * m * n);
}

enum cupel_status fast_matmul(struct call *call, struct cupel_error *error) {
    (void)error;
    call->kernel = matmul;
    call->engine = "sgemm";
    return CUPEL_OK;
}

static void linear(struct call *call) {
    const int64_t rows = call->out[0].shape.dim[0], n = call->out[0].shape.dim[1];
    const float *bias = call->n_in > 2 ? call->in[2].data : NULL;
    const int activation = call->node->attr.conv.activation,
              threads = threads_for(call, rows * n * call->in[0].shape.dim[1]);
    const float slope = (float)call->node->attr.conv.slope;
    float *y = call->out[0].data;
    omp_set_num_threads(threads);
    multiply(call, false, true, rows, n, call->in[0].shape.dim[1], call->in[0].data, call->in[1].data, y);
    if (!bias && activation == ACTIVATION_NONE) return;
#pragma omp parallel for schedule(static) num_threads(threads) if (rows * n > FAST_SERIAL_HEAVY)
    for (int64_t i = 0; i < rows; i++) {
        float *row = y + i * n;
        for (int64_t j = 0; bias && j < n; j++) row[j] += bias[j];
        activate_row(row, 1, row, 1, n, 0, activation, slope);
    }
}

enum cupel_status fast_linear(struct call *call, struct cupel_error *error) {
    (void)error;
    call->kernel = linear;
    call->engine = "sgemm";
    return CUPEL_OK;
}
