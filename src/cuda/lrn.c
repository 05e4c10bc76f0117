/* Local response normalisation. */
#include "lrn.h"

#include "cuda/cuda.h"

/* `back`: the window of the gradient, which is turned round. A window ends with the channels. */
static struct kernel_response lrn_of(const struct call *call, bool back) {
    const struct cupel_lrn *lrn = &call->node->attr.lrn;
    const int64_t channels = call->out[0].shape.dim[1];
    const int size = (int)(lrn->size < 2 * channels ? lrn->size : 2 * channels);
    const int before = size / 2, after = (size - 1) / 2;
    return (struct kernel_response){.type = cuda_type(&call->out[0]),
                                    .before = back ? after : before,
                                    .after = back ? before : after,
                                    .k = (float)lrn->k,
                                    .factor = (float)(lrn->alpha / (double)lrn->size),
                                    .beta = (float)lrn->beta};
}

static kernel_status lrn(struct call *call) {
    const struct kernel_response lrn = lrn_of(call, false);
    const struct kernel_view x = cuda_view(&call->in[0]), y = cuda_view(&call->out[0]),
                             scale = cuda_view(&call->out[1]);
    return kernel_lrn(&lrn, call->in[0].data, &x, call->out[0].data, &y, call->out[1].data, &scale,
                      cuda_stream(call));
}

static kernel_status lrn_grad(struct call *call) {
    const struct kernel_response lrn = lrn_of(call, true);
    const struct kernel_view y = cuda_view(&call->in[0]), scale = cuda_view(&call->in[1]),
                             dy = cuda_view(&call->in[2]), dx = cuda_view(&call->out[0]);
    return kernel_lrn_grad(&lrn, call->in[0].data, &y, call->in[1].data, &scale, call->in[2].data, &dy,
                           call->out[0].data, &dx, cuda_stream(call));
}

CUDA_KERNEL(lrn, lrn(call))
CUDA_KERNEL(lrn_grad, lrn_grad(call))
