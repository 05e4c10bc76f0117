/* NVIDIA's libraries, cuDNN and cuBLASLt: what the rest of the backend knows of them. They are found at run time, and
 * everything works without them. A build without their headers, and emu, have none (CUPEL_NVIDIA is not defined). */
#ifndef CUPEL_CUDA_NVIDIA_H
#define CUPEL_CUDA_NVIDIA_H

#include <stdio.h>

#include "cuda/cuda.h"
#include "cuda/tune.h"

/* What a device holds of them. */
struct nvidia;

#ifdef CUPEL_NVIDIA
/* Who serves convolutions and matrix products on the call's device; NULL when the library is not there. */
const struct tune_source *nvidia_conv(const struct call *call);
const struct tune_source *nvidia_matmul(const struct call *call);

/* Gives back what a device holds. NULL is allowed. */
void nvidia_close(struct nvidia *nvidia);

/* The versions found, for a file's name: "-cudnn9.19.0-cublaslt13.1.0". */
void nvidia_versions(char *text, size_t size);

/* A line for each library: its version, or why there is none and what serves instead. */
void nvidia_describe(char *text, size_t size);
#else
static inline const struct tune_source *nvidia_conv(const struct call *call) {
    (void)call;
    return NULL;
}
static inline const struct tune_source *nvidia_matmul(const struct call *call) {
    (void)call;
    return NULL;
}
static inline void nvidia_close(struct nvidia *nvidia) {
    (void)nvidia;
}
static inline void nvidia_versions(char *text, size_t size) {
    snprintf(text, size, "%s", "");
}
static inline void nvidia_describe(char *text, size_t size) {
    snprintf(text, size, "%s", "");
}
#endif

#endif
