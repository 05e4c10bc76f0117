/* Images that are resampled and recoloured, in threads and floats. */
#include "cpu/fast/fast.h"

/* ---- random_affine ---- */

/* One pixel of each channel that lies at the image's edge: `fill` beyond it. */
static void blend_at_edge(const struct call *call, const float *image, const struct between *at, float *to) {
    const struct view *x = &call->in[0], *y = &call->out[0];
    const float *fill = call->in[1].data;
    for (int64_t c = 0; c < x->shape.dim[1]; c++) {
        float four[4];
        for (int i = 0; i < 4; i++) {
            const int64_t h = at->h + i / 2, w = at->w + i % 2;
            const bool inside = h >= 0 && h < x->shape.dim[2] && w >= 0 && w < x->shape.dim[3];
            four[i] = inside ? image[c * x->stride[1] + h * x->stride[2] + w * x->stride[3]] : fill[c];
        }
        to[c * y->stride[1]] = blend_pixels(at, four[0], four[1], four[2], four[3]);
    }
}

static void resample_row(const struct call *call, const struct resampled *how, int64_t n, int h) {
    const struct view *x = &call->in[0], *y = &call->out[0];
    const float *image = (const float *)x->data + n * x->stride[0], *fill = call->in[1].data;
    float *row = (float *)call->out[0].data + n * y->stride[0] + h * y->stride[2];
    const int64_t channels = x->shape.dim[1], right = x->stride[3], down = x->stride[2];
    const int height = (int)x->shape.dim[2], width = (int)x->shape.dim[3];
    for (int w = 0; w < width; w++) {
        struct between at;
        float *to = row + w * y->stride[3];
        if (!resampled_from(how, height, width, h, w, &at)) {
            for (int64_t c = 0; c < channels; c++) to[c * y->stride[1]] = fill[c];
        } else if (at.h >= 0 && at.h + 1 < height && at.w >= 0 && at.w + 1 < width) {
            const float *from = image + at.h * down + at.w * right;
            for (int64_t c = 0; c < channels; c++, from += x->stride[1])
                to[c * y->stride[1]] =
                    blend_pixels(&at, from[0], from[right], from[down], from[down + right]);
        } else {
            blend_at_edge(call, image, &at, to);
        }
    }
}

static void run_random_affine(struct call *call) {
    const struct image_affine how = node_affine(call->node);
    const int64_t *dim = call->in[0].shape.dim;
#pragma omp parallel for schedule(static) \
    num_threads(call->device->threads) if (view_count(&call->in[0]) > FAST_SERIAL_HEAVY)
    for (int64_t n = 0; n < dim[0]; n++) {
        struct resampled image;
        resample_image(&image, &how, call->in[2].data, n, (int)dim[2], (int)dim[3]);
        for (int h = 0; h < dim[2]; h++) resample_row(call, &image, n, h);
    }
}
FAST_PREPARE(random_affine, true)

/* ---- color_jitter ---- */

/* An image whose pixels follow one another, `step` apart, and whose channels are `plane` apart. */
struct colours {
    const float *from;
    float *to;
    int64_t pixels, step, plane;
    const float *mean, *deviation;
};

static inline void read_colour(const struct colours *image, int channels, int64_t pixel, float colour[3]) {
    for (int c = 0; c < channels; c++)
        colour[c] =
            fmaf(image->from[pixel * image->step + c * image->plane], image->deviation[c], image->mean[c]);
}

static inline float mean_grey(const struct colours *image, int channels, float brightness) {
    double sum = 0;
    for (int64_t i = 0; i < image->pixels; i++) {
        float colour[3] = {0};
        read_colour(image, channels, i, colour);
        for (int c = 0; c < channels; c++) colour[c] = clamp_colour(brightness * colour[c]);
        sum += (double)(channels == 1 ? colour[0] : grey_of(colour[0], colour[1], colour[2]));
    }
    return (float)(sum / (double)image->pixels);
}

static inline void jitter_pixels(const struct colours *image, int channels, const struct jittered *how,
                                 bool contrasts) {
    const float mean = contrasts ? mean_grey(image, channels, how->brightness) : 0;
    for (int64_t i = 0; i < image->pixels; i++) {
        float colour[3] = {0};
        read_colour(image, channels, i, colour);
        jitter_colour(how, mean, channels, colour);
        for (int c = 0; c < channels; c++)
            image->to[i * image->step + c * image->plane] =
                (colour[c] - image->mean[c]) / image->deviation[c];
    }
}

static void run_color_jitter(struct call *call) {
    const struct image_jitter how = node_jitter(call->node);
    const struct view *x = &call->in[0];
    const bool contrasts = how.least[1] != 1 || how.range[1] != 0;
#pragma omp parallel for schedule(static) \
    num_threads(call->device->threads) if (view_count(x) > FAST_SERIAL_HEAVY)
    for (int64_t n = 0; n < x->shape.dim[0]; n++) {
        const struct colours image = {.from = (const float *)x->data + n * x->stride[0],
                                      .to = (float *)call->out[0].data + n * x->stride[0],
                                      .pixels = x->shape.dim[2] * x->shape.dim[3],
                                      .step = x->stride[3],
                                      .plane = x->stride[1],
                                      .mean = call->in[1].data,
                                      .deviation = call->in[2].data};
        struct jittered drawn;
        jitter_image(&drawn, &how, call->in[3].data, n);
        if (x->shape.dim[1] == 1)
            jitter_pixels(&image, 1, &drawn, contrasts);
        else
            jitter_pixels(&image, 3, &drawn, contrasts);
    }
}

/* Planes lie without gaps in every layout; both sides must lie alike. */
FAST_PREPARE(color_jitter, call->in[0].stride[0] == call->out[0].stride[0] &&
                               call->in[0].stride[1] == call->out[0].stride[1] &&
                               call->in[0].stride[3] == call->out[0].stride[3])
