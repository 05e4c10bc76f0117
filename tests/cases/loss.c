/* Cases of the fused losses. */
#include "case.h"

/* Labels for in[0] that are all -100 but the last, which is class 1. */
static struct cupel_tensor *lonely_label(const struct cupel_tensor *logits) {
    int32_t labels[64];
    struct cupel_shape shape = {.rank = logits->shape.rank - 1};
    for (int i = 0; i < shape.rank; i++) shape.dim[i] = logits->shape.dim[i == 0 ? 0 : i + 1];
    const int64_t count = cupel_shape_count(&shape);
    for (int64_t i = 0; i < count; i++) labels[i] = i == count - 1 ? 1 : -100;
    return cupel_constant(logits->node->graph, CUPEL_I32, &shape, labels);
}

/* number: smoothing, a factor for the logits; arg: the label to ignore, 1 for lonely_label, 1 for another
 * layout. */
static void build_cross_entropy(const struct op_case *one, struct cupel_tensor **in,
                                struct cupel_tensor **out) {
    struct cupel_tensor *logits = one->arg[2] ? favourite_layout(in[0]) : in[0];
    struct cupel_tensor *labels = one->arg[1] ? lonely_label(in[0]) : in[1];
    if (one->number[1] != 0) logits = cupel_scale(logits, one->number[1], 0);
    out[0] = cupel_cross_entropy(logits, labels, one->number[0], (int)one->arg[0]);
}
#define LABELS(n, classes) \
    { {1, {n}}, CASE_LABELS, classes }
CASES(cross_entropy) = {
    {"one", build_cross_entropy, {{{2, {1, 1}}}, LABELS(1, 1)}, .arg = {-100}},
    {"one-row", build_cross_entropy, {{{2, {1, 10}}}, LABELS(1, 10)}, .arg = {-100}},
    {"rows", build_cross_entropy, {{{2, {17, 7}}}, LABELS(17, 7)}, .arg = {-100}},
    {"smooth", build_cross_entropy, {{{2, {17, 7}}}, LABELS(17, 7)}, .arg = {-100}, .number = {0.1}},
    {"smooth-wholly", build_cross_entropy, {{{2, {5, 3}}}, LABELS(5, 3)}, .arg = {-100}, .number = {1}},
    {"ignore", build_cross_entropy, {{{2, {33, 4}}}, LABELS(33, 4)}, .arg = {2}},
    {"ignore-smooth", build_cross_entropy, {{{2, {33, 4}}}, LABELS(33, 4)}, .arg = {0}, .number = {0.1}},
    {"lonely", build_cross_entropy, {{{2, {5, 3}}}}, .arg = {-100, 1}, .number = {0.1}},
    {"sequence",
     build_cross_entropy,
     {{{3, {2, 5, 7}}}, {{2, {2, 7}}, CASE_LABELS, 5}},
     .arg = {1},
     .number = {0.1}},
    {"images", build_cross_entropy, {{{4, {2, 5, 3, 3}}}, {{3, {2, 3, 3}}, CASE_LABELS, 5}}, .arg = {-100}},
    {"images-layout",
     build_cross_entropy,
     {{{4, {2, 3, 5, 7}}}, {{3, {2, 5, 7}}, CASE_LABELS, 3}},
     .arg = {1, 0, 1},
     .number = {0.1}},
    {"images-lonely", build_cross_entropy, {{{4, {2, 3, 2, 3}}}}, .arg = {-100, 1, 1}},
    {"classes-8", build_cross_entropy, {{{2, {65, 8}}}, LABELS(65, 8)}, .arg = {3}, .number = {0.2}},
    {"classes-33", build_cross_entropy, {{{2, {31, 33}}}, LABELS(31, 33)}, .arg = {-100}},
    {"classes-130", build_cross_entropy, {{{2, {33, 130}}}, LABELS(33, 130)}, .arg = {1}, .number = {0.3}},
    {"classes-1000", build_cross_entropy, {{{2, {3, 1001}}}, LABELS(3, 1001)}, .arg = {-100}},
    {"block", build_cross_entropy, {{{2, {1024, 3}}}, LABELS(1024, 3)}, .arg = {1}},
    {"blocks", build_cross_entropy, {{{2, {1025, 3}}}, LABELS(1025, 3)}, .arg = {1}},
    {"blocks-lanes",
     build_cross_entropy,
     {{{2, {263, 67}}}, LABELS(263, 67)},
     .arg = {-100},
     .number = {0.1}},
    {"images-blocks",
     build_cross_entropy,
     {{{4, {3, 9, 41, 37}}}, {{3, {3, 41, 37}}, CASE_LABELS, 9}},
     .arg = {1, 0, 1},
     .number = {0.1}},
    {"huge", build_cross_entropy, {{{2, {7, 5}}}, LABELS(7, 5)}, .arg = {-100}, .number = {0, 1e4}},
    {"huge-smooth", build_cross_entropy, {{{2, {7, 5}}}, LABELS(7, 5)}, .arg = {-100}, .number = {0.1, 1e4}},
    {0},
};

static void build_cross_entropy_grad(const struct op_case *one, struct cupel_tensor **in,
                                     struct cupel_tensor **out) {
    struct cupel_tensor *logits = one->arg[2] ? favourite_layout(in[0]) : in[0];
    struct cupel_tensor *labels = one->arg[1] ? lonely_label(in[0]) : in[1];
    struct cupel_tensor *dloss = cupel_reshape(one->arg[1] ? in[1] : in[2], &CUPEL_SCALAR);
    if (one->number[1] != 0) logits = cupel_scale(logits, one->number[1], 0);
    out[0] = NODE_ADD(cross_entropy_grad, ATTR(number, .a = one->number[0], .n = one->arg[0]), logits, labels,
                      dloss);
}
#define DLOSS     \
    {             \
        {         \
            1, {  \
                1 \
            }     \
        }         \
    }
CASES(cross_entropy_grad) = {
    {"one", build_cross_entropy_grad, {{{2, {1, 1}}}, LABELS(1, 1), DLOSS}, .arg = {-100}},
    {"rows", build_cross_entropy_grad, {{{2, {17, 7}}}, LABELS(17, 7), DLOSS}, .arg = {-100}},
    {"ignore-smooth",
     build_cross_entropy_grad,
     {{{2, {33, 4}}}, LABELS(33, 4), DLOSS},
     .arg = {3},
     .number = {0.1}},
    {"classes-8", build_cross_entropy_grad, {{{2, {65, 8}}}, LABELS(65, 8), DLOSS}, .arg = {3}},
    {"classes-33", build_cross_entropy_grad, {{{2, {31, 33}}}, LABELS(31, 33), DLOSS}, .arg = {-100}},
    {"classes-130",
     build_cross_entropy_grad,
     {{{2, {17, 130}}}, LABELS(17, 130), DLOSS},
     .arg = {1},
     .number = {0.3}},
    {"classes-1000", build_cross_entropy_grad, {{{2, {3, 1001}}}, LABELS(3, 1001), DLOSS}, .arg = {-100}},
    {"blocks", build_cross_entropy_grad, {{{2, {4097, 3}}}, LABELS(4097, 3), DLOSS}, .arg = {1}},
    {"blocks-few", build_cross_entropy_grad, {{{2, {4096, 2}}}, LABELS(4096, 2), DLOSS}, .arg = {0}},
    {"images-blocks",
     build_cross_entropy_grad,
     {{{4, {3, 9, 41, 37}}}, {{3, {3, 41, 37}}, CASE_LABELS, 9}, DLOSS},
     .arg = {1, 0, 1},
     .number = {0.1}},
    {"lonely", build_cross_entropy_grad, {{{2, {5, 3}}}, DLOSS}, .arg = {-100, 1}},
    {"images",
     build_cross_entropy_grad,
     {{{4, {2, 5, 3, 3}}}, {{3, {2, 3, 3}}, CASE_LABELS, 5}, DLOSS},
     .arg = {2, 0, 1},
     .number = {0.1}},
    {"huge",
     build_cross_entropy_grad,
     {{{2, {7, 5}}}, LABELS(7, 5), DLOSS},
     .arg = {-100},
     .number = {0, 1e4}},
    {0},
};

static void build_label_weight(const struct op_case *one, struct cupel_tensor **in,
                               struct cupel_tensor **out) {
    out[0] = NODE_ADD(label_weight, ATTR(number, .n = one->arg[0]), in[0]);
}
CASES(label_weight) = {
    {"one", build_label_weight, {LABELS(1, 1)}, .arg = {-100}, .no_grad = true},
    {"ignore", build_label_weight, {LABELS(33, 4)}, .arg = {2}, .no_grad = true},
    {"blocks-few", build_label_weight, {LABELS(4096, 3)}, .arg = {1}, .no_grad = true},
    {"blocks", build_label_weight, {LABELS(4097, 3)}, .arg = {1}, .no_grad = true},
    {"ragged", build_label_weight, {LABELS(6017, 9)}, .arg = {-100}, .no_grad = true},
    {"images", build_label_weight, {{{3, {2, 5, 7}}, CASE_LABELS, 3}}, .arg = {0}, .no_grad = true},
    {0},
};

/* number[0]: a factor for x; arg[0]: another layout of x. */
static void build_bce_with_logits(const struct op_case *one, struct cupel_tensor **in,
                                  struct cupel_tensor **out) {
    struct cupel_tensor *x = one->arg[0] ? favourite_layout(in[0]) : in[0];
    if (one->number[0] != 0) x = cupel_scale(x, one->number[0], 0);
    out[0] = cupel_bce_with_logits(x, in[1]);
}
CASES(bce_with_logits) = {
    {"one", build_bce_with_logits, {{{1, {1}}}, {{1, {1}}, CASE_UNIT}}},
    {"rows", build_bce_with_logits, {{{2, {33, 17}}}, {{2, {33, 17}}, CASE_UNIT}}},
    {"images", build_bce_with_logits, {{{4, {2, 3, 5, 3}}}, {{4, {2, 3, 5, 3}}, CASE_UNIT}}},
    {"layout", build_bce_with_logits, {{{4, {2, 3, 5, 3}}}, {{4, {2, 3, 5, 3}}, CASE_UNIT}}, .arg = {1}},
    {"31", build_bce_with_logits, {{{1, {31}}}, {{1, {31}}, CASE_UNIT}}},
    {"block", build_bce_with_logits, {{{1, {4096}}}, {{1, {4096}}, CASE_UNIT}}},
    {"blocks", build_bce_with_logits, {{{1, {4097}}}, {{1, {4097}}, CASE_UNIT}}},
    {"ragged", build_bce_with_logits, {{{2, {129, 67}}}, {{2, {129, 67}}, CASE_UNIT}}},
    {"huge", build_bce_with_logits, {{{2, {3, 5}}}, {{2, {3, 5}}, CASE_UNIT}}, .number = {1e4}},
    {0},
};

static void build_bce_with_logits_grad(const struct op_case *one, struct cupel_tensor **in,
                                       struct cupel_tensor **out) {
    struct cupel_tensor *x = one->arg[0] ? favourite_layout(in[0]) : in[0];
    if (one->number[0] != 0) x = cupel_scale(x, one->number[0], 0);
    out[0] = NODE_ADD(bce_with_logits_grad, NULL, x, in[1], cupel_reshape(in[2], &CUPEL_SCALAR));
}
CASES(bce_with_logits_grad) = {
    {"one", build_bce_with_logits_grad, {{{1, {1}}}, {{1, {1}}, CASE_UNIT}, DLOSS}},
    {"rows", build_bce_with_logits_grad, {{{2, {5, 7}}}, {{2, {5, 7}}, CASE_UNIT}, DLOSS}},
    {"layout",
     build_bce_with_logits_grad,
     {{{4, {2, 3, 5, 3}}}, {{4, {2, 3, 5, 3}}, CASE_UNIT}, DLOSS},
     .arg = {1}},
    {"block-1", build_bce_with_logits_grad, {{{1, {1023}}}, {{1, {1023}}, CASE_UNIT}, DLOSS}},
    {"blocks", build_bce_with_logits_grad, {{{1, {1025}}}, {{1, {1025}}, CASE_UNIT}, DLOSS}},
    {"huge", build_bce_with_logits_grad, {{{2, {3, 5}}}, {{2, {3, 5}}, CASE_UNIT}, DLOSS}, .number = {1e4}},
    {0},
};
