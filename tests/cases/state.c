/* Cases of the ops that give a state a new version. */
#include "case.h"

static void build_assign(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    (void)one;
    out[0] = cupel_assign(in[0], in[1]);
}
CASES(assign) = {
    {"one", build_assign, {{{1, {1}}}, {{1, {1}}}}, .no_grad = true},
    {"ragged", build_assign, {{{2, {31, 33}}}, {{2, {31, 33}}}}, .no_grad = true},
    {"images", build_assign, {{{4, {2, 5, 3, 9}}}, {{4, {2, 5, 3, 9}}}}, .no_grad = true},
    {"bytes", build_assign, {{{2, {3, 7}}, CASE_U8}, {{2, {3, 7}}, CASE_U8}}, .no_grad = true},
    {0},
};

/* The state after a change of a part of it, then another. */
static void build_whole(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    if (in[0]->node->op != OP_state) return; /* an input at an odd address is a part of one */
    struct cupel_graph *graph = cupel_tensor_graph(in[0]);
    const char *name = in[0]->node->attr.state.name;
    for (int i = 0; i < 2; i++) {
        struct cupel_tensor *part =
            cupel_part(cupel_state_latest(graph, name), NULL, one->arg[i], cupel_tensor_shape(in[1]), NULL);
        out[i] = cupel_scale(i ? cupel_ema(part, in[1], 0.5) : cupel_assign(part, in[1]), 2, 0);
    }
    out[2] = cupel_scale(cupel_state_latest(graph, name), 3, 0);
}
CASES(whole) = {
    {"first", build_whole, {{{1, {33}}}, {{2, {3, 5}}}}, {0, 16}, .no_grad = true},
    {"again", build_whole, {{{1, {40}}}, {{1, {1}}}}, {32, 32}, .no_grad = true},
    {"all", build_whole, {{{1, {31}}}, {{1, {31}}}}, {0, 0}, .no_grad = true},
    {0},
};

static void build_assign_add(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    (void)one;
    out[0] = cupel_assign_add(in[0], in[1]);
}
CASES(assign_add) = {
    {"one", build_assign_add, {{{1, {1}}}, {{1, {1}}}}, .no_grad = true},
    {"ragged", build_assign_add, {{{2, {31, 33}}}, {{2, {31, 33}}}}, .no_grad = true},
    {"images", build_assign_add, {{{4, {2, 5, 3, 9}}}, {{4, {2, 5, 3, 9}}}}, .no_grad = true},
    {"i32", build_assign_add, {{{1, {9}}, CASE_LABELS, 50}, {{1, {9}}, CASE_LABELS, 50}}, .no_grad = true},
    {"i64", build_assign_add, {{{1, {9}}, CASE_I64, 50}, {{1, {9}}, CASE_I64, 50}}, .no_grad = true},
    {"i32-block-and-one",
     build_assign_add,
     {{{1, {257}}, CASE_LABELS, 50}, {{1, {257}}, CASE_LABELS, 50}},
     .no_grad = true},
    {"i64-blocks",
     build_assign_add,
     {{{2, {31, 33}}, CASE_I64, 50}, {{2, {31, 33}}, CASE_I64, 50}},
     .no_grad = true},
    {"blocks", build_assign_add, {{{1, {2051}}}, {{1, {2051}}}}, .no_grad = true},
    {0},
};

static void build_advance(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    out[0] = cupel_advance(in[0], one->arg[0]);
}
CASES(advance) = {
    {"counter", build_advance, {{{1, {1}}, CASE_I64, 100}}, {7}, .no_grad = true},
    {"one-of-many", build_advance, {{{1, {33}}, CASE_I64, 100}}, {3}, .no_grad = true},
    {"last-element", build_advance, {{{1, {3}}, CASE_I64, 100}}, {-2}, .no_grad = true},
    {0},
};

static void build_ema(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    out[0] = cupel_ema(in[0], in[1], one->number[0]);
}
CASES(ema) = {
    {"one", build_ema, {{{1, {1}}}, {{1, {1}}}}, .number = {0.9}, .no_grad = true},
    {"ragged", build_ema, {{{2, {31, 33}}}, {{2, {31, 33}}}}, .number = {0.99}, .no_grad = true},
    {"blocks", build_ema, {{{1, {1025}}}, {{1, {1025}}}}, .number = {0.75}, .no_grad = true},
    {"keeps", build_ema, {{{1, {5}}}, {{1, {5}}}}, .number = {1}, .no_grad = true},
    {"takes", build_ema, {{{1, {5}}}, {{1, {5}}}}, .number = {0}, .no_grad = true},
    {0},
};
