/* What kernels must do to the bit, and what they say of bad numbers: on emu, and on cuda where there is a GPU. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "judge.h"

/* One op on a device, its inputs given by cases' kinds; the test is skipped where the device is not. */
static void start(struct trial *trial, const struct op_case *one, const char *device) {
    trial_build(trial, one, device, CUPEL_F32);
    if (!trial->device) cr_skip_test("%s", trial->error.message);
    cr_assert(trial_compile(trial, trial->out, trial->n_out, NULL), "%s: %s", device, trial->error.message);
}

/* ---- random numbers ---- */

static void build_draws(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    (void)one;
    out[0] = cupel_uniform(in[0], &CUPEL_SHAPE(4099), -3, 0.7);
    out[1] = cupel_normal(in[0], &CUPEL_SHAPE(4099), 0.1, 1.3);
}

static void compare_draws(const char *device) {
    static const struct op_case draws = {"draws", build_draws, {{.kind = CASE_RNG}}};
    struct trial ours, reference;
    start(&ours, &draws, device);
    start(&reference, &draws, "reference");
    cr_assert(trial_run(&ours) && trial_run(&reference));
    for (int i = 0; i < 2; i++) {
        int64_t count;
        double *a = trial_read(&ours, i, ours.out[i], &count),
               *b = trial_read(&reference, i, reference.out[i], &count);
        cr_expect_eq(memcmp(a, b, (size_t)count * sizeof *a), 0, "%s: draws of output %d differ", device, i);
        free(a);
        free(b);
    }
    trial_free(&ours);
    trial_free(&reference);
}

Test(cuda_data, draws_are_the_reference_s_bits_on_emu) {
    compare_draws("emu");
}

Test(cuda_data, draws_are_the_reference_s_bits_on_cuda) {
    compare_draws("cuda");
}

/* ---- faults ---- */

static void build_loss(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    (void)one;
    out[0] = cupel_cross_entropy(in[0], in[1], 0, -100);
}
static void build_gradient(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    (void)one;
    cupel_grad(cupel_cross_entropy(in[0], in[1], 0, -100), NULL, in, 1, out);
}
static void build_weight(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    out[0] = NODE_ADD(label_weight, ATTR(number, .n = -100), in[1]);
    (void)one;
}
static void build_gather(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    (void)one;
    out[0] = cupel_gather(in[0], in[1], in[2], 7);
}

/* One node on these devices. */
static void build_batch(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    (void)one;
    static const float numbers[] = {0.25f, 0.5f, 0.75f};
    struct cupel_tensor *channels = cupel_constant(in[0]->node->graph, CUPEL_F32, &CUPEL_SHAPE(3), numbers);
    out[0] = cupel_convert(cupel_gather(in[0], in[1], in[2], 7), channels, channels);
}

static void build_pick(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    (void)one;
    out[0] = NODE_ADD(maxpool_pick, ATTR(pool, .pool = {.kernel = {2, 2}}), in[0], in[1]);
}

static void build_embedding(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    (void)one;
    out[0] = cupel_embedding(in[0], in[1]);
}
static void build_embedding_grad(const struct op_case *one, struct cupel_tensor **in,
                                 struct cupel_tensor **out) {
    (void)one;
    cupel_grad(cupel_embedding(in[0], in[1]), NULL, in, 1, out);
}

/* Input 1 has one number that is bad. The run, or reading its result, fails and says so; with good numbers the next goes
 * well. */
static const struct fault {
    struct op_case one;
    int32_t bad;
    const char *says;
} faults[] = {
    {{"large", build_loss, {{{2, {7, 5}}}, {{1, {7}}, CASE_LABELS, 5}}}, 5, "label 5 is outside 0 to 4"},
    {{"negative", build_loss, {{{2, {7, 5}}}, {{1, {7}}, CASE_LABELS, 5}}}, -1, "label -1 is outside 0 to 4"},
    {{"far", build_loss, {{{2, {7, 5}}}, {{1, {7}}, CASE_LABELS, 5}}},
     INT32_MAX,
     "label 2147483647 is outside"},
    {{"gradient", build_gradient, {{{2, {7, 5}}}, {{1, {7}}, CASE_LABELS, 5}}},
     5,
     "label 5 is outside 0 to 4"},
    {{"weight", build_weight, {{{2, {7, 5}}}, {{1, {7}}, CASE_LABELS, 5}}}, -1, "label -1 is outside 0 to"},
    {{"embedding", build_embedding, {{{2, {5, 3}}}, {{1, {7}}, CASE_LABELS, 5}}},
     5,
     "label 5 is outside 0 to 4"},
    {{"embedding of vectors", build_embedding, {{{2, {5, 8}}}, {{1, {7}}, CASE_LABELS, 5}}},
     -1,
     "label -1 is outside 0 to 4"},
    {{"embedding's gradient", build_embedding_grad, {{{2, {5, 3}}}, {{1, {7}}, CASE_LABELS, 5}}},
     5,
     "label 5 is outside 0 to 4"},
    {{"embedding's gradient, below", build_embedding_grad, {{{2, {5, 3}}}, {{1, {7}}, CASE_LABELS, 5}}},
     -1,
     "label -1 is outside 0 to 4"},
    {{"row", build_gather, {{{2, {9, 3}}}, {{1, {7}}, CASE_LABELS, 9}, {{1, {1}}, CASE_I64, 1}}},
     9,
     "index 9 is outside 0 to 8"},
    {{"no row", build_gather, {{{2, {9, 300}}}, {{1, {7}}, CASE_LABELS, 9}, {{1, {1}}, CASE_I64, 1}}},
     -1,
     "index -1 is outside 0 to 8"},
    {{"image",
      build_batch,
      {{{4, {9, 3, 5, 7}}, CASE_U8}, {{1, {7}}, CASE_LABELS, 9}, {{1, {1}}, CASE_I64, 1}}},
     9,
     "index 9 is outside 0 to 8"},
    {{"no image",
      build_batch,
      {{{4, {9, 3, 5, 7}}, CASE_U8}, {{1, {7}}, CASE_LABELS, 9}, {{1, {1}}, CASE_I64, 1}}},
     -1,
     "index -1 is outside 0 to 8"},
    {{"pick", build_pick, {{{4, {2, 3, 4, 5}}}, {{4, {2, 3, 2, 2}}, CASE_LABELS, 20}}},
     20,
     "index 20 is outside 0 to 19"},
    {{"no pick", build_pick, {{{4, {2, 8, 4, 5}}}, {{4, {2, 8, 2, 2}}, CASE_LABELS, 20}}},
     -1,
     "index -1 is outside 0 to 19"},
};

static enum cupel_status run_and_read(struct trial *trial) {
    char result[1 << 14];
    const size_t bytes = (size_t)tensor_count(trial->out[0]) * sizeof(float);
    trial->error = (struct cupel_error){0};
    CUPEL_TRY(cupel_run(trial->plan, &trial->error));
    return cupel_plan_read(trial->plan, 0, result, bytes, &trial->error);
}

static void judge_fault(const struct fault *fault, const char *device) {
    struct trial trial;
    start(&trial, &fault->one, device);
    struct cupel_tensor *in = trial.in[1];
    const int64_t count = tensor_count(in);
    double *values = case_values(&fault->one.in[1], &in->shape, 1);
    const double good = values[count - 1]; /* behind the last row of the data there is nothing to be read */
    values[count - 1] = fault->bad;
    for (int run = 0; run < 3; run++) {
        cr_assert(write_state(trial.store, in->node->attr.state.name, in, values, &trial.error));
        cr_expect_eq(run_and_read(&trial), CUPEL_INVALID, "%s: a bad number passed", fault->one.name);
        cr_expect(strstr(trial.error.message, fault->says), "%s: %s", fault->one.name, trial.error.message);
    }
    values[count - 1] = good;
    cr_assert(write_state(trial.store, in->node->attr.state.name, in, values, &trial.error));
    cr_expect_eq(run_and_read(&trial), CUPEL_OK, "%s: %s", fault->one.name, trial.error.message);
    free(values);
    trial_free(&trial);
}

Test(cuda_data, bad_numbers_are_reported_on_emu) {
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) judge_fault(&faults[i], "emu");
}

Test(cuda_data, bad_numbers_are_reported_on_cuda) {
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) judge_fault(&faults[i], "cuda");
}
