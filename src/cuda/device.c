/* The device: opening it, its memory, copies, and bad numbers that kernels found. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cuda/device.h"
#include "cuda/nvidia/nvidia.h"
#include "cuda/tune.h"

static struct cuda_device *own(struct cupel_device *device) {
    return device->own;
}

static enum cupel_status make(struct cuda_device *made, struct cupel_error *error) {
    CUDA_TRY(cudaSetDevice(made->index));
    for (int lane = 0; lane < 2; lane++)
        CUDA_TRY(cudaStreamCreateWithFlags(&made->streams[lane], cudaStreamNonBlocking));
    made->stream = made->streams[0];
    CUDA_TRY(cudaMalloc((void **)&made->fault, sizeof *made->fault));
    CUDA_TRY(cudaMemsetAsync(made->fault, 0, sizeof *made->fault, made->stream));
    return CUPEL_OK;
}

static void unmake(struct cuda_device *made) {
    cuda_stager_free(made->stager);
    nvidia_close(made->nvidia);
    tune_close(made->ways);
    if (made->fault) cudaFree(made->fault);
    cuda_marks_free(made);
    if (made->start) cudaEventDestroy(made->start);
    if (made->end) cudaEventDestroy(made->end);
    for (int lane = 0; lane < 2; lane++)
        if (made->streams[lane]) cudaStreamDestroy(made->streams[lane]);
    free(made);
}

static enum cupel_status check_machine(int index, struct cudaDeviceProp *properties,
                                       struct cupel_error *error) {
    int count = 0;
    const cudaError_t status = cudaGetDeviceCount(&count);
    if (status != cudaSuccess)
        return cupel_fail(error, CUPEL_UNSUPPORTED, "no CUDA device: %s", cudaGetErrorString(status));
    if (index >= count)
        return cupel_fail(error, CUPEL_UNSUPPORTED, "no CUDA device %d: this machine has %d", index, count);
    CUDA_TRY(cudaGetDeviceProperties(properties, index));
    if (properties->major < 7 || (properties->major == 7 && properties->minor < 5))
        return cupel_fail(error, CUPEL_UNSUPPORTED,
                          "%s has compute capability %d.%d; the kernels need 7.5 or later", properties->name,
                          properties->major, properties->minor);
    return CUPEL_OK;
}

enum cupel_status cuda_open(struct cupel_device *device, struct cupel_error *error) {
    struct cudaDeviceProp properties = {0};
    CUPEL_TRY(check_machine(device->index, &properties, error));
    struct cuda_device *made = calloc(1, sizeof *made);
    if (!made) return cupel_fail(error, CUPEL_NOMEM, "no memory for a device");
    *made = (struct cuda_device){.index = device->index,
                                 .architecture = 10 * properties.major + properties.minor,
                                 .multiprocessors = properties.multiProcessorCount};
    const enum cupel_status status = make(made, error);
    if (status != CUPEL_OK) {
        unmake(made);
        return status;
    }
    /* The emulator's 16-bit numbers save no time. */
    if (strcmp(CUPEL_MODULE_NAME, "cuda") == 0 && made->architecture >= 80)
        device->precision = CUPEL_PRECISION_BF16;
    snprintf(device->description, sizeof device->description, "%s, sm_%d, %d multiprocessors, %.1f GiB",
             properties.name, made->architecture, made->multiprocessors,
             (double)properties.totalGlobalMem / 1073741824);
    device->own = made;
    return CUPEL_OK;
}

void cuda_describe(char *text, size_t size) {
    int driver = 0, runtime = 0;
    *text = 0;
    if (strcmp(CUPEL_MODULE_NAME, "cuda") != 0) return; /* the emulator needs neither driver nor library */
    if (cudaDriverGetVersion(&driver) != cudaSuccess || cudaRuntimeGetVersion(&runtime) != cudaSuccess)
        (void)cudaGetLastError();
    int length;
    if (driver)
        length = snprintf(text, size, "driver for CUDA %d.%d, runtime %d.%d\n", driver / 1000,
                          driver % 1000 / 10, runtime / 1000, runtime % 1000 / 10);
    else
        length = snprintf(text, size, "no driver, runtime %d.%d\n", runtime / 1000, runtime % 1000 / 10);
    if (length > 0 && (size_t)length < size) nvidia_describe(text + length, size - (size_t)length);
}

void cuda_close(struct cupel_device *device) {
    unmake(own(device));
}

void *cuda_alloc(struct cupel_device *device, size_t bytes) {
    (void)device;
    void *data = NULL;
    if (cudaMalloc(&data, bytes ? bytes : 1) == cudaSuccess) return data;
    (void)cudaGetLastError(); /* it is reported by what we return */
    return NULL;
}

void cuda_free(struct cupel_device *device, void *data) {
    (void)device;
    cudaFree(data);
}

size_t cuda_room(struct cupel_device *device) {
    (void)device;
    size_t left = 0, total = 0;
    return cudaMemGetInfo(&left, &total) == cudaSuccess ? left : 0;
}

enum cupel_status cuda_upload(struct cupel_device *device, void *to, const void *from, size_t bytes,
                              struct cupel_error *error) {
    CUDA_TRY(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, own(device)->stream));
    CUDA_TRY(cudaStreamSynchronize(own(device)->stream)); /* `from` is the caller's again */
    return CUPEL_OK;
}

enum cupel_status cuda_fill(struct cupel_device *device, void *data, int byte, size_t bytes,
                            struct cupel_error *error) {
    CUDA_TRY(cudaMemsetAsync(data, byte, bytes, own(device)->stream));
    return CUPEL_OK;
}

/* What a kernel found wrong, once. */
static enum cupel_status check_fault(struct cuda_device *own, const struct kernel_fault *fault,
                                     struct cupel_error *error) {
    if (fault->kind == KERNEL_FAULT_NONE) return CUPEL_OK;
    CUDA_TRY(cudaMemsetAsync(own->fault, 0, sizeof *own->fault, own->stream));
    const bool label = fault->kind == KERNEL_FAULT_LABEL;
    return cupel_fail(error, CUPEL_INVALID, "%s %lld is outside 0 to %lld", label ? "label" : "index",
                      fault->value, fault->bound - 1);
}

enum cupel_status cuda_download(struct cupel_device *device, void *to, const void *from, size_t bytes,
                                struct cupel_error *error) {
    struct kernel_fault fault;
    CUDA_TRY(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, own(device)->stream));
    CUDA_TRY(cudaMemcpyAsync(&fault, own(device)->fault, sizeof fault, cudaMemcpyDeviceToHost,
                             own(device)->stream));
    CUDA_TRY(cudaStreamSynchronize(own(device)->stream));
    return check_fault(own(device), &fault, error);
}

enum cupel_status cuda_synchronise(struct cupel_device *device, struct cupel_error *error) {
    struct kernel_fault fault;
    return cuda_download(device, &fault, own(device)->fault, sizeof fault, error);
}
