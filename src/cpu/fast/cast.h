/* Reference kernels for calls that have tensors of bf16. */
#ifndef CUPEL_CPU_FAST_CAST_H
#define CUPEL_CPU_FAST_CAST_H

#include "cpu/fast/fast.h"

/* Whether an input or output of the call is bf16. */
bool cast_wanted(struct call *call);

/* Makes the call, whose kernel knows f32 alone and wants no workspace, run that on copies. */
enum cupel_status cast_around(struct call *call, struct cupel_error *error);

#endif
