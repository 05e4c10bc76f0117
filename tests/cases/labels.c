/* Cases of labels of pixels. */
#include "case.h"

BUILD(mask_labels, cupel_mask_labels(in[0]))
CASES(mask_labels) = {
    {"one", build_mask_labels, {{{4, {1, 1, 1, 1}}, CASE_U8}}, .no_grad = true},
    {"masks", build_mask_labels, {{{4, {3, 1, 5, 7}}, CASE_U8}}, .no_grad = true},
    {"block", build_mask_labels, {{{4, {1, 1, 16, 16}}, CASE_U8}}, .no_grad = true},
    {"blocks", build_mask_labels, {{{4, {2, 1, 31, 33}}, CASE_U8}}, .no_grad = true},
    {0},
};

/* What reads it next has the layout that the backend likes best. arg: classes, the label to ignore. */
BUILD(one_hot, favourite_layout(cupel_one_hot(in[0], one->arg[0], (int)one->arg[1])))
#define LABELS(rank, bound, ...) \
    { {rank, {__VA_ARGS__}}, CASE_LABELS, bound }
CASES(one_hot) = {
    {"one", build_one_hot, {LABELS(1, 1, 1)}, .arg = {1, -1}, .no_grad = true},
    {"rows", build_one_hot, {LABELS(1, 7, 33)}, .arg = {7, -1}, .no_grad = true},
    {"ignore", build_one_hot, {LABELS(1, 6, 33)}, .arg = {5, 5}, .no_grad = true},
    {"ignore-class", build_one_hot, {LABELS(1, 5, 31)}, .arg = {5, 2}, .no_grad = true},
    {"sequence", build_one_hot, {LABELS(2, 4, 5, 7)}, .arg = {3, 3}, .no_grad = true},
    {"images", build_one_hot, {LABELS(3, 3, 2, 5, 7)}, .arg = {3, -1}, .no_grad = true},
    {"images-blocks", build_one_hot, {LABELS(3, 10, 3, 11, 37)}, .arg = {9, 9}, .no_grad = true},
    {0},
};
