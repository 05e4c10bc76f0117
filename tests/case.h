/* Cases: the one list of shapes and parameters that every judge and the benchmark draw on.
 *
 * tests/cases/FAMILY.c defines CASES(op) = {..., {0}}; for each row of ops.def; a row without cases is a link
 * error. */
#ifndef CUPEL_TESTS_CASE_H
#define CUPEL_TESTS_CASE_H

#include "cupel/cupel.h"
#include "graph/node.h"

enum case_kind {
    CASE_NORMAL,   /* real, normal with deviation 1, never within 0.05 of zero (where many ops have a kink) */
    CASE_POSITIVE, /* real, uniform from 0.5 to 2 */
    CASE_DISTINCT, /* real, a random order of values 0.1 apart: no two can tie */
    CASE_UNIT,     /* real, uniform from 0.05 to 0.95 */
    CASE_LABELS,   /* I32 from 0 to bound - 1 */
    CASE_I64,      /* I64 from 0 to bound - 1 */
    CASE_U8,       /* U8, all values */
    CASE_RNG,      /* the graph's rng state; shape is ignored */
};

struct case_input {
    struct cupel_shape shape;
    enum case_kind kind;
    int bound;
};

enum { CASE_MAX_IN = 8, CASE_MAX_OUT = OP_MAX_OUT };

struct op_case {
    const char *name; /* unique within its op, such as "k5-pad2-ragged" */
    /* Builds the op from the inputs, states of their kinds, and writes the tensors to be judged to out[], in
     * any number up to CASE_MAX_OUT. Real ones are differentiated unless `no_grad`. */
    void (*build)(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out);
    struct case_input
        in[CASE_MAX_IN]; /* ends at the first without a rank and kind; a scalar input has shape [1] */
    int64_t arg[12];     /* parameters of build */
    double number[4];
    double tolerance; /* for f32; 0: the default, 1e-5 */
    double half;      /* the same where tensors have 16 bits; 0: the default, 1e-2; negative: not judged so */
    bool no_grad;     /* the op has no gradient, or is piecewise constant */
    bool once;        /* its gradient cannot be differentiated again */
};

/* Defines build_NAME that makes one output, the expression of in[] and one. */
#define BUILD(name, expression)                                                   \
    static void build_##name(const struct op_case *one, struct cupel_tensor **in, \
                             struct cupel_tensor **out) {                         \
        (void)one;                                                                \
        out[0] = expression;                                                      \
    }

/* The whole of x: a copy that a plan keeps in the layout that the backend likes best. */
static inline struct cupel_tensor *favourite_layout(struct cupel_tensor *x) {
    return cupel_slice(x, (const int64_t[CUPEL_MAX_RANK]){0}, &x->shape);
}

#define CASES(op) const struct op_case cases_##op[]

/* A row of the table of all cases. */
struct case_row {
    const char *op;
    const struct op_case *cases;
};
extern const struct case_row case_rows[OP_COUNT];

/* Number of inputs of a case. */
int case_inputs(const struct op_case *one);

#endif
