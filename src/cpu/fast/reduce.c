/* Sums over axes.
 *
 * The dimensions are put into the order of memory and joined where they follow one another. The innermost, a
 * *run* of contiguous elements, is either summed to one number or added to a run of sums. Threads share out
 * the sums that are made, or, when those are few, what is summed: then each has sums of its own, added up in
 * the end. */
#include <stdlib.h>
#include <string.h>

#include "cpu/fast/fast.h"
#include "cpu/fast/half.h"
#include "cpu/fast/vector.h"

/* A set of dimensions with their strides in x and y, outermost first. */
struct walk {
    int rank;
    int64_t count, dim[CUPEL_MAX_RANK], in[CUPEL_MAX_RANK], out[CUPEL_MAX_RANK];
};

struct reduction {
    struct walk kept, reduced; /* without the run */
    int64_t run;
    bool run_reduced;
};

static void append(struct walk *walk, int64_t dim, int64_t in, int64_t out) {
    const int last = walk->rank - 1;
    if (walk->rank && walk->in[last] == in * dim && walk->out[last] == out * dim) {
        walk->dim[last] *= dim;
        walk->in[last] = in;
        walk->out[last] = out;
    } else {
        walk->dim[walk->rank] = dim;
        walk->in[walk->rank] = in;
        walk->out[walk->rank++] = out;
    }
    walk->count *= dim;
}

/* The dimensions of x from the largest stride to the smallest. */
static int order_of(const struct view *x, int *order) {
    int rank = 0;
    for (int d = 0; d < x->shape.rank; d++) {
        if (x->shape.dim[d] == 1) continue;
        int at = rank++;
        for (; at > 0 && x->stride[order[at - 1]] < x->stride[d]; at--) order[at] = order[at - 1];
        order[at] = d;
    }
    return rank;
}

static struct reduction reduction_of(const struct call *call) {
    const struct view *x = &call->in[0], *y = &call->out[0];
    const unsigned axes = call->node->attr.shape.axes;
    struct reduction reduction = {
        .kept = {.count = 1}, .reduced = {.count = 1}, .run = 1, .run_reduced = true};
    int order[CUPEL_MAX_RANK], to[CUPEL_MAX_RANK], kept = 0;
    for (int d = 0; d < x->shape.rank; d++)
        to[d] = call->node->attr.shape.keep ? d : axes >> d & 1 ? -1 : kept++;
    const int rank = order_of(x, order);
    for (int i = 0; i < rank; i++) {
        const int d = order[i];
        const bool reduced = axes >> d & 1;
        append(reduced ? &reduction.reduced : &reduction.kept, x->shape.dim[d], x->stride[d],
               reduced ? 0 : y->stride[to[d]]);
    }
    if (rank == 0) return reduction;
    reduction.run_reduced = axes >> order[rank - 1] & 1;
    struct walk *last = reduction.run_reduced ? &reduction.reduced : &reduction.kept;
    last->rank--;
    reduction.run = last->dim[last->rank];
    last->count /= reduction.run;
    return reduction;
}

static int64_t offset_of(const struct walk *walk, const int64_t *stride, int64_t i) {
    int64_t offset = 0;
    for (int d = walk->rank - 1; d >= 0; i /= walk->dim[d--]) offset += i % walk->dim[d] * stride[d];
    return offset;
}

INLINE float sum_of_few(const void *x, int64_t count, const bool half) {
    vector sum[4] = {0};
    int64_t i = 0;
    for (; i + 4 * LANES <= count; i += 4 * LANES)
        for (int k = 0; k < 4; k++) sum[k] += vector_get(x, i + k * LANES, half);
    float rest = 0;
    for (; i < count; i++) rest += get(x, i, half);
    return rest + vector_sum((sum[0] + sum[1]) + (sum[2] + sum[3]));
}

/* In pieces, so that small numbers are not lost in large sums. */
INLINE double sum_of_run(const void *x, int64_t count, const bool half) {
    enum { PIECE = 1 << 12 };
    double sum = 0;
    for (int64_t i = 0; i < count; i += PIECE)
        sum += (double)sum_of_few(address_of(x, i, half), count - i < PIECE ? count - i : PIECE, half);
    return sum;
}

/* One sum over the reduced elements from `first` up to `last`, counted in runs, or within the one run there
 * is. */
INLINE float sum_runs(const struct reduction *reduction, const void *x, int64_t first, int64_t last,
                      const bool half) {
    if (reduction->reduced.count == 1)
        return (float)sum_of_run(address_of(x, first, half), last - first, half);
    double sum = 0;
    for (int64_t r = first; r < last; r++)
        sum += sum_of_run(address_of(x, offset_of(&reduction->reduced, reduction->reduced.in, r), half),
                          reduction->run, half);
    return (float)sum;
}

/* A run of sums. Sums of a few rows each are added up, so that small numbers are not lost in large ones. */
INLINE void add_runs(const struct reduction *reduction, const void *x, int64_t first, int64_t last,
                     float *restrict to, int64_t step, const bool half) {
    enum { STRIP = 256, ROWS = 64 };
    for (int64_t at = 0; at < reduction->run; at += STRIP) {
        const int64_t count = reduction->run - at < STRIP ? reduction->run - at : STRIP;
        float total[STRIP] = {0}, sum[STRIP];
        for (int64_t r = first; r < last; r += ROWS) {
            memset(sum, 0, (size_t)count * sizeof *sum);
            for (int64_t k = r; k < r + ROWS && k < last; k++) {
                const int64_t row = offset_of(&reduction->reduced, reduction->reduced.in, k) + at;
                for (int64_t i = 0; i < count; i++) sum[i] += get(x, row + i, half);
            }
            for (int64_t i = 0; i < count; i++) total[i] += sum[i];
        }
        for (int64_t i = 0; i < count; i++) to[(at + i) * step] = total[i];
    }
}

/* Makes the sums over a part of what is reduced; `to` is laid out as y, and `step` its stride along a run of
 * sums. */
INLINE void sum_part_of(const struct reduction *reduction, const void *x, int64_t kept, int64_t first,
                        int64_t last, float *to, int64_t step, const bool half) {
    x = address_of(x, offset_of(&reduction->kept, reduction->kept.in, kept), half);
    if (reduction->run_reduced)
        *to = sum_runs(reduction, x, first, last, half);
    else
        add_runs(reduction, x, first, last, to, step, half);
}

static void sum_part(const struct reduction *reduction, const struct view *x, int64_t kept, int64_t first,
                     int64_t last, float *to, int64_t step) {
    if (is_half(x))
        sum_part_of(reduction, x->data, kept, first, last, to, step, true);
    else
        sum_part_of(reduction, x->data, kept, first, last, to, step, false);
}

/* How many parts there are to reduce: runs, or the elements of the only run. */
static int64_t parts_of(const struct reduction *reduction) {
    return reduction->run_reduced && reduction->reduced.count == 1 ? reduction->run
                                                                   : reduction->reduced.count;
}

static void run_sum(struct call *call) {
    const struct reduction *reduction = call->prepared;
    const struct walk *kept = &reduction->kept;
    const struct view *x = &call->in[0];
    const float factor = (float)call->node->attr.shape.factor;
    float *y = call->out[0].data, *own = call->workspace;
    const int threads = own ? call->device->threads : 1;
    const int64_t parts = parts_of(reduction), sums = view_count(&call->out[0]), run = sums / kept->count;
    const int64_t step = run > 1 ? kept->out[kept->rank] : 1;
#pragma omp parallel num_threads(call->device->threads) if (view_count(&call->in[0]) > FAST_SERIAL)
    if (own) {
#pragma omp for schedule(static)
        for (int t = 0; t < threads; t++)
            for (int64_t k = 0; k < kept->count; k++)
                sum_part(reduction, x, k, parts * t / threads, parts * (t + 1) / threads,
                         own + t * sums + k * run, 1);
#pragma omp for schedule(static)
        for (int64_t k = 0; k < kept->count; k++)
            for (int64_t i = 0; i < run; i++) {
                float sum = 0;
                for (int t = 0; t < threads; t++) sum += own[t * sums + k * run + i];
                y[offset_of(kept, kept->out, k) + i * step] = sum * factor;
            }
    } else {
#pragma omp for schedule(static)
        for (int64_t k = 0; k < kept->count; k++) {
            float *to = y + offset_of(kept, kept->out, k);
            sum_part(reduction, x, k, 0, parts, to, step);
            for (int64_t i = 0; i < run; i++) to[i * step] *= factor;
        }
    }
}

enum cupel_status fast_sum(struct call *call, struct cupel_error *error) {
    struct reduction *reduction = malloc(sizeof *reduction);
    if (!reduction) return cupel_fail(error, CUPEL_NOMEM, "no memory for a sum");
    *reduction = reduction_of(call);
    const int threads = call->device->threads;
    if (threads > 1 && reduction->kept.count < 4 * threads && view_count(&call->in[0]) > FAST_SERIAL)
        call->workspace_bytes = (size_t)(threads * view_count(&call->out[0])) * sizeof(float);
    call->prepared = reduction;
    call->release = free;
    call->kernel = run_sum;
    call->engine = "cpu";
    return CUPEL_OK;
}
