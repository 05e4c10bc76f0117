/* Turning a data set into batches. */
#include "data.h"

#include "cuda/cuda.h"

static void run_gather(struct call *call) {
    const struct view *data = &call->in[0], *order = &call->in[1], *batch = &call->out[0];
    const int64_t rows = data->shape.dim[0],
                  bytes = view_count(data) / rows * (int64_t)cupel_dtype_size(data->dtype);
    cuda_check(call,
               kernel_gather(data->data, rows, bytes, order->data, order->shape.dim[0], call->in[2].data,
                             batch->data, batch->shape.dim[0], cuda_fault(call), cuda_stream(call)));
}

enum cupel_status cuda_gather(struct call *call, struct cupel_error *error) {
    (void)error;
    call->kernel = run_gather;
    call->engine = "cuda";
    return CUPEL_OK;
}

static void run_convert(struct call *call) {
    const struct kernel_view x = cuda_planes(&call->in[0]), y = cuda_planes(&call->out[0]);
    cuda_check(call, kernel_convert(call->in[0].data, &x, call->in[1].data, call->in[2].data,
                                    call->out[0].data, &y, cuda_type(&call->out[0]), cuda_stream(call)));
}

enum cupel_status cuda_convert(struct call *call, struct cupel_error *error) {
    call->kernel = run_convert;
    call->engine = "cuda";
    return cuda_check_image(&call->in[0], error);
}
