/* C = A B and all that can be brought into that form: c(row, column) = sum over k of a(row, k) b(k, column).
 *
 * The main loops are gemm_simt.cuh (f32 arithmetic) and gemm_tensor.cuh (tensor cores); both keep sums in f32 and add in an
 * order that the sizes alone decide. Here is what they share: where operands come from, where results go, which block makes
 * what, and the adding up of a k that was split among blocks. To use them:
 *
 * - Fill a struct kernel_gemm (gemm.h); on the host, cuda_gemm (src/cuda/gemm_choice.h) chooses its form and splits.
 * - Choose or write two sources and a sink, plain structs that become arguments of the kernel. gemm_matrix and gemm_rows
 *   serve for matrices and as examples.
 * - Call gemm_simt_launch or gemm_tensor_launch, as the form says.
 *
 * A SOURCE gives one operand, A or B. The main loop asks for chunks: gemm_chunk<T> elements (16 bytes) that follow one
 * another along k or along the rows of A or columns of B, both called rows here. A chunk starts at a multiple of
 * gemm_chunk<T> in the direction it runs. Members:
 *
 *     using element = float, __nv_bfloat16 or __half;
 *     const element *data;          set by the kernel: pointers are arguments of their own
 *     bool-like along_k;            the direction of chunks: gemm_along_k or gemm_along_rows (the tensor cores' loop needs to
 *                                   know when it is compiled), or bool
 *     bool-like whole;              whether `chunk` may be called
 *     struct line;                  what is known of a row before k is; kept in registers: let it be small
 *     line at_row(int batch, int row) const;       of the row, or the first row of a chunk; it may lie beyond the last
 *     const element *chunk(const line &, int k, int &valid) const;
 *                                   the address, a multiple of 16 bytes, of the chunk at k, and how many of its elements
 *                                   count, from the first on: the others are taken for 0 and not read. With valid = 0
 *                                   the address may be any multiple of 16
 *     element at(const line &, int k, int i) const;  element i of the chunk at k; 0 outside of the operand
 *
 * k runs to the next multiple of the tile's depth, so both check it against the k of the operand. `whole` and `along_k` are
 * the same for all threads.
 *
 * A SINK says where results are stored, as elements of the result's type:
 *
 *     bool whole;                   columns c, c+1, c+2, c+3 for c a multiple of 4 lie side by side, aligned to 4 elements
 *     int64_t offset(int batch, int row, int column) const;    below 0 where nothing is stored
 *     int bias_at(int batch, int row, int column) const;       which element of the bias is added there */
#ifndef CUPEL_GEMM_CUH
#define CUPEL_GEMM_CUH

#include "gemm.h"
#include "numeric.cuh"

template <class T> constexpr int gemm_chunk = vector_of<T>;

template <bool along_k> struct gemm_direction {
    static constexpr bool value = along_k;
    __host__ __device__ constexpr operator bool() const {
        return along_k;
    }
};
using gemm_along_k = gemm_direction<true>;
using gemm_along_rows = gemm_direction<false>;

/* A matrix stored in lines of contiguous elements: along k, or along rows. */
template <class T, class Along> struct gemm_matrix {
    using element = T;
    const T *data;
    int rows, k;
    int64_t stride, batch_stride; /* elements from line to line, and from matrix to matrix */
    Along along_k;
    bool whole; /* data, stride and batch_stride are multiples of 16 bytes */

    struct line {
        const T *start;
        int row;
    };
    __device__ __forceinline__ line at_row(int batch, int row) const {
        return {data + batch * batch_stride + row * (along_k ? stride : 1), row};
    }
    __device__ __forceinline__ const T *chunk(const line &from, int at, int &valid) const {
        const int left = along_k ? k - at : rows - from.row;
        const bool inside = along_k ? from.row < rows : at < k;
        valid = inside ? max(0, min(left, gemm_chunk<T>)) : 0;
        return from.start + at * (along_k ? 1 : stride);
    }
    __device__ __forceinline__ T at(const line &from, int at, int i) const {
        const int row = from.row + (along_k ? 0 : i), column = at + (along_k ? i : 0);
        return row < rows && column < k ? from.start[at * (along_k ? 1 : stride) + i] : from_float<T>(0);
    }
};

/* A matrix of results, whose rows and columns lie at any distance, the bias one for each column. */
struct gemm_rows {
    int64_t row_stride, column_stride, batch_stride;
    bool whole;

    __device__ __forceinline__ int64_t offset(int batch, int row, int column) const {
        return batch * batch_stride + row * row_stride + column * column_stride;
    }
    __device__ __forceinline__ int bias_at(int, int, int column) const {
        return column;
    }
};

/* Stores the first `count` of N results side by side. */
template <class Y, int N, class Sink>
__device__ __forceinline__ void gemm_store_as(Y *c, const Sink &sink, int batch, int row, int column,
                                              int count, const float (&result)[N]) {
    if (sink.whole && count >= N) {
        const int64_t at = sink.offset(batch, row, column);
        if (at >= 0) store_floats(c + at, result);
    } else {
        UNROLL
        for (int i = 0; i < N; i++) {
            const int64_t at = i < count ? sink.offset(batch, row, column + i) : -1;
            if (at >= 0) c[at] = from_float<Y>(result[i]);
        }
    }
}

/* Stores N sums, 2 or 4, of a row from a column on that is a multiple of N. What lies outside is left out. */
template <int N, class Sink>
__device__ __forceinline__ void gemm_store(void *c, const float *bias, const Sink &sink,
                                           const kernel_gemm &gemm, int batch, int row, int column,
                                           const float (&sum)[N]) {
    const int count = row < gemm.m ? gemm.n - column : 0;
    float result[N];
    UNROLL
    for (int i = 0; i < N; i++) {
        const float plus = bias && i < count ? bias[sink.bias_at(batch, row, column + i)] : 0.0f;
        result[i] = activate(gemm.activation, gemm.slope, sum[i] + plus);
    }
    if (gemm.result_type == KERNEL_F32)
        gemm_store_as(static_cast<float *>(c), sink, batch, row, column, count, result);
    else if (gemm.result_type == KERNEL_BF16)
        gemm_store_as(static_cast<__nv_bfloat16 *>(c), sink, batch, row, column, count, result);
    else
        gemm_store_as(static_cast<__half *>(c), sink, batch, row, column, count, result);
}

/* Sums of one part of k: [split][batch][row][column], rows filled up to whole fours. */
struct gemm_parts {
    static constexpr bool whole = true;
    int64_t columns, of_batch, first;

    __device__ __forceinline__ int64_t offset(int batch, int row, int column) const {
        return first + batch * of_batch + row * columns + column;
    }
};
__device__ __forceinline__ gemm_parts gemm_part(const kernel_gemm &gemm, int split) {
    const int64_t columns = (gemm.n + 3) / 4 * 4, of_batch = gemm.m * columns;
    return {columns, of_batch, split * gemm.batches * of_batch};
}

/* What a block makes: rows and columns from these on, over `steps` tiles of k, none if below 1, from first_step on. */
struct gemm_block {
    int batch, row, column, first_step, steps;
};

/* Block x makes a tile of a batch; y is the part of k. Tiles follow one another down the rows, 8 tiles long, then to the next
 * column, so that blocks that run together share operands in the cache. */
template <class Tile> __device__ __forceinline__ gemm_block gemm_block_of(const kernel_gemm &gemm) {
    constexpr int group = 8;
    const int down = (gemm.m + Tile::rows - 1) / Tile::rows,
              across = (gemm.n + Tile::columns - 1) / Tile::columns,
              steps = (gemm.k + Tile::depth - 1) / Tile::depth, split = static_cast<int>(blockIdx.y),
              steps_each = (steps + gemm.splits - 1) / gemm.splits, x = static_cast<int>(blockIdx.x),
              batch = x / (down * across), tile = x % (down * across),
              first = tile / (group * across) * group, rows = min(group, down - first),
              rest = tile % (group * across);
    return {batch, (first + rest % rows) * Tile::rows, rest / rows * Tile::columns, split * steps_each,
            min(steps_each, steps - split * steps_each)};
}

/* Stores sums of a block: as results, or in the workspace when there is more than one part of k. */
template <int N, class Sink>
__device__ __forceinline__ void gemm_finish(void *c, const float *bias, float *parts, const Sink &sink,
                                            const kernel_gemm &gemm, int batch, int row, int column,
                                            const float (&sum)[N]) {
    if (gemm.splits == 1) {
        gemm_store(c, bias, sink, gemm, batch, row, column, sum);
    } else {
        const gemm_parts part = gemm_part(gemm, static_cast<int>(blockIdx.y));
        const int columns = static_cast<int>(part.columns);
        gemm_store_as(parts, part, batch, row, column, row < gemm.m ? columns - column : 0, sum);
    }
}

/* Adds up the parts of k, first to last. A thread makes 4 columns of a row at a time. */
constexpr int gemm_add_threads = 256;
template <class Sink>
__global__ void gemm_add_parts(const float *parts, const float *bias, void *c, Sink sink, kernel_gemm gemm) {
    const int across = (gemm.n + 3) / 4, work = gemm.batches * gemm.m * across;
    for (int i = static_cast<int>(blockIdx.x) * gemm_add_threads + static_cast<int>(threadIdx.x); i < work;
         i += static_cast<int>(gridDim.x) * gemm_add_threads) {
        const int at = i / across, batch = at / gemm.m, row = at % gemm.m, column = i % across * 4;
        float sum[4] = {};
        UNROLL_BY(4)
        for (int split = 0; split < gemm.splits; split++) {
            float more[4];
            load_floats(parts + gemm_part(gemm, split).offset(batch, row, column), more);
            UNROLL
            for (int k = 0; k < 4; k++) sum[k] += more[k];
        }
        gemm_store(c, bias, sink, gemm, batch, row, column, sum);
    }
}

/* Blocks of the main loop; none where there are more than a grid can have. */
template <class Tile> static inline dim3 gemm_grid(const kernel_gemm &gemm) {
    const int64_t down = (gemm.m + int64_t{Tile::rows} - 1) / Tile::rows,
                  across = (gemm.n + int64_t{Tile::columns} - 1) / Tile::columns,
                  blocks = down * across * gemm.batches;
    return dim3(blocks > 0x7fffffff ? 0 : static_cast<unsigned>(blocks), static_cast<unsigned>(gemm.splits));
}

template <class Sink>
static inline kernel_status gemm_add_launch(const float *parts, const float *bias, void *c, const Sink &sink,
                                            const kernel_gemm &gemm, void *stream) {
    const int64_t work = static_cast<int64_t>(gemm.batches) * gemm.m * ((gemm.n + 3) / 4);
    LAUNCH((gemm_add_parts<Sink>), blocks_for(work, gemm_add_threads), gemm_add_threads, 0, stream, parts,
           bias, c, sink, gemm);
    return cudaGetLastError();
}

#endif
