/* Products of matrices. */
#include "matmul.h"

#include "cuda/gemm_choice.h"

static enum cupel_status matmul_gemm(const struct call *call, struct kernel_gemm *gemm,
                                     struct cupel_error *error) {
    const struct cupel_shape *a = &call->in[0].shape, *y = &call->out[0].shape;
    const int rows = y->rank - 2, columns = y->rank - 1;
    const int64_t m = y->dim[rows], n = y->dim[columns],
                  k = a->dim[call->node->attr.shape.transpose_a ? rows : columns];
    return cuda_gemm(call, m, n, k, view_count(&call->out[0]) / (m * n), gemm, error);
}

static void run_matmul(struct call *call) {
    struct kernel_gemm gemm;
    const union attr *attr = &call->node->attr;
    if (matmul_gemm(call, &gemm, &call->error) != CUPEL_OK) return;
    cuda_check(call, kernel_matmul(call->in[0].data, attr->shape.transpose_a, call->in[1].data,
                                   attr->shape.transpose_b, NULL, call->out[0].data, call->workspace, &gemm,
                                   cuda_stream(call)));
}

enum cupel_status cuda_matmul(struct call *call, struct cupel_error *error) {
    struct kernel_gemm gemm;
    CUPEL_TRY(matmul_gemm(call, &gemm, error));
    call->kernel = run_matmul;
    call->engine = "cuda";
    call->workspace_bytes = kernel_gemm_workspace(&gemm);
    return CUPEL_OK;
}

static enum cupel_status linear_gemm(const struct call *call, struct kernel_gemm *gemm,
                                     struct cupel_error *error) {
    const struct cupel_shape *x = &call->in[0].shape, *weight = &call->in[1].shape;
    return cuda_gemm(call, x->dim[0], weight->dim[0], x->dim[1], 1, gemm, error);
}

static void run_linear(struct call *call) {
    struct kernel_gemm gemm;
    if (linear_gemm(call, &gemm, &call->error) != CUPEL_OK) return;
    gemm.activation = (enum kernel_activation)call->node->attr.conv.activation;
    gemm.slope = (float)call->node->attr.conv.slope;
    cuda_check(call, kernel_matmul(call->in[0].data, false, call->in[1].data, true,
                                   call->n_in > 2 ? call->in[2].data : NULL, call->out[0].data,
                                   call->workspace, &gemm, cuda_stream(call)));
}

enum cupel_status cuda_linear(struct call *call, struct cupel_error *error) {
    struct kernel_gemm gemm;
    CUPEL_TRY(linear_gemm(call, &gemm, error));
    call->kernel = run_linear;
    call->engine = "cuda";
    call->workspace_bytes = kernel_gemm_workspace(&gemm);
    return CUPEL_OK;
}
