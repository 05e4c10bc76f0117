/* What is known of NVIDIA's libraries without using them. */
#include "cuda/nvidia/library.h"
#include "cuda/nvidia/nvidia.h"

void nvidia_versions(char *text, size_t size) {
    const struct cudnn *cudnn = cudnn_load(NULL);
    const struct cublaslt *cublaslt = cublaslt_load(NULL);
    snprintf(text, size, "-cudnn%d-cublaslt%d", cudnn ? cudnn->version : 0, cublaslt ? cublaslt->version : 0);
}

/* What cuDNN says when it is to be used, such as for want of one of its parts; NULL when it can be, or there is no GPU to
 * use it with. */
static const char *cudnn_complaint(const struct cudnn *cudnn) {
    int devices = 0;
    cudnnHandle_t handle;
    if (cudaGetDeviceCount(&devices) != cudaSuccess || !devices) {
        (void)cudaGetLastError();
        return NULL;
    }
    const cudnnStatus_t status = cudnn->cudnnCreate(&handle);
    if (status != CUDNN_STATUS_SUCCESS) return cudnn->cudnnGetErrorString(status);
    cudnn->cudnnDestroy(handle);
    return NULL;
}

void nvidia_describe(char *text, size_t size) {
    const char *no_cudnn, *no_cublaslt;
    const struct cudnn *cudnn = cudnn_load(&no_cudnn);
    if (cudnn) {
        no_cudnn = cudnn_complaint(cudnn);
        if (no_cudnn) cudnn = NULL;
    }
    const struct cublaslt *cublaslt = cublaslt_load(&no_cublaslt);
    int length;
    if (cudnn)
        length = snprintf(text, size, "cuDNN %d.%d.%d\n", cudnn->version / 10000, cudnn->version / 100 % 100,
                          cudnn->version % 100);
    else
        length = snprintf(text, size, "no cuDNN: %s; Cupel's kernels serve convolutions\n", no_cudnn);
    if (length < 0 || (size_t)length >= size) return;
    if (cublaslt)
        snprintf(text + length, size - (size_t)length, "cuBLASLt %d.%d.%d\n", cublaslt->version / 10000,
                 cublaslt->version / 100 % 100, cublaslt->version % 100);
    else
        snprintf(text + length, size - (size_t)length,
                 "no cuBLASLt: %s; Cupel's kernels serve matrix products\n", no_cublaslt);
}
