/* Tensors in the kernels' words, and errors of the runtime in ours. */
#include "cuda/cuda.h"

#include <string.h>

enum kernel_type cuda_type(const struct view *view) {
    return view->dtype == CUPEL_BF16 ? KERNEL_BF16 : view->dtype == CUPEL_F16 ? KERNEL_F16 : KERNEL_F32;
}

struct kernel_view cuda_view(const struct view *view) {
    _Static_assert((int)KERNEL_RANK == (int)CUPEL_MAX_RANK, "views have one rank");
    struct kernel_view kernel = {.rank = view->shape.rank};
    for (int d = 0; d < KERNEL_RANK; d++) {
        kernel.dim[d] = d < view->shape.rank ? view->shape.dim[d] : 1;
        kernel.stride[d] = d < view->shape.rank ? view->stride[d] : 0;
    }
    return kernel;
}

/* Whether the view's dimensions follow one another in memory as `order` says, innermost first. */
static bool lies_as(const struct view *view, const int order[4]) {
    int64_t stride = 1;
    if (view->shape.rank != 4) return false;
    for (int i = 0; i < 4; i++) {
        const int d = order[i];
        if (view->shape.dim[d] > 1 && view->stride[d] != stride) return false;
        stride *= view->shape.dim[d];
    }
    return true;
}

bool cuda_is_nhwc(const struct view *view) {
    return lies_as(view, (const int[4]){1, 3, 2, 0});
}

bool cuda_is_nchw(const struct view *view) {
    return lies_as(view, (const int[4]){3, 2, 1, 0});
}

struct kernel_view cuda_planes(const struct view *view) {
    const int rank = view->shape.rank;
    struct kernel_view planes = {.rank = 3, .dim = {1, 1, 1, 1, 1, 1}};
    for (int d = 0; d < rank && rank > 1; d++) {
        planes.dim[d < 2 ? d : 2] *= view->shape.dim[d];
        planes.stride[d < 2 ? d : 2] = view->stride[d]; /* of P the last one's */
    }
    if (rank <= 1) planes.dim[2] = view_count(view), planes.stride[2] = 1;
    return planes;
}

enum cupel_status cuda_check_image(const struct view *view, struct cupel_error *error) {
    if (view_count(view) / view->shape.dim[0] <= INT32_MAX) return CUPEL_OK;
    return cupel_fail(error, CUPEL_UNSUPPORTED, "an image of %lld elements is too large for this kernel",
                      (long long)(view_count(view) / view->shape.dim[0]));
}

enum cupel_status cuda_fail(cudaError_t status, const char *what, struct cupel_error *error) {
    const int name = (int)strcspn(what, "("); /* a call without its arguments */
    return cupel_fail(error, status == cudaErrorMemoryAllocation ? CUPEL_NOMEM : CUPEL_FAILED, "%.*s: %s",
                      name, what, cudaGetErrorString(status));
}

void cuda_check(struct call *call, kernel_status status) {
    if (status != cudaSuccess) cuda_fail((cudaError_t)status, call->engine, &call->error);
}
