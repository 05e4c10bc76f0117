/* Golden values: what PyTorch computes, written by the scripts in golden/ as tensors named CASE/WHAT. */
#ifndef CUPEL_TESTS_GOLDEN_H
#define CUPEL_TESTS_GOLDEN_H

#include "cupel/weights.h"
#include "judge.h"

enum { GOLDEN_NAME = 100 };

/* Loads golden/`file`; fails the test when it cannot. To be freed with cupel_weights_free. */
struct cupel_weights golden_load(const char *file);

/* Names the next case, one that has parameters `arg`, which are copied to `one`; false after the last.
 * `cursor` starts at 0; `name` has GOLDEN_NAME bytes and must outlive `one`. */
bool golden_next(const struct cupel_weights *file, size_t *cursor, char *name, struct op_case *one);

/* The tensor `what` of a case; NULL when it has none. */
const struct cupel_weight *golden_find(const struct cupel_weights *file, const char *name, const char *what);

/* Sets shapes and kinds of the inputs as the case's tensors in0, in1, ... have them. */
void golden_inputs(const struct cupel_weights *file, struct op_case *one);

/* Writes the values of a golden tensor into a state of the trial. */
void golden_give(struct trial *trial, const struct cupel_tensor *state, const struct cupel_weight *values);

/* Builds the case, which has one output, and runs it with its gradients: from the case's in0, in1, ... and upstream dy must come
 * its y and d0, d1, ... of those inputs that have them. The trial is the caller's to free. */
void golden_judge(struct trial *trial, const struct cupel_weights *file, const struct op_case *one,
                  const char *device, enum cupel_dtype real, double tolerance);

/* Judges all cases of a file, which must be so many: what `build` makes of their inputs in0, in1, ..., their parameters `arg` and,
 * where they have them, `number`. `tolerances` are those of reference in f64 and in f32, and of cpu. */
typedef void golden_judge_fn(const struct cupel_weights *file, const struct op_case *one, const char *device,
                             enum cupel_dtype real, double tolerance);
void golden_each(const char *file,
                 void (*build)(const struct op_case *one, struct cupel_tensor **in,
                               struct cupel_tensor **out),
                 golden_judge_fn *judge, const double tolerances[3], int count);

/* Expects that a state of the trial has the values of the case's tensor `what`. */
void golden_expect_state(const struct cupel_weights *file, struct trial *trial,
                         const struct cupel_tensor *state, const char *what, double tolerance);

/* Fills an f32 tensor with numbers in [-bound, bound), which make_*.py computes too: a hash of the stream and of each element's
 * place. */
void golden_numbers(struct cupel_weight *weight, uint32_t stream, float bound);

/* Expects these values of output `index` of the trial's plan, which is the tensor out[index]. */
void expect_output(struct trial *trial, int index, const double *expected, double tolerance,
                   const char *what);

#endif
