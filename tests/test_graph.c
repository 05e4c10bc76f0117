/* The graph: errors, states and their versions, gradients. */
#include <criterion/criterion.h>
#include <string.h>

#include "evaluate.h"
#include "graph/node.h"

static struct cupel_tensor *state(struct cupel_graph *graph, const char *name, double value) {
    return cupel_state(graph, name, cupel_graph_real(graph), &CUPEL_SHAPE(3),
                       &(struct cupel_init){CUPEL_INIT_CONSTANT, value, 0});
}

static void expect_error(const struct cupel_graph *graph, const char *const *parts, int count) {
    const struct cupel_error *error = cupel_graph_error(graph);
    cr_expect_eq(error->status, CUPEL_INVALID, "%s", cupel_status_text(error->status));
    for (int i = 0; i < count; i++)
        cr_expect_not_null(strstr(error->message, parts[i]), "no '%s' in: %s", parts[i], error->message);
}
#define EXPECT_ERROR(graph, ...)                       \
    expect_error(graph, (const char *[]){__VA_ARGS__}, \
                 (int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)))

/* ---- errors ---- */

Test(graph, an_error_names_place_op_layer_and_shapes) {
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F32);
    struct cupel_tensor *x = cupel_fill(graph, &CUPEL_SHAPE(2, 3, 5), 1),
                        *bias = cupel_fill(graph, &CUPEL_SHAPE(4), 1);
    cupel_graph_place(graph, "lenet5.yaml:12:9");
    cupel_graph_scope(graph, "net.conv1");
    cr_assert_null(cupel_bias_add(x, bias));
    EXPECT_ERROR(graph, "lenet5.yaml:12:9: bias_add (net.conv1): ", "f32 [2, 3, 5], f32 [4]");
    cupel_graph_free(graph);
}

Test(graph, shapes_that_do_not_broadcast_are_both_named) {
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F32);
    struct cupel_tensor *x = cupel_fill(graph, &CUPEL_SHAPE(2, 3), 1),
                        *y = cupel_fill(graph, &CUPEL_SHAPE(4, 1, 2), 1);
    cr_assert_null(cupel_sub(x, y));
    EXPECT_ERROR(graph, "sub: ", "[2, 3]", "[4, 1, 2]");
    cupel_graph_free(graph);
}

Test(graph, the_first_error_stays_and_stops_everything) {
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F32);
    struct cupel_tensor *x = state(graph, "x", 1), *gradient = x;
    cr_assert_null(cupel_reshape(x, &CUPEL_SHAPE(2, -1)));
    char first[sizeof cupel_graph_error(graph)->message];
    strcpy(first, cupel_graph_error(graph)->message);
    cr_assert_null(cupel_relu(x), "a graph with an error builds no more");
    cr_assert_null(cupel_slice(x, (int64_t[]){5}, &CUPEL_SHAPE(1)));
    cr_assert_null(cupel_state(graph, "y", CUPEL_F32, &CUPEL_SHAPE(1), NULL));
    cr_assert_null(cupel_fill(graph, &CUPEL_SHAPE(1), 0));
    cr_assert_eq(cupel_grad(x, NULL, &x, 1, &gradient), CUPEL_INVALID);
    cr_assert_null(gradient);
    cr_assert_str_eq(cupel_graph_error(graph)->message, first);
    cupel_graph_free(graph);
}

Test(graph, compiling_reports_the_graphs_error) {
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F32);
    struct cupel_tensor *x = state(graph, "x", 1);
    struct cupel_tensor *y = cupel_elu(x, -1);
    struct cupel_device *device = NULL;
    struct cupel_plan *plan = NULL;
    struct cupel_error error = {0};
    cr_assert_eq(cupel_device_open("reference", 1, &device, NULL), CUPEL_OK);
    struct cupel_store *store = cupel_store_new(device, 1);
    cr_assert_eq(cupel_compile(store, graph, &y, 1, NULL, &plan, &error), CUPEL_INVALID);
    cr_assert_str_eq(error.message, cupel_graph_error(graph)->message);
    cr_assert_null(plan);
    cupel_store_free(store);
    cupel_device_close(device);
    cupel_graph_free(graph);
}

Test(graph, null_inputs_pass_through) {
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F32);
    struct cupel_tensor *x = state(graph, "x", 1), *none = NULL, *gradient = x;
    cr_assert_null(cupel_relu(NULL));
    cr_assert_null(cupel_add(NULL, NULL));
    cr_assert_null(cupel_mean(NULL, CUPEL_ALL_AXES, false));
    cr_assert_null(cupel_flatten(NULL));
    cr_assert_null(cupel_transpose(NULL, NULL));
    cr_assert_null(cupel_concat(&none, 1, 0));
    cr_assert_null(cupel_part(NULL, "p", 0, &CUPEL_SHAPE(1), NULL));
    cr_assert_null(cupel_assign(NULL, NULL));
    cr_assert_null(cupel_mse(NULL, x));
    cr_assert_null(cupel_kl_gaussian(x, NULL));
    cr_assert_eq(cupel_graph_error(graph)->status, CUPEL_OK, "nothing says which graph they belong to");
    cr_assert_neq(cupel_grad(NULL, NULL, &none, 1, &gradient), CUPEL_OK);
    cr_assert_null(cupel_assign(x, NULL));
    EXPECT_ERROR(graph, "assign: input 1 is NULL");
    cupel_graph_free(graph);
}

Test(graph, tensors_of_another_graph_are_refused) {
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F32), *other = cupel_graph_new(CUPEL_F32);
    struct cupel_tensor *x = state(graph, "x", 1), *alien = state(other, "x", 1);
    cr_assert_null(cupel_mul(x, alien));
    EXPECT_ERROR(graph, "mul: input 1 belongs to another graph");
    cr_assert_eq(cupel_graph_error(other)->status, CUPEL_OK);
    struct cupel_graph *third = cupel_graph_new(CUPEL_F32);
    struct cupel_tensor *y = cupel_exp(state(third, "x", 1)), *gradient;
    cr_assert_eq(cupel_grad(y, NULL, &alien, 1, &gradient), CUPEL_INVALID);
    EXPECT_ERROR(third, "target 0");
    cupel_graph_free(graph);
    cupel_graph_free(other);
    cupel_graph_free(third);
}

Test(graph, computing_is_for_the_graphs_floating_point_type) {
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F32);
    struct cupel_tensor *x = cupel_state(graph, "x", CUPEL_F64, &CUPEL_SHAPE(2), NULL);
    cr_assert_null(cupel_exp(x));
    EXPECT_ERROR(graph, "exp: input 0 must be f32; inputs: f64 [2]");
    cupel_graph_free(graph);
}

/* Each row: what is built of x [2, 3] and a state n, I32 [3], and what the message must say. */
static struct cupel_tensor *build_refused(struct cupel_tensor *x, struct cupel_tensor *n, int which) {
    const int64_t start[] = {1, 2};
    struct cupel_tensor *both[] = {x, cupel_fill(cupel_tensor_graph(x), &CUPEL_SHAPE(3, 3), 0)};
    switch (which) {
    case 0:
        return cupel_slice(x, start, &CUPEL_SHAPE(1, 2));
    case 1:
        return cupel_pad(x, start, &CUPEL_SHAPE(3, 4));
    case 2:
        return cupel_transpose(x, (int[]){0, 0});
    case 3:
        return cupel_concat(both, 2, 1);
    case 4:
        return cupel_concat(both, 2, 2);
    case 5:
        return cupel_sum(x, 4, false);
    case 6:
        return cupel_clamp(x, 1, -1);
    case 7:
        return cupel_leaky_relu(x, 0);
    case 8:
        return cupel_relu(n);
    case 9:
        return cupel_broadcast(x, &CUPEL_SHAPE(3, 2));
    case 10:
        return cupel_reshape(x, &CUPEL_SHAPE(-1, -1));
    case 11:
        return cupel_mse(x, cupel_sum(x, 1, true));
    case 12:
        return cupel_advance(n, 1);
    case 13:
        return cupel_part(n, NULL, 2, &CUPEL_SHAPE(2), NULL);
    case 14:
        return cupel_assign(n, x);
    case 15:
        return cupel_ema(n, n, 0.5);
    case 16:
        return cupel_part(x, NULL, 0, &CUPEL_SHAPE(2), NULL);
    case 17:
        return cupel_assign(x, x);
    case 18:
        return cupel_broadcast(x, &(struct cupel_shape){.rank = 7});
    case 19:
        return cupel_slice(x, start, &CUPEL_SHAPE(1, 1, 1));
    case 20:
        return cupel_state(cupel_tensor_graph(x), "s", (enum cupel_dtype)99, &CUPEL_SHAPE(1), NULL);
    default:
        return cupel_max(x, 1u << 7, true);
    }
}

Test(graph, misfits_are_refused) {
    static const char *const says[] = {
        "slice: dimension 1: elements 2 to 3 do not lie in 0 to 2",
        "pad: dimension 1: elements 2 to 4 do not lie in 0 to 3",
        "transpose: the order must name every axis once",
        "concat: input 1 differs from the first in more than axis 1",
        "concat: there is no such axis",
        "sum: ",
        "clamp: the bounds 1 and -1",
        "leaky_relu: its parameter must be positive",
        "relu: input 0 must be f32; inputs: i32 [3]",
        "broadcast: its shape cannot be repeated",
        "reshape: dimension 1 is -1",
        "mse: the prediction is [2, 3] but the target [1, 3]",
        "advance: a counter must be i64",
        "part: the part at 2 does not lie inside its range",
        "assign: the value must have the state's shape and dtype",
        "ema: the average must be f32",
        "part: a part is taken from a flat tensor",
        "assign: input 0 must be a state",
        "broadcast: rank 7 is not possible",
        "slice: the block must have rank 2",
        "state: result: there is no dtype 99",
        "max: ",
    };
    for (int i = 0; i < (int)(sizeof says / sizeof *says); i++) {
        struct cupel_graph *graph = cupel_graph_new(CUPEL_F32);
        struct cupel_tensor *x = cupel_fill(graph, &CUPEL_SHAPE(2, 3), 1);
        struct cupel_tensor *n = cupel_state(graph, "n", CUPEL_I32, &CUPEL_SHAPE(3), NULL);
        cr_expect_null(build_refused(x, n, i), "row %d was built", i);
        EXPECT_ERROR(graph, says[i]);
        cupel_graph_free(graph);
    }
}

/* ---- states ---- */

Test(graph, a_state_asked_for_twice_is_one) {
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F32);
    struct cupel_tensor *x = state(graph, "x", 1);
    cr_assert_eq(cupel_state(graph, "x", CUPEL_F32, &CUPEL_SHAPE(3), NULL), x);
    cr_assert_null(cupel_state(graph, "x", CUPEL_F32, &CUPEL_SHAPE(4), NULL));
    EXPECT_ERROR(graph, "state: 'x' is declared twice");
    cupel_graph_free(graph);
}

Test(graph, a_state_of_another_dtype_is_refused) {
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F32);
    state(graph, "x", 1);
    cr_assert_null(cupel_state(graph, "x", CUPEL_I32, &CUPEL_SHAPE(3), NULL));
    EXPECT_ERROR(graph, "'x' is declared twice");
    cupel_graph_free(graph);
}

Test(graph, only_the_newest_version_can_be_replaced) {
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F64);
    struct cupel_tensor *x = state(graph, "x", 1);
    struct cupel_tensor *newer = cupel_assign_add(x, list(graph, 1, 2, 3));
    cr_assert_eq(cupel_state_latest(graph, "x"), newer);
    cr_assert_null(cupel_state_latest(graph, "y"));
    struct cupel_tensor *newest = cupel_ema(newer, list(graph, 0, 0, 0), 0.5);
    cr_assert_eq(cupel_state_latest(graph, "x"), newest);
    expect_list(newest, 1, 1.5, 2);
    cr_assert_null(cupel_assign(newer, list(graph, 0, 0, 0)));
    EXPECT_ERROR(graph, "assign: input 0 must be the newest version of state 'x'");
    cupel_graph_free(graph);
}

Test(graph, a_node_replaces_a_state_once) {
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F64);
    struct cupel_tensor *x = state(graph, "x", 1);
    const struct cupel_sgd sgd = {.momentum = 0.9};
    cr_assert_null(cupel_sgd(x, x, list(graph, 1, 2, 3), cupel_fill(graph, &CUPEL_SCALAR, 1), NULL, &sgd));
    EXPECT_ERROR(graph, "sgd_momentum: inputs 0 and 1 must be different states");
    cupel_graph_free(graph);
}

Test(graph, a_part_of_a_state_can_be_replaced) {
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F32);
    struct cupel_tensor *x = cupel_state(graph, "x", CUPEL_F32, &CUPEL_SHAPE(40), NULL);
    struct cupel_tensor *part = cupel_part(x, NULL, 16, &CUPEL_SHAPE(3), NULL);
    struct cupel_tensor *changed = cupel_assign(part, cupel_fill(graph, &CUPEL_SHAPE(3), 2));
    struct cupel_tensor *newest = cupel_state_latest(graph, "x");
    cr_assert(changed && newest && newest != x && newest != changed);
    cr_assert(cupel_shape_equal(cupel_tensor_shape(newest), &CUPEL_SHAPE(40)));
    struct cupel_tensor *again = cupel_part(newest, NULL, 0, &CUPEL_SHAPE(17), NULL);
    cr_assert(cupel_assign_add(again, cupel_fill(graph, &CUPEL_SHAPE(17), 1)));
    cr_assert_neq(cupel_state_latest(graph, "x"), newest);
    cr_assert_null(cupel_assign(part, cupel_fill(graph, &CUPEL_SHAPE(3), 5)));
    EXPECT_ERROR(graph, "assign: input 0 must be the newest version of state 'x'");
    cupel_graph_free(graph);
}

Test(graph, parts_of_one_state_are_one_state) {
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F32);
    struct cupel_tensor *x = cupel_state(graph, "x", CUPEL_F32, &CUPEL_SHAPE(40), NULL);
    struct cupel_tensor *a = cupel_part(x, NULL, 0, &CUPEL_SHAPE(3), NULL),
                        *b = cupel_part(x, NULL, 16, &CUPEL_SHAPE(3), NULL);
    const struct cupel_sgd sgd = {.momentum = 0.9};
    cr_assert_null(cupel_sgd(a, b, cupel_fill(graph, &CUPEL_SHAPE(3), 1), cupel_fill(graph, &CUPEL_SCALAR, 1),
                             NULL, &sgd));
    EXPECT_ERROR(graph, "sgd_momentum: inputs 0 and 1 must be different states");
    cupel_graph_free(graph);
}

Test(graph, a_part_that_is_replaced_begins_where_parts_do) {
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F32);
    struct cupel_tensor *x = cupel_state(graph, "x", CUPEL_F32, &CUPEL_SHAPE(40), NULL);
    cr_assert_null(
        cupel_assign(cupel_part(x, NULL, 8, &CUPEL_SHAPE(3), NULL), cupel_fill(graph, &CUPEL_SHAPE(3), 5)));
    EXPECT_ERROR(graph, "assign: input 0 is a part at 8; one that is changed begins at a multiple of 16");
    cupel_graph_free(graph);
}

Test(graph, a_computed_tensor_is_no_state) {
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F64);
    struct cupel_tensor *x = cupel_exp(state(graph, "x", 1));
    cr_assert_null(cupel_assign(x, x));
    EXPECT_ERROR(graph, "assign: input 0 must be a state");
    cupel_graph_free(graph);
}

/* ---- gradients ---- */

static struct cupel_tensor *gradient_of(struct cupel_tensor *y, struct cupel_tensor *x) {
    struct cupel_tensor *gradient = NULL;
    enum cupel_status status = cupel_grad(y, NULL, &x, 1, &gradient);
    cr_assert_eq(status, CUPEL_OK, "%s", cupel_graph_error(cupel_tensor_graph(x))->message);
    return gradient;
}

Test(graph, a_target_that_is_not_reached_has_gradient_zero) {
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F64);
    struct cupel_tensor *x = list(graph, 1, 2, 3), *other = list(graph, 4, 5);
    struct cupel_tensor *gradients[2];
    cr_assert_eq(cupel_grad(cupel_mul(x, x), NULL, (struct cupel_tensor *[]){other, x}, 2, gradients),
                 CUPEL_OK);
    expect_list(gradients[0], 0, 0);
    expect_list(gradients[1], 2, 4, 6);
    cupel_graph_free(graph);
}

Test(graph, a_tensor_is_its_own_gradients_target) {
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F64);
    struct cupel_tensor *x = list(graph, 1, 2, 3);
    expect_list(gradient_of(x, x), 1, 1, 1);
    cupel_graph_free(graph);
}

Test(graph, gradients_of_all_uses_add_up) {
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F64);
    struct cupel_tensor *x = list(graph, 1, 2, 3);
    /* 5 x + x^2, of which x appears three times */
    struct cupel_tensor *y = cupel_add(cupel_scale(x, 5, 0), cupel_mul(x, x));
    expect_list(gradient_of(y, x), 7, 9, 11);
    cupel_graph_free(graph);
}

Test(graph, an_upstream_gradient_weighs_the_elements) {
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F64);
    struct cupel_tensor *x = list(graph, 1, 2, 3), *y = cupel_power(x, 2), *gradient;
    cr_assert_eq(cupel_grad(y, list(graph, 1, 0, -10), &x, 1, &gradient), CUPEL_OK);
    expect_list(gradient, 2, 0, -60);
    cr_assert_eq(cupel_grad(y, list(graph, 1), &x, 1, &gradient), CUPEL_INVALID);
    EXPECT_ERROR(graph, "upstream");
    cupel_graph_free(graph);
}

Test(graph, gradients_stop_at_new_versions_of_states) {
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F64);
    struct cupel_tensor *w = state(graph, "w", 2), *x = list(graph, 1, 2, 3);
    struct cupel_tensor *newer = cupel_assign_add(w, cupel_mul(w, x)); /* 4, 6, 8 */
    struct cupel_tensor *y = cupel_mul(newer, x);
    struct cupel_tensor *gradients[3];
    cr_assert_eq(cupel_grad(y, NULL, (struct cupel_tensor *[]){w, x, newer}, 3, gradients), CUPEL_OK);
    expect_list(gradients[0], 0, 0, 0);
    expect_list(gradients[1], 4, 6, 8);
    expect_list(gradients[2], 1, 2, 3);
    cupel_graph_free(graph);
}

Test(graph, only_what_the_targets_need_is_built) {
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F64);
    struct cupel_tensor *x = list(graph, 1, 2, 3), *w = state(graph, "w", 2);
    struct cupel_tensor *hidden = cupel_exp(x); /* no target lies above it */
    struct cupel_tensor *y = cupel_mul(hidden, w);
    int before = graph->n_nodes;
    gradient_of(y, w);
    /* ones (a constant, repeated) and their product with `hidden`; not the product with w, nor exp's gradient
     */
    cr_assert_eq(graph->n_nodes - before, 3);
    cupel_graph_free(graph);
}

Test(graph, integers_have_no_gradient) {
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F64);
    struct cupel_tensor *n = cupel_state(graph, "n", CUPEL_I32, &CUPEL_SHAPE(3), NULL), *gradient;
    cr_assert_eq(cupel_grad(list(graph, 1), NULL, &n, 1, &gradient), CUPEL_INVALID);
    EXPECT_ERROR(graph, "grad: target 0");
    cupel_graph_free(graph);
}

Test(graph, gradient_of_a_gradient_of_x_cubed) {
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F64);
    struct cupel_tensor *x = list(graph, 1, -2, 0);
    struct cupel_tensor *first = gradient_of(cupel_power(x, 3), x);
    struct cupel_tensor *second = gradient_of(first, x), *third = gradient_of(second, x);
    expect_list(first, 3, 12, 0);
    expect_list(second, 6, -12, 0);
    expect_list(third, 6, 6, 6);
    expect_list(gradient_of(third, x), 0, 0, 0);
    cupel_graph_free(graph);
}

Test(graph, gradients_keep_place_and_scope_of_their_nodes) {
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F64);
    struct cupel_tensor *x = list(graph, 1, 2, 3);
    cupel_graph_scope(graph, "net.act");
    struct cupel_tensor *y = cupel_tanh(x);
    cupel_graph_scope(graph, "after");
    struct cupel_tensor *gradient = gradient_of(y, x);
    cr_assert_str_eq(gradient->node->scope, "net.act");
    cr_assert_str_eq(cupel_exp(x)->node->scope, "after");
    cupel_graph_free(graph);
}
