/* Times what a stream does, by events in it. */
#include "cuda/device.h"

enum cupel_status cuda_time_begin(struct cupel_device *device, struct cupel_error *error) {
    struct cuda_device *own = device->own;
    if (!own->start) CUDA_TRY(cudaEventCreate(&own->start));
    if (!own->end) CUDA_TRY(cudaEventCreate(&own->end));
    CUDA_TRY(cudaEventRecord(own->start, own->stream));
    return CUPEL_OK;
}

enum cupel_status cuda_time_end(struct cupel_device *device, double *seconds, struct cupel_error *error) {
    struct cuda_device *own = device->own;
    float milliseconds = 0;
    CUDA_TRY(cudaEventRecord(own->end, own->stream));
    CUDA_TRY(cudaEventSynchronize(own->end));
    CUDA_TRY(cudaEventElapsedTime(&milliseconds, own->start, own->end));
    *seconds = 1e-3 * (double)milliseconds;
    return CUPEL_OK;
}
