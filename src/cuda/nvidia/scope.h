/* Descriptors of cuDNN's backend interface that live together. */
#ifndef CUPEL_CUDA_NVIDIA_SCOPE_H
#define CUPEL_CUDA_NVIDIA_SCOPE_H

#include "cuda/nvidia/graph.h"

/* Once something has failed, nothing more is done: `status` is that of the first failure. */
enum { SCOPE_MOST = 64 };
struct cudnn_scope {
    const struct cudnn *library;
    cudnnStatus_t status;
    int count;
    cudnnBackendDescriptor_t held[SCOPE_MOST];
};

/* Destroys what the scope holds, the last made first. */
void scope_end(struct cudnn_scope *scope);

/* A new descriptor, held by the scope; NULL on failure. */
cudnnBackendDescriptor_t scope_add(struct cudnn_scope *scope, cudnnBackendDescriptorType_t type);
void scope_set(struct cudnn_scope *scope, cudnnBackendDescriptor_t of, cudnnBackendAttributeName_t name,
               cudnnBackendAttributeType_t type, int64_t count, const void *values);
void scope_finish(struct cudnn_scope *scope, cudnnBackendDescriptor_t descriptor);

/* The graph of a convolution, with its last steps. */
cudnnBackendDescriptor_t scope_add_conv(struct cudnn_scope *scope, const struct cudnn_target *target,
                                        const struct cudnn_conv *conv);

#endif
