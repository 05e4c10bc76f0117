/* Places of an image of few channels. */
#include "cuda/conv.h"

static bool fits(const struct call *call) {
    const struct kernel_conv conv = conv_of(call);
    return kernel_conv_has_edge(&conv);
}

/* Tensor cores do better where there are outputs enough for them. */
static bool suits(const struct call *call) {
    const struct kernel_conv conv = conv_of(call);
    const bool tensor_cores = conv.type != KERNEL_F32 || call->precision == CUPEL_PRECISION_TF32;
    return !tensor_cores || conv.outputs < 16;
}

static void run(struct call *call) {
    const struct kernel_conv conv = conv_of(call);
    cuda_check(call, kernel_conv_edge(&conv, call->in[0].data, call->in[1].data, conv_bias(call),
                                      call->out[0].data, cuda_stream(call)));
}

const struct conv_engine conv_edge = {"edge", fits, suits, NULL, run};
