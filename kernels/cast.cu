/* y = x in another type. One thread converts `width` numbers by vector accesses, the last thread what is left over. */
#include "cast.h"
#include "numeric.cuh"

constexpr int threads = 256, width = 8;

template <class X, class Y> __global__ void cast(const X *x, Y *y, int64_t n) {
    for (int64_t i = (blockIdx.x * int64_t{threads} + threadIdx.x) * width; i < n;
         i += gridDim.x * int64_t{threads} * width) {
        if (i + width <= n) {
            float numbers[width];
            load_floats(x + i, numbers);
            store_floats(y + i, numbers);
        } else {
            for (int64_t k = i; k < n; k++) y[k] = from_float<Y>(to_float(x[k]));
        }
    }
}

extern "C" kernel_status kernel_cast(const void *x, enum kernel_type x_type, void *y, enum kernel_type y_type,
                                     int64_t n, void *stream) {
    const unsigned blocks = blocks_for((n + width - 1) / width, threads);
    WITH_TYPE(x_type, X,
              WITH_TYPE(y_type, Y,
                        LAUNCH((cast<X, Y>), blocks, threads, 0, stream, static_cast<const X *>(x),
                               static_cast<Y *>(y), n)));
    return cudaGetLastError();
}
