/* Images made anew, each by draws of its own, which distort.h turns into numbers; all is computed in float.
 *
 *   random_affine   y(h, w) = x at R (h, w), between four pixels. One thread a pixel and all its channels, images along the
 *                   grid's y axis
 *   color_jitter    one block an image, a pixel and its channels a thread: first the mean grey, if the contrast changes, summed
 *                   in double by threads, warps and the block in an order that is always the same; then the colours. Each
 *                   pixel is read and written by one thread, so y may be x */
#include "augment.h"
#include "numeric.cuh"

constexpr int threads = 256, most_images = 65535;

/* Pixel (h, w) of a plane; `fill` beyond it. */
template <class T>
__device__ __forceinline__ float pixel_at(const T *plane, const struct kernel_view &x, int h, int w,
                                          float fill) {
    const bool inside = h >= 0 && h < x.dim[2] && w >= 0 && w < x.dim[3];
    return inside ? to_float(plane[h * x.stride[2] + w * x.stride[3]]) : fill;
}

template <class T>
__global__ void random_affine(const T *x, struct kernel_view from, const float *fill, T *y,
                              struct kernel_view to, const int64_t *rng, struct image_affine how) {
    const int channels = static_cast<int>(to.dim[1]), height = static_cast<int>(to.dim[2]),
              width = static_cast<int>(to.dim[3]);
    const unsigned pixels = static_cast<unsigned>(height) * width;
    for (int64_t n = blockIdx.y; n < to.dim[0]; n += gridDim.y) {
        struct resampled image;
        resample_image(&image, &how, rng, n, height, width);
        for (unsigned i = blockIdx.x * threads + threadIdx.x; i < pixels; i += gridDim.x * threads) {
            const int h = static_cast<int>(i / width), w = static_cast<int>(i % width);
            struct between at = {};
            const bool inside = resampled_from(&image, height, width, h, w, &at);
            for (int c = 0; c < channels; c++) {
                const T *plane = x + n * from.stride[0] + c * from.stride[1];
                float value = fill[c];
                if (inside)
                    value = blend_pixels(&at, pixel_at(plane, from, at.h, at.w, value),
                                         pixel_at(plane, from, at.h, at.w + 1, value),
                                         pixel_at(plane, from, at.h + 1, at.w, value),
                                         pixel_at(plane, from, at.h + 1, at.w + 1, value));
                y[n * to.stride[0] + c * to.stride[1] + h * to.stride[2] + w * to.stride[3]] =
                    from_float<T>(value);
            }
        }
    }
}

/* The colour of a pixel, no longer normalised. */
template <int channels, class T>
__device__ __forceinline__ void read_colour(const T *pixel, int64_t stride, const float *mean,
                                            const float *deviation, float (&colour)[3]) {
    UNROLL
    for (int c = 0; c < channels; c++) colour[c] = fmaf(to_float(pixel[c * stride]), deviation[c], mean[c]);
}

/* The mean grey of an image that has been made brighter or darker, the same in every thread. */
template <int channels, class T>
__device__ __forceinline__ float mean_grey(const T *image, const struct kernel_view &x, const float *mean,
                                           const float *deviation, float brightness) {
    SHARED(double, parts, [threads / 32]);
    const unsigned width = static_cast<unsigned>(x.dim[3]), pixels = static_cast<unsigned>(x.dim[2]) * width;
    double sum = 0;
    for (unsigned i = threadIdx.x; i < pixels; i += threads) {
        float colour[3] = {};
        read_colour<channels>(image + i / width * x.stride[2] + i % width * x.stride[3], x.stride[1], mean,
                              deviation, colour);
        UNROLL
        for (int c = 0; c < channels; c++) colour[c] = clamp_colour(brightness * colour[c]);
        sum += channels == 1 ? colour[0] : grey_of(colour[0], colour[1], colour[2]);
    }
    sum = warp_sum(sum);
    if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = sum;
    __syncthreads();
    sum = 0;
    UNROLL
    for (int part = 0; part < threads / 32; part++) sum += parts[part];
    return static_cast<float>(sum / pixels);
}

template <int channels, class T>
__global__ void color_jitter(const T *x, struct kernel_view from, const float *mean, const float *deviation,
                             T *y, struct kernel_view to, const int64_t *rng, struct image_jitter how) {
    const int64_t n = blockIdx.x;
    const unsigned width = static_cast<unsigned>(to.dim[3]),
                   pixels = static_cast<unsigned>(to.dim[2]) * width;
    const T *source = x + n * from.stride[0];
    T *target = y + n * to.stride[0];
    struct jittered image;
    jitter_image(&image, &how, rng, n);
    float grey = 0;
    if (how.least[1] != 1 || how.range[1] != 0)
        grey = mean_grey<channels>(source, from, mean, deviation, image.brightness);
    for (unsigned i = threadIdx.x; i < pixels; i += threads) {
        const unsigned h = i / width, w = i % width;
        float colour[3] = {};
        read_colour<channels>(source + h * from.stride[2] + w * from.stride[3], from.stride[1], mean,
                              deviation, colour);
        jitter_colour(&image, grey, channels, colour);
        UNROLL
        for (int c = 0; c < channels; c++)
            target[c * to.stride[1] + h * to.stride[2] + w * to.stride[3]] =
                from_float<T>((colour[c] - mean[c]) / deviation[c]);
    }
}

extern "C" kernel_status kernel_random_affine(const void *x, const struct kernel_view *x_view,
                                              const float *fill, void *y, const struct kernel_view *y_view,
                                              enum kernel_type type, const int64_t *rng,
                                              const struct image_affine *how, void *stream) {
    const int64_t images = y_view->dim[0];
    const dim3 blocks(blocks_for(y_view->dim[2] * y_view->dim[3], threads, 32),
                      static_cast<unsigned>(images < most_images ? images : most_images));
    WITH_TYPE(type, T,
              LAUNCH((random_affine<T>), blocks, threads, 0, stream, static_cast<const T *>(x), *x_view, fill,
                     static_cast<T *>(y), *y_view, rng, *how));
    return cudaGetLastError();
}

template <int channels>
static void launch_jitter(const void *x, const struct kernel_view *x_view, const float *mean,
                          const float *deviation, void *y, const struct kernel_view *y_view,
                          enum kernel_type type, const int64_t *rng, const struct image_jitter *how,
                          void *stream) {
    WITH_TYPE(type, T,
              LAUNCH((color_jitter<channels, T>), static_cast<unsigned>(y_view->dim[0]), threads, 0, stream,
                     static_cast<const T *>(x), *x_view, mean, deviation, static_cast<T *>(y), *y_view, rng,
                     *how));
}

extern "C" kernel_status kernel_color_jitter(const void *x, const struct kernel_view *x_view,
                                             const float *mean, const float *deviation, void *y,
                                             const struct kernel_view *y_view, enum kernel_type type,
                                             const int64_t *rng, const struct image_jitter *how,
                                             void *stream) {
    const auto launch = y_view->dim[1] == 1 ? launch_jitter<1> : launch_jitter<3>;
    launch(x, x_view, mean, deviation, y, y_view, type, rng, how, stream);
    return cudaGetLastError();
}
