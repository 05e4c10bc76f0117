/* Turning bytes of a data set into normalised images. */
#include "cpu/fast/fast.h"
#include "cpu/fast/half.h"
#include "cpu/fast/vector.h"

/* (x / 255 - mean) / deviation as factor x + shift */
struct affine {
    float factor, shift;
};

static struct affine affine_of(const struct call *call, int64_t channel) {
    const double mean = (double)((const float *)call->in[1].data)[channel],
                 deviation = (double)((const float *)call->in[2].data)[channel];
    return (struct affine){(float)(1 / (255 * deviation)), (float)(-mean / deviation)};
}

/* One channel of one image, its pixels `step` apart in the result, from element `at` on. */
INLINE void convert_plane_of(const uint8_t *restrict from, int64_t pixels, struct affine affine,
                             void *restrict to, int64_t at, int64_t step, const bool half) {
    if (step == 1)
        for (int64_t i = 0; i < pixels; i++)
            put(to, at + i, affine.factor * (float)from[i] + affine.shift, half);
    else
        for (int64_t i = 0; i < pixels; i++)
            put(to, at + i * step, affine.factor * (float)from[i] + affine.shift, half);
}

static void convert_plane(const uint8_t *from, int64_t pixels, struct affine affine, const struct view *to,
                          int64_t at, int64_t step) {
    if (is_half(to))
        convert_plane_of(from, pixels, affine, to->data, at, step, true);
    else
        convert_plane_of(from, pixels, affine, to->data, at, step, false);
}

/* One channel of as many images as a vector has lanes, into a result with the batch innermost. */
static void convert_planes(const uint8_t *from, int64_t image, int64_t pixels, struct affine affine,
                           const struct view *to, int64_t at, int64_t step) {
    for (int64_t first = 0; first < pixels; first += LANES) {
        const int64_t count = pixels - first < LANES ? pixels - first : LANES;
        vector tile[LANES] = {0};
        for (int k = 0; k < LANES; k++)
            convert_plane_of(from + k * image + first, count, affine, &tile[k], 0, 1, false);
        vector_transpose(tile);
        for (int64_t k = 0; k < count; k++) {
            const int64_t start = at + (first + k) * step;
            if (!is_half(to)) vector_store((float *)to->data + start, tile[k]);
            for (int lane = 0; lane < LANES && is_half(to); lane++)
                put(to->data, start + lane, tile[k][lane], true);
        }
    }
}

/* From rows to another layout. */
static void run_convert_rows(struct call *call) {
    const struct view *x = &call->in[0], *y = &call->out[0];
    const int64_t images = x->shape.dim[0], channels = x->shape.dim[1], pixels = x->stride[1];
    const int64_t together = y->stride[0] == 1 && images % LANES == 0 ? LANES : 1;
#pragma omp parallel for schedule(static) \
    num_threads(call->device->threads) if (images * pixels > FAST_SERIAL)
    for (int64_t unit = 0; unit < images / together * channels; unit++) {
        const int64_t channel = unit % channels, first = unit / channels * together;
        const uint8_t *from = (const uint8_t *)x->data + (first * channels + channel) * pixels;
        const int64_t to = first * y->stride[0] + channel * y->stride[1];
        if (together == 1)
            convert_plane(from, pixels, affine_of(call, channel), y, to, y->stride[3]);
        else
            convert_planes(from, channels * pixels, pixels, affine_of(call, channel), y, to, y->stride[3]);
    }
}

/* In one layout, runs of as many elements as the channels' stride belong to one channel. */
static void run_convert(struct call *call) {
    const struct view *x = &call->in[0];
    const int64_t channels = x->shape.dim[1], run = x->stride[1], runs = view_count(x) / run;
    struct affine *affine = call->workspace;
    for (int64_t c = 0; c < channels; c++) affine[c] = affine_of(call, c);
#pragma omp parallel for schedule(static) num_threads(call->device->threads) if (runs * run > FAST_SERIAL)
    for (int64_t r = 0; r < runs; r++)
        convert_plane((const uint8_t *)x->data + r * run, run, affine[r % channels], &call->out[0], r * run,
                      1);
}

enum cupel_status fast_convert(struct call *call, struct cupel_error *error) {
    (void)error;
    const struct view *x = &call->in[0], *y = &call->out[0];
    bool same = true, rows = x->shape.rank == 4;
    int64_t stride = 1;
    for (int d = x->shape.rank - 1; d >= 0; stride *= x->shape.dim[d--]) {
        rows = rows && x->stride[d] == stride;
        same = same && x->stride[d] == y->stride[d];
    }
    if (!same && !rows) return CUPEL_OK;
    call->kernel = same ? run_convert : run_convert_rows;
    call->workspace_bytes = same ? (size_t)x->shape.dim[1] * sizeof(struct affine) : 0;
    call->engine = "cpu";
    return CUPEL_OK;
}
