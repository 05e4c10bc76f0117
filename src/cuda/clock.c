/* The device's clock: a call is timed as plans run it: recorded as a CUDA graph, several times over, on memory of its own. A way that cannot
 * be recorded is thereby disqualified. */
#include <stdlib.h>

#include "cuda/cuda.h"
#include "cuda/tune.h"

enum { RUNS = 8, WARM_UPS = 3, TIMES = 5 };
static const size_t most_workspace = (size_t)1 << 30;

struct bench {
    char *memory;
    cudaGraph_t graph;
    cudaGraphExec_t ready;
    cudaEvent_t start, end;
};

static size_t rounded(size_t bytes) {
    return (bytes + 255) / 256 * 256;
}

/* Elements from the first to the last, whatever the strides. */
static size_t view_bytes(const struct view *view) {
    int64_t last = 0;
    for (int d = 0; d < view->shape.rank; d++) last += (view->shape.dim[d] - 1) * view->stride[d];
    return (size_t)(last + 1) * cupel_dtype_size(view->dtype);
}

/* Gives the call's views and workspace their places from `memory` on, or none when that is NULL; the bytes in all. */
static size_t place(struct call *call, char *memory) {
    size_t bytes = 0;
    for (int i = 0; i < call->n_in + call->n_out; i++) {
        struct view *view = i < call->n_in ? &call->in[i] : &call->out[i - call->n_in];
        view->data = memory ? memory + bytes : NULL;
        bytes += rounded(view_bytes(view));
    }
    call->workspace = memory ? memory + bytes : NULL;
    return bytes + rounded(call->workspace_bytes);
}

static enum cupel_status run(struct call *call, struct cupel_error *error) {
    call->error.status = CUPEL_OK;
    call->kernel(call);
    if (call->error.status != CUPEL_OK)
        return cupel_fail(error, call->error.status, "%s", call->error.message);
    return CUPEL_OK;
}

static enum cupel_status record(struct bench *bench, struct call *call, struct cupel_error *error) {
    CUDA_TRY(cudaStreamBeginCapture(cuda_stream(call), cudaStreamCaptureModeThreadLocal));
    enum cupel_status status = CUPEL_OK;
    for (int r = 0; r < RUNS && status == CUPEL_OK; r++) status = run(call, error);
    const cudaError_t ended = cudaStreamEndCapture(cuda_stream(call), &bench->graph);
    CUPEL_TRY(status);
    if (ended != cudaSuccess) return cuda_fail(ended, "cudaStreamEndCapture", error);
    CUDA_TRY(cudaGraphInstantiate(&bench->ready, bench->graph, 0));
    return CUPEL_OK;
}

static int ascending(const void *a, const void *b) {
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static enum cupel_status measure(struct bench *bench, struct call *call, double *seconds,
                                 struct cupel_error *error) {
    const cudaStream_t stream = cuda_stream(call);
    const size_t bytes = place(call, NULL);
    float times[TIMES];
    CUDA_TRY(cudaMalloc((void **)&bench->memory, bytes));
    place(call, bench->memory);
    /* 0.01 as f32 and bf16, about 1 as f16, and as an integer no index of anything. */
    CUDA_TRY(cudaMemsetAsync(bench->memory, 0x3c, bytes, stream));
    CUDA_TRY(cudaEventCreate(&bench->start));
    CUDA_TRY(cudaEventCreate(&bench->end));
    CUPEL_TRY(run(call, error)); /* libraries load what they need */
    CUDA_TRY(cudaStreamSynchronize(stream));
    CUPEL_TRY(record(bench, call, error));
    for (int w = 0; w < WARM_UPS; w++) CUDA_TRY(cudaGraphLaunch(bench->ready, stream));
    for (int t = 0; t < TIMES; t++) {
        CUDA_TRY(cudaEventRecord(bench->start, stream));
        CUDA_TRY(cudaGraphLaunch(bench->ready, stream));
        CUDA_TRY(cudaEventRecord(bench->end, stream));
        CUDA_TRY(cudaEventSynchronize(bench->end));
        CUDA_TRY(cudaEventElapsedTime(&times[t], bench->start, bench->end));
    }
    qsort(times, TIMES, sizeof *times, ascending);
    *seconds = 1e-3 * (double)times[TIMES / 2] / RUNS;
    return CUPEL_OK;
}

enum cupel_status cuda_time(struct call *call, double *seconds, struct cupel_error *error) {
    if (call->workspace_bytes > most_workspace)
        return cupel_fail(error, CUPEL_NOMEM, "%s wants %.0f MiB of workspace", call->engine,
                          (double)call->workspace_bytes / 1048576);
    struct bench bench = {0};
    const enum cupel_status status = measure(&bench, call, seconds, error);
    if (status != CUPEL_OK) cudaStreamSynchronize(cuda_stream(call));
    if (bench.ready) cudaGraphExecDestroy(bench.ready);
    if (bench.graph) cudaGraphDestroy(bench.graph);
    if (bench.start) cudaEventDestroy(bench.start);
    if (bench.end) cudaEventDestroy(bench.end);
    if (bench.memory) cudaFree(bench.memory);
    place(call, NULL);
    (void)cudaGetLastError(); /* what went wrong is told by the status */
    return status;
}
