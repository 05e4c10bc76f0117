/* Ops that draw random numbers: philox.h says which. A draw is a function of (seed, step, stream, element), so nothing
 * here depends on the order of threads.
 *
 *   uniform, normal   y[i] = fma(scale, draw(i), shift); a thread makes the four elements of one block of draws
 *   fill_beta         y[i] is made of words 0 and 1 of block i; a thread an element
 *   dropout           y = draw(i) >= p ? x / (1 - p) : 0, i the element's number in the order N, C, P (pixel of a plane).
 *                     dropout_rows: memory in that order, four elements a thread. dropout_planes: any strides; a thread
 *                     takes four pixels of a plane, which lie in one or two blocks of draws; neighbours take the next
 *                     channel, then the next pixels, so that channels that lie innermost are read together
 *   move_images       y[n, c, h, w] = x[n, c, h', w'] with (h', w') = (h, W - 1 - w) or (h + down, w + right), zero outside
 *                     of the image; or (h, w), zero in a square. One thread an element in the order of y's memory, images along the grid's y axis */
#include "numeric.cuh"
#include "random.h"

constexpr int threads = 256, most_images = 65535;

/* The draws of a stream in this step. */
__device__ __forceinline__ struct philox draws(const int64_t *rng, uint32_t stream) {
    return philox_start(static_cast<uint64_t>(rng[0]), PHILOX_OPS, stream, static_cast<uint64_t>(rng[1]));
}

template <bool normal>
__global__ void fill_random(const int64_t *rng, uint32_t stream, float scale, float shift, float *y,
                            int64_t n) {
    const struct philox philox = draws(rng, stream);
    for (int64_t block = blockIdx.x * int64_t{threads} + threadIdx.x; 4 * block < n;
         block += gridDim.x * int64_t{threads}) {
        const struct philox_block words = philox_words(&philox, static_cast<uint64_t>(block));
        struct philox_floats drawn;
        if (normal) {
            drawn = philox_normals(words);
        } else {
            UNROLL
            for (int k = 0; k < 4; k++) drawn.value[k] = philox_unit(words.word[k]);
        }
        UNROLL
        for (int k = 0; k < 4; k++) drawn.value[k] = fmaf(scale, drawn.value[k], shift);
        if (4 * block + 4 <= n)
            store_floats(y + 4 * block, drawn.value);
        else
            for (int64_t i = 4 * block; i < n; i++) y[i] = drawn.value[i % 4];
    }
}

__global__ void fill_beta(const int64_t *rng, uint32_t stream, float alpha, float *y, int64_t n) {
    const struct philox philox = draws(rng, stream);
    for (int64_t i = blockIdx.x * int64_t{threads} + threadIdx.x; i < n; i += gridDim.x * int64_t{threads})
        y[i] = philox_beta(philox_words(&philox, static_cast<uint64_t>(i)), alpha);
}

__device__ __forceinline__ float drop(float x, uint32_t word, float p, float factor) {
    return philox_unit(word) >= p ? x * factor : 0.0f;
}

template <class T>
__global__ void dropout_rows(const T *x, T *y, int64_t n, const int64_t *rng, uint32_t stream, float p,
                             float factor) {
    const struct philox philox = draws(rng, stream);
    for (int64_t block = blockIdx.x * int64_t{threads} + threadIdx.x; 4 * block < n;
         block += gridDim.x * int64_t{threads}) {
        const struct philox_block words = philox_words(&philox, static_cast<uint64_t>(block));
        if (4 * block + 4 <= n) {
            float numbers[4];
            load_floats(x + 4 * block, numbers);
            UNROLL
            for (int k = 0; k < 4; k++) numbers[k] = drop(numbers[k], words.word[k], p, factor);
            store_floats(y + 4 * block, numbers);
        } else {
            for (int64_t i = 4 * block; i < n; i++)
                y[i] = from_float<T>(drop(to_float(x[i]), words.word[i % 4], p, factor));
        }
    }
}

template <class T>
__global__ void dropout_planes(const T *x, struct kernel_view from, T *y, struct kernel_view to,
                               const int64_t *rng, uint32_t stream, float p, float factor) {
    const struct philox philox = draws(rng, stream);
    const unsigned channels = static_cast<unsigned>(to.dim[1]), pixels = static_cast<unsigned>(to.dim[2]),
                   work = (pixels + 3) / 4 * channels;
    for (int64_t n = blockIdx.y; n < to.dim[0]; n += gridDim.y) {
        for (unsigned i = blockIdx.x * threads + threadIdx.x; i < work; i += gridDim.x * threads) {
            const unsigned c = i % channels, first = i / channels * 4;
            const int64_t element = (n * channels + c) * pixels + first;
            const T *source = x + n * from.stride[0] + c * from.stride[1];
            T *target = y + n * to.stride[0] + c * to.stride[1];
            const int skip = static_cast<int>(element % 4);
            const uint64_t block = static_cast<uint64_t>(element / 4);
            uint32_t words[8];
            UNROLL
            for (int part = 0; part < 2; part++) {
                struct philox_block four = {};
                if (part == 0 || skip) four = philox_words(&philox, block + part);
                UNROLL
                for (int k = 0; k < 4; k++) words[4 * part + k] = four.word[k];
            }
            UNROLL
            for (int k = 0; k < 4; k++) {
                if (first + k >= pixels) continue;
                const uint32_t word = skip == 0   ? words[k]
                                      : skip == 1 ? words[k + 1]
                                      : skip == 2 ? words[k + 2]
                                                  : words[k + 3];
                const float kept = drop(to_float(source[(first + k) * from.stride[2]]), word, p, factor);
                target[(first + k) * to.stride[2]] = from_float<T>(kept);
            }
        }
    }
}

template <class T>
__global__ void move_images(const T *x, struct kernel_view from, T *y, struct kernel_view to,
                            const int64_t *rng, struct image_move move, bool channels_last) {
    const int channels = static_cast<int>(to.dim[1]), height = static_cast<int>(to.dim[2]),
              width = static_cast<int>(to.dim[3]), inner = channels_last ? channels : width,
              middle = channels_last ? width : height;
    const unsigned count = static_cast<unsigned>(channels * height * width);
    for (int64_t n = blockIdx.y; n < to.dim[0]; n += gridDim.y) {
        struct moved_image moved;
        move_image(&moved, &move, rng, n, height, width);
        for (unsigned i = blockIdx.x * threads + threadIdx.x; i < count; i += gridDim.x * threads) {
            const int first = static_cast<int>(i % inner), rest = static_cast<int>(i / inner),
                      second = rest % middle, third = rest / middle;
            const int c = channels_last ? first : third, h = channels_last ? third : second,
                      w = channels_last ? second : first;
            int from_h = h, from_w = w;
            T pixel = 0;
            if (moved_from(&moved, height, width, &from_h, &from_w))
                pixel = x[n * from.stride[0] + c * from.stride[1] + from_h * from.stride[2] +
                          from_w * from.stride[3]];
            y[n * to.stride[0] + c * to.stride[1] + h * to.stride[2] + w * to.stride[3]] = pixel;
        }
    }
}

extern "C" kernel_status kernel_uniform(const int64_t *rng, uint32_t stream, float low, float range, float *y,
                                        int64_t n, void *launch_stream) {
    LAUNCH((fill_random<false>), blocks_for((n + 3) / 4, threads), threads, 0, launch_stream, rng, stream,
           range, low, y, n);
    return cudaGetLastError();
}

extern "C" kernel_status kernel_normal(const int64_t *rng, uint32_t stream, float mean, float deviation,
                                       float *y, int64_t n, void *launch_stream) {
    LAUNCH((fill_random<true>), blocks_for((n + 3) / 4, threads), threads, 0, launch_stream, rng, stream,
           deviation, mean, y, n);
    return cudaGetLastError();
}

extern "C" kernel_status kernel_beta(const int64_t *rng, uint32_t stream, float alpha, float *y, int64_t n,
                                     void *launch_stream) {
    LAUNCH(fill_beta, blocks_for(n, threads), threads, 0, launch_stream, rng, stream, alpha, y, n);
    return cudaGetLastError();
}

extern "C" kernel_status kernel_dropout_rows(const void *x, void *y, enum kernel_type type, int64_t n,
                                             const int64_t *rng, uint32_t stream, float p, float factor,
                                             void *launch_stream) {
    WITH_TYPE(type, T,
              LAUNCH((dropout_rows<T>), blocks_for((n + 3) / 4, threads), threads, 0, launch_stream,
                     static_cast<const T *>(x), static_cast<T *>(y), n, rng, stream, p, factor));
    return cudaGetLastError();
}

/* Blocks for `work` in each of n images. */
static dim3 image_blocks(int64_t work, int64_t n) {
    return dim3(blocks_for(work, threads, 1024), static_cast<unsigned>(n < most_images ? n : most_images));
}

extern "C" kernel_status kernel_dropout(const void *x, const struct kernel_view *x_view, void *y,
                                        const struct kernel_view *y_view, enum kernel_type type,
                                        const int64_t *rng, uint32_t stream, float p, float factor,
                                        void *launch_stream) {
    const dim3 blocks = image_blocks((y_view->dim[2] + 3) / 4 * y_view->dim[1], y_view->dim[0]);
    WITH_TYPE(type, T,
              LAUNCH((dropout_planes<T>), blocks, threads, 0, launch_stream, static_cast<const T *>(x),
                     *x_view, static_cast<T *>(y), *y_view, rng, stream, p, factor));
    return cudaGetLastError();
}

template <class T>
static void launch_move(const void *x, const struct kernel_view *x_view, void *y,
                        const struct kernel_view *y_view, const int64_t *rng, const struct image_move *move,
                        void *launch_stream) {
    const dim3 blocks = image_blocks(y_view->dim[1] * y_view->dim[2] * y_view->dim[3], y_view->dim[0]);
    LAUNCH((move_images<T>), blocks, threads, 0, launch_stream, static_cast<const T *>(x), *x_view,
           static_cast<T *>(y), *y_view, rng, *move, y_view->stride[1] == 1);
}

extern "C" kernel_status kernel_move_images(const void *x, const struct kernel_view *x_view, void *y,
                                            const struct kernel_view *y_view, int bytes, const int64_t *rng,
                                            const struct image_move *move, void *launch_stream) {
    const auto launch = bytes == 1   ? launch_move<uint8_t>
                        : bytes == 2 ? launch_move<uint16_t>
                        : bytes == 4 ? launch_move<uint32_t>
                                     : launch_move<uint64_t>;
    launch(x, x_view, y, y_view, rng, move, launch_stream);
    return cudaGetLastError();
}
