/* Enlarging images between their pixels. */
#include "upsample.h"

#include "cuda/cuda.h"

typedef kernel_status (*enlarge_fn)(enum kernel_type type, const void *from,
                                    const struct kernel_view *from_view, void *to,
                                    const struct kernel_view *to_view, void *stream);

static kernel_status enlarge(struct call *call, enlarge_fn launch) {
    const struct view *from = &call->in[0], *to = &call->out[0];
    const struct kernel_view from_view = cuda_view(from), to_view = cuda_view(to);
    return launch(cuda_type(to), from->data, &from_view, to->data, &to_view, cuda_stream(call));
}

CUDA_KERNEL(bilinear, enlarge(call, kernel_bilinear))
CUDA_KERNEL(bilinear_grad, enlarge(call, kernel_bilinear_grad))
