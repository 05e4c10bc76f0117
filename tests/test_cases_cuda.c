/* The judges of the case table that compile a case in several precisions: cpu in bf16 against reference where the processor
 * has it, (4) emu against reference, and (5) cuda against reference where there is a GPU. CUPEL_EMU_ORDER and CUPEL_EMU_CHECK choose how the emulator runs (docs/kernels.md). */
#include <stdlib.h>
#include <string.h>

#include "judges.h"
#include "ways.h"

static void judge_runs(struct trial *trial, const struct pick *pick, const char *what) {
    double *values[CASE_MAX_OUT];
    int64_t count;
    for (int i = 0; i < trial->n_out; i++) values[i] = trial_read(trial, i, trial->out[i], &count);
    for (int run = 2; run <= 3; run++) {
        cr_assert(trial_reset(trial) && trial_run(trial), NAME_FORMAT "%s, run %d: %s", NAME(pick), what, run,
                  trial->error.message);
        for (int i = 0; i < trial->n_out; i++) {
            double *again = trial_read(trial, i, trial->out[i], &count);
            cr_expect_eq(memcmp(values[i], again, (size_t)count * sizeof *again), 0,
                         NAME_FORMAT "output %d, %s: run %d differs from the first", NAME(pick), i, what,
                         run);
            free(again);
        }
    }
    for (int i = 0; i < trial->n_out; i++) free(values[i]);
}

static void judge_way(const struct pick *pick, const char *device, const struct way *way,
                      struct trial *reference, double tolerance) {
    struct trial trial;
    trial_build(&trial, picked(pick), device, CUPEL_F32);
    trial.coarse = reference->coarse;
    const bool done = trial_compile(&trial, trial.out, trial.n_out, &way->options) && trial_run(&trial);
    cr_assert(done, NAME_FORMAT "%s, %s: %s", NAME(pick), device, way->what, trial.error.message);
    compare(&trial, reference, pick, tolerance, way->what);
    if (way->again) judge_runs(&trial, pick, way->what);
    trial_free(&trial);
}

static void judge_group(const struct pick *pick, const char *device, enum way_group group) {
    struct trial reference;
    int count;
    const struct way *ways = ways_of(device, group, &count);
    const double tolerance = way_tolerance(picked(pick), group);
    if (tolerance < 0) return;
    trial_build(&reference, picked(pick), "reference", CUPEL_F32);
    reference.coarse = way_is_coarse(group);
    const struct cupel_plan_options debug = {.debug = true};
    const bool done =
        trial_compile(&reference, reference.out, reference.n_out, &debug) && trial_run(&reference);
    cr_assert(done, NAME_FORMAT "reference: %s", NAME(pick), reference.error.message);
    for (int i = 0; i < count; i++)
        if (way_differs(&ways[i], reference.graph)) judge_way(pick, device, &ways[i], &reference, tolerance);
    trial_free(&reference);
}

#define JUDGE_DEVICE(device, precision, group)                              \
    JUDGE(device##_##precision##_against_reference, ALL) {                  \
        if (need_device(#device)) judge_group(pick, #device, WAYS_##group); \
    }
JUDGE(cpu_half_against_reference, ALL) {
    if (need_precision("cpu", CUPEL_PRECISION_BF16)) judge_group(pick, "cpu", WAYS_HALF);
}
JUDGE_DEVICE(emu, f32, F32)
JUDGE_DEVICE(emu, tf32, TF32)
JUDGE_DEVICE(emu, half, HALF)
JUDGE_DEVICE(cuda, f32, F32)
JUDGE_DEVICE(cuda, tf32, TF32)
JUDGE_DEVICE(cuda, half, HALF)
