/* The image of few channels by columns. */
#include "cuda/conv.h"
#include "cuda/gemm_choice.h"

/* The product of the columns; false where it is out of reach. */
static bool product_of(const struct call *call, const struct kernel_conv *conv, struct kernel_gemm *gemm) {
    const struct kernel_conv_product product = kernel_conv_columns_product(conv);
    struct cupel_error error = {0};
    if (cuda_gemm(call, product.m, product.n, product.k, 1, gemm, &error) != CUPEL_OK) return false;
    gemm->result_type = KERNEL_F32;
    return true;
}

/* There are no kernels for 16-bit operands without tensor cores. */
static bool fits(const struct call *call) {
    const struct kernel_conv conv = conv_of(call);
    struct kernel_gemm gemm;
    return conv_is_small(call) && kernel_conv_has_columns(&conv) && product_of(call, &conv, &gemm) &&
           (conv.type == KERNEL_F32 || gemm.form == KERNEL_TENSOR_SMALL || gemm.form == KERNEL_TENSOR_LARGE);
}

static bool suits(const struct call *call) {
    const struct kernel_conv conv = conv_of(call);
    const struct kernel_conv_product product = kernel_conv_columns_product(&conv);
    return product.m >= 8 && product.n >= 8 && product.k >= 16;
}

static size_t workspace(const struct call *call) {
    const struct kernel_conv conv = conv_of(call);
    struct kernel_gemm gemm;
    return product_of(call, &conv, &gemm) ? kernel_conv_columns_bytes(&conv) + kernel_gemm_workspace(&gemm)
                                          : 0;
}

static void run(struct call *call) {
    const struct kernel_conv conv = conv_of(call);
    struct kernel_gemm gemm;
    if (!product_of(call, &conv, &gemm)) return; /* it fitted */
    cuda_check(call, kernel_conv_columns(&conv, call->in[0].data, call->in[1].data, conv_bias(call),
                                         call->out[0].data, &gemm, call->workspace, cuda_stream(call)));
}

const struct conv_engine conv_columns = {"columns", fits, suits, workspace, run};
