/* A plan's run recorded once as a CUDA graph, so that later runs are one launch. */
#include "cuda/device.h"

static cudaStream_t stream_of(struct cupel_device *device) {
    return ((struct cuda_device *)device->own)->stream;
}

enum cupel_status cuda_record_begin(struct cupel_device *device, struct cupel_error *error) {
    CUDA_TRY(cudaStreamBeginCapture(stream_of(device), cudaStreamCaptureModeThreadLocal));
    return CUPEL_OK;
}

enum cupel_status cuda_record_end(struct cupel_device *device, void **recording, struct cupel_error *error) {
    cudaGraph_t graph = NULL;
    cudaGraphExec_t ready = NULL;
    CUDA_TRY(cudaStreamEndCapture(stream_of(device), &graph));
    const cudaError_t status = cudaGraphInstantiate(&ready, graph, 0);
    cudaGraphDestroy(graph);
    if (status != cudaSuccess) return cuda_fail(status, "cudaGraphInstantiate", error);
    *recording = ready;
    return CUPEL_OK;
}

enum cupel_status cuda_replay(struct cupel_device *device, void *recording, struct cupel_error *error) {
    CUDA_TRY(cudaGraphLaunch(recording, stream_of(device)));
    return CUPEL_OK;
}

void cuda_forget(struct cupel_device *device, void *recording) {
    cudaStreamSynchronize(stream_of(device)); /* it may still run */
    cudaGraphExecDestroy(recording);
}
