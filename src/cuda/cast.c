/* Conversion between types. */
#include "cast.h"

#include "cuda/cuda.h"

CUDA_KERNEL(cast, kernel_cast(call->in[0].data, cuda_type(&call->in[0]), call->out[0].data,
                              cuda_type(&call->out[0]), view_count(&call->in[0]), cuda_stream(call)))
