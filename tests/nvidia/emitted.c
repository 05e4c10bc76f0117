#include "emitted.h"

#include <criterion/criterion.h>
#include <glob.h>
#include <stdlib.h>

#include "cupel/model.h"
#include "cupel/plan.h"

/* ---- a device that only looks ---- */

static emitted_fn current;

static enum layout channels_last(const struct cupel_graph *graph) {
    (void)graph;
    return LAYOUT_CHANNELS_LAST;
}
static enum cupel_status look(struct cupel_device *device, struct call *call, struct cupel_error *error) {
    (void)device;
    return current(call, error);
}
static void *no_memory(struct cupel_device *device, size_t bytes) {
    (void)device;
    (void)bytes;
    return NULL;
}
static const struct backend looking = {
    .name = "looking", .precisions = 15, .layout = channels_last, .prepare = look, .alloc = no_memory};

/* Plans are prepared before they ask for memory, of which there is none. */
static void compile(struct cupel_graph *graph, struct cupel_tensor **outputs, int count,
                    const struct cupel_plan_options *options, const char *what) {
    struct cupel_device device = {.backend = &looking};
    struct cupel_store *store = cupel_store_new(&device, 1);
    struct cupel_plan *plan;
    struct cupel_error error = {0};
    const enum cupel_status status = cupel_compile(store, graph, outputs, count, options, &plan, &error);
    cr_assert_eq(status, CUPEL_NOMEM, "%s: %s", what, error.message);
    cupel_store_free(store);
    cupel_graph_free(graph);
}

/* ---- models ---- */

static void emit_network(const struct cupel_network *network, const struct cupel_plan_options *options) {
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F32);
    const struct cupel_shape sample = cupel_network_input(network);
    struct cupel_shape shape = {.rank = sample.rank + 1, .dim = {64}};
    for (int d = 0; d < sample.rank; d++) shape.dim[d + 1] = sample.dim[d];
    const struct cupel_parts *parts = cupel_network_parts(network, graph, NULL);
    struct cupel_tensor *x = cupel_state(graph, "image", CUPEL_F32, &shape, NULL),
                        *labels = cupel_state(graph, "label", CUPEL_I32, &CUPEL_SHAPE(64), NULL),
                        *y = cupel_network_forward(network, parts, x, labels, true, NULL),
                        *gradient = cupel_parts_grad(parts, cupel_sum(y, CUPEL_ALL_AXES, false), NULL);
    compile(graph, (struct cupel_tensor *[]){y, gradient}, 2, options, cupel_network_name(network));
}

static void emit_models(const struct cupel_plan_options *options) {
    glob_t models;
    cr_assert_eq(glob(CUPEL_SOURCE_DIR "/models/*.yaml", 0, NULL, &models), 0, "no models");
    for (size_t i = 0; i < models.gl_pathc; i++) {
        struct cupel_model *model;
        struct cupel_error error = {0};
        cr_assert_eq(cupel_model_read(models.gl_pathv[i], NULL, 0, &model, &error), CUPEL_OK, "%s",
                     error.message);
        for (int n = 0; cupel_model_network(model, n); n++)
            emit_network(cupel_model_network(model, n), options);
        cupel_model_free(model);
    }
    globfree(&models);
}

/* ---- layers ---- */

struct layer {
    int batch, channels, size, outputs, kernel, stride, pad;
    bool deconv, bias;
    enum activation activation;
};

static const struct layer layers[] = {
    /* LeNet-5 */
    {512, 1, 28, 6, 5, 1, 2, .bias = true, .activation = ACTIVATION_RELU},
    {512, 6, 14, 16, 5, 1, 0, .bias = true, .activation = ACTIVATION_RELU},
    /* DCGAN: generator, discriminator */
    {128, 100, 1, 512, 4, 1, 0, .deconv = true},
    {128, 512, 4, 256, 4, 2, 1, .deconv = true},
    {128, 256, 8, 128, 4, 2, 1, .deconv = true},
    {128, 128, 16, 64, 4, 2, 1, .deconv = true},
    {128, 64, 32, 3, 4, 2, 1, .deconv = true, .activation = ACTIVATION_TANH},
    {128, 64, 32, 1, 4, 2, 1, .deconv = true, .bias = true, .activation = ACTIVATION_TANH},
    {128, 3, 64, 64, 4, 2, 1, .activation = ACTIVATION_LEAKY_RELU},
    {128, 64, 32, 128, 4, 2, 1},
    {128, 128, 16, 256, 4, 2, 1},
    {128, 256, 8, 512, 4, 2, 1},
    {128, 512, 4, 1, 4, 1, 0},
    /* ResNet-18 for 32 x 32 */
    {512, 3, 32, 64, 3, 1, 1},
    {512, 64, 32, 64, 3, 1, 1},
    {512, 64, 32, 128, 3, 2, 1},
    {512, 64, 32, 128, 1, 2, 0},
    {512, 128, 16, 128, 3, 1, 1},
    {512, 128, 16, 256, 3, 2, 1},
    {512, 128, 16, 256, 1, 2, 0},
    {512, 256, 8, 256, 3, 1, 1},
    {512, 256, 8, 512, 3, 2, 1},
    {512, 256, 8, 512, 1, 2, 0},
    {512, 512, 4, 512, 3, 1, 1},
};

static struct cupel_tensor *activate(const struct layer *layer, struct cupel_tensor *y) {
    return layer->activation == ACTIVATION_RELU         ? cupel_relu(y)
           : layer->activation == ACTIVATION_LEAKY_RELU ? cupel_leaky_relu(y, 0.2)
           : layer->activation == ACTIVATION_TANH       ? cupel_tanh(y)
                                                        : y;
}

/* The layer forward, and with respect to its weight and its image. */
static void emit_layer(const struct layer *layer, const struct cupel_plan_options *options) {
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F32);
    const int64_t in = layer->deconv ? layer->channels : layer->outputs,
                  out = layer->deconv ? layer->outputs : layer->channels;
    const struct cupel_conv conv = {.stride = {layer->stride, layer->stride},
                                    .pad = {layer->pad, layer->pad}};
    struct cupel_tensor *x = cupel_state(
                            graph, "x", CUPEL_F32,
                            &CUPEL_SHAPE(layer->batch, layer->channels, layer->size, layer->size), NULL),
                        *weight = cupel_state(graph, "weight", CUPEL_F32,
                                              &CUPEL_SHAPE(in, out, layer->kernel, layer->kernel), NULL),
                        *bias = layer->bias ? cupel_state(graph, "bias", CUPEL_F32,
                                                          &CUPEL_SHAPE(layer->outputs), NULL)
                                            : NULL;
    struct cupel_tensor *y = activate(layer, layer->deconv ? cupel_deconv2d(x, weight, bias, &conv)
                                                           : cupel_conv2d(x, weight, bias, &conv));
    struct cupel_tensor *outputs[3] = {y}, *targets[] = {x, weight};
    cr_assert_eq(cupel_grad(cupel_sum(y, 15, false), NULL, targets, 2, outputs + 1), CUPEL_OK);
    compile(graph, outputs, 3, options, "a layer");
}

void emit_all(const struct cupel_plan_options *options, emitted_fn seen) {
    current = seen;
    emit_models(options);
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) emit_layer(&layers[i], options);
}
