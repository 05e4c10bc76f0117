/* Shape ops: views of memory, and moving elements without arithmetic. */
#include "graph/node.h"

static bool infer_to_shape(struct node *node) {
    if (cupel_shape_count(&node->attr.shape.shape) != tensor_count(node->in[0]))
        return node_fail(node, "the number of elements must stay the same");
    return node_out(node, node->in[0]->dtype, &node->attr.shape.shape);
}

/* ---- reshape ---- */

bool infer_reshape(struct node *node) {
    struct cupel_shape *shape = &node->attr.shape.shape;
    int64_t known = 1, count = tensor_count(node->in[0]);
    int unknown = -1;
    if (shape->rank < 0 || shape->rank > CUPEL_MAX_RANK)
        return node_fail(node, "rank %d is not possible", shape->rank);
    for (int i = 0; i < shape->rank; i++) {
        if (shape->dim[i] == -1 && unknown < 0)
            unknown = i;
        else if (shape->dim[i] < 1 || __builtin_mul_overflow(known, shape->dim[i], &known))
            return node_fail(node, "dimension %d is %lld; only one may be -1, the others at least 1", i,
                             (long long)shape->dim[i]);
    }
    if (unknown >= 0) shape->dim[unknown] = count / known;
    if (unknown >= 0 && count % known != 0)
        return node_fail(node, "%lld elements cannot fill it", (long long)count);
    return infer_to_shape(node);
}

struct cupel_tensor *cupel_reshape(struct cupel_tensor *x, const struct cupel_shape *shape) {
    return NODE_ADD(reshape, ATTR(shape, .shape = *shape), x);
}

struct cupel_tensor *cupel_flatten(struct cupel_tensor *x) {
    if (!x) return NULL;
    return cupel_reshape(x, &CUPEL_SHAPE(x->shape.rank ? x->shape.dim[0] : 1, -1));
}

void grad_reshape(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
                  struct cupel_tensor **dx) {
    (void)need;
    dx[0] = cupel_reshape(dy[0], &node->in[0]->shape);
}

/* ---- parts of a range, and their inverse ---- */

bool infer_part(struct node *node) {
    const struct cupel_tensor *range = node->in[0];
    int64_t offset = node->attr.state.offset, end;
    if (range->shape.rank != 1) return node_fail(node, "a part is taken from a flat tensor");
    if (!node_out(node, range->dtype, &node->attr.state.shape)) return false;
    if (offset < 0 || __builtin_add_overflow(offset, tensor_count(&node->out[0]), &end) ||
        end > range->shape.dim[0])
        return node_fail(node, "the part at %lld does not lie inside its range", (long long)offset);
    return true;
}

struct cupel_tensor *cupel_part(struct cupel_tensor *range, const char *name, int64_t offset,
                                const struct cupel_shape *shape, const struct cupel_init *init) {
    if (!range) return NULL;
    struct cupel_graph *graph = range->node->graph;
    union attr attr = {.state = {.shape = *shape, .offset = offset}};
    if (name && !(attr.state.name = graph_text(graph, name))) return NULL;
    if (init) attr.state.init = *init;
    return NODE_ADD(part, &attr, range);
}

void grad_part(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
               struct cupel_tensor **dx) {
    (void)need;
    int64_t count = tensor_count(dy[0]);
    struct cupel_tensor *flat = cupel_reshape(dy[0], &CUPEL_SHAPE(count));
    dx[0] = cupel_pad(flat, &node->attr.state.offset, &node->in[0]->shape);
}

bool infer_whole(struct node *node) {
    return node_out(node, node->in[0]->dtype, &node->in[0]->shape);
}

bool infer_pack(struct node *node) {
    int64_t total = 0;
    for (int i = 0; i < node->n_in; i++) {
        if (node->in[i]->dtype != node->graph->real)
            return node_fail(node, "input %d must be floating-point", i);
        if (__builtin_add_overflow(total, cupel_part_span(&node->in[i]->shape), &total))
            return node_fail(node, "the inputs are too large together");
    }
    return node_out(node, node->graph->real, &CUPEL_SHAPE(total));
}

struct cupel_tensor *cupel_pack(struct cupel_tensor *const *x, int count) {
    return node_add_list(OP_pack, x, count, NULL);
}

void grad_pack(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
               struct cupel_tensor **dx) {
    int64_t offset = 0;
    for (int i = 0; i < node->n_in; offset += cupel_part_span(&node->in[i++]->shape)) {
        if (!need[i]) continue;
        int64_t count = tensor_count(node->in[i]);
        dx[i] = cupel_reshape(cupel_slice(dy[0], &offset, &CUPEL_SHAPE(count)), &node->in[i]->shape);
    }
}

/* ---- slice and pad: each the other's gradient ---- */

/* Whether `inner` at start[] lies inside `outer`. */
static bool block_fits(struct node *node, const struct cupel_shape *inner, const struct cupel_shape *outer) {
    if (inner->rank != outer->rank) return node_fail(node, "the block must have rank %d", outer->rank);
    for (int i = 0; i < inner->rank; i++) {
        int64_t start = node->attr.shape.start[i];
        if (start < 0 || inner->dim[i] < 1 || inner->dim[i] > outer->dim[i] ||
            start > outer->dim[i] - inner->dim[i])
            return node_fail(node, "dimension %d: elements %lld to %lld do not lie in 0 to %lld", i,
                             (long long)start, (long long)(start + inner->dim[i] - 1),
                             (long long)(outer->dim[i] - 1));
    }
    return true;
}

bool infer_slice(struct node *node) {
    const struct cupel_shape *shape = &node->attr.shape.shape;
    return block_fits(node, shape, &node->in[0]->shape) && node_out(node, node->in[0]->dtype, shape);
}

bool infer_pad(struct node *node) {
    const struct cupel_shape *shape = &node->attr.shape.shape;
    return block_fits(node, &node->in[0]->shape, shape) && node_out(node, node->in[0]->dtype, shape);
}

static struct cupel_tensor *add_block(enum op_id op, struct cupel_tensor *x, const int64_t *start,
                                      const struct cupel_shape *shape) {
    union attr attr = {.shape = {.shape = *shape}};
    for (int i = 0; x && i < x->shape.rank; i++) attr.shape.start[i] = start[i];
    return node_add_list(op, &x, 1, &attr);
}

struct cupel_tensor *cupel_slice(struct cupel_tensor *x, const int64_t *start,
                                 const struct cupel_shape *shape) {
    return add_block(OP_slice, x, start, shape);
}

struct cupel_tensor *cupel_pad(struct cupel_tensor *x, const int64_t *start,
                               const struct cupel_shape *shape) {
    return add_block(OP_pad, x, start, shape);
}

void grad_slice(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
                struct cupel_tensor **dx) {
    (void)need;
    dx[0] = cupel_pad(dy[0], node->attr.shape.start, &node->in[0]->shape);
}

void grad_pad(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
              struct cupel_tensor **dx) {
    (void)need;
    dx[0] = cupel_slice(dy[0], node->attr.shape.start, &node->in[0]->shape);
}

/* ---- concat ---- */

bool infer_concat(struct node *node) {
    struct cupel_shape shape = node->in[0]->shape;
    int *axis = &node->attr.shape.axis[0];
    if (*axis < 0) *axis += shape.rank;
    if (*axis < 0 || *axis >= shape.rank) return node_fail(node, "there is no such axis");
    for (int i = 1; i < node->n_in; i++) {
        struct cupel_shape other = node->in[i]->shape;
        int64_t added = other.dim[*axis];
        other.dim[*axis] = shape.dim[*axis];
        if (!cupel_shape_equal(&other, &shape) || node->in[i]->dtype != node->in[0]->dtype)
            return node_fail(node, "input %d differs from the first in more than axis %d", i, *axis);
        if (__builtin_add_overflow(shape.dim[*axis], added, &shape.dim[*axis]))
            return node_fail(node, "the inputs are too large together");
    }
    return node_out(node, node->in[0]->dtype, &shape);
}

struct cupel_tensor *cupel_concat(struct cupel_tensor *const *x, int count, int axis) {
    return node_add_list(OP_concat, x, count, ATTR(shape, .axis = {axis}));
}

void grad_concat(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
                 struct cupel_tensor **dx) {
    int axis = node->attr.shape.axis[0];
    int64_t start[CUPEL_MAX_RANK] = {0};
    for (int i = 0; i < node->n_in; start[axis] += node->in[i++]->shape.dim[axis])
        if (need[i]) dx[i] = cupel_slice(dy[0], start, &node->in[i]->shape);
}

/* ---- transpose ---- */

bool infer_transpose(struct node *node) {
    const struct cupel_shape *from = &node->in[0]->shape;
    struct cupel_shape to = *from;
    int *axis = node->attr.shape.axis;
    unsigned seen = 0;
    for (int i = 0; i < from->rank; i++) {
        if (axis[i] < 0) axis[i] += from->rank;
        if (axis[i] < 0 || axis[i] >= from->rank || seen >> axis[i] & 1)
            return node_fail(node, "the order must name every axis once");
        seen |= 1u << axis[i];
        to.dim[i] = from->dim[axis[i]];
    }
    return node_out(node, node->in[0]->dtype, &to);
}

struct cupel_tensor *cupel_transpose(struct cupel_tensor *x, const int *order) {
    if (!x) return NULL;
    union attr attr = {.shape = {.keep = false}};
    for (int i = 0; i < x->shape.rank; i++) attr.shape.axis[i] = order[i];
    return NODE_ADD(transpose, &attr, x);
}

void grad_transpose(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
                    struct cupel_tensor **dx) {
    (void)need;
    int inverse[CUPEL_MAX_RANK];
    for (int i = 0; i < dy[0]->shape.rank; i++) inverse[node->attr.shape.axis[i]] = i;
    dx[0] = cupel_transpose(dy[0], inverse);
}

/* ---- broadcast ---- */

bool infer_broadcast(struct node *node) {
    const struct cupel_shape *from = &node->in[0]->shape, *to = &node->attr.shape.shape;
    int missing = to->rank - from->rank;
    if (to->rank > CUPEL_MAX_RANK) return node_fail(node, "rank %d is not possible", to->rank);
    for (int i = 0; i < from->rank; i++)
        if (missing < 0 || (from->dim[i] != 1 && from->dim[i] != to->dim[i + missing]))
            return node_fail(node, "its shape cannot be repeated to the one asked for");
    return node_out(node, node->in[0]->dtype, to);
}

struct cupel_tensor *cupel_broadcast(struct cupel_tensor *x, const struct cupel_shape *shape) {
    if (x && cupel_shape_equal(&x->shape, shape)) return x;
    return NODE_ADD(broadcast, ATTR(shape, .shape = *shape), x);
}

void grad_broadcast(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
                    struct cupel_tensor **dx) {
    (void)need;
    const struct cupel_shape *from = &node->in[0]->shape;
    int missing = dy[0]->shape.rank - from->rank;
    unsigned axes = 0;
    for (int i = 0; i < dy[0]->shape.rank; i++)
        if (i < missing || from->dim[i - missing] == 1) axes |= 1u << i;
    dx[0] = cupel_reshape(cupel_sum(dy[0], axes, true), from);
}
