#include "evaluate.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

struct cupel_tensor *values(struct cupel_graph *graph, const double *from, int64_t count) {
    return cupel_constant(graph, CUPEL_F64, &CUPEL_SHAPE(count), from);
}

enum cupel_status run_once(struct cupel_tensor *y, void *data, size_t bytes, struct cupel_error *error) {
    struct cupel_device *device = NULL;
    struct cupel_plan *plan = NULL;
    cr_assert_not_null(y, "the graph did not build it");
    cr_assert_eq(cupel_device_open("reference", 1, &device, error), CUPEL_OK, "%s", error->message);
    struct cupel_store *store = cupel_store_new(device, 1);
    enum cupel_status status = cupel_compile(store, cupel_tensor_graph(y), &y, 1, NULL, &plan, error);
    if (status == CUPEL_OK) status = cupel_run(plan, error);
    if (status == CUPEL_OK) status = cupel_plan_read(plan, 0, data, bytes, error);
    cupel_plan_free(plan);
    cupel_store_free(store);
    cupel_device_close(device);
    return status;
}

void evaluate(struct cupel_tensor *y, double *result, int64_t count) {
    struct cupel_error error = {0};
    cr_assert_eq(run_once(y, result, (size_t)count * sizeof *result, &error), CUPEL_OK, "%s", error.message);
}

double evaluate_one(struct cupel_tensor *y) {
    double result;
    evaluate(y, &result, 1);
    return result;
}

void expect_values(const char *what, struct cupel_tensor *y, const double *expected, int64_t count) {
    double *found = malloc((size_t)count * sizeof *found), largest = 1e-300;
    evaluate(y, found, count);
    for (int64_t i = 0; i < count; i++)
        if (isfinite(expected[i])) largest = fmax(largest, fabs(expected[i]));
    for (int64_t i = 0; i < count; i++) {
        bool same = found[i] == expected[i] || (isnan(found[i]) && isnan(expected[i])) ||
                    fabs(found[i] - expected[i]) <= 1e-12 * largest;
        cr_expect(same, "%s: element %d is %.17g, not %.17g", what, (int)i, found[i], expected[i]);
    }
    free(found);
}
