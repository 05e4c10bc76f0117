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

/* Of one image whose values are 1, 2, 3, ...: the layer before the two that follow, and the first 16 values of its first channel. */
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
     {1, 3, 3, 13. / 3, 8, 19. / 3, 23. / 3, 13, 29. / 3}},
    {"avgpool: {kernel: [1, 3], stride: [1, 2], pad: [0, 1], count_include_pad: false}",
     {4, {1, 2, 3, 3}},
     {1.5, 3, 4.5, 6.5, 8, 9.5, 11.5, 13, 14.5}},
    /* The last window reaches beyond the padding; what lies there does not count. */
    {"avgpool: {kernel: [1, 4], stride: [1, 3], pad: [0, 2], ceil_mode: true}",
     {4, {1, 2, 3, 3}},
     {0.75, 3.5, 5. / 3, 3.25, 8.5, 10. / 3, 5.75, 13.5, 5}},
    {"avgpool: {kernel: [1, 2], stride: [1, 4], ceil_mode: true}",
     {4, {1, 2, 3, 2}},
     {1.5, 5, 6.5, 10, 11.5, 15}},
    {"adaptive_avgpool: {size: 2}", {4, {1, 2, 2, 2}}, {4.5, 6.5, 9.5, 11.5}},
    {"adaptive_maxpool: {size: [2, 3]}", {4, {1, 2, 2, 3}}, {7, 9, 10, 12, 14, 15}},
    {"adaptive_maxpool: {size: [1, 5]}", {4, {1, 2, 1, 5}}, {11, 12, 13, 14, 15}},
    {"adaptive_avgpool: {size: 1}", {4, {1, 2, 1, 1}}, {8}},
    {"adaptive_avgpool: {size: [3, 5]}",
     {4, {1, 2, 3, 5}},
     {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}},
    /* x / (1 + (x^2 + (x + 15)^2) / 3): both channels are in the window. */
    {"crop: {size: [1, 2]}, lrn: {size: 3, alpha: 1, beta: 1}", {4, {1, 2, 1, 2}}, {21. / 536, 24. / 596}},
    {"crop: {size: [1, 2]}", {4, {1, 2, 1, 2}}, {7, 8}},
    {"crop: {size: 3}", {4, {1, 2, 3, 3}}, {2, 3, 4, 7, 8, 9, 12, 13, 14}},
    {"maxpool: {kernel: 2, name: p}, crop: {from: [input, p]}", {4, {1, 2, 1, 2}}, {7, 8}},
    {"crop: {size: [3, 5]}", {4, {1, 2, 3, 5}}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}},
    {"crop: {size: [1, 2]}, pad: {pad: 1, value: -1}",
     {4, {1, 2, 3, 4}},
     {-1, -1, -1, -1, -1, 7, 8, -1, -1, -1, -1, -1}},
    {"crop: {size: [2, 2]}, pad: {pad: [0, 1]}, relu, pad: {pad: 0}, pad: {pad: [1, 0, 0, 1], value: 9}",
     {4, {1, 2, 3, 5}},
     {9, 9, 9, 9, 9, 0, 2, 3, 0, 9, 0, 7, 8, 0, 9}},
    {"crop: {size: 2}, pad: {pad: [1, 0, 2, 0], mode: replicate}",
     {4, {1, 2, 3, 4}},
     {2, 2, 2, 3, 2, 2, 2, 3, 7, 7, 7, 8}},
    {"crop: {size: 2}, pad: {pad: [0, 1], mode: replicate}", {4, {1, 2, 2, 4}}, {2, 2, 3, 3, 7, 7, 8, 8}},
    {"pad: {pad: [2, 0, 0, 0], mode: reflect}",
     {4, {1, 2, 5, 5}},
     {11, 12, 13, 14, 15, 6, 7, 8, 9, 10, 1, 2, 3, 4, 5, 6}},
    {"crop: {size: [1, 4]}, pad: {pad: [0, 0, 1, 3], mode: reflect}",
     {4, {1, 2, 1, 8}},
     {7, 6, 7, 8, 9, 8, 7, 6}},
    /* The maxima are 7 and 9. */
    {"maxpool: {name: p, kernel: 2}, avgpool: {kernel: [1, 2]}, pad: {pad: [0, 0, 0, 1], value: 5}, "
     "unpool: {from: [pad1, p]}",
     {4, {1, 2, 3, 5}},
     {0, 0, 0, 0, 0, 0, 8, 0, 5, 0, 0, 0, 0, 0, 0}},
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
        for (int i = 0; i < 16 && i < made[row].shape.dim[2] * made[row].shape.dim[3]; i++)
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
    {"unpool", "unpool takes two layers; write `from: [one, other]`"},
    {"maxpool: {kernel: 2}, unpool: {from: [maxpool1, maxpool1, input]}", "unpool takes two layers"},
    {"maxpool: {kernel: 2}, relu, unpool: {from: [maxpool1, relu1]}", "must be what a maxpool makes"},
    {"maxpool: {kernel: 2, stride: 1}, unpool: {from: [maxpool1, maxpool1]}", "windows overlap"},
    {"adaptive_maxpool: {size: 2}, unpool: {from: [adaptive_maxpool1, adaptive_maxpool1]}",
     "windows overlap"},
    {"maxpool: {kernel: 2}, unpool: {from: [input, maxpool1]}",
     "the first input must have the shape that the maxpool made"},
    {"crop", "it needs a size, `size: [height, width]`, or a layer of that size"},
    {"crop: {size: 2, from: [input, input]}", "not both"},
    {"crop: {size: 2, from: []}", "crop takes one layer or two"},
    {"crop: {size: [4, 5]}", "4 of 3 pixels cannot be kept"},
    {"flatten, crop: {size: 2}", "it must be images [N, C, H, W]"},
    {"flatten, crop: {from: [input, flatten1]}", "it must be images [N, C, H, W]"},
    {"flatten, crop: {from: [flatten1, input]}", "the input must be images [N, C, H, W]"},
    {"pad: {pad: [1, 2, 3]}", "'pad' has 3 numbers; write one, [down, across] or [top, bottom, left, right]"},
    {"pad: {pad: -1}", "'pad' is '-1'; it must be a whole number from 0"},
    {"pad: {pad: 1, mode: same}", "unknown mode 'same'"},
    {"pad: {pad: 1, mode: reflect, value: 1}", "`value` is for `mode: constant`"},
    {"pad: {pad: [0, 5], mode: reflect}", "5 lines cannot be reflected from 5; margins must be smaller"},
    {"flatten, pad: {pad: 1}", "it must be images [N, C, H, W]"},
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
