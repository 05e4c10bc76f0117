/* Batch normalisation that applies the activation behind it, and its gradient that goes back through it. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "bench.h"
#include "plan/plan.h"

enum { N = 6, C = 3, COUNT = N * C };

struct net {
    struct bench bench;
    struct cupel_tensor *x, *weight, *bias, *normal; /* what is normalised, before any activation */
};

static struct cupel_tensor *channels(struct net *net, const char *name, double value) {
    return cupel_state(net->bench.graph, name, CUPEL_F32, &CUPEL_SHAPE(C),
                       &(struct cupel_init){CUPEL_INIT_CONSTANT, value, 0});
}

static struct net net_open(void) {
    struct net net = {.bench = bench_open("reference")};
    net.x = cupel_state(net.bench.graph, "x", CUPEL_F32, &CUPEL_SHAPE(N, C),
                        &(struct cupel_init){CUPEL_INIT_NORMAL, 0, 1});
    net.weight = channels(&net, "weight", 2);
    net.bias = channels(&net, "bias", 0.25);
    net.normal = cupel_batchnorm(net.x, net.weight, net.bias, channels(&net, "mean", 0),
                                 channels(&net, "var", 1), 0.1, 1e-5);
    return net;
}

/* Nodes of an op in the plan. */
static int count_of(const struct net *net, enum op_id op) {
    int count = 0;
    for (int c = 0; c < net->bench.plan->n_calls; c++) count += net->bench.plan->calls[c].node->op == op;
    return count;
}

/* Runs a plan for dx, and leaves its values in `to`. */
static void run_for(struct net *net, struct cupel_tensor *dx, bool nofuse, float to[COUNT]) {
    struct bench *bench = &net->bench;
    bench_compile(bench, &dx, 1, &(struct cupel_plan_options){.nofuse = nofuse});
    bench_run(bench);
    cr_assert_eq(cupel_plan_read(bench->plan, 0, to, COUNT * sizeof *to, &bench->error), CUPEL_OK, "%s",
                 bench->error.message);
}

/* The gradient of sum(y y) with respect to x. */
static struct cupel_tensor *gradient(struct net *net, struct cupel_tensor *y) {
    struct cupel_tensor *dx = NULL;
    cupel_grad(cupel_sum(cupel_mul(y, y), CUPEL_ALL_AXES, false), NULL, &net->x, 1, &dx);
    return dx;
}

Test(fuse, batchnorm_applies_an_activation_and_its_gradient_goes_back_through_it) {
    for (int leaky = 0; leaky < 2; leaky++) {
        struct net net = net_open();
        struct cupel_tensor *y = leaky ? cupel_leaky_relu(net.normal, 0.1) : cupel_relu(net.normal);
        struct cupel_tensor *dx = gradient(&net, y);
        const enum op_id forward = leaky ? OP_leaky_relu : OP_relu,
                         back = leaky ? OP_leaky_relu_grad : OP_relu_grad;
        float fused[COUNT], plain[COUNT];
        run_for(&net, dx, false, fused);
        cr_expect_eq(count_of(&net, forward) + count_of(&net, back), 0);
        run_for(&net, dx, true, plain);
        cr_expect_eq(count_of(&net, forward) + count_of(&net, back), 2);
        for (int i = 0; i < COUNT; i++) cr_expect_float_eq(fused[i], plain[i], 1e-6);
        bench_close(&net.bench);
    }
}

Test(fuse, other_activations_and_readers_are_left_alone) {
    struct net net = net_open();
    float values[COUNT];
    run_for(&net, cupel_tanh(net.normal), false, values);
    cr_expect_eq(count_of(&net, OP_tanh), 1);
    run_for(&net, cupel_add(cupel_relu(net.normal), net.normal), false, values);
    cr_expect_eq(count_of(&net, OP_relu), 1);
    struct cupel_tensor *invstd = net.normal + 2; /* positive, so that relu changes nothing */
    run_for(&net, cupel_add(cupel_broadcast(cupel_relu(invstd), &net.x->shape), net.normal), false, values);
    cr_expect_eq(count_of(&net, OP_relu), 1, "of invstd, which is not normalised");
    bench_close(&net.bench);
}

Test(fuse, a_second_activation_keeps_its_gradient) {
    struct net net = net_open();
    struct cupel_tensor *y = cupel_leaky_relu(cupel_leaky_relu(net.normal, 0.1), 0.5);
    struct cupel_tensor *dx = gradient(&net, y);
    float fused[COUNT], plain[COUNT];
    run_for(&net, dx, false, fused);
    cr_expect_eq(count_of(&net, OP_leaky_relu_grad), 1, "of the outer one");
    run_for(&net, dx, true, plain);
    for (int i = 0; i < COUNT; i++) cr_expect_float_eq(fused[i], plain[i], 1e-6);
    bench_close(&net.bench);
}

/* The gradient depends on the new bias, so it cannot read the old one. */
Test(fuse, a_bias_that_is_replaced_before_the_gradient_is_not_read_by_it) {
    struct net net = net_open();
    struct cupel_tensor *y = cupel_relu(net.normal),
                        *newer = cupel_assign(net.bias, channels(&net, "other", 3));
    struct cupel_tensor *dx = gradient(&net, cupel_mul(y, newer));
    float fused[COUNT];
    run_for(&net, dx, false, fused);
    cr_expect_eq(count_of(&net, OP_relu_grad), 1);
    cr_expect_eq(count_of(&net, OP_relu), 0);
    bench_close(&net.bench);
}
