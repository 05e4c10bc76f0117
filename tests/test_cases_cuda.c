/* The judges of the case table for kernels: (4) emu against reference, and (5) cuda against reference where there is a
 * GPU. CUPEL_EMU_ORDER and CUPEL_EMU_CHECK choose how the emulator runs (docs/kernels.md). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "judges.h"

/* One way to compile a case for a device. */
struct way {
    const char *what;
    struct cupel_plan_options options;
    bool again;  /* its plan is run three times */
    bool images; /* it is like another one but for the layout of images */
};

static bool has_images(const struct trial *trial) {
    for (int n = 0; n < trial->graph->n_nodes; n++)
        if (trial->graph->nodes[n]->n_out && trial->graph->nodes[n]->out[0].shape.rank == 4) return true;
    return false;
}

/* The first run of a plan calls kernels one by one, the second records them and the third repeats what was recorded: all
 * give the same bits. */
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

static void judge_device(const struct pick *pick, const char *device, const struct way *ways, int count,
                         bool coarse, double tolerance) {
    struct trial reference;
    trial_build(&reference, picked(pick), "reference", CUPEL_F32);
    reference.coarse = coarse;
    const struct cupel_plan_options debug = {.debug = true};
    const bool done =
        trial_compile(&reference, reference.out, reference.n_out, &debug) && trial_run(&reference);
    cr_assert(done, NAME_FORMAT "reference: %s", NAME(pick), reference.error.message);
    for (int i = 0; i < count; i++)
        if (!ways[i].images || has_images(&reference))
            judge_way(pick, device, &ways[i], &reference, tolerance);
    trial_free(&reference);
}

static void judge_f32(const struct pick *pick, const char *device) {
    static const struct way ways[] = {
        {"NCHW", {.debug = true, .layout = CUPEL_LAYOUT_NCHW, .deterministic = true}},
        {"NHWC", {.debug = true, .layout = CUPEL_LAYOUT_NHWC}, .images = true},
        {"best layout", {.layout = CUPEL_LAYOUT_BEST, .deterministic = true}, .again = true},
        {"NCHW, not fused", {.nofuse = true, .layout = CUPEL_LAYOUT_NCHW}}};
    judge_device(pick, device, ways, 4, false, tolerance_of(pick));
}

static void judge_tf32(const struct pick *pick, const char *device) {
    static const struct way ways[] = {{"tf32", {.debug = true, .precision = CUPEL_PRECISION_TF32}}};
    judge_device(pick, device, ways, 1, false, fmax(tolerance_of(pick), 1e-3));
}

/* Every tensor that can be is stored in 16 bits. */
static void judge_half(const struct pick *pick, const char *device) {
    const enum cupel_precision bf16 = CUPEL_PRECISION_BF16, f16 = CUPEL_PRECISION_F16;
    const struct way ways[] = {
        {"bf16, NHWC", {.debug = true, .precision = bf16, .everywhere = true, .layout = CUPEL_LAYOUT_NHWC}},
        {"bf16, NCHW",
         {.debug = true, .precision = bf16, .everywhere = true, .layout = CUPEL_LAYOUT_NCHW},
         .images = true},
        {"f16", {.debug = true, .precision = f16, .everywhere = true}},
        {"bf16 where it is of use", {.precision = bf16, .deterministic = true}, .again = true}};
    const double half = picked(pick)->half;
    if (half >= 0)
        judge_device(pick, device, ways, 4, true, fmax(tolerance_of(pick), half > 0 ? half : 1e-2));
}

#define JUDGE_DEVICE(device, precision)                             \
    JUDGE(device##_##precision##_against_reference, ALL) {          \
        if (need_device(#device)) judge_##precision(pick, #device); \
    }
JUDGE_DEVICE(emu, f32)
JUDGE_DEVICE(emu, tf32)
JUDGE_DEVICE(emu, half)
JUDGE_DEVICE(cuda, f32)
JUDGE_DEVICE(cuda, tf32)
JUDGE_DEVICE(cuda, half)
