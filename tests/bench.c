#include "bench.h"

#include <criterion/criterion.h>
#include <string.h>

struct bench bench_open(const char *device) {
    struct bench bench = {.graph = cupel_graph_new(CUPEL_F32)};
    enum cupel_status status = cupel_device_open(device, 2, &bench.device, &bench.error);
    cr_assert_eq(status, CUPEL_OK, "%s", bench.error.message);
    bench.store = cupel_store_new(bench.device, 1);
    return bench;
}

void bench_compile(struct bench *bench, struct cupel_tensor *const *outputs, int count,
                   const struct cupel_plan_options *options) {
    cupel_plan_free(bench->plan);
    enum cupel_status status =
        cupel_compile(bench->store, bench->graph, outputs, count, options, &bench->plan, &bench->error);
    cr_assert_eq(status, CUPEL_OK, "%s", bench->error.message);
}

void bench_run(struct bench *bench) {
    cr_assert_eq(cupel_run(bench->plan, &bench->error), CUPEL_OK, "%s", bench->error.message);
}

void bench_close(struct bench *bench) {
    cupel_plan_free(bench->plan);
    cupel_graph_free(bench->graph);
    cupel_store_free(bench->store);
    cupel_device_close(bench->device);
}

void expect_refusal(const struct cupel_graph *graph, const struct cupel_tensor *made, size_t row,
                    const char *says) {
    const struct cupel_error *error = cupel_graph_error(graph);
    cr_expect_null(made, "row %zu: nothing wrong with \"%s\"", row, says);
    cr_expect_eq(error->status, CUPEL_INVALID);
    cr_expect(strstr(error->message, says), "row %zu: \"%s\" does not say \"%s\"", row, error->message, says);
}
