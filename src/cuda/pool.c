/* Pooling. An average over all of a plane is a reduction. */
#include "pool.h"
#include "reduce.h"

#include "cuda/cuda.h"

static struct kernel_pool pool_of(const struct call *call) {
    const struct cupel_pool *pool = &call->node->attr.pool.pool;
    return (struct kernel_pool){.type = cuda_type(&call->out[0]),
                                .kernel = {pool->kernel[0], pool->kernel[1]},
                                .stride = {pool->stride[0], pool->stride[1]},
                                .pad = {pool->pad[0], pool->pad[1]},
                                .adaptive = call->node->attr.pool.parts[0] > 0,
                                .exclude_pad = pool->exclude_pad,
                                .divisor = pool->divisor};
}

static kernel_status maxpool(struct call *call) {
    const struct kernel_pool pool = pool_of(call);
    const struct kernel_view x = cuda_view(&call->in[0]), y = cuda_view(&call->out[0]),
                             argmax = cuda_view(&call->out[1]);
    return kernel_maxpool(&pool, call->in[0].data, &x, call->out[0].data, &y, call->out[1].data, &argmax,
                          cuda_stream(call));
}

static kernel_status maxpool_grad(struct call *call) {
    const struct kernel_pool pool = pool_of(call);
    const struct kernel_view dy = cuda_view(&call->in[0]), argmax = cuda_view(&call->in[1]),
                             dx = cuda_view(&call->out[0]);
    return kernel_maxpool_grad(&pool, call->in[0].data, &dy, call->in[1].data, &argmax, call->out[0].data,
                               &dx, cuda_stream(call));
}

static kernel_status maxpool_pick(struct call *call) {
    const struct kernel_pool pool = pool_of(call);
    const struct kernel_view x = cuda_view(&call->in[0]), argmax = cuda_view(&call->in[1]),
                             y = cuda_view(&call->out[0]);
    return kernel_maxpool_pick(&pool, call->in[0].data, &x, call->in[1].data, &argmax, call->out[0].data, &y,
                               cuda_fault(call), cuda_stream(call));
}

static kernel_status avgpool_grad(struct call *call) {
    const struct kernel_pool pool = pool_of(call);
    const struct kernel_view dy = cuda_view(&call->in[0]), dx = cuda_view(&call->out[0]);
    return kernel_avgpool_grad(&pool, call->in[0].data, &dy, call->out[0].data, &dx, cuda_stream(call));
}

CUDA_KERNEL(maxpool, maxpool(call))
CUDA_KERNEL(maxpool_grad, maxpool_grad(call))
CUDA_KERNEL(maxpool_pick, maxpool_pick(call))
CUDA_KERNEL(avgpool_grad, avgpool_grad(call))

/* ---- avgpool ---- */

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* The number that the sum over a plane is divided by, where the one window covers the plane; else 0. */
static int64_t plane_divisor(const struct call *call) {
    const struct cupel_pool *pool = &call->node->attr.pool.pool;
    int64_t divisor = 1;
    for (int axis = 0; axis < 2; axis++) {
        const int64_t size = call->in[0].shape.dim[2 + axis], pad = pool->pad[axis];
        if (call->out[0].shape.dim[2 + axis] != 1 || pool->kernel[axis] - pad < size) return 0;
        divisor *= pool->exclude_pad ? size : least(pool->kernel[axis], size + 2 * pad);
    }
    return pool->divisor ? pool->divisor : divisor;
}

static struct kernel_reduction reduction_of(const struct call *call) {
    const struct view *x = &call->in[0], *y = &call->out[0];
    return (struct kernel_reduction){.kind = KERNEL_SUM,
                                     .x_type = cuda_type(x),
                                     .y_type = cuda_type(y),
                                     .x = cuda_view(x),
                                     .axes = 1u << 2 | 1u << 3,
                                     .y_stride = {y->stride[0], y->stride[1]},
                                     .factor = 1 / (float)plane_divisor(call),
                                     .multiprocessors = cuda_device(call)->multiprocessors};
}

static void run_avgpool_of_plane(struct call *call) {
    const struct kernel_reduction reduction = reduction_of(call);
    cuda_check(call, kernel_reduce(&reduction, call->in[0].data, call->out[0].data, call->workspace,
                                   cuda_stream(call)));
}

static void run_avgpool(struct call *call) {
    const struct kernel_pool pool = pool_of(call);
    const struct kernel_view x = cuda_view(&call->in[0]), y = cuda_view(&call->out[0]);
    cuda_check(call, kernel_avgpool(&pool, call->in[0].data, &x, call->out[0].data, &y, cuda_stream(call)));
}

enum cupel_status cuda_avgpool(struct call *call, struct cupel_error *error) {
    (void)error;
    call->engine = "cuda";
    call->kernel = run_avgpool;
    if (plane_divisor(call) > 0) {
        const struct kernel_reduction reduction = reduction_of(call);
        call->workspace_bytes = kernel_reduce_workspace(&reduction);
        call->kernel = run_avgpool_of_plane;
    }
    return CUPEL_OK;
}
