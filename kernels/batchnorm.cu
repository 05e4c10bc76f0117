/* Batch normalisation of [outer, channels, inner], per channel over the other two:
 *
 *     y = activation((x - mean) invstd weight + bias)
 *
 * and, with d = dy where (x - mean) invstd weight + bias > 0 and dy times `below` elsewhere, z = (x - mean) invstd and
 * M = outer inner,
 *
 *     dbias = sum d,  dweight = sum d z,  dx = weight invstd (d - dbias / M - z dweight / M)
 *
 * Each direction has three kernels: one that makes sums over splits of the channels (field.cuh says how blocks and threads
 * lie over the tensor), one that puts the splits together, a warp for each channel, and one that applies the result to
 * each element. So x, and dy, are read twice and the result is written once. That the activation cut an element off is
 * found out again from x, bit by bit as it was before, rather than read from y.
 *
 * Variances: a thread takes some elements into registers, finds their mean and then their squared distances from it, and
 * merges that with what it has (Chan, Golub and LeVeque 1983), as do lanes and splits later on. No sum gets large against
 * what it is used for, wherever the mean is. All accumulate in f32 but for the merging of splits, in f64. Orders are
 * fixed, so the bits are always the same. */
#include "batchnorm.h"
#include "field.cuh"

/* ---- statistics ---- */

/* Count, mean and sum of squared distances from it of K channels' elements. */
template <int K> struct moments {
    float count, mean[K], square[K];

    __device__ __forceinline__ moments() : count(0) {
        UNROLL
        for (int k = 0; k < K; k++) mean[k] = square[k] = 0;
    }
    /* `part`: what share of all the others are. */
    __device__ __forceinline__ void merge(int k, float other_mean, float other_square, float part) {
        const float apart = other_mean - mean[k];
        mean[k] += apart * part;
        square[k] += other_square + apart * apart * count * part;
    }
    /* N units of V elements, which belong to the K channels in turn. */
    template <int N, int V> __device__ __forceinline__ void take(const float (&x)[N][V]) {
        constexpr float n = N * V / K;
        const float part = n / (count + n);
        UNROLL
        for (int k = 0; k < K; k++) {
            float sum = 0, other_square = 0;
            UNROLL
            for (int i = k; i < N * V; i += K) sum += x[i / V][i % V];
            const float other_mean = sum * (1 / n);
            UNROLL
            for (int i = k; i < N * V; i += K) {
                const float apart = x[i / V][i % V] - other_mean;
                other_square += apart * apart;
            }
            merge(k, other_mean, other_square, part);
        }
        count += n;
    }
};

/* Merges the lanes' moments; lane 0 has the result. */
template <int K> __device__ __forceinline__ void merge_moments(const field &f, int lane, moments<K> &own) {
    SHARED(float, means, [K][field_threads]);
    SHARED(float, squares, [K][field_threads]);
    SHARED(float, counts, [field_threads]);
    const auto put = [&] {
        counts[threadIdx.x] = own.count;
        UNROLL
        for (int k = 0; k < K; k++) {
            means[k][threadIdx.x] = own.mean[k];
            squares[k][threadIdx.x] = own.square[k];
        }
    };
    put();
    merge_lanes(f, lane, [&](int other) {
        const float count = own.count + counts[other];
        if (counts[other] == 0) return;
        UNROLL
        for (int k = 0; k < K; k++) own.merge(k, means[k][other], squares[k][other], counts[other] / count);
        own.count = count;
        put();
    });
}

/* partial[channel][split] = mean and sum of squared distances */
template <class T, int V, int K>
__global__ void __launch_bounds__(field_threads) batchnorm_moments(const T *x, field f, float2 *partial) {
    position<V, K> at(f);
    moments<K> own;
    while (at.left >= field_depth<V>) {
        float units[field_depth<V>][V];
        UNROLL
        for (int d = 0; d < field_depth<V>; d++) {
            load_floats(x + at.offset, units[d]);
            at.advance(f);
        }
        own.take(units);
    }
    while (at.left > 0) {
        float unit[1][V];
        load_floats(x + at.offset, unit[0]);
        at.advance(f);
        own.take(unit);
    }
    merge_moments(f, at.lane, own);
    if (!at.speaks(f)) return;
    UNROLL
    for (int k = 0; k < K; k++)
        partial[(at.channel() + k) * f.splits + at.split] = float2{own.mean[k], own.square[k]};
}

/* Puts the splits of each channel together: `size` elements, `share` in each split but the last. */
__global__ void __launch_bounds__(field_threads)
    batchnorm_finish(const float2 *partial, int splits, int64_t channels, double size, double share,
                     double momentum, double eps, const float *running_mean, const float *running_var,
                     float *mean, float *invstd, float *new_mean, float *new_var) {
    const int64_t c = (blockIdx.x * int64_t{field_threads} + threadIdx.x) / 32;
    const int lane = threadIdx.x % 32;
    if (c >= channels) return; /* the whole warp */
    const double pivot = partial[c * splits].x;
    double sum = 0, square = 0;
    for (int s = lane; s < splits; s += 32) {
        const float2 part = partial[c * splits + s];
        const double count = s + 1 < splits ? share : size - share * (splits - 1), apart = part.x - pivot;
        sum += count * apart;
        square += count * apart * apart + part.y;
    }
    sum = warp_sum(sum);
    square = warp_sum(square);
    if (lane > 0) return;
    const double centre = pivot + sum / size, variance = fmax(square - sum * sum / size, 0.0);
    mean[c] = static_cast<float>(centre);
    invstd[c] = static_cast<float>(1 / sqrt(variance / size + eps));
    new_mean[c] = static_cast<float>((1 - momentum) * running_mean[c] + momentum * centre);
    new_var[c] = static_cast<float>((1 - momentum) * running_var[c] + momentum * variance / (size - 1));
}

/* ---- each element ---- */

/* The normalised number before the activation: where backward asks for its sign, it must be what forward made. */
__device__ __forceinline__ float normalise(float x, float mean, float slope, float bias) {
    return fmaf(x - mean, slope, bias);
}

/* slope = weight invstd, or weight / sqrt(var + eps) */
template <class T, int V, int K>
__global__ void __launch_bounds__(field_threads)
    batchnorm_apply(const T *x, field f, const float *mean, const float *invstd, const float *var, float eps,
                    const float *weight, const float *bias, float below, T *y) {
    position<V, K> at(f);
    if (at.left <= 0) return;
    float centre[K], slope[K], shift[K];
    UNROLL
    for (int k = 0; k < K; k++) {
        const int64_t c = at.channel() + k;
        centre[k] = mean[c];
        slope[k] = weight[c] * (invstd ? invstd[c] : 1 / sqrtf(var[c] + eps));
        shift[k] = bias[c];
    }
    while (at.left > 0) {
        constexpr int depth = 4;
        float units[depth][V];
        int64_t offset[depth];
        UNROLL
        for (int d = 0; d < depth; d++) {
            offset[d] = at.left > 0 ? at.offset : -1;
            if (offset[d] >= 0) load_floats(x + offset[d], units[d]);
            at.advance(f);
        }
        UNROLL
        for (int d = 0; d < depth; d++) {
            UNROLL
            for (int i = 0; i < V; i++) {
                const float number = normalise(units[d][i], centre[i % K], slope[i % K], shift[i % K]);
                units[d][i] = number < 0 ? (below == 0 ? 0 : below * number) : number;
            }
            if (offset[d] >= 0) store_floats(y + offset[d], units[d]);
        }
    }
}

/* ---- gradients ---- */

/* What backward knows of K channels, and the gradient in front of the activation. */
template <int K> struct back {
    float mean[K], slope[K], bias[K], below;

    __device__ __forceinline__ back(int64_t channel, const float *weights, const float *means,
                                    const float *invstds, const float *biases, float times)
        : below(times) {
        UNROLL
        for (int k = 0; k < K; k++) {
            mean[k] = means[channel + k];
            slope[k] = weights[channel + k] * invstds[channel + k];
            bias[k] = times == 1 ? 0 : biases[channel + k];
        }
    }
    __device__ __forceinline__ float before(int k, float x, float dy) const {
        return below != 1 && normalise(x, mean[k], slope[k], bias[k]) <= 0 ? (below == 0 ? 0 : below * dy)
                                                                           : dy;
    }
};

/* partial[channel][split] = sum d and sum d (x - mean) */
template <class T, int V, int K>
__global__ void __launch_bounds__(field_threads)
    batchnorm_grad_sums(const T *x, const T *dy, field f, const float *weight, const float *mean,
                        const float *invstd, const float *bias, float below, float2 *partial) {
    position<V, K> at(f);
    float sum[K] = {}, dot[K] = {};
    if (at.left > 0) {
        const back<K> back(at.channel(), weight, mean, invstd, bias, below);
        while (at.left > 0) {
            constexpr int depth = field_depth<V> / 2;
            float a[depth][V], b[depth][V];
            UNROLL
            for (int d = 0; d < depth; d++) {
                UNROLL
                for (int i = 0; i < V; i++) a[d][i] = b[d][i] = 0;
                if (at.left > 0) {
                    load_floats(x + at.offset, a[d]);
                    load_floats(dy + at.offset, b[d]);
                }
                at.advance(f);
            }
            UNROLL
            for (int k = 0; k < K; k++) {
                float some = 0, some_dot = 0;
                UNROLL
                for (int i = k; i < depth * V; i += K) {
                    const float number = back.before(k, a[i / V][i % V], b[i / V][i % V]);
                    some += number;
                    some_dot += number * (a[i / V][i % V] - back.mean[k]);
                }
                sum[k] += some;
                dot[k] += some_dot;
            }
        }
    }
    sum_lanes(f, at.lane, sum, dot);
    if (!at.speaks(f)) return;
    UNROLL
    for (int k = 0; k < K; k++) partial[(at.channel() + k) * f.splits + at.split] = float2{sum[k], dot[k]};
}

/* Puts the splits of each channel together. dx = slope d + of_x (x - mean) + shift; factors[channel] = of_x and shift. */
__global__ void __launch_bounds__(field_threads)
    batchnorm_grad_finish(const float2 *partial, int splits, int64_t channels, double size,
                          const float *weight, const float *invstd, float *dweight, float *dbias,
                          float2 *factors) {
    const int64_t c = (blockIdx.x * int64_t{field_threads} + threadIdx.x) / 32;
    const int lane = threadIdx.x % 32;
    if (c >= channels) return; /* the whole warp */
    double sum, dot;
    sum_splits(partial, splits, c, lane, sum, dot);
    dot *= invstd[c];
    if (lane > 0) return;
    dweight[c] = static_cast<float>(dot);
    dbias[c] = static_cast<float>(sum);
    const double slope = static_cast<double>(weight[c]) * invstd[c] / size;
    factors[c] = float2{static_cast<float>(-slope * dot * invstd[c]), static_cast<float>(-slope * sum)};
}

template <class T, int V, int K>
__global__ void __launch_bounds__(field_threads)
    batchnorm_grad_apply(const T *x, const T *dy, field f, const float *weight, const float *mean,
                         const float *invstd, const float *bias, float below, const float2 *factors, T *dx) {
    position<V, K> at(f);
    if (at.left <= 0) return;
    const back<K> back(at.channel(), weight, mean, invstd, bias, below);
    float of_x[K], shift[K];
    UNROLL
    for (int k = 0; k < K; k++) {
        of_x[k] = factors[at.channel() + k].x;
        shift[k] = factors[at.channel() + k].y;
    }
    while (at.left > 0) {
        constexpr int depth = 2;
        float a[depth][V], b[depth][V];
        int64_t offset[depth];
        UNROLL
        for (int d = 0; d < depth; d++) {
            offset[d] = at.left > 0 ? at.offset : -1;
            if (offset[d] >= 0) {
                load_floats(x + offset[d], a[d]);
                load_floats(dy + offset[d], b[d]);
            }
            at.advance(f);
        }
        UNROLL
        for (int d = 0; d < depth; d++) {
            if (offset[d] < 0) continue;
            UNROLL
            for (int i = 0; i < V; i++) {
                const int k = i % K;
                const float number = back.before(k, a[d][i], b[d][i]);
                a[d][i] = fmaf(back.slope[k], number, fmaf(a[d][i] - back.mean[k], of_x[k], shift[k]));
            }
            store_floats(dx + offset[d], a[d]);
        }
    }
}

/* ---- launchers ---- */

static struct field field_of(const struct batchnorm_shape *shape) {
    return field_of(shape->outer, shape->channels, shape->inner, shape->type == KERNEL_F32 ? 4 : 2);
}

static double size_of(const struct batchnorm_shape *shape) {
    return static_cast<double>(shape->outer) * static_cast<double>(shape->inner);
}

/* Partial sums of the splits and, behind them, two factors for each channel. */
extern "C" size_t kernel_batchnorm_workspace(const struct batchnorm_shape *shape) {
    const struct field f = field_of(shape);
    return static_cast<size_t>(shape->channels) * static_cast<size_t>(f.splits + 1) * sizeof(float2);
}

extern "C" kernel_status kernel_batchnorm_statistics(const struct batchnorm_shape *shape, const void *x,
                                                     double momentum, double eps, const float *running_mean,
                                                     const float *running_var, float *mean, float *invstd,
                                                     float *new_mean, float *new_var, void *workspace,
                                                     void *stream) {
    const struct field f = field_of(shape);
    float2 *partial = static_cast<float2 *>(workspace);
    WITH_TYPE(shape->type, T,
              LAUNCH_FIELD(batchnorm_moments, T, f, stream, static_cast<const T *>(x), f, partial));
    const double size = size_of(shape),
                 share = static_cast<double>(f.share) * (size / static_cast<double>(f.units));
    LAUNCH(batchnorm_finish, blocks_of_warps(shape->channels), field_threads, 0, stream, partial, f.splits,
           shape->channels, size, share, momentum, eps, running_mean, running_var, mean, invstd, new_mean,
           new_var);
    return cudaGetLastError();
}

extern "C" kernel_status kernel_batchnorm_apply(const struct batchnorm_shape *shape, const void *x,
                                                const float *mean, const float *invstd, const float *var,
                                                double eps, const float *weight, const float *bias,
                                                float below, void *y, void *stream) {
    const struct field f = field_of(shape);
    WITH_TYPE(shape->type, T,
              LAUNCH_FIELD(batchnorm_apply, T, f, stream, static_cast<const T *>(x), f, mean, invstd, var,
                           static_cast<float>(eps), weight, bias, below, static_cast<T *>(y)));
    return cudaGetLastError();
}

extern "C" kernel_status kernel_batchnorm_grad(const struct batchnorm_shape *shape, const void *x,
                                               const float *weight, const float *mean, const float *invstd,
                                               const void *dy, const float *bias, float below, void *dx,
                                               float *dweight, float *dbias, void *workspace, void *stream) {
    const struct field f = field_of(shape);
    float2 *partial = static_cast<float2 *>(workspace), *factors = partial + shape->channels * f.splits;
    WITH_TYPE(shape->type, T,
              LAUNCH_FIELD(batchnorm_grad_sums, T, f, stream, static_cast<const T *>(x),
                           static_cast<const T *>(dy), f, weight, mean, invstd, bias, below, partial));
    LAUNCH(batchnorm_grad_finish, blocks_of_warps(shape->channels), field_threads, 0, stream, partial,
           f.splits, shape->channels, size_of(shape), weight, invstd, dweight, dbias, factors);
    WITH_TYPE(shape->type, T,
              LAUNCH_FIELD(batchnorm_grad_apply, T, f, stream, static_cast<const T *>(x),
                           static_cast<const T *>(dy), f, weight, mean, invstd, bias, below, factors,
                           static_cast<T *>(dx)));
    return cudaGetLastError();
}
