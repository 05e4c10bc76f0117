/* Ops that draw random numbers, in threads: the same draws as the reference kernels', block by block. */
#include <string.h>

#include "cpu/fast/fast.h"
#include "cpu/fast/half.h"
#include "philox.h"

/* The node's draws of this step: the last input holds seed and step. */
static struct philox draws(const struct call *call) {
    const int64_t *rng = call->in[call->n_in - 1].data;
    return philox_start((uint64_t)rng[0], PHILOX_OPS, call->node->attr.random.stream, (uint64_t)rng[1]);
}

/* Draws are made for so many elements at a time, in a loop that becomes vector code. */
enum { PIECE = 256 };

/* Draws of the PIECE elements from a block on. */
#define PIECE_OF(name, draw)                                                                      \
    static void name(const struct philox *philox, int64_t block, float *restrict to) {            \
        for (int64_t b = 0; b < PIECE / 4; b++) {                                                 \
            const struct philox_floats drawn = draw(philox_words(philox, (uint64_t)(block + b))); \
            for (int i = 0; i < 4; i++) to[4 * b + i] = drawn.value[i];                           \
        }                                                                                         \
    }

static inline struct philox_floats units(struct philox_block block) {
    struct philox_floats units;
    for (int i = 0; i < 4; i++) units.value[i] = philox_unit(block.word[i]);
    return units;
}
PIECE_OF(units_of_piece, units)
PIECE_OF(normals_of_piece, philox_normals)

/* y[i] = fma(scale, draw i, shift) */
static void fill(struct call *call, void (*draw)(const struct philox *, int64_t, float *), float scale,
                 float shift) {
    const struct philox philox = draws(call);
    const int64_t n = view_count(&call->out[0]);
    float *y = call->out[0].data;
#pragma omp parallel for schedule(static) num_threads(call->device->threads) if (n > FAST_SERIAL_HEAVY)
    for (int64_t first = 0; first < n; first += PIECE) {
        float drawn[PIECE];
        draw(&philox, first / 4, drawn);
        for (int64_t i = 0; i < PIECE && first + i < n; i++) y[first + i] = fmaf(scale, drawn[i], shift);
    }
}

static void run_uniform(struct call *call) {
    const double low = call->node->attr.random.a, high = call->node->attr.random.b;
    fill(call, units_of_piece, (float)(high - low), (float)low);
}

static void run_normal(struct call *call) {
    fill(call, normals_of_piece, (float)call->node->attr.random.b, (float)call->node->attr.random.a);
}

/* Of `count` elements, `step` apart from `first` on, those with a draw below p become 0. */
INLINE void drop(const struct call *call, int64_t first, int64_t count, int64_t step, const float *drawn,
                 const bool half) {
    const float p = (float)call->node->attr.random.a, factor = (float)(1 / (1 - call->node->attr.random.a));
    const void *from = call->in[0].data;
    void *to = call->out[0].data;
    for (int64_t i = 0; i < count; i++)
        put(to, first + i * step, drawn[i] >= p ? get(from, first + i * step, half) * factor : 0, half);
}

/* Draws are counted in logical order. In it the innermost elements, those of a plane or of a row-major tensor, are `step`
 * apart in memory; there are `inner` of them. */
static void run_dropout(struct call *call) {
    const struct philox philox = draws(call);
    const struct view *x = &call->in[0];
    const bool image = x->shape.rank == 4;
    const int64_t count = view_count(x), inner = image ? x->shape.dim[2] * x->shape.dim[3] : count,
                  channels = image ? x->shape.dim[1] : 1, step = image ? x->stride[3] : 1;
    const int64_t most = PIECE - 4, pieces = (inner + most - 1) / most; /* a plane may begin within a block */
#pragma omp parallel for schedule(static) num_threads(call->device->threads) if (count > FAST_SERIAL_HEAVY)
    for (int64_t unit = 0; unit < count / inner * pieces; unit++) {
        const int64_t plane = unit / pieces, first = unit % pieces * most,
                      last = first + most < inner ? first + most : inner, number = plane * inner + first,
                      start = image ? plane / channels * x->stride[0] + plane % channels * x->stride[1] : 0;
        float drawn[PIECE];
        units_of_piece(&philox, number / 4, drawn);
        if (is_half(x))
            drop(call, start + first * step, last - first, step, drawn + number % 4, true);
        else
            drop(call, start + first * step, last - first, step, drawn + number % 4, false);
    }
}

/* ---- moving images ---- */

/* Images as rows of pixels of `bytes` contiguous bytes: all channels of a pixel, or one channel. */
struct rows {
    int64_t images, rows, width;
    size_t bytes;
};

static struct rows rows_of(const struct view *x) {
    const bool channels_last = x->stride[1] == 1 && x->shape.dim[1] > 1;
    const int64_t channels = x->shape.dim[1];
    return (struct rows){.images = x->shape.dim[0],
                         .rows = x->shape.dim[2] * (channels_last ? 1 : channels),
                         .width = x->shape.dim[3],
                         .bytes = cupel_dtype_size(x->dtype) * (size_t)(channels_last ? channels : 1)};
}

/* One row, from `right` pixels further right, zeros coming in. */
static void shift_row(const struct rows *rows, char *to, const char *from, int64_t right) {
    const int64_t away = right < 0 ? -right : right, gone = away < rows->width ? away : rows->width;
    const size_t kept = (size_t)(rows->width - gone) * rows->bytes, gap = (size_t)gone * rows->bytes;
    memcpy(to + (right < 0 ? gap : 0), from + (right < 0 ? 0 : gap), kept);
    memset(to + (right < 0 ? 0 : kept), 0, gap);
}

static void mirror_row(const struct rows *rows, char *to, const char *from) {
    for (int64_t w = 0; w < rows->width; w++)
        memcpy(to + (size_t)w * rows->bytes, from + (size_t)(rows->width - 1 - w) * rows->bytes, rows->bytes);
}

/* Row h as it is, but for the square that is cut out. */
static void cut_row(const struct rows *rows, char *to, const char *from, int64_t h,
                    const struct moved_image *moved) {
    const int64_t left = moved->left > 0 ? moved->left : 0, end = moved->left + moved->side,
                  right = end < rows->width ? end : rows->width;
    memcpy(to, from, (size_t)rows->width * rows->bytes);
    if (h >= moved->top && h < moved->top + moved->side)
        memset(to + (size_t)left * rows->bytes, 0, (size_t)(right - left) * rows->bytes);
}

/* The part of the work that belongs to image n: its rows, those of each plane (or of the only one) in turn. */
static void move_rows(const struct call *call, int64_t n, struct moved_image moved) {
    const struct rows rows = rows_of(&call->in[0]);
    const int64_t height = call->in[0].shape.dim[2];
    const size_t row = (size_t)rows.width * rows.bytes, image = (size_t)(n * rows.rows) * row;
    const char *from = (const char *)call->in[0].data + image;
    char *to = (char *)call->out[0].data + image;
    for (int64_t r = 0; r < rows.rows; r++, to += row) {
        const int64_t source = r % height + moved.down;
        if (source < 0 || source >= height)
            memset(to, 0, row);
        else if (moved.mirrored)
            mirror_row(&rows, to, from + (size_t)(r + moved.down) * row);
        else if (moved.side > 0)
            cut_row(&rows, to, from + (size_t)r * row, r % height, &moved);
        else
            shift_row(&rows, to, from + (size_t)(r + moved.down) * row, moved.right);
    }
}

static void run_move(struct call *call) {
    const struct image_move move = node_move(call->node);
#pragma omp parallel for schedule(static) \
    num_threads(call->device->threads) if (view_count(&call->in[0]) > FAST_SERIAL)
    for (int64_t n = 0; n < call->in[0].shape.dim[0]; n++) {
        struct moved_image moved;
        move_image(&moved, &move, call->in[1].data, n, (int)call->in[0].shape.dim[2],
                   (int)call->in[0].shape.dim[3]);
        move_rows(call, n, moved);
    }
}

/* The same of images that lie pixel by pixel, the batch innermost. */
static void run_move_together(struct call *call) {
    const struct view *x = &call->in[0];
    const struct image_move move = node_move(call->node);
    const int64_t images = x->shape.dim[0], planes = x->shape.dim[1];
    const int height = (int)x->shape.dim[2], width = (int)x->shape.dim[3];
    struct moved_image *moved = call->workspace;
    for (int64_t n = 0; n < images; n++) move_image(&moved[n], &move, call->in[1].data, n, height, width);
#pragma omp parallel for schedule(static) \
    num_threads(call->device->threads) if (view_count(x) > FAST_SERIAL_HEAVY)
    for (int64_t row = 0; row < planes * height; row++) {
        const int64_t plane = row / height * x->stride[1];
        for (int w = 0; w < width; w++) {
            const int at_h = (int)(row % height);
            const float *from = (const float *)x->data + plane;
            float *to = (float *)call->out[0].data + plane + at_h * x->stride[2] + w * x->stride[3];
            for (int64_t n = 0; n < images; n++) {
                int from_h = at_h, from_w = w;
                const bool inside = moved_from(&moved[n], height, width, &from_h, &from_w);
                to[n] = inside ? from[from_h * x->stride[2] + from_w * x->stride[3] + n] : 0;
            }
        }
    }
}

/* Whether kernels that go through both sides alike can serve: one layout, and for `images` the batch outermost. */
static bool alike(const struct call *call, bool images) {
    const struct view *x = &call->in[0], *y = &call->out[0];
    if (images && x->stride[0] != view_count(x) / x->shape.dim[0]) return false;
    return memcmp(x->stride, y->stride, (size_t)x->shape.rank * sizeof *x->stride) == 0;
}

FAST_PREPARE(uniform, true)
FAST_PREPARE(normal, true)
FAST_PREPARE(dropout, alike(call, false))

static enum cupel_status prepare_move(struct call *call) {
    const struct view *x = &call->in[0];
    const bool together =
        alike(call, false) && x->stride[0] == 1 && cupel_dtype_size(x->dtype) == sizeof(float);
    if (!together && !alike(call, true)) return CUPEL_OK;
    call->kernel = together ? run_move_together : run_move;
    call->workspace_bytes = together ? (size_t)x->shape.dim[0] * sizeof(struct moved_image) : 0;
    call->engine = "cpu";
    return CUPEL_OK;
}

enum cupel_status fast_random_flip(struct call *call, struct cupel_error *error) {
    (void)error;
    return prepare_move(call);
}

enum cupel_status fast_random_crop(struct call *call, struct cupel_error *error) {
    (void)error;
    return prepare_move(call);
}

enum cupel_status fast_cutout(struct call *call, struct cupel_error *error) {
    (void)error;
    return prepare_move(call);
}
