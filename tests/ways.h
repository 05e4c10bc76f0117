/* The ways in which cases are compiled for a device that is compared with the reference. */
#ifndef CUPEL_TESTS_WAYS_H
#define CUPEL_TESTS_WAYS_H

#include "case.h"
#include "cupel/plan.h"

/* One way to compile a case for a device. */
struct way {
    const char *what;
    struct cupel_plan_options options;
    bool
        again; /* its plan is run three times: the first run calls kernels one by one, the second records them and the
                    third repeats what was recorded, and all give the same bits */
    bool images; /* it is like another one but for the layout of images */
};

/* Ways that have a precision in common, as judges take them. */
enum way_group { WAYS_F32, WAYS_TF32, WAYS_HALF, WAY_GROUPS };

/* The ways of a group for a device; *count is 0 where it does not compute so. */
const struct way *ways_of(const char *device, enum way_group group, int *count);

/* Whether the way has anything to show of a case with this graph. */
bool way_differs(const struct way *way, const struct cupel_graph *graph);

/* Whether inputs are rounded to bf16 first, so that all precisions begin with the same numbers. */
bool way_is_coarse(enum way_group group);

/* What the case's results may be off by; negative: the case is not judged so. */
double way_tolerance(const struct op_case *one, enum way_group group);

#endif
