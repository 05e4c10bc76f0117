/* A device, a store, a graph and its plan together: for tests that build graphs by hand. */
#ifndef CUPEL_TESTS_BENCH_H
#define CUPEL_TESTS_BENCH_H

#include "cupel/cupel.h"

struct bench {
    struct cupel_device *device;
    struct cupel_store *store;
    struct cupel_graph *graph; /* of f32, still empty */
    struct cupel_plan *plan;
    struct cupel_error error;
};

/* Each fails the test when it cannot. Compiling again replaces the plan. */
struct bench bench_open(const char *device);
void bench_compile(struct bench *bench, struct cupel_tensor *const *outputs, int count,
                   const struct cupel_plan_options *options);
void bench_run(struct bench *bench);
void bench_close(struct bench *bench);

/* Row `row` of a table of refusals: nothing was made in the graph, whose error is CUPEL_INVALID and says so. */
void expect_refusal(const struct cupel_graph *graph, const struct cupel_tensor *made, size_t row,
                    const char *says);

#endif
