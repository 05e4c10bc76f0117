/* Cases of the ops that turn a data set into batches. */
#include "case.h"

static void build_gather(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    out[0] = cupel_gather(in[0], in[1], in[2], one->arg[0]);
}
CASES(gather) = {
    {"one",
     build_gather,
     {{{1, {1}}}, {{1, {1}}, CASE_LABELS, 1}, {{1, {1}}, CASE_I64, 1}},
     .arg = {1},
     .no_grad = true},
    {"wraps",
     build_gather,
     {{{2, {9, 7}}}, {{1, {5}}, CASE_LABELS, 9}, {{1, {1}}, CASE_I64, 99}},
     .arg = {8},
     .no_grad = true},
    {"bytes",
     build_gather,
     {{{4, {11, 3, 5, 7}}, CASE_U8}, {{1, {30}}, CASE_LABELS, 11}, {{1, {1}}, CASE_I64, 30}},
     .arg = {4},
     .no_grad = true},
    {"labels",
     build_gather,
     {{{1, {70}}, CASE_LABELS, 10}, {{1, {70}}, CASE_LABELS, 70}, {{1, {1}}, CASE_I64, 70}},
     .arg = {33},
     .no_grad = true},
    {0},
};

static void build_convert(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    (void)one;
    out[0] = cupel_convert(in[0], in[1], in[2]);
}
CASES(convert) = {
    {"one",
     build_convert,
     {{{2, {1, 1}}, CASE_U8}, {{1, {1}}, CASE_UNIT}, {{1, {1}}, CASE_UNIT}},
     .no_grad = true},
    {"ragged",
     build_convert,
     {{{4, {3, 3, 7, 5}}, CASE_U8}, {{1, {3}}, CASE_UNIT}, {{1, {3}}, CASE_UNIT}},
     .no_grad = true},
    {"rows",
     build_convert,
     {{{2, {33, 17}}, CASE_U8}, {{1, {17}}, CASE_UNIT}, {{1, {17}}, CASE_UNIT}},
     .no_grad = true},
    {"batch64",
     build_convert,
     {{{4, {64, 3, 21, 17}}, CASE_U8}, {{1, {3}}, CASE_UNIT}, {{1, {3}}, CASE_UNIT}},
     .no_grad = true},
    {0},
};
