/* Matrix products: oneDNN's sgemm, and its matmul for bf16. */
#include <omp.h>

#include "cpu/fast/activation.h"
#include "cpu/fast/fast.h"
#include "cpu/fast/half.h"
#include "cpu/fast/onednn.h"

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

/* The views as matrices, the dimensions before the last two as one; input 0 and 1 stored transposed if so said. oneDNN wants
 * the bias to have as many dimensions. */
struct product {
    dnnl_memory_desc_t a, b, bias, c;
    bool has_bias;
};

static dnnl_status_t describe_matrix(const struct view *view, bool transposed, dnnl_memory_desc_t *matrix) {
    const int rank = view->shape.rank;
    const int64_t rows = view->shape.dim[rank - 2], columns = view->shape.dim[rank - 1],
                  count = view_count(view) / (rows * columns);
    const dnnl_dims_t dim = {count, transposed ? columns : rows, transposed ? rows : columns},
                      stride = {rows * columns, transposed ? 1 : columns, transposed ? columns : 1};
    /* With one matrix alone it has faster code. */
    const int first = count == 1;
    return dnnl_memory_desc_init_by_strides(matrix, 3 - first, dim + first, onednn_type(view),
                                            stride + first);
}

static enum cupel_status prepare_product(struct call *call, bool transpose_a, bool transpose_b,
                                         struct cupel_error *error) {
    struct product product = {.has_bias = call->n_in > 2};
    ONEDNN_TRY(describe_matrix(&call->in[0], transpose_a, &product.a));
    ONEDNN_TRY(describe_matrix(&call->in[1], transpose_b, &product.b));
    ONEDNN_TRY(describe_matrix(&call->out[0], false, &product.c));
    if (product.has_bias) {
        const dnnl_dims_t dim = {1, view_count(&call->in[2])};
        ONEDNN_TRY(dnnl_memory_desc_init_by_tag(&product.bias, 2, dim, dnnl_f32, dnnl_ab));
    }
    dnnl_matmul_desc_t matmul;
    ONEDNN_TRY(dnnl_matmul_desc_init(&matmul, &product.a, &product.b, product.has_bias ? &product.bias : NULL,
                                     &product.c));
    dnnl_primitive_attr_t attributes;
    ONEDNN_TRY(onednn_attributes(call, call->node->op == OP_linear, &attributes));
    dnnl_primitive_desc_t description;
    omp_set_num_threads(call->device->threads);
    const dnnl_status_t made = dnnl_primitive_desc_create(&description, &matmul, attributes,
                                                          ((struct onednn *)call->device->own)->engine, NULL);
    dnnl_primitive_attr_destroy(attributes);
    ONEDNN_TRY(made);
    const struct onednn_argument arguments[] = {
        {DNNL_ARG_SRC, &call->in[0], product.a, &product.a, false},
        {DNNL_ARG_WEIGHTS, &call->in[1], product.b, &product.b, false},
        {DNNL_ARG_DST, &call->out[0], product.c, &product.c, true},
        {DNNL_ARG_BIAS, &call->in[2], product.bias, &product.bias, false},
    };
    const enum cupel_status status =
        onednn_prepare(call, description, arguments, product.has_bias ? 4 : 3, error);
    dnnl_primitive_desc_destroy(description);
    return status;
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
    if (is_half(&call->in[0]) || is_half(&call->out[0]))
        return prepare_product(call, call->node->attr.shape.transpose_a, call->node->attr.shape.transpose_b,
                               error);
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
    if (is_half(&call->in[0]) || is_half(&call->out[0])) return prepare_product(call, false, true, error);
    call->kernel = linear;
    call->engine = "sgemm";
    return CUPEL_OK;
}
