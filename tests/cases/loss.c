/* Cases of the fused losses. */
#include "case.h"

/* Puts the tensor through an op that writes it channels last on devices that like it so. */
static struct cupel_tensor *copy_image(struct cupel_tensor *x) {
    return cupel_avgpool(x, &(struct cupel_pool){.kernel = {1, 1}});
}

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
    struct cupel_tensor *logits = one->arg[2] ? copy_image(in[0]) : in[0];
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
    {"huge", build_cross_entropy, {{{2, {7, 5}}}, LABELS(7, 5)}, .arg = {-100}, .number = {0, 1e4}},
    {"huge-smooth", build_cross_entropy, {{{2, {7, 5}}}, LABELS(7, 5)}, .arg = {-100}, .number = {0.1, 1e4}},
    {0},
};

static void build_cross_entropy_grad(const struct op_case *one, struct cupel_tensor **in,
                                     struct cupel_tensor **out) {
    struct cupel_tensor *logits = one->arg[2] ? copy_image(in[0]) : in[0];
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
    {"images", build_label_weight, {{{3, {2, 5, 7}}, CASE_LABELS, 3}}, .arg = {0}, .no_grad = true},
    {0},
};

/* number[0]: a factor for x; arg[0]: another layout of x. */
static void build_bce_with_logits(const struct op_case *one, struct cupel_tensor **in,
                                  struct cupel_tensor **out) {
    struct cupel_tensor *x = one->arg[0] ? copy_image(in[0]) : in[0];
    if (one->number[0] != 0) x = cupel_scale(x, one->number[0], 0);
    out[0] = cupel_bce_with_logits(x, in[1]);
}
CASES(bce_with_logits) = {
    {"one", build_bce_with_logits, {{{1, {1}}}, {{1, {1}}, CASE_UNIT}}},
    {"rows", build_bce_with_logits, {{{2, {33, 17}}}, {{2, {33, 17}}, CASE_UNIT}}},
    {"images", build_bce_with_logits, {{{4, {2, 3, 5, 3}}}, {{4, {2, 3, 5, 3}}, CASE_UNIT}}},
    {"layout", build_bce_with_logits, {{{4, {2, 3, 5, 3}}}, {{4, {2, 3, 5, 3}}, CASE_UNIT}}, .arg = {1}},
    {"huge", build_bce_with_logits, {{{2, {3, 5}}}, {{2, {3, 5}}, CASE_UNIT}}, .number = {1e4}},
    {0},
};

static void build_bce_with_logits_grad(const struct op_case *one, struct cupel_tensor **in,
                                       struct cupel_tensor **out) {
    struct cupel_tensor *x = one->arg[0] ? copy_image(in[0]) : in[0];
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
    {"huge", build_bce_with_logits_grad, {{{2, {3, 5}}}, {{2, {3, 5}}, CASE_UNIT}, DLOSS}, .number = {1e4}},
    {0},
};
