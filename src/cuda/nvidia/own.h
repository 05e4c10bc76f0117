/* What a device holds of NVIDIA's libraries. */
#ifndef CUPEL_CUDA_NVIDIA_OWN_H
#define CUPEL_CUDA_NVIDIA_OWN_H

#include "cuda/nvidia/library.h"
#include "cuda/nvidia/nvidia.h"

struct nvidia {
    const struct cudnn *cudnn;
    const struct cublaslt *cublaslt;
    cudnnHandle_t cudnn_handle; /* NULL until a convolution is prepared, or when cuDNN cannot be used */
    cublasLtHandle_t cublaslt_handle;
    bool tried_cudnn, tried_cublaslt;
};

/* The call's device's, made when it is first asked for; NULL when memory is out. */
struct nvidia *nvidia_of(const struct call *call);

#endif
