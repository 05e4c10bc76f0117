/* Convolutions by direct summation, which takes all shapes. */
#include "cuda/conv.h"

static bool fits_all(const struct call *call) {
    (void)call;
    return true;
}

static void run_places(struct call *call) {
    const struct kernel_conv conv = conv_of(call);
    cuda_check(call, kernel_conv_direct_places(&conv, call->in[0].data, call->in[1].data, conv_bias(call),
                                               call->out[0].data, cuda_stream(call)));
}

static void run_image(struct call *call) {
    const struct kernel_conv conv = conv_of(call);
    cuda_check(call, kernel_conv_direct_image(&conv, call->in[0].data, call->in[1].data, conv_bias(call),
                                              call->out[0].data, cuda_stream(call)));
}

/* Parts of the sum over places: enough blocks to fill the device, and no part so long that rounding shows. A block makes
 * some thousand weights. */
static int splits_of(const struct call *call) {
    enum { LONGEST = 4096, SHORTEST = 64, WEIGHTS = 1024 };
    const struct conv_views views = conv_views(call);
    const int64_t places = view_count(views.y) / views.y->shape.dim[1],
                  blocks = view_count(views.weight) / WEIGHTS + 1,
                  wanted = INT64_C(4) * cuda_device(call)->multiprocessors;
    int64_t splits = (places + LONGEST - 1) / LONGEST;
    if (splits * blocks < wanted) splits = (wanted + blocks - 1) / blocks;
    if (splits > (places + SHORTEST - 1) / SHORTEST) splits = (places + SHORTEST - 1) / SHORTEST;
    return (int)splits;
}

static size_t workspace_weight(const struct call *call) {
    const int splits = splits_of(call);
    const bool at_once = splits == 1 && call->out[0].dtype == CUPEL_F32;
    return at_once ? 0 : (size_t)splits * (size_t)view_count(&call->out[0]) * sizeof(float);
}

static void run_weight(struct call *call) {
    const struct kernel_conv conv = conv_of(call);
    cuda_check(call, kernel_conv_direct_weight(&conv, call->in[0].data, call->in[1].data, call->out[0].data,
                                               splits_of(call), call->workspace, cuda_stream(call)));
}

const struct conv_engine conv_direct_places = {"direct", fits_all, NULL, NULL, run_places},
                         conv_direct_image = {"direct", fits_all, NULL, NULL, run_image},
                         conv_direct_weight = {"direct", fits_all, NULL, workspace_weight, run_weight};
