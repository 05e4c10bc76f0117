/* Cases of the scaling of losses. */
#include <math.h>

#include "case.h"

/* arg[0]: 1 makes an element infinite, 2 NaN; arg[1]: the element. */
static void build_unscale(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    struct cupel_tensor *x = in[0];
    if (one->arg[0]) {
        const float bad = one->arg[0] == 1 ? -INFINITY : NAN;
        struct cupel_tensor *spot = cupel_fill(x->node->graph, &CUPEL_SHAPE(1), (double)bad);
        x = cupel_add(x, cupel_pad(spot, &one->arg[1], &x->shape));
    }
    cupel_unscale(x, in[1], &out[0]);
    if (!one->arg[0]) out[1] = &out[0]->node->out[0];
}
#define NUMBER(kind_) \
    { {1, {1}}, kind_ }
CASES(unscale) = {
    {"one", build_unscale, {{{1, {1}}}, NUMBER(CASE_POSITIVE)}, .no_grad = true},
    {"ragged", build_unscale, {{{2, {31, 33}}}, NUMBER(CASE_POSITIVE)}, .no_grad = true},
    {"block-1", build_unscale, {{{1, {1023}}}, NUMBER(CASE_UNIT)}, .no_grad = true},
    {"blocks", build_unscale, {{{1, {2051}}}, NUMBER(CASE_POSITIVE)}, .no_grad = true},
    {"infinite", build_unscale, {{{1, {2051}}}, NUMBER(CASE_POSITIVE)}, .arg = {1, 7}, .no_grad = true},
    {"infinite-last",
     build_unscale,
     {{{1, {2051}}}, NUMBER(CASE_POSITIVE)},
     .arg = {1, 2050},
     .no_grad = true},
    {"nan", build_unscale, {{{1, {2051}}}, NUMBER(CASE_POSITIVE)}, .arg = {2, 1500}, .no_grad = true},
    {0},
};

/* arg: the interval, whether the step was finite. number[0]: a factor for the scale. */
static void build_adapt_scale(const struct op_case *one, struct cupel_tensor **in,
                              struct cupel_tensor **out) {
    struct cupel_tensor *finite = cupel_fill(in[0]->node->graph, &CUPEL_SCALAR, (double)one->arg[1]);
    const struct cupel_scaling scaling = {.growth = one->number[0], .backoff = 0.5, .interval = one->arg[0]};
    out[0] = cupel_adapt_scale(in[0], in[1], finite, &scaling);
    if (out[0]) out[1] = &out[0]->node->out[1];
}
#define COUNTS \
    { {1, {2}}, CASE_I64, 9 }
CASES(adapt_scale) = {
    {"counts", build_adapt_scale, {NUMBER(CASE_POSITIVE), COUNTS}, {99, 1}, .number = {2}, .no_grad = true},
    {"grows", build_adapt_scale, {NUMBER(CASE_POSITIVE), COUNTS}, {1, 1}, .number = {2}, .no_grad = true},
    /* the first count is 7 */
    {"at-the-interval",
     build_adapt_scale,
     {NUMBER(CASE_POSITIVE), COUNTS},
     {8, 1},
     .number = {2},
     .no_grad = true},
    {"before-the-interval",
     build_adapt_scale,
     {NUMBER(CASE_POSITIVE), COUNTS},
     {9, 1},
     .number = {2},
     .no_grad = true},
    {"not-to-infinity",
     build_adapt_scale,
     {NUMBER(CASE_POSITIVE), COUNTS},
     {1, 1},
     .number = {INFINITY}, /* what is too large for f32 may not be for f64 */
     .no_grad = true},
    {"backs-off",
     build_adapt_scale,
     {NUMBER(CASE_POSITIVE), COUNTS},
     {99, 0},
     .number = {2},
     .no_grad = true},
    {0},
};
