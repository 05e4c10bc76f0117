/* Moving 4-byte elements in threads: whole runs where both sides lie in runs, transposed tiles where they do
 * not. */
#include <string.h>

#include "cpu/fast/fast.h"
#include "cpu/fast/vector.h"

/* A block of elements with its strides on both sides, dimensions in the order of the target's memory,
 * outermost first. */
struct block {
    int rank;
    int64_t dim[CUPEL_MAX_RANK], to[CUPEL_MAX_RANK], from[CUPEL_MAX_RANK];
};

/* Leaves out dimensions of size 1, sorts the others and joins those that follow one another on both sides. */
static struct block block_of(const struct cupel_shape *shape, const int64_t *to, const int64_t *from) {
    struct block block = {.rank = 0};
    for (int d = 0; d < shape->rank; d++) {
        if (shape->dim[d] == 1) continue;
        int at = block.rank++;
        for (; at > 0 && block.to[at - 1] < to[d]; at--) {
            block.dim[at] = block.dim[at - 1];
            block.to[at] = block.to[at - 1];
            block.from[at] = block.from[at - 1];
        }
        block.dim[at] = shape->dim[d];
        block.to[at] = to[d];
        block.from[at] = from[d];
    }
    int last = 0;
    for (int d = 1; d < block.rank; d++) {
        const bool follows =
            block.to[last] == block.to[d] * block.dim[d] && block.from[last] == block.from[d] * block.dim[d];
        if (!follows) last++;
        block.dim[last] = follows ? block.dim[last] * block.dim[d] : block.dim[d];
        block.to[last] = block.to[d];
        block.from[last] = block.from[d];
    }
    if (block.rank == 0) return (struct block){.rank = 1, .dim = {1}, .to = {1}, .from = {1}};
    block.rank = last + 1;
    return block;
}

static void copy_run(float *to, int64_t to_step, const float *from, int64_t from_step, int64_t count) {
    if (to_step == 1 && from_step == 1)
        memcpy(to, from, (size_t)count * sizeof *to);
    else if (to_step == 1 && from_step == 0)
        for (int64_t i = 0; i < count; i++) to[i] = *from;
    else
        for (int64_t i = 0; i < count; i++) to[i * to_step] = from[i * from_step];
}

/* to[j to_step + i] = from[i from_step + j] for i below rows and j below columns. */
static void copy_transposed(float *to, int64_t to_step, const float *from, int64_t from_step, int64_t rows,
                            int64_t columns) {
    if (rows < LANES || columns < LANES) {
        for (int64_t j = 0; j < columns; j++) copy_run(to + j * to_step, 1, from + j, from_step, rows);
        return;
    }
    for (int64_t i = 0; i < rows; i += LANES)
        for (int64_t j = 0; j < columns; j += LANES) {
            /* The last tile overlaps the one before it. */
            const int64_t row = i + LANES <= rows ? i : rows - LANES,
                          column = j + LANES <= columns ? j : columns - LANES;
            vector tile[LANES];
#pragma GCC unroll 16
            for (int k = 0; k < LANES; k++) tile[k] = vector_load(from + (row + k) * from_step + column);
            vector_transpose(tile);
#pragma GCC unroll 16
            for (int k = 0; k < LANES; k++) vector_store(to + (column + k) * to_step + row, tile[k]);
        }
}

/* Offsets of the i-th of the block's outer elements, those of all dimensions but `inner` and the last. */
static void outer_offsets(const struct block *block, int inner, int64_t i, int64_t *to, int64_t *from) {
    *to = *from = 0;
    for (int d = block->rank - 2; d >= 0; d--) {
        if (d == inner) continue;
        *to += i % block->dim[d] * block->to[d];
        *from += i % block->dim[d] * block->from[d];
        i /= block->dim[d];
    }
}

/* The dimension along which the source is contiguous, when that is not the last and tiles can be transposed;
 * else -1. */
static int tile_dimension(const struct block *block) {
    const int last = block->rank - 1;
    for (int d = 0; d < last; d++)
        if (block->from[d] == 1 && block->to[last] == 1 && block->from[last] > 1) return d;
    return -1;
}

static void copy_block(const struct block *block, float *to, const float *from, int threads) {
    enum { STRIP = 64 }; /* columns of a unit of work on tiles */
    const int last = block->rank - 1, inner = tile_dimension(block);
    const int64_t strips = inner < 0 ? 1 : (block->dim[inner] + STRIP - 1) / STRIP;
    int64_t units = strips;
    for (int d = 0; d < last; d++)
        if (d != inner) units *= block->dim[d];
    const int64_t size = block->dim[last] * (inner < 0 ? 1 : STRIP);
#pragma omp parallel for schedule(static) num_threads(threads) if (units * size > FAST_SERIAL)
    for (int64_t unit = 0; unit < units; unit++) {
        int64_t to_at, from_at;
        outer_offsets(block, inner, unit / strips, &to_at, &from_at);
        if (inner < 0) {
            copy_run(to + to_at, block->to[last], from + from_at, block->from[last], block->dim[last]);
            continue;
        }
        const int64_t first = unit % strips * STRIP, left = block->dim[inner] - first;
        copy_transposed(to + to_at + first * block->to[inner], block->to[inner], from + from_at + first,
                        block->from[last], block->dim[last], left < STRIP ? left : STRIP);
    }
}

static void copy(const struct call *call, const struct cupel_shape *shape, float *to,
                 const int64_t *to_stride, const float *from, const int64_t *from_stride) {
    const struct block block = block_of(shape, to_stride, from_stride);
    copy_block(&block, to, from, call->device->threads);
}

static int64_t start_offset(const struct call *call, const struct view *view) {
    int64_t offset = 0;
    for (int d = 0; d < view->shape.rank; d++) offset += call->node->attr.shape.start[d] * view->stride[d];
    return offset;
}

static void run_slice(struct call *call) {
    const struct view *x = &call->in[0], *y = &call->out[0];
    copy(call, &y->shape, y->data, y->stride, (const float *)x->data + start_offset(call, x), x->stride);
}

static void run_pad(struct call *call) {
    const struct view *x = &call->in[0], *y = &call->out[0];
    const int64_t count = view_count(y), none[CUPEL_MAX_RANK] = {0};
    const float zero = 0;
    copy(call, &(struct cupel_shape){1, {count}}, y->data, (int64_t[]){1}, &zero, none);
    copy(call, &x->shape, (float *)y->data + start_offset(call, y), y->stride, x->data, x->stride);
}

static void run_concat(struct call *call) {
    const struct view *y = &call->out[0];
    const int axis = call->node->attr.shape.axis[0];
    float *to = y->data;
    for (int i = 0; i < call->n_in; i++) {
        const struct view *x = &call->in[i];
        copy(call, &x->shape, to, y->stride, x->data, x->stride);
        to += x->shape.dim[axis] * y->stride[axis];
    }
}

static void run_transpose(struct call *call) {
    const struct view *x = &call->in[0], *y = &call->out[0];
    int64_t stride[CUPEL_MAX_RANK] = {0};
    for (int d = 0; d < y->shape.rank; d++) stride[d] = x->stride[call->node->attr.shape.axis[d]];
    copy(call, &y->shape, y->data, y->stride, x->data, stride);
}

static void run_relayout(struct call *call) {
    const struct view *x = &call->in[0], *y = &call->out[0];
    copy(call, &y->shape, y->data, y->stride, x->data, x->stride);
}

static void run_broadcast(struct call *call) {
    const struct view *x = &call->in[0], *y = &call->out[0];
    int64_t stride[CUPEL_MAX_RANK] = {0}; /* 0 where x is repeated */
    const int missing = y->shape.rank - x->shape.rank;
    for (int d = 0; d < x->shape.rank; d++) stride[d + missing] = x->shape.dim[d] == 1 ? 0 : x->stride[d];
    copy(call, &y->shape, y->data, y->stride, x->data, stride);
}

#define PREPARE(name)                                                               \
    enum cupel_status fast_##name(struct call *call, struct cupel_error *error) {   \
        (void)error;                                                                \
        if (cupel_dtype_size(call->out[0].dtype) != sizeof(float)) return CUPEL_OK; \
        call->kernel = run_##name;                                                  \
        call->engine = "cpu";                                                       \
        return CUPEL_OK;                                                            \
    }
PREPARE(slice)
PREPARE(pad)
PREPARE(concat)
PREPARE(transpose)
PREPARE(relayout)
PREPARE(broadcast)
