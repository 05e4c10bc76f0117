#include "bench.h"

#include <criterion/criterion.h>

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
