/* The product on tensor cores, sm_80 and later; gemm.cuh says what sources and sinks are. Operands are bf16, f16, or float, of
 * which TF32's ten bits of fraction are used; sums are f32.
 *
 * A block makes a tile of Tile::rows x Tile::columns, each of its warps warp_rows x warp_columns of it. Operands come by
 * asynchronous copies, 64 bytes of k at a time; `stages` pairs of tiles are in shared memory, one of them in use, the others
 * filled or on their way. They lie as they do in memory, in lines along k or along rows, and lines are padded so that the
 * eight that ldmatrix reads at once, or the rows and columns of a fragment, lie in different banks. Results go through
 * shared memory, so that a warp stores whole lines. The order of sums is the hardware's within 32 (TF32: 16) of k, and that
 * of k beyond. */
#ifndef CUPEL_GEMM_TENSOR_CUH
#define CUPEL_GEMM_TENSOR_CUH

#include "gemm.cuh"

template <class T, int Rows, int Columns, int WarpRows, int WarpColumns, int Blocks> struct gemm_tensor_tile {
    using element = T;
    using number = typename std::conditional<std::is_same<T, float>::value, tf32, T>::type;
    static constexpr int rows = Rows, columns = Columns, warp_rows = WarpRows, warp_columns = WarpColumns,
                         depth = 64 / static_cast<int>(sizeof(T)), stages = 4,
                         warps_across = Columns / WarpColumns,
                         threads = 32 * (Rows / WarpRows) * warps_across, kept_stride = Columns + 8,
                         blocks = Blocks; /* of a multiprocessor, to keep registers within */
};
template <class T> using gemm_tensor_large = gemm_tensor_tile<T, 128, 128, 64, 64, 2>;
template <class T> using gemm_tensor_small = gemm_tensor_tile<T, 64, 64, 32, 32, 4>;

/* One operand in shared memory: Rows x Depth of it, brought there by `threads` threads. */
template <class Source, int Rows, int Depth, int threads> struct gemm_tensor_operand {
    using T = typename Source::element;
    static constexpr bool along_k = decltype(Source::along_k)::value;
    static constexpr int width = gemm_chunk<T>, across = (along_k ? Depth : Rows) / width,
                         stride = along_k ? Depth + width : Rows + 8,
                         elements = (along_k ? Rows : Depth) * stride, each = Rows * Depth / width / threads,
                         starts = along_k ? each : 1;
    static_assert(Rows * Depth % (width * threads) == 0 && threads % across == 0,
                  "threads share chunks evenly");

    typename Source::line line[starts];

    __device__ __forceinline__ void begin(const Source &source, int batch, int row) {
        const int c = static_cast<int>(threadIdx.x);
        UNROLL
        for (int i = 0; i < starts; i++)
            line[i] = source.at_row(batch, row + (along_k ? (c + i * threads) / across : c % across * width));
    }
    /* Begins to copy the tile at k. */
    __device__ __forceinline__ void load(const Source &source, int k, T *to) const {
        UNROLL
        for (int i = 0; i < each; i++) {
            const int c = static_cast<int>(threadIdx.x) + i * threads,
                      at = k + (along_k ? c % across * width : c / across);
            const auto &from = line[along_k ? i : 0];
            T *place = to + c / across * stride + c % across * width;
            if (source.whole) {
                int valid = 0;
                const T *chunk = source.chunk(from, at, valid);
                cp_async<16>(place, chunk, valid * static_cast<int>(sizeof(T)));
            } else {
                pack<T, width> numbers;
                UNROLL
                for (int e = 0; e < width; e++) numbers.number[e] = source.at(from, at, e);
                store_vector(place, numbers);
            }
        }
    }
    /* The fragment of 16 rows from `row` on and a matrix operation's k: four 8x8 matrices (TF32: 8x4), of which operand A wants
     * both halves of the rows first, and operand B, whose rows are columns, both halves of k. */
    template <bool is_a>
    static __device__ __forceinline__ void fragment(const T *tile, int row, int k, uint32_t (&part)[4]) {
        const int lane = static_cast<int>(threadIdx.x) % 32, matrix = lane / 8,
                  row_half = is_a ? matrix % 2 : matrix / 2, k_half = is_a ? matrix / 2 : matrix % 2;
        if constexpr (along_k) {
            ldmatrix(part, tile + (row + row_half * 8 + lane % 8) * stride + k + k_half * width);
        } else if constexpr (sizeof(T) == 2) {
            ldmatrix<4, true>(part, tile + (k + k_half * 8 + lane % 8) * stride + row + row_half * 8);
        } else {
            UNROLL
            for (int i = 0; i < 4; i++)
                part[i] = __float_as_uint(tile[(k + lane % 4 + (is_a ? i / 2 : i % 2) * 4) * stride + row +
                                               lane / 4 + (is_a ? i % 2 : i / 2) * 8]);
        }
        if constexpr (sizeof(T) == 4) {
            UNROLL
            for (int i = 0; i < 4; i++) part[i] = float_to_tf32(__uint_as_float(part[i]));
        }
    }
};

template <class Tile, class A, class B> struct gemm_tensor_loop {
    using T = typename Tile::element;
    using of_a = gemm_tensor_operand<A, Tile::rows, Tile::depth, Tile::threads>;
    using of_b = gemm_tensor_operand<B, Tile::columns, Tile::depth, Tile::threads>;
    static constexpr int down = Tile::warp_rows / 16, across = Tile::warp_columns / 8,
                         stage = of_a::elements + of_b::elements;
    static constexpr size_t copied = Tile::stages * stage * sizeof(T),
                            kept = Tile::rows * Tile::kept_stride * sizeof(float),
                            shared_bytes = copied > kept ? copied : kept;
    using sums = float[down][across][4];

    /* The product of two tiles, on top of the warp's sums. */
    static __device__ __forceinline__ void multiply(const T *tiles, int row, int column, sums &sum) {
        constexpr int step = 2 * gemm_chunk<T>;
        UNROLL
        for (int k = 0; k < Tile::depth; k += step) {
            uint32_t a[down][4], b[across / 2][4];
            UNROLL
            for (int i = 0; i < down; i++) of_a::template fragment<true>(tiles, row + 16 * i, k, a[i]);
            UNROLL
            for (int j = 0; j < across / 2; j++)
                of_b::template fragment<false>(tiles + of_a::elements, column + 16 * j, k, b[j]);
            UNROLL
            for (int i = 0; i < down; i++) {
                UNROLL
                for (int j = 0; j < across; j++) {
                    const uint32_t eight[2] = {b[j / 2][j % 2 * 2], b[j / 2][j % 2 * 2 + 1]};
                    mma_sync<typename Tile::number>(sum[i][j], a[i], eight);
                }
            }
        }
    }
    /* Puts the warp's sums into the block's tile of floats. */
    static __device__ __forceinline__ void keep(float *tile, int row, int column, const sums &sum) {
        const int lane = static_cast<int>(threadIdx.x) % 32;
        UNROLL
        for (int i = 0; i < down; i++) {
            UNROLL
            for (int j = 0; j < across; j++) {
                float *at =
                    tile + (row + 16 * i + lane / 4) * Tile::kept_stride + column + 8 * j + lane % 4 * 2;
                store_floats(at, {sum[i][j][0], sum[i][j][1]});
                store_floats(at + 8 * Tile::kept_stride, {sum[i][j][2], sum[i][j][3]});
            }
        }
    }
};

template <class Tile, class A, class B, class Sink>
__global__ void __launch_bounds__(Tile::threads, Tile::blocks)
    gemm_tensor(const typename A::element *a, const typename B::element *b, const float *bias, void *c,
                float *parts, A a_source, B b_source, Sink sink, kernel_gemm gemm) {
    using loop = gemm_tensor_loop<Tile, A, B>;
    using T = typename Tile::element;
    DYN_SHARED(T, tiles);
    a_source.data = a;
    b_source.data = b;
    const gemm_block block = gemm_block_of<Tile>(gemm);
    const int warp = static_cast<int>(threadIdx.x) / 32, row = warp / Tile::warps_across * Tile::warp_rows,
              column = warp % Tile::warps_across * Tile::warp_columns;
    typename loop::of_a of_a;
    typename loop::of_b of_b;
    of_a.begin(a_source, block.batch, block.row);
    of_b.begin(b_source, block.batch, block.column);
    const auto load = [&](int step) {
        T *to = tiles + step % Tile::stages * loop::stage;
        if (step < block.steps) {
            of_a.load(a_source, (block.first_step + step) * Tile::depth, to);
            of_b.load(b_source, (block.first_step + step) * Tile::depth, to + loop::of_a::elements);
        }
        cp_async_commit();
    };
    typename loop::sums sum = {};
    for (int step = 0; step < Tile::stages - 1; step++) load(step);
    for (int step = 0; step < block.steps; step++) {
        cp_async_wait<Tile::stages - 2>();
        __syncthreads(); /* all see this step's tiles, and none needs the last step's */
        load(step + Tile::stages - 1);
        loop::multiply(tiles + step % Tile::stages * loop::stage, row, column, sum);
    }
    __syncthreads();
    float *kept = reinterpret_cast<float *>(tiles);
    loop::keep(kept, row, column, sum);
    __syncthreads();
    constexpr int across = Tile::columns / 4;
    for (int i = static_cast<int>(threadIdx.x); i < Tile::rows * across; i += Tile::threads) {
        float some[4];
        load_floats(kept + i / across * Tile::kept_stride + i % across * 4, some);
        gemm_finish(c, bias, parts, sink, gemm, block.batch, block.row + i / across,
                    block.column + i % across * 4, some);
    }
}

/* Launches the product with tiles of a size, and the adding up of parts where k is split. `workspace` has
 * kernel_gemm_workspace bytes, aligned to 16; `bias` may be NULL. Returns the launches' status. */
template <class Tile, class A, class B, class Sink>
static inline kernel_status
gemm_tensor_launch(const void *a, const A &a_source, const void *b, const B &b_source, const float *bias,
                   void *c, const Sink &sink, void *workspace, const kernel_gemm &gemm, void *stream) {
    using T = typename Tile::element;
    constexpr size_t bytes = gemm_tensor_loop<Tile, A, B>::shared_bytes;
    float *parts = static_cast<float *>(workspace);
    kernel_status status = cudaFuncSetAttribute(
        gemm_tensor<Tile, A, B, Sink>, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes));
    if (status != cudaSuccess) return status;
    LAUNCH((gemm_tensor<Tile, A, B, Sink>), gemm_grid<Tile>(gemm), Tile::threads, bytes, stream,
           static_cast<const T *>(a), static_cast<const T *>(b), bias, c, parts, a_source, b_source, sink,
           gemm);
    status = cudaGetLastError();
    if (status != cudaSuccess || gemm.splits == 1) return status;
    return gemm_add_launch(parts, bias, c, sink, gemm, stream);
}

#endif
