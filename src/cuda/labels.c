/* Labels of pixels. */
#include "labels.h"

#include "cuda/cuda.h"

static kernel_status one_hot(struct call *call) {
    const struct kernel_view y = cuda_planes(&call->out[0]);
    return kernel_one_hot(call->in[0].data, (int)call->node->attr.number.n, call->out[0].data, &y,
                          cuda_fault(call), cuda_stream(call));
}

CUDA_KERNEL(mask_labels, kernel_mask_labels(call->in[0].data, call->out[0].data, view_count(&call->out[0]),
                                            cuda_stream(call)))
CUDA_KERNEL(one_hot, one_hot(call))
