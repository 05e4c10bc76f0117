/* Normalisation, softmax, losses and metrics of classification against PyTorch and hand-worked examples. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "evaluate.h"
#include "golden.h"

/* ---- PyTorch ---- */

enum kind { SOFTMAX, LOG_SOFTMAX, CROSS_ENTROPY, BCE, BATCHNORM, BATCHNORM_EVAL, LAYERNORM };

/* arg, as golden/make_norm.py writes it: the kind, then the axis of a softmax or the label to ignore;
 * number: momentum and eps, or smoothing */
static void build_golden(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    const int arg = (int)one->arg[1];
    const double *number = one->number;
    switch ((enum kind)one->arg[0]) {
    case SOFTMAX:
        out[0] = cupel_softmax(in[0], arg);
        break;
    case LOG_SOFTMAX:
        out[0] = cupel_log_softmax(in[0], arg);
        break;
    case CROSS_ENTROPY:
        out[0] = cupel_cross_entropy(in[0], in[1], number[0], arg);
        break;
    case BCE:
        out[0] = cupel_bce_with_logits(in[0], in[1]);
        break;
    case BATCHNORM:
        out[0] = cupel_batchnorm(in[0], in[1], in[2], in[3], in[4], number[0], number[1]);
        break;
    case BATCHNORM_EVAL:
        out[0] = cupel_batchnorm_eval(in[0], in[1], in[2], in[3], in[4], number[1]);
        break;
    case LAYERNORM:
        out[0] = cupel_layernorm(in[0], in[1], in[2], number[1]);
        break;
    }
}

/* Two more steps, then the running statistics that three steps leave behind. */
static void judge_running(const struct cupel_weights *file, struct trial *trial, double tolerance) {
    static const char *const names[] = {"running_mean", "running_var"};
    const char *name = trial->one->name;
    golden_give(trial, trial->in[0], golden_find(file, name, "x1"));
    cr_assert(trial_run(trial), "%s: %s", name, trial->error.message);
    golden_give(trial, trial->in[0], golden_find(file, name, "x2"));
    cr_assert(trial_run(trial), "%s: %s", name, trial->error.message);
    for (int i = 0; i < 2; i++) {
        golden_expect_state(file, trial, trial->in[3 + i], names[i], tolerance);
    }
}

static void judge_golden(const struct cupel_weights *file, const struct op_case *one, const char *device,
                         enum cupel_dtype real, double tolerance) {
    struct trial trial;
    golden_judge(&trial, file, one, device, real, tolerance);
    if (one->arg[0] == BATCHNORM) judge_running(file, &trial, tolerance);
    trial_free(&trial);
}

Test(norm, values_gradients_and_running_statistics_are_those_of_pytorch) {
    golden_each("ops_norm.safetensors", build_golden, judge_golden, (double[]){1e-12, 2e-6, 1e-5}, 39);
}

/* ---- hand-worked ---- */

static struct cupel_tensor *reals(struct cupel_graph *graph, struct cupel_shape shape,
                                  const double *elements) {
    return cupel_constant(graph, CUPEL_F64, &shape, elements);
}

static struct cupel_tensor *labels(struct cupel_graph *graph, int64_t count, const int32_t *elements) {
    return cupel_constant(graph, CUPEL_I32, &CUPEL_SHAPE(count), elements);
}

/* The first batch is 1 3: mean 2, unbiased variance 2. The second is 4 6 8: mean 6, variance 4. With momentum
 * 0.5 the mean goes 0, 1, 3.5 and the variance 1, 1.5, 2.75, in one graph as in two steps. */
Test(norm, two_batches_move_the_running_statistics_one_after_the_other) {
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F64);
    const struct cupel_init one = {CUPEL_INIT_CONSTANT, 1, 0};
    struct cupel_tensor *ones = cupel_fill(graph, &CUPEL_SHAPE(1), 1);
    cupel_state(graph, "mean", CUPEL_F64, &CUPEL_SHAPE(1), NULL);
    cupel_state(graph, "var", CUPEL_F64, &CUPEL_SHAPE(1), &one);
    for (int batch = 0; batch < 2; batch++) {
        struct cupel_tensor *x = batch == 0 ? reals(graph, CUPEL_SHAPE(2, 1), (double[]){1, 3})
                                            : reals(graph, CUPEL_SHAPE(3, 1), (double[]){4, 6, 8});
        cupel_batchnorm(x, ones, ones, cupel_state_latest(graph, "mean"), cupel_state_latest(graph, "var"),
                        0.5, 1e-5);
    }
    cr_expect_float_eq(evaluate_one(cupel_state_latest(graph, "mean")), 3.5, 1e-12);
    cr_expect_float_eq(evaluate_one(cupel_state_latest(graph, "var")), 2.75, 1e-12);
    cupel_graph_free(graph);
}

Test(norm, cross_entropy_of_equal_logits_is_the_logarithm_of_the_classes) {
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F64);
    struct cupel_tensor *logits = cupel_fill(graph, &CUPEL_SHAPE(3, 10), 123);
    struct cupel_tensor *where = labels(graph, 3, (int32_t[]){9, 0, 4});
    struct cupel_tensor *loss = cupel_cross_entropy(logits, where, 0.1, -100);
    cr_expect_float_eq(evaluate_one(loss), log(10), 1e-12);
    cupel_graph_free(graph);
}

/* A class that a mask rules out does not turn the loss into NaN; no counted label does. */
Test(norm, cross_entropy_at_its_edges) {
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F64);
    struct cupel_tensor *logits = reals(graph, CUPEL_SHAPE(1, 3), (double[]){1, -INFINITY, 1});
    struct cupel_tensor *where = labels(graph, 1, (int32_t[]){2});
    cr_expect_float_eq(evaluate_one(cupel_cross_entropy(logits, where, 0, -100)), log(2), 1e-12);
    cr_expect(isnan(evaluate_one(cupel_cross_entropy(logits, where, 0, 2))));
    cupel_graph_free(graph);
}

Test(norm, a_label_that_is_no_class_fails_the_run) {
    static const int32_t wrong[] = {3, -1, -100};
    for (int i = 0; i < 3; i++) {
        struct cupel_graph *graph = cupel_graph_new(CUPEL_F64);
        struct cupel_error error = {0};
        double loss;
        struct cupel_tensor *logits = cupel_fill(graph, &CUPEL_SHAPE(2, 3), 0);
        struct cupel_tensor *where = labels(graph, 2, (int32_t[]){0, wrong[i]});
        enum cupel_status status =
            run_once(cupel_cross_entropy(logits, where, 0, 7), &loss, sizeof loss, &error);
        cr_expect_eq(status, CUPEL_INVALID, "label %d", wrong[i]);
        cr_expect(strstr(error.message, "which is none of the 3 classes"), "%s", error.message);
        cupel_graph_free(graph);
    }
}

/* Rows: the label is first, second, third; tied first (class 0 wins); NaN elsewhere; NaN itself; no class. */
Test(norm, correct_counts_labels_among_the_k_largest) {
    static const double values[] = {9, 1, 2, 1, 9, 5, 3, 2, 1, 4, 4, 4, 1, NAN, 0, NAN, 1, 2, 9, 1, 1};
    static const int32_t where[] = {0, 2, 2, 1, 0, 0, 3};
    static const double expected[] = {1, 4, 6, 6};
    for (int k = 1; k <= 4; k++) {
        struct cupel_graph *graph = cupel_graph_new(CUPEL_F64);
        struct cupel_tensor *logits = reals(graph, CUPEL_SHAPE(7, 3), values);
        struct cupel_tensor *count = cupel_correct(logits, labels(graph, 7, where), k);
        cr_expect_eq(evaluate_one(count), expected[k - 1], "k = %d", k);
        cupel_graph_free(graph);
    }
}

Test(norm, confusion_counts_by_label_and_largest_logit) {
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F64);
    struct cupel_error error = {0};
    int32_t counts[9];
    struct cupel_tensor *logits =
        reals(graph, CUPEL_SHAPE(6, 3), (double[]){9, 1, 2, 1, 9, 5, 0, 2, 3, 4, 4, 4, 1, 2, 2, 1, 7, 1});
    struct cupel_tensor *where = labels(graph, 6, (int32_t[]){0, 0, 2, 2, 1, 3});
    cr_assert_eq(run_once(cupel_confusion(logits, where), counts, sizeof counts, &error), CUPEL_OK, "%s",
                 error.message);
    cr_expect_arr_eq(counts, ((int32_t[]){1, 1, 0, 0, 1, 0, 1, 0, 1}), sizeof counts);
    cupel_graph_free(graph);
}

/* ---- what is refused ---- */

enum maker {
    MAKE_BATCHNORM,
    MAKE_EVAL,
    MAKE_LAYERNORM,
    MAKE_SOFTMAX,
    MAKE_LOSS,
    MAKE_BCE,
    MAKE_CORRECT,
    MAKE_CONFUSION
};
struct refused {
    enum maker maker;
    struct cupel_shape x, other; /* other: weight, labels or target */
    double a, b;                 /* momentum, eps; axis; smoothing; k */
    const char *says;
};
static const struct refused refusals[] = {
    {MAKE_BATCHNORM, {2, {1, 3}}, {1, {3}}, 0.1, 1e-5, "more than one value per channel"},
    {MAKE_BATCHNORM, {4, {1, 3, 1, 1}}, {1, {3}}, 0.1, 1e-5, "more than one value per channel"},
    {MAKE_BATCHNORM, {2, {4, 3}}, {1, {4}}, 0.1, 1e-5, "weight, bias and statistics must be [3]"},
    {MAKE_BATCHNORM, {2, {4, 3}}, {2, {1, 3}}, 0.1, 1e-5, "weight, bias and statistics must be [3]"},
    {MAKE_BATCHNORM, {2, {4, 3}}, {1, {3}}, 1.5, 1e-5, "momentum must be from 0 to 1, not 1.5"},
    {MAKE_BATCHNORM, {2, {4, 3}}, {1, {3}}, NAN, 1e-5, "momentum must be from 0 to 1"},
    {MAKE_BATCHNORM, {2, {4, 3}}, {1, {3}}, 0.1, 0, "eps must be above 0, not 0"},
    {MAKE_BATCHNORM, {1, {4}}, {1, {4}}, 0.1, 1e-5, "2 to 4 dimensions"},
    {MAKE_EVAL, {4, {1, 3, 1, 1}}, {1, {1}}, 0, 1e-5, "weight, bias and statistics must be [3]"},
    {MAKE_EVAL, {5, {1, 3, 1, 1, 1}}, {1, {3}}, 0, 1e-5, "2 to 4 dimensions"},
    {MAKE_EVAL, {2, {1, 3}}, {1, {3}}, 0, -1, "eps must be above 0"},
    {MAKE_LAYERNORM, {2, {4, 3}}, {1, {4}}, 0, 1e-5, "shape of the input's last axes"},
    {MAKE_LAYERNORM, {2, {4, 3}}, {3, {1, 4, 3}}, 0, 1e-5, "shape of the input's last axes"},
    {MAKE_LAYERNORM, {2, {4, 3}}, {0}, 0, 1e-5, "shape of the input's last axes"},
    {MAKE_LAYERNORM, {2, {4, 3}}, {1, {3}}, 0, NAN, "eps must be above 0"},
    {MAKE_SOFTMAX, {2, {4, 3}}, {0}, 2, 0, "there is no axis 2"},
    {MAKE_SOFTMAX, {2, {4, 3}}, {0}, -3, 0, "there is no axis -3"},
    {MAKE_SOFTMAX, {0}, {0}, 0, 0, "there is no axis 0"},
    {MAKE_LOSS, {2, {4, 3}}, {1, {3}}, 0, 0, "the logits' shape less the axis of classes"},
    {MAKE_LOSS, {4, {4, 3, 2, 2}}, {1, {4}}, 0, 0, "the logits' shape less the axis of classes"},
    {MAKE_LOSS, {1, {3}}, {0}, 0, 0, "[N, C] or [N, C, H, W]"},
    {MAKE_LOSS, {2, {4, 3}}, {1, {4}}, 1.1, 0, "smoothing must be from 0 to 1, not 1.1"},
    {MAKE_BCE, {2, {4, 1}}, {1, {4}}, 0, 0, "the target must have the input's shape"},
    {MAKE_CORRECT, {2, {4, 3}}, {1, {4}}, 0, 0, "k must be at least 1, not 0"},
    {MAKE_CORRECT,
     {2, {4, 3}},
     {1, {3}},
     1,
     0,
     "the labels must be i32 with the logits' shape less the axis of classes"},
    {MAKE_CONFUSION, {4, {4, 3, 1, 1}}, {1, {4}}, 0, 0, "the labels must be i32 with the logits' shape less"},
};

static struct cupel_tensor *make(struct cupel_graph *graph, const struct refused *row) {
    const enum cupel_dtype dtype =
        row->maker == MAKE_LOSS || row->maker == MAKE_CORRECT || row->maker == MAKE_CONFUSION ? CUPEL_I32
                                                                                              : CUPEL_F32;
    struct cupel_tensor *x = cupel_state(graph, "x", CUPEL_F32, &row->x, NULL);
    struct cupel_tensor *other = cupel_state(graph, "other", dtype, &row->other, NULL);
    struct cupel_tensor *mean = cupel_state(graph, "mean", CUPEL_F32, &row->other, NULL);
    struct cupel_tensor *var = cupel_state(graph, "var", CUPEL_F32, &row->other, NULL);
    switch (row->maker) {
    case MAKE_BATCHNORM:
        return cupel_batchnorm(x, other, other, mean, var, row->a, row->b);
    case MAKE_EVAL:
        return cupel_batchnorm_eval(x, other, other, mean, var, row->b);
    case MAKE_LAYERNORM:
        return cupel_layernorm(x, other, other, row->b);
    case MAKE_SOFTMAX:
        return cupel_softmax(x, (int)row->a);
    case MAKE_LOSS:
        return cupel_cross_entropy(x, other, row->a, -100);
    case MAKE_BCE:
        return cupel_bce_with_logits(x, other);
    case MAKE_CORRECT:
        return cupel_correct(x, other, (int)row->a);
    case MAKE_CONFUSION:
        return cupel_confusion(x, other);
    }
    return NULL;
}

Test(norm, what_does_not_fit_is_refused) {
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        struct cupel_graph *graph = cupel_graph_new(CUPEL_F32);
        expect_refusal(graph, make(graph, &refusals[i]), i, refusals[i].says);
        cupel_graph_free(graph);
    }
}

/* Running statistics are states, each version replaced once; a tensor of another kind would be lost. */
Test(norm, running_statistics_must_be_the_newest_versions_of_states) {
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F32);
    struct cupel_tensor *x = cupel_fill(graph, &CUPEL_SHAPE(4, 3), 1);
    struct cupel_tensor *w = cupel_fill(graph, &CUPEL_SHAPE(3), 1);
    struct cupel_tensor *mean = cupel_state(graph, "mean", CUPEL_F32, &CUPEL_SHAPE(3), NULL);
    struct cupel_tensor *var = cupel_state(graph, "var", CUPEL_F32, &CUPEL_SHAPE(3), NULL);
    cr_expect_not_null(cupel_batchnorm(x, w, w, mean, var, 0.1, 1e-5));
    cr_expect_null(cupel_batchnorm(x, w, w, mean, var, 0.1, 1e-5));
    cr_expect(strstr(cupel_graph_error(graph)->message, "newest version of state 'mean'"), "%s",
              cupel_graph_error(graph)->message);
    cupel_graph_free(graph);
}
