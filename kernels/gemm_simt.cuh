/* The product in f32 arithmetic; gemm.cuh says what sources and sinks are.
 *
 * A block makes a tile of Tile::rows x Tile::columns, each thread thread_rows x thread_columns of it in registers. Operands
 * pass through shared memory Tile::depth of k at a time, stored [k][row] and [k][column], so that what a thread needs of one
 * k lies side by side; while one pair of tiles is used, the next is on its way through registers to the other pair. Of a
 * thread's rows, each four lie together, and the fours are spread over the tile evenly, so that a warp's reads of shared
 * memory meet no bank twice; so do the columns, two or four together. Sums run over k in order. */
#ifndef CUPEL_GEMM_SIMT_CUH
#define CUPEL_GEMM_SIMT_CUH

#include "gemm.cuh"

template <int Rows, int Columns, int Depth, int ThreadRows, int ThreadColumns, int AtOnce, int Blocks>
struct gemm_simt_tile {
    static constexpr int rows = Rows, columns = Columns, depth = Depth, thread_rows = ThreadRows,
                         thread_columns = ThreadColumns, run = ThreadColumns < 4 ? ThreadColumns : 4,
                         threads_across = Columns / ThreadColumns,
                         threads = Rows / ThreadRows * threads_across,
                         at_once = AtOnce /* of depth, in registers */,
                         blocks = Blocks; /* of a multiprocessor, to keep registers within */
};
using gemm_simt_large = gemm_simt_tile<128, 128, 8, 8, 8, 1, 2>;
using gemm_simt_small = gemm_simt_tile<32, 32, 32, 4, 2, 4, 4>;

/* One operand's way into shared memory: Rows x Depth of it by `threads` threads. */
template <class Source, int Rows, int Depth, int threads> struct gemm_simt_loader {
    using T = typename Source::element;
    static constexpr int width = gemm_chunk<T>, stride = Rows + 4, chunks = Rows * Depth / width,
                         each = chunks / threads, pairs = Depth / width < 2 ? 1 : 2;
    static_assert(chunks % threads == 0, "threads share chunks evenly");

    typename Source::line line[each];
    float kept[each][width];

    /* Chunk i of the thread: its first row and k in the tile. Along k, two lanes each read 32 bytes of a row. */
    static __device__ __forceinline__ int row_of(bool along_k, int i) {
        const int c = static_cast<int>(threadIdx.x) + i * threads;
        return along_k ? c / pairs % Rows : c % (Rows / width) * width;
    }
    static __device__ __forceinline__ int k_of(bool along_k, int i) {
        const int c = static_cast<int>(threadIdx.x) + i * threads;
        return along_k ? (c % pairs + c / (pairs * Rows) * pairs) * width : c / (Rows / width);
    }
    __device__ __forceinline__ void begin(const Source &source, int batch, int row) {
        UNROLL
        for (int i = 0; i < each; i++) line[i] = source.at_row(batch, row + row_of(source.along_k, i));
    }
    __device__ __forceinline__ void load(const Source &source, int k) {
        UNROLL
        for (int i = 0; i < each; i++) {
            const int at = k + k_of(source.along_k, i);
            int valid = 0;
            const T *from = source.whole ? source.chunk(line[i], at, valid) : nullptr;
            if (valid == width) {
                load_floats(from, kept[i]);
            } else {
                UNROLL
                for (int e = 0; e < width; e++) kept[i][e] = to_float(source.at(line[i], at, e));
            }
        }
    }
    __device__ __forceinline__ void store(const Source &source, float *to) const {
        UNROLL
        for (int i = 0; i < each; i++) {
            const int row = row_of(source.along_k, i), k = k_of(source.along_k, i);
            if (source.along_k) {
                UNROLL
                for (int e = 0; e < width; e++) to[(k + e) * stride + row] = kept[i][e];
            } else {
                store_floats(to + k * stride + row, kept[i]);
            }
        }
    }
};

/* The product of two tiles in shared memory, on top of the sums. */
template <class Tile>
__device__ __forceinline__ void gemm_simt_multiply(const float *a, const float *b,
                                                   float (&sum)[Tile::thread_rows][Tile::thread_columns]) {
    constexpr int run = Tile::run, down = Tile::rows * 4 / Tile::thread_rows,
                  across = Tile::columns * run / Tile::thread_columns;
    const int x = static_cast<int>(threadIdx.x) % Tile::threads_across,
              y = static_cast<int>(threadIdx.x) / Tile::threads_across;
    UNROLL_BY(Tile::at_once)
    for (int k = 0; k < Tile::depth; k++) {
        float of_a[Tile::thread_rows], of_b[Tile::thread_columns];
        UNROLL
        for (int i = 0; i < Tile::thread_rows; i += 4) {
            const auto four = load_vector<pack<float, 4>>(a + k * (Tile::rows + 4) + y * 4 + i / 4 * down);
            UNROLL
            for (int e = 0; e < 4; e++) of_a[i + e] = four.number[e];
        }
        UNROLL
        for (int j = 0; j < Tile::thread_columns; j += run) {
            const auto some =
                load_vector<pack<float, run>>(b + k * (Tile::columns + 4) + x * run + j / run * across);
            UNROLL
            for (int e = 0; e < run; e++) of_b[j + e] = some.number[e];
        }
        UNROLL
        for (int i = 0; i < Tile::thread_rows; i++) {
            UNROLL
            for (int j = 0; j < Tile::thread_columns; j++) sum[i][j] = fmaf(of_a[i], of_b[j], sum[i][j]);
        }
    }
}

template <class Tile, class A, class B, class Sink>
__global__ void __launch_bounds__(Tile::threads, Tile::blocks)
    gemm_simt(const typename A::element *a, const typename B::element *b, const float *bias, void *c,
              float *parts, A a_source, B b_source, Sink sink, kernel_gemm gemm) {
    SHARED(float, as, [2][Tile::depth * (Tile::rows + 4)]);
    SHARED(float, bs, [2][Tile::depth * (Tile::columns + 4)]);
    a_source.data = a;
    b_source.data = b;
    const gemm_block block = gemm_block_of<Tile>(gemm);
    gemm_simt_loader<A, Tile::rows, Tile::depth, Tile::threads> of_a;
    gemm_simt_loader<B, Tile::columns, Tile::depth, Tile::threads> of_b;
    of_a.begin(a_source, block.batch, block.row);
    of_b.begin(b_source, block.batch, block.column);
    const auto load = [&](int step) {
        of_a.load(a_source, (block.first_step + step) * Tile::depth);
        of_b.load(b_source, (block.first_step + step) * Tile::depth);
    };
    const auto keep = [&](int step) {
        of_a.store(a_source, as[step % 2]);
        of_b.store(b_source, bs[step % 2]);
    };
    float sum[Tile::thread_rows][Tile::thread_columns] = {};
    load(0);
    keep(0);
    __syncthreads();
    for (int step = 0; step < block.steps; step++) {
        const bool more = step + 1 < block.steps;
        if (more) load(step + 1);
        gemm_simt_multiply<Tile>(as[step % 2], bs[step % 2], sum);
        if (more) keep(step + 1);
        __syncthreads();
    }
    constexpr int run = Tile::run;
    const int x = static_cast<int>(threadIdx.x) % Tile::threads_across,
              y = static_cast<int>(threadIdx.x) / Tile::threads_across;
    UNROLL
    for (int i = 0; i < Tile::thread_rows; i++) {
        const int row = block.row + y * 4 + i % 4 + i / 4 * (Tile::rows * 4 / Tile::thread_rows);
        UNROLL
        for (int j = 0; j < Tile::thread_columns; j += run) {
            float some[run];
            UNROLL
            for (int e = 0; e < run; e++) some[e] = sum[i][j + e];
            gemm_finish(c, bias, parts, sink, gemm, block.batch, row,
                        block.column + x * run + j / run * (Tile::columns * run / Tile::thread_columns),
                        some);
        }
    }
}

/* Launches the product with tiles of a size, and the adding up of parts where k is split. `workspace` has
 * kernel_gemm_workspace bytes, aligned to 16; `bias` may be NULL. Returns the launches' status. */
template <class Tile, class A, class B, class Sink>
static inline kernel_status gemm_simt_launch(const void *a, const A &a_source, const void *b,
                                             const B &b_source, const float *bias, void *c, const Sink &sink,
                                             void *workspace, const kernel_gemm &gemm, void *stream) {
    float *parts = static_cast<float *>(workspace);
    LAUNCH((gemm_simt<Tile, A, B, Sink>), gemm_grid<Tile>(gemm), Tile::threads, 0, stream,
           static_cast<const typename A::element *>(a), static_cast<const typename B::element *>(b), bias, c,
           parts, a_source, b_source, sink, gemm);
    const kernel_status status = cudaGetLastError();
    if (status != cudaSuccess || gemm.splits == 1) return status;
    return gemm_add_launch(parts, bias, c, sink, gemm, stream);
}

#endif
