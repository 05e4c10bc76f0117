/* A subject on a device, with everything that it works on; and whether what it gives is right. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "check/check.h"

static const double most_work = 4e8; /* of the device `reference`, in FLOPs and elements */
enum { MOST_SHRINK = 8, UPSTREAM = 100 /* salt */ };

void *random_values(const struct cupel_tensor *tensor, uint64_t salt) {
    const int64_t count = tensor_count(tensor);
    float *values = calloc((size_t)count + 1, cupel_dtype_size(tensor->dtype));
    if (!values || tensor->dtype != CUPEL_F32) return values;
    uint64_t state = 0x9e3779b97f4a7c15u * (salt + 1);
    for (int64_t i = 0; i < count; i++) { /* Marsaglia's xorshift64 (2003) */
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        const float size = 0.05f + 0.95f * (float)(state >> 40) / 16777216.0f;
        values[i] = state >> 20 & 1 ? size : -size;
    }
    return values;
}

/* ---- building ---- */

/* Whether a gradient can flow from the output: states' new versions are no functions of their inputs. */
static bool flows(const struct cupel_tensor *out) {
    const int updates = ops[out->node->op].updates;
    return is_real(out) && (!updates || out->index < out->node->n_out - updates);
}

static void upstream_name(char *name, size_t size, int output) {
    snprintf(name, size, "upstream%d", output);
}

/* Adds the gradients of each output with respect to the real inputs to the plan's outputs. */
static void differentiate(struct rig *rig) {
    struct draft *draft = &rig->draft;
    for (int o = 0; o < draft->n_out; o++) {
        if (!flows(draft->out[o])) continue;
        char name[24];
        upstream_name(name, sizeof name, o);
        struct cupel_tensor *targets[SUBJECT_MOST_IN],
            *upstream = cupel_state(draft->graph, name, CUPEL_F32, &draft->out[o]->shape, NULL);
        int count = 0;
        for (int i = 0; i < draft->n_in; i++)
            if (is_real(draft->in[i])) targets[count++] = draft->in[i];
        if (cupel_grad(draft->out[o], upstream, targets, count, rig->outputs + rig->n_outputs) == CUPEL_OK)
            rig->n_outputs += count;
    }
}

static enum cupel_status draft_open(const struct subject *subject, int64_t batch, int shrink, struct rig *rig,
                                    struct cupel_error *error) {
    struct draft *draft = &rig->draft;
    draft->graph = cupel_graph_new(CUPEL_F32);
    rig->outputs = calloc((size_t)OP_MAX_OUT * (SUBJECT_MOST_IN + 1), sizeof(struct cupel_tensor *));
    if (!draft->graph || !rig->outputs)
        return cupel_fail(error, CUPEL_NOMEM, "no memory for %s", subject->name);
    subject->build(subject, batch, shrink, draft);
    memcpy(rig->outputs, draft->out, sizeof draft->out);
    rig->n_outputs = draft->n_out;
    const struct cupel_error *found = cupel_graph_error(draft->graph);
    if (found->status == CUPEL_OK && subject->differentiates) differentiate(rig);
    return found->status == CUPEL_OK ? CUPEL_OK : cupel_fail(error, found->status, "%s", found->message);
}

enum cupel_status subject_survey(const struct subject *subject, int64_t batch, int shrink,
                                 struct subject_survey *survey, struct cupel_error *error) {
    struct rig rig = {0};
    const enum cupel_status status = draft_open(subject, batch, shrink, &rig, error);
    survey->flops = survey->elements = 0;
    for (int n = 0; status == CUPEL_OK && n < rig.draft.graph->n_nodes; n++) {
        const struct node *node = rig.draft.graph->nodes[n];
        survey->flops += ops[node->op].flops(node);
        for (int i = 0; i < node->n_out; i++) survey->elements += (double)tensor_count(&node->out[i]);
        if (survey->visit) survey->visit(survey->context, subject, node);
    }
    rig_close(&rig);
    return status;
}

static enum cupel_status build(const struct subject *subject, struct cupel_device *device,
                               const struct cupel_plan_options *options, int64_t batch, int shrink,
                               struct rig *rig, struct cupel_error *error) {
    CUPEL_TRY(draft_open(subject, batch, shrink, rig, error));
    rig->store = cupel_store_new(device, 1);
    if (!rig->store) return cupel_fail(error, CUPEL_NOMEM, "no memory for %s", subject->name);
    struct cupel_plan_options own = *options;
    own.debug = true; /* each tensor gets memory of its own */
    own.nofuse = !subject->fuses;
    CUPEL_TRY(
        cupel_compile(rig->store, rig->draft.graph, rig->outputs, rig->n_outputs, &own, &rig->plan, error));
    rig->plan->options.debug = false; /* but nothing is poisoned */
    return CUPEL_OK;
}

enum cupel_status rig_open(const struct subject *subject, struct cupel_device *device,
                           const struct cupel_plan_options *options, int64_t batch, int shrink,
                           struct rig *rig, struct cupel_error *error) {
    *rig = (struct rig){0};
    const enum cupel_status status = build(subject, device, options, batch, shrink, rig, error);
    if (status) rig_close(rig);
    return status;
}

void rig_close(struct rig *rig) {
    cupel_plan_free(rig->plan);
    cupel_graph_free(rig->draft.graph);
    cupel_store_free(rig->store);
    free(rig->outputs);
    *rig = (struct rig){0};
}

/* ---- running ---- */

/* What no output needs is not in the store. */
static enum cupel_status write_values(struct rig *rig, const struct cupel_tensor *state, void *values,
                                      bool coarse, struct cupel_error *error) {
    struct cupel_error missing = {0};
    if (!values) return cupel_fail(error, CUPEL_NOMEM, "no memory for random numbers");
    const size_t bytes = (size_t)tensor_count(state) * cupel_dtype_size(state->dtype);
    for (int64_t i = 0; coarse && state->dtype == CUPEL_F32 && i < tensor_count(state); i++)
        ((float *)values)[i] = round_to(((float *)values)[i], CUPEL_BF16);
    const enum cupel_status status =
        cupel_store_write(rig->store, state->node->attr.state.name, values, bytes, &missing);
    free(values);
    if (status == CUPEL_OK || status == CUPEL_INVALID) return CUPEL_OK;
    return cupel_fail(error, status, "%s", missing.message);
}

enum cupel_status rig_run(const struct subject *subject, struct rig *rig, struct cupel_error *error) {
    const struct draft *draft = &rig->draft;
    for (int i = 0; i < draft->n_in; i++)
        CUPEL_TRY(write_values(rig, draft->in[i], subject->values(subject, i, draft->in[i]), subject->coarse,
                               error));
    for (int o = 0; subject->differentiates && o < draft->n_out; o++) {
        char name[24];
        upstream_name(name, sizeof name, o);
        const struct cupel_tensor *upstream = cupel_state_latest(draft->graph, name);
        if (upstream)
            CUPEL_TRY(write_values(rig, upstream, random_values(upstream, (uint64_t)(UPSTREAM + o)),
                                   subject->coarse, error));
    }
    return cupel_run(rig->plan, error);
}

/* ---- judging ---- */

/* |got - expected| / |expected| of real numbers; of others infinite unless they are equal. */
static double difference(const void *got, const void *expected, enum cupel_dtype dtype, int64_t count) {
    if (dtype != CUPEL_F32)
        return memcmp(got, expected, (size_t)count * cupel_dtype_size(dtype)) ? INFINITY : 0;
    const float *a = got, *b = expected;
    double off = 0, norm = 0;
    for (int64_t i = 0; i < count; i++) {
        if (a[i] == b[i] || (isnan(a[i]) && isnan(b[i]))) continue;
        if (!isfinite(a[i]) || !isfinite(b[i])) return INFINITY;
        off += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
    }
    for (int64_t i = 0; i < count; i++) norm += isfinite(b[i]) ? (double)b[i] * (double)b[i] : 0;
    return off == 0 ? 0 : sqrt(off) / fmax(sqrt(norm), 1e-30);
}

static enum cupel_status compare(const struct subject *subject, struct rig *rig, struct rig *trusted,
                                 double tolerance, struct cupel_error *error) {
    for (int o = 0; o < rig->n_outputs; o++) {
        const struct cupel_tensor *tensor = rig->outputs[o];
        const int64_t count = tensor_count(tensor);
        const size_t bytes = (size_t)count * cupel_dtype_size(tensor->dtype);
        char *got = malloc(2 * bytes + 1);
        if (!got) return cupel_fail(error, CUPEL_NOMEM, "no memory to compare %zu bytes", bytes);
        enum cupel_status status = cupel_plan_read(rig->plan, o, got, bytes, error);
        if (status == CUPEL_OK) status = cupel_plan_read(trusted->plan, o, got + bytes, bytes, error);
        const double off = status == CUPEL_OK ? difference(got, got + bytes, tensor->dtype, count) : 0;
        free(got);
        CUPEL_TRY(status);
        if (off > tolerance)
            return cupel_fail(error, CUPEL_FAILED,
                              "%s: %s %d is off by %.2g, more than %.2g; `cupel check` tells more",
                              subject->name, o < rig->draft.n_out ? "output" : "gradient",
                              o < rig->draft.n_out ? o : o - rig->draft.n_out, off, tolerance);
    }
    return CUPEL_OK;
}

static double tolerance_of(const struct subject *subject, enum cupel_precision precision) {
    static const double usual[] = {1e-5, 1e-3, 1e-2, 1e-2};
    const double least = subject->sized ? 3 * usual[precision] : usual[precision]; /* sums are long */
    const double own = precision >= CUPEL_PRECISION_BF16 ? subject->half : subject->tolerance;
    return own > least ? own : least;
}

static enum cupel_status verify_at(const struct subject *subject, struct cupel_device *device,
                                   const struct cupel_plan_options *options, int64_t batch, int shrink,
                                   struct cupel_error *error) {
    const struct cupel_plan_options plain = {.layout = CUPEL_LAYOUT_NCHW};
    struct cupel_device *reference;
    struct rig rig, trusted;
    CUPEL_TRY(cupel_device_open("reference", 1, &reference, error));
    enum cupel_status status = rig_open(subject, reference, &plain, batch, shrink, &trusted, error);
    if (status == CUPEL_OK) {
        status = rig_run(subject, &trusted, error);
        if (status == CUPEL_OK) status = rig_open(subject, device, options, batch, shrink, &rig, error);
        if (status == CUPEL_OK) {
            status = rig_run(subject, &rig, error);
            if (status == CUPEL_OK)
                status = compare(subject, &rig, &trusted, tolerance_of(subject, options->precision), error);
            rig_close(&rig);
        }
        rig_close(&trusted);
    }
    cupel_device_close(reference);
    return status;
}

enum cupel_status subject_verify(const struct subject *subject, struct cupel_device *device,
                                 const struct cupel_plan_options *options, char *text, size_t size,
                                 struct cupel_error *error) {
    const int64_t batch = subject->sized ? 2 : 1;
    int shrink = 0;
    if (subject->sized) {
        for (; shrink < MOST_SHRINK; shrink++) {
            struct subject_survey survey = {0};
            CUPEL_TRY(subject_survey(subject, batch, shrink, &survey, error));
            if (survey.flops + survey.elements <= most_work) break;
        }
        snprintf(text, size, "batch %d%s%.0d%s", (int)batch, shrink ? ", halved " : "", shrink,
                 shrink ? " times" : "");
    } else {
        snprintf(text, size, "in full");
    }
    return verify_at(subject, device, options, batch, shrink, error);
}
