/* What the kernels of convolutions share.
 *
 * Places and image are made by one scheme: a result row is made of source rows, at a distance that depends on the window's
 * element alone. For places, result row q reads row q stride - pad + k dilation of the image. For the image, row
 * r = q stride + phase is reached by elements k that leave (phase + pad - k dilation) divisible by stride, from place
 * q + (phase + pad - k dilation) / stride: for each of stride phases it is a convolution of stride 1 with some of the
 * window. */
#ifndef CUPEL_CONV_CUH
#define CUPEL_CONV_CUH

#include "conv_kernels.h"
#include "numeric.cuh"

/* The elements first + i step of a window, i < count. Result row q reads with it source row q scale + from + i by. */
struct conv_taps {
    int first, step, count, from, by, scale;
};

template <bool image> __device__ __forceinline__ conv_taps taps_of(const kernel_conv_axis &axis, int phase) {
    if (!image) return {0, 1, axis.window, -axis.pad, axis.dilation, axis.stride};
    const int at = phase + axis.pad, first = at / axis.common % axis.step * axis.inverse % axis.step;
    if (at % axis.common != 0 || first >= axis.window) return {0, 1, 0, 0, 0, 1};
    return {first,
            axis.step,
            (axis.window - first - 1) / axis.step + 1,
            (at - first * axis.dilation) / axis.stride,
            -axis.step * axis.dilation / axis.stride,
            1};
}

/* Which side is read, which is made. */
template <bool image> struct conv_sides {
    const kernel_conv &conv;
    __host__ __device__ __forceinline__ int phases(int axis) const {
        return image ? conv.axis[axis].phases : 1;
    }
    /* Result rows of a phase; the last phases may have one fewer. */
    __host__ __device__ __forceinline__ int rows(int axis) const {
        const kernel_conv_axis &a = conv.axis[axis];
        return image ? (a.image + a.stride - 1) / a.stride : a.places;
    }
    __host__ __device__ __forceinline__ int result_size(int axis) const {
        return image ? conv.axis[axis].image : conv.axis[axis].places;
    }
    __host__ __device__ __forceinline__ int source_size(int axis) const {
        return image ? conv.axis[axis].places : conv.axis[axis].image;
    }
    __host__ __device__ __forceinline__ const int64_t *result_stride() const {
        return image ? conv.x_stride : conv.y_stride;
    }
    __host__ __device__ __forceinline__ const int64_t *source_stride() const {
        return image ? conv.y_stride : conv.x_stride;
    }
    /* Channels of a group. */
    __host__ __device__ __forceinline__ int results() const {
        return image ? conv.channels : conv.outputs;
    }
    __host__ __device__ __forceinline__ int sources() const {
        return image ? conv.outputs : conv.channels;
    }
};

/* Quotient and remainder; almost always both fit 32 bits, where division is quick. */
struct division {
    int64_t quotient;
    int remainder;
};
__device__ __forceinline__ division divide(int64_t a, int by) {
    if (a >> 32 == 0) {
        const unsigned q = static_cast<unsigned>(a) / static_cast<unsigned>(by);
        return {q, static_cast<int>(static_cast<unsigned>(a) - q * static_cast<unsigned>(by))};
    }
    return {a / by, static_cast<int>(a % by)};
}

/* Calls BODY with T, the type of the inputs, and Y, that of the result. */
#define WITH_CONV_TYPES(conv, T, Y, ...)               \
    WITH_TYPE((conv)->type, T,                         \
              if ((conv)->result_type == KERNEL_F32) { \
                  using Y = float;                     \
                  __VA_ARGS__;                         \
              } else {                                 \
                  using Y = T;                         \
                  __VA_ARGS__;                         \
              })

#endif
