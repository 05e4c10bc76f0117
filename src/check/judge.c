/* Whether a node does on one device what it does on another. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check/check.h"
#include "philox.h"
#include "plan/plan.h"

/* Memory before a run: NaN, or numbers so large that they show in any sum, also where NaN would be skipped (as by fmax). */
static const unsigned char poisons[] = {POISON, 0x7E, 0x00};
enum { POISONS = sizeof poisons / sizeof *poisons, TRIALS = 4, SLACK = 8 };

double default_tolerance(enum cupel_precision precision) {
    static const double tolerances[] = {[CUPEL_PRECISION_F32] = 1e-5,
                                        [CUPEL_PRECISION_TF32] = 1e-3,
                                        [CUPEL_PRECISION_BF16] = 1e-2,
                                        [CUPEL_PRECISION_F16] = 1e-2};
    return tolerances[precision];
}

void evidence_free(struct evidence *evidence) {
    for (int i = 0; i < evidence->n_out; i++) {
        free(evidence->expected[i].data);
        free(evidence->got[i].data);
    }
    *evidence = (struct evidence){0};
}

/* ---- one node ---- */

struct trial {
    const struct judge *judge;
    const struct single *single;
    bool half, missing; /* 16 bits; the trusted device gives NaN */
    double tolerance;
    struct single_plan expected, got;
    struct evidence *evidence;
    struct cupel_check_item *item;
};

static bool is_half(enum cupel_dtype dtype) {
    return dtype == CUPEL_BF16 || dtype == CUPEL_F16;
}

/* Whether it is one of the ops that lower precisions are for. */
static bool is_heavy(const struct trial *trial) {
    return (ops[trial->single->op].half & HALF_HEAVY) == HALF_HEAVY;
}

/* Copies a plan's outputs to where they stay. */
static enum cupel_status keep(const struct single_plan *plan, struct operand *to, struct cupel_error *error) {
    for (int i = 0; i < plan->n_out; i++) {
        const enum cupel_dtype stored = to[i].stored;
        to[i] = plan->outputs[i];
        to[i].stored = stored;
        to[i].data = malloc(operand_bytes(&to[i]));
        if (!to[i].data) return cupel_fail(error, CUPEL_NOMEM, "no memory for a node's outputs");
        memcpy(to[i].data, plan->outputs[i].data, operand_bytes(&to[i]));
    }
    return CUPEL_OK;
}

/* Fills in the item by the output that is furthest beyond the tolerance. */
static void compare(struct trial *trial, const struct operand *got, const struct operand *expected,
                    int output) {
    struct cupel_check_item *item = trial->item;
    const struct operand *a = &expected[output];
    const int64_t count = cupel_shape_count(&a->shape);
    const struct measure m = measure_arrays(got[output].data, a->data, a->dtype, a->stored, count);
    const bool passes = measure_passes(&m, a->dtype, trial->tolerance);
    const bool had_failed = item->verdict == CUPEL_CHECK_FAILED;
    trial->missing = trial->missing || m.missing > 0;
    if (item->output >= 0 &&
        (had_failed ? passes || !(m.error > item->error) : passes && !(m.error > item->error)))
        return;
    item->output = output;
    item->dtype = a->stored;
    item->shape = a->shape;
    item->error = m.error;
    item->worst = m.worst;
    item->ulp = m.ulp;
    item->got = m.got;
    item->expected = m.expected;
    item->verdict = passes ? CUPEL_CHECK_PASSED : CUPEL_CHECK_FAILED;
    int64_t rest = m.at < 0 ? 0 : m.at;
    for (int d = a->shape.rank - 1; d >= 0; d--) {
        item->index[d] = rest % a->shape.dim[d];
        rest /= a->shape.dim[d];
    }
}

static void compare_all(struct trial *trial, const struct operand *got, const struct operand *expected) {
    for (int i = 0; i < trial->expected.n_out; i++) compare(trial, got, expected, i);
}

/* ---- running it again ---- */

static bool same_bits(const struct trial *trial) {
    for (int i = 0; i < trial->got.n_out; i++)
        if (memcmp(trial->got.outputs[i].data, trial->evidence->got[i].data,
                   operand_bytes(&trial->got.outputs[i])) != 0)
            return false;
    return true;
}

/* Later runs find other things in memory than the first: what they give must be as good, and where bits are to be the same,
 * the same. */
static enum cupel_status run_again(struct trial *trial, struct cupel_error *error) {
    const struct judge *judge = trial->judge;
    const int runs = judge->repeat ? judge->repeat : 3;
    for (int run = 1; run < runs; run++) {
        CUPEL_TRY(single_run(&trial->got, trial->single->operands, poisons[run % POISONS], error));
        if (same_bits(trial)) continue;
        const bool passed = trial->item->verdict == CUPEL_CHECK_PASSED;
        compare_all(trial, trial->got.outputs, trial->evidence->expected);
        const bool bits = judge->repeat || judge->plan.deterministic;
        if (bits) trial->item->verdict = CUPEL_CHECK_FAILED;
        if (bits || (passed && trial->item->verdict == CUPEL_CHECK_FAILED))
            snprintf(trial->item->note, sizeof trial->item->note,
                     "run %d with the same inputs gives other numbers than run 1, with other things in "
                     "memory before",
                     run + 1);
    }
    return CUPEL_OK;
}

/* ---- how well it is conditioned ---- */

/* Half a unit in the last place of what a node's products are made of. */
static double half_unit(const struct trial *trial, const struct operand *operand) {
    if (operand->stored == CUPEL_BF16 || (trial->half && is_heavy(trial))) return ldexp(1, -8);
    if (operand->stored == CUPEL_F16) return ldexp(1, -11);
    return ldexp(1, is_heavy(trial) && trial->judge->plan.precision == CUPEL_PRECISION_TF32 ? -11 : -24);
}

/* Copies of the inputs, each real number up or down by half a unit. */
static bool shake(const struct trial *trial, struct operand *shaken, uint32_t round) {
    const struct single *single = trial->single;
    bool done = true;
    for (int i = 0; i < single->n_operands && done; i++) {
        shaken[i] = single->operands[i];
        shaken[i].data = malloc(operand_bytes(&shaken[i]));
        if (!(done = shaken[i].data != NULL)) break;
        memcpy(shaken[i].data, single->operands[i].data, operand_bytes(&shaken[i]));
        const int64_t count = shaken[i].dtype == CUPEL_F32 ? cupel_shape_count(&shaken[i].shape) : 0;
        const double by = half_unit(trial, &shaken[i]);
        const struct philox philox = philox_start(round, PHILOX_INIT, (uint32_t)i, 0);
        float *values = shaken[i].data;
        for (int64_t k = 0; k < count; k++)
            values[k] = (float)(values[k] * (philox_word(&philox, (uint64_t)k) & 1 ? 1 + by : 1 - by));
    }
    return done;
}

/* Whether the output that failed is off by no more than a few times what shaking the inputs changes on the trusted device. */
static enum cupel_status judge_condition(struct trial *trial, bool *ill, struct cupel_error *error) {
    const int output = trial->item->output;
    const struct operand *expected = &trial->evidence->expected[output], *got = &trial->evidence->got[output];
    const int64_t count = cupel_shape_count(&expected->shape);
    const struct measure off =
        measure_arrays(got->data, expected->data, expected->dtype, expected->stored, count);
    double difference = 0, worst = 0;
    *ill = false;
    if (expected->dtype != CUPEL_F32 || !isfinite(off.difference)) return CUPEL_OK;
    struct operand *shaken = calloc((size_t)trial->single->n_operands + 1, sizeof *shaken);
    enum cupel_status status = shaken ? CUPEL_OK : CUPEL_NOMEM;
    for (uint32_t round = 0; round < TRIALS && status == CUPEL_OK; round++) {
        status = shake(trial, shaken, round) ? single_run(&trial->expected, shaken, POISON, error)
                                             : cupel_fail(error, CUPEL_NOMEM, "no memory for a node");
        for (int i = 0; i < trial->single->n_operands; i++) {
            free(shaken[i].data);
            shaken[i].data = NULL;
        }
        if (status) break;
        const struct measure by = measure_arrays(trial->expected.outputs[output].data, expected->data,
                                                 expected->dtype, expected->stored, count);
        if (isfinite(by.difference)) difference = fmax(difference, by.difference);
        if (isfinite(by.worst)) worst = fmax(worst, by.worst);
    }
    free(shaken);
    *ill = off.difference <= SLACK * difference && off.worst <= SLACK * worst;
    if (*ill)
        snprintf(
            trial->item->note, sizeof trial->item->note,
            "inputs that differ by half a unit in the last place change it by %.2g of its norm, %.1f times "
            "as much as the device does",
            difference / fmax(off.difference, 1e-300) * off.error, difference / off.difference);
    return status;
}

/* ---- all of it ---- */

/* The checked device's part. What goes wrong there is the node's failure. */
static enum cupel_status run_checked(struct trial *trial, struct cupel_error *error) {
    const struct judge *judge = trial->judge;
    CUPEL_TRY(
        single_open(trial->single, judge->device, false, trial->half, &judge->plan, &trial->got, error));
    snprintf(trial->item->engine, sizeof trial->item->engine, "%s", trial->got.engine);
    CUPEL_TRY(single_run(&trial->got, trial->single->operands, POISON, error));
    CUPEL_TRY(keep(&trial->got, trial->evidence->got, error));
    compare_all(trial, trial->evidence->got, trial->evidence->expected);
    return run_again(trial, error);
}

static enum cupel_status judge_checked(struct trial *trial, struct cupel_error *error) {
    struct cupel_check_item *item = trial->item;
    struct cupel_error own = {0};
    bool ill;
    const enum cupel_status status = run_checked(trial, &own);
    if (status == CUPEL_DEVICE || status == CUPEL_NOMEM)
        return cupel_fail(error, status, "%s (%s): %s", item->op, item->layer, own.message);
    if (status) {
        item->verdict = CUPEL_CHECK_FAILED;
        item->error = INFINITY;
        snprintf(item->note, sizeof item->note, "%.399s", own.message);
        return CUPEL_OK;
    }
    if (trial->missing && item->verdict == CUPEL_CHECK_PASSED)
        snprintf(item->note, sizeof item->note, "NaN on both devices");
    if (item->verdict != CUPEL_CHECK_FAILED || *item->note) return CUPEL_OK;
    CUPEL_TRY(judge_condition(trial, &ill, error));
    if (ill) item->verdict = CUPEL_CHECK_ILL;
    return CUPEL_OK;
}

static enum cupel_status judge_both(struct trial *trial, const enum cupel_dtype *stored, bool checked,
                                    struct cupel_error *error) {
    const struct single *single = trial->single;
    struct evidence *evidence = trial->evidence;
    CUPEL_TRY(single_open(single, trial->judge->against, true, false, NULL, &trial->expected, error));
    CUPEL_TRY(single_run(&trial->expected, single->operands, POISON, error));
    evidence->n_out = trial->expected.n_out;
    for (int i = 0; i < evidence->n_out; i++) {
        trial->half = trial->half || is_half(stored[i]);
        evidence->expected[i].stored = evidence->got[i].stored = stored[i];
    }
    CUPEL_TRY(keep(&trial->expected, evidence->expected, error));
    const bool tf32 = is_heavy(trial) && trial->judge->plan.precision == CUPEL_PRECISION_TF32;
    const double usual = default_tolerance(trial->half ? CUPEL_PRECISION_BF16
                                           : tf32      ? CUPEL_PRECISION_TF32
                                                       : CUPEL_PRECISION_F32);
    trial->tolerance = trial->judge->tolerance > 0 ? trial->judge->tolerance : usual;
    trial->item->tolerance = trial->tolerance;
    if (checked) CUPEL_TRY(judge_checked(trial, error));
    return CUPEL_OK;
}

enum cupel_status judge_node(const struct judge *judge, const struct single *single,
                             const enum cupel_dtype *stored, bool checked, struct cupel_check_item *item,
                             struct evidence *evidence, struct cupel_error *error) {
    struct trial trial = {.judge = judge, .single = single, .evidence = evidence, .item = item};
    *evidence = (struct evidence){0};
    item->output = -1;
    for (int i = 0; i < single->n_operands; i++)
        trial.half = trial.half || is_half(single->operands[i].stored);
    const enum cupel_status status = judge_both(&trial, stored, checked, error);
    if (item->output < 0 && evidence->n_out) {
        item->output = 0;
        item->dtype = stored[0];
        item->shape = evidence->expected[0].shape;
    }
    single_close(&trial.expected);
    single_close(&trial.got);
    return status;
}
