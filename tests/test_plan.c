/* Plans: order, memory, versions of state, layouts, debug mode. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"
#include "plan/plan.h"

static struct cupel_tensor *vector(struct bench *bench, const char *name, int64_t n, double value) {
    return cupel_state(bench->graph, name, CUPEL_F32, &CUPEL_SHAPE(n),
                       &(struct cupel_init){CUPEL_INIT_CONSTANT, value, 0});
}

static float first(struct bench *bench, int output) {
    const struct cupel_tensor *tensor = bench->plan->outputs[output];
    int64_t n = cupel_shape_count(&tensor->shape);
    float *values = malloc((size_t)n * sizeof *values);
    cr_assert_eq(cupel_plan_read(bench->plan, output, values, (size_t)n * sizeof *values, &bench->error),
                 CUPEL_OK, "%s", bench->error.message);
    float value = values[0];
    free(values);
    return value;
}

Test(plan, readers_of_the_old_version_run_before_the_update) {
    struct bench bench = bench_open("reference");
    struct cupel_tensor *w = vector(&bench, "w", 4, 2);
    struct cupel_tensor *newer = cupel_assign(w, cupel_scale(w, 10, 0));
    /* Built after the update, but of the old version: must still see 2. */
    struct cupel_tensor *old = cupel_scale(cupel_reshape(w, &CUPEL_SHAPE(2, 2)), 3, 0),
                        *new = cupel_scale(newer, 3, 0);
    bench_compile(&bench, (struct cupel_tensor *[]){old, new}, 2, NULL);
    bench_run(&bench);
    cr_assert_float_eq(first(&bench, 0), 6, 0);
    cr_assert_float_eq(first(&bench, 1), 60, 0);
    bench_run(&bench);
    cr_assert_float_eq(first(&bench, 0), 60, 0);
    bench_close(&bench);
}

Test(plan, an_impossible_order_is_an_error) {
    struct bench bench = bench_open("reference");
    struct cupel_tensor *w = vector(&bench, "w", 4, 2);
    struct cupel_tensor *newer = cupel_assign_add(w, vector(&bench, "v", 4, 1));
    struct cupel_tensor *both = cupel_mul(w, newer);
    enum cupel_status status =
        cupel_compile(bench.store, bench.graph, &both, 1, NULL, &bench.plan, &bench.error);
    cr_assert_eq(status, CUPEL_INVALID);
    cr_assert_not_null(strstr(bench.error.message, "old version"), "%s", bench.error.message);
    cr_assert_null(bench.plan);
    bench_close(&bench);
}

/* A long chain needs two tensors at the most: one read, one written; in place, one. */
Test(plan, memory_is_reused) {
    struct bench bench = bench_open("reference");
    struct cupel_tensor *x = vector(&bench, "x", 1000, 1);
    for (int i = 0; i < 10; i++) x = cupel_scale(x, 2, 0);
    bench_compile(&bench, &x, 1, NULL);
    struct cupel_plan_stats stats = cupel_plan_stats(bench.plan);
    cr_assert_eq(stats.nodes, 10);
    cr_assert_leq(stats.arena_bytes, 4032);
    cr_assert_eq(stats.tensor_bytes, 10 * 4032, "each result rounded up to 64 bytes");
    cr_assert_eq(stats.state_bytes, 4000);
    bench_run(&bench);
    cr_assert_float_eq(first(&bench, 0), 1024, 0);
    bench_compile(&bench, &x, 1, &(struct cupel_plan_options){.debug = true});
    cr_assert_geq(cupel_plan_stats(bench.plan).arena_bytes, 40000, "debug mode must not reuse memory");
    bench_close(&bench);
}

Test(plan, a_value_still_needed_is_not_overwritten) {
    struct bench bench = bench_open("reference");
    struct cupel_tensor *x = cupel_scale(vector(&bench, "x", 100, 3), 1, 0);
    struct cupel_tensor *y = cupel_scale(x, 2, 0), *z = cupel_add(cupel_scale(y, 5, 0), x);
    bench_compile(&bench, (struct cupel_tensor *[]){y, z}, 2, NULL);
    bench_run(&bench);
    cr_assert_float_eq(first(&bench, 0), 6, 0);
    cr_assert_float_eq(first(&bench, 1), 33, 0);
    bench_close(&bench);
}

/* Gradients are made where the pack wants them: the packed range is the only memory. */
Test(plan, pack_needs_no_copy) {
    struct bench bench = bench_open("reference");
    struct cupel_tensor *parts[2] = {cupel_scale(vector(&bench, "a", 20, 1), 5, 0),
                                     cupel_scale(vector(&bench, "b", 16, 1), 7, 0)};
    struct cupel_tensor *packed = cupel_pack(parts, 2);
    bench_compile(&bench, &packed, 1, NULL);
    cr_assert_eq(cupel_plan_stats(bench.plan).arena_bytes, (32 + 16) * 4);
    bench_run(&bench);
    float values[48];
    cr_assert_eq(cupel_plan_read(bench.plan, 0, values, sizeof values, &bench.error), CUPEL_OK);
    for (int i = 0; i < 48; i++)
        cr_assert_float_eq(values[i], i < 20 ? 5 : i < 32 ? 0 : 7, 0, "element %d", i);
    bench_close(&bench);
}

Test(plan, parts_of_a_range_are_known_by_name_and_filled) {
    struct bench bench = bench_open("reference");
    const struct cupel_init init = {CUPEL_INIT_CONSTANT, 4, 0};
    struct cupel_tensor *range = vector(&bench, "net", 48, 0);
    struct cupel_tensor *w = cupel_part(range, "net.w", 0, &CUPEL_SHAPE(4, 5), &init);
    struct cupel_tensor *b = cupel_part(range, "net.b", 32, &CUPEL_SHAPE(3), NULL);
    struct cupel_tensor *sum =
        cupel_add(cupel_sum(w, CUPEL_ALL_AXES, false), cupel_sum(b, CUPEL_ALL_AXES, false));
    bench_compile(&bench, &sum, 1, NULL);
    cr_assert_eq(cupel_store_write(bench.store, "net.b", (float[]){1, 2, 3}, 12, &bench.error), CUPEL_OK);
    bench_run(&bench);
    cr_assert_float_eq(first(&bench, 0), 86, 0);
    float all[48];
    cr_assert_eq(cupel_store_read(bench.store, "net", all, sizeof all, &bench.error), CUPEL_OK);
    cr_assert_float_eq(all[33], 2, 0);
    cr_assert_eq(cupel_store_write(bench.store, "net.b", all, 8, &bench.error), CUPEL_INVALID, "wrong size");
    cr_assert_not_null(strstr(bench.error.message, "net.b"));
    bench_close(&bench);
}

Test(plan, a_part_keeps_its_place) {
    struct bench bench = bench_open("reference");
    struct cupel_tensor *part = cupel_part(vector(&bench, "net", 48, 0), "net.w", 0, &CUPEL_SHAPE(4), NULL);
    struct cupel_tensor *moved = cupel_part(vector(&bench, "net", 48, 0), "net.w", 16, &CUPEL_SHAPE(4), NULL);
    bench_compile(&bench, &part, 1, NULL);
    struct cupel_plan *plan = NULL;
    cr_assert_eq(cupel_compile(bench.store, bench.graph, &moved, 1, NULL, &plan, &bench.error),
                 CUPEL_INVALID);
    cr_assert_not_null(strstr(bench.error.message, "net.w"), "%s", bench.error.message);
    bench_close(&bench);
}

Test(plan, a_constant_can_be_an_output) {
    struct bench bench = bench_open("reference");
    struct cupel_tensor *seven = cupel_fill(bench.graph, &CUPEL_SCALAR, 7);
    bench_compile(&bench, &seven, 1, NULL);
    bench_run(&bench);
    cr_assert_float_eq(first(&bench, 0), 7, 0);
    bench_close(&bench);
}

/* Four times 2^62 bytes: the sum is 0 in 64 bits. */
Test(plan, tensors_that_no_memory_can_hold_are_refused) {
    struct bench bench = bench_open("reference");
    struct cupel_tensor *huge[4];
    for (int i = 0; i < 4; i++) huge[i] = cupel_fill(bench.graph, &CUPEL_SHAPE(1 << 20, 1 << 20, 1 << 20), i);
    cr_assert_eq(cupel_compile(bench.store, bench.graph, huge, 4, NULL, &bench.plan, &bench.error),
                 CUPEL_NOMEM);
    bench_close(&bench);
}

Test(plan, a_good_run_may_follow_a_failed_one) {
    struct bench bench = bench_open("reference");
    struct cupel_tensor *order = cupel_state(bench.graph, "order", CUPEL_I32, &CUPEL_SHAPE(1), NULL);
    struct cupel_tensor *cursor = cupel_state(bench.graph, "cursor", CUPEL_I64, &CUPEL_SHAPE(1), NULL);
    struct cupel_tensor *row = cupel_gather(vector(&bench, "data", 3, 5), order, cursor, 1);
    bench_compile(&bench, &row, 1, NULL);
    cr_assert_eq(cupel_store_write(bench.store, "order", &(int32_t){3}, 4, NULL), CUPEL_OK);
    cr_assert_eq(cupel_run(bench.plan, NULL), CUPEL_INVALID);
    cr_assert_eq(cupel_store_write(bench.store, "order", &(int32_t){2}, 4, NULL), CUPEL_OK);
    bench_run(&bench);
    cr_assert_float_eq(first(&bench, 0), 5, 0);
    bench_close(&bench);
}

Test(plan, plans_share_state_by_name) {
    struct bench bench = bench_open("reference");
    struct cupel_tensor *count = cupel_assign_add(vector(&bench, "n", 1, 0), vector(&bench, "one", 1, 1));
    bench_compile(&bench, &count, 1, NULL);
    struct cupel_graph *other = cupel_graph_new(CUPEL_F32);
    struct cupel_tensor *read = cupel_scale(cupel_state(other, "n", CUPEL_F32, &CUPEL_SHAPE(1), NULL), 1, 0);
    struct cupel_plan *reader = NULL;
    cr_assert_eq(cupel_compile(bench.store, other, &read, 1, NULL, &reader, &bench.error), CUPEL_OK);
    cupel_graph_free(other); /* a plan outlives its graph */
    float value = 0;
    for (int i = 0; i < 3; i++) bench_run(&bench);
    cr_assert_eq(cupel_run(reader, &bench.error), CUPEL_OK);
    cr_assert_eq(cupel_plan_read(reader, 0, &value, sizeof value, &bench.error), CUPEL_OK);
    cr_assert_float_eq(value, 3, 0);
    cupel_plan_free(reader);
    bench_close(&bench);
}

/* Each run sees what was sent before it, though one buffer is written to again as soon as the other has been sent. */
static void send_and_run(const char *device) {
    enum { COUNT = 1000, SENDS = 9 };
    struct cupel_device *probe;
    if (cupel_device_open(device, 1, &probe, NULL)) cr_skip_test("no device %s", device);
    cupel_device_close(probe);
    struct bench bench = bench_open(device);
    struct cupel_tensor *sum = vector(&bench, "sum", COUNT, 0);
    cupel_assign_add(sum, vector(&bench, "x", COUNT, 0));
    bench_compile(&bench, NULL, 0, NULL);
    float *buffers[2], sums[COUNT];
    const size_t bytes = COUNT * sizeof(float);
    for (int i = 0; i < 2; i++) buffers[i] = cupel_device_pin(bench.device, bytes);
    for (int i = 0; i < SENDS; i++) {
        float *buffer = buffers[i % 2];
        for (int j = 0; j < COUNT; j++) buffer[j] = (float)(i * COUNT + j);
        cr_assert_eq(cupel_store_send(bench.store, "x", buffer, bytes, &bench.error), CUPEL_OK, "%s",
                     bench.error.message);
        bench_run(&bench);
    }
    cr_assert_eq(cupel_store_settle(bench.store, &bench.error), CUPEL_OK);
    cr_assert_eq(cupel_store_read(bench.store, "sum", sums, bytes, &bench.error), CUPEL_OK);
    for (int j = 0; j < COUNT; j++)
        cr_assert_eq(sums[j], (float)(COUNT * SENDS * (SENDS - 1) / 2 + SENDS * j), "element %d", j);
    cr_expect_eq(cupel_store_send(bench.store, "y", buffers[0], 4, &bench.error), CUPEL_INVALID);
    cr_expect(strstr(bench.error.message, "no state 'y'"), "%s", bench.error.message);
    bench.error = (struct cupel_error){0};
    cr_expect_eq(cupel_store_send(bench.store, "x", buffers[0], bytes + 1, &bench.error), CUPEL_INVALID);
    cr_expect(strstr(bench.error.message, "4001 bytes do not fit into state 'x' of 4000"), "%s",
              bench.error.message);
    for (int i = 0; i < 2; i++) cupel_device_unpin(bench.device, buffers[i]);
    cupel_device_unpin(bench.device, NULL);
    bench_close(&bench);
}

Test(plan, what_is_sent_is_there_for_the_next_run_on_reference) {
    send_and_run("reference");
}

Test(plan, what_is_sent_is_there_for_the_next_run_on_emu) {
    send_and_run("emu");
}

Test(plan, what_is_sent_is_there_for_the_next_run_on_cuda) {
    send_and_run("cuda");
}

Test(plan, nodes_that_nobody_needs_do_not_run) {
    struct bench bench = bench_open("reference");
    struct cupel_tensor *x = vector(&bench, "x", 4, 1), *y = cupel_scale(x, 2, 0);
    cupel_scale(y, 3, 0);
    bench_compile(&bench, &y, 1, NULL);
    cr_assert_eq(cupel_plan_stats(bench.plan).nodes, 1);
    bench_close(&bench);
}

static void write_beyond(struct call *call) {
    ((float *)call->out[0].data)[view_count(&call->out[0])] = 1;
}
static void write_nothing(struct call *call) {
    (void)call;
}

Test(plan, debug_mode_sees_a_kernel_that_writes_past_its_output) {
    struct bench bench = bench_open("reference");
    struct cupel_tensor *y = cupel_scale(vector(&bench, "x", 7, 1), 2, 0);
    bench_compile(&bench, &y, 1, &(struct cupel_plan_options){.debug = true});
    bench.plan->calls[0].kernel = write_beyond;
    cr_assert_eq(cupel_run(bench.plan, &bench.error), CUPEL_FAILED);
    cr_assert_not_null(strstr(bench.error.message, "past the end of output 0"), "%s", bench.error.message);
    bench_close(&bench);
}

Test(plan, debug_mode_shows_an_output_that_was_not_written) {
    struct bench bench = bench_open("reference");
    struct cupel_tensor *y = cupel_scale(vector(&bench, "x", 7, 1), 2, 0);
    bench_compile(&bench, &y, 1, &(struct cupel_plan_options){.debug = true});
    bench_run(&bench);
    bench.plan->calls[0].kernel = write_nothing;
    bench_run(&bench);
    cr_assert(isnan(first(&bench, 0)));
    bench_close(&bench);
}

Test(plan, an_activation_is_applied_by_the_layer_before_it) {
    struct bench bench = bench_open("reference");
    const struct cupel_init noise = {CUPEL_INIT_CONSTANT, 0.5, 0};
    struct cupel_tensor *x = cupel_state(bench.graph, "x", CUPEL_F32, &CUPEL_SHAPE(2, 3), &noise);
    struct cupel_tensor *w = cupel_state(bench.graph, "w", CUPEL_F32, &CUPEL_SHAPE(4, 3),
                                         &(struct cupel_init){CUPEL_INIT_CONSTANT, -1, 0});
    struct cupel_tensor *y = cupel_relu(cupel_linear(x, w, NULL));
    bench_compile(&bench, &y, 1, NULL);
    cr_assert_eq(cupel_plan_stats(bench.plan).nodes, 1);
    bench_run(&bench);
    cr_assert_float_eq(first(&bench, 0), 0, 0);
    bench_compile(&bench, &y, 1, &(struct cupel_plan_options){.nofuse = true});
    cr_assert_eq(cupel_plan_stats(bench.plan).nodes, 2);
    bench_close(&bench);
}

/* The bias's gradient needs neither the places of the maxima nor the layers before them. */
Test(plan, what_a_rewrite_makes_needless_does_not_run) {
    struct bench bench = bench_open("reference");
    struct cupel_tensor *x = cupel_fill(bench.graph, &CUPEL_SHAPE(2, 3, 4, 4), 1);
    struct cupel_tensor *bias = vector(&bench, "b", 3, 1), *gradient = NULL;
    struct cupel_tensor *y = cupel_maxpool(cupel_bias_add(x, bias), &(struct cupel_pool){.kernel = {2, 2}});
    cr_assert_eq(cupel_grad(y, NULL, &bias, 1, &gradient), CUPEL_OK);
    bench_compile(&bench, &gradient, 1, NULL);
    cr_assert_eq(cupel_plan_stats(bench.plan).nodes, 2, "ones, and their sum");
    bench_run(&bench);
    cr_assert_float_eq(first(&bench, 0), 8, 0);
    bench_close(&bench);
}

Test(plan, prints_each_node_once) {
    struct bench bench = bench_open("reference");
    cupel_graph_scope(bench.graph, "net.layer");
    struct cupel_tensor *y = cupel_scale(vector(&bench, "x", 7, 1), 2, 0);
    bench_compile(&bench, &y, 1, NULL);
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    cupel_plan_print(bench.plan, file);
    fclose(file);
    cr_assert_not_null(strstr(text, "net.layer"));
    cr_assert_not_null(strstr(text, "1 nodes on reference"), "%s", text);
    free(text);
    bench_close(&bench);
}

Test(plan, outputs_are_read_by_their_exact_size) {
    struct bench bench = bench_open("reference");
    struct cupel_tensor *y = cupel_scale(vector(&bench, "x", 7, 1), 2, 0);
    bench_compile(&bench, &y, 1, NULL);
    float values[7];
    cr_assert_eq(cupel_plan_read(bench.plan, 0, values, 24, NULL), CUPEL_INVALID);
    cr_assert_eq(cupel_plan_read(bench.plan, 1, values, 28, NULL), CUPEL_INVALID);
    cr_assert_eq(cupel_plan_read(bench.plan, 0, values, 28, NULL), CUPEL_OK);
    bench_close(&bench);
}

Test(plan, unknown_devices_list_the_known) {
    struct cupel_device *device = NULL;
    struct cupel_error error = {0};
    cr_assert_eq(cupel_device_open("tpu", 0, &device, &error), CUPEL_INVALID);
    cr_assert_not_null(strstr(error.message, "reference"), "%s", error.message);
    cr_assert_eq(cupel_device_open("cpu", -1, &device, NULL), CUPEL_INVALID);
    cr_assert_null(device);
}
