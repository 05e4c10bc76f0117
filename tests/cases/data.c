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
    {"bytes-16",
     build_gather,
     {{{4, {11, 3, 4, 4}}, CASE_U8}, {{1, {9}}, CASE_LABELS, 11}, {{1, {1}}, CASE_I64, 30}},
     .arg = {7},
     .no_grad = true},
    {"bytes-4",
     build_gather,
     {{{2, {5, 4412}}, CASE_U8}, {{1, {9}}, CASE_LABELS, 5}, {{1, {1}}, CASE_I64, 30}},
     .arg = {3},
     .no_grad = true},
    {"long-rows",
     build_gather,
     {{{2, {3, 16400}}, CASE_U8}, {{1, {4}}, CASE_LABELS, 3}, {{1, {1}}, CASE_I64, 30}},
     .arg = {2},
     .no_grad = true},
    {"odd-rows",
     build_gather,
     {{{2, {3, 2047}}, CASE_U8}, {{1, {4}}, CASE_LABELS, 3}, {{1, {1}}, CASE_I64, 30}},
     .arg = {5},
     .no_grad = true},
    {"blocks",
     build_gather,
     {{{2, {9, 3}}}, {{1, {257}}, CASE_LABELS, 9}, {{1, {1}}, CASE_I64, 300}},
     .arg = {129},
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
BUILD(converted_halves, cupel_abs(cupel_convert(in[0], in[1], in[2])))
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
    {"channels-4",
     build_convert,
     {{{4, {2, 4, 17, 16}}, CASE_U8}, {{1, {4}}, CASE_UNIT}, {{1, {4}}, CASE_UNIT}},
     .no_grad = true},
    {"one-channel",
     build_convert,
     {{{4, {5, 1, 6, 6}}, CASE_U8}, {{1, {1}}, CASE_UNIT}, {{1, {1}}, CASE_UNIT}},
     .no_grad = true},
    {"blocks",
     build_convert,
     {{{4, {2, 3, 31, 33}}, CASE_U8}, {{1, {3}}, CASE_UNIT}, {{1, {3}}, CASE_UNIT}},
     .no_grad = true},
    {"halves",
     build_converted_halves,
     {{{4, {3, 3, 7, 5}}, CASE_U8}, {{1, {3}}, CASE_UNIT}, {{1, {3}}, CASE_UNIT}},
     .no_grad = true},
    {"batch64",
     build_convert,
     {{{4, {64, 3, 21, 17}}, CASE_U8}, {{1, {3}}, CASE_UNIT}, {{1, {3}}, CASE_UNIT}},
     .no_grad = true},
    {0},
};

/* arg: how many images to gather (0: all, as they lie), moves, the greatest shift, whether to shift first. */
static void build_batch(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    struct batch batch = {.gathers = one->arg[0] > 0, .count = one->arg[0], .moves = (int)one->arg[1]};
    for (int m = 0; m < batch.moves; m++)
        batch.move[m] = (struct image_move){.stream = 7 + (uint32_t)m,
                                            .kind = m == 2             ? MOVE_CUT
                                                    : m == one->arg[3] ? MOVE_MIRROR
                                                                       : MOVE_SHIFT,
                                            .flip = 0.5,
                                            .size = (int)one->arg[2],
                                            .sign = 1};
    out[0] = node_add_list(OP_batch, in, case_inputs(one), &(union attr){.batch = batch});
}
/* What reads the numbers next can make them 16-bit. */
static void build_halves(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    build_batch(one, in, out);
    out[0] = cupel_abs(out[0]);
}
/* The nodes of which plans make one. */
static void build_made_batch(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    out[0] = cupel_convert(cupel_gather(in[0], in[3], in[4], one->arg[0]), in[1], in[2]);
    out[0] = cupel_random_crop(cupel_random_flip(out[0], in[5], 0.5), in[5], (int)one->arg[2]);
    out[0] = cupel_cutout(out[0], in[5], (int)one->arg[2]);
}
#define IMAGES(n, c, h, w)                                 \
    {{4, {n, c, h, w}}, CASE_U8}, {{1, {c}}, CASE_UNIT}, { \
        {1, {c}}, CASE_UNIT                                \
    }
#define ORDER(n, rows)               \
    {{1, {n}}, CASE_LABELS, rows}, { \
        {1, {1}}, CASE_I64, 30       \
    }
#define DRAWS \
    { .kind = CASE_RNG }
CASES(batch) = {
    {"one", build_batch, {IMAGES(1, 1, 1, 1)}, .no_grad = true},
    {"gathered", build_batch, {IMAGES(11, 3, 5, 7), ORDER(9, 11)}, {4}, .no_grad = true},
    {"flipped", build_batch, {IMAGES(7, 3, 5, 9), DRAWS}, {0, 1}, .no_grad = true},
    {"shifted", build_batch, {IMAGES(7, 3, 5, 9), DRAWS}, {0, 1, 2, 1}, .no_grad = true},
    {"all", build_batch, {IMAGES(5, 3, 7, 9), ORDER(7, 5), DRAWS}, {9, 2, 2}, .no_grad = true},
    {"shifted-first", build_batch, {IMAGES(5, 3, 7, 9), ORDER(7, 5), DRAWS}, {9, 2, 2, 1}, .no_grad = true},
    {"far", build_batch, {IMAGES(5, 2, 3, 4), ORDER(7, 5), DRAWS}, {9, 2, 6}, .no_grad = true},
    {"cut", build_batch, {IMAGES(5, 3, 7, 9), ORDER(7, 5), DRAWS}, {9, 3, 4}, .no_grad = true},
    {"channels-4", build_batch, {IMAGES(3, 4, 9, 16), ORDER(7, 3), DRAWS}, {2, 2, 4}, .no_grad = true},
    {"one-channel", build_batch, {IMAGES(5, 1, 6, 6), ORDER(7, 5), DRAWS}, {33, 2, 1}, .no_grad = true},
    {"blocks", build_batch, {IMAGES(2, 3, 31, 33), ORDER(5, 2), DRAWS}, {3, 2, 3}, .no_grad = true},
    /* more than the blocks of an image do in one round */
    {"large", build_batch, {IMAGES(1, 3, 105, 107), DRAWS}, {0, 2, 3}, .no_grad = true},
    {"halves", build_halves, {IMAGES(5, 3, 7, 9), ORDER(7, 5), DRAWS}, {9, 2, 2}, .no_grad = true},
    {"halves-4", build_halves, {IMAGES(5, 3, 8, 6), ORDER(7, 5), DRAWS}, {9, 2, 2}, .no_grad = true},
    {"made", build_made_batch, {IMAGES(5, 3, 7, 9), ORDER(7, 5), DRAWS}, {9, 2, 2}, .no_grad = true},
    {0},
};
