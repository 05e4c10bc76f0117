/* Copies between strided tensors: y[place in y of i] = x[place in x of i] for each element i of a block.
 *
 * The block's dimensions are put in the order of y's memory and joined where both tensors allow it. Then
 *   - one run on both sides is left to the runtime;
 *   - where x runs along another dimension than y, blocks of threads turn tiles of 32 x 32 in shared memory, so that
 *     reads and writes both go along memory;
 *   - anything else is copied in units of up to 16 bytes, as wide as runs, strides and addresses allow, consecutive
 *     threads writing consecutive units.
 * There is no arithmetic on elements: they are moved as bytes. */
#include "shape.h"
#include "walk.cuh"

constexpr int threads = 256, tile = 32, tile_rows = 8, least_side = 8;

/* A thread copies several narrow units at a time, for enough bytes under way. x's strides (a) count X, y's (b) count
 * packs of `repeat` of them. */
template <class X, int repeat>
constexpr int units_of = sizeof(X) * repeat >= 16  ? 1
                         : sizeof(X) * repeat == 8 ? 2
                                                   : 4;

template <class X, int repeat> __global__ void copy_strided(const X *x, pack<X, repeat> *y, walk block) {
    constexpr int units = units_of<X, repeat>;
    for (int64_t first = blockIdx.x * int64_t{threads} * units + threadIdx.x; first < block.count;
         first += gridDim.x * int64_t{threads} * units) {
        X held[units];
        int64_t to[units];
        UNROLL
        for (int k = 0; k < units; k++) {
            if (first + k * threads >= block.count) break;
            const place at = place_of(block, first + k * threads);
            held[k] = load_vector<X>(x + at.a);
            to[k] = at.b;
        }
        UNROLL
        for (int k = 0; k < units; k++) {
            if (first + k * threads >= block.count) break;
            pack<X, repeat> unit;
            UNROLL
            for (int r = 0; r < repeat; r++) unit.number[r] = held[k];
            store_vector(y + to[k], unit);
        }
    }
}

/* Many matrices, one tile a block: y[column y_stride + row] = x[row x_stride + column]. */
struct matrices {
    int64_t rows, columns, x_stride, y_stride;
    divisor row_tiles, column_tiles;
    walk outer;
};

template <class T> __global__ void transpose_tiles(const T *x, T *y, matrices of) {
    SHARED(T, held, [tile][tile + 1]);
    const int64_t columns_done = quotient(blockIdx.x, of.column_tiles),
                  matrix = quotient(columns_done, of.row_tiles);
    const int64_t column = (blockIdx.x - columns_done * of.column_tiles.value) * tile,
                  row = (columns_done - matrix * of.row_tiles.value) * tile;
    const place at = place_of(of.outer, matrix);
    for (int k = threadIdx.y; k < tile; k += tile_rows)
        if (row + k < of.rows && column + threadIdx.x < of.columns)
            held[k][threadIdx.x] = x[at.a + (row + k) * of.x_stride + column + threadIdx.x];
    __syncthreads();
    for (int k = threadIdx.y; k < tile; k += tile_rows)
        if (row + threadIdx.x < of.rows && column + k < of.columns)
            y[at.b + (column + k) * of.y_stride + row + threadIdx.x] = held[threadIdx.x][k];
}

/* One gap for KERNEL_GAP threads. */
struct gap_list {
    kernel_gap gap[KERNEL_GAPS];
};

__global__ void zero_gaps(float *y, gap_list gaps) {
    const kernel_gap gap = gaps.gap[blockIdx.x];
    if (threadIdx.x < gap.count) y[gap.at + threadIdx.x] = 0;
}

/* ---- choosing a form ---- */

/* a and b are the strides in x and in y. */
static walk block_of(const kernel_view *from, const kernel_view *to) {
    int order[KERNEL_RANK];
    innermost_first(to, order);
    walk block = walk_start();
    for (int i = 0; i < to->rank; i++)
        walk_add(&block, to->dim[order[i]], from->stride[order[i]], to->stride[order[i]]);
    return block;
}

/* The dimension along which x is contiguous, where tiles are worth it; else 0. */
static int tile_dimension(const walk &block) {
    if (block.b[0] != 1 || block.a[0] < 2 || block.dim[0].value < least_side) return 0;
    for (int d = 1; d < block.rank; d++)
        if (block.a[d] == 1 && block.dim[d].value >= least_side) return d;
    return 0;
}

template <class T> static void transpose(const void *x, void *y, const walk &block, int inner, void *stream) {
    const int64_t rows = block.dim[0].value, columns = block.dim[inner].value;
    matrices of = {rows,
                   columns,
                   block.a[0],
                   block.b[inner],
                   divisor_of((rows + tile - 1) / tile),
                   divisor_of((columns + tile - 1) / tile),
                   walk_start()};
    for (int d = 1; d < block.rank; d++)
        if (d != inner) walk_add(&of.outer, block.dim[d].value, block.a[d], block.b[d]);
    const int64_t tiles = of.row_tiles.value * of.column_tiles.value * of.outer.count;
    LAUNCH((transpose_tiles<T>), static_cast<unsigned>(tiles), dim3(tile, tile_rows), 0, stream,
           static_cast<const T *>(x), static_cast<T *>(y), of);
}

/* How many bytes move at a time: a power of two, from `size` to 16. With `repeated`, x is read by single elements. */
static int unit_bytes(const void *x, const void *y, const walk &block, int size, bool repeated) {
    uint64_t bytes = 16 | reinterpret_cast<uintptr_t>(y) | static_cast<uint64_t>(block.dim[0].value) * size;
    if (!repeated) bytes |= reinterpret_cast<uintptr_t>(x);
    for (int d = 1; d < block.rank; d++) {
        bytes |= static_cast<uint64_t>(block.b[d]) * size;
        if (!repeated) bytes |= static_cast<uint64_t>(block.a[d]) * size;
    }
    return static_cast<int>(bytes & (~bytes + 1));
}

/* The block with x's strides in units of `per_x` elements and y's of `per_y`. */
static walk in_units(const walk &block, int64_t per_x, int64_t per_y) {
    walk units = walk_start();
    walk_add(&units, block.dim[0].value / per_y, block.a[0], block.b[0]);
    for (int d = 1; d < block.rank; d++)
        walk_add(&units, block.dim[d].value, block.a[d] / per_x, block.b[d] / per_y);
    return units;
}

template <class X, int repeat>
static void copy_units(const void *x, void *y, const walk &units, void *stream) {
    LAUNCH((copy_strided<X, repeat>), blocks_for(units.count, threads * units_of<X, repeat>), threads, 0,
           stream, static_cast<const X *>(x), static_cast<pack<X, repeat> *>(y), units);
}

static void copy_block(const void *x, void *y, const walk &block, int size, void *stream) {
    const bool runs = block.b[0] == 1 && block.a[0] == 1, repeated = block.b[0] == 1 && block.a[0] == 0;
    if (repeated && size == 4 && unit_bytes(x, y, block, size, true) == 16)
        return copy_units<uint32_t, 4>(x, y, in_units(block, 1, 4), stream);
    if (repeated && size == 2 && unit_bytes(x, y, block, size, true) == 16)
        return copy_units<uint16_t, 8>(x, y, in_units(block, 1, 8), stream);
    const int bytes = runs ? unit_bytes(x, y, block, size, false) : size;
    const walk units = in_units(block, bytes / size, bytes / size);
    if (bytes == 16)
        copy_units<uint4, 1>(x, y, units, stream);
    else if (bytes == 8)
        copy_units<uint2, 1>(x, y, units, stream);
    else if (bytes == 4)
        copy_units<uint32_t, 1>(x, y, units, stream);
    else if (bytes == 2)
        copy_units<uint16_t, 1>(x, y, units, stream);
    else
        copy_units<uint8_t, 1>(x, y, units, stream);
}

extern "C" kernel_status kernel_copy(const void *x, const struct kernel_view *from, void *y,
                                     const struct kernel_view *to, int size, void *stream) {
    const walk block = block_of(from, to);
    const int inner = tile_dimension(block);
    if (block.rank == 1 && block.a[0] == 1 && block.b[0] == 1)
        return cudaMemcpyAsync(y, x, static_cast<size_t>(block.count) * size, cudaMemcpyDeviceToDevice,
                               static_cast<cudaStream_t>(stream));
    if (inner == 0)
        copy_block(x, y, block, size, stream);
    else if (size == 8)
        transpose<uint2>(x, y, block, inner, stream);
    else if (size == 4)
        transpose<uint32_t>(x, y, block, inner, stream);
    else if (size == 2)
        transpose<uint16_t>(x, y, block, inner, stream);
    else
        transpose<uint8_t>(x, y, block, inner, stream);
    return cudaGetLastError();
}

extern "C" kernel_status kernel_zero_gaps(float *y, const struct kernel_gap *gaps, int count, void *stream) {
    gap_list list = {};
    for (int i = 0; i < count; i++) list.gap[i] = gaps[i];
    if (count > 0) LAUNCH(zero_gaps, static_cast<unsigned>(count), KERNEL_GAP, 0, stream, y, list);
    return cudaGetLastError();
}
