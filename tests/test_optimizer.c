/* Optimizers: ten steps of each against torch.optim, and what they refuse. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden.h"

enum { STEPS = 10, COUNT = 23 };
enum { PARAMETER, MOMENT1, MOMENT2, GRADIENT, RATE, STEP, STATES };
static const char *const state_names[STATES] = {"parameter", "moment1", "moment2",
                                                "gradient",  "rate",    "step"};

/* Hyperparameters as golden/make_optimizer.py writes them: kind, clipping limit, then the optimizer's own. */
enum { KIND, LIMIT, OWN };

static struct cupel_tensor *add_sgd(const double *own, struct cupel_tensor **in) {
    const struct cupel_sgd sgd = {.momentum = own[0], .weight_decay = own[1], .nesterov = own[2] != 0};
    return cupel_sgd(in[PARAMETER], in[MOMENT1], in[GRADIENT], in[RATE], NULL, &sgd);
}

static struct cupel_tensor *add_adam(const double *own, struct cupel_tensor **in) {
    const struct cupel_adam adam = {own[0], own[1], own[2], own[3], own[4] != 0};
    return cupel_adam(in[PARAMETER], in[MOMENT1], in[MOMENT2], in[GRADIENT], in[RATE], in[STEP], NULL, &adam);
}

static struct cupel_tensor *add_rmsprop(const double *own, struct cupel_tensor **in) {
    const struct cupel_rmsprop rmsprop = {own[0], own[1], own[2]};
    return cupel_rmsprop(in[PARAMETER], in[MOMENT1], in[GRADIENT], in[RATE], NULL, &rmsprop);
}

static struct cupel_tensor *add_adagrad(const double *own, struct cupel_tensor **in) {
    const struct cupel_adagrad adagrad = {own[0], own[1]};
    return cupel_adagrad(in[PARAMETER], in[MOMENT1], in[GRADIENT], in[RATE], NULL, &adagrad);
}

static struct cupel_tensor *(*const add_kind[])(const double *own, struct cupel_tensor **in) = {
    add_sgd, add_adam, add_rmsprop, add_adagrad};

/* Declares the states of an optimizer in a graph. */
static void declare(struct cupel_graph *graph, struct cupel_tensor **in) {
    for (int i = 0; i < RATE; i++)
        in[i] = cupel_state(graph, state_names[i], graph->real, &CUPEL_SHAPE(COUNT), NULL);
    in[RATE] = cupel_state(graph, state_names[RATE], graph->real, &CUPEL_SHAPE(1), NULL);
    in[STEP] = cupel_state(graph, state_names[STEP], CUPEL_I64, &CUPEL_SHAPE(1), NULL);
}

/* ---- against PyTorch ---- */

/* A tensor of the variant `name`. */
static const double *find(const struct cupel_weights *file, const char *name, const char *what) {
    const struct cupel_weight *weight = golden_find(file, name, what);
    cr_assert(weight && weight->dtype == CUPEL_F64, "%s/%s is missing", name, what);
    return weight->data;
}

/* One that all variants share. */
static const double *common(const struct cupel_weights *file, const char *name) {
    const struct cupel_weight *weight = cupel_weights_find(file, name);
    cr_assert(weight && weight->dtype == CUPEL_F64, "%s is missing", name);
    return weight->data;
}

/* Element by element, for one element's gradients are huge and another's tiny. In f32 what is close to zero
 * may be off by as much as what is 0.1. */
static void compare(const double *got, const double *expected, enum cupel_dtype real, const char *what,
                    int step) {
    double tolerance = real == CUPEL_F64 ? 1e-12 : 5e-6, floor = real == CUPEL_F64 ? 1e-14 : 0.1;
    for (int i = 0; i < COUNT; i++)
        cr_expect(fabs(got[i] - expected[i]) <= tolerance * fmax(fabs(expected[i]), floor),
                  "%s, step %d, element %d: %.17g is not %.17g", what, step, i, got[i], expected[i]);
}

static void judge_path(const struct cupel_weights *file, const char *name, const char *device,
                       enum cupel_dtype real) {
    struct trial trial = {0};
    struct cupel_tensor *in[STATES];
    const double *option = find(file, name, "option"), *path = find(file, name, "parameter");
    cr_assert_eq(cupel_device_open(device, 1, &trial.device, &trial.error), CUPEL_OK);
    trial.store = cupel_store_new(trial.device, 1);
    trial.graph = cupel_graph_new(real);
    declare(trial.graph, in);
    if (option[LIMIT] > 0) in[GRADIENT] = cupel_clip_norm(in[GRADIENT], option[LIMIT]);
    struct cupel_tensor *result = add_kind[(int)option[KIND]](option + OWN, in);
    for (; result && trial.n_out < result->node->n_out; trial.n_out++)
        trial.out[trial.n_out] = &result->node->out[trial.n_out];
    bool done =
        trial_compile(&trial, trial.out, trial.n_out, NULL) &&
        write_state(trial.store, "parameter", in[PARAMETER], common(file, "parameter"), &trial.error) &&
        write_state(trial.store, "rate", in[RATE], common(file, "rate"), &trial.error);
    for (int step = 0; step < STEPS && done; step++) {
        struct cupel_error unused = {0};
        const double *gradient = common(file, "gradient") + step * COUNT, finished = step;
        write_state(trial.store, "step", in[STEP], &finished, &unused); /* only Adam has it */
        done = write_state(trial.store, "gradient", result, gradient, &trial.error) && trial_run(&trial);
        for (int i = 0; i < trial.n_out && done; i++) {
            int64_t count;
            double *got = trial_read(&trial, i, trial.out[i], &count);
            const double *last = i ? find(file, name, state_names[i]) : NULL;
            if (i == 0) compare(got, path + step * COUNT, real, name, step);
            if (i > 0 && step == STEPS - 1) compare(got, last, real, state_names[i], step);
            free(got);
        }
    }
    cr_assert(done, "%s: %s", name, trial.error.message);
    trial_free(&trial);
}

Test(optimizer, ten_steps_are_those_of_pytorch) {
    struct cupel_weights file = golden_load("optimizer.safetensors");
    int variants = 0;
    for (size_t i = 0; i < file.count; i++) {
        char name[GOLDEN_NAME];
        snprintf(name, sizeof name, "%s", file.tensors[i].name);
        char *slash = strchr(name, '/');
        if (!slash || strcmp(slash, "/option") != 0) continue;
        *slash = 0;
        judge_path(&file, name, "reference", CUPEL_F64);
        judge_path(&file, name, "reference", CUPEL_F32);
        judge_path(&file, name, "cpu", CUPEL_F32);
        variants++;
    }
    cr_expect_eq(variants, 17);
    cupel_weights_free(&file);
}

/* ---- what is refused ---- */

static void expect_refused(const char *message, int kind, const double own[5], int replaced,
                           struct cupel_shape shape) {
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F32);
    struct cupel_tensor *in[STATES];
    declare(graph, in);
    if (replaced >= 0) in[replaced] = shape.rank ? cupel_fill(graph, &shape, 1) : NULL;
    cr_expect_null(add_kind[kind](own, in));
    cr_expect_not_null(strstr(graph->error.message, message), "'%s' is not in '%s'", message,
                       graph->error.message);
    cupel_graph_free(graph);
}

Test(optimizer, impossible_hyperparameters_are_refused) {
    static const struct {
        const char *message;
        int kind;
        double own[5];
    } wrong[] = {
        {"nesterov needs a momentum above 0", 0, {0, 0, 1}},
        {"momentum must be at least 0 and below inf, not -0.5", 0, {-0.5}},
        {"weight_decay must be at least 0 and below inf, not -1", 0, {0, -1}},
        {"weight_decay must be at least 0 and below inf, not nan", 0, {0, NAN}},
        {"beta1 must be at least 0 and below 1, not 1", 1, {1, 0.9}},
        {"beta2 must be at least 0 and below 1, not -0.1", 1, {0.9, -0.1}},
        {"eps must be at least 0", 1, {0.9, 0.9, -1}},
        {"weight_decay must be at least 0", 1, {0.9, 0.9, 0, -1}},
        {"alpha must be at least 0 and below 1, not 2", 2, {2}},
        {"eps must be at least 0", 2, {0.9, -1}},
        {"weight_decay must be at least 0", 2, {0.9, 0, -1}},
        {"eps must be at least 0", 3, {-1}},
        {"weight_decay must be at least 0", 3, {0, -1}},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        expect_refused(wrong[i].message, wrong[i].kind, wrong[i].own, -1, CUPEL_SCALAR);
}

Test(optimizer, inputs_that_do_not_fit_are_refused) {
    static const double adam[5] = {0.9, 0.999, 1e-8}, momentum[5] = {0.9};
    expect_refused("a momentum needs a velocity", 0, momentum, MOMENT1, CUPEL_SCALAR);
    expect_refused("input 0 must be a state", 1, adam, PARAMETER, CUPEL_SHAPE(COUNT));
    expect_refused("input 2 must be a state", 1, adam, MOMENT2, CUPEL_SHAPE(COUNT));
    expect_refused("the moments must have the parameter's shape", 1, adam, MOMENT2, CUPEL_SHAPE(COUNT, 1));
    expect_refused("the gradient must have the parameter's shape", 1, adam, GRADIENT, CUPEL_SHAPE(COUNT + 1));
    expect_refused("the rate must be one f32 number", 1, adam, RATE, CUPEL_SHAPE(2));
    expect_refused("the step must be one i64 number", 1, adam, STEP, CUPEL_SHAPE(1));
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F32);
    cr_expect_null(cupel_clip_norm(cupel_fill(graph, &CUPEL_SHAPE(3), 1), 0));
    cr_expect_not_null(strstr(graph->error.message, "the limit must be above 0, not 0"));
    cupel_graph_free(graph);
}
