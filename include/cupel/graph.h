/* The graph: append-only nodes, each one op applied to tensors.
 *
 * A graph describes a whole training step. It holds no data but constants: parameters, moments, running
 * statistics, counters and the data set are *state*, named tensors that live in a store (plan.h) and outlast
 * every run. A node that changes a state (an optimizer, batchnorm's running statistics, assign) returns the
 * state's new version; whoever wants the new value uses that, whoever holds the tensor it replaced reads the
 * old one.
 *
 * Errors are sticky: a constructor that cannot build its node returns NULL and the graph keeps the first
 * message. Constructors pass NULL inputs through, so one check of cupel_graph_error at the end is enough;
 * compiling reports it too.
 *
 * Tensors belong to their graph and die with it. Nothing here is thread-safe. */
#ifndef CUPEL_GRAPH_H
#define CUPEL_GRAPH_H

#include "cupel/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

struct cupel_graph;
struct cupel_tensor;

/* How a state is filled when a store first meets it. Random kinds draw from Philox keyed by the store's seed
 * and the state's name, so that neither order nor other states matter. For the Xavier (Glorot and Bengio
 * 2010) and Kaiming (He et al. 2015) kinds the fans are those of torch.nn.init: dim[1] x receptive field in,
 * dim[0] x receptive field out. */
enum cupel_init_kind {
    CUPEL_INIT_ZEROS,
    CUPEL_INIT_CONSTANT,        /* every element a */
    CUPEL_INIT_NORMAL,          /* mean a, standard deviation b */
    CUPEL_INIT_UNIFORM,         /* from a up to b */
    CUPEL_INIT_XAVIER_UNIFORM,  /* gain a */
    CUPEL_INIT_XAVIER_NORMAL,   /* gain a */
    CUPEL_INIT_KAIMING_UNIFORM, /* negative slope a, fan in: bound sqrt(6 / ((1 + a^2) fan_in)) */
    CUPEL_INIT_KAIMING_NORMAL,  /* negative slope a, fan in */
    CUPEL_INIT_DIRECTION,       /* normal, then divided by its Euclidean norm */
};
struct cupel_init {
    enum cupel_init_kind kind;
    double a, b;
};

/* An empty graph whose floating-point tensors are `real`, CUPEL_F32 or CUPEL_F64. NULL for another type and
 * when memory is out. */
struct cupel_graph *cupel_graph_new(enum cupel_dtype real);

/* Frees the graph, its tensors and its constants. Plans compiled from it stay valid. NULL is allowed. */
void cupel_graph_free(struct cupel_graph *graph);

/* The first error of any constructor; its status is CUPEL_OK while there is none. */
const struct cupel_error *cupel_graph_error(const struct cupel_graph *graph);

/* The floating-point type of the graph. */
enum cupel_dtype cupel_graph_real(const struct cupel_graph *graph);

/* Labels the nodes that follow until changed; both texts are copied, NULL clears.
 * place: where they come from, such as "lenet5.yaml:12:9"; begins the message of an error.
 * scope: the layer they belong to, such as "net.conv1"; names nodes in plans and reports. */
void cupel_graph_place(struct cupel_graph *graph, const char *place);
void cupel_graph_scope(struct cupel_graph *graph, const char *scope);

/* A named state: [shape] of dtype, filled by `init` (NULL: zeros) when a store first meets it. Asking twice
 * for a name returns the same tensor; with another shape or dtype it is an error. Integer states start as
 * zeros or a constant. */
struct cupel_tensor *cupel_state(struct cupel_graph *graph, const char *name, enum cupel_dtype dtype,
                                 const struct cupel_shape *shape, const struct cupel_init *init);

/* The newest version of the named state: what the last node that changed it returned, or the state itself.
 * NULL without an error when the graph has no state of the name. */
struct cupel_tensor *cupel_state_latest(struct cupel_graph *graph, const char *name);

/* A part of a flat tensor: `shape` starting at element `offset` of `range`. Costs nothing at run time. When `range` is a state
 * itself and `name` is not NULL, stores know the part by that name and fill it with `init`. Parameters of a network are such
 * parts, so that optimizers work on one range; their gradients are put together in the same way by cupel_pack. A node that
 * changes states may be given a part of a state's newest version: it changes that part alone and returns its new numbers, and
 * cupel_state_latest the state's new version. */
struct cupel_tensor *cupel_part(struct cupel_tensor *range, const char *name, int64_t offset,
                                const struct cupel_shape *shape, const struct cupel_init *init);

/* Elements that a part occupies in a range: its count rounded up to a multiple of 16, so that each part
 * starts on a 64-byte boundary in f32. The gap holds zeros. */
int64_t cupel_part_span(const struct cupel_shape *shape);

/* A constant: copies `data`, shape x dtype in row-major order. */
struct cupel_tensor *cupel_constant(struct cupel_graph *graph, enum cupel_dtype dtype,
                                    const struct cupel_shape *shape, const void *data);

/* A constant of the graph's floating-point type with every element `value`. */
struct cupel_tensor *cupel_fill(struct cupel_graph *graph, const struct cupel_shape *shape, double value);

/* Shape, dtype and graph of a tensor; the tensor must not be NULL. */
const struct cupel_shape *cupel_tensor_shape(const struct cupel_tensor *tensor);
enum cupel_dtype cupel_tensor_dtype(const struct cupel_tensor *tensor);
struct cupel_graph *cupel_tensor_graph(const struct cupel_tensor *tensor);

/* Gradients of `y` with respect to `targets[0..count)`, as ordinary nodes written to `gradients[0..count)`,
 * each with its target's shape: gradient[i] = sum over the elements of y of upstream * dy/dtarget[i].
 * `upstream` has y's shape; NULL means ones, which for a scalar loss is the usual gradient. A target that y
 * does not depend on gets zeros. Only what the targets need is built: freezing a part of a network is not
 * asking for its gradient. The result can be differentiated again wherever its ops have gradients. On an
 * error returns its status, which the graph keeps too. */
enum cupel_status cupel_grad(struct cupel_tensor *y, struct cupel_tensor *upstream,
                             struct cupel_tensor *const *targets, int count, struct cupel_tensor **gradients);

#ifdef __cplusplus
}
#endif
#endif
