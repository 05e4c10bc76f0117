/* Layer normalisation of rows: y = z weight + bias with z = (x - mean) invstd, and back, with d = dy weight,
 *
 *     dx = invstd (d - (sum d + z sum d z) / size),  dweight = sum over rows of dy z,  dbias = sum over rows of dy
 *
 * Along rows a warp or a block works on each (rows.cuh): what fits into registers is read once, and longer rows are read
 * again for each pass, from the cache. Variances are sums of squared distances from the mean, and the rounding of the mean
 * is put right by the sum of these distances. Sums over rows are made for columns: lanes and splits of the rows (field.cuh),
 * then a warp for each column puts the splits together in f64. All else accumulates in f32, in a fixed order. */
#include "field.cuh"
#include "layernorm.h"
#include "rows.cuh"

template <int V, int lanes>
__global__ void __launch_bounds__(row_threads)
    layernorm_rows(const float *x, const float *weight, const float *bias, int64_t rows, int64_t size,
                   float eps, float *y, float *mean, float *invstd) {
    constexpr int chunk = row_chunk<V, lanes>;
    const int64_t row = row_of_thread<lanes>();
    if (row >= rows) return; /* the whole warp */
    x += row * size;
    y += row * size;
    float numbers[row_depth<V>][V], sum = 0, square = 0;
    const auto load = [&](int d, int64_t at) { load_floats(x + at, numbers[d]); };
    for (int64_t begin = 0; begin < size; begin += chunk) {
        for_units<V, lanes>(begin, size, load);
        for_units<V, lanes>(begin, size, [&](int d, int64_t) {
            UNROLL
            for (int i = 0; i < V; i++) sum += numbers[d][i];
        });
    }
    const float n = static_cast<float>(size), near = row_sum<lanes>(sum) / n;
    sum = 0;
    for (int64_t begin = 0; begin < size; begin += chunk) {
        if (size > chunk) for_units<V, lanes>(begin, size, load);
        for_units<V, lanes>(begin, size, [&](int d, int64_t) {
            UNROLL
            for (int i = 0; i < V; i++) {
                const float apart = numbers[d][i] - near;
                sum += apart;
                square += apart * apart;
            }
        });
    }
    const float off = row_sum<lanes>(sum) / n, centre = near + off;
    const float variance = fmaxf(row_sum<lanes>(square) / n - off * off, 0),
                factor = 1 / sqrtf(variance + eps);
    for (int64_t begin = 0; begin < size; begin += chunk) {
        if (size > chunk) for_units<V, lanes>(begin, size, load);
        for_units<V, lanes>(begin, size, [&](int d, int64_t at) {
            float slope[V], shift[V];
            load_floats(weight + at, slope);
            load_floats(bias + at, shift);
            UNROLL
            for (int i = 0; i < V; i++)
                numbers[d][i] = fmaf((numbers[d][i] - centre) * factor, slope[i], shift[i]);
            store_floats(y + at, numbers[d]);
        });
    }
    if (threadIdx.x % lanes != 0) return;
    mean[row] = centre;
    invstd[row] = factor;
}

template <int V, int lanes>
__global__ void __launch_bounds__(row_threads)
    layernorm_grad_rows(const float *x, const float *weight, const float *mean, const float *invstd,
                        const float *dy, int64_t rows, int64_t size, float *dx) {
    constexpr int chunk = row_chunk<V, lanes>;
    const int64_t row = row_of_thread<lanes>();
    if (row >= rows) return; /* the whole warp */
    x += row * size;
    dy += row * size;
    dx += row * size;
    const float centre = mean[row], factor = invstd[row], n = static_cast<float>(size);
    float z[row_depth<V>][V], d[row_depth<V>][V], sum = 0, dot = 0;
    const auto load = [&](int u, int64_t at) {
        float slope[V];
        load_floats(x + at, z[u]);
        load_floats(dy + at, d[u]);
        load_floats(weight + at, slope);
        UNROLL
        for (int i = 0; i < V; i++) {
            z[u][i] = (z[u][i] - centre) * factor;
            d[u][i] *= slope[i];
        }
    };
    for (int64_t begin = 0; begin < size; begin += chunk) {
        for_units<V, lanes>(begin, size, load);
        for_units<V, lanes>(begin, size, [&](int u, int64_t) {
            UNROLL
            for (int i = 0; i < V; i++) {
                sum += d[u][i];
                dot += d[u][i] * z[u][i];
            }
        });
    }
    sum = row_sum<lanes>(sum) / n;
    dot = row_sum<lanes>(dot) / n;
    for (int64_t begin = 0; begin < size; begin += chunk) {
        if (size > chunk) for_units<V, lanes>(begin, size, load);
        for_units<V, lanes>(begin, size, [&](int u, int64_t at) {
            UNROLL
            for (int i = 0; i < V; i++) d[u][i] = factor * (d[u][i] - (sum + z[u][i] * dot));
            store_floats(dx + at, d[u]);
        });
    }
}

/* ---- sums over rows ---- */

/* partial[column][split] = sum dy and sum dy z */
template <int V>
__global__ void __launch_bounds__(field_threads)
    layernorm_grad_columns(const float *x, const float *dy, field f, const float *mean, const float *invstd,
                           float2 *partial) {
    position<V, V> at(f);
    float sum[V] = {}, dot[V] = {};
    int64_t row = at.split * f.share + at.lane;
    while (at.left > 0) {
        constexpr int depth = 4;
        float a[depth][V], b[depth][V];
        UNROLL
        for (int d = 0; d < depth; d++) {
            UNROLL
            for (int i = 0; i < V; i++) a[d][i] = b[d][i] = 0;
            if (at.left > 0) {
                load_floats(x + at.offset, a[d]);
                load_floats(dy + at.offset, b[d]);
                const float centre = mean[row], factor = invstd[row];
                UNROLL
                for (int i = 0; i < V; i++) a[d][i] = (a[d][i] - centre) * factor;
            }
            at.advance(f);
            row += f.lanes;
        }
        UNROLL
        for (int i = 0; i < V; i++) {
            float some = 0, some_dot = 0;
            UNROLL
            for (int d = 0; d < depth; d++) {
                some += b[d][i];
                some_dot += b[d][i] * a[d][i];
            }
            sum[i] += some;
            dot[i] += some_dot;
        }
    }
    sum_lanes(f, at.lane, sum, dot);
    if (!at.speaks(f)) return;
    UNROLL
    for (int i = 0; i < V; i++) partial[(at.channel() + i) * f.splits + at.split] = float2{sum[i], dot[i]};
}

__global__ void __launch_bounds__(field_threads)
    layernorm_grad_finish(const float2 *partial, int splits, int64_t size, float *dweight, float *dbias) {
    const int64_t c = (blockIdx.x * int64_t{field_threads} + threadIdx.x) / 32;
    const int lane = threadIdx.x % 32;
    if (c >= size) return; /* the whole warp */
    double sum, dot;
    sum_splits(partial, splits, c, lane, sum, dot);
    if (lane > 0) return;
    dbias[c] = static_cast<float>(sum);
    dweight[c] = static_cast<float>(dot);
}

/* ---- launchers ---- */

extern "C" kernel_status kernel_layernorm(const float *x, const float *weight, const float *bias,
                                          int64_t rows, int64_t size, double eps, float *y, float *mean,
                                          float *invstd, void *stream) {
    LAUNCH_ROWS(layernorm_rows, rows, size, stream, x, weight, bias, rows, size, static_cast<float>(eps), y,
                mean, invstd);
    return cudaGetLastError();
}

extern "C" size_t kernel_layernorm_grad_workspace(int64_t rows, int64_t size) {
    const struct field f = field_of(rows, size, 1, sizeof(float));
    return static_cast<size_t>(size) * static_cast<size_t>(f.splits) * sizeof(float2);
}

/* dx may take the place of x or dy, so it comes last. */
extern "C" kernel_status kernel_layernorm_grad(const float *x, const float *weight, const float *mean,
                                               const float *invstd, const float *dy, int64_t rows,
                                               int64_t size, float *dx, float *dweight, float *dbias,
                                               void *workspace, void *stream) {
    const struct field f = field_of(rows, size, 1, sizeof(float));
    float2 *partial = static_cast<float2 *>(workspace);
    const unsigned blocks = static_cast<unsigned>(f.blocks * f.splits);
    if (f.vectors)
        LAUNCH((layernorm_grad_columns<4>), blocks, field_threads, 0, stream, x, dy, f, mean, invstd,
               partial);
    else
        LAUNCH((layernorm_grad_columns<1>), blocks, field_threads, 0, stream, x, dy, f, mean, invstd,
               partial);
    LAUNCH(layernorm_grad_finish, blocks_of_warps(size), field_threads, 0, stream, partial, f.splits, size,
           dweight, dbias);
    LAUNCH_ROWS(layernorm_grad_rows, rows, size, stream, x, weight, mean, invstd, dy, rows, size, dx);
    return cudaGetLastError();
}
