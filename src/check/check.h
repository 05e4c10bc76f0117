/* What the parts of a check share: a node on its own, and how two devices' numbers are compared. */
#ifndef CUPEL_CHECK_CHECK_H
#define CUPEL_CHECK_CHECK_H

#include <regex.h>

#include "cupel/check.h"
#include "graph/node.h"
#include "train/split.h"

/* ---- numbers (measure.c) ---- */

/* What arrays of two devices differ by. */
struct measure {
    double error, worst, ulp, largest; /* `largest` of the expected ones */
    double difference;                 /* |b - a| */
    int64_t at;                        /* where the worst is */
    double got, expected;              /* there */
    int64_t missing;                   /* expected elements that are NaN */
};

/* One element as a double. */
double element(const void *data, enum cupel_dtype dtype, int64_t i);

/* Compares arrays of one dtype; `stored` is the type whose last place `ulp` counts. NaN equals NaN. */
struct measure measure_arrays(const void *got, const void *expected, enum cupel_dtype dtype,
                              enum cupel_dtype stored, int64_t count);

/* Whether integers are equal, and others within the tolerance by norm and by the worst element. */
bool measure_passes(const struct measure *measure, enum cupel_dtype dtype, double tolerance);

/* The nearest number of a 16-bit type; the number itself for another. */
float round_to(float value, enum cupel_dtype dtype);

/* ---- a node on its own (single.c) ---- */

/* A tensor's numbers on the host, row-major whatever its layout. What plans store in 16 bits is f32 here, rounded to what 16 bits can say. */
struct operand {
    enum cupel_dtype dtype, stored;
    struct cupel_shape shape;
    void *data;         /* NULL where only the tensor is meant */
    enum layout layout; /* of an input on the checked device */
};
size_t operand_bytes(const struct operand *operand);

/* A node, and its inputs. It owns none of what it points to. */
struct single {
    enum op_id op;
    union attr attr;
    const char *layer; /* for messages; NULL for none */
    int n_in;
    const int *input; /* input i of the node is operands[input[i]] */
    int n_operands;
    const struct operand *operands;
    enum cupel_layout layout; /* of images on the checked device */
    bool to_rows;             /* a relayout back to rows */
};

/* The node compiled for a device: a graph of it alone, its inputs states. */
struct single_plan {
    const struct single *single;
    bool trusted;
    struct cupel_store *store;
    struct cupel_plan *plan;
    int n_out;
    struct operand
        outputs[OP_MAX_OUT]; /* dtypes and shapes, and after single_run data, which the plan owns */
    const char *engine;      /* lives as long as the plan */
};

/* Compiles it; `trusted` in f32 and rows as the graph has it, otherwise as `options` and the node say, with 16 bits when
 * `half`. The device must outlive the plan. */
enum cupel_status single_open(const struct single *single, struct cupel_device *device, bool trusted,
                              bool half, const struct cupel_plan_options *options, struct single_plan *plan,
                              struct cupel_error *error);
void single_close(struct single_plan *plan);

/* Writes the operands' numbers (those of `operands`, which has as many), runs the node with memory that holds `poison` in
 * every byte, and reads the outputs. */
enum cupel_status single_run(struct single_plan *plan, const struct operand *operands, unsigned char poison,
                             struct cupel_error *error);

/* ---- its verdict (judge.c) ---- */

/* How nodes are judged. */
struct judge {
    struct cupel_device *device, *against;
    struct cupel_plan_options plan;
    double tolerance; /* 0: by precision */
    int repeat;       /* as in struct cupel_check_options */
};

/* The numbers that a judged node had; freed by evidence_free. */
struct evidence {
    int n_out;
    struct operand expected[OP_MAX_OUT], got[OP_MAX_OUT]; /* got[].data is NULL when the node did not run */
};
void evidence_free(struct evidence *evidence);

/* Runs the node on both devices and fills in what of the item the node does not know itself: all but op, layer, place. The
 * outputs' stored types are those of `stored`, one for each. Fails only when the trusted device does; unless `checked`, only
 * that one runs. */
enum cupel_status judge_node(const struct judge *judge, const struct single *single,
                             const enum cupel_dtype *stored, bool checked, struct cupel_check_item *item,
                             struct evidence *evidence, struct cupel_error *error);

/* The tolerance for numbers of a precision. */
double default_tolerance(enum cupel_precision precision);

/* Adds the item to the check and counts it. */
enum cupel_status check_add(struct cupel_check *check, const struct cupel_check_item *item,
                            struct cupel_error *error);

/* CUPEL_INVALID for options that are impossible; makes the directory that is to be saved to. */
enum cupel_status options_check(const struct cupel_check_options *options, struct cupel_error *error);

/* What an error means to a check: when a node has failed before, that is what was found, and the reason why it ended there is
 * noted; a device may be of no use after a bad kernel. Otherwise it is the error. */
enum cupel_status check_stopped(struct cupel_check *check, enum cupel_status status,
                                const struct cupel_error *why, struct cupel_error *error);

/* ---- the nodes of a plan (walk.c) ---- */

/* Compiles the filter, unless it is NULL. CUPEL_INVALID when it is no regular expression. */
enum cupel_status filter_compile(const char *filter, regex_t *compiled, struct cupel_error *error);
/* CUPEL_INVALID when there is a filter and it left nothing. */
enum cupel_status filter_matched(const char *filter, const struct cupel_check *check,
                                 struct cupel_error *error);

/* A state's numbers at the start of a step, where the trusted device has them and otherwise where the checked one has. */
struct start {
    struct cupel_store *trusted, *checked;
};

/* Judges each node of the plan, which is the checked device's, in running order. Where states stand, the stores say. */
enum cupel_status walk_plan(const struct judge *judge, const struct cupel_plan *plan,
                            const struct start *start, const struct cupel_check_options *options,
                            struct cupel_check *check, struct cupel_error *error);

/* ---- the model's step on both devices (sides.c, steps.c) ---- */

struct side {
    struct setup setup;
    struct cupel_plan *step;     /* as training has it */
    struct cupel_plan *observed; /* that with gradients as outputs, or NULL */
};

/* What is the same for both. */
struct sides {
    const struct cupel_check_options *options;
    struct side trusted, checked;
    int64_t steps;
    struct samples samples;
    uint8_t *pixels; /* of the batch, and labels; NULL when it is given */
    int32_t *labels;
    uint8_t *masks;     /* as the store has them */
    int losses;         /* outputs of `step` that are losses, when the batch is given */
    int gradients;      /* outputs of `observed` behind those */
    char (*names)[200]; /* by gradient: the state that it is for */
    int64_t *counts;    /* by gradient: its elements */
};

/* Compiles the step for both devices and fills their stores alike. `opened`, unless NULL, gets the checked device first. */
enum cupel_status sides_open(const struct cupel_model *model, const struct cupel_check_options *options,
                             void (*opened)(struct cupel_device *device), struct sides *sides,
                             struct cupel_check *check, struct cupel_error *error);
void sides_close(struct sides *sides);

/* Makes the next step see the same batch. */
enum cupel_status side_rewind(struct sides *sides, struct side *side, struct cupel_error *error);

/* cupel_check_model, with something done to the checked device when it has been opened: tests give it other kernels. */
enum cupel_status check_model(const struct cupel_model *model, const struct cupel_check_options *options,
                              void (*opened)(struct cupel_device *device), struct cupel_check *check,
                              struct cupel_error *error);

/* Runs both devices and fills in the check's points; after the first step walks the plan's nodes. */
enum cupel_status run_steps(struct sides *sides, const struct judge *judge, struct cupel_check *check,
                            struct cupel_error *error);

#endif
