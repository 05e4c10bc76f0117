/* Cases of the ops that draw random numbers. Draws are made in f32 arithmetic everywhere, so f32 and f64
 * agree. */
#include "case.h"

static struct cupel_shape shape_of(const struct op_case *one) {
    struct cupel_shape shape = {.rank = (int)one->arg[0]};
    for (int d = 0; d < shape.rank; d++) shape.dim[d] = one->arg[1 + d];
    return shape;
}

static void build_uniform(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    struct cupel_shape shape = shape_of(one);
    out[0] = cupel_uniform(in[0], &shape, one->number[0], one->number[1]);
}
CASES(uniform) = {
    {"one", build_uniform, {{.kind = CASE_RNG}}, .arg = {1, 1}, .number = {0, 1}, .no_grad = true},
    {"ragged",
     build_uniform,
     {{.kind = CASE_RNG}},
     .arg = {3, 3, 7, 11},
     .number = {-2, 0.5},
     .no_grad = true},
    {"31", build_uniform, {{.kind = CASE_RNG}}, .arg = {1, 31}, .number = {1, 3}, .no_grad = true},
    {"block-1", build_uniform, {{.kind = CASE_RNG}}, .arg = {1, 1023}, .number = {0, 1}, .no_grad = true},
    {"block+1", build_uniform, {{.kind = CASE_RNG}}, .arg = {1, 1025}, .number = {0, 1}, .no_grad = true},
    {"blocks", build_uniform, {{.kind = CASE_RNG}}, .arg = {2, 65, 33}, .number = {0, 1}, .no_grad = true},
    {0},
};

static void build_normal(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    struct cupel_shape shape = shape_of(one);
    out[0] = cupel_normal(in[0], &shape, one->number[0], one->number[1]);
}
CASES(normal) = {
    {"one", build_normal, {{.kind = CASE_RNG}}, .arg = {1, 1}, .number = {0, 1}, .no_grad = true},
    {"ragged", build_normal, {{.kind = CASE_RNG}}, .arg = {3, 3, 7, 11}, .number = {5, 0.5}, .no_grad = true},
    {"33", build_normal, {{.kind = CASE_RNG}}, .arg = {1, 33}, .number = {-1, 2}, .no_grad = true},
    {"block", build_normal, {{.kind = CASE_RNG}}, .arg = {1, 1024}, .number = {0, 1}, .no_grad = true},
    {"blocks", build_normal, {{.kind = CASE_RNG}}, .arg = {2, 65, 33}, .number = {0, 1}, .no_grad = true},
    {0},
};

static void build_beta(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    struct cupel_shape shape = shape_of(one);
    out[0] = cupel_beta(in[0], &shape, one->number[0]);
}
CASES(beta) = {
    {"one", build_beta, {{.kind = CASE_RNG}}, .arg = {1, 1}, .number = {0.2}, .no_grad = true},
    {"ragged", build_beta, {{.kind = CASE_RNG}}, .arg = {3, 3, 7, 11}, .number = {0.05}, .no_grad = true},
    {"block-1", build_beta, {{.kind = CASE_RNG}}, .arg = {1, 255}, .number = {1}, .no_grad = true},
    {"blocks", build_beta, {{.kind = CASE_RNG}}, .arg = {2, 17, 31}, .number = {4}, .no_grad = true},
    {0},
};

static void build_dropout(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    out[0] = cupel_dropout(in[0], in[1], one->number[0]);
}
CASES(dropout) = {
    {"one", build_dropout, {{{1, {1}}}, {.kind = CASE_RNG}}, .number = {0.25}},
    {"ragged", build_dropout, {{{2, {31, 7}}}, {.kind = CASE_RNG}}, .number = {0.5}},
    {"images", build_dropout, {{{4, {2, 5, 3, 9}}}, {.kind = CASE_RNG}}, .number = {0.3}},
    {"planes", build_dropout, {{{4, {3, 33, 4, 7}}}, {.kind = CASE_RNG}}, .number = {0.5}},
    {"planes-odd", build_dropout, {{{4, {3, 9, 7, 7}}}, {.kind = CASE_RNG}}, .number = {0.5}},
    {"pixels", build_dropout, {{{4, {9, 31, 1, 1}}}, {.kind = CASE_RNG}}, .number = {0.5}},
    {"planes-blocks", build_dropout, {{{4, {1, 65, 5, 17}}}, {.kind = CASE_RNG}}, .number = {0.2}},
    {"blocks", build_dropout, {{{2, {65, 33}}}, {.kind = CASE_RNG}}, .number = {0.9}},
    {"keep-all", build_dropout, {{{1, {9}}}, {.kind = CASE_RNG}}, .number = {0}},
    {0},
};

static void build_random_flip(const struct op_case *one, struct cupel_tensor **in,
                              struct cupel_tensor **out) {
    out[0] = cupel_random_flip(in[0], in[1], one->number[0]);
}
CASES(random_flip) = {
    {"one", build_random_flip, {{{4, {1, 1, 1, 1}}}, {.kind = CASE_RNG}}, .number = {0.5}},
    {"ragged", build_random_flip, {{{4, {7, 3, 5, 9}}}, {.kind = CASE_RNG}}, .number = {0.5}},
    {"never", build_random_flip, {{{4, {2, 3, 4, 6}}}, {.kind = CASE_RNG}}, .number = {0}},
    {"blocks", build_random_flip, {{{4, {5, 9, 5, 7}}}, {.kind = CASE_RNG}}, .number = {0.3}},
    {"long",
     build_random_flip,
     {{{4, {5, 2, 5, 7}}, CASE_I64, 99}, {.kind = CASE_RNG}},
     .number = {0.6},
     .no_grad = true},
    {"always", build_random_flip, {{{4, {2, 3, 4, 6}}}, {.kind = CASE_RNG}}, .number = {1}},
    {"bytes",
     build_random_flip,
     {{{4, {33, 3, 5, 8}}, CASE_U8}, {.kind = CASE_RNG}},
     .number = {0.5},
     .no_grad = true},
    {0},
};

static void build_random_crop(const struct op_case *one, struct cupel_tensor **in,
                              struct cupel_tensor **out) {
    out[0] = cupel_random_crop(in[0], in[1], (int)one->arg[0]);
}
CASES(random_crop) = {
    {"one", build_random_crop, {{{4, {1, 1, 1, 1}}}, {.kind = CASE_RNG}}, .arg = {1}},
    {"ragged", build_random_crop, {{{4, {7, 3, 5, 9}}}, {.kind = CASE_RNG}}, .arg = {2}},
    {"blocks", build_random_crop, {{{4, {5, 9, 7, 5}}}, {.kind = CASE_RNG}}, .arg = {1}},
    {"none", build_random_crop, {{{4, {3, 2, 3, 4}}}, {.kind = CASE_RNG}}, .arg = {0}},
    {"wide", build_random_crop, {{{4, {5, 2, 3, 4}}}, {.kind = CASE_RNG}}, .arg = {6}},
    {"bytes",
     build_random_crop,
     {{{4, {33, 3, 5, 8}}, CASE_U8}, {.kind = CASE_RNG}},
     .arg = {4},
     .no_grad = true},
    {0},
};

static void build_cutout(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    out[0] = cupel_cutout(in[0], in[1], (int)one->arg[0]);
}
CASES(cutout) = {
    {"one", build_cutout, {{{4, {1, 1, 1, 1}}}, {.kind = CASE_RNG}}, .arg = {0}},
    {"ragged", build_cutout, {{{4, {7, 3, 5, 9}}}, {.kind = CASE_RNG}}, .arg = {3}},
    {"blocks", build_cutout, {{{4, {5, 9, 7, 5}}}, {.kind = CASE_RNG}}, .arg = {2}},
    {"all", build_cutout, {{{4, {3, 2, 3, 4}}}, {.kind = CASE_RNG}}, .arg = {9}},
    {"bytes", build_cutout, {{{4, {33, 3, 5, 8}}, CASE_U8}, {.kind = CASE_RNG}}, .arg = {4}, .no_grad = true},
    {0},
};
