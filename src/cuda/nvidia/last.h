/* The last steps of a product where a library leaves them out. */
#ifndef CUPEL_CUDA_NVIDIA_LAST_H
#define CUPEL_CUDA_NVIDIA_LAST_H

#include "cuda/cuda.h"

/* Adds the call's bias, if it has one, to its output, whose dimension 1 are the channels, and applies its activation. */
void nvidia_last_steps(struct call *call);

#endif
