/* Places of an image of few channels, as a network's first layer reads.
 *
 * Tiles of an implicit product would be filled by looking up its elements one by one. Here a block makes a tile of places of
 * one image, for `across` slots, a slot being R outputs. What lies under the tile and the slots' weights are put into shared
 * memory as float, once, with zeros around the image. A thread makes 4 places of a slot; its neighbours take the next slots
 * where outputs lie side by side in y, the next places otherwise. Where a tile's results follow one another in y, they are
 * written from shared memory in vectors. Sums are float, in the order of k = (channel, element of the window): the same bits
 * in every run. */
#include "conv.cuh"

constexpr int most_threads = 256, positions = 4, most_channels = 4, most_across = 8, most_bytes = 48 * 1024;

struct edge_tile {
    int height, width, patch_h, patch_w; /* in places, in pixels */
    int across, down;                    /* threads that take different slots, different places */
    int tiles_h, tiles_w, slot_tiles;
    int bytes; /* of shared memory */
    bool slots_first, packed, vectors;
};

/* Fills the block's shared memory: pixels [channel][row][column], weights [k][slot of the block]. */
template <class T>
__device__ void fill_patch(const kernel_conv &conv, const edge_tile &tile, const T *x, int first_h,
                           int first_w, float *patch) {
    const int pixels = tile.patch_h * tile.patch_w, rows = conv.axis[0].image, columns = conv.axis[1].image;
    const bool channels_first = conv.x_stride[1] != 1;
    for (int i = static_cast<int>(threadIdx.x); i < conv.channels * pixels;
         i += static_cast<int>(blockDim.x)) {
        const int c = channels_first ? i / pixels : i % conv.channels,
                  pixel = channels_first ? i - c * pixels : i / conv.channels;
        const int row = pixel / tile.patch_w, h = first_h + row, w = first_w + pixel - row * tile.patch_w;
        const bool inside = h >= 0 && h < rows && w >= 0 && w < columns;
        patch[c * pixels + pixel] =
            inside ? to_float(x[c * conv.x_stride[1] + h * conv.x_stride[2] + w * conv.x_stride[3]]) : 0.f;
    }
}

template <class T>
__device__ void fill_weights(const kernel_conv &conv, const T *weight, int first_output, int columns,
                             int length, float *weights) {
    for (int i = static_cast<int>(threadIdx.x); i < length * columns; i += static_cast<int>(blockDim.x)) {
        const int k = i / columns, output = first_output + i - k * columns;
        weights[i] = output < conv.outputs ? to_float(weight[int64_t{output} * length + k]) : 0.f;
    }
}

/* `count` numbers from shared memory to y, which need not begin at a multiple of 16 bytes. */
template <class Y> __device__ void write_packed(const Y *kept, Y *y, int count) {
    constexpr int width = vector_of<Y>;
    const int vectors = reinterpret_cast<uintptr_t>(y) % 16 == 0 ? count / width : 0;
    for (int i = static_cast<int>(threadIdx.x); i < vectors; i += static_cast<int>(blockDim.x))
        store_vector(y + i * width, load_vector<pack<Y, width>>(kept + i * width));
    for (int i = vectors * width + static_cast<int>(threadIdx.x); i < count;
         i += static_cast<int>(blockDim.x))
        y[i] = kept[i];
}

template <int R, class T, class Y>
__global__ void __launch_bounds__(most_threads)
    conv_edge(const kernel_conv conv, edge_tile tile, const T *x, const T *weight, const float *bias, Y *y) {
    DYN_SHARED(float, patch);
    const int columns = tile.across * R, pixels = tile.patch_h * tile.patch_w;
    const kernel_conv_axis &down = conv.axis[0], &right = conv.axis[1];
    float *const weights = patch + (conv.channels * pixels + 3) / 4 * 4;
    const division slots = divide(blockIdx.x, tile.slot_tiles), column = divide(slots.quotient, tile.tiles_w),
                   row = divide(column.quotient, tile.tiles_h);
    const int first_h = row.remainder * tile.height, first_w = column.remainder * tile.width;
    const int64_t n = row.quotient;
    fill_patch(conv, tile, x + n * conv.x_stride[0], first_h * down.stride - down.pad,
               first_w * right.stride - right.pad, patch);
    fill_weights(conv, weight, slots.remainder * columns, columns, conv.channels * down.window * right.window,
                 weights);

    const int thread = static_cast<int>(threadIdx.x);
    int slot = tile.slots_first ? thread % tile.across : thread / tile.down;
    const int place = tile.slots_first ? thread / tile.across : thread % tile.down;
    const bool works = slot < tile.across && place < tile.down;
    if (!works) slot = 0;
    int at[positions], h[positions], w[positions]; /* in the patch; in the tile, h below 0 for none */
    UNROLL
    for (int p = 0; p < positions; p++) {
        const int index = p * tile.down + place;
        h[p] = index / tile.width;
        w[p] = index - h[p] * tile.width;
        if (!works || h[p] >= tile.height || first_h + h[p] >= down.places || first_w + w[p] >= right.places)
            h[p] = -1;
        at[p] = h[p] < 0 ? 0 : h[p] * down.stride * tile.patch_w + w[p] * right.stride;
    }
    __syncthreads();
    float sum[positions][R] = {};
    const float *factors = weights + slot * R;
    for (int c = 0; c < conv.channels; c++)
        for (int i = 0; i < down.window; i++) {
            const float *const from = patch + c * pixels + i * down.dilation * tile.patch_w;
            for (int j = 0; j < right.window; j++, factors += columns) {
                float factor[R];
                load_floats(factors, factor);
                UNROLL
                for (int p = 0; p < positions; p++) {
                    const float number = from[at[p] + j * right.dilation];
                    UNROLL
                    for (int r = 0; r < R; r++) sum[p][r] = fmaf(number, factor[r], sum[p][r]);
                }
            }
        }
    const int output = slots.remainder * columns + slot * R;
    UNROLL
    for (int r = 0; r < R; r++) {
        const float shift = conv.has_bias && output + r < conv.outputs ? bias[output + r] : 0.f;
        UNROLL
        for (int p = 0; p < positions; p++)
            sum[p][r] = activate(conv.activation, conv.slope, sum[p][r] + shift);
    }
    Y *const to = y + n * conv.y_stride[0] + first_h * conv.y_stride[2] + first_w * conv.y_stride[3];
    Y *const kept = reinterpret_cast<Y *>(patch);
    if (tile.packed) __syncthreads(); /* nobody reads the patch any more */
    UNROLL
    for (int p = 0; p < positions; p++) {
        if (h[p] < 0) continue;
        Y *const mine = to + (h[p] * conv.y_stride[2] + w[p] * conv.y_stride[3] + output * conv.y_stride[1]);
        if (tile.vectors && output + R <= conv.outputs) {
            store_floats(mine, sum[p]);
            continue;
        }
        UNROLL
        for (int r = 0; r < R; r++) {
            if (output + r >= conv.outputs) break;
            if (tile.packed)
                kept[(h[p] * tile.width + w[p]) * conv.outputs + output + r] = from_float<Y>(sum[p][r]);
            else
                mine[r * conv.y_stride[1]] = from_float<Y>(sum[p][r]);
        }
    }
    if (!tile.packed) return;
    __syncthreads();
    const int left = down.places - first_h, rows = left < tile.height ? left : tile.height;
    write_packed(kept, to, rows * tile.width * conv.outputs);
}

/* `size` in parts of about the same size, of at most `most`. */
static int even(int size, int most) {
    const int parts = (size + most - 1) / most;
    return (size + parts - 1) / parts;
}

/* The tile for so many slots; false where it does not fit into shared memory. */
static bool tile_for(const kernel_conv &conv, int R, int across, edge_tile *tile) {
    const kernel_conv_axis &down = conv.axis[0], &right = conv.axis[1];
    const int slots = (conv.outputs + R - 1) / R;
    const int64_t size = conv.result_type == KERNEL_F32 ? sizeof(float) : sizeof(__half);
    *tile = {};
    tile->across = across;
    tile->width = even(right.places, 32);
    tile->height = even(down.places, most_threads / across * positions / tile->width);
    tile->tiles_w = (right.places + tile->width - 1) / tile->width;
    tile->tiles_h = (down.places + tile->height - 1) / tile->height;
    tile->slot_tiles = (slots + across - 1) / across;
    tile->down = (tile->height * tile->width + positions - 1) / positions;
    const int64_t patch_h =
                      int64_t{tile->height - 1} * down.stride + int64_t{down.window - 1} * down.dilation + 1,
                  patch_w = int64_t{tile->width - 1} * right.stride +
                            int64_t{right.window - 1} * right.dilation + 1;
    const int64_t window = int64_t{down.window} * right.window, most = most_bytes / sizeof(float);
    if (patch_h > most || patch_w > most || window > most || patch_h * patch_w > most) return false;
    tile->patch_h = static_cast<int>(patch_h);
    tile->patch_w = static_cast<int>(patch_w);
    tile->slots_first = conv.y_stride[1] == 1;
    tile->vectors = tile->slots_first && conv.outputs % R == 0 && conv.y_stride[0] % R == 0 &&
                    conv.y_stride[2] % R == 0 && conv.y_stride[3] % R == 0;
    tile->packed = !tile->vectors && tile->slots_first && tile->tiles_w == 1 && tile->slot_tiles == 1 &&
                   conv.y_stride[3] == conv.outputs &&
                   conv.y_stride[2] == int64_t{conv.outputs} * right.places;
    const int64_t filled = ((conv.channels * patch_h * patch_w + 3) / 4 * 4 +
                            conv.channels * window * across * R) *
                           static_cast<int64_t>(sizeof(float)),
                  kept = (tile->packed ? size : 0) * tile->height * tile->width * conv.outputs;
    tile->bytes = static_cast<int>(filled < most_bytes ? filled > kept ? filled : kept : most_bytes + 1);
    return tile->bytes <= most_bytes;
}

static int outputs_of_slot(const kernel_conv &conv) {
    return conv.outputs <= 4 ? 4 : 8;
}

static bool find_tile(const kernel_conv &conv, edge_tile *tile) {
    const int R = outputs_of_slot(conv), slots = (conv.outputs + R - 1) / R;
    int across = 1;
    while (across < most_across && across < slots) across *= 2;
    for (; across > 0; across /= 2)
        if (tile_for(conv, R, across, tile)) return true;
    return false;
}

extern "C" bool kernel_conv_has_edge(const struct kernel_conv *conv) {
    edge_tile tile;
    return conv->made == KERNEL_CONV_PLACES && conv->groups == 1 && conv->channels <= most_channels &&
           find_tile(*conv, &tile);
}

template <class T, class Y>
static void launch(const kernel_conv &conv, const void *x, const void *weight, const float *bias, void *y,
                   void *stream) {
    edge_tile tile;
    if (!find_tile(conv, &tile)) return; /* the caller has asked */
    const int64_t blocks = int64_t{conv.batch} * tile.tiles_h * tile.tiles_w * tile.slot_tiles;
    const int threads = (tile.across * tile.down + 31) / 32 * 32;
    if (outputs_of_slot(conv) == 4)
        LAUNCH((conv_edge<4, T, Y>), static_cast<unsigned>(blocks), threads, static_cast<size_t>(tile.bytes),
               stream, conv, tile, static_cast<const T *>(x), static_cast<const T *>(weight), bias,
               static_cast<Y *>(y));
    else
        LAUNCH((conv_edge<8, T, Y>), static_cast<unsigned>(blocks), threads, static_cast<size_t>(tile.bytes),
               stream, conv, tile, static_cast<const T *>(x), static_cast<const T *>(weight), bias,
               static_cast<Y *>(y));
}

extern "C" kernel_status kernel_conv_edge(const struct kernel_conv *conv, const void *x, const void *weight,
                                          const float *bias, void *y, void *stream) {
    WITH_CONV_TYPES(conv, T, Y, launch<T, Y>(*conv, x, weight, bias, y, stream));
    return cudaGetLastError();
}
