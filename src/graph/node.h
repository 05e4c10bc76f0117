/* The graph's inside: nodes and tensors. */
#ifndef CUPEL_GRAPH_NODE_H
#define CUPEL_GRAPH_NODE_H

#include "base/heap.h"
#include "graph/op.h"

/* How a 4-dimensional tensor lies in memory, from the outermost dimension to the innermost: NCHW, NHWC or
 * CHWN. Plans choose it; of graphs only a check's (check/single.c) have states that do not say LAYOUT_ROWS. */
enum layout { LAYOUT_ROWS, LAYOUT_CHANNELS_LAST, LAYOUT_BATCH_LAST };

struct cupel_tensor {
    struct node *node;
    int index; /* which output of the node */
    int id;    /* unique in the graph, in order of creation */
    enum cupel_dtype dtype;
    struct cupel_shape shape;
    enum layout layout;
};

struct node {
    struct cupel_graph *graph;
    enum op_id op;
    int id;
    struct cupel_tensor **in;
    int n_in, n_out;
    struct cupel_tensor out[OP_MAX_OUT];
    union attr attr;
    const char *place, *scope; /* owned by the graph; may be NULL */
    bool backward;             /* emitted by the gradient pass */
};

struct cupel_graph {
    enum cupel_dtype real;
    struct cupel_error error;
    struct node **nodes;
    int n_nodes, node_room;
    int n_tensors;
    uint32_t streams; /* streams handed to random nodes so far */
    const char *place, *scope;
    bool backward;          /* what nodes that are made now get */
    struct cupel_heap heap; /* what nodes own */
    struct {
        struct cupel_tensor *state, *latest;
    } * states;
    int n_states, state_room;
};

/* Zeroed memory that dies with the graph; NULL with the graph's error set when there is none. */
void *graph_alloc(struct cupel_graph *graph, size_t bytes);
const char *graph_text(struct cupel_graph *graph, const char *text);

/* Appends a node and returns its output 0. NULL, with the graph's error set, when an input is NULL, belongs
 * to another graph or the op refuses. `attr` may be NULL. Trailing optional inputs are left out by passing a
 * smaller count. */
struct cupel_tensor *node_add(struct cupel_graph *graph, enum op_id op, struct cupel_tensor *const *in,
                              int n_in, const union attr *attr);
/* The same for a fixed list of inputs: NODE_ADD(scale, ATTR(number, .a = 2), x). */
#define ATTR(member, ...) (&(union attr){.member = {__VA_ARGS__}})
#define NODE_ADD(op, attr, ...)                                                                          \
    node_add_list(OP_##op, (struct cupel_tensor *[]){__VA_ARGS__},                                       \
                  (int)(sizeof((struct cupel_tensor *[]){__VA_ARGS__}) / sizeof(struct cupel_tensor *)), \
                  attr)
struct cupel_tensor *node_add_list(enum op_id op, struct cupel_tensor *const *in, int n_in,
                                   const union attr *attr);

/* A node that is not yet in the graph, its outputs not yet declared; and putting a finished one at the
 * graph's end. */
struct node *node_make(struct cupel_graph *graph, enum op_id op, struct cupel_tensor *const *in, int n_in,
                       const union attr *attr);
bool graph_append(struct cupel_graph *graph, struct node *node);
/* The same for a node whose outputs have their ids, while a plan makes its list of nodes anew. */
bool graph_push(struct cupel_graph *graph, struct node *node);

/* A copy of what `outputs` and every change of a state need, in the same order; outputs[] become the copy's
 * tensors. NULL when memory is out. */
struct cupel_graph *graph_clone_live(const struct cupel_graph *graph, struct cupel_tensor **outputs,
                                     int count);

/* Merges nodes in place where one kernel can do the work of two. Nodes left without users are removed. */
void graph_fuse(struct cupel_graph *graph, struct cupel_tensor **outputs, int count);

/* Makes one node of elementwise nodes of which each reads the one before and nobody else does. Tensors have their types and
 * layouts. */
void graph_chain(struct cupel_graph *graph, struct cupel_tensor *const *outputs, int count);

/* Makes one node of those that gather images of a data set, convert and move them. */
void graph_batch(struct cupel_graph *graph, struct cupel_tensor *const *outputs, int count);

/* Records "PLACE: op name (scope): message; inputs were ..." as the graph's error and returns false. */
bool node_fail(struct node *node, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same before there is a node, for constructors. Always NULL. */
struct cupel_tensor *graph_fail(struct cupel_graph *graph, const char *op, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Declares the next output of the node, in order, from `infer`. Checks the shape. */
bool node_out(struct node *node, enum cupel_dtype dtype, const struct cupel_shape *shape);

/* The tensor whose memory `tensor` shares through aliases and updates: a state, or the tensor itself.
 * `offset` (may be NULL) gets the distance in elements. */
const struct cupel_tensor *tensor_root(const struct cupel_tensor *tensor, int64_t *offset);

/* The version of a state that a tensor is or, through aliases, lies in; or where its aliases end. */
static inline struct cupel_tensor *tensor_version(struct cupel_tensor *tensor) {
    while (ops[tensor->node->op].flags & OP_ALIAS && !ops[tensor->node->op].updates)
        tensor = tensor->node->in[0];
    return tensor;
}

static inline int64_t tensor_count(const struct cupel_tensor *tensor) {
    return cupel_shape_count(&tensor->shape);
}
/* Output 0, for a gradient to use. */
static inline struct cupel_tensor *node_result(const struct node *node) {
    return node->out[0].node->out;
}
/* What random_flip, random_crop or cutout does to images. */
static inline struct image_move node_move(const struct node *node) {
    return (struct image_move){.stream = node->attr.random.stream,
                               .kind = node->op == OP_random_flip ? MOVE_MIRROR
                                       : node->op == OP_cutout    ? MOVE_CUT
                                                                  : MOVE_SHIFT,
                               .flip = (float)node->attr.random.a,
                               .size = node->attr.random.size,
                               .sign = node->attr.random.back ? -1 : 1};
}
/* What random_affine and color_jitter draw from, for kernels. */
static inline struct image_affine node_affine(const struct node *node) {
    const struct cupel_affine *how = &node->attr.affine.how;
    const struct cupel_shape *shape = &node->in[0]->shape;
    const double turn = 4294967296.0 / 360;
    const int64_t least = llround(how->rotate[0] * turn), largest = llround(how->rotate[1] * turn);
    return (struct image_affine){.stream = node->attr.affine.stream,
                                 .angle = least,
                                 .angles = largest - least + 1,
                                 .right = (float)(how->translate[0] * (double)shape->dim[3]),
                                 .down = (float)(how->translate[1] * (double)shape->dim[2]),
                                 .scale = (float)how->scale[0],
                                 .scales = (float)(how->scale[1] - how->scale[0])};
}
static inline struct image_jitter node_jitter(const struct node *node) {
    const struct cupel_jitter *how = &node->attr.jitter.how;
    const double *const part[4] = {how->brightness, how->contrast, how->saturation, how->hue};
    struct image_jitter jitter = {.stream = node->attr.jitter.stream};
    for (int i = 0; i < 4; i++) {
        jitter.least[i] = (float)part[i][0];
        jitter.range[i] = (float)(part[i][1] - part[i][0]);
    }
    return jitter;
}
/* Whether the tensor has the graph's floating-point type, the only one that kernels of a graph compute in. */
static inline bool is_real(const struct cupel_tensor *tensor) {
    return tensor->dtype == tensor->node->graph->real;
}

/* Shared by many rows of ops.def (src/ops/common.c). */
bool infer_same(struct node *node); /* one output like input 0; all inputs real and of one shape */
bool infer_update(
    struct node *node); /* one output, input 0's new version; all inputs of one shape and dtype */
void grad_none(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
               struct cupel_tensor **dx);
void grad_zero(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
               struct cupel_tensor **dx);
double flops_none(const struct node *node);
double flops_each(const struct node *node); /* one for each element of output 0 */

/* Every op's own functions, named by its row. */
#define OP(name, min_in, max_in, flags, updates, inplace, half, infer_fn, grad_fn, flops_fn) \
    bool infer_fn(struct node *node);                                                        \
    void grad_fn(const struct node *node, struct cupel_tensor *const *dy, const bool *need,  \
                 struct cupel_tensor **dx);                                                  \
    double flops_fn(const struct node *node);
#include "graph/ops.def"
#undef OP

#endif
