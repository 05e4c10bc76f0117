/* The judges of the case table that need the processor alone: (1) f32 against f64, (2) gradients against
 * differences, (3) cpu against reference. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "judges.h"
#include "ways.h"

JUDGE(f32_against_f64, ALL) {
    struct trial f32, f64;
    const struct cupel_plan_options debug = {.debug = true};
    run_case(&f32, pick, "reference", CUPEL_F32, &debug);
    run_case(&f64, pick, "reference", CUPEL_F64, &debug);
    compare(&f32, &f64, pick, tolerance_of(pick), "f32 against f64");
    trial_free(&f32);
    trial_free(&f64);
}

JUDGE(cpu_against_reference, ALL) {
    const struct cupel_plan_options debug = {.debug = true};
    struct trial reference;
    int count;
    const struct way *ways = ways_of("cpu", WAYS_F32, &count);
    run_case(&reference, pick, "reference", CUPEL_F32, &debug);
    for (int i = 0; i < count; i++) {
        struct trial cpu;
        if (!way_differs(&ways[i], reference.graph)) continue;
        run_case(&cpu, pick, "cpu", CUPEL_F32, &ways[i].options);
        compare(&cpu, &reference, pick, tolerance_of(pick), ways[i].what);
        trial_free(&cpu);
    }
    trial_free(&reference);
}

/* ---- gradients ---- */

enum { MAX_TARGETS = 2 * (CASE_MAX_IN + CASE_MAX_OUT), MAX_ELEMENTS = 40 };

/* A state that gradients are taken of, and its values. */
struct target {
    struct cupel_tensor *state;
    double *values;
    int64_t count;
};
struct probe {
    struct trial trial;
    struct target targets[MAX_TARGETS];
    int n_targets;
    struct cupel_tensor *f; /* the scalar that is differentiated */
};

static void add_target(struct probe *probe, struct cupel_tensor *state, const struct case_input *in,
                       uint64_t salt) {
    struct target *target = &probe->targets[probe->n_targets++];
    *target = (struct target){state, case_values(in, &state->shape, salt), tensor_count(state)};
}

/* Adds to f the products of the real tensors y[] with weights, each weight a state of its own and a target.
 * New versions of states are no functions of their inputs, so they are left out. */
static void add_weighted(struct probe *probe, struct cupel_tensor *const *y, int count, const char *prefix,
                         uint64_t salt) {
    static const struct case_input normal = {.kind = CASE_NORMAL};
    probe->f = NULL;
    for (int i = 0; i < count; i++) {
        int update = y[i] ? y[i]->index - (y[i]->node->n_out - ops[y[i]->node->op].updates) : 0;
        if (!y[i] || !is_real(y[i]) || (ops[y[i]->node->op].updates && update >= 0)) continue;
        char name[16];
        snprintf(name, sizeof name, "%s%d", prefix, i);
        struct cupel_tensor *weight = cupel_state(probe->trial.graph, name, CUPEL_F64, &y[i]->shape, NULL);
        struct cupel_tensor *term = cupel_sum(cupel_mul(y[i], weight), CUPEL_ALL_AXES, false);
        probe->f = probe->f ? cupel_add(probe->f, term) : term;
        add_target(probe, weight, &normal, salt + (uint64_t)i);
    }
}

/* A target that the plan does not need is not in the store. */
static void write_value(struct probe *probe, const struct target *target) {
    struct cupel_error unused = {0};
    write_state(probe->trial.store, target->state->node->attr.state.name, target->state, target->values,
                &unused);
}

static bool write_targets(struct probe *probe) {
    bool done = trial_reset(&probe->trial);
    for (int i = 0; i < probe->n_targets && done; i++) write_value(probe, &probe->targets[i]);
    return done;
}

static double value_of_f(struct probe *probe, const struct target *target) {
    int64_t one;
    write_value(probe, target);
    cr_assert(trial_run(&probe->trial), "%s", probe->trial.error.message);
    double *f = trial_read(&probe->trial, 0, probe->f, &one), value = *f;
    free(f);
    return value;
}

/* Compares df/dtarget with central differences for up to MAX_ELEMENTS of its elements. The plan must compute
 * f. */
static void judge_target(struct probe *probe, struct target *target, const double *gradient,
                         const struct pick *pick, const char *what) {
    double analytic[MAX_ELEMENTS], numeric[MAX_ELEMENTS];
    int64_t stride = (target->count + MAX_ELEMENTS - 1) / MAX_ELEMENTS, checked = 0;
    for (int64_t e = 0; e < target->count; e += stride, checked++) {
        double kept = target->values[e], step = 1e-5;
        target->values[e] = kept + step;
        double up = value_of_f(probe, target);
        target->values[e] = kept - step;
        double down = value_of_f(probe, target);
        target->values[e] = kept;
        analytic[checked] = gradient[e];
        numeric[checked] = (up - down) / (2 * step);
    }
    write_value(probe, target);
    double error = relative_error(analytic, numeric, checked, 1e-3);
    cr_expect(error <= 1e-6,
              NAME_FORMAT "%s with respect to %s: relative error %.3g (analytic %.6g, numeric %.6g, ...)",
              NAME(pick), what, target->state->node->attr.state.name, error, analytic[0], numeric[0]);
}

static void judge_gradient(struct probe *probe, const struct pick *pick, const char *what) {
    struct trial *trial = &probe->trial;
    struct cupel_tensor *targets[MAX_TARGETS], *gradients[MAX_TARGETS];
    double *values[MAX_TARGETS];
    const struct cupel_plan_options debug = {.debug = true};
    for (int i = 0; i < probe->n_targets; i++) targets[i] = probe->targets[i].state;
    cupel_grad(probe->f, NULL, targets, probe->n_targets, gradients);
    trial->error = trial->graph->error;
    bool done =
        trial_compile(trial, gradients, probe->n_targets, &debug) && write_targets(probe) && trial_run(trial);
    cr_assert(done, NAME_FORMAT "%s: %s", NAME(pick), what, trial->error.message);
    for (int i = 0; i < probe->n_targets; i++) {
        int64_t count;
        values[i] = trial_read(trial, i, gradients[i], &count);
    }
    done = trial_compile(trial, &probe->f, 1, NULL) && write_targets(probe);
    cr_assert(done, NAME_FORMAT "%s: %s", NAME(pick), what, trial->error.message);
    for (int i = 0; i < probe->n_targets; i++) {
        judge_target(probe, &probe->targets[i], values[i], pick, what);
        free(values[i]);
    }
}

static void probe_start(struct probe *probe, const struct pick *pick) {
    *probe = (struct probe){0};
    trial_build(&probe->trial, picked(pick), "reference", CUPEL_F64);
    cr_assert_eq(probe->trial.error.status, CUPEL_OK, NAME_FORMAT "%s", NAME(pick),
                 probe->trial.error.message);
    add_weighted(probe, probe->trial.out, probe->trial.n_out, "up", 100);
    for (int i = 0; i < probe->trial.n_in; i++)
        if (is_real(probe->trial.in[i]))
            add_target(probe, probe->trial.in[i], &picked(pick)->in[i], (uint64_t)i);
}

static void probe_free(struct probe *probe) {
    for (int i = 0; i < probe->n_targets; i++) free(probe->targets[i].values);
    trial_free(&probe->trial);
}

JUDGE(gradient_against_differences, DIFFERENTIATED) {
    struct probe probe;
    probe_start(&probe, pick);
    judge_gradient(&probe, pick, "gradient");
    probe_free(&probe);
}

/* The gradient's own gradient: f becomes the weighted sum of df/dtarget. */
JUDGE(second_gradient_against_differences, DIFFERENTIATED_AGAIN) {
    struct probe probe;
    struct cupel_tensor *targets[MAX_TARGETS], *gradients[MAX_TARGETS];
    probe_start(&probe, pick);
    int count = probe.n_targets;
    for (int i = 0; i < count; i++) targets[i] = probe.targets[i].state;
    cupel_grad(probe.f, NULL, targets, count, gradients);
    cr_assert_eq(probe.trial.graph->error.status, CUPEL_OK, NAME_FORMAT "%s", NAME(pick),
                 probe.trial.graph->error.message);
    add_weighted(&probe, gradients, count, "vp", 200);
    judge_gradient(&probe, pick, "second gradient");
    probe_free(&probe);
}
