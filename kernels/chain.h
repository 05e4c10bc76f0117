/* Several formulas one after another, in one pass over memory. */
#ifndef CUPEL_KERNEL_CHAIN_H
#define CUPEL_KERNEL_CHAIN_H

#include "elementwise.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { KERNEL_CHAIN_STEPS = 8, KERNEL_CHAIN_INPUTS = 6 };

/* The value becomes formula(a, b, p, q). a and b are numbers of inputs, or -1 for the value so far, which the first step
 * does not have; b is -1 for formulas of one input. */
struct kernel_step {
    enum kernel_formula formula;
    int a, b;
    float p, q;
};
struct kernel_program {
    int count;
    struct kernel_step step[KERNEL_CHAIN_STEPS];
};

/* y[i] = the last step's value for element i of the inputs, for i < n. Between steps numbers are floats, whatever the
 * type of the inputs and y. All are aligned to 16 bytes; y may be an input itself. `in` has KERNEL_CHAIN_INPUTS
 * entries, of which those that no step names are not read. Formulas that the list says are FLOAT need KERNEL_F32. */
kernel_status kernel_chain(const struct kernel_program *program, enum kernel_type type, const void *const *in,
                           void *y, int64_t n, void *stream);

#ifdef __cplusplus
}
#endif
#endif
