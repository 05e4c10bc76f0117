/* Subjects as large as in models: every distinct convolution, product, normalisation, pooling, activation and optimizer of a
 * few known ones; and those that the header measures.
 *
 * LeNet-5 and DCGAN are models/lenet5.yaml and models/dcgan64.yaml. ResNet-18 (He et al., Deep Residual Learning for Image
 * Recognition, 2015) and VGG-16 (Simonyan and Zisserman, Very Deep Convolutional Networks, 2014) have the shapes that
 * torchvision.models.resnet18 and vgg16 give images of 224 x 224. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"

enum kind { CONV, DECONV, LINEAR, BATCHNORM, MAXPOOL, AVGPOOL, RELU, LEAKY_RELU, TANH, RESIDUAL, ADAM, SGD };

struct layer {
    const char *name;
    enum kind kind;
    int64_t channels, size; /* of the image that comes in, size x size; features of a linear layer, and 0 */
    int64_t out;            /* channels or features; parameters of an optimizer */
    int kernel, stride, pad;
    bool bias;
};

static const struct layer layers[] = {
    {"lenet5/conv1", CONV, 1, 28, 6, 5, 1, 2, true},
    {"lenet5/conv2", CONV, 6, 14, 16, 5, 1, 0, true},
    {"lenet5/fc1", LINEAR, 400, 0, 120, .bias = true},
    {"lenet5/fc2", LINEAR, 120, 0, 84, .bias = true},
    {"lenet5/fc3", LINEAR, 84, 0, 10, .bias = true},
    {"lenet5/relu1", RELU, 6, 28},
    {"lenet5/relu2", RELU, 16, 10},
    {"lenet5/pool1", MAXPOOL, 6, 28, 0, 2, 2, 0},
    {"lenet5/pool2", MAXPOOL, 16, 10, 0, 2, 2, 0},
    {"lenet5/adam", ADAM, .out = 61760},
    {"dcgan64/generator.first", DECONV, 100, 1, 512, 4, 1, 0},
    {"dcgan64/generator.up.0", DECONV, 512, 4, 256, 4, 2, 1},
    {"dcgan64/generator.up.1", DECONV, 256, 8, 128, 4, 2, 1},
    {"dcgan64/generator.up.2", DECONV, 128, 16, 64, 4, 2, 1},
    {"dcgan64/generator.last", DECONV, 64, 32, 3, 4, 2, 1},
    {"dcgan64/discriminator.first", CONV, 3, 64, 64, 4, 2, 1},
    {"dcgan64/discriminator.down.0", CONV, 64, 32, 128, 4, 2, 1},
    {"dcgan64/discriminator.down.1", CONV, 128, 16, 256, 4, 2, 1},
    {"dcgan64/discriminator.down.2", CONV, 256, 8, 512, 4, 2, 1},
    {"dcgan64/discriminator.last", CONV, 512, 4, 1, 4, 1, 0},
    {"dcgan64/bn512", BATCHNORM, 512, 4},
    {"dcgan64/bn256", BATCHNORM, 256, 8},
    {"dcgan64/bn128", BATCHNORM, 128, 16},
    {"dcgan64/bn64", BATCHNORM, 64, 32},
    {"dcgan64/leaky_relu", LEAKY_RELU, 64, 32},
    {"dcgan64/tanh", TANH, 3, 64},
    {"dcgan64/generator.adam", ADAM, .out = 3576704},
    {"dcgan64/discriminator.adam", ADAM, .out = 2765568},
    {"resnet18/conv1", CONV, 3, 224, 64, 7, 2, 3},
    {"resnet18/layer1.conv", CONV, 64, 56, 64, 3, 1, 1},
    {"resnet18/layer2.0.conv1", CONV, 64, 56, 128, 3, 2, 1},
    {"resnet18/layer2.conv", CONV, 128, 28, 128, 3, 1, 1},
    {"resnet18/layer2.0.downsample", CONV, 64, 56, 128, 1, 2, 0},
    {"resnet18/layer3.0.conv1", CONV, 128, 28, 256, 3, 2, 1},
    {"resnet18/layer3.conv", CONV, 256, 14, 256, 3, 1, 1},
    {"resnet18/layer3.0.downsample", CONV, 128, 28, 256, 1, 2, 0},
    {"resnet18/layer4.0.conv1", CONV, 256, 14, 512, 3, 2, 1},
    {"resnet18/layer4.conv", CONV, 512, 7, 512, 3, 1, 1},
    {"resnet18/layer4.0.downsample", CONV, 256, 14, 512, 1, 2, 0},
    {"resnet18/bn1", BATCHNORM, 64, 112},
    {"resnet18/layer1.bn", BATCHNORM, 64, 56},
    {"resnet18/layer2.bn", BATCHNORM, 128, 28},
    {"resnet18/layer3.bn", BATCHNORM, 256, 14},
    {"resnet18/layer4.bn", BATCHNORM, 512, 7},
    {"resnet18/maxpool", MAXPOOL, 64, 112, 0, 3, 2, 1},
    {"resnet18/avgpool", AVGPOOL, 512, 7, 0, 7, 7, 0},
    {"resnet18/layer1.residual", RESIDUAL, 64, 56},
    {"resnet18/layer2.residual", RESIDUAL, 128, 28},
    {"resnet18/layer3.residual", RESIDUAL, 256, 14},
    {"resnet18/layer4.residual", RESIDUAL, 512, 7},
    {"resnet18/fc", LINEAR, 512, 0, 1000, .bias = true},
    {"resnet18/sgd", SGD, .out = 11689512},
    {"vgg16/conv1_1", CONV, 3, 224, 64, 3, 1, 1, true},
    {"vgg16/conv1_2", CONV, 64, 224, 64, 3, 1, 1, true},
    {"vgg16/conv2_1", CONV, 64, 112, 128, 3, 1, 1, true},
    {"vgg16/conv2_2", CONV, 128, 112, 128, 3, 1, 1, true},
    {"vgg16/conv3_1", CONV, 128, 56, 256, 3, 1, 1, true},
    {"vgg16/conv3_2", CONV, 256, 56, 256, 3, 1, 1, true},
    {"vgg16/conv4_1", CONV, 256, 28, 512, 3, 1, 1, true},
    {"vgg16/conv4_2", CONV, 512, 28, 512, 3, 1, 1, true},
    {"vgg16/conv5", CONV, 512, 14, 512, 3, 1, 1, true},
    {"vgg16/pool1", MAXPOOL, 64, 224, 0, 2, 2, 0},
    {"vgg16/pool2", MAXPOOL, 128, 112, 0, 2, 2, 0},
    {"vgg16/pool3", MAXPOOL, 256, 56, 0, 2, 2, 0},
    {"vgg16/pool4", MAXPOOL, 512, 28, 0, 2, 2, 0},
    {"vgg16/pool5", MAXPOOL, 512, 14, 0, 2, 2, 0},
    {"vgg16/relu1", RELU, 64, 224},
    {"vgg16/relu5", RELU, 512, 14},
    {"vgg16/fc1", LINEAR, 25088, 0, 4096, .bias = true},
    {"vgg16/fc2", LINEAR, 4096, 0, 4096, .bias = true},
    {"vgg16/fc3", LINEAR, 4096, 0, 1000, .bias = true},
    {"vgg16/sgd", SGD, .out = 138357544},
};
enum { LAYERS = sizeof layers / sizeof *layers };

/* ---- building ---- */

static struct cupel_tensor *input(struct draft *draft, const struct cupel_shape *shape) {
    char name[24];
    snprintf(name, sizeof name, "in%d", draft->n_in);
    struct cupel_tensor *made = cupel_state(draft->graph, name, CUPEL_F32, shape, NULL);
    if (made) draft->in[draft->n_in++] = made;
    return made;
}

static int64_t halved(int64_t number, int times, int64_t least) {
    const int64_t half = number >> times;
    return half > least ? half : least < number ? least : number;
}

/* A state that is no input: it keeps its first values. */
static struct cupel_tensor *constant_state(struct draft *draft, const char *name, enum cupel_dtype dtype,
                                           const struct cupel_shape *shape, double value) {
    const struct cupel_init init = {CUPEL_INIT_CONSTANT, value, 0};
    return cupel_state(draft->graph, name, dtype, shape, &init);
}

static struct cupel_tensor *build_conv(const struct layer *layer, struct draft *draft,
                                       struct cupel_tensor *x) {
    const struct cupel_conv conv = {.stride = {layer->stride, layer->stride},
                                    .pad = {layer->pad, layer->pad}};
    const bool deconv = layer->kind == DECONV;
    const int64_t k = layer->kernel, first = deconv ? layer->channels : layer->out,
                  second = deconv ? layer->out : layer->channels;
    struct cupel_tensor *weight = input(draft, &CUPEL_SHAPE(first, second, k, k));
    struct cupel_tensor *bias = layer->bias ? input(draft, &CUPEL_SHAPE(layer->out)) : NULL;
    return (deconv ? cupel_deconv2d : cupel_conv2d)(x, weight, bias, &conv);
}

static struct cupel_tensor *build_linear(const struct layer *layer, struct draft *draft, int64_t batch,
                                         int shrink) {
    const int64_t features = halved(layer->channels, shrink, 16);
    struct cupel_tensor *x = input(draft, &CUPEL_SHAPE(batch, features));
    struct cupel_tensor *weight = input(draft, &CUPEL_SHAPE(layer->out, features));
    return cupel_linear(x, weight, layer->bias ? input(draft, &CUPEL_SHAPE(layer->out)) : NULL);
}

static struct cupel_tensor *build_batchnorm(const struct layer *layer, struct draft *draft,
                                            struct cupel_tensor *x) {
    const struct cupel_shape channels = CUPEL_SHAPE(layer->channels);
    struct cupel_tensor *weight = input(draft, &channels), *bias = input(draft, &channels);
    return cupel_batchnorm(x, weight, bias, constant_state(draft, "mean", CUPEL_F32, &channels, 0),
                           constant_state(draft, "variance", CUPEL_F32, &channels, 1), 0.1, 1e-5);
}

static struct cupel_tensor *build_optimizer(const struct layer *layer, struct draft *draft, int shrink) {
    const struct cupel_shape shape = CUPEL_SHAPE(halved(layer->out, 2 * shrink, 1024)), one = CUPEL_SHAPE(1);
    const struct cupel_adam adam = {0.9, 0.999, 1e-8, 0, false};
    const struct cupel_sgd sgd = {.momentum = 0.9, .weight_decay = 1e-4};
    struct cupel_tensor *parameters = input(draft, &shape), *gradient = input(draft, &shape);
    struct cupel_tensor *rate = constant_state(draft, "rate", CUPEL_F32, &one, 1e-3);
    struct cupel_tensor *moment = constant_state(draft, "moment1", CUPEL_F32, &shape, 0);
    if (layer->kind == SGD) return cupel_sgd(parameters, moment, gradient, rate, NULL, &sgd);
    return cupel_adam(parameters, moment, constant_state(draft, "moment2", CUPEL_F32, &shape, 0), gradient,
                      rate, constant_state(draft, "step", CUPEL_I64, &one, 1), NULL, &adam);
}

static struct cupel_tensor *build_image(const struct layer *layer, struct draft *draft, int64_t batch,
                                        int shrink) {
    const int64_t least = layer->kernel > 1 ? layer->kernel : 2, size = halved(layer->size, shrink, least);
    const struct cupel_shape shape = CUPEL_SHAPE(batch, layer->channels, size, size);
    const struct cupel_pool pool = {.kernel = {layer->kernel, layer->kernel},
                                    .stride = {layer->stride, layer->stride},
                                    .pad = {layer->pad, layer->pad}};
    struct cupel_tensor *x = input(draft, &shape);
    switch (layer->kind) {
    case CONV:
    case DECONV:
        return build_conv(layer, draft, x);
    case BATCHNORM:
        return build_batchnorm(layer, draft, x);
    case MAXPOOL:
        return cupel_maxpool(x, &pool);
    case AVGPOOL:
        return cupel_avgpool(x, &pool);
    case LEAKY_RELU:
        return cupel_leaky_relu(x, 0.2);
    case TANH:
        return cupel_tanh(x);
    case RESIDUAL:
        return cupel_relu(cupel_add(x, input(draft, &shape)));
    default:
        return cupel_relu(x);
    }
}

static void build_layer(const struct subject *subject, int64_t batch, int shrink, struct draft *draft) {
    const struct layer *layer = subject->what;
    const bool optimizer = layer->kind == ADAM || layer->kind == SGD;
    struct cupel_tensor *made = optimizer               ? build_optimizer(layer, draft, shrink)
                                : layer->kind == LINEAR ? build_linear(layer, draft, batch, shrink)
                                                        : build_image(layer, draft, batch, shrink);
    if (made) draft->out[draft->n_out++] = made;
}

static void *layer_values(const struct subject *subject, int i, const struct cupel_tensor *tensor) {
    (void)subject;
    return random_values(tensor, (uint64_t)i);
}

int sized_count(void) {
    return LAYERS;
}

struct subject sized_subject(int index) {
    const struct layer *layer = &layers[index];
    struct subject subject = {.what = layer,
                              .op = OP_COUNT,
                              .differentiates = layer->kind != ADAM && layer->kind != SGD,
                              .fuses = true,
                              .sized = true,
                              .build = build_layer,
                              .values = layer_values};
    snprintf(subject.name, sizeof subject.name, "%s", layer->name);
    return subject;
}

/* ---- what the header measures ---- */

static const char *const roof_names[ROOFS] = {"roof/copy", "roof/product", "roof/launch"};

int64_t roof_size(int roof, const struct cupel_device *device) {
    static const int64_t of_cpu[ROOFS] = {64, 512, 1}, of_cuda[ROOFS] = {1024, 8192, 1},
                         of_others[ROOFS] = {8, 128, 1};
    const char *name = device->backend->name;
    return (strcmp(name, "cpu") == 0 ? of_cpu : strcmp(name, "cuda") == 0 ? of_cuda : of_others)[roof];
}

static void build_copy(const struct subject *subject, int64_t size, int shrink, struct draft *draft) {
    (void)subject, (void)shrink;
    struct cupel_tensor *x = input(draft, &CUPEL_SHAPE(size, 256, 1024));
    draft->out[draft->n_out++] = cupel_scale(x, 1.5, 0);
}

static void build_product(const struct subject *subject, int64_t size, int shrink, struct draft *draft) {
    (void)subject, (void)shrink;
    const struct cupel_shape shape = CUPEL_SHAPE(size, size);
    struct cupel_tensor *a = input(draft, &shape), *b = input(draft, &shape);
    draft->out[draft->n_out++] = cupel_matmul(a, b, false, true);
}

static void build_launch(const struct subject *subject, int64_t size, int shrink, struct draft *draft) {
    (void)subject, (void)size, (void)shrink;
    draft->out[draft->n_out++] = cupel_scale(input(draft, &CUPEL_SHAPE(1)), 1.5, 0);
}

struct subject roof_subject(int roof) {
    static void (*const builds[ROOFS])(const struct subject *, int64_t, int,
                                       struct draft *) = {build_copy, build_product, build_launch};
    struct subject subject = {.op = OP_COUNT, .build = builds[roof], .values = layer_values};
    snprintf(subject.name, sizeof subject.name, "%s", roof_names[roof]);
    return subject;
}
