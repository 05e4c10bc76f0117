/* What kernels share for numbers (numeric.cuh), where the case table has no tensors so large. */
#include "kernels.h"
#include "numeric.cuh"

__global__ void quotients(int64_t *results, const int64_t *numbers, int n, divisor by) {
    const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    if (i < n) results[i] = quotient(numbers[i], by);
}

int launch_quotients(int64_t *results, const int64_t *numbers, int n, int64_t by, void *stream) {
    LAUNCH(quotients, (n + 31) / 32, 32, 0, stream, results, numbers, n, divisor_of(by));
    return cudaGetLastError();
}
