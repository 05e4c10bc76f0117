/* Pooling over windows of a plane, and what moves gradients back through it.
 *
 * maxpool's second output says which element of its plane each result is; with it given, choosing
 * (maxpool_pick) and putting back (maxpool_grad) are linear and each other's gradient. So are avgpool and
 * avgpool_grad. An adaptive pool is one whose windows are the parts of the image instead (attr.pool.parts). */
#include "ops/check.h"

/* The windows of an adaptive pool. Sizes are such that products of two of them fit 64 bits. */
static bool check_parts(struct node *node, const int64_t *image, int64_t *pooled) {
    for (int axis = 0; axis < 2; axis++) {
        pooled[axis] = node->attr.pool.parts[axis];
        if (pooled[axis] < 1 || pooled[axis] > INT32_MAX || image[axis] < 1 || image[axis] > INT32_MAX)
            return node_fail(node, "%lld elements cannot be pooled to %lld", (long long)image[axis],
                             (long long)pooled[axis]);
    }
    return true;
}

/* Checks the windows over an image of H, W and sets the pooled H, W. */
static bool check_pool(struct node *node, const int64_t *image, int64_t *pooled) {
    struct cupel_pool *pool = &node->attr.pool.pool;
    if (node->attr.pool.parts[0] || node->attr.pool.parts[1]) return check_parts(node, image, pooled);
    if (pool->divisor < 0) return node_fail(node, "divisor %d must be at least 0", pool->divisor);
    for (int axis = 0; axis < 2; axis++) {
        if (pool->stride[axis] == 0) pool->stride[axis] = pool->kernel[axis];
        if (pool->pad[axis] > pool->kernel[axis] / 2)
            return node_fail(node, "pad %d is more than half of kernel %d", pool->pad[axis],
                             pool->kernel[axis]);
        struct window window = {.size = image[axis],
                                .kernel = pool->kernel[axis],
                                .stride = pool->stride[axis],
                                .pad = pool->pad[axis],
                                .dilation = 1,
                                .ceil = pool->ceil_mode};
        if (!check_window(node, axis, &window, &pooled[axis])) return false;
    }
    return true;
}

/* The same where the pooled tensor is given. */
static bool check_pooled(struct node *node, const int64_t *image, const struct cupel_tensor *given) {
    int64_t pooled[2] = {0};
    if (!check_pool(node, image, pooled)) return false;
    if (given->shape.dim[2] != pooled[0] || given->shape.dim[3] != pooled[1])
        return node_fail(node, "pooling gives %lld x %lld for an image of %lld x %lld", (long long)pooled[0],
                         (long long)pooled[1], (long long)image[0], (long long)image[1]);
    return true;
}

static bool check_argmax(struct node *node) {
    const struct cupel_tensor *x = node->in[0], *argmax = node->in[1];
    if (argmax->dtype != CUPEL_I32 || argmax->shape.rank != 4 || argmax->shape.dim[0] != x->shape.dim[0] ||
        argmax->shape.dim[1] != x->shape.dim[1])
        return node_fail(node, "input 1 must be the i32 indices that maxpool returns");
    return true;
}

/* ---- max ---- */

bool infer_maxpool(struct node *node) {
    int64_t pooled[2];
    if (!check_inputs(node, 1, 4)) return false;
    const int64_t *x = node->in[0]->shape.dim;
    if (!check_pool(node, x + 2, pooled)) return false;
    if (x[2] > INT32_MAX / x[3]) return node_fail(node, "a plane may have 2^31 - 1 elements at most");
    const struct cupel_shape shape = CUPEL_SHAPE(x[0], x[1], pooled[0], pooled[1]);
    return node_out(node, node->in[0]->dtype, &shape) && node_out(node, CUPEL_I32, &shape);
}

struct cupel_tensor *cupel_maxpool(struct cupel_tensor *x, const struct cupel_pool *pool) {
    return NODE_ADD(maxpool, ATTR(pool, .pool = *pool), x);
}

/* The attributes of what goes back from the pooled side to an image of x's size. */
static union attr attr_back(const struct node *node, const struct cupel_tensor *x) {
    union attr attr = node->attr;
    for (int axis = 0; axis < 2; axis++) attr.pool.image[axis] = x->shape.dim[2 + axis];
    return attr;
}

/* The attributes of the pool that a gradient belongs to. */
static union attr attr_forth(const struct node *node) {
    union attr attr = node->attr;
    for (int axis = 0; axis < 2; axis++) attr.pool.image[axis] = 0;
    return attr;
}

static struct cupel_tensor *add_maxpool_grad(const struct node *node, struct cupel_tensor *dy,
                                             struct cupel_tensor *argmax) {
    const union attr attr = attr_back(node, node->in[0]);
    return NODE_ADD(maxpool_grad, &attr, dy, argmax);
}

void grad_maxpool(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
                  struct cupel_tensor **dx) {
    (void)need;
    dx[0] = add_maxpool_grad(node, dy[0], node->out[0].node->out + 1);
}

bool infer_maxpool_grad(struct node *node) {
    const int64_t *dy = node->in[0]->shape.dim, *image = node->attr.pool.image;
    if (!check_inputs(node, 1, 4) || !check_argmax(node) || !check_pooled(node, image, node->in[0]))
        return false;
    if (!cupel_shape_equal(&node->in[0]->shape, &node->in[1]->shape))
        return node_fail(node, "inputs must have one shape");
    return node_out(node, node->in[0]->dtype, &CUPEL_SHAPE(dy[0], dy[1], image[0], image[1]));
}

void grad_maxpool_grad(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
                       struct cupel_tensor **dx) {
    (void)need;
    const union attr attr = attr_forth(node);
    dx[0] = NODE_ADD(maxpool_pick, &attr, dy[0], node->in[1]);
}

bool infer_maxpool_pick(struct node *node) {
    if (!check_inputs(node, 1, 4) || !check_argmax(node)) return false;
    if (!check_pooled(node, node->in[0]->shape.dim + 2, node->in[1])) return false;
    return node_out(node, node->in[0]->dtype, &node->in[1]->shape);
}

void grad_maxpool_pick(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
                       struct cupel_tensor **dx) {
    (void)need;
    dx[0] = add_maxpool_grad(node, dy[0], node->in[1]);
}

/* What maxpool_grad does is to put each number where its window's maximum was. Numbers of windows that overlap would be added up,
 * which is not what unpooling is. */
struct cupel_tensor *cupel_unpool(struct cupel_tensor *x, struct cupel_tensor *pooled) {
    if (!x || !pooled) return NULL;
    const struct node *node = pooled->node;
    if (node->op != OP_maxpool || pooled->index != 0)
        return graph_fail(node->graph, "unpool", "the second input must be what a maxpool makes");
    if (!cupel_shape_equal(&x->shape, &pooled->shape))
        return graph_fail(node->graph, "unpool", "the first input must have the shape that the maxpool made");
    const struct cupel_pool *pool = &node->attr.pool.pool;
    for (int axis = 0; axis < 2; axis++)
        if (node->attr.pool.parts[axis] || pool->kernel[axis] > pool->stride[axis])
            return graph_fail(node->graph, "unpool",
                              "the maxpool's windows overlap; it needs a stride of at least its kernel");
    return add_maxpool_grad(node, x, pooled + 1);
}

/* ---- average ---- */

bool infer_avgpool(struct node *node) {
    int64_t pooled[2];
    if (!check_inputs(node, 1, 4)) return false;
    const int64_t *x = node->in[0]->shape.dim;
    if (!check_pool(node, x + 2, pooled)) return false;
    return node_out(node, node->in[0]->dtype, &CUPEL_SHAPE(x[0], x[1], pooled[0], pooled[1]));
}

struct cupel_tensor *cupel_avgpool(struct cupel_tensor *x, const struct cupel_pool *pool) {
    return NODE_ADD(avgpool, ATTR(pool, .pool = *pool), x);
}

void grad_avgpool(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
                  struct cupel_tensor **dx) {
    (void)need;
    const union attr attr = attr_back(node, node->in[0]);
    dx[0] = NODE_ADD(avgpool_grad, &attr, dy[0]);
}

bool infer_avgpool_grad(struct node *node) {
    const int64_t *dy = node->in[0]->shape.dim, *image = node->attr.pool.image;
    if (!check_inputs(node, 1, 4) || !check_pooled(node, image, node->in[0])) return false;
    return node_out(node, node->in[0]->dtype, &CUPEL_SHAPE(dy[0], dy[1], image[0], image[1]));
}

void grad_avgpool_grad(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
                       struct cupel_tensor **dx) {
    (void)need;
    const union attr attr = attr_forth(node);
    dx[0] = NODE_ADD(avgpool, &attr, dy[0]);
}

struct cupel_tensor *cupel_global_avgpool(struct cupel_tensor *x) {
    if (!x) return NULL;
    if (x->shape.rank != 4)
        return graph_fail(x->node->graph, "global_avgpool", "the input must have 4 dimensions");
    return cupel_mean(x, 1u << 2 | 1u << 3, true);
}

/* ---- adaptive pools ---- */

/* Where the parts are of one size, windows of that size without a gap between them do it. */
static struct cupel_tensor *add_adaptive(enum op_id op, struct cupel_tensor *x, const int64_t *size) {
    union attr attr = {.pool = {.parts = {0}}};
    if (!x) return NULL;
    if (x->shape.rank != 4 || size[0] < 1 || size[1] < 1)
        return graph_fail(x->node->graph, "adaptive pool",
                          "%lld x %lld cannot be made; it takes images [N, C, H, W] and sizes of at least 1",
                          (long long)size[0], (long long)size[1]);
    const int64_t *image = x->shape.dim + 2;
    const bool even = image[0] % size[0] == 0 && image[1] % size[1] == 0 && image[0] / size[0] <= INT32_MAX &&
                      image[1] / size[1] <= INT32_MAX;
    for (int axis = 0; axis < 2; axis++) {
        if (even)
            attr.pool.pool.kernel[axis] = (int)(image[axis] / size[axis]);
        else
            attr.pool.parts[axis] = size[axis];
    }
    return even && image[0] == size[0] && image[1] == size[1] ? x : node_add_list(op, &x, 1, &attr);
}

struct cupel_tensor *cupel_adaptive_maxpool(struct cupel_tensor *x, const int64_t *size) {
    return add_adaptive(OP_maxpool, x, size);
}

struct cupel_tensor *cupel_adaptive_avgpool(struct cupel_tensor *x, const int64_t *size) {
    return size[0] == 1 && size[1] == 1 ? cupel_global_avgpool(x) : add_adaptive(OP_avgpool, x, size);
}

/* ---- cost: one operation for each element of each window ---- */

static double window_flops(const struct cupel_tensor *image, const struct cupel_tensor *pooled,
                           const struct node *node) {
    double elements = (double)tensor_count(pooled);
    for (int axis = 0; axis < 2; axis++) {
        const int64_t parts = node->attr.pool.parts[axis], size = image->shape.dim[2 + axis];
        elements *= (double)(parts ? (size + parts - 1) / parts : node->attr.pool.pool.kernel[axis]);
    }
    return elements;
}

double flops_pool(const struct node *node) {
    return window_flops(node->in[0], &node->out[0], node);
}

double flops_avgpool_grad(const struct node *node) {
    return window_flops(&node->out[0], node->in[0], node);
}
