/* Layer normalisation, row by row; sums are in double. */
#include <math.h>

#include "cpu/fast/fast.h"

#define IN(i) ((const float *)call->in[i].data)
#define OUT(i) ((float *)call->out[i].data)

/* Runs `body` for each row r of `size` elements. */
#define FOR_EACH_ROW(r, size)                                                                            \
    const int64_t size = view_count(&call->in[1]), all = view_count(&call->in[0]);                       \
    const int threads = call->device->threads;                                                           \
    _Pragma("omp parallel for schedule(static) num_threads(threads) if (all > FAST_SERIAL_HEAVY)") for ( \
        int64_t r = 0; r < all / size; r++)

static void run_layernorm(struct call *call) {
    const float *weight = IN(1), *bias = IN(2);
    const double eps = call->node->attr.norm.eps;
    FOR_EACH_ROW(r, size) {
        const float *x = IN(0) + r * size;
        float *y = OUT(0) + r * size;
        double sum = 0, square = 0;
#pragma omp simd reduction(+ : sum)
        for (int64_t k = 0; k < size; k++) sum += (double)x[k];
        const double mean = sum / (double)size;
#pragma omp simd reduction(+ : square)
        for (int64_t k = 0; k < size; k++) square += ((double)x[k] - mean) * ((double)x[k] - mean);
        const double invstd = 1 / sqrt(square / (double)size + eps);
        const float centre = (float)mean, factor = (float)invstd;
#pragma omp simd
        for (int64_t k = 0; k < size; k++) y[k] = (x[k] - centre) * factor * weight[k] + bias[k];
        OUT(1)[r] = centre;
        OUT(2)[r] = factor;
    }
}

/* dweight and dbias, so many columns at a time that their sums stay in the processor's first cache. */
static void sum_columns(struct call *call) {
    enum { COLUMNS = 256 };
    const int64_t size = view_count(&call->in[1]), all = view_count(&call->in[0]), rows = all / size;
    const float *x = IN(0), *mean = IN(2), *invstd = IN(3), *dy = IN(4);
#pragma omp parallel for schedule(static) num_threads(call->device->threads) if (all > FAST_SERIAL_HEAVY)
    for (int64_t first = 0; first < size; first += COLUMNS) {
        const int64_t count = size - first < COLUMNS ? size - first : COLUMNS;
        double dweight[COLUMNS] = {0}, dbias[COLUMNS] = {0};
        for (int64_t r = 0; r < rows; r++) {
            const int64_t at = r * size + first;
#pragma omp simd
            for (int64_t k = 0; k < count; k++) {
                dweight[k] += (double)(dy[at + k] * ((x[at + k] - mean[r]) * invstd[r]));
                dbias[k] += (double)dy[at + k];
            }
        }
        for (int64_t k = 0; k < count; k++) OUT(1)[first + k] = (float)dweight[k];
        for (int64_t k = 0; k < count; k++) OUT(2)[first + k] = (float)dbias[k];
    }
}

/* dx may lie where x or dy does, so the columns come first. */
static void run_layernorm_grad(struct call *call) {
    const float *weight = IN(1), *mean = IN(2), *invstd = IN(3);
    sum_columns(call);
    FOR_EACH_ROW(r, size) {
        const float *x = IN(0) + r * size, *dy = IN(4) + r * size;
        float *dx = OUT(0) + r * size;
        double sum = 0, dot = 0;
#pragma omp simd reduction(+ : sum, dot)
        for (int64_t k = 0; k < size; k++) {
            const float d = dy[k] * weight[k];
            sum += (double)d;
            dot += (double)(d * ((x[k] - mean[r]) * invstd[r]));
        }
        const float by_row = (float)(sum / (double)size), by_normal = (float)(dot / (double)size);
#pragma omp simd
        for (int64_t k = 0; k < size; k++)
            dx[k] = invstd[r] * (dy[k] * weight[k] - by_row - (x[k] - mean[r]) * invstd[r] * by_normal);
    }
}

FAST_PREPARE(layernorm, true)
FAST_PREPARE(layernorm_grad, true)
