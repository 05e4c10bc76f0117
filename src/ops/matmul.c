/* Matrix products. */
#include "ops/check.h"

/* ---- matmul ---- */

bool infer_matmul(struct node *node) {
    const struct cupel_shape *a = &node->in[0]->shape, *b = &node->in[1]->shape;
    const bool transpose_a = node->attr.shape.transpose_a, transpose_b = node->attr.shape.transpose_b;
    if (a->rank < 2) return node_fail(node, "inputs must be matrices or stacks of them");
    if (!check_inputs(node, 2, a->rank)) return false;
    struct cupel_shape to = *a;
    const int rows = a->rank - 2, columns = a->rank - 1;
    for (int i = 0; i < rows; i++)
        if (a->dim[i] != b->dim[i])
            return node_fail(node, "leading dimensions must be equal, or the second have none");
    const int64_t inner_a = a->dim[transpose_a ? rows : columns],
                  inner_b = b->dim[transpose_b ? columns : rows];
    if (inner_a != inner_b)
        return node_fail(node, "%s has %lld columns, %s has %lld rows",
                         transpose_a ? "the first, transposed," : "the first", (long long)inner_a,
                         transpose_b ? "the second, transposed," : "the second", (long long)inner_b);
    to.dim[rows] = a->dim[transpose_a ? columns : rows];
    to.dim[columns] = b->dim[transpose_b ? rows : columns];
    return node_out(node, node->in[0]->dtype, &to);
}

static struct cupel_tensor *add_matmul(struct cupel_tensor *a, struct cupel_tensor *b, bool transpose_a,
                                       bool transpose_b) {
    return NODE_ADD(matmul, ATTR(shape, .transpose_a = transpose_a, .transpose_b = transpose_b), a, b);
}

/* One matrix b for a whole stack: the rows of all of a's matrices are one tall matrix, unless they are stored
 * as columns. */
static struct cupel_tensor *matmul_stack(struct cupel_tensor *a, struct cupel_tensor *b, bool transpose_a,
                                         bool transpose_b) {
    struct cupel_shape shape = a->shape;
    if (transpose_a) {
        shape.dim[shape.rank - 2] = b->shape.dim[0];
        shape.dim[shape.rank - 1] = b->shape.dim[1];
        return add_matmul(a, cupel_broadcast(b, &shape), transpose_a, transpose_b);
    }
    struct cupel_tensor *tall = cupel_reshape(a, &CUPEL_SHAPE(-1, shape.dim[shape.rank - 1]));
    shape.dim[shape.rank - 1] = b->shape.dim[transpose_b ? 0 : 1];
    return cupel_reshape(add_matmul(tall, b, false, transpose_b), &shape);
}

struct cupel_tensor *cupel_matmul(struct cupel_tensor *a, struct cupel_tensor *b, bool transpose_a,
                                  bool transpose_b) {
    if (!a || !b) return NULL;
    if (a->shape.rank > 2 && b->shape.rank == 2) return matmul_stack(a, b, transpose_a, transpose_b);
    return add_matmul(a, b, transpose_a, transpose_b);
}

void grad_matmul(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
                 struct cupel_tensor **dx) {
    struct cupel_tensor *a = node->in[0], *b = node->in[1];
    const bool transpose_a = node->attr.shape.transpose_a, transpose_b = node->attr.shape.transpose_b;
    if (need[0])
        dx[0] =
            transpose_a ? add_matmul(b, dy[0], transpose_b, true) : add_matmul(dy[0], b, false, !transpose_b);
    if (need[1])
        dx[1] =
            transpose_b ? add_matmul(dy[0], a, true, transpose_a) : add_matmul(a, dy[0], !transpose_a, false);
}

double flops_matmul(const struct node *node) {
    const struct cupel_shape *a = &node->in[0]->shape;
    return 2.0 * (double)tensor_count(&node->out[0]) *
           (double)a->dim[a->rank - (node->attr.shape.transpose_a ? 2 : 1)];
}

/* ---- linear ---- */

bool infer_linear(struct node *node) {
    const struct cupel_shape *x = &node->in[0]->shape, *weight = &node->in[1]->shape;
    if (x->rank != 2) return node_fail(node, "the input must be [N, I]; flatten it first");
    if (!check_inputs(node, 2, 2) || !check_bias(node, weight->dim[0])) return false;
    if (x->dim[1] != weight->dim[1])
        return node_fail(node, "the weight takes %lld features, the input has %lld",
                         (long long)weight->dim[1], (long long)x->dim[1]);
    return node_out(node, node->in[0]->dtype, &CUPEL_SHAPE(x->dim[0], weight->dim[0]));
}

struct cupel_tensor *cupel_linear(struct cupel_tensor *x, struct cupel_tensor *weight,
                                  struct cupel_tensor *bias) {
    return node_add_list(OP_linear, (struct cupel_tensor *[]){x, weight, bias}, bias ? 3 : 2, NULL);
}

/* Plans fuse activations after differentiation, so there is none here; the same holds for convolutions. */
void grad_linear(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
                 struct cupel_tensor **dx) {
    if (need[0]) dx[0] = cupel_matmul(dy[0], node->in[1], false, false);
    if (need[1]) dx[1] = cupel_matmul(dy[0], node->in[0], true, false);
    if (node->n_in > 2 && need[2]) dx[2] = cupel_sum(dy[0], 1u << 0, false);
}

double flops_linear(const struct node *node) {
    return 2.0 * (double)tensor_count(&node->out[0]) * (double)node->in[0]->shape.dim[1];
}
