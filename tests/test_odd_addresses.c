/* Inputs that are parts of states at odd elements: kernels that read vectors of 16 bytes must not read them there. The cases
 * of the case table with such inputs, on the emulator, which refuses accesses that a GPU would refuse. */
#include <math.h>

#include "judges.h"

enum { MOST = 4096 }; /* elements of an input: larger ones take their time and show no more */

static bool is_small(const struct op_case *one) {
    for (int i = 0; i < case_inputs(one); i++)
        if (cupel_shape_count(&one->in[i].shape) > MOST) return false;
    return true;
}

/* Some inputs at odd addresses; false where they cannot be, as states that the op changes. */
static bool judge_odd(const struct pick *pick, struct trial *reference, unsigned odd,
                      enum cupel_precision precision) {
    struct trial trial;
    trial_build_odd(&trial, picked(pick), "emu", odd);
    const bool built = trial.error.status == CUPEL_OK;
    if (built) {
        const struct cupel_plan_options options = {
            .layout = CUPEL_LAYOUT_NCHW, .precision = precision, .everywhere = true};
        trial.coarse = reference->coarse;
        cr_assert(trial_compile(&trial, trial.out, trial.n_out, &options) && trial_run(&trial),
                  NAME_FORMAT "odd inputs %x: %s", NAME(pick), odd, trial.error.message);
        const double half = picked(pick)->half > 0 ? picked(pick)->half : 1e-2;
        compare(&trial, reference, pick,
                precision == CUPEL_PRECISION_F32 ? tolerance_of(pick) : fmax(tolerance_of(pick), half),
                "odd addresses");
    }
    trial_free(&trial);
    return built;
}

/* All inputs at once or, where that cannot be, each alone. */
static void judge(const struct pick *pick, enum cupel_precision precision) {
    struct trial reference;
    if (!is_small(picked(pick))) return;
    trial_build(&reference, picked(pick), "reference", CUPEL_F32);
    reference.coarse = precision != CUPEL_PRECISION_F32;
    cr_assert(trial_compile(&reference, reference.out, reference.n_out, NULL) && trial_run(&reference),
              NAME_FORMAT "%s", NAME(pick), reference.error.message);
    if (!judge_odd(pick, &reference, ~0u, precision))
        for (int i = 0; i < reference.n_in; i++) judge_odd(pick, &reference, 1u << i, precision);
    trial_free(&reference);
}

static void judge_f32(const struct pick *pick) {
    judge(pick, CUPEL_PRECISION_F32);
}
static void judge_bf16(const struct pick *pick) {
    if (picked(pick)->half >= 0) judge(pick, CUPEL_PRECISION_BF16);
}

ParameterizedTestParameters(odd_addresses, f32) {
    return list_ops(ALL);
}
ParameterizedTest(int *op, odd_addresses, f32) {
    if (need_device("emu")) judge_op(*op, ALL, judge_f32);
}
ParameterizedTestParameters(odd_addresses, bf16) {
    return list_ops(ALL);
}
ParameterizedTest(int *op, odd_addresses, bf16) {
    if (need_device("emu")) judge_op(*op, ALL, judge_bf16);
}
