/* Chains: which elementwise nodes become one, and that the numbers stay. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "graph/node.h"

enum { N = 37 };

static struct cupel_tensor *input(struct bench *bench, int i) {
    float values[N];
    for (int k = 0; k < N; k++) values[k] = 0.1f * (float)((k * (i + 3)) % 23 - 11);
    return cupel_constant(bench->graph, CUPEL_F32, &CUPEL_SHAPE(N), values);
}

static void need_emu(void) {
    struct cupel_device *device = NULL;
    struct cupel_error error = {0};
    const bool there = cupel_device_open("emu", 1, &device, &error) == CUPEL_OK;
    cupel_device_close(device);
    if (!there) cr_skip_test("%s", error.message);
}
TestSuite(plan_chain, .init = need_emu);

typedef void (*build_fn)(struct bench *bench, struct cupel_tensor **out);

/* The numbers of nodes that run, and output 0. */
static int run(const char *device, build_fn build, const struct cupel_plan_options *options,
               float values[N]) {
    struct bench bench = bench_open(device);
    struct cupel_tensor *out[4] = {NULL};
    build(&bench, out);
    int count = 0;
    while (count < 4 && out[count]) count++;
    bench_compile(&bench, out, count, options);
    bench_run(&bench);
    cr_assert_eq(cupel_plan_read(bench.plan, 0, values, N * sizeof *values, &bench.error), CUPEL_OK, "%s",
                 bench.error.message);
    const int nodes = cupel_plan_stats(bench.plan).nodes;
    bench_close(&bench);
    return nodes;
}

/* Output 0 is the reference device's, fused into `fused` nodes and, without fusing, in `plain`. */
static void expect_nodes(build_fn build, int fused, int plain) {
    float expected[N], found[N];
    cr_expect_eq(run("reference", build, NULL, expected), plain);
    const struct cupel_plan_options options[] = {{0}, {.nofuse = true}, {.debug = true}};
    const int nodes[] = {fused, plain, fused};
    for (int o = 0; o < 3; o++) {
        const int ran = run("emu", build, &options[o], found);
        cr_expect_eq(ran, nodes[o], "way %d: %d nodes, not %d", o, ran, nodes[o]);
        for (int k = 0; k < N; k++)
            cr_expect_float_eq(found[k], expected[k], 1e-5, "way %d, element %d", o, k);
    }
}

static void build_three(struct bench *bench, struct cupel_tensor **out) {
    out[0] = cupel_relu(cupel_mul(input(bench, 1), cupel_scale(input(bench, 0), 2, -0.3)));
}
Test(plan_chain, elementwise_nodes_become_one) {
    expect_nodes(build_three, 1, 3);
}

static void build_square(struct bench *bench, struct cupel_tensor **out) {
    struct cupel_tensor *t = cupel_sub(input(bench, 0), input(bench, 1));
    out[0] = cupel_mul(t, t);
}
Test(plan_chain, a_value_may_be_read_twice_by_one_node) {
    expect_nodes(build_square, 1, 2);
}

static void build_shared(struct bench *bench, struct cupel_tensor **out) {
    struct cupel_tensor *t = cupel_sub(input(bench, 0), input(bench, 1));
    out[0] = cupel_add(cupel_tanh(t), cupel_exp(t));
}
Test(plan_chain, a_value_with_two_readers_is_kept) {
    expect_nodes(build_shared, 3, 4);
}

static void build_middle(struct bench *bench, struct cupel_tensor **out) {
    out[0] = cupel_sub(input(bench, 0), input(bench, 1));
    out[1] = cupel_tanh(cupel_scale(out[0], 3, 0));
}
Test(plan_chain, an_output_is_kept) {
    expect_nodes(build_middle, 2, 3);
}

static void build_long(struct bench *bench, struct cupel_tensor **out) {
    out[0] = input(bench, 0);
    for (int i = 0; i < 24; i++) out[0] = cupel_scale(out[0], i % 2 ? 1.25 : 0.8, 0.01);
}
Test(plan_chain, has_eight_steps_at_most) {
    expect_nodes(build_long, 3, 24);
}

static void build_wide(struct bench *bench, struct cupel_tensor **out) {
    out[0] = input(bench, 0);
    for (int i = 1; i < 11; i++) out[0] = cupel_add(out[0], input(bench, i));
}
Test(plan_chain, reads_six_tensors_at_most) {
    expect_nodes(build_wide, 2, 10);
}

/* 3 w must be computed from the old version, before y can see the new one. */
static void build_update(struct bench *bench, struct cupel_tensor **out) {
    struct cupel_tensor *w = cupel_state(bench->graph, "w", CUPEL_F32, &CUPEL_SHAPE(N),
                                         &(struct cupel_init){CUPEL_INIT_CONSTANT, 2, 0});
    struct cupel_tensor *tripled = cupel_scale(cupel_reshape(w, &CUPEL_SHAPE(N)), 3, 0);
    out[0] = cupel_add(tripled, cupel_assign(w, input(bench, 0)));
}
Test(plan_chain, what_reads_a_state_that_changes_stays_where_it_is) {
    expect_nodes(build_update, 3, 3);
}

/* exp stays in f32 where the others are in 16 bits. */
static void build_mixed(struct bench *bench, struct cupel_tensor **out) {
    struct cupel_tensor *t = cupel_relu(cupel_mul(input(bench, 0), input(bench, 1)));
    out[0] = cupel_relu(cupel_scale(cupel_sqrt(cupel_exp(t)), 2, 1));
}
Test(plan_chain, tensors_of_two_types_are_not_mixed) {
    float expected[N], found[N];
    run("reference", build_mixed, NULL, expected);
    const struct cupel_plan_options options = {.precision = CUPEL_PRECISION_BF16, .everywhere = true};
    const int nodes = run("emu", build_mixed, &options, found);
    /* Three chains; casts of two inputs, between the chains, and of the output. */
    cr_expect_eq(nodes, 8, "%d nodes", nodes);
    for (int k = 0; k < N; k++) cr_expect_float_eq(found[k], expected[k], 0.02f * fabsf(expected[k]));
}

Test(plan_chain, prints_its_steps) {
    struct bench bench = bench_open("emu");
    struct cupel_tensor *out;
    build_three(&bench, &out);
    bench_compile(&bench, &out, 1, NULL);
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    cupel_plan_print(bench.plan, file);
    fclose(file);
    cr_expect_not_null(strstr(text, "scale+mul+relu "), "%s", text);
    free(text);
    bench_close(&bench);
}

Test(plan_chain, a_chain_that_reads_what_is_not_there_is_refused) {
    const struct chain bad[] = {{0, {{OP_relu, 0, CHAIN_VALUE}}},
                                {9, {{OP_relu, 0, CHAIN_VALUE}}},
                                {1, {{OP_add, 0, 1}}},
                                {1, {{OP_add, CHAIN_VALUE, 0}}},
                                {1, {{OP_relu, CHAIN_VALUE, 0}}},
                                {1, {{OP_relu, -2, 0}}},
                                {1, {{OP_sum, 0, 0}}},
                                {1, {{OP_chain, 0, 0}}}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct cupel_graph *graph = cupel_graph_new(CUPEL_F32);
        struct cupel_tensor *x = cupel_fill(graph, &CUPEL_SHAPE(N), 1);
        cr_expect_null(node_add_list(OP_chain, &x, 1, &(union attr){.chain = bad[i]}), "chain %zu", i);
        cupel_graph_free(graph);
    }
}
