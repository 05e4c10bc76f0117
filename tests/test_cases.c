/* The judges of the case table: (1) f32 against f64, (2) gradients against differences, (3) cpu against
 * reference. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "judge.h"

struct pick {
    int op, index;
};

enum { MAX_DIFFERENTIATED = 4096 };

/* Elements of all inputs. Cases made large to reach a kernel's threads and tiles have small ones beside them
 * that show the same gradient. */
static int64_t case_size(const struct op_case *one) {
    int64_t size = 0;
    for (int i = 0; i < case_inputs(one); i++) size += cupel_shape_count(&one->in[i].shape);
    return size;
}

static const struct op_case *picked(const struct pick *pick) {
    return &case_rows[pick->op].cases[pick->index];
}

/* Which cases a judge takes. */
enum choice { ALL, DIFFERENTIATED, DIFFERENTIATED_AGAIN };

static bool chosen(const struct pick *pick, enum choice choice) {
    const struct op_case *one = picked(pick);
    return choice == ALL || (!one->no_grad && case_size(one) <= MAX_DIFFERENTIATED &&
                             (choice == DIFFERENTIATED || !one->once));
}

/* The ops that have cases for a judge. One test takes all cases of an op: to start a process for each takes
 * longer than to judge most. The environment variable CUPEL_CASES names one op to try alone. */
static struct criterion_test_params list_ops(enum choice choice) {
    static int picks[OP_COUNT];
    size_t count = 0;
    const char *only = getenv("CUPEL_CASES");
    for (int op = 0; op < OP_COUNT; op++) {
        if (only && *only && strcmp(only, case_rows[op].op) != 0) continue;
        struct pick pick = {op, 0};
        while (picked(&pick)->name && !chosen(&pick, choice)) pick.index++;
        if (picked(&pick)->name) picks[count++] = op;
    }
    return cr_make_param_array(int, picks, count);
}

/* Judges the op's cases one after another. */
static void judge_op(int op, enum choice choice, void (*judge)(const struct pick *pick)) {
    for (struct pick pick = {op, 0}; picked(&pick)->name; pick.index++)
        if (chosen(&pick, choice)) judge(&pick);
}

#define JUDGE(name, choice)                            \
    static void name##_judge(const struct pick *pick); \
    ParameterizedTestParameters(cases, name) {         \
        return list_ops(choice);                       \
    }                                                  \
    ParameterizedTest(int *op, cases, name) {          \
        judge_op(*op, choice, name##_judge);           \
    }                                                  \
    static void name##_judge(const struct pick *pick)

#define NAME_FORMAT "%s/%s: "
#define NAME(pick) case_rows[(pick)->op].op, picked(pick)->name

/* Runs the case; fails the test when it cannot. The outputs are left in the plan. */
static void run_case(struct trial *trial, const struct pick *pick, const char *device, enum cupel_dtype real,
                     const struct cupel_plan_options *options) {
    trial_build(trial, picked(pick), device, real);
    bool done = trial_compile(trial, trial->out, trial->n_out, options) && trial_run(trial);
    cr_assert(done, NAME_FORMAT "%s: %s", NAME(pick), device, trial->error.message);
}

static void compare(struct trial *a, struct trial *b, const struct pick *pick, double tolerance,
                    const char *what) {
    cr_assert_eq(a->n_out, b->n_out);
    for (int i = 0; i < a->n_out; i++) {
        int64_t count;
        double *x = trial_read(a, i, a->out[i], &count), *y = trial_read(b, i, b->out[i], &count);
        double error = relative_error(x, y, count, 1e-30), worst = 0, largest = 1e-30;
        int64_t nans = 0;
        for (int64_t k = 0; k < count; k++) {
            nans += isnan(y[k]);
            worst = fmax(worst, fabs(x[k] - y[k]));
            largest = fmax(largest, fabs(y[k]));
        }
        cr_expect(error <= tolerance, NAME_FORMAT "output %d, %s: relative error %.3g over %.3g", NAME(pick),
                  i, what, error, tolerance);
        cr_expect_eq(nans, 0, NAME_FORMAT "output %d, %s: %lld NaNs: not written?", NAME(pick), i, what,
                     (long long)nans);
        cr_expect(worst <= 20 * tolerance * largest,
                  NAME_FORMAT "output %d, %s: off by %.3g where the largest is %.3g", NAME(pick), i, what,
                  worst, largest);
        free(x);
        free(y);
    }
}

static double tolerance_of(const struct pick *pick) {
    return picked(pick)->tolerance > 0 ? picked(pick)->tolerance : 1e-5;
}

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
    static const struct cupel_plan_options how[] = {{.debug = true, .layout = CUPEL_LAYOUT_NCHW},
                                                    {.debug = true, .layout = CUPEL_LAYOUT_NHWC},
                                                    {.debug = true, .layout = CUPEL_LAYOUT_CHWN},
                                                    {.layout = CUPEL_LAYOUT_BEST},
                                                    {.nofuse = true, .layout = CUPEL_LAYOUT_NCHW}};
    static const char *const layouts[] = {"cpu, best layout", "cpu, NCHW", "cpu, NHWC", "cpu, CHWN"};
    struct trial reference;
    run_case(&reference, pick, "reference", CUPEL_F32, &how[0]);
    for (int i = 0; i < 5; i++) {
        struct trial cpu;
        run_case(&cpu, pick, "cpu", CUPEL_F32, &how[i]);
        compare(&cpu, &reference, pick, tolerance_of(pick), layouts[how[i].layout]);
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
