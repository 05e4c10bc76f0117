/* Pooling and enlarging: vectors run along the innermost dimension of the layout, channels or images. */
#include "cpu/bilinear.h"
#include "cpu/fast/fast.h"
#include "cpu/fast/half.h"

/* Images as planes of pixels of `lanes` contiguous elements; row-major ones have one lane. The strides are
 * those of a view's planes, rows and pixels. */
struct planes {
    int64_t count, lanes, stride[3];
};

static struct planes planes_of(const struct view *view) {
    const int64_t *dim = view->shape.dim, *stride = view->stride;
    struct planes planes = {
        .count = dim[0] * dim[1], .lanes = 1, .stride = {stride[1], stride[2], stride[3]}};
    if (dim[1] == 1) planes.stride[0] = stride[0]; /* with channels last, that of the only channel is 1 */
    const int inner = stride[1] == 1 && dim[1] > 1 ? 1 : stride[0] == 1 && dim[0] > 1 ? 0 : -1;
    if (inner >= 0) {
        planes.lanes = dim[inner];
        planes.count = dim[1 - inner];
        planes.stride[0] = stride[1 - inner];
    }
    return planes;
}

/* Lanes are worked on so many at a time, in loops that become vector code. */
enum { STRIP = 64 };

/* What a kernel does for some lanes of one pixel of its result. */
struct pixel {
    const struct call *call;
    struct span rows, columns; /* of the other side that take part */
    int64_t row, column;       /* of the pixel itself */
    int64_t to, lanes;         /* offset in output 0 */
    const struct planes *from; /* planes of input 0 */
    int64_t from_at;           /* offset of the plane and lane in input 0 */
};

#define FOR_EACH_FROM(pixel, h, w, at)                                                                    \
    for (int64_t h = (pixel)->rows.from; h < (pixel)->rows.to; h++)                                       \
        for (int64_t w = (pixel)->columns.from,                                                           \
                     at = (pixel)->from_at + h * (pixel)->from->stride[1] + w * (pixel)->from->stride[2]; \
             w < (pixel)->columns.to; w++, at += (pixel)->from->stride[2])

/* The range of input 0, `size` along the axis, that makes element i of output 0. */
typedef struct span (*reach_fn)(const union attr *attr, int axis, int64_t i, int64_t size);

static struct span between_pixels(const union attr *attr, int axis, int64_t i, int64_t size) {
    return bilinear_from(attr->upsample.factor[axis], i, size);
}
static struct span over_pixels(const union attr *attr, int axis, int64_t i, int64_t size) {
    return bilinear_over(attr->upsample.factor[axis], i, size);
}

/* Runs `make` for each pixel of output 0. */
static void for_each_pixel(struct call *call, reach_fn reach, void (*make)(const struct pixel *pixel)) {
    const union attr *attr = &call->node->attr;
    const struct planes from = planes_of(&call->in[0]), to = planes_of(&call->out[0]);
    const int64_t *source = call->in[0].shape.dim + 2, *result = call->out[0].shape.dim + 2;
    struct span *columns = call->workspace; /* of every column: finding them takes divisions */
    for (int64_t column = 0; column < result[1]; column++)
        columns[column] = reach(attr, 1, column, source[1]);
#pragma omp parallel for schedule(static) \
    num_threads(call->device->threads) if (view_count(&call->in[0]) > FAST_SERIAL_HEAVY)
    for (int64_t unit = 0; unit < to.count * result[0]; unit++) {
        struct pixel pixel = {.call = call, .row = unit % result[0], .from = &from};
        const int64_t plane = unit / result[0];
        pixel.rows = reach(attr, 0, pixel.row, source[0]);
        for (pixel.column = 0; pixel.column < result[1]; pixel.column++) {
            pixel.columns = columns[pixel.column];
            for (int64_t lane = 0; lane < to.lanes; lane += STRIP) {
                pixel.lanes = to.lanes - lane < STRIP ? to.lanes - lane : STRIP;
                pixel.to =
                    plane * to.stride[0] + pixel.row * to.stride[1] + pixel.column * to.stride[2] + lane;
                pixel.from_at = plane * from.stride[0] + lane;
                make(&pixel);
            }
        }
    }
}

/* Calls BODY with the number of lanes, which is known when the code is compiled in the usual case, and with the type. */
#define WITH_LANES(pixel, body)                                                             \
    do {                                                                                    \
        const bool half = is_half(&(pixel)->call->out[0]), usual = (pixel)->lanes == STRIP; \
        if (half && usual)                                                                  \
            body(pixel, STRIP, true);                                                       \
        else if (half)                                                                      \
            body(pixel, (pixel)->lanes, true);                                              \
        else if (usual)                                                                     \
            body(pixel, STRIP, false);                                                      \
        else                                                                                \
            body(pixel, (pixel)->lanes, false);                                             \
    } while (0)

/* Writes some lanes of the pixel of the result. */
INLINE void put_lanes(const struct pixel *pixel, const float *restrict value, const int64_t lanes,
                      const bool half) {
    void *restrict to = pixel->call->out[0].data;
    for (int64_t i = 0; i < lanes; i++) put(to, pixel->to + i, value[i], half);
}

INLINE void max_of_lanes(const struct pixel *pixel, const int64_t lanes, const bool half) {
    const void *restrict x = pixel->call->in[0].data;
    int32_t *restrict argmax = (int32_t *)pixel->call->out[1].data + pixel->to;
    const int64_t width = pixel->call->in[0].shape.dim[3];
    float value[STRIP] = {0};
    int32_t where[STRIP] = {0};
    bool first = true;
    FOR_EACH_FROM(pixel, h, w, at) {
        const int32_t index = (int32_t)(h * width + w);
        for (int64_t i = 0; i < lanes; i++) {
            const float new = get(x, at + i, half);
            const bool take = first || new > value[i] || new != new;
            value[i] = take ? new : value[i];
            where[i] = take ? index : where[i];
        }
        first = false;
    }
    put_lanes(pixel, value, lanes, half);
    for (int64_t i = 0; i < lanes; i++) argmax[i] = where[i];
}

static void max_of_pixel(const struct pixel *pixel) {
    WITH_LANES(pixel, max_of_lanes);
}

INLINE void max_gradient_of_lanes(const struct pixel *pixel, const int64_t lanes, const bool half) {
    const void *restrict dy = pixel->call->in[0].data;
    const int32_t *restrict argmax = pixel->call->in[1].data;
    const int32_t index = (int32_t)(pixel->row * pixel->call->out[0].shape.dim[3] + pixel->column);
    float sum[STRIP] = {0};
    FOR_EACH_FROM(pixel, h, w, at) {
        for (int64_t i = 0; i < lanes; i++) sum[i] += argmax[at + i] == index ? get(dy, at + i, half) : 0;
    }
    put_lanes(pixel, sum, lanes, half);
}

static void max_gradient_of_pixel(const struct pixel *pixel) {
    WITH_LANES(pixel, max_gradient_of_lanes);
}

INLINE void mean_of_lanes(const struct pixel *pixel, const int64_t lanes, const bool half) {
    const void *x = pixel->call->in[0].data;
    const float factor = 1 / (float)(pixel->rows.divisor * pixel->columns.divisor);
    float sum[STRIP] = {0};
    FOR_EACH_FROM(pixel, h, w, at) {
        for (int64_t i = 0; i < lanes; i++) sum[i] += get(x, at + i, half);
    }
    for (int64_t i = 0; i < lanes; i++) sum[i] *= factor;
    put_lanes(pixel, sum, lanes, half);
}

static void mean_of_pixel(const struct pixel *pixel) {
    WITH_LANES(pixel, mean_of_lanes);
}

INLINE void mean_gradient_of_lanes(const struct pixel *pixel, const int64_t lanes, const bool half) {
    const union attr *attr = &pixel->call->node->attr;
    const void *dy = pixel->call->in[0].data;
    const int64_t *image = pixel->call->out[0].shape.dim + 2;
    float sum[STRIP] = {0};
    FOR_EACH_FROM(pixel, h, w, at) {
        const int64_t divisor =
            window_span(attr, 0, h, image[0]).divisor * window_span(attr, 1, w, image[1]).divisor;
        const float factor = 1 / (float)divisor;
        for (int64_t i = 0; i < lanes; i++) sum[i] += get(dy, at + i, half) * factor;
    }
    put_lanes(pixel, sum, lanes, half);
}

static void mean_gradient_of_pixel(const struct pixel *pixel) {
    WITH_LANES(pixel, mean_gradient_of_lanes);
}

/* The sum of input 0's pixels by how much of an image's pixel is in each of an enlarged one's; `gradient`: input 0 is enlarged. */
INLINE void blend(const struct pixel *pixel, const int64_t lanes, const bool half, const bool gradient) {
    const struct call *call = pixel->call;
    const int64_t *factor = call->node->attr.upsample.factor,
                  *image = (gradient ? &call->out[0] : &call->in[0])->shape.dim + 2;
    const void *x = call->in[0].data;
    float sum[STRIP] = {0};
    FOR_EACH_FROM(pixel, h, w, at) {
        const double row = gradient ? bilinear_weight(factor[0], h, pixel->row, image[0])
                                    : bilinear_weight(factor[0], pixel->row, h, image[0]);
        const double column = gradient ? bilinear_weight(factor[1], w, pixel->column, image[1])
                                       : bilinear_weight(factor[1], pixel->column, w, image[1]);
        const float weight = (float)(row * column);
        for (int64_t i = 0; i < lanes; i++) sum[i] += weight * get(x, at + i, half);
    }
    put_lanes(pixel, sum, lanes, half);
}

INLINE void blend_of_lanes(const struct pixel *pixel, const int64_t lanes, const bool half) {
    blend(pixel, lanes, half, false);
}

static void blend_of_pixel(const struct pixel *pixel) {
    WITH_LANES(pixel, blend_of_lanes);
}

INLINE void blend_gradient_of_lanes(const struct pixel *pixel, const int64_t lanes, const bool half) {
    blend(pixel, lanes, half, true);
}

static void blend_gradient_of_pixel(const struct pixel *pixel) {
    WITH_LANES(pixel, blend_gradient_of_lanes);
}

/* Both sides must have one layout: the strides of planes and lanes go by it. */
#define POOL(name, reach, make)                                                            \
    static void run_##name(struct call *call) {                                            \
        for_each_pixel(call, reach, make);                                                 \
    }                                                                                      \
    enum cupel_status fast_##name(struct call *call, struct cupel_error *error) {          \
        (void)error;                                                                       \
        const struct planes from = planes_of(&call->in[0]), to = planes_of(&call->out[0]); \
        if (from.lanes != to.lanes || from.count != to.count) return CUPEL_OK;             \
        call->workspace_bytes = (size_t)call->out[0].shape.dim[3] * sizeof(struct span);   \
        call->kernel = run_##name;                                                         \
        call->engine = "cpu";                                                              \
        return CUPEL_OK;                                                                   \
    }
POOL(maxpool, window_span, max_of_pixel)
POOL(maxpool_grad, places_over, max_gradient_of_pixel)
POOL(avgpool, window_span, mean_of_pixel)
POOL(avgpool_grad, places_over, mean_gradient_of_pixel)
POOL(bilinear, between_pixels, blend_of_pixel)
POOL(bilinear_grad, over_pixels, blend_gradient_of_pixel)
