/* CUDA's device language for the host compiler: stands in for the toolkit's header of the same name.
 *
 * A kernel is an ordinary function. Every CUDA thread runs it on a fiber of its own; the functions below that
 * wait for other threads switch fibers (block.cpp, warp.cpp). What has no *_sync form (__shfl, __activemask)
 * is left out on purpose, so that its use does not compile.
 */
#ifndef EMU_CUDA_RUNTIME_H
#define EMU_CUDA_RUNTIME_H

#ifndef __cplusplus
#error "the device language is C++; C includes cuda_runtime_api.h"
#endif

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cuda_runtime_api.h"
#include "vector_types.h"

#define __host__
#define __device__
#define __global__
#define __constant__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))
#define __grid_constant__

/* Constant as far as a thread can see: it never sees the value of another. To the runtime they are variables
 * (block.cpp). Being constants they stay out of the race checker's way. */
extern const uint3 threadIdx, blockIdx, blockDim, gridDim;
constexpr int warpSize = 32;

#include "emu_launch.h"
#include "emu_math.h"
#include "emu_sync.h"

/* The toolkit's C++ forms of host functions. */
template <class T> cudaError_t cudaMalloc(T **pointer, size_t size) {
    return cudaMalloc(reinterpret_cast<void **>(pointer), size);
}
template <class T> cudaError_t cudaMallocHost(T **pointer, size_t size) {
    return cudaMallocHost(reinterpret_cast<void **>(pointer), size);
}
template <class... P>
cudaError_t cudaFuncSetAttribute(void (*kernel)(P...), cudaFuncAttribute attribute, int value) {
    return cudaFuncSetAttribute(reinterpret_cast<const void *>(kernel), attribute, value);
}
template <class... P>
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, void (*kernel)(P...), int block_size,
                                                          size_t dynamic_shared) {
    return cudaOccupancyMaxActiveBlocksPerMultiprocessor(blocks, reinterpret_cast<const void *>(kernel),
                                                         block_size, dynamic_shared);
}

#endif
