/* Networks as graphs: parameters as parts of one range, running statistics, several passes in one graph. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "cupel/cupel.h"
#include "cupel/model.h"

/* A model with the given layers for images of [2, 1, 2] and two classes. */
static struct cupel_model *read_layers(const char *layers) {
    char text[2000];
    snprintf(text, sizeof text,
             "task: classify\ndata: {format: idx, path: /data, shape: [2, 1, 2], classes: 2}\n"
             "networks:\n  net: {input: image, layers: [%s]}\ntrain: {optimizer: sgd, batch: 3, epochs: 1}\n",
             layers);
    struct cupel_model *model;
    struct cupel_error error = {0};
    cupel_model_read_text("m.yaml", text, strlen(text), NULL, 0, &model, &error);
    cr_assert(model, "%s", error.message);
    return model;
}

/* A device, a store and a graph on it, and the first images: three, with the values 0, 1, 2, ... */
struct bench {
    struct cupel_device *device;
    struct cupel_store *store;
    struct cupel_graph *graph;
    struct cupel_tensor *images;
};

static struct bench bench_new(void) {
    struct bench bench = {.graph = cupel_graph_new(CUPEL_F32)};
    float values[12];
    for (int i = 0; i < 12; i++) values[i] = (float)i;
    cr_assert_eq(cupel_device_open("reference", 1, &bench.device, NULL), CUPEL_OK);
    bench.store = cupel_store_new(bench.device, 7);
    bench.images = cupel_constant(bench.graph, CUPEL_F32, &CUPEL_SHAPE(3, 2, 1, 2), values);
    return bench;
}

/* Runs the graph once for the one output of `count` values. */
static void bench_run(const struct bench *bench, struct cupel_tensor *output, float *values, size_t count) {
    struct cupel_error error = {0};
    struct cupel_plan *plan = NULL;
    cr_assert_eq(cupel_compile(bench->store, bench->graph, &output, 1, NULL, &plan, &error), CUPEL_OK, "%s",
                 error.message);
    cr_assert_eq(cupel_run(plan, &error), CUPEL_OK, "%s", error.message);
    cr_assert_eq(cupel_plan_read(plan, 0, values, count * sizeof *values, &error), CUPEL_OK, "%s",
                 error.message);
    cupel_plan_free(plan);
}

static void bench_free(struct bench *bench) {
    cupel_graph_free(bench->graph);
    cupel_store_free(bench->store);
    cupel_device_close(bench->device);
}

Test(model_build, a_network_runs_and_has_gradients_in_one_range) {
    struct cupel_model *model =
        read_layers("flatten, linear: {name: fc, out: 2, init: {constant: [0.5]}, bias: false}");
    const struct cupel_network *net = cupel_model_network(model, 0);
    struct bench bench = bench_new();
    const struct cupel_parts *parts = cupel_network_parts(net, bench.graph, NULL);
    struct cupel_tensor *made[2], *gradients[1];
    struct cupel_tensor *logits = cupel_network_forward(net, parts, bench.images, NULL, true, made);
    cr_assert(logits && made[1] == logits && parts->count == 1);
    struct cupel_tensor *range = cupel_parts_grad(parts, cupel_sum(logits, CUPEL_ALL_AXES, false), gradients);
    cr_assert(cupel_shape_equal(cupel_tensor_shape(gradients[0]), &CUPEL_SHAPE(2, 4)));
    float got[6], slope[16];
    bench_run(&bench, logits, got, 6);
    for (int i = 0; i < 6; i++)
        cr_expect_float_eq(got[i], (float)(3 + 8 * (i / 2)), 1e-6, "logit %d is %g", i, got[i]);
    bench_run(&bench, range, slope, 16);
    /* Column sums of the images, for both outputs; the rest of the span is a gap. */
    for (int i = 0; i < 16; i++)
        cr_expect_float_eq(slope[i], (float)(i < 8 ? 12 + 3 * (i % 4) : 0), 1e-6, "gradient %d is %g", i,
                           slope[i]);
    float stored[8];
    cr_assert_eq(cupel_store_read(bench.store, "net.fc.weight", stored, sizeof stored, NULL), CUPEL_OK);
    cr_assert_eq(stored[7], 0.5f);
    bench_free(&bench);
    cupel_model_free(model);
}

Test(model_build, parameters_lie_in_order_at_their_offsets) {
    struct cupel_model *model =
        read_layers("conv: {out: 3, kernel: 1}, batchnorm, flatten, linear: {name: fc, out: 2}");
    const struct cupel_network *net = cupel_model_network(model, 0);
    static const char *const names[] = {"net.conv1.weight",    "net.conv1.bias", "net.batchnorm1.weight",
                                        "net.batchnorm1.bias", "net.fc.weight",  "net.fc.bias"};
    int count;
    const struct cupel_parameter *parameters = cupel_network_parameters(net, &count);
    cr_assert_eq(count, 6);
    for (int i = 0; i < 6; i++) {
        cr_expect_str_eq(parameters[i].name, names[i]);
        cr_expect_eq(parameters[i].offset, 16 * i);
    }
    cr_assert_eq(cupel_network_range(net), 96);
    cupel_model_free(model);
}

Test(model_build, running_statistics_move_with_every_training_pass) {
    struct cupel_model *model = read_layers("batchnorm: {name: bn}, flatten, linear: {out: 2}");
    const struct cupel_network *net = cupel_model_network(model, 0);
    struct bench bench = bench_new();
    const struct cupel_parts *parts = cupel_network_parts(net, bench.graph, NULL);
    cupel_network_forward(net, parts, bench.images, NULL, true, NULL);
    struct cupel_tensor *once = cupel_state_latest(bench.graph, "net.bn.running_mean");
    cupel_network_forward(net, parts, bench.images, NULL, true, NULL);
    struct cupel_tensor *twice = cupel_state_latest(bench.graph, "net.bn.running_mean");
    cr_assert(once && twice && once != twice);
    struct cupel_tensor *logits = cupel_network_forward(net, parts, bench.images, NULL, false, NULL);
    cr_assert_eq(cupel_state_latest(bench.graph, "net.bn.running_mean"), twice, "evaluation moves nothing");
    float ignored[6], mean[2];
    bench_run(&bench, logits, ignored, 6);
    cr_assert_eq(cupel_store_read(bench.store, "net.bn.running_mean", mean, sizeof mean, NULL), CUPEL_OK);
    /* The channels' means are 4.5 and 6.5; two steps of momentum 0.1 from 0 go 1 - 0.9^2 of the way. */
    cr_expect_float_eq(mean[0], 0.19 * 4.5, 1e-6);
    cr_expect_float_eq(mean[1], 0.19 * 6.5, 1e-6);
    bench_free(&bench);
    cupel_model_free(model);
}

Test(model_build, a_pass_after_an_update_uses_the_new_weights) {
    struct cupel_model *model =
        read_layers("flatten, linear: {name: fc, out: 2, init: {constant: [0.5]}, bias: false}");
    const struct cupel_network *net = cupel_model_network(model, 0);
    struct bench bench = bench_new();
    const struct cupel_parts *before = cupel_network_parts(net, bench.graph, NULL);
    struct cupel_tensor *old = cupel_network_forward(net, before, bench.images, NULL, true, NULL);
    cupel_assign(before->range, cupel_scale(before->range, 2, 0));
    const struct cupel_parts *after = cupel_network_parts(net, bench.graph, NULL);
    struct cupel_tensor *new = cupel_network_forward(net, after, bench.images, NULL, true, NULL);
    cr_assert(before->part[0] != after->part[0] && before->range != after->range);
    float ratio[6];
    bench_run(&bench, cupel_sub(new, cupel_scale(old, 2, 0)), ratio, 6);
    for (int i = 0; i < 6; i++) cr_expect_float_eq(ratio[i], 0, 1e-6);
    bench_free(&bench);
    cupel_model_free(model);
}

Test(model_build, averaged_weights_take_the_place_of_the_own) {
    struct cupel_model *model =
        read_layers("flatten, linear: {name: fc, out: 2, init: {constant: [0.5]}, bias: false}");
    const struct cupel_network *net = cupel_model_network(model, 0);
    struct bench bench = bench_new();
    struct cupel_tensor *average =
        cupel_state(bench.graph, "average", CUPEL_F32, &CUPEL_SHAPE(cupel_network_range(net)),
                    &(struct cupel_init){CUPEL_INIT_CONSTANT, 1, 0});
    const struct cupel_parts *parts = cupel_network_parts(net, bench.graph, average);
    float got[6];
    bench_run(&bench, cupel_network_forward(net, parts, bench.images, NULL, false, NULL), got, 6);
    cr_assert_float_eq(got[0], 6, 1e-6);
    cr_assert_null(cupel_state_latest(bench.graph, "net"));
    bench_free(&bench);
    cupel_model_free(model);
}

Test(model_build, wrong_inputs_are_refused) {
    struct cupel_model *model = read_layers("flatten, linear: {out: 2}");
    const struct cupel_network *net = cupel_model_network(model, 0);
    struct bench bench = bench_new();
    struct cupel_tensor *x = cupel_fill(bench.graph, &CUPEL_SHAPE(3, 1, 2, 2), 0);
    const struct cupel_parts *parts = cupel_network_parts(net, bench.graph, NULL);
    cr_assert_null(cupel_network_forward(net, parts, NULL, NULL, true, NULL));
    cr_assert_eq(cupel_graph_error(bench.graph)->status, CUPEL_OK);
    cr_assert_null(cupel_network_forward(net, parts, x, NULL, true, NULL));
    cr_assert(strstr(cupel_graph_error(bench.graph)->message,
                     "samples of shape [1, 2, 2], the network takes [2, 1, 2]"));
    bench_free(&bench);
    cupel_model_free(model);
}

Test(model_build, every_layer_builds_in_both_modes) {
    struct cupel_model *model = read_layers(
        "conv: {out: 4, kernel: 3, pad: 1, groups: 2}, batchnorm, relu, deconv: {out: 2, kernel: 2, stride: "
        "2}, "
        "leaky_relu, maxpool: {kernel: 2}, elu, selu, avgpool: {kernel: 1}, sigmoid, layernorm, tanh, "
        "softplus, gelu, "
        "add: {from: [gelu1, tanh1]}, concat: {from: [add1, gelu1]}, global_avgpool, reshape: {shape: [4]}, "
        "dropout: {p: 0.1}, linear: {out: 2}, log_softmax, softmax, flatten, "
        "reshape: {shape: [2, 1, 1]}, upsample: {factor: 2}, upsample: {factor: [1, 3], mode: bilinear}, "
        "conv: {out: 4, kernel: 3, pad: 1, spectral_norm: true}, instancenorm, instancenorm: {affine: true, "
        "init: "
        "{constant: [2]}}, pixel_shuffle: {factor: 2}, minibatch_std, deconv: {out: 2, kernel: 2, "
        "spectral_norm: true}, flatten, linear: {out: 2, spectral_norm: true}");
    const struct cupel_network *net = cupel_model_network(model, 0);
    struct bench bench = bench_new();
    const struct cupel_parts *parts = cupel_network_parts(net, bench.graph, NULL);
    for (int training = 0; training < 2; training++) {
        struct cupel_tensor *y = cupel_network_forward(net, parts, bench.images, NULL, training, NULL);
        cr_assert(y, "%s", cupel_graph_error(bench.graph)->message);
        cr_assert(cupel_shape_equal(cupel_tensor_shape(y), &CUPEL_SHAPE(3, 2)));
    }
    bench_free(&bench);
    cupel_model_free(model);
}

/* The slope of a row is how often its class is among the labels. */
Test(model_build, labels_choose_rows_of_an_embedding) {
    static const char text[] =
        "task: gan\ndata: {format: idx, path: /data, shape: [2, 1, 2], classes: 4}\n"
        "networks:\n  generator: {input: {noise: [2, 1, 2]}, layers: [embedding: {name: of, out: 4, from: "
        "label}, "
        "reshape: {shape: [2, 1, 2]}, add: {from: [input, reshape1]}]}\n"
        "  discriminator: {input: image, layers: [flatten, linear: {out: 1}]}\n"
        "train: {optimizer: sgd, batch: 3, epochs: 1}\n";
    struct cupel_model *model;
    struct cupel_error error = {0};
    cupel_model_read_text("m.yaml", text, strlen(text), NULL, 0, &model, &error);
    cr_assert(model, "%s", error.message);
    const struct cupel_network *net = cupel_model_network(model, 0);
    cr_assert(cupel_network_takes_label(net) && !cupel_network_takes_label(cupel_model_network(model, 1)));
    int count;
    const struct cupel_parameter *parameters = cupel_network_parameters(net, &count);
    cr_assert(count == 1 && cupel_shape_equal(&parameters->shape, &CUPEL_SHAPE(4, 4)));
    cr_assert_str_eq(parameters->name, "generator.of.weight");
    cr_assert(parameters->init.kind == CUPEL_INIT_NORMAL && parameters->init.b == 1);
    struct bench bench = bench_new();
    const struct cupel_parts *parts = cupel_network_parts(net, bench.graph, NULL);
    struct cupel_tensor *labels =
        cupel_constant(bench.graph, CUPEL_I32, &CUPEL_SHAPE(3), (const int32_t[]){3, 1, 3});
    struct cupel_tensor *y = cupel_network_forward(net, parts, bench.images, labels, true, NULL);
    float rows[12], weight[16], slope[16];
    static const float times[] = {0, 1, 0, 2};
    bench_run(&bench, y, rows, 12);
    cr_assert_eq(cupel_store_read(bench.store, "generator.of.weight", weight, sizeof weight, NULL), CUPEL_OK);
    for (int i = 0; i < 12; i++)
        cr_expect_eq(rows[i], (float)i + weight[(i / 4 == 1 ? 4 : 12) + i % 4], "element %d", i);
    bench_run(&bench, cupel_parts_grad(parts, cupel_sum(y, CUPEL_ALL_AXES, false), NULL), slope, 16);
    for (int i = 0; i < 16; i++) cr_expect_eq(slope[i], times[i / 4], "slope %d", i);
    bench_free(&bench);
    cupel_model_free(model);
}

/* The vectors move with every training pass, and evaluation takes them as they are. */
Test(model_build, spectral_norm_moves_its_vectors_in_training_alone) {
    struct cupel_model *model =
        read_layers("flatten, linear: {name: fc, out: 2, bias: false, spectral_norm: true}");
    const struct cupel_network *net = cupel_model_network(model, 0);
    int count;
    cr_assert_str_eq(cupel_network_parameters(net, &count)->name, "net.fc.weight_orig");
    struct bench bench = bench_new();
    const struct cupel_parts *parts = cupel_network_parts(net, bench.graph, NULL);
    struct cupel_tensor *y = cupel_network_forward(net, parts, bench.images, NULL, false, NULL);
    struct cupel_tensor *first = cupel_state_latest(bench.graph, "net.fc.weight_u");
    float u[2], moved[2], ignored[6], v[4];
    bench_run(&bench, y, ignored, 6);
    cr_assert_eq(cupel_store_read(bench.store, "net.fc.weight_u", u, sizeof u, NULL), CUPEL_OK);
    cr_assert_eq(cupel_store_read(bench.store, "net.fc.weight_v", v, sizeof v, NULL), CUPEL_OK);
    cr_expect_float_eq(u[0] * u[0] + u[1] * u[1], 1, 1e-6);
    y = cupel_network_forward(net, parts, bench.images, NULL, true, NULL);
    struct cupel_tensor *second = cupel_state_latest(bench.graph, "net.fc.weight_u");
    cr_assert(first && second && first != second);
    bench_run(&bench, y, ignored, 6);
    cr_assert_eq(cupel_store_read(bench.store, "net.fc.weight_u", moved, sizeof moved, NULL), CUPEL_OK);
    cr_expect(moved[0] != u[0] || moved[1] != u[1]);
    bench_free(&bench);
    cupel_model_free(model);
}
