/* Elementwise ops, reductions, mean losses and state updates against numbers worked out by hand: the kinks,
 * ties and ends of the number range that the cases keep away from. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "evaluate.h"

static struct cupel_graph *graph;

static void start(void) {
    graph = cupel_graph_new(CUPEL_F64);
}
static void stop(void) {
    cupel_graph_free(graph);
}
TestSuite(elementwise, .init = start, .fini = stop);

static struct cupel_tensor *gradient_of(struct cupel_tensor *y, struct cupel_tensor *x) {
    struct cupel_tensor *gradient = NULL;
    cr_assert_eq(cupel_grad(y, NULL, &x, 1, &gradient), CUPEL_OK, "%s", cupel_graph_error(graph)->message);
    return gradient;
}

Test(elementwise, arithmetic_with_broadcasting) {
    struct cupel_tensor *x = cupel_reshape(list(graph, 1, 2, 3, 4, 5, 6), &CUPEL_SHAPE(2, 3));
    struct cupel_tensor *column = cupel_reshape(list(graph, 2, 4), &CUPEL_SHAPE(2, 1));
    expect_list(cupel_sub(x, list(graph, 1, 0, -1)), 0, 2, 4, 3, 5, 7);
    expect_list(cupel_div(x, column), 0.5, 1, 1.5, 1, 1.25, 1.5);
    expect_list(gradient_of(cupel_div(x, column), column), -6. / 4, -15. / 16);
    expect_list(cupel_scale(list(graph, 1, -3), -2, 0.5), -1.5, 6.5);
    expect_list(cupel_bias_add(x, list(graph, 10, 20, 30)), 11, 22, 33, 14, 25, 36);
}

Test(elementwise, functions) {
    expect_list(cupel_exp(list(graph, 0, 1, -1000)), 1, 2.718281828459045, 0);
    expect_list(cupel_log(list(graph, 1, 0.5, 0)), 0, -0.6931471805599453, -INFINITY);
    expect_list(cupel_sqrt(list(graph, 0, 2.25, -1)), 0, 1.5, NAN);
    expect_list(cupel_power(list(graph, 2, -2, 0), 3), 8, -8, 0);
    expect_list(cupel_power(list(graph, 0, -3), 0), 1, 1);
    expect_list(gradient_of(cupel_power(list(graph, 0, -3), 0), list(graph, 0, -3)), 0, 0);
    expect_list(cupel_abs(list(graph, -2, 0, 3)), 2, 0, 3);
    expect_list(cupel_sign(list(graph, -2, 0, 3)), -1, 0, 1);
    expect_list(cupel_step(list(graph, -2, 0, 3)), 0, 0, 1);
}

Test(elementwise, gradients_at_the_kinks_are_pytorchs) {
    struct cupel_tensor *x = list(graph, -1, 0, 1, 2, 3);
    expect_list(gradient_of(cupel_relu(x), x), 0, 0, 1, 1, 1);
    expect_list(gradient_of(cupel_leaky_relu(x, 0.1), x), 0.1, 0.1, 1, 1, 1);
    expect_list(gradient_of(cupel_elu(x, 0.5), x), 0.18393972058572117, 0.5, 1, 1, 1);
    expect_list(gradient_of(cupel_abs(x), x), -1, 0, 1, 1, 1);
    expect_list(gradient_of(cupel_clamp(x, 0, 2), x), 0, 1, 1, 1, 0);
    expect_list(gradient_of(cupel_sign(x), x), 0, 0, 0, 0, 0);
    expect_list(gradient_of(cupel_step(x), x), 0, 0, 0, 0, 0);
}

/* torch.nn.functional, PyTorch 2.15, float64 */
Test(elementwise, activations) {
    struct cupel_tensor *x = list(graph, -1.5, 0, 0.5);
    expect_list(cupel_relu(x), 0, 0, 0.5);
    expect_list(cupel_leaky_relu(x, 0.01), -0.015, 0, 0.5);
    expect_list(cupel_elu(x, 1), -0.77686983985157017, 0, 0.5);
    expect_list(cupel_selu(x), -1.3658143533672527, 0, 0.5253504936777402);
    expect_list(cupel_sigmoid(x), 0.18242552380635632, 0.5, 0.62245933120185459);
    expect_list(cupel_tanh(x), -0.90514825364486640, 0, 0.46211715726000979);
    expect_list(cupel_softplus(x), 0.20141327798275246, 0.69314718055994529, 0.97407698418010669);
    expect_list(cupel_gelu(x), -0.10021080190328704, 0, 0.34573123063700656);
}

Test(elementwise, far_ends_do_not_overflow) {
    struct cupel_tensor *x = list(graph, -1e4, -40, 40, 1e4);
    expect_list(cupel_softplus(x), 0, 4.248354255291589e-18, 40, 1e4);
    expect_list(gradient_of(cupel_softplus(x), x), 0, 4.248354255291589e-18, 1, 1);
    expect_list(cupel_sigmoid(x), 0, 4.248354255291589e-18, 1, 1);
    expect_list(cupel_tanh(x), -1, -1, 1, 1);
    expect_list(cupel_elu(x, 2), -2, -2, 40, 1e4);
    expect_list(cupel_gelu(x), 0, 0, 40, 1e4);
    expect_list(gradient_of(cupel_gelu(x), x), 0, 0, 1, 1);
}

Test(elementwise, a_nan_goes_where_pytorch_lets_it) {
    struct cupel_tensor *x = list(graph, NAN, 1);
    expect_list(cupel_relu(x), NAN, 1);
    expect_list(cupel_leaky_relu(x, 0.1), NAN, 1);
    expect_list(cupel_clamp(x, -1, 1), NAN, 1);
    expect_list(cupel_sign(x), 0, 1);
    expect_list(cupel_sum(x, CUPEL_ALL_AXES, false), NAN);
    expect_list(cupel_max(x, CUPEL_ALL_AXES, false), NAN);
    expect_list(cupel_max(list(graph, 1, NAN, 2), CUPEL_ALL_AXES, false), NAN);
}

Test(elementwise, reductions) {
    struct cupel_tensor *x = cupel_reshape(list(graph, 1, 5, 3, -4, -6, -5), &CUPEL_SHAPE(2, 3));
    expect_list(cupel_sum(x, CUPEL_ALL_AXES, false), -6);
    expect_list(cupel_sum(x, 1, false), -3, -1, -2);
    expect_list(cupel_sum(x, CUPEL_ALL_AXES & ~1u, false), 9, -15);
    expect_list(cupel_mean(x, 2, true), 3, -5);
    expect_list(cupel_mean(x, CUPEL_ALL_AXES, false), -1);
    expect_list(cupel_max(x, 2, false), 5, -4);
    expect_list(gradient_of(cupel_mean(x, 2, true), x), 1. / 3, 1. / 3, 1. / 3, 1. / 3, 1. / 3, 1. / 3);
    cr_assert(cupel_shape_equal(cupel_tensor_shape(cupel_max(x, 2, true)), &CUPEL_SHAPE(2, 1)));
    cr_assert(cupel_shape_equal(cupel_tensor_shape(cupel_max(x, 2, false)), &CUPEL_SHAPE(2)));
}

Test(elementwise, equal_largest_elements_share_the_gradient) {
    struct cupel_tensor *x = cupel_reshape(list(graph, 7, 2, 7, 1, 3, 2), &CUPEL_SHAPE(2, 3));
    expect_list(gradient_of(cupel_max(x, 2, false), x), 0.5, 0, 0.5, 0, 1, 0);
    struct cupel_tensor *same = list(graph, 4, 4, 4, 4);
    expect_list(gradient_of(cupel_max(same, CUPEL_ALL_AXES, false), same), 0.25, 0.25, 0.25, 0.25);
}

Test(elementwise, moving_elements) {
    struct cupel_tensor *x = cupel_reshape(list(graph, 1, 2, 3, 4, 5, 6), &CUPEL_SHAPE(2, 3));
    struct cupel_tensor *column = cupel_reshape(list(graph, 8, 9), &CUPEL_SHAPE(2, 1));
    expect_list(cupel_transpose(x, (int[]){1, 0}), 1, 4, 2, 5, 3, 6);
    expect_list(cupel_concat((struct cupel_tensor *[]){x, column}, 2, -1), 1, 2, 3, 8, 4, 5, 6, 9);
    expect_list(cupel_concat((struct cupel_tensor *[]){x, x}, 2, 0), 1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6);
    expect_list(cupel_slice(x, (int64_t[]){0, 1}, &CUPEL_SHAPE(2, 2)), 2, 3, 5, 6);
    expect_list(cupel_pad(column, (int64_t[]){1, 0}, &CUPEL_SHAPE(3, 2)), 0, 0, 8, 0, 9, 0);
    expect_list(cupel_broadcast(column, &CUPEL_SHAPE(2, 2, 2)), 8, 8, 9, 9, 8, 8, 9, 9);
    struct cupel_tensor *rotated =
        cupel_transpose(cupel_reshape(x, &CUPEL_SHAPE(1, 2, 3)), (int[]){-1, 0, 1});
    cr_assert(cupel_shape_equal(cupel_tensor_shape(rotated), &CUPEL_SHAPE(3, 1, 2)));
    expect_list(rotated, 1, 4, 2, 5, 3, 6);
}

Test(elementwise, losses) {
    struct cupel_tensor *x = cupel_reshape(list(graph, 1, -2, 3, 0.5), &CUPEL_SHAPE(2, 2));
    struct cupel_tensor *target = cupel_reshape(list(graph, 0, -2, 1, 1), &CUPEL_SHAPE(2, 2));
    /* differences 1, 0, 2, -0.5 */
    expect_list(cupel_mse(x, target), 5.25 / 4);
    expect_list(gradient_of(cupel_mse(x, target), x), 0.5, 0, 1, -0.25);
    expect_list(gradient_of(cupel_mse(x, target), target), -0.5, 0, -1, 0.25);
    expect_list(cupel_l1(x, target), 3.5 / 4);
    expect_list(gradient_of(cupel_l1(x, target), x), 0.25, 0, 0.25, -0.25);
    /* two samples: 1/2 (e - 1 + 1 - 1 + 0), twice with means, over 2; N(0, 1) is at no distance */
    struct cupel_tensor *mean = cupel_reshape(list(graph, 1, 0, 2, 0), &CUPEL_SHAPE(2, 2));
    struct cupel_tensor *log_var = cupel_reshape(list(graph, 0, 1, 0, -1), &CUPEL_SHAPE(2, 2));
    expect_list(cupel_kl_gaussian(mean, log_var), 0.5 * (1 + (M_E - 2) + 4 + (1 / M_E)) / 2);
    expect_list(gradient_of(cupel_kl_gaussian(mean, log_var), mean), 0.5, 0, 1, 0);
    expect_list(gradient_of(cupel_kl_gaussian(mean, log_var), log_var), 0, (M_E - 1) / 4, 0,
                (1 / M_E - 1) / 4);
    struct cupel_tensor *zero = cupel_fill(graph, &CUPEL_SHAPE(5, 3), 0);
    cr_assert_eq(evaluate_one(cupel_kl_gaussian(zero, zero)), 0);
}

static struct cupel_tensor *constant_state(const char *name, double value) {
    return cupel_state(graph, name, CUPEL_F64, &CUPEL_SHAPE(2),
                       &(struct cupel_init){CUPEL_INIT_CONSTANT, value, 0});
}

Test(elementwise, state_updates) {
    expect_list(cupel_assign(constant_state("a", 1), list(graph, 5, 6)), 5, 6);
    expect_list(cupel_assign_add(constant_state("b", 1), list(graph, 5, 6)), 6, 7);
    expect_list(cupel_ema(constant_state("c", 1), list(graph, 11, -9), 0.9), 2, 0);
    struct cupel_device *device = NULL;
    struct cupel_plan *plan = NULL;
    struct cupel_error error = {0};
    cr_assert_eq(cupel_device_open("reference", 1, &device, &error), CUPEL_OK);
    struct cupel_store *store = cupel_store_new(device, 1);
    struct cupel_tensor *rng = cupel_advance(cupel_state(graph, "rng", CUPEL_I64, &CUPEL_SHAPE(2), NULL), 3);
    cupel_compile(store, graph, &rng, 1, NULL, &plan, &error);
    int64_t value[2] = {42, 1};
    cupel_store_write(store, "rng", value, sizeof value, &error);
    cupel_run(plan, &error);
    cupel_run(plan, &error);
    cupel_store_read(store, "rng", value, sizeof value, &error);
    cr_assert_eq(error.status, CUPEL_OK, "%s", error.message);
    cr_assert_eq(value[0], 42);
    cr_assert_eq(value[1], 7);
    cupel_plan_free(plan);
    cupel_store_free(store);
    cupel_device_close(device);
}
