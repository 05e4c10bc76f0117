/* Softmax along lines of numbers, with m the largest number of a line:
 *
 *     y = exp(x - m) / sum exp(x - m),      or x - m - log(sum exp(x - m))
 *     dx = y (dy - sum y dy),               or dy - exp(y) sum dy
 *
 * Rows without gaps: a warp for each of up to a chunk of numbers (rows.cuh), or a block for each longer one; what has more
 * than a chunk is read again for each pass, from the cache. Lines with gaps: a block for 32 neighbouring lines, whose
 * numbers are read by 8 threads for each line, neighbouring lines by neighbouring threads. All is f32 and is added up in a
 * fixed order. */
#include "rows.cuh"
#include "softmax.h"

/* What softmax makes of a number and its line. */
template <bool logarithm> __device__ __forceinline__ float result(float x, float largest, float sum) {
    return logarithm ? x - largest - logf(sum) : expf(x - largest) / sum;
}
/* The sum over a line that its gradient needs, and the gradient with it. */
template <bool logarithm> __device__ __forceinline__ float term(float y, float dy) {
    return logarithm ? dy : y * dy;
}
template <bool logarithm> __device__ __forceinline__ float gradient(float y, float dy, float sum) {
    return logarithm ? dy - expf(y) * sum : y * (dy - sum);
}

/* ---- rows ---- */

template <bool logarithm, int V, int lanes>
__device__ __forceinline__ void softmax_row(const float *x, int64_t size, float *y) {
    constexpr int chunk = row_chunk<V, lanes>;
    float numbers[row_depth<V>][V], largest = -INFINITY, sum = 0;
    const auto load = [&](int d, int64_t at) { load_floats(x + at, numbers[d]); };
    for (int64_t begin = 0; begin < size; begin += chunk) {
        for_units<V, lanes>(begin, size, load);
        for_units<V, lanes>(begin, size, [&](int d, int64_t) {
            UNROLL
            for (int i = 0; i < V; i++) largest = fmaxf(largest, numbers[d][i]);
        });
    }
    largest = row_max<lanes>(largest);
    for (int64_t begin = 0; begin < size; begin += chunk) {
        if (size > chunk) for_units<V, lanes>(begin, size, load);
        for_units<V, lanes>(begin, size, [&](int d, int64_t) {
            UNROLL
            for (int i = 0; i < V; i++) sum += expf(numbers[d][i] - largest);
        });
    }
    sum = row_sum<lanes>(sum);
    for (int64_t begin = 0; begin < size; begin += chunk) {
        if (size > chunk) for_units<V, lanes>(begin, size, load);
        for_units<V, lanes>(begin, size, [&](int d, int64_t at) {
            UNROLL
            for (int i = 0; i < V; i++) numbers[d][i] = result<logarithm>(numbers[d][i], largest, sum);
            store_floats(y + at, numbers[d]);
        });
    }
}

template <int V, int lanes>
__global__ void __launch_bounds__(row_threads)
    softmax_rows(const float *x, int64_t rows, int64_t size, bool logarithm, float *y) {
    const int64_t row = row_of_thread<lanes>();
    if (row >= rows) return; /* the whole warp */
    if (logarithm)
        softmax_row<true, V, lanes>(x + row * size, size, y + row * size);
    else
        softmax_row<false, V, lanes>(x + row * size, size, y + row * size);
}

template <bool logarithm, int V, int lanes>
__device__ __forceinline__ void softmax_grad_row(const float *y, const float *dy, int64_t size, float *dx) {
    constexpr int chunk = row_chunk<V, lanes>;
    float a[row_depth<V>][V], b[row_depth<V>][V], sum = 0;
    const auto load = [&](int d, int64_t at) {
        load_floats(y + at, a[d]);
        load_floats(dy + at, b[d]);
    };
    for (int64_t begin = 0; begin < size; begin += chunk) {
        for_units<V, lanes>(begin, size, load);
        for_units<V, lanes>(begin, size, [&](int d, int64_t) {
            UNROLL
            for (int i = 0; i < V; i++) sum += term<logarithm>(a[d][i], b[d][i]);
        });
    }
    sum = row_sum<lanes>(sum);
    for (int64_t begin = 0; begin < size; begin += chunk) {
        if (size > chunk) for_units<V, lanes>(begin, size, load);
        for_units<V, lanes>(begin, size, [&](int d, int64_t at) {
            UNROLL
            for (int i = 0; i < V; i++) a[d][i] = gradient<logarithm>(a[d][i], b[d][i], sum);
            store_floats(dx + at, a[d]);
        });
    }
}

template <int V, int lanes>
__global__ void __launch_bounds__(row_threads)
    softmax_grad_rows(const float *y, const float *dy, int64_t rows, int64_t size, bool logarithm,
                      float *dx) {
    const int64_t row = row_of_thread<lanes>();
    if (row >= rows) return; /* the whole warp */
    const int64_t first = row * size;
    if (logarithm)
        softmax_grad_row<true, V, lanes>(y + first, dy + first, size, dx + first);
    else
        softmax_grad_row<false, V, lanes>(y + first, dy + first, size, dx + first);
}

/* ---- lines with gaps ---- */

constexpr int line_width = 32, line_lanes = row_threads / line_width;

/* A thread's numbers of its line: `begin` up to `end` in steps of `step`; none where there is no line. */
struct line {
    int64_t begin, end, step;

    __device__ __forceinline__ line(int64_t count, int64_t size, int64_t stride) {
        const int64_t i = blockIdx.x * int64_t{line_width} + static_cast<int>(threadIdx.x) % line_width;
        const int64_t first = i / stride * stride * size + i % stride;
        begin = first + static_cast<int>(threadIdx.x) / line_width * stride;
        end = i < count ? first + size * stride : begin;
        step = line_lanes * stride;
    }
};

/* merge(x, y) over the threads of a line. Each instance has shared memory of its own and is called once by a kernel, so
 * there is nobody to wait for before it is written. */
template <class Merge> __device__ __forceinline__ float merge_line(float x, Merge merge) {
    SHARED(float, all, [line_lanes][line_width]);
    const int column = static_cast<int>(threadIdx.x) % line_width;
    all[threadIdx.x / line_width][column] = x;
    __syncthreads();
    x = all[0][column];
    UNROLL
    for (int i = 1; i < line_lanes; i++) x = merge(x, all[i][column]);
    return x;
}
__device__ __forceinline__ float line_sum(float x) {
    return merge_line(x, [](float a, float b) { return a + b; });
}

template <bool logarithm>
__global__ void __launch_bounds__(row_threads)
    softmax_lines(const float *x, int64_t count, int64_t size, int64_t stride, float *y) {
    const line line(count, size, stride);
    float largest = -INFINITY, sum = 0;
    for (int64_t at = line.begin; at < line.end; at += line.step) largest = fmaxf(largest, x[at]);
    largest = merge_line(largest, [](float a, float b) { return fmaxf(a, b); });
    for (int64_t at = line.begin; at < line.end; at += line.step) sum += expf(x[at] - largest);
    sum = line_sum(sum);
    for (int64_t at = line.begin; at < line.end; at += line.step)
        y[at] = result<logarithm>(x[at], largest, sum);
}

template <bool logarithm>
__global__ void __launch_bounds__(row_threads)
    softmax_grad_lines(const float *y, const float *dy, int64_t count, int64_t size, int64_t stride,
                       float *dx) {
    const line line(count, size, stride);
    float sum = 0;
    for (int64_t at = line.begin; at < line.end; at += line.step) sum += term<logarithm>(y[at], dy[at]);
    sum = line_sum(sum);
    for (int64_t at = line.begin; at < line.end; at += line.step)
        dx[at] = gradient<logarithm>(y[at], dy[at], sum);
}

/* ---- launchers ---- */

extern "C" kernel_status kernel_softmax(const struct softmax_shape *lines, const float *x, float *y,
                                        void *stream) {
    const int64_t count = lines->count, size = lines->size, stride = lines->stride;
    const auto blocks = static_cast<unsigned>((count + line_width - 1) / line_width);
    if (stride == 1)
        LAUNCH_ROWS(softmax_rows, count, size, stream, x, count, size, lines->logarithm, y);
    else if (lines->logarithm)
        LAUNCH((softmax_lines<true>), blocks, row_threads, 0, stream, x, count, size, stride, y);
    else
        LAUNCH((softmax_lines<false>), blocks, row_threads, 0, stream, x, count, size, stride, y);
    return cudaGetLastError();
}

extern "C" kernel_status kernel_softmax_grad(const struct softmax_shape *lines, const float *y,
                                             const float *dy, float *dx, void *stream) {
    const int64_t count = lines->count, size = lines->size, stride = lines->stride;
    const auto blocks = static_cast<unsigned>((count + line_width - 1) / line_width);
    if (stride == 1)
        LAUNCH_ROWS(softmax_grad_rows, count, size, stream, y, dy, count, size, lines->logarithm, dx);
    else if (lines->logarithm)
        LAUNCH((softmax_grad_lines<true>), blocks, row_threads, 0, stream, y, dy, count, size, stride, dx);
    else
        LAUNCH((softmax_grad_lines<false>), blocks, row_threads, 0, stream, y, dy, count, size, stride, dx);
    return cudaGetLastError();
}
