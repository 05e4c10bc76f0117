/* The functions of cuDNN and cuBLASLt, looked up at run time. */
#ifndef CUPEL_CUDA_NVIDIA_LIBRARY_H
#define CUPEL_CUDA_NVIDIA_LIBRARY_H

#include <cuda_runtime_api.h>
#include <stdbool.h>

#include <cublasLt.h>
#include <cudnn_graph.h>

#include "cupel/status.h"

#define CUDNN_FUNCTIONS(F)           \
    F(cudnnGetVersion)               \
    F(cudnnGetErrorString)           \
    F(cudnnCreate)                   \
    F(cudnnDestroy)                  \
    F(cudnnSetStream)                \
    F(cudnnBackendCreateDescriptor)  \
    F(cudnnBackendDestroyDescriptor) \
    F(cudnnBackendFinalize)          \
    F(cudnnBackendSetAttribute)      \
    F(cudnnBackendGetAttribute)      \
    F(cudnnBackendExecute)

#define CUBLASLT_FUNCTIONS(F)               \
    F(cublasLtGetVersion)                   \
    F(cublasLtGetStatusString)              \
    F(cublasLtCreate)                       \
    F(cublasLtDestroy)                      \
    F(cublasLtMatmul)                       \
    F(cublasLtMatmulDescCreate)             \
    F(cublasLtMatmulDescDestroy)            \
    F(cublasLtMatmulDescSetAttribute)       \
    F(cublasLtMatrixLayoutCreate)           \
    F(cublasLtMatrixLayoutDestroy)          \
    F(cublasLtMatrixLayoutSetAttribute)     \
    F(cublasLtMatmulPreferenceCreate)       \
    F(cublasLtMatmulPreferenceDestroy)      \
    F(cublasLtMatmulPreferenceSetAttribute) \
    F(cublasLtMatmulAlgoGetHeuristic) F(cublasLtMatmulAlgoCheck) F(cublasLtMatmulAlgoConfigGetAttribute)

/* One pointer for each function, by its name. */
#define LIBRARY_POINTER(name) __typeof__(name) *name;
struct cudnn {
    CUDNN_FUNCTIONS(LIBRARY_POINTER)
    int version; /* 91900 */
};
struct cublaslt {
    CUBLASLT_FUNCTIONS(LIBRARY_POINTER)
    int version; /* 130100 */
};
#undef LIBRARY_POINTER

/* The library, loaded at the first call; NULL when it is missing, or not the one that this build knows, and `*why` then says
 * so in a sentence that lives as long as the program. `why` may be NULL. */
const struct cudnn *cudnn_load(const char **why);
const struct cublaslt *cublaslt_load(const char **why);

#endif
