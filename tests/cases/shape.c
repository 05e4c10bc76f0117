/* Cases of sources and shape ops. */
#include "case.h"

/* arg from `first` on as a shape of `rank` */
static struct cupel_shape shape_of(const struct op_case *one, int first, int rank) {
    struct cupel_shape shape = {.rank = rank};
    for (int i = 0; i < rank; i++) shape.dim[i] = one->arg[first + i];
    return shape;
}

/* ---- sources ---- */

static void build_state(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    (void)one;
    out[0] = in[0];
}
CASES(state) = {
    {"scalar-like", build_state, {{{1, {1}}}}},
    {"images", build_state, {{{4, {2, 5, 3, 9}}}}},
    {0},
};

static void build_constant(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    (void)one;
    static const float f32[6] = {1, -2, 0.5f, 4, -0.25f, 3};
    static const double f64[6] = {1, -2, 0.5, 4, -0.25, 3};
    struct cupel_graph *graph = cupel_tensor_graph(in[0]);
    enum cupel_dtype dtype = cupel_graph_real(graph);
    const void *data = dtype == CUPEL_F64 ? (const void *)f64 : (const void *)f32;
    out[0] = cupel_mul(in[0], cupel_constant(graph, dtype, &CUPEL_SHAPE(2, 3), data));
}
static void build_fill(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    out[0] =
        cupel_mul(in[0], cupel_fill(cupel_tensor_graph(in[0]), cupel_tensor_shape(in[0]), one->number[0]));
}
CASES(constant) = {
    {"values", build_constant, {{{2, {2, 3}}}}},
    {"fill", build_fill, {{{4, {2, 5, 3, 9}}}}, .number = {-1.5}},
    {0},
};

/* ---- views ---- */

static void build_part(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    struct cupel_shape shape = shape_of(one, 1, 2);
    out[0] = cupel_scale(cupel_part(in[0], NULL, one->arg[0], &shape, NULL), 2, 0);
    out[1] = cupel_part(in[0], NULL, 1, &CUPEL_SHAPE(2), NULL);
}
CASES(part) = {
    {"start", build_part, {{{1, {32}}}}, {0, 3, 5}},
    {"end", build_part, {{{1, {31}}}}, {16, 3, 5}},
    {0},
};

static void build_reshape(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    out[0] = cupel_scale(cupel_reshape(in[0], &CUPEL_SHAPE(one->arg[0], -1)), 2, 0);
}
static void build_flatten(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    (void)one;
    out[0] = cupel_scale(cupel_flatten(favourite_layout(in[0])), 2, 0);
}
static void build_unflatten(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    (void)one;
    out[0] = cupel_bias_add(cupel_reshape(in[0], &CUPEL_SHAPE(-1, 5, 3, 2)), in[1]);
}
CASES(reshape) = {
    {"one", build_reshape, {{{1, {1}}}}, {1}},
    {"ragged", build_reshape, {{{3, {3, 4, 5}}}}, {6}},
    {"flatten-images", build_flatten, {{{4, {2, 5, 3, 9}}}}},
    {"to-images", build_unflatten, {{{2, {3, 30}}}, {{1, {5}}}}},
    {0},
};

BUILD(cast, NODE_ADD(cast, NULL, in[0]))
CASES(cast) = {
    {"one", build_cast, {{{1, {1}}}}, .no_grad = true},
    {"images", build_cast, {{{4, {2, 5, 3, 9}}}}, .no_grad = true},
    {"many", build_cast, {{{1, {4099}}}}, .no_grad = true},
    {0},
};

static void build_relayout(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    (void)one;
    out[0] = NODE_ADD(relayout, NULL, in[0]);
}
CASES(relayout) = {
    {"images", build_relayout, {{{4, {2, 5, 3, 9}}}}, .no_grad = true},
    {"one", build_relayout, {{{4, {1, 1, 1, 1}}}}, .no_grad = true},
    {"many", build_relayout, {{{4, {66, 18, 7, 9}}}}, .no_grad = true},
    {0},
};

/* ---- moving elements ---- */

static void build_pack(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    out[0] = cupel_pack(in, case_inputs(one));
}
static void build_pack_computed(const struct op_case *one, struct cupel_tensor **in,
                                struct cupel_tensor **out) {
    (void)one;
    struct cupel_tensor *made[] = {cupel_scale(in[0], 2, 0), in[1], cupel_mul(in[0], in[0])};
    out[0] = cupel_pack(made, 3);
}
/* More parts with a gap than one launch fills. */
static void build_pack_often(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    (void)one;
    struct cupel_tensor *parts[37];
    for (int i = 0; i < 37; i++) parts[i] = in[i % 2];
    out[0] = cupel_pack(parts, 37);
}
CASES(pack) = {
    {"one", build_pack, {{{1, {1}}}}},
    {"three", build_pack, {{{2, {3, 7}}}, {{1, {16}}}, {{1, {5}}}}},
    {"images", build_pack, {{{4, {2, 3, 3, 1}}}, {{1, {2}}}}},
    {"often", build_pack_often, {{{1, {3}}}, {{1, {17}}}}},
    {"in-place", build_pack_computed, {{{2, {3, 7}}}, {{1, {5}}}}},
    {0},
};

/* arg: start[rank], shape[rank] */
static void build_slice(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    int rank = one->in[0].shape.rank;
    struct cupel_shape shape = shape_of(one, rank, rank);
    out[0] = cupel_slice(favourite_layout(in[0]), one->arg, &shape);
}
static void build_slice_labels(const struct op_case *one, struct cupel_tensor **in,
                               struct cupel_tensor **out) {
    out[0] = cupel_slice(in[0], one->arg, &CUPEL_SHAPE(4));
}
CASES(slice) = {
    {"one", build_slice, {{{1, {1}}}}, {0, 1}},
    {"inside", build_slice, {{{2, {7, 33}}}}, {2, 5, 3, 17}},
    {"end", build_slice, {{{3, {3, 5, 7}}}}, {1, 4, 3, 2, 1, 4}},
    {"channels", build_slice, {{{4, {2, 9, 3, 5}}}}, {0, 3, 0, 0, 2, 5, 3, 5}},
    {"crop", build_slice, {{{4, {2, 3, 7, 9}}}}, {0, 0, 1, 2, 2, 3, 5, 4}},
    {"units-of-8-bytes", build_slice, {{{2, {5, 34}}}}, {1, 2, 3, 6}},
    {"units-of-16-bytes", build_slice, {{{2, {5, 64}}}}, {1, 16, 3, 32}},
    {"many", build_slice, {{{2, {37, 264}}}}, {1, 8, 35, 248}},
    {"many-ragged", build_slice, {{{3, {7, 13, 47}}}}, {1, 2, 3, 5, 11, 31}},
    {"many-channels", build_slice, {{{4, {3, 12, 9, 19}}}}, {0, 2, 1, 0, 3, 8, 7, 19}},
    {"bytes", build_slice, {{{3, {3, 17, 33}}, CASE_U8}}, {1, 2, 3, 2, 13, 27}, .no_grad = true},
    {"bytes-in-pairs", build_slice, {{{2, {7, 34}}, CASE_U8}}, {1, 2, 5, 30}, .no_grad = true},
    {"i64", build_slice, {{{2, {7, 33}}, CASE_I64, 99}}, {1, 2, 5, 30}, .no_grad = true},
    {"labels", build_slice_labels, {{{1, {9}}, CASE_LABELS, 10}}, {3}, .no_grad = true},
    {0},
};

static void build_pad(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    int rank = one->in[0].shape.rank;
    struct cupel_shape shape = shape_of(one, rank, rank);
    out[0] = cupel_pad(favourite_layout(in[0]), one->arg, &shape);
}
CASES(pad) = {
    {"one", build_pad, {{{1, {1}}}}, {0, 1}},
    {"around", build_pad, {{{2, {3, 17}}}}, {2, 5, 7, 33}},
    {"front", build_pad, {{{1, {5}}}}, {4, 9}},
    {"many", build_pad, {{{3, {5, 24, 40}}}}, {1, 2, 8, 7, 29, 56}},
    {"images", build_pad, {{{4, {2, 3, 5, 4}}}}, {0, 1, 1, 2, 2, 5, 7, 9}},
    {0},
};

static void build_concat(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    out[0] = cupel_concat(in, case_inputs(one), (int)one->arg[0]);
}
static void build_concat_copies(const struct op_case *one, struct cupel_tensor **in,
                                struct cupel_tensor **out) {
    out[0] = cupel_concat((struct cupel_tensor *[]){favourite_layout(in[0]), in[1]}, 2, (int)one->arg[0]);
}
CASES(concat) = {
    {"one", build_concat, {{{1, {1}}}}, {0}},
    {"flat", build_concat, {{{1, {5}}}, {{1, {1}}}, {{1, {17}}}}, {0}},
    {"columns", build_concat, {{{2, {3, 7}}}, {{2, {3, 2}}}}, {-1}},
    {"middle", build_concat, {{{3, {3, 1, 7}}}, {{3, {3, 4, 7}}}, {{3, {3, 2, 7}}}}, {1}},
    {"last-of-one", build_concat, {{{2, {9, 1}}}, {{2, {9, 1}}}, {{2, {9, 30}}}}, {1}},
    {"many", build_concat, {{{3, {7, 9, 8}}}, {{3, {7, 40, 8}}}, {{3, {7, 80, 8}}}}, {1}},
    {"channels", build_concat_copies, {{{4, {2, 5, 3, 7}}}, {{4, {2, 3, 3, 7}}}}, {1}},
    {"batch", build_concat_copies, {{{4, {2, 5, 3, 7}}}, {{4, {1, 5, 3, 7}}}}, {0}},
    {"labels",
     build_concat,
     {{{1, {9}}, CASE_LABELS, 10}, {{1, {4}}, CASE_LABELS, 10}},
     {0},
     .no_grad = true},
    {0},
};

/* arg: order[rank] */
static void build_transpose(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    int order[CUPEL_MAX_RANK];
    for (int i = 0; i < CUPEL_MAX_RANK; i++) order[i] = (int)one->arg[i];
    out[0] = cupel_transpose(favourite_layout(in[0]), order);
}
BUILD(pixel_shuffle, cupel_pixel_shuffle(favourite_layout(in[0]), one->arg[0]))
CASES(transpose) = {
    {"pixel-shuffle", build_pixel_shuffle, {{{4, {2, 12, 3, 5}}}}, {2}},
    {"pixel-shuffle-x3", build_pixel_shuffle, {{{4, {1, 9, 2, 3}}}}, {3}},
    {"one", build_transpose, {{{2, {1, 1}}}}, {1, 0}},
    {"matrix", build_transpose, {{{2, {17, 33}}}}, {1, 0}},
    {"rotate", build_transpose, {{{3, {3, 5, 7}}}}, {1, 2, 0}},
    {"negative", build_transpose, {{{3, {3, 5, 7}}}}, {0, -1, -2}},
    {"tile", build_transpose, {{{2, {32, 32}}}}, {1, 0}},
    {"over-a-tile", build_transpose, {{{2, {65, 31}}}}, {1, 0}},
    {"least-tile", build_transpose, {{{2, {8, 8}}}}, {1, 0}},
    {"narrow", build_transpose, {{{2, {7, 50}}}}, {1, 0}},
    {"matrices", build_transpose, {{{5, {2, 3, 9, 2, 10}}}}, {1, 0, 4, 3, 2}},
    {"bytes", build_transpose, {{{3, {2, 35, 17}}, CASE_U8}}, {0, 2, 1}, .no_grad = true},
    {"bytes-narrow", build_transpose, {{{3, {2, 5, 71}}, CASE_U8}}, {0, 2, 1}, .no_grad = true},
    {"i64", build_transpose, {{{2, {40, 33}}, CASE_I64, 99}}, {1, 0}, .no_grad = true},
    {"same", build_transpose, {{{2, {3, 5}}}}, {0, 1}},
    {"channels-last", build_transpose, {{{4, {2, 5, 3, 9}}}}, {0, 2, 3, 1}},
    {"rank-6", build_transpose, {{{6, {2, 1, 3, 2, 1, 5}}}}, {5, 3, 1, 0, 2, 4}},
    {"many", build_transpose, {{{2, {290, 233}}}}, {1, 0}},
    {"many-inner", build_transpose, {{{3, {5, 130, 111}}}}, {0, 2, 1}},
    {0},
};

/* arg: the new shape, ended by 0 */
static void build_broadcast(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    int rank = 0;
    while (one->arg[rank]) rank++;
    struct cupel_shape shape = shape_of(one, 0, rank);
    out[0] = cupel_broadcast(in[0], &shape);
}
CASES(broadcast) = {
    {"one", build_broadcast, {{{1, {1}}}}, {1, 1}},
    {"rows", build_broadcast, {{{1, {5}}}}, {2, 3, 5}},
    {"middle", build_broadcast, {{{3, {2, 1, 5}}}}, {2, 3, 5}},
    {"new-and-old", build_broadcast, {{{2, {1, 7}}}}, {3, 5, 7}},
    {"pooled-images", build_broadcast, {{{4, {2, 5, 1, 1}}}}, {2, 5, 3, 9}},
    {"images", build_broadcast, {{{4, {1, 5, 3, 1}}}}, {2, 5, 3, 9}},
    {"planes", build_broadcast, {{{4, {2, 5, 1, 1}}}}, {2, 5, 4, 6}},
    {"many", build_broadcast, {{{4, {32, 5, 1, 1}}}}, {32, 5, 25, 18}},
    {"many-planes", build_broadcast, {{{4, {9, 7, 1, 1}}}}, {9, 7, 16, 24}},
    {"many-channels", build_broadcast, {{{4, {9, 24, 1, 1}}}}, {9, 24, 7, 5}},
    {0},
};
