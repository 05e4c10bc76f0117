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

/* Expects these values of output `index` of the trial's plan, which is the tensor out[index]. */
void expect_output(struct trial *trial, int index, const double *expected, double tolerance,
                   const char *what);

#endif
