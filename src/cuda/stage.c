/* Sending batches to the device while it works on earlier ones: from page-locked memory they are copied to the device on a
 * stream of their own, and put where the plan reads them by a copy between two runs. */
#include <stdlib.h>

#include "cuda/device.h"

/* One batch on the device, on its way to the plan. Two of them are enough: one is copied while the other is used. */
enum { SLOTS = 2 };
struct slot {
    void *data;
    size_t bytes;
    cudaEvent_t sent;  /* on the copy stream: the device has it */
    cudaEvent_t taken; /* on the device's stream: it is where the plan reads it, the slot is free */
};
struct cuda_stager {
    cudaStream_t stream;
    struct slot slots[SLOTS];
    unsigned next;
};

static void slot_free(struct slot *slot) {
    if (slot->data) cudaFree(slot->data);
    slot->data = NULL;
    slot->bytes = 0;
}

void cuda_stager_free(struct cuda_stager *stager) {
    if (!stager) return;
    if (stager->stream) cudaStreamSynchronize(stager->stream);
    for (int i = 0; i < SLOTS; i++) {
        slot_free(&stager->slots[i]);
        if (stager->slots[i].sent) cudaEventDestroy(stager->slots[i].sent);
        if (stager->slots[i].taken) cudaEventDestroy(stager->slots[i].taken);
    }
    if (stager->stream) cudaStreamDestroy(stager->stream);
    free(stager);
}

static enum cupel_status stager_open(struct cuda_device *own, struct cupel_error *error) {
    struct cuda_stager *stager = own->stager = calloc(1, sizeof *stager);
    if (!stager) return cupel_fail(error, CUPEL_NOMEM, "no memory to send batches");
    CUDA_TRY(cudaStreamCreateWithFlags(&stager->stream, cudaStreamNonBlocking));
    for (int i = 0; i < SLOTS; i++) {
        CUDA_TRY(cudaEventCreateWithFlags(&stager->slots[i].sent, cudaEventDisableTiming));
        CUDA_TRY(cudaEventCreateWithFlags(&stager->slots[i].taken, cudaEventDisableTiming));
    }
    return CUPEL_OK;
}

/* A slot of that size which nothing uses any more. */
static enum cupel_status slot_claim(struct slot *slot, size_t bytes, struct cupel_error *error) {
    if (slot->bytes) CUDA_TRY(cudaEventSynchronize(slot->taken));
    if (slot->bytes >= bytes) return CUPEL_OK;
    slot_free(slot);
    CUDA_TRY(cudaMalloc(&slot->data, bytes));
    slot->bytes = bytes;
    return CUPEL_OK;
}

enum cupel_status cuda_send(struct cupel_device *device, void *to, const void *from, size_t bytes,
                            struct cupel_error *error) {
    struct cuda_device *own = device->own;
    if (!bytes) return CUPEL_OK;
    if (!own->stager) CUPEL_TRY(stager_open(own, error));
    struct cuda_stager *stager = own->stager;
    CUDA_TRY(cudaStreamSynchronize(stager->stream)); /* the memory of the send before is the caller's again */
    struct slot *slot = &stager->slots[stager->next++ % SLOTS];
    CUPEL_TRY(slot_claim(slot, bytes, error));
    CUDA_TRY(cudaMemcpyAsync(slot->data, from, bytes, cudaMemcpyHostToDevice, stager->stream));
    CUDA_TRY(cudaEventRecord(slot->sent, stager->stream));
    CUDA_TRY(cudaStreamWaitEvent(own->stream, slot->sent, 0));
    CUDA_TRY(cudaMemcpyAsync(to, slot->data, bytes, cudaMemcpyDeviceToDevice, own->stream));
    CUDA_TRY(cudaEventRecord(slot->taken, own->stream));
    return CUPEL_OK;
}

void *cuda_pin(struct cupel_device *device, size_t bytes) {
    void *data;
    (void)device;
    return cudaMallocHost(&data, bytes ? bytes : 1) == cudaSuccess ? data : NULL;
}

void cuda_unpin(struct cupel_device *device, void *data) {
    const struct cuda_device *own = device->own;
    if (own->stager) cudaStreamSynchronize(own->stager->stream);
    cudaFreeHost(data);
}
