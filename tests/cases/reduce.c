/* Cases of the reductions. arg: axes, keep. */
#include "case.h"

static void build_sum(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    out[0] = cupel_sum(in[0], (unsigned)one->arg[0], one->arg[1]);
}
static void build_sum_of_copy(const struct op_case *one, struct cupel_tensor **in,
                              struct cupel_tensor **out) {
    out[0] = cupel_sum(favourite_layout(in[0]), (unsigned)one->arg[0], one->arg[1]);
}
static void build_mean(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    out[0] = cupel_mean(favourite_layout(in[0]), (unsigned)one->arg[0], one->arg[1]);
}
/* Of a part that starts at an odd element. */
static void build_sum_of_part(const struct op_case *one, struct cupel_tensor **in,
                              struct cupel_tensor **out) {
    struct cupel_tensor *part = cupel_part(in[0], NULL, 1, &CUPEL_SHAPE(one->arg[2], one->arg[3]), NULL);
    out[0] = cupel_sum(part, (unsigned)one->arg[0], one->arg[1]);
}
BUILD(minibatch_std, cupel_minibatch_std(favourite_layout(in[0]), one->arg[0]))
CASES(sum) = {
    {"minibatch-std", build_minibatch_std, {{{4, {8, 3, 2, 3}}}}, {4}},
    {"minibatch-std-one-group", build_minibatch_std, {{{4, {3, 5, 2, 3}}}}, {4}},
    {"minibatch-std-of-vectors", build_minibatch_std, {{{2, {6, 7}}}}, {2}},
    {"one", build_sum, {{{1, {1}}}}, {1}},
    {"all", build_sum, {{{3, {3, 5, 7}}}}, {CUPEL_ALL_AXES}},
    {"rows", build_sum, {{{2, {5, 33}}}}, {2}},
    {"columns", build_sum, {{{2, {33, 17}}}}, {1}},
    {"middle", build_sum, {{{3, {3, 5, 7}}}}, {2, true}},
    {"outer", build_sum, {{{3, {3, 5, 7}}}}, {5}},
    {"no-axis", build_sum, {{{2, {3, 5}}}}, {0}},
    {"bias-gradient", build_sum_of_copy, {{{4, {2, 5, 3, 9}}}}, {13}},
    {"batch", build_sum_of_copy, {{{4, {3, 5, 2, 7}}}}, {1, true}},
    {"channels", build_sum_of_copy, {{{4, {3, 5, 2, 7}}}}, {2, false}},
    {"width", build_sum_of_copy, {{{4, {3, 5, 2, 7}}}}, {8, true}},
    {"mean-all", build_mean, {{{3, {3, 5, 7}}}}, {CUPEL_ALL_AXES}},
    {"mean-global-pool", build_mean, {{{4, {2, 5, 3, 9}}}}, {12, true}},
    {"mean-rows", build_mean, {{{2, {5, 33}}}}, {2}},
    {"width-dropped", build_sum_of_copy, {{{4, {3, 5, 2, 7}}}}, {8}},
    {"alternating", build_sum, {{{6, {2, 3, 2, 5, 3, 4}}}}, {21, true}},
    {"alternating-inner", build_sum, {{{6, {2, 3, 2, 5, 3, 4}}}}, {42}},
    {"pairs", build_sum, {{{3, {70, 3, 2}}}}, {2}},
    {"rows-in-vectors", build_sum, {{{2, {5, 64}}}}, {2}},
    {"columns-in-vectors", build_sum, {{{2, {37, 24}}}}, {1}},
    {"planes-in-vectors", build_sum_of_copy, {{{4, {3, 16, 4, 6}}}}, {12}},
    {"bias-gradient-in-vectors", build_sum_of_copy, {{{4, {3, 16, 4, 10}}}}, {13}},
    {"odd-start-rows", build_sum_of_part, {{{1, {129}}}}, {2, false, 2, 64}},
    {"odd-start-columns", build_sum_of_part, {{{1, {129}}}}, {1, false, 8, 16}},
    /* Enough elements for threads. */
    {"many-no-axis", build_sum, {{{2, {37, 131}}}}, {0}},
    {"many-all-in-vectors", build_sum, {{{2, {100, 800}}}}, {CUPEL_ALL_AXES}},
    {"many-rows-in-vectors", build_sum, {{{2, {2, 40008}}}}, {2}},
    {"many-width-dropped", build_sum_of_copy, {{{4, {2, 3, 2, 4001}}}}, {8}},
    {"many-bias-gradient-in-vectors", build_sum_of_copy, {{{4, {67, 8, 11, 13}}}}, {13}},
    {"many-wide-columns", build_sum, {{{2, {1030, 193}}}}, {1}},
    {"many-all", build_sum, {{{3, {67, 31, 37}}}}, {CUPEL_ALL_AXES}},
    {"many-first", build_sum, {{{3, {67, 31, 37}}}}, {1}},
    {"many-middle", build_sum, {{{3, {67, 31, 37}}}}, {2}},
    {"many-last", build_sum, {{{3, {67, 31, 37}}}}, {4, true}},
    {"many-outer", build_sum, {{{3, {67, 31, 37}}}}, {5}},
    {"many-columns", build_sum, {{{2, {67, 1001}}}}, {1}},
    {"many-bias-gradient", build_sum_of_copy, {{{4, {68, 6, 13, 14}}}}, {13}},
    {0},
};

static void build_max(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    out[0] = cupel_max(favourite_layout(in[0]), (unsigned)one->arg[0], one->arg[1]);
}
/* Among numbers that may be NaN: the result is 0 where one is, and 1 where none is and one is above 1. */
static void build_max_of_nans(const struct op_case *one, struct cupel_tensor **in,
                              struct cupel_tensor **out) {
    struct cupel_tensor *x = cupel_log(cupel_scale(in[0], 1, one->number[0]));
    out[0] = cupel_step(cupel_max(x, (unsigned)one->arg[0], one->arg[1]));
}
CASES(max) = {
    {"one", build_max, {{{1, {1}}, CASE_DISTINCT}}, {1}},
    {"all", build_max, {{{3, {3, 5, 7}}, CASE_DISTINCT}}, {CUPEL_ALL_AXES}},
    {"rows", build_max, {{{2, {5, 33}}, CASE_DISTINCT}}, {2}},
    {"middle", build_max, {{{3, {3, 5, 7}}, CASE_DISTINCT}}, {2, true}},
    {"images", build_max, {{{4, {2, 5, 3, 9}}, CASE_DISTINCT}}, {12, true}},
    {"batch", build_max, {{{4, {3, 5, 2, 7}}, CASE_DISTINCT}}, {1, true}},
    {"channels", build_max, {{{4, {3, 5, 2, 7}}, CASE_DISTINCT}}, {2}},
    {"rows-in-vectors", build_max, {{{2, {5, 64}}, CASE_DISTINCT}}, {2}},
    {"planes-in-vectors", build_max, {{{4, {3, 16, 4, 6}}, CASE_DISTINCT}}, {12}},
    {"nans", build_max_of_nans, {{{2, {40, 3}}}}, {2}, .no_grad = true},
    {"nans-among-columns",
     build_max_of_nans,
     {{{2, {40, 30}}, CASE_POSITIVE}},
     {1},
     {-0.53},
     .no_grad = true},
    {"nans-in-vectors", build_max_of_nans, {{{2, {30, 64}}, CASE_POSITIVE}}, {2}, {-0.52}, .no_grad = true},
    {"many-all", build_max, {{{3, {67, 31, 37}}, CASE_DISTINCT}}, {CUPEL_ALL_AXES}},
    {"many-columns", build_max, {{{2, {601, 40}}, CASE_DISTINCT}}, {1}},
    {0},
};
