/* Ops that turn a data set into batches. */
#include "ops/check.h"

static bool check_order(struct node *node, const struct cupel_tensor *order,
                        const struct cupel_tensor *cursor) {
    if (order->dtype != CUPEL_I32 || order->shape.rank != 1)
        return node_fail(node, "the order must be i32 [M]");
    if (cursor->dtype != CUPEL_I64 || tensor_count(cursor) != 1)
        return node_fail(node, "the cursor must be i64 [1]");
    return true;
}

bool infer_gather(struct node *node) {
    const struct cupel_tensor *data = node->in[0];
    if (data->shape.rank < 1) return node_fail(node, "the data must have rows");
    if (!check_order(node, node->in[1], node->in[2])) return false;
    struct cupel_shape shape = data->shape;
    shape.dim[0] = node->attr.number.n;
    return node_out(node, data->dtype, &shape);
}

struct cupel_tensor *cupel_gather(struct cupel_tensor *data, struct cupel_tensor *order,
                                  struct cupel_tensor *cursor, int64_t batch) {
    return NODE_ADD(gather, ATTR(number, .n = batch), data, order, cursor);
}

static bool check_channels(struct node *node) {
    const struct cupel_tensor *x = node->in[0];
    if (x->dtype != CUPEL_U8 || x->shape.rank < 2) return node_fail(node, "input 0 must be u8 [N, C, ...]");
    for (int i = 1; i <= 2; i++)
        if (node->in[i]->dtype != node->graph->real ||
            !cupel_shape_equal(&node->in[i]->shape, &CUPEL_SHAPE(x->shape.dim[1])))
            return node_fail(node, "mean and deviation must be %s [%lld], one value a channel",
                             cupel_dtype_text(node->graph->real), (long long)x->shape.dim[1]);
    return true;
}

bool infer_convert(struct node *node) {
    return check_channels(node) && node_out(node, node->graph->real, &node->in[0]->shape);
}

struct cupel_tensor *cupel_convert(struct cupel_tensor *x, struct cupel_tensor *mean,
                                   struct cupel_tensor *deviation) {
    return NODE_ADD(convert, NULL, x, mean, deviation);
}

bool infer_batch(struct node *node) {
    const struct batch *batch = &node->attr.batch;
    const int wanted = 3 + (batch->gathers ? 2 : 0) + (batch->moves ? 1 : 0);
    if (batch->moves < 0 || batch->moves > BATCH_MOVES || node->n_in != wanted)
        return node_fail(node, "%d moves and %d inputs do not fit together", batch->moves, node->n_in);
    struct cupel_shape shape = node->in[0]->shape;
    if (shape.rank != 4) return node_fail(node, "input 0 must be images [N, C, H, W]");
    if (!check_channels(node) || (batch->gathers && !check_order(node, node->in[3], node->in[4])) ||
        (batch->moves && !check_rng(node)))
        return false;
    if (batch->gathers) shape.dim[0] = batch->count;
    return node_out(node, node->graph->real, &shape);
}

double flops_convert(const struct node *node) {
    return 3 * flops_each(node);
}
