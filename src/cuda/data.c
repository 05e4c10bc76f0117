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

_Static_assert((int)KERNEL_MOVES == (int)BATCH_MOVES, "graphs and kernels move images as often");

/* The last input, where images are moved, is seed and step. */
static void run(struct call *call, const struct kernel_view *x, const struct kernel_view *y,
                const struct kernel_intake *how) {
    const bool gathers = how->n_order > 0;
    cuda_check(call, kernel_batch(call->in[0].data, x, call->in[1].data, call->in[2].data,
                                  gathers ? call->in[3].data : NULL, gathers ? call->in[4].data : NULL,
                                  how->moves ? call->in[call->n_in - 1].data : NULL, how, call->out[0].data,
                                  y, cuda_type(&call->out[0]), cuda_fault(call), cuda_stream(call)));
}

static void run_batch(struct call *call) {
    const struct batch *batch = &call->node->attr.batch;
    const struct kernel_view x = cuda_view(&call->in[0]), y = cuda_view(&call->out[0]);
    struct kernel_intake how = {.n_rows = x.dim[0], .moves = batch->moves};
    if (batch->gathers) how.n_order = call->in[3].shape.dim[0];
    for (int m = 0; m < batch->moves; m++) how.move[m] = batch->move[m];
    run(call, &x, &y, &how);
}

enum cupel_status cuda_batch(struct call *call, struct cupel_error *error) {
    call->kernel = run_batch;
    call->engine = "cuda";
    return cuda_check_image(&call->in[0], error);
}

/* Planes as images of one line of pixels. */
static struct kernel_view lines(const struct view *view) {
    struct kernel_view lines = cuda_planes(view);
    lines.dim[3] = lines.dim[2];
    lines.stride[3] = lines.stride[2];
    lines.dim[2] = 1;
    lines.rank = 4;
    return lines;
}

static void run_convert(struct call *call) {
    const struct kernel_view x = lines(&call->in[0]), y = lines(&call->out[0]);
    run(call, &x, &y, &(struct kernel_intake){.n_rows = x.dim[0]});
}

enum cupel_status cuda_convert(struct call *call, struct cupel_error *error) {
    call->kernel = run_convert;
    call->engine = "cuda";
    return cuda_check_image(&call->in[0], error);
}
