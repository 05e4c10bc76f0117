/* Ops that draw random numbers. */
#include "random.h"

#include "cuda/cuda.h"

/* The last input: seed and step. */
static const int64_t *rng_of(const struct call *call) {
    return call->in[call->n_in - 1].data;
}

CUDA_KERNEL(uniform,
            kernel_uniform(rng_of(call), call->node->attr.random.stream, (float)call->node->attr.random.a,
                           (float)(call->node->attr.random.b - call->node->attr.random.a), call->out[0].data,
                           view_count(&call->out[0]), cuda_stream(call)))

CUDA_KERNEL(normal, kernel_normal(rng_of(call), call->node->attr.random.stream,
                                  (float)call->node->attr.random.a, (float)call->node->attr.random.b,
                                  call->out[0].data, view_count(&call->out[0]), cuda_stream(call)))

CUDA_KERNEL(beta, kernel_beta(rng_of(call), call->node->attr.random.stream, (float)call->node->attr.random.a,
                              call->out[0].data, view_count(&call->out[0]), cuda_stream(call)))

/* ---- dropout ---- */

static void run_dropout_rows(struct call *call) {
    const double p = call->node->attr.random.a;
    cuda_check(call,
               kernel_dropout_rows(call->in[0].data, call->out[0].data, cuda_type(&call->in[0]),
                                   view_count(&call->in[0]), rng_of(call), call->node->attr.random.stream,
                                   (float)p, (float)(1 / (1 - p)), cuda_stream(call)));
}

static void run_dropout(struct call *call) {
    const struct kernel_view x = cuda_planes(&call->in[0]), y = cuda_planes(&call->out[0]);
    const double p = call->node->attr.random.a;
    cuda_check(call, kernel_dropout(call->in[0].data, &x, call->out[0].data, &y, cuda_type(&call->in[0]),
                                    rng_of(call), call->node->attr.random.stream, (float)p,
                                    (float)(1 / (1 - p)), cuda_stream(call)));
}

enum cupel_status cuda_dropout(struct call *call, struct cupel_error *error) {
    const bool rows =
        call->in[0].shape.rank != 4 || (cuda_is_nchw(&call->in[0]) && cuda_is_nchw(&call->out[0]));
    call->engine = "cuda";
    call->kernel = rows ? run_dropout_rows : run_dropout;
    return rows ? CUPEL_OK : cuda_check_image(&call->in[0], error);
}

/* ---- augmentation ---- */

static void run_move(struct call *call) {
    const struct kernel_view x = cuda_view(&call->in[0]), y = cuda_view(&call->out[0]);
    const struct image_move move = node_move(call->node);
    cuda_check(call, kernel_move_images(call->in[0].data, &x, call->out[0].data, &y,
                                        (int)cupel_dtype_size(call->in[0].dtype), rng_of(call), &move,
                                        cuda_stream(call)));
}

static enum cupel_status prepare_move(struct call *call, struct cupel_error *error) {
    call->engine = "cuda";
    call->kernel = run_move;
    return cuda_check_image(&call->in[0], error);
}

enum cupel_status cuda_random_flip(struct call *call, struct cupel_error *error) {
    return prepare_move(call, error);
}

enum cupel_status cuda_random_crop(struct call *call, struct cupel_error *error) {
    return prepare_move(call, error);
}

enum cupel_status cuda_cutout(struct call *call, struct cupel_error *error) {
    return prepare_move(call, error);
}
