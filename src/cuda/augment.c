/* Images that are resampled and recoloured. */
#include "augment.h"

#include "cuda/cuda.h"

static void run_affine(struct call *call) {
    const struct kernel_view x = cuda_view(&call->in[0]), y = cuda_view(&call->out[0]);
    const struct image_affine how = node_affine(call->node);
    cuda_check(call,
               kernel_random_affine(call->in[0].data, &x, call->in[1].data, call->out[0].data, &y,
                                    cuda_type(&call->in[0]), call->in[2].data, &how, cuda_stream(call)));
}

enum cupel_status cuda_random_affine(struct call *call, struct cupel_error *error) {
    call->engine = "cuda";
    call->kernel = run_affine;
    return cuda_check_image(&call->in[0], error);
}

static void run_jitter(struct call *call) {
    const struct kernel_view x = cuda_view(&call->in[0]), y = cuda_view(&call->out[0]);
    const struct image_jitter how = node_jitter(call->node);
    cuda_check(call, kernel_color_jitter(call->in[0].data, &x, call->in[1].data, call->in[2].data,
                                         call->out[0].data, &y, cuda_type(&call->in[0]), call->in[3].data,
                                         &how, cuda_stream(call)));
}

enum cupel_status cuda_color_jitter(struct call *call, struct cupel_error *error) {
    call->engine = "cuda";
    call->kernel = run_jitter;
    return cuda_check_image(&call->in[0], error);
}
