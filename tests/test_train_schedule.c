/* Learning rates and the decisions after an evaluation, against PyTorch (golden/make_schedule.py). */
#include <criterion/criterion.h>
#include <math.h>

#include "cupel/weights.h"
#include "train/schedule.h"

enum { STEPS = 60, EPOCH_STEPS = 6, WARMUP = 10 };
static const double RATE = 0.05;

static const double *golden(struct cupel_weights *file, const char *name, int count) {
    struct cupel_error error = {0};
    const char *path = CUPEL_SOURCE_DIR "/tests/golden/schedule.safetensors";
    if (!file->count) cr_assert_eq(cupel_weights_load(path, file, &error), CUPEL_OK, "%s", error.message);
    const struct cupel_weight *weight = cupel_weights_find(file, name);
    cr_assert_not_null(weight, "%s", name);
    cr_assert_eq(weight->bytes, (size_t)count * sizeof(double), "%s", name);
    return weight->data;
}

static void near(double found, double expected, const char *name, int step) {
    cr_expect_leq(fabs(found - expected), 1e-12 * fabs(expected) + 1e-15, "%s, step %d: %.15g, not %.15g",
                  name, step, found, expected);
}

static void compare(const char *name, const struct cupel_schedule_settings *settings, int64_t warmup) {
    struct cupel_weights file = {0};
    const double *expected = golden(&file, name, STEPS);
    const struct schedule schedule = {settings, RATE, warmup, EPOCH_STEPS, STEPS};
    for (int i = 0; i < STEPS; i++) near(schedule_rate(&schedule, 1, i), expected[i], name, i);
    cupel_weights_free(&file);
}

Test(train_schedule, rates_are_those_of_pytorch) {
    compare("step", &(struct cupel_schedule_settings){CUPEL_SCHEDULE_STEP, .every = 3, .gamma = 0.5}, 0);
    compare("cosine", &(struct cupel_schedule_settings){CUPEL_SCHEDULE_COSINE, .min_lr = 0.002}, 0);
    compare("warmup", &(struct cupel_schedule_settings){CUPEL_SCHEDULE_CONSTANT}, WARMUP);
    struct cupel_schedule_settings one_cycle = {CUPEL_SCHEDULE_ONE_CYCLE, .max_lr = 0.4, .rise = 0.3,
                                                .div_factor = 25, .final_div_factor = 1e4};
    compare("one_cycle", &one_cycle, 0);
    one_cycle.rise = 0.15;
    one_cycle.div_factor = 10;
    one_cycle.final_div_factor = 100;
    compare("one_cycle_early", &one_cycle, 0);
}

Test(train_schedule, a_cosine_begins_after_the_warm_up) {
    const struct cupel_schedule_settings settings = {CUPEL_SCHEDULE_COSINE};
    const struct schedule schedule = {&settings, RATE, WARMUP, EPOCH_STEPS, STEPS};
    near(schedule_rate(&schedule, 1, 0), RATE / WARMUP, "first", 0);
    near(schedule_rate(&schedule, 1, WARMUP), RATE, "top", WARMUP);
    near(schedule_rate(&schedule, 1, WARMUP + (STEPS - WARMUP) / 2), RATE / 2, "middle", 35);
}

Test(train_schedule, one_cycle_over_very_few_steps_stays_a_number) {
    const struct cupel_schedule_settings settings = {CUPEL_SCHEDULE_ONE_CYCLE, .max_lr = 0.4, .rise = 0.3,
                                                     .div_factor = 25, .final_div_factor = 1e4};
    for (int total = 1; total < 8; total++)
        for (int i = 0; i < total; i++) {
            const struct schedule schedule = {&settings, RATE, 0, 1, total};
            double rate = schedule_rate(&schedule, 1, i);
            cr_expect(rate > 0 && rate <= 0.4, "step %d of %d: %g", i, total, rate);
        }
}

Test(train_schedule, plateau_is_that_of_pytorch) {
    enum { EVALUATIONS = 75 };
    struct cupel_weights file = {0};
    const double *losses = golden(&file, "losses", EVALUATIONS);
    const double *expected = golden(&file, "plateau", EVALUATIONS);
    const struct cupel_schedule_settings settings = {CUPEL_SCHEDULE_PLATEAU, .factor = 0.3, .patience = 2};
    const struct schedule schedule = {&settings, RATE, 0, EPOCH_STEPS, STEPS};
    struct verdict verdict = verdict_start();
    for (int i = 0; i < EVALUATIONS; i++) {
        verdict_add(&verdict, &schedule, losses[i], 0);
        near(schedule_rate(&schedule, verdict.scale, 0), expected[i], "plateau", i);
    }
    cupel_weights_free(&file);
}

Test(train_schedule, the_best_accuracy_and_the_evaluations_without_a_better_loss) {
    const struct cupel_schedule_settings settings = {CUPEL_SCHEDULE_CONSTANT};
    const struct schedule schedule = {&settings, RATE, 0, EPOCH_STEPS, STEPS};
    struct verdict verdict = verdict_start();
    const struct {
        double loss, accuracy;
        bool best;
        double worse;
    } rows[] = {
        {2, 0, true, 0}, {1, 0.5, true, 0}, {1, 0.5, false, 1}, {1.5, 0.6, true, 2}, {0.9, 0.4, false, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cr_expect_eq(verdict_add(&verdict, &schedule, rows[i].loss, rows[i].accuracy), rows[i].best,
                     "row %zu", i);
        cr_expect_eq(verdict.worse, rows[i].worse, "row %zu", i);
    }
    cr_expect_eq(verdict.scale, 1);
}
