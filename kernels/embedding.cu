/* Rows of a matrix chosen by labels, and their gradient.
 *
 *   embedding       y[i, :] = weight[labels[i], :]. A thread moves one unit of 16 bytes, or 4 where rows do not begin at
 *                   multiples of 16; consecutive threads consecutive units of y
 *   embedding_grad  dweight[c, :] = the sum of dy[i, :] over the i with labels[i] = c. A block makes `across` neighbouring
 *                   columns of one class: each of its `along` rows of threads goes over every along-th label and adds up
 *                   where it is c, in double; then the first row of threads adds up what the others have. The order of
 *                   additions depends on the labels alone */
#include "embedding.h"
#include "numeric.cuh"

constexpr int threads = 256, across = 32, along = threads / across;

template <class T>
__global__ void embedding(const T *weight, int64_t classes, divisor width, const int32_t *labels, T *y,
                          int64_t count, struct kernel_fault *fault) {
    for (int64_t i = blockIdx.x * int64_t{threads} + threadIdx.x; i < count;
         i += gridDim.x * int64_t{threads}) {
        const int64_t row = quotient(i, width), unit = i - row * width.value;
        int64_t label = labels[row];
        if (label < 0 || label >= classes) {
            if (unit == 0) report_fault(fault, KERNEL_FAULT_LABEL, label, classes);
            label = 0;
        }
        y[i] = weight[label * width.value + unit];
    }
}

__global__ void embedding_grad(const float *dy, int64_t n, int64_t width, const int32_t *labels,
                               float *dweight, int64_t classes, int64_t column_blocks,
                               struct kernel_fault *fault) {
    SHARED(double, held, [along][across]);
    const int64_t class_of = blockIdx.x / column_blocks;
    const int64_t column = (blockIdx.x - class_of * column_blocks) * across + threadIdx.x;
    double sum = 0;
    for (int64_t i = threadIdx.y; i < n; i += along) {
        const int label = labels[i];
        if (blockIdx.x == 0 && threadIdx.x == 0 && (label < 0 || label >= classes))
            report_fault(fault, KERNEL_FAULT_LABEL, label, classes);
        if (label == class_of && column < width) sum += dy[i * width + column];
    }
    held[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.y != 0 || column >= width) return;
    UNROLL
    for (int row = 1; row < along; row++) sum += held[row][threadIdx.x];
    dweight[class_of * width + column] = static_cast<float>(sum);
}

extern "C" kernel_status kernel_embedding(const float *weight, int64_t classes, int64_t width,
                                          const int32_t *labels, float *y, int64_t n,
                                          struct kernel_fault *fault, void *stream) {
    const bool vectors =
        width % 4 == 0 && (reinterpret_cast<uintptr_t>(weight) | reinterpret_cast<uintptr_t>(y)) % 16 == 0;
    const int64_t units = vectors ? width / 4 : width;
    const unsigned blocks = blocks_for(n * units, threads);
    if (vectors)
        LAUNCH((embedding<uint4>), blocks, threads, 0, stream, reinterpret_cast<const uint4 *>(weight),
               classes, divisor_of(units), labels, reinterpret_cast<uint4 *>(y), n * units, fault);
    else
        LAUNCH((embedding<float>), blocks, threads, 0, stream, weight, classes, divisor_of(units), labels, y,
               n * units, fault);
    return cudaGetLastError();
}

extern "C" kernel_status kernel_embedding_grad(const float *dy, int64_t n, int64_t width,
                                               const int32_t *labels, float *dweight, int64_t classes,
                                               struct kernel_fault *fault, void *stream) {
    const int64_t column_blocks = (width + across - 1) / across;
    LAUNCH(embedding_grad, static_cast<unsigned>(classes * column_blocks), dim3(across, along), 0, stream, dy,
           n, width, labels, dweight, classes, column_blocks, fault);
    return cudaGetLastError();
}
