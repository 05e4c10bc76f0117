/* Ops: what the one table, ops.def, says of each. */
#ifndef CUPEL_GRAPH_OP_H
#define CUPEL_GRAPH_OP_H

#include "cupel/ops.h"
#include "distort.h"
#include "move.h"

enum op_id {
#define OP(name, ...) OP_##name,
#include "graph/ops.def"
#undef OP
    OP_COUNT
};

/* Elementwise ops one after another, as one node: each step takes an input of the node or the value so far, which it replaces;
 * the last value is the result. */
enum { CHAIN_STEPS = 8, CHAIN_INPUTS = 6, CHAIN_VALUE = -1 };
struct chain {
    int count;
    struct chain_step {
        enum op_id op;
        int a, b; /* which input, or CHAIN_VALUE, which b of ops of one input is */
        double p, q;
    } step[CHAIN_STEPS];
};

/* What becomes of the rows of a data set on their way into a batch, as one node. Inputs: images, means, deviations;
 * order and cursor if it gathers; seed and step if it moves. */
enum { BATCH_MOVES = 3 };
struct batch {
    bool gathers;
    int64_t count; /* of images to gather */
    int moves;
    struct image_move move[BATCH_MOVES]; /* in the order in which they are done */
};

/* Parameters of a node. Each op uses the member that its constructor fills; what it does not use is zero. */
union attr {
    struct {
        double a, b;
        int64_t n;
    } number;
    struct {
        double a, b;
        struct cupel_shape shape; /* of uniform, normal and beta */
        int size;                 /* of random_crop: how far; of cutout: the square's side */
        uint32_t stream;          /* kept by the gradient, so that it draws the same numbers */
        bool back;                /* of random_crop: shift the other way, for the gradient */
    } random;
    struct {
        struct cupel_conv conv; /* infer writes the defaults out: no zero stays */
        int64_t image[2];       /* H, W of the image side: what conv2d_image makes */
        int64_t kernel[2];      /* kh, kw: what conv2d_weight makes */
        int activation;         /* enum activation, applied to the output (set by the fusing rewrite); so for
                                   linear, which uses nothing else here */
        double slope;
    } conv;
    struct {
        double momentum, eps;
        int activation; /* enum activation, as of conv */
        double slope;
    } norm; /* of batchnorm, batchnorm_grad (no momentum, no eps), batchnorm_eval and layernorm */
    struct {
        struct cupel_pool pool; /* infer writes the default stride out */
        int64_t image[2];       /* H, W of the image side: what the pools' gradients make */
        int64_t parts[2];       /* H, W of the pooled side of an adaptive pool, which has no `pool`; else 0 */
    } pool;
    struct {
        struct cupel_shape shape; /* of the result */
        int64_t start[CUPEL_MAX_RANK];
        int axis[CUPEL_MAX_RANK];
        unsigned axes;
        double factor; /* of sum, so that a mean is one node */
        bool keep, transpose_a, transpose_b;
    } shape;
    struct {
        int64_t factor[2]; /* of bilinear and bilinear_grad: vertical, horizontal */
    } upsample;
    struct {
        struct cupel_affine how;
        uint32_t stream;
    } affine;
    struct {
        struct cupel_jitter how;
        uint32_t stream;
    } jitter;
    struct cupel_lrn lrn;
    struct chain chain;
    struct batch batch;
    struct cupel_sgd sgd;
    struct cupel_adam adam;
    struct cupel_rmsprop rmsprop;
    struct cupel_adagrad adagrad;
    struct {
        const char *name; /* owned by the graph; NULL for a nameless part */
        enum cupel_dtype dtype;
        struct cupel_shape shape;
        struct cupel_init init;
        int64_t offset;   /* of a part, in elements of its range */
        const void *data; /* of a constant; owned by the graph */
    } state;
};

/* Activations that conv2d, conv2d_image and linear can apply on the way out; batchnorm and batchnorm_eval the first
 * two. */
enum activation {
    ACTIVATION_NONE,
    ACTIVATION_RELU,
    ACTIVATION_LEAKY_RELU,
    ACTIVATION_SIGMOID,
    ACTIVATION_TANH
};

enum op_flags {
    OP_PLAIN = 0,         /* tensors are row-major */
    OP_ELEMENTWISE = 1,   /* all tensors have one shape; any layout that they share will do */
    OP_LAYOUT = 2,        /* reads and writes 4-dimensional tensors through their strides */
    OP_ALIAS = 4,         /* no kernel: output 0 is input 0's memory */
    OP_SOURCE = 8,        /* no kernel: state or constant */
    OP_ROWS_OUT = 16,     /* with OP_LAYOUT: the outputs are row-major all the same */
    OP_WEIGHT = 32,       /* with OP_LAYOUT: input 1 is a convolution's weight, row-major all the same */
    OP_ACTIVATES = 64,    /* can apply an activation to its output: attr.conv, or attr.norm */
    OP_FROM_RESULT = 128, /* an activation's gradient, from its result, input 0, and linear in input 1 */
    OP_IS_RELU = ACTIVATION_RELU << 8, /* from bit 8 on: the enum activation that the op is */
    OP_IS_LEAKY_RELU = ACTIVATION_LEAKY_RELU << 8,
    OP_IS_SIGMOID = ACTIVATION_SIGMOID << 8,
    OP_IS_TANH = ACTIVATION_TANH << 8,
};

/* Where a plan computes in 16 bits, an op's tensors that its row names here are 16-bit, all of them or none; the others stay as
 * they are (plan/precision.c). Bit i: input i; bit 16 + i: output i. */
enum op_half {
    HALF_ALL = 0x0fffffff,    /* every input and output */
    HALF_EITHER = 0x10000000, /* output 0 may be 16-bit or not, whatever the inputs are */
    HALF_HEAVY = 0x30000000,  /* the same, and the inputs are made 16-bit: such ops are what it is done for */
    HALF_CONV = 0x70000000,   /* that, but output 0 is 16-bit only where the inputs are */
};
#define HALF(in, out) ((in) | (out) << 16)

enum { OP_MAX_OUT = 6 };
struct node;

struct op {
    const char *name;
    int min_in, max_in; /* max_in < 0: any number */
    unsigned flags;
    int updates;      /* the first `updates` inputs are states that the last `updates` outputs replace */
    unsigned inplace; /* bit i: output 0 may overwrite input i when that is used no more */
    unsigned half;    /* which tensors may be 16-bit numbers in a plan of that precision: see enum op_half */
    /* Checks inputs and attributes and declares the outputs by node_out; node_fail on an error. */
    bool (*infer)(struct node *node);
    /* Emits nodes for the gradient: dy[i] is that of output i or NULL when none flows; sets dx[j] for each
     * input j with need[j], leaving NULL for zero. */
    void (*grad)(const struct node *node, struct cupel_tensor *const *dy, const bool *need,
                 struct cupel_tensor **dx);
    double (*flops)(const struct node *node);
};

extern const struct op ops[OP_COUNT];

/* Whether the op can be a step of a chain: one formula of its inputs and attr.number. */
static inline bool op_chains(enum op_id op) {
    return ops[op].flags & OP_ELEMENTWISE && ops[op].inplace && ops[op].max_in <= 2;
}

#endif
