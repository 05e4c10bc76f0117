/* Reference kernels: layer normalisation, over rows of as many elements as the weight has. */
#include "cpu/kernel.h"

KERNEL(layernorm) {
    const int64_t size = view_count(&call->in[1]), rows = view_count(&call->in[0]) / size;
    const double eps = call->node->attr.norm.eps;
    for (int64_t r = 0; r < rows; r++) {
        const real *x = IN(0) + r * size;
        double mean = 0, square = 0;
        for (int64_t k = 0; k < size; k++) mean += (double)x[k];
        mean /= (double)size;
        for (int64_t k = 0; k < size; k++) square += ((double)x[k] - mean) * ((double)x[k] - mean);
        const double invstd = 1 / sqrt(square / (double)size + eps);
        real *y = OUT(0) + r * size;
        for (int64_t k = 0; k < size; k++)
            y[k] = (real)(((double)x[k] - mean) * invstd * (double)IN(1)[k] + (double)IN(2)[k]);
        OUT(1)[r] = (real)mean;
        OUT(2)[r] = (real)invstd;
    }
}

/* z = (x - mean) invstd of element k of row r. */
static double normal(const struct call *call, int64_t r, int64_t size, int64_t k) {
    return ((double)IN(0)[r * size + k] - (double)IN(2)[r]) * (double)IN(3)[r];
}

KERNEL(layernorm_grad) {
    const int64_t size = view_count(&call->in[1]), rows = view_count(&call->in[0]) / size;
    for (int64_t k = 0; k < size; k++) {
        double dweight = 0, dbias = 0;
        for (int64_t r = 0; r < rows; r++) {
            const double dy = (double)IN(4)[r * size + k];
            dweight += dy * normal(call, r, size, k);
            dbias += dy;
        }
        OUT(1)[k] = (real)dweight;
        OUT(2)[k] = (real)dbias;
    }
    for (int64_t r = 0; r < rows; r++) {
        double sum = 0, dot = 0;
        for (int64_t k = 0; k < size; k++) {
            const double d = (double)IN(4)[r * size + k] * (double)IN(1)[k];
            sum += d;
            dot += d * normal(call, r, size, k);
        }
        for (int64_t k = 0; k < size; k++) {
            const double d = (double)IN(4)[r * size + k] * (double)IN(1)[k];
            const double mean = (sum + normal(call, r, size, k) * dot) / (double)size;
            OUT(0)[r * size + k] = (real)((double)IN(3)[r] * (d - mean));
        }
    }
}
