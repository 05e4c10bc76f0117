/* Textbook examples, worked by hand and built from single ops. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "bench.h"

static struct cupel_tensor *matrix(struct bench *bench, int64_t rows, int64_t columns, const float *values) {
    return cupel_constant(bench->graph, CUPEL_F32, &CUPEL_SHAPE(rows, columns), values);
}

static struct cupel_tensor *vector(struct bench *bench, int64_t count, const float *values) {
    return cupel_constant(bench->graph, CUPEL_F32, &CUPEL_SHAPE(count), values);
}

static struct cupel_tensor *state(struct bench *bench, const char *name, const struct cupel_shape *shape) {
    return cupel_state(bench->graph, name, CUPEL_F32, shape, NULL);
}

static void set(struct bench *bench, const char *name, const float *values, size_t count) {
    enum cupel_status status =
        cupel_store_write(bench->store, name, values, count * sizeof *values, &bench->error);
    cr_assert_eq(status, CUPEL_OK, "%s", bench->error.message);
}

static void expect_state(struct bench *bench, const char *name, const float *expected, size_t count,
                         float tolerance) {
    float found[64];
    enum cupel_status status =
        cupel_store_read(bench->store, name, found, count * sizeof *found, &bench->error);
    cr_assert_eq(status, CUPEL_OK, "%s", bench->error.message);
    for (size_t i = 0; i < count; i++)
        cr_expect(fabsf(found[i] - expected[i]) <= tolerance, "%s[%zu] is %g, not %g", name, i,
                  (double)found[i], (double)expected[i]);
}

static void expect_output(struct bench *bench, int index, const float *expected, size_t count,
                          float tolerance) {
    float found[64];
    enum cupel_status status =
        cupel_plan_read(bench->plan, index, found, count * sizeof *found, &bench->error);
    cr_assert_eq(status, CUPEL_OK, "%s", bench->error.message);
    for (size_t i = 0; i < count; i++)
        cr_expect(fabsf(found[i] - expected[i]) <= tolerance, "output %d[%zu] is %g, not %g", index, i,
                  (double)found[i], (double)expected[i]);
}

static const float corners[] = {0, 0, 0, 1, 1, 0, 1, 1};

/* Minsky and Papert's stumbling block: two layers of threshold units do what one cannot. */
Test(worked, exclusive_or_is_a_step_over_and_and_or) {
    struct bench bench = bench_open("reference");
    struct cupel_tensor *x = matrix(&bench, 4, 2, corners);
    struct cupel_tensor *sum = cupel_sum(x, 2, false);
    struct cupel_tensor *both = cupel_step(cupel_scale(sum, 1, -1.5));
    struct cupel_tensor *any = cupel_step(cupel_scale(sum, 1, -0.5));
    struct cupel_tensor *outputs[] = {both, any, cupel_step(cupel_add(cupel_scale(both, -1, 0), any))};
    bench_compile(&bench, outputs, 3, NULL);
    bench_run(&bench);
    expect_output(&bench, 0, (const float[]){0, 0, 0, 1}, 4, 0);
    expect_output(&bench, 1, (const float[]){0, 1, 1, 1}, 4, 0);
    expect_output(&bench, 2, (const float[]){0, 1, 1, 0}, 4, 0);
    bench_close(&bench);
}

/* Rosenblatt's rule, weights += (target - output) x, on OR, one pattern a step. By hand: from zero weights
 * the three epochs that change something end in (0, 1; 1), (1, 1; 1) and (1, 1; 0). */
Test(worked, the_perceptron_rule_learns_or_in_three_epochs) {
    struct bench bench = bench_open("reference");
    struct cupel_graph *graph = bench.graph;
    struct cupel_tensor *weight = state(&bench, "weight", &CUPEL_SHAPE(1, 2));
    struct cupel_tensor *bias = state(&bench, "bias", &CUPEL_SHAPE(1));
    struct cupel_tensor *order =
        cupel_constant(graph, CUPEL_I32, &CUPEL_SHAPE(4), (const int32_t[]){0, 1, 2, 3});
    struct cupel_tensor *cursor = cupel_state(graph, "cursor", CUPEL_I64, &CUPEL_SHAPE(1), NULL);
    struct cupel_tensor *x = cupel_gather(matrix(&bench, 4, 2, corners), order, cursor, 1);
    struct cupel_tensor *target =
        cupel_gather(matrix(&bench, 4, 1, (const float[]){0, 1, 1, 1}), order, cursor, 1);
    struct cupel_tensor *error = cupel_sub(target, cupel_step(cupel_linear(x, weight, bias)));
    cupel_assign_add(weight, cupel_mul(x, error));
    cupel_assign_add(bias, cupel_reshape(error, &CUPEL_SHAPE(1)));
    cupel_advance(cursor, 1);
    bench_compile(&bench, NULL, 0, NULL);
    static const float weights[5][3] = {{0, 1, 1}, {1, 1, 1}, {1, 1, 0}, {1, 1, 0}, {1, 1, 0}};
    for (int epoch = 0; epoch < 5; epoch++) {
        for (int i = 0; i < 4; i++) bench_run(&bench);
        expect_state(&bench, "weight", weights[epoch], 2, 0);
        expect_state(&bench, "bias", weights[epoch] + 2, 1, 0);
    }
    bench_close(&bench);
}

/* One step of backpropagation through sigmoid units: Han, Kamber, Pei, Data Mining, 3rd edition, example 9.1.
 * The book's errors are minus the gradients of half the squared error with respect to the units' net inputs.
 */
Test(worked, one_step_of_sigmoid_backpropagation) {
    struct bench bench = bench_open("reference");
    struct cupel_tensor *x = matrix(&bench, 1, 3, (const float[]){1, 0, 1});
    struct cupel_tensor *w1 = state(&bench, "hidden.weight", &CUPEL_SHAPE(2, 3));
    struct cupel_tensor *b1 = state(&bench, "hidden.bias", &CUPEL_SHAPE(2));
    struct cupel_tensor *w2 = state(&bench, "output.weight", &CUPEL_SHAPE(1, 2));
    struct cupel_tensor *b2 = state(&bench, "output.bias", &CUPEL_SHAPE(1));
    struct cupel_tensor *net1 = cupel_linear(x, w1, b1), *hidden = cupel_sigmoid(net1);
    struct cupel_tensor *net2 = cupel_linear(hidden, w2, b2), *output = cupel_sigmoid(net2);
    struct cupel_tensor *loss =
        cupel_scale(cupel_mse(output, matrix(&bench, 1, 1, (const float[]){1})), 0.5, 0);
    struct cupel_tensor *targets[] = {net1, net2, w1, b1, w2, b2}, *gradients[6];
    cr_assert_eq(cupel_grad(loss, NULL, targets, 6, gradients), CUPEL_OK, "%s",
                 cupel_graph_error(bench.graph)->message);
    struct cupel_tensor *rate = vector(&bench, 1, (const float[]){0.9f});
    for (int i = 2; i < 6; i++)
        cupel_sgd(targets[i], NULL, gradients[i], rate, NULL, &(struct cupel_sgd){.momentum = 0});
    struct cupel_tensor *outputs[] = {hidden, output, gradients[0], gradients[1]};
    bench_compile(&bench, outputs, 4, NULL);
    set(&bench, "hidden.weight", (const float[]){0.2f, 0.4f, -0.5f, -0.3f, 0.1f, 0.2f}, 6);
    set(&bench, "hidden.bias", (const float[]){-0.4f, 0.2f}, 2);
    set(&bench, "output.weight", (const float[]){-0.3f, -0.2f}, 2);
    set(&bench, "output.bias", (const float[]){0.1f}, 1);
    bench_run(&bench);
    expect_output(&bench, 0, (const float[]){0.332f, 0.525f}, 2, 0.0005f);
    expect_output(&bench, 1, (const float[]){0.474f}, 1, 0.0005f);
    expect_output(&bench, 2, (const float[]){0.0087f, 0.0065f}, 2, 0.00005f);
    expect_output(&bench, 3, (const float[]){-0.1311f}, 1, 0.0001f);
    expect_state(&bench, "hidden.weight", (const float[]){0.192f, 0.4f, -0.508f, -0.306f, 0.1f, 0.194f}, 6,
                 0.0005f);
    expect_state(&bench, "hidden.bias", (const float[]){-0.408f, 0.194f}, 2, 0.0005f);
    expect_state(&bench, "output.weight", (const float[]){-0.261f, -0.138f}, 2, 0.0005f);
    expect_state(&bench, "output.bias", (const float[]){0.218f}, 1, 0.0005f);
    bench_close(&bench);
}

/* ---- Rumelhart, Hinton and Williams's encoder: eight one-hot patterns through three hidden units ---- */

enum { CODES = 8, BITS = 3 };

/* A layer of sigmoid units; its weights are appended to `parameters`. */
static struct cupel_tensor *sigmoid_layer(struct bench *bench, struct cupel_tensor *x, const char *weight,
                                          const char *bias, int64_t units, struct cupel_tensor **parameters) {
    int64_t inputs = cupel_tensor_shape(x)->dim[1];
    const struct cupel_init init = {CUPEL_INIT_UNIFORM, -0.5, 0.5};
    parameters[0] = cupel_state(bench->graph, weight, CUPEL_F32, &CUPEL_SHAPE(units, inputs), &init);
    parameters[1] = cupel_state(bench->graph, bias, CUPEL_F32, &CUPEL_SHAPE(units), &init);
    return cupel_sigmoid(cupel_linear(x, parameters[0], parameters[1]));
}

Test(worked, the_8_3_8_encoder_learns_all_eight_codes) {
    struct bench bench = bench_open("reference");
    static const char *const velocities[] = {"v1", "v2", "v3", "v4"};
    float identity[CODES * CODES] = {0}, outputs[CODES * CODES], codes[CODES * BITS];
    for (int i = 0; i < CODES; i++) identity[i * CODES + i] = 1;
    struct cupel_tensor *x = matrix(&bench, CODES, CODES, identity), *parameters[4], *gradients[4];
    struct cupel_tensor *hidden = sigmoid_layer(&bench, x, "w1", "b1", BITS, parameters);
    struct cupel_tensor *y = sigmoid_layer(&bench, hidden, "w2", "b2", CODES, parameters + 2);
    cr_assert_eq(cupel_grad(cupel_mse(y, x), NULL, parameters, 4, gradients), CUPEL_OK, "%s",
                 cupel_graph_error(bench.graph)->message);
    struct cupel_tensor *rate = vector(&bench, 1, (const float[]){1});
    for (int i = 0; i < 4; i++)
        cupel_sgd(parameters[i], state(&bench, velocities[i], cupel_tensor_shape(parameters[i])),
                  gradients[i], rate, NULL, &(struct cupel_sgd){.momentum = 0.9});
    bench_compile(&bench, (struct cupel_tensor *[]){hidden, y}, 2, NULL);
    for (int step = 0; step < 5000; step++) bench_run(&bench);
    cr_assert_eq(cupel_plan_read(bench.plan, 0, codes, sizeof codes, &bench.error), CUPEL_OK);
    cr_assert_eq(cupel_plan_read(bench.plan, 1, outputs, sizeof outputs, &bench.error), CUPEL_OK);
    for (int i = 0; i < CODES * CODES; i++)
        cr_expect_eq(outputs[i] > 0.5f, identity[i] > 0.5f, "output %d of pattern %d is %g", i % CODES,
                     i / CODES, (double)outputs[i]);
    unsigned seen = 0;
    for (int i = 0; i < CODES; i++) {
        int code = 0;
        for (int b = 0; b < BITS; b++) code = 2 * code + (codes[i * BITS + b] > 0.5f);
        seen |= 1u << code;
    }
    cr_expect_eq(seen, 0xFF, "the hidden units have not found eight different codes: %x", seen);
    bench_close(&bench);
}

/* Added up one after the other in f32, a hundredth of it would be lost. */
Test(worked, a_sum_of_millions_loses_nothing) {
    static const char *const devices[] = {"reference", "cpu"};
    enum { COUNT = 1 << 22 };
    const struct cupel_init tenth = {.kind = CUPEL_INIT_CONSTANT, .a = 0.1};
    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) {
        struct bench bench = bench_open(devices[i]);
        struct cupel_tensor *x = cupel_state(bench.graph, "x", CUPEL_F32, &CUPEL_SHAPE(COUNT), &tenth);
        struct cupel_tensor *sum = cupel_sum(x, CUPEL_ALL_AXES, false);
        bench_compile(&bench, &sum, 1, NULL);
        bench_run(&bench);
        expect_output(&bench, 0, (const float[]){0.1f * COUNT}, 1, 0.1f * COUNT * 1e-5f);
        bench_close(&bench);
    }
}
