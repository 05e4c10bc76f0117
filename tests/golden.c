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
    char full[GOLDEN_NAME + 20];
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
