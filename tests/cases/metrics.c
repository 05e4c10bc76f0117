/* Cases of the metrics of classification. */
#include "case.h"

/* Logits that all tie, or in another layout, where the case asks for them. */
static struct cupel_tensor *logits(const struct op_case *one, struct cupel_tensor *x) {
    return one->arg[1] ? cupel_scale(x, 0, 1) : one->arg[2] ? favourite_layout(x) : x;
}

/* arg: k, 1 for logits that all tie, 1 for another layout. */
BUILD(correct, cupel_correct(logits(one, in[0]), in[1], (int)one->arg[0]))
CASES(correct) = {
    {"one", build_correct, {{{2, {1, 1}}}, {{1, {1}}, CASE_LABELS, 1}}, .arg = {1}, .no_grad = true},
    {"top-1", build_correct, {{{2, {33, 5}}}, {{1, {33}}, CASE_LABELS, 5}}, .arg = {1}, .no_grad = true},
    {"top-5", build_correct, {{{2, {33, 17}}}, {{1, {33}}, CASE_LABELS, 17}}, .arg = {5}, .no_grad = true},
    {"classes-130",
     build_correct,
     {{{2, {9, 130}}}, {{1, {9}}, CASE_LABELS, 130}},
     .arg = {50},
     .no_grad = true},
    {"block", build_correct, {{{2, {1024, 3}}}, {{1, {1024}}, CASE_LABELS, 3}}, .arg = {1}, .no_grad = true},
    {"blocks", build_correct, {{{2, {1025, 3}}}, {{1, {1025}}, CASE_LABELS, 4}}, .arg = {1}, .no_grad = true},
    {"blocks-lanes",
     build_correct,
     {{{2, {263, 67}}}, {{1, {263}}, CASE_LABELS, 67}},
     .arg = {17},
     .no_grad = true},
    {"blocks-many",
     build_correct,
     {{{2, {2051, 2}}}, {{1, {2051}}, CASE_LABELS, 2}},
     .arg = {1},
     .no_grad = true},
    {"ties", build_correct, {{{2, {33, 5}}}, {{1, {33}}, CASE_LABELS, 5}}, .arg = {2, 1}, .no_grad = true},
    {"more-than-classes",
     build_correct,
     {{{2, {7, 3}}}, {{1, {7}}, CASE_LABELS, 3}},
     .arg = {5},
     .no_grad = true},
    {"no-class", build_correct, {{{2, {33, 5}}}, {{1, {33}}, CASE_LABELS, 9}}, .arg = {5}, .no_grad = true},
    {"sequence",
     build_correct,
     {{{3, {2, 5, 7}}}, {{2, {2, 7}}, CASE_LABELS, 6}},
     .arg = {2},
     .no_grad = true},
    {"images",
     build_correct,
     {{{4, {2, 3, 5, 7}}}, {{3, {2, 5, 7}}, CASE_LABELS, 3}},
     .arg = {1},
     .no_grad = true},
    {"images-layout",
     build_correct,
     {{{4, {3, 9, 5, 7}}}, {{3, {3, 5, 7}}, CASE_LABELS, 10}},
     .arg = {3, 0, 1},
     .no_grad = true},
    /* more rows than lanes are there for, when classes lie apart */
    {"images-blocks",
     build_correct,
     {{{4, {3, 9, 61, 97}}}, {{3, {3, 61, 97}}, CASE_LABELS, 9}},
     .arg = {2},
     .no_grad = true},
    {0},
};

BUILD(confusion, cupel_confusion(logits(one, in[0]), in[1]))
CASES(confusion) = {
    {"one", build_confusion, {{{2, {1, 1}}}, {{1, {1}}, CASE_LABELS, 1}}, .no_grad = true},
    {"rows", build_confusion, {{{2, {129, 5}}}, {{1, {129}}, CASE_LABELS, 5}}, .no_grad = true},
    {"classes-40", build_confusion, {{{2, {65, 40}}}, {{1, {65}}, CASE_LABELS, 40}}, .no_grad = true},
    {"blocks", build_confusion, {{{2, {257, 3}}}, {{1, {257}}, CASE_LABELS, 3}}, .no_grad = true},
    {"blocks-lanes", build_confusion, {{{2, {31, 259}}}, {{1, {31}}, CASE_LABELS, 259}}, .no_grad = true},
    {"ties-lanes",
     build_confusion,
     {{{2, {33, 70}}}, {{1, {33}}, CASE_LABELS, 70}},
     .arg = {0, 1},
     .no_grad = true},
    {"ties", build_confusion, {{{2, {33, 5}}}, {{1, {33}}, CASE_LABELS, 5}}, .arg = {0, 1}, .no_grad = true},
    {"no-class", build_confusion, {{{2, {33, 5}}}, {{1, {33}}, CASE_LABELS, 9}}, .no_grad = true},
    {"sequence", build_confusion, {{{3, {2, 5, 7}}}, {{2, {2, 7}}, CASE_LABELS, 6}}, .no_grad = true},
    {"images", build_confusion, {{{4, {2, 3, 5, 7}}}, {{3, {2, 5, 7}}, CASE_LABELS, 4}}, .no_grad = true},
    {"images-layout",
     build_confusion,
     {{{4, {3, 9, 5, 7}}}, {{3, {3, 5, 7}}, CASE_LABELS, 9}},
     .arg = {0, 0, 1},
     .no_grad = true},
    {"images-blocks",
     build_confusion,
     {{{4, {3, 9, 61, 97}}}, {{3, {3, 61, 97}}, CASE_LABELS, 9}},
     .no_grad = true},
    {0},
};
