/* What a device holds of NVIDIA's libraries, and the sources of ways that they are. */
#include "cuda/nvidia/own.h"

#include <stdlib.h>

#include "cuda/nvidia/conv.h"

struct nvidia *nvidia_of(const struct call *call) {
    struct cuda_device *own = cuda_device(call);
    if (!own->nvidia) own->nvidia = calloc(1, sizeof *own->nvidia);
    return own->nvidia;
}

void nvidia_close(struct nvidia *nvidia) {
    if (!nvidia) return;
    if (nvidia->cudnn_handle) nvidia->cudnn->cudnnDestroy(nvidia->cudnn_handle);
    if (nvidia->cublaslt_handle) nvidia->cublaslt->cublasLtDestroy(nvidia->cublaslt_handle);
    free(nvidia);
}

/* ---- cuDNN ---- */

static struct cudnn_target target_of(const struct call *call) {
    const struct nvidia *nvidia = nvidia_of(call);
    return (struct cudnn_target){.library = nvidia->cudnn, .handle = nvidia->cudnn_handle};
}

static int list_conv(const struct call *call, struct tune_way *ways, int room) {
    const struct cudnn_target target = target_of(call);
    return conv_list(&target, call, ways, room);
}

static enum cupel_status prepare_conv(struct call *call, const char *name, struct cupel_error *error) {
    const struct cudnn_target target = target_of(call);
    return conv_prepare(&target, call, name, error);
}

/* A library that cannot be used is tried once only. */
const struct tune_source *nvidia_conv(const struct call *call) {
    static const struct tune_source source = {"cudnn", list_conv, prepare_conv};
    struct nvidia *nvidia = nvidia_of(call);
    if (nvidia && !nvidia->tried_cudnn) {
        nvidia->tried_cudnn = true;
        nvidia->cudnn = cudnn_load(NULL);
        if (nvidia->cudnn && nvidia->cudnn->cudnnCreate(&nvidia->cudnn_handle) != CUDNN_STATUS_SUCCESS)
            nvidia->cudnn_handle = NULL;
    }
    return nvidia && nvidia->cudnn_handle ? &source : NULL;
}
