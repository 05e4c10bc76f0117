/* Convolutions as products of matrices, in each form that products have. */
#include "cuda/conv.h"
#include "cuda/gemm_choice.h"

/* The product in the form that suits it best; false where it is out of reach. */
static bool product_of(const struct call *call, const struct kernel_conv *conv, struct kernel_gemm *gemm) {
    const struct kernel_conv_product product = kernel_conv_product_of(conv);
    struct cupel_error error = {0};
    if (cuda_gemm(call, product.m, product.n, product.k, product.batches, gemm, &error) != CUPEL_OK)
        return false;
    gemm->activation = conv->activation;
    gemm->slope = conv->slope;
    return true;
}

/* There are no kernels for 16-bit operands without tensor cores. */
static bool fits(const struct call *call, enum kernel_gemm_form form) {
    const struct kernel_conv conv = conv_of(call);
    const bool simt = form == KERNEL_SIMT_SMALL || form == KERNEL_SIMT_LARGE;
    struct kernel_gemm gemm;
    return conv_is_small(call) && product_of(call, &conv, &gemm) && cuda_gemm_reform(call, form, &gemm) &&
           (!simt || conv.type == KERNEL_F32);
}

/* Tiles that are mostly empty are slower than no tiles. */
static bool suits(const struct call *call, enum kernel_gemm_form form) {
    const struct kernel_conv conv = conv_of(call);
    struct kernel_gemm gemm;
    return product_of(call, &conv, &gemm) && gemm.form == form && gemm.m >= 8 && gemm.n >= 8 && gemm.k >= 16;
}

static size_t workspace(const struct call *call, enum kernel_gemm_form form) {
    const struct kernel_conv conv = conv_of(call);
    struct kernel_gemm gemm;
    if (!product_of(call, &conv, &gemm) || !cuda_gemm_reform(call, form, &gemm)) return 0;
    return kernel_conv_reordered(&conv) + kernel_gemm_workspace(&gemm);
}

static void run(struct call *call, enum kernel_gemm_form form) {
    const struct kernel_conv conv = conv_of(call);
    struct kernel_gemm gemm;
    if (!product_of(call, &conv, &gemm) || !cuda_gemm_reform(call, form, &gemm)) return; /* it fitted */
    cuda_check(call, kernel_conv_gemm(&conv, call->in[0].data, call->in[1].data, conv_bias(call),
                                      call->out[0].data, &gemm, call->workspace, cuda_stream(call)));
}

#define ENGINE(engine, text, form)                              \
    static bool engine##_fits(const struct call *call) {        \
        return fits(call, form);                                \
    }                                                           \
    static bool engine##_suits(const struct call *call) {       \
        return suits(call, form);                               \
    }                                                           \
    static size_t engine##_workspace(const struct call *call) { \
        return workspace(call, form);                           \
    }                                                           \
    static void engine##_run(struct call *call) {               \
        run(call, form);                                        \
    }                                                           \
    const struct conv_engine engine = {text, engine##_fits, engine##_suits, engine##_workspace, engine##_run};

ENGINE(conv_tensor_large, "implicit gemm, tensor cores, large tiles", KERNEL_TENSOR_LARGE)
ENGINE(conv_tensor_small, "implicit gemm, tensor cores, small tiles", KERNEL_TENSOR_SMALL)
ENGINE(conv_simt_large, "implicit gemm, f32, large tiles", KERNEL_SIMT_LARGE)
ENGINE(conv_simt_small, "implicit gemm, f32, small tiles", KERNEL_SIMT_SMALL)
