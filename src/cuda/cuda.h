/* The host side of the CUDA backend: what its files share. The same files make the cuda device, with the CUDA
 * runtime, and the emu device, with the emulator of kernels/emu. */
#ifndef CUPEL_CUDA_CUDA_H
#define CUPEL_CUDA_CUDA_H

#include <cuda_runtime_api.h>

#include "kernel.h"
#include "plan/backend.h"

struct cuda_device {
    int index;        /* among the machine's */
    int architecture; /* 90 for sm_90 */
    int multiprocessors;
    cudaStream_t streams[2]; /* the two lanes of a recording; the first is of all other work */
    cudaStream_t stream;     /* the one that work goes to now */
    cudaEvent_t *marks;      /* of a recording */
    int n_marks;
    cudaEvent_t start, end;     /* of what is timed; NULL until something is */
    struct cuda_stager *stager; /* NULL until something is sent */
    struct kernel_fault *fault; /* in device memory */
    struct tune_table *ways;    /* NULL until a call can be served in several (tune.h) */
    struct nvidia *nvidia;      /* NULL until one of NVIDIA's libraries is used (nvidia/nvidia.h) */
};

static inline struct cuda_device *cuda_device(const struct call *call) {
    return call->device->own;
}
static inline void *cuda_stream(const struct call *call) {
    return cuda_device(call)->stream;
}

/* For kernels that can meet bad numbers. */
static inline struct kernel_fault *cuda_fault(const struct call *call) {
    return cuda_device(call)->fault;
}

/* The kernels' words for a view. */
enum kernel_type cuda_type(const struct view *view);
struct kernel_view cuda_view(const struct view *view);

/* Whether 4-dimensional views lie as NHWC or as NCHW without gaps; both for a view that is both. */
bool cuda_is_nhwc(const struct view *view);
bool cuda_is_nchw(const struct view *view);

/* The view as [N, C, P], P the pixels of a plane; of one dimension, as [1, 1, P]. Planes lie without gaps in every layout. */
struct kernel_view cuda_planes(const struct view *view);
/* Refuses images [N, ...] of which one has 2^31 elements: kernels count those of an image in 32 bits. */
enum cupel_status cuda_check_image(const struct view *view, struct cupel_error *error);

/* Records an error of the runtime as the call's. */
void cuda_check(struct call *call, kernel_status status);
/* The same for a function that returns a status: "WHAT: the runtime's words". */
enum cupel_status cuda_fail(cudaError_t status, const char *what, struct cupel_error *error);
#define CUDA_TRY(expression)                                                       \
    do {                                                                           \
        const cudaError_t status_ = (expression);                                  \
        if (status_ != cudaSuccess) return cuda_fail(status_, #expression, error); \
    } while (0)

/* cuda_OP is the op's prepare: it sets the call's kernel, engine and workspace_bytes, from views without data.
 *
 * CUDA_KERNEL(op, LAUNCH) defines it for an op that is always served by the one launcher and keeps nothing;
 * LAUNCH is an expression of `call`. */
#define OP(name, ...) enum cupel_status cuda_##name(struct call *call, struct cupel_error *error);
#define OP_VIEW(...)
#include "graph/ops.def"
#undef OP

#define CUDA_KERNEL(op, launch)                                                 \
    static void run_##op(struct call *call) {                                   \
        cuda_check(call, launch);                                               \
    }                                                                           \
    enum cupel_status cuda_##op(struct call *call, struct cupel_error *error) { \
        (void)error;                                                            \
        call->kernel = run_##op;                                                \
        call->engine = "cuda";                                                  \
        return CUPEL_OK;                                                        \
    }

#endif
