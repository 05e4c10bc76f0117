/* What a GAN's step is made of: the penalty's second derivatives, and which gradients are computed. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "judge.h"
#include "plan/plan.h"
#include "train/gan.h"

static struct cupel_model *read_model(const char *text) {
    struct cupel_error error = {0};
    struct cupel_model *model;
    enum cupel_status status = cupel_model_read_text("gan.yaml", text, strlen(text), NULL, 0, &model, &error);
    cr_assert_eq(status, CUPEL_OK, "%s", error.message);
    return model;
}

/* ---- the gradient penalty in f64 ---- */

enum { POINTS = 3 };

static const char critic[] =
    "task: gan\n"
    "data: {format: idx, path: nowhere, shape: [2, 4, 4]}\n"
    "networks:\n"
    "  generator: {input: {noise: [3, 1, 1]}, layers: [deconv: {out: 2, kernel: 4}]}\n"
    "  discriminator:\n"
    "    input: image\n"
    "    layers:\n"
    "      - conv: {out: 3, kernel: 3, pad: 1}\n"
    "      - leaky_relu: {slope: 0.2}\n"
    "      - layernorm\n"
    "      - conv: {out: 4, kernel: 4, stride: 2, pad: 1}\n"
    "      - leaky_relu: {slope: 0.2}\n"
    "      - flatten\n"
    "      - linear: {out: 1}\n"
    "train: {loss: wasserstein, optimizer: adam, batch: 4, steps: 1}\n";

/* A plan of the penalty and its gradients with respect to the weights and the points. */
struct slope {
    struct cupel_device *device;
    struct cupel_store *store;
    struct cupel_plan *plan;
    int64_t counts[2];
};
static const char *const slope_states[2] = {"discriminator", "x"};

static struct slope slope_open(const struct cupel_model *model) {
    struct slope slope;
    struct cupel_error error = {0};
    const struct cupel_init spread = {.kind = CUPEL_INIT_NORMAL, .b = 1};
    cr_assert_eq(cupel_device_open("reference", 1, &slope.device, &error), CUPEL_OK, "%s", error.message);
    slope.store = cupel_store_new(slope.device, 3);
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F64);
    const struct cupel_network *network = cupel_model_network_named(model, "discriminator");
    const struct cupel_parts *parts = cupel_network_parts(network, graph, NULL);
    struct cupel_tensor *x = cupel_state(graph, "x", CUPEL_F64, &CUPEL_SHAPE(POINTS, 2, 4, 4), &spread);
    struct cupel_tensor *y = cupel_network_forward(network, parts, x, NULL, true, NULL), *outputs[3];
    outputs[0] = gan_penalty(cupel_reshape(y, &CUPEL_SHAPE(POINTS)), x);
    outputs[1] = cupel_parts_grad(parts, outputs[0], NULL);
    cr_assert_eq(cupel_grad(outputs[0], NULL, &x, 1, &outputs[2]), CUPEL_OK, "%s",
                 cupel_graph_error(graph)->message);
    cr_assert_eq(cupel_compile(slope.store, graph, outputs, 3, NULL, &slope.plan, &error), CUPEL_OK, "%s",
                 error.message);
    slope.counts[0] = cupel_network_range(network);
    slope.counts[1] = cupel_shape_count(cupel_tensor_shape(x));
    cupel_graph_free(graph);
    return slope;
}

static void slope_read(struct slope *slope, int output, double *values, int64_t count) {
    struct cupel_error error = {0};
    cr_assert_eq(cupel_run(slope->plan, &error), CUPEL_OK, "%s", error.message);
    cr_assert_eq(cupel_plan_read(slope->plan, output, values, (size_t)count * sizeof *values, &error),
                 CUPEL_OK, "%s", error.message);
}

/* The penalty with element `e` of a state moved by `step`. */
static double moved(struct slope *slope, const char *state, double *values, int64_t count, int64_t e,
                    double step) {
    struct cupel_error error = {0};
    const double kept = values[e];
    double penalty;
    const size_t bytes = (size_t)count * sizeof *values;
    values[e] += step;
    cr_assert_eq(cupel_store_write(slope->store, state, values, bytes, &error), CUPEL_OK);
    slope_read(slope, 0, &penalty, 1);
    values[e] = kept;
    cr_assert_eq(cupel_store_write(slope->store, state, values, bytes, &error), CUPEL_OK);
    return penalty;
}

Test(gan_step, second_derivatives_of_the_penalty_are_differences) {
    struct cupel_model *model = read_model(critic);
    struct slope slope = slope_open(model);
    struct cupel_error error = {0};
    for (int s = 0; s < 2; s++) {
        const int64_t count = slope.counts[s];
        const size_t bytes = (size_t)count * sizeof(double);
        double *values = malloc(bytes), *gradient = malloc(bytes), *differences = malloc(bytes);
        slope_read(&slope, 1 + s, gradient, count);
        cr_assert_eq(cupel_store_read(slope.store, slope_states[s], values, bytes, &error), CUPEL_OK);
        for (int64_t e = 0; e < count; e++)
            differences[e] = (moved(&slope, slope_states[s], values, count, e, 1e-5) -
                              moved(&slope, slope_states[s], values, count, e, -1e-5)) /
                             2e-5;
        const double found = relative_error(gradient, differences, count, 1e-3);
        cr_expect_leq(found, 1e-7, "of %s: relative error %g", slope_states[s], found);
        free(values);
        free(gradient);
        free(differences);
    }
    cupel_plan_free(slope.plan);
    cupel_store_free(slope.store);
    cupel_device_close(slope.device);
    cupel_model_free(model);
}

/* ---- which gradients a step computes ---- */

enum { BATCH = 4, UPDATES = 2, LAYERS = 2 };

static const char convolutions[] =
    "task: gan\n"
    "data: {format: idx, path: nowhere, shape: [1, 8, 8]}\n"
    "networks:\n"
    "  generator: {input: {noise: [5, 1, 1]}, layers: [deconv: {out: 4, kernel: 4}, batchnorm, relu,\n"
    "              deconv: {out: 1, kernel: 4, stride: 2, pad: 1}, tanh]}\n"
    "  discriminator: {input: image, layers: [conv: {out: 4, kernel: 4, stride: 2, pad: 1}, batchnorm,\n"
    "                  leaky_relu: {slope: 0.2}, conv: {out: 1, kernel: 4}]}\n"
    "train: {optimizer: adam, batch: 4, steps: 1, discriminator_steps: 2}\n";

/* A step's graph on images and noise from states. */
struct step {
    struct setup setup;
    struct cupel_graph *graph;
    struct cupel_tensor *images, *losses[CUPEL_ROLES];
};

static struct step step_open(const struct cupel_model *model, const char *device) {
    struct step step;
    struct cupel_error error = {0};
    const struct cupel_run_options options = {.device = device, .threads = 1};
    cr_assert_eq(setup_open(model, &options, &step.setup, &error), CUPEL_OK, "%s", error.message);
    step.graph = cupel_graph_new(CUPEL_F32);
    step.images = cupel_state(step.graph, "images", CUPEL_F32, &CUPEL_SHAPE(BATCH, 1, 8, 8), NULL);
    struct gan_inputs inputs = {0};
    struct gan_step made = {0};
    for (int i = 0; i < UPDATES; i++) {
        inputs.images[i] = step.images;
        inputs.noise[i] = gan_noise(&step.setup, step.graph, BATCH);
    }
    gan_append(&step.setup, step.graph, &inputs, 1, true, &made);
    memcpy(step.losses, made.losses, sizeof step.losses);
    return step;
}

/* Kernels of the compiled step for a layer of the discriminator (NULL: for any), by op. */
static int count_calls(struct step *step, struct cupel_tensor *extra, enum op_id op, const char *layer) {
    struct cupel_error error = {0};
    struct cupel_plan *plan;
    int count = 0;
    cr_assert_eq(cupel_compile(step->setup.store, step->graph, &extra, extra ? 1 : 0, &step->setup.plan,
                               &plan, &error),
                 CUPEL_OK, "%s", error.message);
    for (int c = 0; c < plan->n_calls; c++) {
        const struct node *node = plan->calls[c].node;
        const char *scope = node->scope ? node->scope : "";
        if (node->op == op && (layer ? !strcmp(scope, layer) : !strncmp(scope, "discriminator.", 14)))
            count++;
    }
    cupel_plan_free(plan);
    return count;
}

static struct cupel_tensor *gradient(struct step *step, struct cupel_tensor *loss,
                                     struct cupel_tensor *target) {
    struct cupel_tensor *gradient;
    cr_assert_eq(cupel_grad(loss, NULL, &target, 1, &gradient), CUPEL_OK, "%s",
                 cupel_graph_error(step->graph)->message);
    return cupel_sum(gradient, CUPEL_ALL_AXES, false);
}

/* The discriminator's weights have gradients for real and for generated images in each of its updates, and none when the generator
 * is updated; images have a gradient only then. Whoever asks for more gets more, so that the counts count. */
static void judge_counts(const char *device) {
    struct cupel_model *model = read_model(convolutions);
    struct step step = step_open(model, device);
    const int weights = UPDATES * 2 * LAYERS, inner = UPDATES * 2 + 1;
    cr_expect_eq(count_calls(&step, NULL, OP_conv2d, NULL), (UPDATES * 2 + 1) * LAYERS);
    cr_expect_eq(count_calls(&step, NULL, OP_conv2d_weight, NULL), weights);
    cr_expect_eq(count_calls(&step, NULL, OP_conv2d_image, "discriminator.conv2"), inner);
    cr_expect_eq(count_calls(&step, NULL, OP_conv2d_image, "discriminator.conv1"), 1);
    struct cupel_tensor *updated = cupel_state_latest(step.graph, "discriminator");
    struct cupel_tensor *extra = gradient(&step, step.losses[CUPEL_ROLE_GENERATOR], updated);
    cr_expect_eq(count_calls(&step, extra, OP_conv2d_weight, NULL), weights + LAYERS);
    extra = gradient(&step, step.losses[CUPEL_ROLE_DISCRIMINATOR], step.images);
    cr_expect_eq(count_calls(&step, extra, OP_conv2d_image, "discriminator.conv1"), 2);
    cupel_graph_free(step.graph);
    setup_close(&step.setup);
    cupel_model_free(model);
}

Test(gan_step, no_gradient_is_computed_that_nobody_needs_on_reference) {
    judge_counts("reference");
}

Test(gan_step, no_gradient_is_computed_that_nobody_needs_on_cpu) {
    judge_counts("cpu");
}
