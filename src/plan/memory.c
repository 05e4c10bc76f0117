/* Where tensors lie: who shares memory with whom, and one arena for the rest. */
#include <stdlib.h>
#include <string.h>

#include "plan/plan.h"

const struct home *plan_home(const struct cupel_plan *plan, const struct cupel_tensor *tensor,
                             size_t *offset) {
    const struct home *home = &plan->homes[tensor->id];
    *offset = 0;
    while (home->root != (int)(home - plan->homes)) {
        *offset += home->offset;
        home = &plan->homes[home->root];
    }
    return home;
}

static struct home *root_of(struct cupel_plan *plan, const struct cupel_tensor *tensor) {
    size_t offset;
    return (struct home *)plan_home(plan, tensor, &offset);
}

static size_t bytes_of(const struct cupel_tensor *tensor) {
    return (size_t)tensor_count(tensor) * cupel_dtype_size(tensor->dtype);
}

static void share(struct cupel_plan *plan, struct home *home, struct home *with, size_t offset) {
    home->root = (int)(with - plan->homes);
    home->offset = offset;
    if (home->first < with->first) with->first = home->first;
    if (home->last > with->last) with->last = home->last;
}

/* What the op table says: aliases and new versions of states lie where their input does. */
static void share_by_table(struct cupel_plan *plan) {
    for (int n = 0; n < plan->graph->n_nodes; n++) {
        struct node *node = plan->graph->nodes[n];
        const struct op *op = &ops[node->op];
        for (int i = 0; i < node->n_out; i++) {
            int id = node->out[i].id, update = i - (node->n_out - op->updates);
            struct home *home = &plan->homes[id];
            *home = (struct home){.root = id, .first = -1, .last = -1, .bytes = bytes_of(&node->out[i])};
            if (node->op == OP_state) home->kind = MEMORY_STATE;
            if (node->op == OP_constant) home->kind = MEMORY_CONSTANT;
            const struct cupel_tensor *other = op->flags & OP_ALIAS              ? node->in[0]
                                               : update >= 0 && op->updates != 0 ? node->in[update]
                                                                                 : NULL;
            if (!other) continue;
            size_t offset =
                node->op == OP_part ? (size_t)node->attr.state.offset * cupel_dtype_size(other->dtype) : 0;
            share(plan, home, &plan->homes[other->id], offset);
        }
    }
}

static void note_use(struct cupel_plan *plan, const struct cupel_tensor *tensor, int position) {
    struct home *home = root_of(plan, tensor);
    if (home->first < 0) home->first = position;
    home->last = position;
}

static void find_lifetimes(struct cupel_plan *plan) {
    for (int c = 0; c < plan->n_calls; c++) {
        const struct node *node = plan->calls[c].node;
        for (int i = 0; i < node->n_in; i++) note_use(plan, node->in[i], c);
        for (int i = 0; i < node->n_out; i++) note_use(plan, &node->out[i], c);
    }
    for (int i = 0; i < plan->n_outputs; i++) {
        struct home *home = root_of(plan, plan->outputs[i]);
        home->last = plan->n_calls;
        if (home->first < 0) home->first = plan->n_calls; /* a constant that no call reads */
    }
}

/* Whether the op lets output 0 lie over input i; no op does for inputs beyond the bits of the column. */
static bool overwrites(const struct node *node, int i) {
    return i < 32 && ops[node->op].inplace >> i & 1;
}

/* Whether input i's memory is free for the taking by output 0: all its own, used no more, and no other input
 * that the kernel still reads lies in it. */
static bool may_overwrite(struct cupel_plan *plan, const struct node *node, int i, int position) {
    size_t offset;
    const struct home *home = plan_home(plan, node->in[i], &offset), *result = &plan->homes[node->out[0].id];
    if (home->kind != MEMORY_ARENA || home->last != position || offset != 0) return false;
    if (home->bytes != result->bytes || result->root != node->out[0].id) return false;
    for (int j = 0; j < node->n_in; j++)
        if (!overwrites(node, j) && root_of(plan, node->in[j]) == home) return false;
    return node->in[i]->layout == node->out[0].layout && node->in[i]->dtype == node->out[0].dtype;
}

/* Gives a pack's inputs their places in its result, so that there is nothing to copy. What comes twice is
 * copied from its first place to the next. */
static void share_pack(struct cupel_plan *plan, const struct node *node) {
    struct home *pack = &plan->homes[node->out[0].id];
    size_t place = 0;
    for (int i = 0; i < node->n_in; i++) {
        size_t offset;
        struct home *home = (struct home *)plan_home(plan, node->in[i], &offset);
        if (home->kind == MEMORY_ARENA && home != pack && offset == 0 && home->bytes == bytes_of(node->in[i]))
            share(plan, home, pack, place);
        place += (size_t)cupel_part_span(&node->in[i]->shape) * cupel_dtype_size(node->out[0].dtype);
    }
}

static void share_by_use(struct cupel_plan *plan) {
    for (int c = 0; c < plan->n_calls; c++) {
        const struct node *node = plan->calls[c].node;
        struct home *result = &plan->homes[node->out[0].id];
        for (int i = 0; i < node->n_in && result->root == node->out[0].id; i++)
            if (overwrites(node, i) && may_overwrite(plan, node, i, c))
                share(plan, result, root_of(plan, node->in[i]), 0);
        if (node->op == OP_pack) share_pack(plan, node);
    }
}

/* ---- the arena ---- */

struct block {
    int first, last;
    size_t bytes, place;
    size_t *result;
};

static int by_size(const void *a, const void *b) {
    const struct block *x = a, *y = b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
    return x->first != y->first ? (x->first < y->first ? -1 : 1) : x->last - y->last;
}

static int by_place(const void *a, const void *b) {
    const struct block *const *x = a, *const *y = b;
    return (*x)->place < (*y)->place ? -1 : (*x)->place > (*y)->place;
}

/* Places the largest blocks first, each into the smallest gap left by those that live at the same time. */
static size_t pack_blocks(struct block *blocks, int count, struct block **taken) {
    size_t end = 0;
    qsort(blocks, (size_t)count, sizeof *blocks, by_size);
    for (int b = 0; b < count; b++) {
        struct block *block = &blocks[b];
        int n = 0;
        for (int o = 0; o < b; o++)
            if (blocks[o].first <= block->last && block->first <= blocks[o].last) taken[n++] = &blocks[o];
        qsort(taken, (size_t)n, sizeof *taken, by_place);
        size_t top = 0, best = SIZE_MAX, best_gap = SIZE_MAX;
        for (int t = 0; t < n; t++) {
            if (taken[t]->place >= top + block->bytes && taken[t]->place - top < best_gap) {
                best = top;
                best_gap = taken[t]->place - top;
            }
            if (taken[t]->place + taken[t]->bytes > top) top = taken[t]->place + taken[t]->bytes;
        }
        block->place = best != SIZE_MAX ? best : top;
        if (block->place + block->bytes > end) end = block->place + block->bytes;
        *block->result = block->place;
    }
    return end;
}

static size_t rounded(size_t bytes) {
    return (bytes + 63) / 64 * 64;
}

/* In debug mode nothing is reused and every tensor is framed by guard bands. */
static struct block block_make(const struct cupel_plan *plan, int first, int last, size_t bytes,
                               size_t *result) {
    bool debug = plan->options.debug;
    return (struct block){.first = debug ? 0 : first,
                          .last = debug ? plan->n_calls : last,
                          .bytes = rounded(bytes) + (debug ? 2 * GUARD_BYTES : 0),
                          .result = result};
}

static int list_blocks(struct cupel_plan *plan, struct block *blocks) {
    int count = 0;
    for (int t = 0; t < plan->graph->n_tensors; t++) {
        struct home *home = &plan->homes[t];
        if (home->root == t && home->first >= 0 && home->kind == MEMORY_ARENA)
            blocks[count++] = block_make(plan, home->first, home->last, home->bytes, &home->place);
    }
    for (int c = 0; c < plan->n_calls; c++)
        if (plan->calls[c].workspace_bytes)
            blocks[count++] =
                block_make(plan, c, c, plan->calls[c].workspace_bytes, &plan->workspace_place[c]);
    return count;
}

/* The bytes of all blocks side by side; false when they are more than can be addressed. */
static bool add_up(const struct block *blocks, int count, size_t *bytes) {
    *bytes = 0;
    for (int b = 0; b < count; b++)
        if (__builtin_add_overflow(*bytes, blocks[b].bytes, bytes)) return false;
    return *bytes <= PTRDIFF_MAX;
}

static void place_constants(struct cupel_plan *plan) {
    for (int t = 0; t < plan->graph->n_tensors; t++) {
        struct home *home = &plan->homes[t];
        if (home->root != t || home->first < 0 || home->kind != MEMORY_CONSTANT) continue;
        home->place = plan->constant_bytes;
        plan->constant_bytes += rounded(home->bytes);
    }
}

static enum cupel_status settle(struct cupel_plan *plan, struct block *blocks, struct block **taken,
                                struct cupel_error *error) {
    share_by_table(plan);
    find_lifetimes(plan);
    place_constants(plan);
    if (!add_up(blocks, list_blocks(plan, blocks), &plan->tensor_bytes))
        return cupel_fail(error, CUPEL_NOMEM,
                          "the plan's tensors take more memory than can be addressed; use a smaller batch");
    if (!plan->options.debug) share_by_use(plan);
    plan->arena_bytes = pack_blocks(blocks, list_blocks(plan, blocks), taken);
    return CUPEL_OK;
}

enum cupel_status plan_memory(struct cupel_plan *plan, struct cupel_error *error) {
    size_t room = (size_t)(plan->graph->n_tensors + plan->n_calls) + 1;
    plan->homes = calloc((size_t)plan->graph->n_tensors + 1, sizeof *plan->homes);
    plan->workspace_place = calloc((size_t)plan->n_calls + 1, sizeof *plan->workspace_place);
    struct block *blocks = calloc(room, sizeof *blocks), **taken = calloc(room, sizeof *taken);
    enum cupel_status status = plan->homes && plan->workspace_place && blocks && taken
                                   ? settle(plan, blocks, taken, error)
                                   : cupel_fail(error, CUPEL_NOMEM, "no memory for the plan's memory map");
    free(blocks);
    free(taken);
    return status;
}
