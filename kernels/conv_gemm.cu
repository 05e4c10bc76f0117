/* Convolutions as products of matrices (conv_gemm.cuh): their sizes, and the weight in the order in which k runs. */
#include "conv_gemm_launch.cuh"

/* to[b][column][row] = from[b][row][column]. A block moves a tile of 32 x 32 of a matrix through shared memory, so that
 * reads and writes both run along lines. */
constexpr int side = 32, threads_down = 8;
template <class T>
__global__ void __launch_bounds__(side *threads_down)
    conv_reorder(const T *from, T *to, int rows, int columns, int tiles_across, int tiles) {
    SHARED(T, tile, [side][side + 1]);
    const int tile_at = static_cast<int>(blockIdx.x) % tiles, x = static_cast<int>(threadIdx.x),
              row = tile_at / tiles_across * side, column = tile_at % tiles_across * side;
    const int64_t start = int64_t{static_cast<int>(blockIdx.x) / tiles} * rows * columns;
    for (int y = static_cast<int>(threadIdx.y); y < side; y += threads_down)
        if (row + y < rows && column + x < columns)
            tile[y][x] = from[start + int64_t{row + y} * columns + column + x];
    __syncthreads();
    for (int y = static_cast<int>(threadIdx.y); y < side; y += threads_down)
        if (column + y < columns && row + x < rows)
            to[start + int64_t{column + y} * rows + row + x] = tile[x][y];
}

/* The weight as `batches` matrices whose rows and columns change places: for the image outputs x (channels, window) of a
 * group, for places channels x window of an output. */
struct conv_order {
    int64_t batches;
    int rows, columns;
};
static conv_order order_of(const kernel_conv &conv) {
    const int window = conv.axis[0].window * conv.axis[1].window;
    if (conv.made == KERNEL_CONV_IMAGE) return {conv.groups, conv.outputs, conv.channels * window};
    return {int64_t{conv.groups} * conv.outputs, conv.channels, window};
}

extern "C" size_t kernel_conv_reordered(const struct kernel_conv *conv) {
    const conv_order order = order_of(*conv);
    if (conv->made == KERNEL_CONV_WEIGHT || order.rows == 1 || order.columns == 1) return 0;
    const size_t bytes = static_cast<size_t>(order.batches) * order.rows * order.columns *
                         (conv->type == KERNEL_F32 ? sizeof(float) : sizeof(__half));
    return (bytes + 255) / 256 * 256;
}

static kernel_status reorder(const kernel_conv &conv, const void *weight, void *to, void *stream) {
    const conv_order order = order_of(conv);
    const int across = (order.columns + side - 1) / side, tiles = (order.rows + side - 1) / side * across;
    const unsigned blocks = static_cast<unsigned>(order.batches * tiles);
    WITH_TYPE(conv.type, T,
              LAUNCH((conv_reorder<T>), blocks, dim3(side, threads_down), 0, stream,
                     static_cast<const T *>(weight), static_cast<T *>(to), order.rows, order.columns, across,
                     tiles));
    return cudaGetLastError();
}

template <bool image> static struct kernel_conv_product product_of(const kernel_conv &conv) {
    const conv_sides<image> sides{conv};
    return {int64_t{conv.batch} * sides.rows(0) * sides.rows(1), sides.results(),
            int64_t{conv_most_taps<image>(conv.axis[0])} * conv_most_taps<image>(conv.axis[1]) *
                sides.sources(),
            int64_t{conv.groups} * sides.phases(0) * sides.phases(1)};
}

extern "C" struct kernel_conv_product kernel_conv_product_of(const struct kernel_conv *conv) {
    if (conv->made == KERNEL_CONV_IMAGE) return product_of<true>(*conv);
    if (conv->made == KERNEL_CONV_PLACES) return product_of<false>(*conv);
    return {conv->outputs, int64_t{conv->axis[0].window} * conv->axis[1].window * conv->channels,
            int64_t{conv->batch} * conv->axis[0].places * conv->axis[1].places, conv->groups};
}

extern "C" kernel_status kernel_conv_gemm(const struct kernel_conv *conv, const void *a, const void *b,
                                          const float *bias, void *result, const struct kernel_gemm *gemm,
                                          void *workspace, void *stream) {
    const size_t reordered = kernel_conv_reordered(conv);
    void *parts = static_cast<char *>(workspace) + reordered;
    if (reordered > 0) {
        const kernel_status status = reorder(*conv, b, workspace, stream);
        if (status != cudaSuccess) return status;
        b = workspace;
    }
    if (conv->made == KERNEL_CONV_PLACES)
        return conv_gemm_places(*conv, a, b, bias, result, *gemm, parts, stream);
    if (conv->made == KERNEL_CONV_IMAGE)
        return conv_gemm_image(*conv, a, b, bias, result, *gemm, parts, stream);
    return conv_gemm_weight(*conv, a, b, result, *gemm, parts, stream);
}
