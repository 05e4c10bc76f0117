/* Every engine of the convolutions, on every case that it fits, on emu against reference. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "graph/op.h"
#include "judges.h"

static const char *const engines[] = {"implicit gemm, tensor cores, large tiles",
                                      "implicit gemm, tensor cores, small tiles",
                                      "implicit gemm, f32, large tiles",
                                      "implicit gemm, f32, small tiles",
                                      "columns",
                                      "edge",
                                      "direct"};

/* Whether the plan's printout names the engine: it is not used where it does not fit. */
static bool uses(const struct trial *trial, const char *engine) {
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    cr_assert_not_null(file);
    cupel_plan_print(trial->plan, file);
    fclose(file);
    const bool used = strstr(text, engine) != NULL;
    free(text);
    return used;
}

static bool judge_case(const struct pick *pick, const char *engine, const struct cupel_plan_options *options,
                       double tolerance) {
    struct trial trial, reference;
    trial_build(&trial, picked(pick), "emu", CUPEL_F32);
    trial_build(&reference, picked(pick), "reference", CUPEL_F32);
    trial.coarse = reference.coarse = options->everywhere;
    const bool compiled = trial_compile(&trial, trial.out, trial.n_out, options);
    cr_assert(compiled, NAME_FORMAT "%s: %s", NAME(pick), engine, trial.error.message);
    const bool used = uses(&trial, engine);
    if (used) {
        const struct cupel_plan_options plain = {0};
        const bool done = trial_run(&trial) &&
                          trial_compile(&reference, reference.out, reference.n_out, &plain) &&
                          trial_run(&reference);
        cr_assert(done, NAME_FORMAT "%s: %s", NAME(pick), engine, trial.error.message);
        compare(&trial, &reference, pick, tolerance, engine);
    }
    trial_free(&trial);
    trial_free(&reference);
    return used;
}

struct way {
    struct cupel_plan_options options;
    double tolerance; /* at least */
};

/* Columns are for images, edges for places. Tensor cores do not compute strict f32, and the f32 engines have no kernels for 16 bits. */
static bool should_fit(enum op_id op, const char *engine, enum cupel_precision precision) {
    const bool half = precision == CUPEL_PRECISION_BF16 || precision == CUPEL_PRECISION_F16;
    if (strcmp(engine, "columns") == 0) return op == OP_conv2d_image;
    if (strcmp(engine, "edge") == 0) return op == OP_conv2d;
    if (strstr(engine, "tensor cores")) return precision != CUPEL_PRECISION_F32;
    return !half || !strstr(engine, "f32");
}

/* Each engine must serve three cases or more in each way that is for it. */
static void judge_engines(enum op_id op, const struct way *way) {
    struct cupel_device *device = NULL;
    struct cupel_error error = {0};
    if (cupel_device_open("emu", 1, &device, &error) != CUPEL_OK) cr_skip_test("%s", error.message);
    cupel_device_close(device);
    for (size_t e = 0; e < sizeof engines / sizeof *engines; e++) {
        int used = 0;
        setenv("CUPEL_CONV_ENGINE", engines[e], 1);
        for (struct pick pick = {op, 0}; picked(&pick)->name; pick.index++)
            used += judge_case(&pick, engines[e], &way->options, fmax(tolerance_of(&pick), way->tolerance));
        const bool should = should_fit(op, engines[e], way->options.precision);
        cr_expect(should ? used >= 3 : used == 0, "%s with %s: %d cases", case_rows[op].op, engines[e], used);
    }
}

#define ENGINES(name, least, ...)                          \
    static const struct way name = {{__VA_ARGS__}, least}; \
    Test(conv_engines, name##_places) {                    \
        judge_engines(OP_conv2d, &name);                   \
    }                                                      \
    Test(conv_engines, name##_image) {                     \
        judge_engines(OP_conv2d_image, &name);             \
    }                                                      \
    Test(conv_engines, name##_weight) {                    \
        judge_engines(OP_conv2d_weight, &name);            \
    }
ENGINES(nhwc, 0, .debug = true, .layout = CUPEL_LAYOUT_NHWC)
ENGINES(nchw, 0, .debug = true, .layout = CUPEL_LAYOUT_NCHW)
ENGINES(chwn, 0, .debug = true, .layout = CUPEL_LAYOUT_CHWN)
ENGINES(tf32, 1e-3, .debug = true, .precision = CUPEL_PRECISION_TF32)
ENGINES(bf16, 1e-2, .debug = true, .precision = CUPEL_PRECISION_BF16, .everywhere = true)
ENGINES(f16, 1e-2, .debug = true, .precision = CUPEL_PRECISION_F16, .everywhere = true)
