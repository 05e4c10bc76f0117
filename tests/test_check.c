/* Checking: bugs planted in a device's kernels are found, and the node that has them is named. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check/check.h"
#include "device.h"
#include "plan/plan.h"
#include "training.h"

/* ---- a device with a wrong kernel ---- */

static struct backend planted;
static enum op_id planted_op;
static kernel_fn right_kernel, wrong_kernel;
static size_t planted_workspace;

static enum cupel_status prepare(struct cupel_device *device, struct call *call, struct cupel_error *error) {
    const enum cupel_status status = backend_reference.prepare(device, call, error);
    if (status || call->node->op != planted_op) return status;
    right_kernel = call->kernel;
    call->kernel = wrong_kernel;
    call->workspace_bytes = planted_workspace;
    return CUPEL_OK;
}

static void plant(struct cupel_device *device) {
    planted = backend_reference;
    planted.prepare = prepare;
    device->backend = &planted;
}

static float *out(struct call *call, int i) {
    return call->out[i].data;
}

static void wrong_index(struct call *call) {
    right_kernel(call);
    out(call, 0)[5] = out(call, 0)[4];
}

/* The variance of a batch as it is, not as an estimate of the population's. */
static void wrong_variance(struct call *call) {
    const struct view *x = &call->in[2];
    const double momentum = call->node->attr.norm.momentum;
    const double size = (double)view_count(x) / (double)x->shape.dim[1];
    float before[64];
    const int64_t channels = x->shape.dim[1];
    memcpy(before, call->in[1].data, (size_t)channels * sizeof *before);
    right_kernel(call);
    float *after = out(call, call->n_out - 1);
    for (int64_t c = 0; c < channels; c++) {
        const double kept = (1 - momentum) * before[c];
        after[c] = (float)(kept + (after[c] - kept) * (size - 1) / size);
    }
}

static void wrong_sign(struct call *call) {
    right_kernel(call);
    for (int64_t i = 0; i < view_count(&call->out[0]); i++) out(call, 0)[i] *= -1;
}

/* Takes it for granted that the workspace is zero. */
static void stale_workspace(struct call *call) {
    right_kernel(call);
    out(call, 0)[0] += *(float *)call->workspace;
    *(float *)call->workspace = 1;
}

/* The same, where NaN is skipped. */
static void stale_largest(struct call *call) {
    right_kernel(call);
    out(call, 0)[0] = fmaxf(out(call, 0)[0], *(float *)call->workspace);
}

static void unwritten(struct call *call) {
    const int64_t last = view_count(&call->out[0]) - 1;
    const float before = out(call, 0)[last];
    right_kernel(call);
    out(call, 0)[last] = before;
}

static void beyond_the_end(struct call *call) {
    right_kernel(call);
    out(call, 0)[view_count(&call->out[0])] = 1;
}

/* Every other run is off by a unit in the last place. */
static void restless(struct call *call) {
    static int run;
    right_kernel(call);
    if (++run % 2) out(call, 0)[0] = nextafterf(out(call, 0)[0], INFINITY);
}

static void fails(struct call *call) {
    cupel_fail(&call->error, CUPEL_FAILED, "a race");
}

/* ---- what a check of the small model says ---- */

static struct cupel_check check_planted(const struct cupel_check_options *options) {
    struct cupel_model *model = tiny_model("epochs: 1, optimizer: {adam: {lr: 0.01}}", "");
    struct cupel_check check;
    struct cupel_error error = {0};
    struct cupel_check_options own = options ? *options : (struct cupel_check_options){.steps = 1};
    own.run.device = "reference";
    const enum cupel_status status = check_model(model, &own, plant, &check, &error);
    cr_assert_eq(status, CUPEL_OK, "%s", error.message);
    cupel_model_free(model);
    return check;
}

/* The only bad node is one of this op, in this layer; the note has the text in it. */
static void expect_found(enum op_id op, kernel_fn kernel, const char *layer, const char *text) {
    planted_op = op;
    wrong_kernel = kernel;
    struct cupel_check check = check_planted(NULL);
    int bad = 0;
    cr_expect(cupel_check_has_failed(&check));
    for (int i = 0; i < check.count; i++) {
        const struct cupel_check_item *item = &check.items[i];
        if (item->verdict == CUPEL_CHECK_PASSED) continue;
        bad++;
        cr_expect_eq(item->verdict, CUPEL_CHECK_FAILED);
        cr_expect_str_eq(item->op, ops[op].name);
        cr_expect_str_eq(item->layer, layer);
        cr_expect(strstr(item->note, text), "the note is '%s'", item->note);
        cr_expect(strstr(item->place, "tiny.yaml:"), "the place is '%s'", item->place);
    }
    cr_expect_eq(bad, 1, "%d bad nodes", bad);
    cupel_check_free(&check);
}

Test(check, wrong_index) {
    expect_found(OP_conv2d, wrong_index, "net.conv1", "");
}

Test(check, wrong_running_variance) {
    expect_found(OP_batchnorm, wrong_variance, "net.batchnorm1", "");
}

Test(check, wrong_sign_of_a_gradient) {
    expect_found(OP_batchnorm_grad, wrong_sign, "net.batchnorm1", "");
}

Test(check, stale_workspace) {
    planted_workspace = 64;
    expect_found(OP_maxpool, stale_workspace, "net.maxpool1", "");
}

Test(check, stale_workspace_where_nan_is_skipped) {
    planted_workspace = 64;
    expect_found(OP_maxpool, stale_largest, "net.maxpool1", "run 2 with the same inputs");
}

Test(check, unwritten_element) {
    expect_found(OP_maxpool_grad, unwritten, "net.maxpool1", "");
}

Test(check, write_beyond_the_end) {
    expect_found(OP_conv2d, beyond_the_end, "net.conv1", "wrote past the end of output 0");
}

/* Steps cannot be taken then, but what was found stays. */
Test(check, kernel_that_fails) {
    planted_op = OP_conv2d;
    wrong_kernel = fails;
    struct cupel_check check = check_planted(NULL);
    cr_assert_eq(check.failed, 1);
    for (int i = 0; i < check.count; i++)
        if (check.items[i].verdict == CUPEL_CHECK_FAILED) {
            cr_expect_str_eq(check.items[i].op, "conv2d");
            cr_expect(strstr(check.items[i].note, "a race"), "%s", check.items[i].note);
        }
    cr_expect(strstr(check.steps_note, "could not go on after that: conv2d (net.conv1): a race"), "%s",
              check.steps_note);
    cupel_check_free(&check);
}

Test(check, nothing_wrong) {
    planted_op = OP_COUNT;
    struct cupel_check check = check_planted(NULL);
    cr_expect_not(cupel_check_has_failed(&check));
    cr_expect_eq(check.ill, 0);
    cr_expect_gt(check.count, 15);
    for (int i = 0; i < check.count; i++) cr_expect_eq(check.items[i].error, 0);
    cr_expect_eq(check.first_beyond, 0);
    cr_assert_gt(check.point_count, 3);
    cr_expect_str_eq(check.points[0].name, "loss");
    cr_expect(check.points[0].expected > 1 && check.points[0].expected < 2);
    cupel_check_free(&check);
}

Test(check, same_bits_when_asked_for) {
    planted_op = OP_conv2d;
    wrong_kernel = restless;
    struct cupel_check check = check_planted(NULL);
    cr_expect_not(cupel_check_has_failed(&check), "a unit in the last place is no failure by itself");
    cupel_check_free(&check);
    check = check_planted(&(struct cupel_check_options){.steps = 1, .repeat = 2});
    cr_expect_eq(check.failed, 1);
    cupel_check_free(&check);
    check = check_planted(&(struct cupel_check_options){.steps = 1, .run = {.deterministic = true}});
    cr_expect_eq(check.failed, 1);
    cupel_check_free(&check);
}

Test(check, steps_that_go_wrong) {
    planted_op = OP_adam;
    wrong_kernel = wrong_sign;
    struct cupel_check check = check_planted(&(struct cupel_check_options){.steps = 3, .filter = "conv2d$"});
    cr_expect_eq(check.failed, 0);
    cr_expect_gt(check.skipped, 10);
    cr_expect_eq(check.first_beyond, 1);
    cr_expect_str_empty(check.steps_note, "%s", check.steps_note);
    cupel_check_free(&check);
    planted_op = OP_cross_entropy;
    check = check_planted(&(struct cupel_check_options){.steps = 1, .filter = "conv2d$"});
    cr_expect(strstr(check.steps_note, "the first step's loss is off by 2"), "%s", check.steps_note);
    cupel_check_free(&check);
}

Test(check, refuses_impossible_options) {
    static const struct {
        struct cupel_check_options options;
        const char *message;
    } cases[] = {{{.steps = -1}, "steps"},
                 {{.repeat = 1}, "cannot be compared"},
                 {{.tolerance = -1}, "tolerance"},
                 {{.tolerance = NAN}, "tolerance"},
                 {{.filter = "["}, "no regular expression"},
                 {{.filter = "nothing"}, "matches none of"},
                 {{.against = "abacus"}, "abacus"},
                 {{.run = {.data = "/nowhere"}}, "/nowhere"},
                 {{.batch = "/nowhere.safetensors"}, "/nowhere.safetensors"}};
    struct cupel_model *model = tiny_model("epochs: 1, optimizer: {sgd: {lr: 0.1}}", "");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cupel_check check;
        struct cupel_error error = {0};
        struct cupel_check_options options = cases[i].options;
        options.run.device = "reference";
        cr_expect_eq(cupel_check_model(model, &options, &check, &error), CUPEL_INVALID);
        cr_expect(strstr(error.message, cases[i].message), "%s", error.message);
    }
    cupel_model_free(model);
}

/* Nodes whose plan has them in 16 bits are checked in 16 bits: results are off by the rounding that they are stored with. */
Test(check, sixteen_bits) {
    struct cupel_model *model = wide_model("epochs: 1, optimizer: {sgd: {lr: 0.1}}");
    struct cupel_check check;
    struct cupel_error error = {0};
    const struct cupel_check_options options = {
        .run = {.device = "emu", .precision = "bf16"}, .steps = 1, .filter = "^(cast|linear)$"};
    if (!need_device("emu")) return;
    cr_assert_eq(cupel_check_model(model, &options, &check, &error), CUPEL_OK, "%s", error.message);
    cr_expect_eq(check.failed, 0);
    int halves = 0;
    for (int i = 0; i < check.count; i++) {
        const struct cupel_check_item *item = &check.items[i];
        if (item->dtype != CUPEL_BF16) continue;
        halves++;
        cr_expect(item->error > 1e-4 && item->error < 1e-2, "%s: %g", item->op, item->error);
        cr_expect_float_eq(item->tolerance, 1e-2, 1e-12);
        cr_expect_str_neq(item->engine, "-");
    }
    cr_expect_geq(halves, 2, "%d nodes in 16 bits", halves);
    cupel_check_free(&check);
    cupel_model_free(model);
}

/* ---- numbers that cancel ---- */

enum { ADDENDS = 4096 };
static float added;

static void off_by(struct call *call) {
    right_kernel(call);
    out(call, 0)[0] += added;
}

static struct cupel_check_item sum_of_pairs(float off, const char *device) {
    static float numbers[ADDENDS];
    static const int input[] = {0};
    const struct operand operand = {CUPEL_F32, CUPEL_F32, CUPEL_SHAPE(ADDENDS), numbers, LAYOUT_ROWS};
    const struct single single = {.op = OP_sum,
                                  .attr = {.shape = {.axes = 1, .factor = 1}},
                                  .n_in = 1,
                                  .input = input,
                                  .n_operands = 1,
                                  .operands = &operand};
    const enum cupel_dtype stored = CUPEL_F32;
    struct cupel_check_item item = {.op = "sum"};
    struct evidence evidence;
    struct cupel_error error = {0};
    struct judge judge = {0};
    for (int i = 0; i < ADDENDS; i += 2) {
        numbers[i] = (float)(i % 97) / 97 + 0.5f;
        numbers[i + 1] = -numbers[i];
    }
    numbers[ADDENDS - 1] += 1e-7f;
    planted_op = OP_sum;
    wrong_kernel = off_by;
    added = off;
    cr_assert_eq(cupel_device_open("reference", 1, &judge.device, &error), CUPEL_OK);
    cr_assert_eq(cupel_device_open(device, 1, &judge.against, &error), CUPEL_OK);
    plant(judge.device);
    cr_assert_eq(judge_node(&judge, &single, &stored, true, &item, &evidence, &error), CUPEL_OK, "%s",
                 error.message);
    evidence_free(&evidence);
    cupel_device_close(judge.device);
    cupel_device_close(judge.against);
    return item;
}

Test(check, ill_conditioned) {
    struct cupel_check_item item = sum_of_pairs(2e-6f, "reference");
    cr_expect_eq(item.verdict, CUPEL_CHECK_ILL);
    cr_expect_gt(item.error, 1, "relative error %g", item.error);
    cr_expect(strstr(item.note, "half a unit in the last place"), "%s", item.note);
    item = sum_of_pairs(0.5f, "reference"); /* one addend that is missing */
    cr_expect_eq(item.verdict, CUPEL_CHECK_FAILED);
}

/* ---- numbers ---- */

Test(check, measures) {
    const float expected[] = {3, -4, 0}, got[] = {3, -4.5f, 0};
    struct measure m = measure_arrays(got, expected, CUPEL_F32, CUPEL_F32, 3);
    cr_expect_float_eq(m.error, 0.1, 1e-12);
    cr_expect_float_eq(m.worst, 0.5, 1e-12);
    cr_expect_eq(m.at, 1);
    cr_expect_float_eq(m.ulp, 0.5 * (1 << 21), 1e-3);
    cr_expect_not(measure_passes(&m, CUPEL_F32, 0.09));
    cr_expect(measure_passes(&m, CUPEL_F32, 0.11));
    m = measure_arrays(got, expected, CUPEL_F32, CUPEL_BF16, 3);
    cr_expect_float_eq(m.ulp, 0.5 * 32, 1e-12);
    const float none[] = {3, NAN, 0};
    m = measure_arrays(none, expected, CUPEL_F32, CUPEL_F32, 3);
    cr_expect(isinf(m.error));
    cr_expect_eq(m.at, 1);
    m = measure_arrays(none, none, CUPEL_F32, CUPEL_F32, 3);
    cr_expect_eq(m.error, 0);
    cr_expect_eq(m.missing, 1);
}

/* One element among many that is far off hides in the norm, not from the worst element. */
Test(check, one_element_of_many) {
    static float expected[1 << 16], got[1 << 16];
    for (int i = 0; i < 1 << 16; i++) expected[i] = got[i] = 1;
    got[77] += 0.002f;
    const struct measure m = measure_arrays(got, expected, CUPEL_F32, CUPEL_F32, 1 << 16);
    cr_expect_lt(m.error, 1e-5);
    cr_expect_not(measure_passes(&m, CUPEL_F32, 1e-5));
}

Test(check, integers_are_equal_or_not) {
    const int64_t expected[] = {INT64_C(1) << 60, 7}, got[] = {(INT64_C(1) << 60) + 1, 7};
    struct measure m = measure_arrays(got, expected, CUPEL_I64, CUPEL_I64, 2);
    cr_expect_not(measure_passes(&m, CUPEL_I64, 1));
    m = measure_arrays(expected, expected, CUPEL_I64, CUPEL_I64, 2);
    cr_expect(measure_passes(&m, CUPEL_I64, 1e-9));
}

Test(check, rounds_to_16_bits) {
    cr_expect_eq(round_to(1 + 0x1p-8f, CUPEL_BF16), 1, "ties go to even");
    cr_expect_eq(round_to(1 + 0x1.8p-7f, CUPEL_BF16), 1 + 0x1p-6f);
    cr_expect_eq(round_to(1 + 0x1p-10f, CUPEL_F16), 1 + 0x1p-10f);
    cr_expect_eq(round_to(0x1p-25f, CUPEL_F16), 0);
    cr_expect_eq(round_to(0x1.8p-24f, CUPEL_F16), 0x1p-23f);
    cr_expect(isinf(round_to(65520, CUPEL_F16)));
    cr_expect_eq(round_to(65519, CUPEL_F16), 65504);
    cr_expect_eq(round_to(0.1f, CUPEL_F32), 0.1f);
}
