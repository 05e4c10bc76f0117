/* Layers of model files that look at images as planes: what they make of a small image, worked out by hand. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "cupel/model.h"
#include "evaluate.h"

/* A model of these layers, and of one that has weights, which a network needs; images are [2, 3, 5]. */
static struct cupel_model *read_layers(const char *layers, struct cupel_error *error) {
    char text[1000];
    struct cupel_model *model;
    snprintf(text, sizeof text,
             "task: classify\ndata: {format: idx, path: /data, shape: [2, 3, 5], classes: 2}\n"
             "networks:\n  net: {input: image, layers: [%s, flatten, linear: {out: 2}]}\n"
             "train: {optimizer: sgd, batch: 1, epochs: 1}\n",
             layers);
    cupel_model_read_text("m.yaml", text, strlen(text), NULL, 0, &model, error);
    return model;
}

/* Of one image whose values are 1, 2, 3, ...: the layer before the two that follow, and its first channel's values. */
static const struct made {
    const char *layers;
    struct cupel_shape shape;
    double values[16];
} made[] = {
    {"maxpool: {kernel: 2}", {4, {1, 2, 1, 2}}, {7, 9}},
    {"maxpool: {kernel: 2, ceil_mode: true}", {4, {1, 2, 2, 3}}, {7, 9, 10, 12, 14, 15}},
    {"maxpool: {kernel: 3, stride: 2, pad: 1, ceil_mode: true}", {4, {1, 2, 2, 3}}, {7, 9, 10, 12, 14, 15}},
    {"avgpool: {kernel: 2, ceil_mode: true}", {4, {1, 2, 2, 3}}, {4, 6, 7.5, 11.5, 13.5, 15}},
    {"avgpool: {kernel: [1, 3], stride: [1, 2], pad: [0, 1]}",
     {4, {1, 2, 3, 3}},
     {1, 3, 3, 13. / 3, 8, 19. / 3}},
    {"avgpool: {kernel: [1, 3], stride: [1, 2], pad: [0, 1], count_include_pad: false}",
     {4, {1, 2, 3, 3}},
     {1.5, 3, 4.5, 6.5, 8, 9.5}},
    /* The last window reaches beyond the padding; what lies there does not count. */
    {"avgpool: {kernel: [1, 4], stride: [1, 3], pad: [0, 2], ceil_mode: true}",
     {4, {1, 2, 3, 3}},
     {0.75, 3.5, 5. / 3}},
    {"avgpool: {kernel: [1, 2], stride: [1, 4], ceil_mode: true}", {4, {1, 2, 3, 2}}, {1.5, 5}},
    {"adaptive_avgpool: {size: 2}", {4, {1, 2, 2, 2}}, {4.5, 6.5, 9.5, 11.5}},
    {"adaptive_maxpool: {size: [2, 3]}", {4, {1, 2, 2, 3}}, {7, 9, 10, 12, 14, 15}},
    {"adaptive_maxpool: {size: [1, 5]}", {4, {1, 2, 1, 5}}, {11, 12, 13, 14, 15}},
    {"adaptive_avgpool: {size: 1}", {4, {1, 2, 1, 1}}, {8}},
    {"adaptive_avgpool: {size: [3, 5]}", {4, {1, 2, 3, 5}}, {1, 2, 3, 4, 5}},
    /* Two channels and the whole of a window of three: (1 + 1/3 (x^2 + (x + 15)^2))^-1 for a window with both. */
    {"lrn: {size: 3, alpha: 1, beta: 1}", {4, {1, 2, 3, 5}}, {3. / (3 + 1 + 256), 6. / (3 + 4 + 289)}},
};

static struct cupel_tensor *build(struct cupel_graph *graph, const struct cupel_network *network) {
    double image[30];
    struct cupel_tensor *activations[16];
    int layers;
    cupel_network_layers(network, &layers);
    cr_assert_leq(layers, 16);
    for (int i = 0; i < 30; i++) image[i] = i + 1;
    struct cupel_tensor *x = cupel_constant(graph, CUPEL_F64, &CUPEL_SHAPE(1, 2, 3, 5), image);
    const struct cupel_parts *parts = cupel_network_parts(network, graph, NULL);
    struct cupel_tensor *logits = cupel_network_forward(network, parts, x, NULL, true, activations);
    cr_assert(logits, "%s", cupel_graph_error(graph)->message);
    return activations[layers - 3];
}

Test(model_layers, images_become) {
    for (size_t row = 0; row < sizeof made / sizeof *made; row++) {
        struct cupel_error error = {0};
        struct cupel_model *model = read_layers(made[row].layers, &error);
        cr_assert(model, "%s: %s", made[row].layers, error.message);
        struct cupel_graph *graph = cupel_graph_new(CUPEL_F64);
        struct cupel_tensor *y = build(graph, cupel_model_network(model, 0));
        char shape[100];
        cr_assert(cupel_shape_equal(cupel_tensor_shape(y), &made[row].shape), "%s: %s", made[row].layers,
                  cupel_shape_text(cupel_tensor_shape(y), shape, sizeof shape));
        double found[400];
        evaluate(y, found, cupel_shape_count(&made[row].shape));
        for (int i = 0; i < 16 && made[row].values[i] != 0; i++)
            cr_expect_float_eq(found[i], made[row].values[i], 1e-12, "%s: element %d is %.17g",
                               made[row].layers, i, found[i]);
        cupel_graph_free(graph);
        cupel_model_free(model);
    }
}

static const struct refused {
    const char *layers, *says;
} refused[] = {
    {"maxpool: {kernel: 2, count_include_pad: true}", "unknown key of maxpool 'count_include_pad'"},
    {"adaptive_avgpool", "adaptive_avgpool needs the key 'size'"},
    {"flatten, adaptive_avgpool: {size: 2}", "it takes images [N, C, H, W]"},
    {"lrn: {size: 0}", "'size' is '0'; it must be a whole number from 1"},
    {"lrn: {k: 0}", "'k' is '0'; it must be a number above 0"},
    {"flatten, lrn", "it must be images [N, C, H, W]"},
    {"avgpool: {kernel: 2, ceil_mode: 1}", "'ceil_mode' is '1'; it must be true or false"},
};

Test(model_layers, what_does_not_fit_is_refused) {
    for (size_t row = 0; row < sizeof refused / sizeof *refused; row++) {
        struct cupel_error error = {0};
        cr_expect_null(read_layers(refused[row].layers, &error), "%s", refused[row].layers);
        cr_expect(strstr(error.message, refused[row].says) && strstr(error.message, "m.yaml:4:"), "%s: %s",
                  refused[row].layers, error.message);
    }
}
