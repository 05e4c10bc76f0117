#include "golden.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cupel_weights golden_load(const char *file) {
    struct cupel_weights weights = {0};
    struct cupel_error error = {0};
    char path[400];
    snprintf(path, sizeof path, "%s/tests/golden/%s", CUPEL_SOURCE_DIR, file);
    cr_assert_eq(cupel_weights_load(path, &weights, &error), CUPEL_OK, "%s", error.message);
    return weights;
}

bool golden_next(const struct cupel_weights *file, size_t *cursor, char *name, struct op_case *one) {
    while (*cursor < file->count) {
        const struct cupel_weight *tensor = &file->tensors[(*cursor)++];
        snprintf(name, GOLDEN_NAME, "%s", tensor->name);
        char *slash = strrchr(name, '/');
        if (!slash || strcmp(slash, "/arg") != 0) continue;
        *slash = 0;
        cr_assert_leq(tensor->bytes, sizeof one->arg);
        *one = (struct op_case){.name = name};
        memcpy(one->arg, tensor->data, tensor->bytes);
        return true;
    }
    return false;
}

const struct cupel_weight *golden_find(const struct cupel_weights *file, const char *name, const char *what) {
    char full[2 * GOLDEN_NAME];
    snprintf(full, sizeof full, "%s/%s", name, what);
    return cupel_weights_find(file, full);
}

void expect_output(struct trial *trial, int index, const double *expected, double tolerance,
                   const char *what) {
    int64_t count;
    double *found = trial_read(trial, index, trial->out[index], &count);
    double error = relative_error(found, expected, count, 1e-30);
    cr_expect(error <= tolerance, "%s on %s: relative error %.3g (%.9g instead of %.9g, ...)", what,
              cupel_device_name(trial->device), error, found[0], expected[0]);
    free(found);
}

void golden_inputs(const struct cupel_weights *file, struct op_case *one) {
    char what[16];
    for (int i = 0; i < CASE_MAX_IN; i++) {
        snprintf(what, sizeof what, "in%d", i);
        const struct cupel_weight *in = golden_find(file, one->name, what);
        if (!in) break;
        one->in[i].shape = in->shape;
        one->in[i].kind = in->dtype == CUPEL_I32 ? CASE_LABELS : CASE_NORMAL;
    }
}

void golden_give(struct trial *trial, const struct cupel_tensor *state, const struct cupel_weight *values) {
    const char *name = state->node->attr.state.name;
    if (values->dtype == CUPEL_I32)
        cupel_store_write(trial->store, name, values->data, values->bytes, &trial->error);
    else
        write_state(trial->store, name, state, values->data, &trial->error);
    cr_assert_eq(trial->error.status, CUPEL_OK, "%s: %s", name, trial->error.message);
}

void golden_judge(struct trial *trial, const struct cupel_weights *file, const struct op_case *one,
                  const char *device, enum cupel_dtype real, double tolerance) {
    struct cupel_tensor *targets[CASE_MAX_IN];
    const struct cupel_weight *gradients[CASE_MAX_IN];
    char what[GOLDEN_NAME + 20];
    int count = 0;
    trial_build(trial, one, device, real);
    cr_assert_eq(trial->error.status, CUPEL_OK, "%s: %s", one->name, trial->error.message);
    for (int i = 0; i < trial->n_in; i++) {
        snprintf(what, sizeof what, "d%d", i);
        gradients[count] = golden_find(file, one->name, what);
        if (gradients[count]) targets[count++] = trial->in[i];
    }
    struct cupel_tensor *dy = cupel_state(trial->graph, "dy", real, &trial->out[0]->shape, NULL);
    cr_assert_eq(cupel_grad(trial->out[0], dy, targets, count, trial->out + 1), CUPEL_OK, "%s: %s", one->name,
                 cupel_graph_error(trial->graph)->message);
    cr_assert(trial_compile(trial, trial->out, 1 + count, NULL), "%s: %s", one->name, trial->error.message);
    for (int i = 0; i < trial->n_in; i++) {
        snprintf(what, sizeof what, "in%d", i);
        golden_give(trial, trial->in[i], golden_find(file, one->name, what));
    }
    golden_give(trial, dy, golden_find(file, one->name, "dy"));
    cr_assert(trial_run(trial), "%s: %s", one->name, trial->error.message);
    const struct cupel_weight *y = golden_find(file, one->name, "y");
    cr_expect(cupel_shape_equal(&trial->out[0]->shape, &y->shape), "%s: shape", one->name);
    expect_output(trial, 0, y->data, tolerance, one->name);
    for (int i = 0; i < count; i++) {
        snprintf(what, sizeof what, "%s, gradient %d", one->name, i);
        expect_output(trial, 1 + i, gradients[i]->data, tolerance, what);
    }
}

void golden_each(const char *file,
                 void (*build)(const struct op_case *one, struct cupel_tensor **in,
                               struct cupel_tensor **out),
                 golden_judge_fn *judge, const double tolerances[3], int count) {
    struct cupel_weights weights = golden_load(file);
    struct op_case one;
    char name[GOLDEN_NAME];
    int found = 0;
    for (size_t cursor = 0; golden_next(&weights, &cursor, name, &one); found++) {
        const struct cupel_weight *number = golden_find(&weights, name, "number");
        one.build = build;
        if (number) {
            cr_assert_leq(number->bytes, sizeof one.number);
            memcpy(one.number, number->data, number->bytes);
        }
        golden_inputs(&weights, &one);
        judge(&weights, &one, "reference", CUPEL_F64, tolerances[0]);
        judge(&weights, &one, "reference", CUPEL_F32, tolerances[1]);
        judge(&weights, &one, "cpu", CUPEL_F32, tolerances[2]);
    }
    cr_assert_eq(found, count, "%s has %d cases", file, found);
    cupel_weights_free(&weights);
}

void golden_expect_state(const struct cupel_weights *file, struct trial *trial,
                         const struct cupel_tensor *state, const char *what, double tolerance) {
    const struct cupel_weight *expected = golden_find(file, trial->one->name, what);
    const int64_t count = tensor_count(state);
    const size_t size = cupel_dtype_size(state->dtype);
    void *data = malloc((size_t)count * size);
    double *values = malloc((size_t)count * sizeof *values);
    const char *name = state->node->attr.state.name;
    cr_assert_eq(cupel_store_read(trial->store, name, data, (size_t)count * size, &trial->error), CUPEL_OK);
    for (int64_t k = 0; k < count; k++)
        values[k] = size == sizeof(float) ? (double)((float *)data)[k] : ((double *)data)[k];
    const double error = relative_error(values, expected->data, count, 1e-30);
    cr_expect(error <= tolerance, "%s/%s: relative error %.3g", trial->one->name, what, error);
    free(data);
    free(values);
}

void golden_numbers(struct cupel_weight *weight, uint32_t stream, float bound) {
    float *numbers = weight->data;
    for (uint32_t i = 0; i < weight->bytes / sizeof *numbers; i++) {
        uint32_t x = i + (stream << 20);
        x = (x ^ x >> 16) * 0x7feb352d;
        x = (x ^ x >> 15) * 0x846ca68b;
        x ^= x >> 16;
        numbers[i] = ((float)(x >> 8) * 0x1p-23f - 1) * bound;
    }
}
