/* Convolution of images that lie with the batch innermost: vectors run over images.
 *
 * Then no lane is ever empty, however few the channels are and whatever the kernel, stride, dilation and
 * padding, and nothing has to be rearranged. conv2d and conv2d_image (its gradient) are one kernel, which
 * sums over the *taps*, the elements of the convolution's kernel, that meet the image; they differ in which
 * pixel a tap meets. conv2d_weight sums over images and pixels for a block of weights at a time, lanes apart
 * until the end. Results depend on the number of threads alone. */
#include "cpu/fast/batched.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/fast/activation.h"
#include "cpu/fast/vector.h"

struct batched;
typedef void (*image_block_fn)(const struct batched *batched, const float *from, const int64_t *rows,
                               const int64_t *columns, const float *weight, const float *bias, float *to);
typedef void (*weight_block_fn)(const struct batched *batched, const float *const *from,
                                const int64_t *columns, const float *result, float *sums);

struct batched {
    int threads;
    int64_t inputs, outputs; /* channels: summed over, made */
    int64_t kernel[2];
    int64_t rows, columns;       /* of the result, or for conv2d_weight of the gradient */
    int64_t channel, row, pixel; /* strides of input 0 */
    int64_t to_channel,
        to_row; /* strides of the result, or of the gradient; its pixels have the same stride */
    int64_t chunks,
        vectors; /* vectors of images that a block works on, and how many times there are so many */
    int64_t block, tap_block; /* outputs and taps of a block; only the last block of outputs may have fewer */
    int64_t own;              /* floats of workspace for each thread of conv2d_weight */
    int64_t taps, room;       /* inputs times kernel, and the same in whole blocks */
    const image_block_fn *image_block;   /* by number of outputs */
    const weight_block_fn *weight_block; /* by number of outputs */
    bool leaky;                          /* the activation is relu or leaky_relu */
    float slope;
    int64_t *met[2]; /* which row [row][kh] or column of input 0 a tap meets, -1: none. Columns of
                        conv2d_weight are [first tap % kw][column][tap of the block] */
    int64_t table[];
};

static int64_t whole(int64_t value, int64_t of) {
    return (value + of - 1) / of * of;
}

/* ---- blocks ---- */

/* The sums of one pixel for some outputs and vectors of images. */
static inline __attribute__((always_inline)) void
image_block(const struct batched *batched, const float *from, const int64_t *rows, const int64_t *columns,
            const float *weight, const float *bias, float *to, const int outputs, const int vectors) {
    vector sum[8][4];
#pragma GCC unroll 8
    for (int o = 0; o < outputs; o++)
#pragma GCC unroll 8
        for (int v = 0; v < vectors; v++) sum[o][v] = vector_all(bias ? bias[o] : 0);
    for (int64_t c = 0; c < batched->inputs; c++, from += batched->channel)
        for (int64_t h = 0; h < batched->kernel[0]; h++, weight += batched->kernel[1] * outputs) {
            if (rows[h] < 0) continue;
            const float *row = from + rows[h] * batched->row;
            for (int64_t w = 0; w < batched->kernel[1]; w++) {
                if (columns[w] < 0) continue;
                const float *x = row + columns[w] * batched->pixel;
                vector value[4];
#pragma GCC unroll 8
                for (int v = 0; v < vectors; v++) {
                    value[v] = vector_load(x + v * LANES);
                    VECTOR_KEEP(value[v]);
                }
#pragma GCC unroll 8
                for (int o = 0; o < outputs; o++) {
                    vector factor = vector_all(weight[w * outputs + o]);
                    VECTOR_KEEP(factor);
#pragma GCC unroll 8
                    for (int v = 0; v < vectors; v++) sum[o][v] += factor * value[v];
                }
            }
        }
#pragma GCC unroll 8
    for (int o = 0; o < outputs; o++)
#pragma GCC unroll 8
        for (int v = 0; v < vectors; v++) {
            if (batched->leaky) sum[o][v] = vector_leaky(sum[o][v], batched->slope);
            vector_store(to + o * batched->to_channel + v * LANES, sum[o][v]);
        }
}

/* Adds to the sums of some outputs and taps, each lane apart, the products along one row of the gradient.
 * from[t] is the row that tap t meets, NULL for none, and columns[t + column * taps] its column. */
static inline __attribute__((always_inline)) void
weight_block(const struct batched *batched, const float *const *from, const int64_t *columns,
             const float *result, float *sums, const int outputs, const int taps) {
    static const float zeros[4 * LANES] __attribute__((aligned(64)));
    vector sum[8][5];
#pragma GCC unroll 8
    for (int o = 0; o < outputs; o++)
#pragma GCC unroll 8
        for (int t = 0; t < taps; t++) sum[o][t] = vector_load(sums + (o * taps + t) * LANES);
    for (int64_t column = 0; column < batched->columns; column++, columns += taps, result += batched->pixel) {
        const float *x[5];
#pragma GCC unroll 8
        for (int t = 0; t < taps; t++) x[t] = columns[t] < 0 ? zeros : from[t] ? from[t] + columns[t] : zeros;
        for (int64_t v = 0; v < batched->vectors; v++) {
            vector value[8];
#pragma GCC unroll 8
            for (int o = 0; o < outputs; o++) {
                value[o] = vector_load(result + o * batched->to_channel + v * LANES);
                VECTOR_KEEP(value[o]);
            }
#pragma GCC unroll 8
            for (int t = 0; t < taps; t++) {
                vector factor = vector_load(x[t] + v * LANES);
                VECTOR_KEEP(factor);
#pragma GCC unroll 8
                for (int o = 0; o < outputs; o++) sum[o][t] += factor * value[o];
            }
        }
    }
#pragma GCC unroll 8
    for (int o = 0; o < outputs; o++)
#pragma GCC unroll 8
        for (int t = 0; t < taps; t++) vector_store(sums + (o * taps + t) * LANES, sum[o][t]);
}

/* Blocks of as many outputs as leave registers for the rest: X(outputs). */
#define UP_TO_8(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8)
#define IMAGE_BLOCK(outputs, vectors)                                                                  \
    static void image_block_##outputs##_##vectors(const struct batched *batched, const float *from,    \
                                                  const int64_t *rows, const int64_t *columns,         \
                                                  const float *weight, const float *bias, float *to) { \
        image_block(batched, from, rows, columns, weight, bias, to, outputs, vectors);                 \
    }
#define WEIGHT_BLOCK(outputs, taps)                                                                         \
    static void weight_block_##outputs##_##taps(const struct batched *batched, const float *const *from,    \
                                                const int64_t *columns, const float *result, float *sums) { \
        weight_block(batched, from, columns, result, sums, outputs, taps);                                  \
    }
#define X(outputs)          \
    IMAGE_BLOCK(outputs, 1) \
    IMAGE_BLOCK(outputs, 2) IMAGE_BLOCK(outputs, 4) WEIGHT_BLOCK(outputs, 4) WEIGHT_BLOCK(outputs, 5)
UP_TO_8(X)
#undef X

/* By what else is in the block: how many outputs fit, and the blocks by number of outputs. */
#define FIT(with_32_registers, with_16) (REGISTERS == 32 ? with_32_registers : with_16)
static const struct {
    int vectors, outputs;
    image_block_fn block[9];
} image_blocks[] = {
#define X(outputs) image_block_##outputs##_4,
    {4, FIT(6, 2), {NULL, UP_TO_8(X)}},
#undef X
#define X(outputs) image_block_##outputs##_2,
    {2, FIT(8, 4), {NULL, UP_TO_8(X)}},
#undef X
#define X(outputs) image_block_##outputs##_1,
    {1, FIT(8, 8), {NULL, UP_TO_8(X)}},
#undef X
};
static const struct {
    int taps, outputs;
    weight_block_fn block[9];
} weight_blocks[] = {
#define X(outputs) weight_block_##outputs##_4,
    {4, FIT(6, 2), {NULL, UP_TO_8(X)}},
#undef X
#define X(outputs) weight_block_##outputs##_5,
    {5, FIT(5, 2), {NULL, UP_TO_8(X)}},
#undef X
};

/* ---- conv2d and conv2d_image ---- */

/* Weights in the order in which blocks use them: by block of outputs, tap, output. */
static void order_weights(const struct batched *batched, const struct call *call, float *to) {
    const struct view *weight = &call->in[1];
    const bool image = call->node->op == OP_conv2d_image;
    for (int64_t first = 0; first < batched->outputs; first += batched->block)
        for (int64_t c = 0; c < batched->inputs; c++)
            for (int64_t k = 0; k < batched->kernel[0] * batched->kernel[1]; k++)
                for (int64_t o = first; o < first + batched->block && o < batched->outputs; o++)
                    *to++ =
                        ((const float *)
                             weight->data)[k + (image ? at4(weight, c, o, 0, 0) : at4(weight, o, c, 0, 0))];
}

static void make_pixel(const struct batched *batched, const struct call *call, const float *from,
                       const int64_t *rows, const int64_t *columns, float *to) {
    const int activation = call->node->attr.conv.activation;
    const float *bias = call->n_in > 2 ? call->in[2].data : NULL, *weights = call->workspace;
    for (int64_t o = 0; o < batched->outputs; o += batched->block) {
        const int64_t count = batched->outputs - o < batched->block ? batched->outputs - o : batched->block;
        batched->image_block[count](batched, from, rows, columns, weights + o * batched->taps,
                                    bias ? bias + o : NULL, to + o * batched->to_channel);
    }
    if (activation == ACTIVATION_NONE || batched->leaky) return;
    for (int64_t o = 0; o < batched->outputs; o++, to += batched->to_channel)
        activate_row(to, 1, to, 1, batched->vectors * LANES, 0, activation, 0);
}

static void make_images(struct call *call) {
    const struct batched *batched = call->prepared;
    order_weights(batched, call, call->workspace);
#pragma omp parallel num_threads(batched->threads)
    {
        const int64_t thread = omp_get_thread_num(), threads = omp_get_num_threads(),
                      units = batched->chunks * batched->rows;
        for (int64_t unit = units * thread / threads; unit < units * (thread + 1) / threads; unit++) {
            const int64_t first = unit / batched->rows * batched->vectors * LANES, row = unit % batched->rows;
            float *to = (float *)call->out[0].data + first + row * batched->to_row;
            for (int64_t column = 0; column < batched->columns; column++, to += batched->pixel)
                make_pixel(batched, call, (const float *)call->in[0].data + first,
                           batched->met[0] + row * batched->kernel[0],
                           batched->met[1] + column * batched->kernel[1], to);
        }
    }
}

/* ---- conv2d_weight ---- */

/* Adds the products of one row of the gradient of a chunk of images to the sums of all weights. The row's gradient
 * stays in the nearest cache meanwhile. `rows` has room for a pointer for each tap. */
static void sum_row(const struct batched *batched, const float *images, const float *gradient, int64_t row,
                    const float **rows, float *sums) {
    const int64_t *kernel = batched->kernel, *met = batched->met[0] + row * kernel[0];
    for (int64_t c = 0, tap = 0; c < batched->inputs; c++, images += batched->channel)
        for (int64_t h = 0; h < kernel[0]; h++)
            for (int64_t w = 0; w < kernel[1]; w++)
                rows[tap++] = met[h] < 0 ? NULL : images + met[h] * batched->row;
    gradient += row * batched->to_row;
    for (int64_t o = 0; o < batched->outputs; o += batched->block) {
        const int64_t left = batched->outputs - o;
        const weight_block_fn block = batched->weight_block[left < batched->block ? left : batched->block];
        for (int64_t tap = 0; tap < batched->taps; tap += batched->tap_block)
            block(batched, rows + tap,
                  batched->met[1] + tap % kernel[1] * batched->columns * batched->tap_block,
                  gradient + o * batched->to_channel,
                  sums + (tap * batched->outputs + o * batched->tap_block) * LANES);
    }
}

/* Adds up the threads' sums and their lanes. A block of fewer outputs has as many taps, so that the sums of output o
 * and tap t begin at the same place in all. */
static void add_sums(const struct batched *batched, int64_t o, const float *own, int threads, float *weight) {
    for (int64_t tap = 0; tap < batched->taps; tap++) {
        const int64_t inside = tap % batched->tap_block;
        const float *parts =
            own + ((tap - inside) * batched->outputs + o * batched->tap_block + inside) * LANES;
        vector sum = {0};
        for (int t = 0; t < threads; t++) sum += vector_load(parts + t * batched->own);
        weight[o * batched->taps + tap] = vector_sum(sum);
    }
}

static void sum_weights(struct call *call) {
    const struct batched *batched = call->prepared;
    const int64_t units = batched->chunks * batched->rows, sums = batched->room * batched->outputs * LANES;
    float *workspace = call->workspace;
#pragma omp parallel num_threads(batched->threads)
    {
        const int threads = omp_get_num_threads(), thread = omp_get_thread_num();
        float *own = workspace + thread * batched->own;
        const float **rows = (const float **)(own + sums);
        memset(own, 0, (size_t)batched->own * sizeof *own);
        for (int64_t unit = units * thread / threads; unit < units * (thread + 1) / threads; unit++) {
            const int64_t first = unit / batched->rows * batched->vectors * LANES;
            sum_row(batched, (const float *)call->in[0].data + first, (const float *)call->in[1].data + first,
                    unit % batched->rows, rows, own);
        }
#pragma omp barrier
#pragma omp for schedule(static)
        for (int64_t o = 0; o < batched->outputs; o++)
            add_sums(batched, o, workspace, threads, call->out[0].data);
    }
}

/* ---- preparing ---- */

bool batched_fits(const struct call *call) {
    const bool weight = call->node->op == OP_conv2d_weight;
    const struct view *a = &call->in[0], *b = weight ? &call->in[1] : &call->out[0];
    return a->dtype == CUPEL_F32 && call->node->attr.conv.conv.groups == 1 && a->shape.dim[0] % LANES == 0 &&
           a->stride[0] == 1 && b->stride[0] == 1 && a->stride[3] == b->stride[3];
}

/* The row or column of input 0 that tap k meets at a place of the result; -1: none. */
static int64_t meets(const struct call *call, int axis, int64_t place, int64_t k) {
    const struct cupel_conv *conv = &call->node->attr.conv.conv;
    const int64_t size = call->in[0].shape.dim[2 + axis], stride = conv->stride[axis],
                  step = k * conv->dilation[axis] - conv->pad[axis];
    if (call->node->op != OP_conv2d_image) {
        const int64_t at = place * stride + step;
        return at >= 0 && at < size ? at : -1;
    }
    const int64_t at = place - step;
    return at >= 0 && at % stride == 0 && at / stride < size ? at / stride : -1;
}

static void fill_tables(struct batched *batched, const struct call *call) {
    const int64_t *kernel = batched->kernel;
    batched->met[0] = batched->table;
    for (int64_t place = 0; place < batched->rows; place++)
        for (int64_t k = 0; k < kernel[0]; k++)
            batched->met[0][place * kernel[0] + k] = meets(call, 0, place, k);
    batched->met[1] = batched->table + batched->rows * kernel[0];
    int64_t *to = batched->met[1];
    const bool weight = call->node->op == OP_conv2d_weight;
    for (int64_t phase = 0; phase < (weight ? kernel[1] : 1); phase++)
        for (int64_t place = 0; place < batched->columns; place++)
            for (int64_t k = 0; k < (weight ? batched->tap_block : kernel[1]); k++)
                *to++ = meets(call, 1, place, (phase + k) % kernel[1]) * (weight ? batched->pixel : 1);
}

/* Blocks of nearly equal size, none larger than `most`. */
static int64_t even_block(int64_t count, int64_t most) {
    const int64_t blocks = (count + most - 1) / most;
    return (count + blocks - 1) / blocks;
}

static void choose_blocks(struct batched *batched, struct call *call) {
    const int64_t vectors = call->in[0].shape.dim[0] / LANES;
    batched->vectors = vectors % 4 == 0 ? 4 : vectors % 2 == 0 ? 2 : 1;
    batched->chunks = vectors / batched->vectors;
    if (call->node->op != OP_conv2d_weight) {
        const int i = batched->vectors == 4 ? 0 : batched->vectors == 2 ? 1 : 2;
        batched->block = even_block(batched->outputs, image_blocks[i].outputs);
        batched->image_block = image_blocks[i].block;
        call->workspace_bytes = (size_t)(batched->outputs * batched->taps) * sizeof(float);
        return;
    }
    const int i = whole(batched->taps, 5) <= whole(batched->taps, 4) ? 1 : 0;
    batched->tap_block = weight_blocks[i].taps;
    batched->room = whole(batched->taps, batched->tap_block);
    batched->block = even_block(batched->outputs, weight_blocks[i].outputs);
    batched->weight_block = weight_blocks[i].block;
    /* Sums of LANES floats, and a pointer for each tap. */
    batched->own = batched->room * batched->outputs * LANES + whole(batched->room * 2, LANES);
    call->workspace_bytes = (size_t)(batched->threads * batched->own) * sizeof(float);
}

enum cupel_status batched_prepare(struct call *call, struct cupel_error *error) {
    const bool weight = call->node->op == OP_conv2d_weight;
    const struct view *from = &call->in[0], *result = weight ? &call->in[1] : &call->out[0];
    const int64_t *kernel = (weight ? &call->out[0] : &call->in[1])->shape.dim + 2, *to = result->shape.dim;
    const int64_t entries = to[2] * kernel[0] + to[3] * kernel[1] * (weight ? 5 : 1);
    struct batched *batched = calloc(1, sizeof *batched + (size_t)entries * sizeof *batched->table);
    if (!batched) return cupel_fail(error, CUPEL_NOMEM, "no memory for a convolution's tables");
    const int activation = call->node->attr.conv.activation;
    *batched = (struct batched){
        .threads = call->device->threads,
        .inputs = from->shape.dim[1],
        .outputs = to[1],
        .kernel = {kernel[0], kernel[1]},
        .taps = from->shape.dim[1] * kernel[0] * kernel[1],
        .rows = to[2],
        .columns = to[3],
        .channel = from->stride[1],
        .row = from->stride[2],
        .pixel = from->stride[3],
        .to_channel = result->stride[1],
        .to_row = result->stride[2],
        .leaky = activation == ACTIVATION_RELU || activation == ACTIVATION_LEAKY_RELU,
        .slope = activation == ACTIVATION_LEAKY_RELU ? (float)call->node->attr.conv.slope : 0,
    };
    choose_blocks(batched, call);
    fill_tables(batched, call);
    call->prepared = batched;
    call->release = free;
    call->kernel = weight ? sum_weights : make_images;
    call->engine = "batched";
    return CUPEL_OK;
}
