/* Cases of the optimizers. Rates are near 1 so that the change is as large as the parameter. */
#include "case.h"

#define ONE   \
    {         \
        1, {  \
            1 \
        }     \
    }
#define RAGGED     \
    {              \
        2, {       \
            37, 11 \
        }          \
    }
#define BLOCKS   \
    {            \
        1, {     \
            1033 \
        }        \
    }

/* Judges every state that the node behind `result` changed. */
static void judge_updates(struct cupel_tensor *result, struct cupel_tensor **out) {
    for (int i = 0; result && i < result->node->n_out; i++) out[i] = &result->node->out[i];
}

/* What permits the update: by arg[1] nothing, 0 or 1. */
static struct cupel_tensor *go_of(const struct op_case *one, struct cupel_tensor **in) {
    if (one->arg[1] == 0) return NULL;
    return cupel_fill(in[0]->node->graph, &CUPEL_SHAPE(1), (double)one->arg[1] - 1);
}
static void build_sgd(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    const struct cupel_sgd sgd = {.weight_decay = one->number[0]};
    judge_updates(cupel_sgd(in[0], NULL, in[1], in[2], go_of(one, in), &sgd), out);
}
CASES(sgd) = {
    {"one", build_sgd, {{ONE}, {ONE}, {ONE, CASE_UNIT}}, .no_grad = true},
    {"decay", build_sgd, {{RAGGED}, {RAGGED}, {ONE, CASE_UNIT}}, .number = {0.3}, .no_grad = true},
    {"blocks", build_sgd, {{BLOCKS}, {BLOCKS}, {ONE, CASE_UNIT}}, .no_grad = true},
    {"held",
     build_sgd,
     {{RAGGED}, {RAGGED}, {ONE, CASE_UNIT}},
     .arg = {0, 1},
     .number = {0.3},
     .no_grad = true},
    {"permitted",
     build_sgd,
     {{RAGGED}, {RAGGED}, {ONE, CASE_UNIT}},
     .arg = {0, 2},
     .number = {0.3},
     .no_grad = true},
    {0},
};

static void build_sgd_momentum(const struct op_case *one, struct cupel_tensor **in,
                               struct cupel_tensor **out) {
    const struct cupel_sgd sgd = {one->number[0], one->number[1], one->arg[0] != 0};
    judge_updates(cupel_sgd(in[0], in[1], in[2], in[3], go_of(one, in), &sgd), out);
}
CASES(sgd_momentum) = {
    {"one", build_sgd_momentum, {{ONE}, {ONE}, {ONE}, {ONE, CASE_UNIT}}, .number = {0.9}, .no_grad = true},
    {"decay",
     build_sgd_momentum,
     {{RAGGED}, {RAGGED}, {RAGGED}, {ONE, CASE_UNIT}},
     .number = {0.9, 0.3},
     .no_grad = true},
    {"nesterov",
     build_sgd_momentum,
     {{RAGGED}, {RAGGED}, {RAGGED}, {ONE, CASE_UNIT}},
     .arg = {1},
     .number = {0.7, 0.1},
     .no_grad = true},
    {"blocks",
     build_sgd_momentum,
     {{BLOCKS}, {BLOCKS}, {BLOCKS}, {ONE, CASE_UNIT}},
     .number = {0.5},
     .no_grad = true},
    {"held",
     build_sgd_momentum,
     {{RAGGED}, {RAGGED}, {RAGGED}, {ONE, CASE_UNIT}},
     .arg = {0, 1},
     .number = {0.9, 0.3},
     .no_grad = true},
    {"permitted",
     build_sgd_momentum,
     {{RAGGED}, {RAGGED}, {RAGGED}, {ONE, CASE_UNIT}},
     .arg = {0, 2},
     .number = {0.9, 0.3},
     .no_grad = true},
    {0},
};

static void build_adam(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    const struct cupel_adam adam = {one->number[0], one->number[1], one->number[2], one->number[3],
                                    one->arg[0] != 0};
    judge_updates(cupel_adam(in[0], in[1], in[2], in[3], in[4], in[5], go_of(one, in), &adam), out);
}
#define ADAM_IN(shape)                                                         \
    {                                                                          \
        {shape}, {shape}, {shape, CASE_POSITIVE}, {shape}, {ONE, CASE_UNIT}, { \
            ONE, CASE_I64, 9                                                   \
        }                                                                      \
    }
CASES(adam) = {
    {"one", build_adam, ADAM_IN(ONE), .number = {0.9, 0.999, 1e-8}, .no_grad = true},
    {"gan", build_adam, ADAM_IN(RAGGED), .number = {0.5, 0.99, 1e-8}, .no_grad = true},
    {"decay", build_adam, ADAM_IN(RAGGED), .number = {0.9, 0.99, 1e-3, 0.2}, .no_grad = true},
    {"blocks", build_adam, ADAM_IN(BLOCKS), .number = {0.9, 0.999, 1e-8}, .no_grad = true},
    {"no-memory", build_adam, ADAM_IN(RAGGED), .number = {0, 0, 1e-8}, .no_grad = true},
    {"decoupled", build_adam, ADAM_IN(RAGGED), .arg = {1}, .number = {0.9, 0.99, 1e-3, 0.2}, .no_grad = true},
    {"held", build_adam, ADAM_IN(RAGGED), .arg = {0, 1}, .number = {0.9, 0.99, 1e-3, 0.2}, .no_grad = true},
    {"permitted", build_adam, ADAM_IN(RAGGED), .arg = {0, 2}, .number = {0.9, 0.99, 1e-3, 0.2},
     .no_grad = true},
    {0},
};

static void build_rmsprop(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    const struct cupel_rmsprop rmsprop = {one->number[0], one->number[1], one->number[2]};
    judge_updates(cupel_rmsprop(in[0], in[1], in[2], in[3], go_of(one, in), &rmsprop), out);
}
CASES(rmsprop) = {
    {"one",
     build_rmsprop,
     {{ONE}, {ONE, CASE_POSITIVE}, {ONE}, {ONE, CASE_UNIT}},
     .number = {0.99, 1e-8},
     .no_grad = true},
    {"decay",
     build_rmsprop,
     {{RAGGED}, {RAGGED, CASE_POSITIVE}, {RAGGED}, {ONE, CASE_UNIT}},
     .number = {0.9, 1e-3, 0.2},
     .no_grad = true},
    {"blocks",
     build_rmsprop,
     {{BLOCKS}, {BLOCKS, CASE_POSITIVE}, {BLOCKS}, {ONE, CASE_UNIT}},
     .number = {0.9, 1e-8},
     .no_grad = true},
    {"held",
     build_rmsprop,
     {{RAGGED}, {RAGGED, CASE_POSITIVE}, {RAGGED}, {ONE, CASE_UNIT}},
     .arg = {0, 1},
     .number = {0.9, 1e-3, 0.2},
     .no_grad = true},
    {"permitted",
     build_rmsprop,
     {{RAGGED}, {RAGGED, CASE_POSITIVE}, {RAGGED}, {ONE, CASE_UNIT}},
     .arg = {0, 2},
     .number = {0.9, 1e-3, 0.2},
     .no_grad = true},
    {0},
};

static void build_adagrad(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    const struct cupel_adagrad adagrad = {one->number[0], one->number[1]};
    judge_updates(cupel_adagrad(in[0], in[1], in[2], in[3], go_of(one, in), &adagrad), out);
}
CASES(adagrad) = {
    {"one",
     build_adagrad,
     {{ONE}, {ONE, CASE_POSITIVE}, {ONE}, {ONE, CASE_UNIT}},
     .number = {1e-10},
     .no_grad = true},
    {"decay",
     build_adagrad,
     {{RAGGED}, {RAGGED, CASE_POSITIVE}, {RAGGED}, {ONE, CASE_UNIT}},
     .number = {1e-3, 0.2},
     .no_grad = true},
    {"blocks",
     build_adagrad,
     {{BLOCKS}, {BLOCKS, CASE_POSITIVE}, {BLOCKS}, {ONE, CASE_UNIT}},
     .number = {1e-8},
     .no_grad = true},
    {"held",
     build_adagrad,
     {{RAGGED}, {RAGGED, CASE_POSITIVE}, {RAGGED}, {ONE, CASE_UNIT}},
     .arg = {0, 1},
     .number = {1e-3, 0.2},
     .no_grad = true},
    {"permitted",
     build_adagrad,
     {{RAGGED}, {RAGGED, CASE_POSITIVE}, {RAGGED}, {ONE, CASE_UNIT}},
     .arg = {0, 2},
     .number = {1e-3, 0.2},
     .no_grad = true},
    {0},
};

static void build_clip_norm(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    out[0] = cupel_clip_norm(in[0], one->number[0]);
}
/* A tensor that nobody else reads, which may be overwritten. */
static void build_clip_norm_made(const struct op_case *one, struct cupel_tensor **in,
                                 struct cupel_tensor **out) {
    out[0] = cupel_clip_norm(cupel_scale(in[0], one->number[1], 0), one->number[0]);
}
CASES(clip_norm) = {
    {"one", build_clip_norm, {{ONE}}, .number = {0.04}, .no_grad = true},
    {"clipped", build_clip_norm, {{RAGGED}}, .number = {2}, .no_grad = true},
    {"blocks", build_clip_norm, {{BLOCKS}}, .number = {2}, .no_grad = true},
    {"many", build_clip_norm, {{{1, {30003}}}}, .number = {2}, .no_grad = true},
    {"made-clipped", build_clip_norm_made, {{RAGGED}}, .number = {2, 3}, .no_grad = true},
    {"made-within", build_clip_norm_made, {{RAGGED}}, .number = {1e6, 3}, .no_grad = true},
    /* Beyond f16's range. */
    {"tiny", build_clip_norm_made, {{RAGGED}}, .number = {1e-7, 1e-7}, .half = -1, .no_grad = true},
    {"huge", build_clip_norm_made, {{RAGGED}}, .number = {2, 1e30}, .half = -1, .no_grad = true},
    {"within", build_clip_norm, {{RAGGED}}, .number = {1e6}, .no_grad = true},
    {0},
};
