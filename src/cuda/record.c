/* A plan's run recorded once as a CUDA graph, so that later runs are one launch. The two lanes are two streams while they are
 * captured, and branches of the graph then. */
#include <stdlib.h>

#include "cuda/device.h"

/* The event of a mark, made when it is first used. */
static enum cupel_status mark_event(struct cuda_device *own, int mark, cudaEvent_t *event,
                                    struct cupel_error *error) {
    if (mark >= own->n_marks) {
        const int count = mark + 16;
        cudaEvent_t *marks = realloc(own->marks, (size_t)count * sizeof *marks);
        if (!marks) return cupel_fail(error, CUPEL_NOMEM, "no memory for %d marks", count);
        for (int i = own->n_marks; i < count; i++) marks[i] = NULL;
        own->marks = marks;
        own->n_marks = count;
    }
    if (!own->marks[mark]) CUDA_TRY(cudaEventCreateWithFlags(&own->marks[mark], cudaEventDisableTiming));
    *event = own->marks[mark];
    return CUPEL_OK;
}

void cuda_marks_free(struct cuda_device *own) {
    for (int i = 0; i < own->n_marks; i++)
        if (own->marks[i]) cudaEventDestroy(own->marks[i]);
    free(own->marks);
}

enum cupel_status cuda_record_mark(struct cupel_device *device, int mark, struct cupel_error *error) {
    struct cuda_device *own = device->own;
    cudaEvent_t event = NULL;
    CUPEL_TRY(mark_event(own, mark, &event, error));
    CUDA_TRY(cudaEventRecord(event, own->stream));
    return CUPEL_OK;
}

static enum cupel_status wait_for(struct cupel_device *device, int lane, int mark,
                                  struct cupel_error *error) {
    struct cuda_device *own = device->own;
    cudaEvent_t event = NULL;
    CUPEL_TRY(mark_event(own, mark, &event, error));
    CUDA_TRY(cudaStreamWaitEvent(own->streams[lane], event, 0));
    return CUPEL_OK;
}

/* Makes everything that is recorded in one lane from now on come after everything in the other so far. */
static enum cupel_status follow(struct cupel_device *device, int lane, struct cupel_error *error) {
    struct cuda_device *own = device->own;
    const int spare = own->n_marks; /* no call's */
    own->stream = own->streams[!lane];
    CUPEL_TRY(cuda_record_mark(device, spare, error));
    return wait_for(device, lane, spare, error);
}

/* The second lane is forked from the first before anything is recorded, and joined to it at the end. */
enum cupel_status cuda_record_begin(struct cupel_device *device, struct cupel_error *error) {
    struct cuda_device *own = device->own;
    CUDA_TRY(cudaStreamBeginCapture(own->streams[0], cudaStreamCaptureModeThreadLocal));
    return follow(device, 1, error);
}

enum cupel_status cuda_record_lane(struct cupel_device *device, int lane, int wait,
                                   struct cupel_error *error) {
    struct cuda_device *own = device->own;
    own->stream = own->streams[lane];
    return wait >= 0 ? wait_for(device, lane, wait, error) : CUPEL_OK;
}

enum cupel_status cuda_record_end(struct cupel_device *device, void **recording, struct cupel_error *error) {
    struct cuda_device *own = device->own;
    cudaGraph_t graph = NULL;
    cudaGraphExec_t ready = NULL;
    const enum cupel_status joined = follow(device, 0, error);
    own->stream = own->streams[0];
    const cudaError_t ended = cudaStreamEndCapture(own->stream, &graph);
    if (ended != cudaSuccess || joined != CUPEL_OK) {
        if (graph) cudaGraphDestroy(graph);
        return joined != CUPEL_OK ? joined : cuda_fail(ended, "cudaStreamEndCapture", error);
    }
    const cudaError_t status = cudaGraphInstantiate(&ready, graph, 0);
    cudaGraphDestroy(graph);
    if (status != cudaSuccess) return cuda_fail(status, "cudaGraphInstantiate", error);
    *recording = ready;
    return CUPEL_OK;
}

enum cupel_status cuda_replay(struct cupel_device *device, void *recording, struct cupel_error *error) {
    CUDA_TRY(cudaGraphLaunch(recording, ((struct cuda_device *)device->own)->stream));
    return CUPEL_OK;
}

void cuda_forget(struct cupel_device *device, void *recording) {
    cudaStreamSynchronize(((struct cuda_device *)device->own)->stream); /* it may still run */
    cudaGraphExecDestroy(recording);
}
