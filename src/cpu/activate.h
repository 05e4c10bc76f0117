/* The activation that a linear or convolution node may end in. */
#ifndef CUPEL_CPU_ACTIVATE_H
#define CUPEL_CPU_ACTIVATE_H

#include "cpu/kernel.h"

static inline double activate(int activation, double slope, double x) {
    switch ((enum activation)activation) {
    case ACTIVATION_RELU:
        return x < 0 ? 0 : x; /* a NaN stays one */
    case ACTIVATION_LEAKY_RELU:
        return x > 0 ? x : slope * x;
    case ACTIVATION_SIGMOID:
        return 1 / (1 + exp(-x));
    case ACTIVATION_TANH:
        return tanh(x);
    case ACTIVATION_NONE:
        break;
    }
    return x;
}

#endif
