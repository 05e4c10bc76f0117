/* Products of matrices: matmul and linear, by the kernels here or, where they are faster, NVIDIA's libraries. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cuda/gemm_choice.h"
#include "cuda/tune.h"
#include "matmul.h"

static const char *const forms[] = {[KERNEL_SIMT_SMALL] = "simt-small",
                                    [KERNEL_SIMT_LARGE] = "simt-large",
                                    [KERNEL_TENSOR_SMALL] = "tensor-small",
                                    [KERNEL_TENSOR_LARGE] = "tensor-large"};
enum { FORMS = sizeof forms / sizeof *forms };

static bool is_linear(const struct call *call) {
    return call->node->op == OP_linear;
}

/* The product in the form that suits it. */
static enum cupel_status product_of(const struct call *call, struct kernel_gemm *gemm,
                                    struct cupel_error *error) {
    const struct cupel_shape *a = &call->in[0].shape, *y = &call->out[0].shape;
    const union attr *attr = &call->node->attr;
    const int rows = y->rank - 2, columns = y->rank - 1;
    const int64_t m = y->dim[rows], n = y->dim[columns],
                  k = a->dim[!is_linear(call) && attr->shape.transpose_a ? rows : columns];
    CUPEL_TRY(cuda_gemm(call, m, n, k, view_count(&call->out[0]) / (m * n), gemm, error));
    if (is_linear(call)) {
        gemm->activation = (enum kernel_activation)attr->conv.activation;
        gemm->slope = (float)attr->conv.slope;
    }
    return CUPEL_OK;
}

static void run(struct call *call) {
    const union attr *attr = &call->node->attr;
    const bool transpose_a = !is_linear(call) && attr->shape.transpose_a,
               transpose_b = is_linear(call) || attr->shape.transpose_b;
    cuda_check(call, kernel_matmul(call->in[0].data, transpose_a, call->in[1].data, transpose_b,
                                   call->n_in > 2 ? call->in[2].data : NULL, call->out[0].data,
                                   call->workspace, call->prepared, cuda_stream(call)));
}

/* A way is a form and a number of splits. */
static int add_way(const struct kernel_gemm *gemm, struct tune_way *ways, int count, int room) {
    if (count < room)
        snprintf(ways[count].name, sizeof ways[count].name, "cuda %s %d", forms[gemm->form], gemm->splits);
    return count < room ? count + 1 : count;
}

/* The form that suits and then the others, each with the splits that suit and with none. */
static int list(const struct call *call, struct tune_way *ways, int room) {
    struct kernel_gemm gemm;
    struct cupel_error error = {0};
    if (product_of(call, &gemm, &error) != CUPEL_OK) return 0;
    const int best = (int)gemm.form;
    int count = 0;
    for (int i = 0; i < FORMS; i++) {
        const int form = i == 0 ? best : i <= best ? i - 1 : i;
        if (!cuda_gemm_reform(call, (enum kernel_gemm_form)form, &gemm)) continue;
        count = add_way(&gemm, ways, count, room);
        if (gemm.splits == 1) continue;
        gemm.splits = 1;
        count = add_way(&gemm, ways, count, room);
    }
    return count;
}

static enum cupel_status prepare(struct call *call, const char *name, struct cupel_error *error) {
    struct kernel_gemm gemm;
    char form_name[20];
    int splits, form = 0;
    CUPEL_TRY(product_of(call, &gemm, error));
    const bool read = sscanf(name, "cuda %19s %d", form_name, &splits) == 2;
    while (read && form < FORMS && strcmp(forms[form], form_name) != 0) form++;
    if (!read || form == FORMS || !cuda_gemm_reform(call, (enum kernel_gemm_form)form, &gemm) || splits < 1 ||
        splits > gemm.splits)
        return cupel_fail(error, CUPEL_UNSUPPORTED, "no product of matrices is made by way of \"%s\"", name);
    gemm.splits = splits;
    call->prepared = malloc(sizeof gemm);
    if (!call->prepared) return cupel_fail(error, CUPEL_NOMEM, "no memory for a product of matrices");
    memcpy(call->prepared, &gemm, sizeof gemm);
    call->release = free;
    call->kernel = run;
    call->engine = "cuda";
    call->workspace_bytes = kernel_gemm_workspace(&gemm);
    return CUPEL_OK;
}

static const struct tune_source own = {"cuda", list, prepare};

/* Sizes out of reach are said so before anything is chosen. */
static enum cupel_status choose(struct call *call, struct cupel_error *error) {
    struct kernel_gemm gemm;
    CUPEL_TRY(product_of(call, &gemm, error));
    return cuda_choose_matmul(call, &own, error);
}

enum cupel_status cuda_matmul(struct call *call, struct cupel_error *error) {
    return choose(call, error);
}

enum cupel_status cuda_linear(struct call *call, struct cupel_error *error) {
    return choose(call, error);
}
