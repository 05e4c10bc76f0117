/* Ops that draw random numbers. Each node has a stream of its own, so that no two nodes of a graph draw the
 * same numbers; a gradient takes its forward node's stream, so that it does. */
#include <float.h>

#include "ops/check.h"

struct cupel_tensor *cupel_rng(struct cupel_graph *graph) {
    return cupel_state(graph, "rng", CUPEL_I64, &CUPEL_SHAPE(2), NULL);
}

bool check_rng(struct node *node) {
    const struct cupel_tensor *rng = node->in[node->n_in - 1];
    if (rng->dtype == CUPEL_I64 && cupel_shape_equal(&rng->shape, &CUPEL_SHAPE(2))) return true;
    return node_fail(node, "the last input must be the i64 [2] state that cupel_rng returns");
}

/* Appends a node that draws, with the next stream of its graph. The last input is the rng state. */
static struct cupel_tensor *add_drawing(enum op_id op, struct cupel_tensor *const *in, int n_in,
                                        union attr attr) {
    if (in[n_in - 1]) attr.random.stream = in[n_in - 1]->node->graph->streams++;
    return node_add_list(op, in, n_in, &attr);
}

/* ---- uniform and normal ---- */

bool infer_draw(struct node *node) {
    return check_rng(node) && node_out(node, node->graph->real, &node->attr.random.shape);
}

struct cupel_tensor *cupel_uniform(struct cupel_tensor *rng, const struct cupel_shape *shape, double low,
                                   double high) {
    return add_drawing(OP_uniform, &rng, 1, *ATTR(random, .a = low, .b = high, .shape = *shape));
}

struct cupel_tensor *cupel_normal(struct cupel_tensor *rng, const struct cupel_shape *shape, double mean,
                                  double deviation) {
    return add_drawing(OP_normal, &rng, 1, *ATTR(random, .a = mean, .b = deviation, .shape = *shape));
}

bool infer_beta(struct node *node) {
    const double alpha = node->attr.random.a;
    if (!(alpha > 0 && alpha <= FLT_MAX)) return node_fail(node, "alpha must be above 0, not %g", alpha);
    return infer_draw(node);
}

struct cupel_tensor *cupel_beta(struct cupel_tensor *rng, const struct cupel_shape *shape, double alpha) {
    return add_drawing(OP_beta, &rng, 1, *ATTR(random, .a = alpha, .shape = *shape));
}

/* ---- dropout: linear in x, with the mask as its own transpose ---- */

bool infer_dropout(struct node *node) {
    double p = node->attr.random.a;
    if (!(p >= 0 && p < 1))
        return node_fail(node, "the probability must be at least 0 and below 1, not %g", p);
    if (!is_real(node->in[0])) return node_fail(node, "input 0 must be floating-point");
    return check_rng(node) && node_out(node, node->in[0]->dtype, &node->in[0]->shape);
}

struct cupel_tensor *cupel_dropout(struct cupel_tensor *x, struct cupel_tensor *rng, double p) {
    return add_drawing(OP_dropout, (struct cupel_tensor *[]){x, rng}, 2, *ATTR(random, .a = p));
}

void grad_dropout(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
                  struct cupel_tensor **dx) {
    (void)need;
    dx[0] = NODE_ADD(dropout, &node->attr, dy[0], node->in[1]);
}

/* ---- augmentation of images: linear in x, each image moved on its own ---- */

static bool infer_moved(struct node *node) {
    if (node->in[0]->shape.rank != 4) return node_fail(node, "input 0 must be images [N, C, H, W]");
    return check_rng(node) && node_out(node, node->in[0]->dtype, &node->in[0]->shape);
}

bool infer_random_flip(struct node *node) {
    double p = node->attr.random.a;
    if (!(p >= 0 && p <= 1)) return node_fail(node, "the probability must be from 0 to 1, not %g", p);
    return infer_moved(node);
}

struct cupel_tensor *cupel_random_flip(struct cupel_tensor *x, struct cupel_tensor *rng, double p) {
    return add_drawing(OP_random_flip, (struct cupel_tensor *[]){x, rng}, 2, *ATTR(random, .a = p));
}

/* A mirrored image is mirrored back. */
void grad_random_flip(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
                      struct cupel_tensor **dx) {
    (void)need;
    dx[0] = NODE_ADD(random_flip, &node->attr, dy[0], node->in[1]);
}

bool infer_random_crop(struct node *node) {
    int pad = node->attr.random.size;
    if (pad < 0 || pad > INT16_MAX)
        return node_fail(node, "pad must be from 0 to %d, not %d", INT16_MAX, pad);
    return infer_moved(node);
}

struct cupel_tensor *cupel_random_crop(struct cupel_tensor *x, struct cupel_tensor *rng, int pad) {
    return add_drawing(OP_random_crop, (struct cupel_tensor *[]){x, rng}, 2, *ATTR(random, .size = pad));
}

/* Shifted back the other way; what left the image is lost, which is right: it got no gradient. */
void grad_random_crop(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
                      struct cupel_tensor **dx) {
    (void)need;
    union attr attr = node->attr;
    attr.random.back = !attr.random.back;
    dx[0] = NODE_ADD(random_crop, &attr, dy[0], node->in[1]);
}

bool infer_cutout(struct node *node) {
    int size = node->attr.random.size;
    if (size < 0 || size > INT16_MAX)
        return node_fail(node, "the size must be from 0 to %d, not %d", INT16_MAX, size);
    return infer_moved(node);
}

struct cupel_tensor *cupel_cutout(struct cupel_tensor *x, struct cupel_tensor *rng, int size) {
    return add_drawing(OP_cutout, (struct cupel_tensor *[]){x, rng}, 2, *ATTR(random, .size = size));
}

/* The same square is cut out of the gradient. */
void grad_cutout(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
                 struct cupel_tensor **dx) {
    (void)need;
    dx[0] = NODE_ADD(cutout, &node->attr, dy[0], node->in[1]);
}

struct cupel_tensor *cupel_move_alike(struct cupel_tensor *x, const struct cupel_tensor *moved) {
    if (!x || !moved) return NULL;
    const struct node *node = moved->node;
    const bool moves = node->op == OP_random_flip || node->op == OP_random_crop || node->op == OP_cutout;
    if (!moves && node->op != OP_color_jitter) return x;
    x = cupel_move_alike(x, node->in[0]);
    return moves ? node_add_list(node->op, (struct cupel_tensor *[]){x, node->in[1]}, 2, &node->attr) : x;
}
