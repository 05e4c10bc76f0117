/* Moving elements of 4 bytes, or 2 of bf16, in threads: whole runs where both sides lie in runs, transposed tiles where they do
 * not. */
#include <string.h>

#include "cpu/fast/fast.h"
#include "cpu/fast/half.h"
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

INLINE void copy_run_of(void *to, int64_t to_step, const void *from, int64_t from_step, int64_t count,
                        const bool half) {
#define COPY(to_at, from_at)                                             \
    for (int64_t i = 0; i < count; i++) {                                \
        if (half)                                                        \
            ((uint16_t *)to)[to_at] = ((const uint16_t *)from)[from_at]; \
        else                                                             \
            ((float *)to)[to_at] = ((const float *)from)[from_at];       \
    }
    if (to_step == 1 && from_step == 1)
        memcpy(to, from, (size_t)count * (half ? sizeof(uint16_t) : sizeof(float)));
    else if (to_step == 1 && from_step == 0)
        COPY(i, 0)
    else
        COPY(i * to_step, i * from_step)
#undef COPY
}

static void copy_run(void *to, int64_t to_step, const void *from, int64_t from_step, int64_t count,
                     bool half) {
    if (half)
        copy_run_of(to, to_step, from, from_step, count, true);
    else
        copy_run_of(to, to_step, from, from_step, count, false);
}

/* A square of elements with its corner at `to` and `from`. */
INLINE void copy_tile(void *to, int64_t to_step, const void *from, int64_t from_step, const bool half) {
    vector tile[LANES];
#pragma GCC unroll 16
    for (int k = 0; k < LANES; k++) tile[k] = vector_get(from, k * from_step, half);
    vector_transpose(tile);
#pragma GCC unroll 16
    for (int k = 0; k < LANES; k++)
        if (half)
            vector_cut(address_of(to, k * to_step, half), tile[k]);
        else
            vector_store(address_of(to, k * to_step, half), tile[k]);
}

/* to[j to_step + i] = from[i from_step + j] for i below rows and j below columns. */
static void copy_transposed(void *to, int64_t to_step, const void *from, int64_t from_step, int64_t rows,
                            int64_t columns, bool half) {
    if (rows < LANES || columns < LANES) {
        for (int64_t j = 0; j < columns; j++)
            copy_run(address_of(to, j * to_step, half), 1, address_of(from, j, half), from_step, rows, half);
        return;
    }
    for (int64_t i = 0; i < rows; i += LANES)
        for (int64_t j = 0; j < columns; j += LANES) {
            /* The last tile overlaps the one before it. */
            const int64_t row = i + LANES <= rows ? i : rows - LANES,
                          column = j + LANES <= columns ? j : columns - LANES;
            const void *source = address_of(from, row * from_step + column, half);
            void *target = address_of(to, column * to_step + row, half);
            if (half)
                copy_tile(target, to_step, source, from_step, true);
            else
                copy_tile(target, to_step, source, from_step, false);
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

static void copy_block(const struct block *block, void *to, const void *from, bool half, int threads) {
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
        void *target = address_of(to, to_at, half);
        const void *source = address_of(from, from_at, half);
        if (inner < 0) {
            copy_run(target, block->to[last], source, block->from[last], block->dim[last], half);
            continue;
        }
        const int64_t first = unit % strips * STRIP, left = block->dim[inner] - first;
        copy_transposed(address_of(target, first * block->to[inner], half), block->to[inner],
                        address_of(source, first, half), block->from[last], block->dim[last],
                        left < STRIP ? left : STRIP, half);
    }
}

/* Elements are as those of output 0. */
static void copy(const struct call *call, const struct cupel_shape *shape, void *to, const int64_t *to_stride,
                 const void *from, const int64_t *from_stride) {
    const struct block block = block_of(shape, to_stride, from_stride);
    copy_block(&block, to, from, is_half(&call->out[0]), call->device->threads);
}

/* Where in the larger of the two a slice or what is padded begins. */
static void *start_of(const struct call *call, const struct view *view) {
    int64_t offset = 0;
    for (int d = 0; d < view->shape.rank; d++) offset += call->node->attr.shape.start[d] * view->stride[d];
    return address_of(view->data, offset, is_half(view));
}

static void run_slice(struct call *call) {
    const struct view *x = &call->in[0], *y = &call->out[0];
    copy(call, &y->shape, y->data, y->stride, start_of(call, x), x->stride);
}

static void run_pad(struct call *call) {
    const struct view *x = &call->in[0], *y = &call->out[0];
    const int64_t count = view_count(y), none[CUPEL_MAX_RANK] = {0};
    const float zero = 0;
    copy(call, &(struct cupel_shape){1, {count}}, y->data, (int64_t[]){1}, &zero, none);
    copy(call, &x->shape, start_of(call, y), y->stride, x->data, x->stride);
}

static void run_concat(struct call *call) {
    const struct view *y = &call->out[0];
    const int axis = call->node->attr.shape.axis[0];
    void *to = y->data;
    for (int i = 0; i < call->n_in; i++) {
        const struct view *x = &call->in[i];
        copy(call, &x->shape, to, y->stride, x->data, x->stride);
        to = address_of(to, x->shape.dim[axis] * y->stride[axis], is_half(y));
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

#define PREPARE(name)                                                                         \
    enum cupel_status fast_##name(struct call *call, struct cupel_error *error) {             \
        (void)error;                                                                          \
        if (!is_half(&call->out[0]) && cupel_dtype_size(call->out[0].dtype) != sizeof(float)) \
            return CUPEL_OK;                                                                  \
        call->kernel = run_##name;                                                            \
        call->engine = "cpu";                                                                 \
        return CUPEL_OK;                                                                      \
    }
PREPARE(slice)
PREPARE(pad)
PREPARE(concat)
PREPARE(transpose)
PREPARE(relayout)
PREPARE(broadcast)
