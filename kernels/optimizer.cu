/* Optimizers, and the clipping of gradients, over flat ranges of floats.
 *
 *   sgd           p -= rate g
 *   sgd_momentum  v = momentum v + g;  p -= rate v, or with Nesterov's momentum rate (g + momentum v)
 *   adam          m += (1 - beta1) (g - m);  v = beta2 v + (1 - beta2) g^2
 *                 p -= rate / (1 - beta1^t) m / (sqrt(v / (1 - beta2^t)) + eps), t counting from 1
 *   rmsprop       v = alpha v + (1 - alpha) g^2;  p -= rate g / (sqrt(v) + eps)
 *   adagrad       v += g^2;  p -= rate g / (sqrt(v) + eps)
 *
 * with g, the gradient, plus weight decay times p. Each is one launch: a thread takes 4 neighbours in vectors of 16
 * bytes, the last thread what is left over, one by one. What is the same for all elements is worked out by every
 * thread from the rate and the step in device memory, which costs less than a launch. All in float, in the order of
 * operations of torch.optim.
 *
 *   clip_norm     y = min(1, limit / (|x| + 1e-6)) x
 *
 * is two launches: every block sums squares in double, and then every block adds up all blocks' sums, in one order, and
 * scales its share. All results are the same in every run. */
#include "numeric.cuh"
#include "optimizer.h"

constexpr int threads = 256, width = 4;

/* The gradient with the weight decay's, which is left out when there is none: 0 times infinity is no number. */
__device__ __forceinline__ float penalised(float gradient, float parameter, float decay) {
    return decay != 0 ? gradient + decay * parameter : gradient;
}

/* A rule says how many moments it keeps, what it makes of the rate and the step, and how one element changes. */
struct sgd_rule {
    static constexpr int moments = 0;
    float decay, rate;
    __device__ __forceinline__ void start(float rate_now, const int64_t *) {
        rate = rate_now;
    }
    __device__ __forceinline__ void change(float &p, float &, float &, float gradient) const {
        p -= rate * penalised(gradient, p, decay);
    }
};

struct sgd_momentum_rule {
    static constexpr int moments = 1;
    float momentum, decay;
    bool nesterov;
    float rate;
    __device__ __forceinline__ void start(float rate_now, const int64_t *) {
        rate = rate_now;
    }
    __device__ __forceinline__ void change(float &p, float &v, float &, float gradient) const {
        const float g = penalised(gradient, p, decay);
        v = momentum * v + g;
        p -= rate * (nesterov ? g + momentum * v : v);
    }
};

struct adam_rule {
    static constexpr int moments = 2;
    double log_beta1, log_beta2;
    float keep1, beta2, keep2, eps, penalty, shrinkage; /* keep: 1 - beta */
    float size, correction, shrink;
    /* 1 - beta^t */
    static __device__ __forceinline__ float gathered(double log_beta, double t) {
        return -expm1f(static_cast<float>(log_beta * t));
    }
    __device__ __forceinline__ void start(float rate, const int64_t *step) {
        const double t = static_cast<double>(*step + 1);
        size = rate / gathered(log_beta1, t);
        correction = sqrtf(gathered(log_beta2, t));
        shrink = 1 - rate * shrinkage;
    }
    __device__ __forceinline__ void change(float &p, float &m, float &v, float gradient) const {
        p *= shrink;
        const float g = penalised(gradient, p, penalty);
        m += keep1 * (g - m);
        v = v * beta2 + keep2 * g * g;
        p -= size * m / (sqrtf(v) / correction + eps);
    }
};

struct rmsprop_rule {
    static constexpr int moments = 1;
    float alpha, keep, eps, decay; /* keep: 1 - alpha */
    float rate;
    __device__ __forceinline__ void start(float rate_now, const int64_t *) {
        rate = rate_now;
    }
    __device__ __forceinline__ void change(float &p, float &v, float &, float gradient) const {
        const float g = penalised(gradient, p, decay);
        v = v * alpha + keep * g * g;
        p -= rate * g / (sqrtf(v) + eps);
    }
};

struct adagrad_rule {
    static constexpr int moments = 1;
    float eps, decay, rate;
    __device__ __forceinline__ void start(float rate_now, const int64_t *) {
        rate = rate_now;
    }
    __device__ __forceinline__ void change(float &p, float &v, float &, float gradient) const {
        const float g = penalised(gradient, p, decay);
        v += g * g;
        p -= rate * g / (sqrtf(v) + eps);
    }
};

/* Moments that the rule does not keep are not touched. */
template <class Rule>
__global__ void optimise(Rule rule, float *parameter, float *moment1, float *moment2, const float *gradient,
                         const float *rate, const int64_t *step, const float *go, int64_t n) {
    if (go && *go == 0) return;
    const int64_t i = (blockIdx.x * int64_t{threads} + threadIdx.x) * width;
    rule.start(*rate, step);
    if (i + width <= n) {
        float p[width], m[width] = {}, v[width] = {}, g[width];
        load_floats(parameter + i, p);
        if (Rule::moments > 0) load_floats(moment1 + i, m);
        if (Rule::moments > 1) load_floats(moment2 + i, v);
        load_floats(gradient + i, g);
        UNROLL
        for (int k = 0; k < width; k++) rule.change(p[k], m[k], v[k], g[k]);
        store_floats(parameter + i, p);
        if (Rule::moments > 0) store_floats(moment1 + i, m);
        if (Rule::moments > 1) store_floats(moment2 + i, v);
    } else {
        for (int64_t k = i; k < n; k++) {
            float p = parameter[k], m = Rule::moments > 0 ? moment1[k] : 0,
                  v = Rule::moments > 1 ? moment2[k] : 0;
            rule.change(p, m, v, gradient[k]);
            parameter[k] = p;
            if (Rule::moments > 0) moment1[k] = m;
            if (Rule::moments > 1) moment2[k] = v;
        }
    }
}

template <class Rule>
static kernel_status launch(const Rule &rule, float *parameter, float *moment1, float *moment2,
                            const float *gradient, const float *rate, const int64_t *step, const float *go,
                            int64_t n, void *stream) {
    LAUNCH((optimise<Rule>), blocks_for((n + width - 1) / width, threads, INT32_MAX), threads, 0, stream,
           rule, parameter, moment1, moment2, gradient, rate, step, go, n);
    return cudaGetLastError();
}

extern "C" kernel_status kernel_sgd(float *parameter, const float *gradient, const float *rate,
                                    const float *go, int64_t n, float weight_decay, void *stream) {
    sgd_rule rule{};
    rule.decay = weight_decay;
    return launch(rule, parameter, nullptr, nullptr, gradient, rate, nullptr, go, n, stream);
}

extern "C" kernel_status kernel_sgd_momentum(float *parameter, float *velocity, const float *gradient,
                                             const float *rate, const float *go, int64_t n, float momentum,
                                             float weight_decay, bool nesterov, void *stream) {
    sgd_momentum_rule rule{};
    rule.momentum = momentum;
    rule.decay = weight_decay;
    rule.nesterov = nesterov;
    return launch(rule, parameter, velocity, nullptr, gradient, rate, nullptr, go, n, stream);
}

extern "C" kernel_status kernel_adam(float *parameter, float *moment1, float *moment2, const float *gradient,
                                     const float *rate, const int64_t *step, const float *go, int64_t n,
                                     const struct kernel_adam_options *adam, void *stream) {
    adam_rule rule{};
    rule.log_beta1 = log(adam->beta1);
    rule.log_beta2 = log(adam->beta2);
    rule.keep1 = static_cast<float>(1 - adam->beta1);
    rule.beta2 = static_cast<float>(adam->beta2);
    rule.keep2 = static_cast<float>(1 - adam->beta2);
    rule.eps = static_cast<float>(adam->eps);
    const auto decay = static_cast<float>(adam->weight_decay);
    rule.penalty = adam->decoupled ? 0 : decay;
    rule.shrinkage = adam->decoupled ? decay : 0;
    return launch(rule, parameter, moment1, moment2, gradient, rate, step, go, n, stream);
}

extern "C" kernel_status kernel_rmsprop(float *parameter, float *square, const float *gradient,
                                        const float *rate, const float *go, int64_t n, double alpha,
                                        float eps, float weight_decay, void *stream) {
    rmsprop_rule rule{};
    rule.alpha = static_cast<float>(alpha);
    rule.keep = static_cast<float>(1 - alpha);
    rule.eps = eps;
    rule.decay = weight_decay;
    return launch(rule, parameter, square, nullptr, gradient, rate, nullptr, go, n, stream);
}

extern "C" kernel_status kernel_adagrad(float *parameter, float *square, const float *gradient,
                                        const float *rate, const float *go, int64_t n, float eps,
                                        float weight_decay, void *stream) {
    adagrad_rule rule{};
    rule.eps = eps;
    rule.decay = weight_decay;
    return launch(rule, parameter, square, nullptr, gradient, rate, nullptr, go, n, stream);
}

/* ---- clipping ---- */

constexpr int clip_threads = 512;

/* No more than can run at once, and than one block has threads to add up. */
extern "C" int kernel_clip_norm_blocks(int64_t n, int multiprocessors) {
    const int64_t most = 4 * multiprocessors;
    return static_cast<int>(
        blocks_for((n + width - 1) / width, clip_threads, most < clip_threads ? most : clip_threads));
}

/* The sum over the block, for every thread. Once in a kernel: the shared memory is not free again. */
__device__ __forceinline__ double block_sum(double x) {
    SHARED(double, sums, [clip_threads / 32]);
    UNROLL
    for (int lane = 16; lane > 0; lane /= 2) x += __shfl_xor_sync(0xffffffffu, x, lane);
    if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = x;
    __syncthreads();
    x = 0;
    UNROLL
    for (int warp = 0; warp < clip_threads / 32; warp++) x += sums[warp];
    return x;
}

__global__ void sum_squares(const float *x, double *partial, int64_t n) {
    double sum = 0;
    for (int64_t i = (blockIdx.x * int64_t{clip_threads} + threadIdx.x) * width; i < n;
         i += gridDim.x * int64_t{clip_threads} * width) {
        float numbers[width] = {};
        if (i + width <= n)
            load_floats(x + i, numbers);
        else
            for (int k = 0; k < width; k++) numbers[k] = i + k < n ? x[i + k] : 0;
        UNROLL
        for (int k = 0; k < width; k++)
            sum += static_cast<double>(numbers[k]) * static_cast<double>(numbers[k]);
    }
    sum = block_sum(sum);
    if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

/* Of as many blocks as there are partial sums. */
__global__ void clip(const float *x, float *y, const double *partial, int64_t n, double limit) {
    const double sum = block_sum(threadIdx.x < gridDim.x ? partial[threadIdx.x] : 0);
    const double wanted = limit / (sqrt(sum) + 1e-6);
    const bool shorter = wanted < 1;
    if (!shorter && x == y) return;
    const float factor = shorter ? static_cast<float>(wanted) : 1;
    for (int64_t i = (blockIdx.x * int64_t{clip_threads} + threadIdx.x) * width; i < n;
         i += gridDim.x * int64_t{clip_threads} * width) {
        if (i + width <= n) {
            float numbers[width];
            load_floats(x + i, numbers);
            UNROLL
            for (int k = 0; k < width; k++) numbers[k] *= factor;
            store_floats(y + i, numbers);
        } else {
            for (int64_t k = i; k < n; k++) y[k] = x[k] * factor;
        }
    }
}

extern "C" kernel_status kernel_clip_norm(const float *x, float *y, int64_t n, double limit, double *partial,
                                          int blocks, void *stream) {
    LAUNCH(sum_squares, blocks, clip_threads, 0, stream, x, partial, n);
    LAUNCH(clip, blocks, clip_threads, 0, stream, x, y, partial, n, limit);
    return cudaGetLastError();
}
