#include "judges.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ways.h"

enum { MAX_DIFFERENTIATED = 4096 };

/* Elements of all inputs. Cases made large to reach a kernel's threads and tiles have small ones beside them
 * that show the same gradient. */
static int64_t case_size(const struct op_case *one) {
    int64_t size = 0;
    for (int i = 0; i < case_inputs(one); i++) size += cupel_shape_count(&one->in[i].shape);
    return size;
}

const struct op_case *picked(const struct pick *pick) {
    return &case_rows[pick->op].cases[pick->index];
}

static bool chosen(const struct pick *pick, enum choice choice) {
    const struct op_case *one = picked(pick);
    return choice == ALL || (!one->no_grad && case_size(one) <= MAX_DIFFERENTIATED &&
                             (choice == DIFFERENTIATED || !one->once));
}

/* Whether a list "a,b,c" has the name; a list that is empty or missing has all. */
static bool listed(const char *list, const char *name) {
    if (!list || !*list) return true;
    const size_t length = strlen(name);
    for (const char *at = list; at; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, name, length) == 0 && (at[length] == ',' || at[length] == 0)) return true;
    }
    return false;
}

struct criterion_test_params list_ops(enum choice choice) {
    static int picks[OP_COUNT];
    size_t count = 0;
    const char *only = getenv("CUPEL_CASES");
    for (int op = 0; op < OP_COUNT; op++) {
        if (!listed(only, case_rows[op].op)) continue;
        struct pick pick = {op, 0};
        while (picked(&pick)->name && !chosen(&pick, choice)) pick.index++;
        if (picked(&pick)->name) picks[count++] = op;
    }
    return cr_make_param_array(int, picks, count);
}

/* Tells the emulator's trace which case runs: "op/name shape shape : arguments". */
static void label(const struct pick *pick) {
    if (!getenv("CUPEL_EMU_TRACE")) return;
    const struct op_case *one = picked(pick);
    char text[2048];
    size_t at = (size_t)snprintf(text, sizeof text, "%s/%s", case_rows[pick->op].op, one->name);
    for (int i = 0; i < case_inputs(one); i++) {
        const struct cupel_shape *shape = &one->in[i].shape;
        if (one->in[i].kind == CASE_RNG) continue;
        for (int d = 0; d < shape->rank; d++)
            at += (size_t)snprintf(text + at, sizeof text - at, "%s%lld", d ? "x" : " ",
                                   (long long)shape->dim[d]);
    }
    at += (size_t)snprintf(text + at, sizeof text - at, " :");
    int args = (int)(sizeof one->arg / sizeof *one->arg);
    while (args && !one->arg[args - 1]) args--;
    for (int i = 0; i < args && at < sizeof text; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, " %lld", (long long)one->arg[i]);
    setenv("CUPEL_EMU_LABEL", text, 1);
}

void judge_op(int op, enum choice choice, void (*judge)(const struct pick *pick)) {
    for (struct pick pick = {op, 0}; picked(&pick)->name; pick.index++)
        if (chosen(&pick, choice)) {
            label(&pick);
            judge(&pick);
        }
}

void run_case(struct trial *trial, const struct pick *pick, const char *device, enum cupel_dtype real,
              const struct cupel_plan_options *options) {
    trial_build(trial, picked(pick), device, real);
    bool done = trial_compile(trial, trial->out, trial->n_out, options) && trial_run(trial);
    cr_assert(done, NAME_FORMAT "%s: %s", NAME(pick), device, trial->error.message);
}

void compare(struct trial *a, struct trial *b, const struct pick *pick, double tolerance, const char *what) {
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

double tolerance_of(const struct pick *pick) {
    return way_tolerance(picked(pick), WAYS_F32);
}
