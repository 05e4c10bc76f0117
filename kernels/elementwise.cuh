/* The formulas of elementwise.def as device functions. */
#ifndef CUPEL_KERNEL_ELEMENTWISE_CUH
#define CUPEL_KERNEL_ELEMENTWISE_CUH

#include "elementwise.h"
#include "numeric.cuh"

/* The normal distribution function, without losing digits far below zero, and its density. */
__device__ __forceinline__ float normal_below(float x) {
    return 0.5f * erfcf(-0.70710678f * x);
}
__device__ __forceinline__ float normal_density(float x) {
    return 0.39894228f * expf(-0.5f * x * x);
}

enum storage { FLOAT, ANY };

/* NAME_formula: how many inputs the formula takes, what they may be stored as, and its value. */
#define ELEMENTWISE(name, inputs_, storage_, expression)                                    \
    struct name##_formula {                                                                 \
        static constexpr int inputs = inputs_;                                              \
        static constexpr storage storage_types = storage_;                                  \
        static __device__ __forceinline__ float value(float a, float b, float p, float q) { \
            (void)b, (void)p, (void)q;                                                      \
            return static_cast<float>(expression);                                          \
        }                                                                                   \
    };
#define UPDATE ELEMENTWISE
#include "elementwise.def"
#undef ELEMENTWISE

#endif
