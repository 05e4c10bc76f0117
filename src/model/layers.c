/* The table of layers: their words, arguments and defaults (PyTorch's), and how each is built. */
#include <float.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "graph/node.h"
#include "model/model.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { MAX_OUT = 1 << 24, MAX_WINDOW = 1 << 16 };

#define FIELD(name, field_type, member, from, to, other)                                                   \
    {                                                                                                      \
        .key = name, .type = CUPEL_FIELD_##field_type, .offset = offsetof(struct layer_arguments, member), \
        .low = from, .high = to, .fallback = other                                                         \
    }
#define FACTOR(type) FIELD("factor", type, factor, 1, MAX_WINDOW, NULL)
#define SPECTRAL_NORM FIELD("spectral_norm", BOOL, spectral_norm, 0, 0, "false")
#define COMMON FIELD("name", TEXT, name, 0, 0, ""), FIELD("from", ITEM, from, 0, 0, "")
#define INIT FIELD("init", ITEM, init_item, 0, 0, "")
#define AUXILIARY FIELD("auxiliary", NUMBER, auxiliary, CUPEL_ABOVE_0, DBL_MAX, "")

#define CONV_FIELDS                                                                                     \
    COMMON, INIT, FIELD("out", INT, out, 1, MAX_OUT, NULL),                                             \
        FIELD("kernel", PAIR, kernel, 1, MAX_WINDOW, NULL),                                             \
        FIELD("stride", PAIR, stride, 1, MAX_WINDOW, "1"), FIELD("pad", PAIR, pad, 0, MAX_WINDOW, "0"), \
        FIELD("dilation", PAIR, dilation, 1, MAX_WINDOW, "1"),                                          \
        FIELD("groups", INT, groups, 1, MAX_OUT, "1"), FIELD("bias", BOOL, bias, 0, 0, "true"),         \
        SPECTRAL_NORM
static const struct cupel_field conv_fields[] = {CONV_FIELDS};
static const struct cupel_field deconv_fields[] = {CONV_FIELDS,
                                                   FIELD("output_pad", PAIR, output_pad, 0, MAX_WINDOW, "0")};
static const struct cupel_field linear_fields[] = {COMMON,
                                                   INIT,
                                                   FIELD("out", INT, out, 1, MAX_OUT, NULL),
                                                   FIELD("bias", BOOL, bias, 0, 0, "true"),
                                                   SPECTRAL_NORM,
                                                   AUXILIARY};
static const struct cupel_field embedding_fields[] = {COMMON, INIT, FIELD("out", INT, out, 1, MAX_OUT, NULL)};
static const struct cupel_field batchnorm_fields[] = {
    COMMON, INIT, FIELD("momentum", NUMBER, momentum, 0, 1, "0.1"),
    FIELD("eps", NUMBER, eps, CUPEL_ABOVE_0, DBL_MAX, "1e-5")};
static const struct cupel_field layernorm_fields[] = {
    COMMON, INIT, FIELD("eps", NUMBER, eps, CUPEL_ABOVE_0, DBL_MAX, "1e-5")};
static const struct cupel_field instancenorm_fields[] = {
    COMMON, INIT, FIELD("eps", NUMBER, eps, CUPEL_ABOVE_0, DBL_MAX, "1e-5"),
    FIELD("affine", BOOL, affine, 0, 0, "false")};
static const char *const upsample_modes[] = {
    [CUPEL_UPSAMPLE_NEAREST] = "nearest", [CUPEL_UPSAMPLE_BILINEAR] = "bilinear"};
static const struct cupel_field upsample_fields[] = {COMMON,
                                                     FACTOR(PAIR),
                                                     {.key = "mode",
                                                      .type = CUPEL_FIELD_CHOICE,
                                                      .offset = offsetof(struct layer_arguments, mode),
                                                      .fallback = "nearest",
                                                      .words = CUPEL_WORDS(upsample_modes)}};
static const struct cupel_field pixel_shuffle_fields[] = {COMMON, FACTOR(INT)};
static const struct cupel_field minibatch_std_fields[] = {COMMON,
                                                          FIELD("group", INT, group, 2, MAX_OUT, "4")};
/* A stride left out is the kernel's size: the arguments start as zeros. */
#define WINDOW_FIELDS                                                                                  \
    COMMON, FIELD("kernel", PAIR, kernel, 1, MAX_WINDOW, NULL),                                        \
        FIELD("stride", PAIR, stride, 1, MAX_WINDOW, ""), FIELD("pad", PAIR, pad, 0, MAX_WINDOW, "0"), \
        FIELD("ceil_mode", BOOL, ceil_mode, 0, 0, "false")
static const struct cupel_field maxpool_fields[] = {WINDOW_FIELDS};
static const struct cupel_field avgpool_fields[] = {
    WINDOW_FIELDS, FIELD("count_include_pad", BOOL, count_include_pad, 0, 0, "true")};
static const struct cupel_field adaptive_fields[] = {COMMON, FIELD("size", PAIR, size, 1, MAX_WINDOW, NULL)};
static const struct cupel_field crop_fields[] = {COMMON, FIELD("size", PAIR, size, 1, MAX_WINDOW, "")};
static const char *const padding_modes[] = {
    [CUPEL_PAD_CONSTANT] = "constant", [CUPEL_PAD_REFLECT] = "reflect", [CUPEL_PAD_REPLICATE] = "replicate"};
static const struct cupel_field pad_fields[] = {COMMON,
                                                FIELD("pad", SHAPE, shape, 0, MAX_WINDOW, NULL),
                                                FIELD("value", NUMBER, value, 0, 0, "0"),
                                                {.key = "mode",
                                                 .type = CUPEL_FIELD_CHOICE,
                                                 .offset = offsetof(struct layer_arguments, mode),
                                                 .fallback = "constant",
                                                 .words = CUPEL_WORDS(padding_modes)}};
static const struct cupel_field lrn_fields[] = {
    COMMON, FIELD("size", INT, size, 1, MAX_OUT, "5"), FIELD("alpha", NUMBER, alpha, 0, DBL_MAX, "1e-4"),
    FIELD("beta", NUMBER, beta, 0, DBL_MAX, "0.75"), FIELD("k", NUMBER, k, CUPEL_ABOVE_0, DBL_MAX, "1")};
static const struct cupel_field leaky_relu_fields[] = {
    COMMON, FIELD("slope", NUMBER, slope, CUPEL_ABOVE_0, DBL_MAX, "0.01")};
static const struct cupel_field elu_fields[] = {COMMON,
                                                FIELD("alpha", NUMBER, alpha, CUPEL_ABOVE_0, DBL_MAX, "1")};
static const struct cupel_field dropout_fields[] = {COMMON, FIELD("p", NUMBER, p, 0, CUPEL_BELOW_1, "0.5")};
static const struct cupel_field reshape_fields[] = {COMMON, FIELD("shape", SHAPE, shape, -1, MAX_OUT, NULL)};
static const struct cupel_field common_fields[] = {COMMON};

/* ---- building ---- */

static struct cupel_tensor *refuse(const struct builder *builder, const struct layer *layer,
                                   const struct cupel_tensor *x, const char *wanted, const char *advice) {
    char shape[100];
    return graph_fail(builder->graph, layer->kind->word, "the input is %s, it must be %s; %s",
                      cupel_shape_text(&x->shape, shape, sizeof shape), wanted, advice);
}

static struct cupel_tensor *refuse_images(const struct builder *builder, const struct layer *layer,
                                          const struct cupel_tensor *x) {
    return refuse(builder, layer, x, "images [N, C, H, W]", "put `reshape` before it");
}

/* PyTorch's default: kaiming_uniform with slope sqrt(5), which is uniform within 1 / sqrt(fan in). Names are those that
 * torch.nn.utils.spectral_norm gives; `axis` is that of the weight's outputs. */
static struct cupel_tensor *weight(struct builder *builder, const struct layer *layer,
                                   struct cupel_shape shape, int axis) {
    struct cupel_init kaiming = {CUPEL_INIT_KAIMING_UNIFORM, sqrt(5), 0}, unit = {CUPEL_INIT_DIRECTION, 0, 0};
    const struct cupel_init *init = layer->has_init ? &layer->init : &kaiming;
    const bool normalised = layer->arguments.spectral_norm;
    struct cupel_tensor *w = builder_parameter(builder, normalised ? "weight_orig" : "weight", &shape, init);
    if (!w || !normalised) return w;
    const int64_t rows = shape.dim[axis], columns = cupel_shape_count(&shape) / rows;
    struct cupel_tensor *u = builder_statistic(builder, "weight_u", &CUPEL_SHAPE(rows), &unit);
    struct cupel_tensor *v = builder_statistic(builder, "weight_v", &CUPEL_SHAPE(columns), &unit);
    return cupel_spectral_norm(w, u, v, axis, 1e-12, builder->training);
}

/* The bias of a layer with that weight shape, within the same bound; NULL when it has none. */
static struct cupel_tensor *bias(struct builder *builder, const struct layer *layer,
                                 struct cupel_shape weight_shape) {
    weight_shape.dim[0] = 1;
    double bound = 1 / sqrt((double)cupel_shape_count(&weight_shape));
    struct cupel_init init = {CUPEL_INIT_UNIFORM, -bound, bound};
    if (!layer->arguments.bias) return NULL;
    return builder_parameter(builder, "bias", &CUPEL_SHAPE(layer->arguments.out), &init);
}

static struct cupel_tensor *build_convolution(struct builder *builder, const struct layer *layer,
                                              struct cupel_tensor *x, bool transposed) {
    const struct layer_arguments *a = &layer->arguments;
    struct cupel_conv conv = {.groups = (int)a->groups};
    for (int i = 0; i < 2; i++) {
        conv.stride[i] = (int)a->stride[i];
        conv.pad[i] = (int)a->pad[i];
        conv.dilation[i] = (int)a->dilation[i];
        conv.output_pad[i] = (int)a->output_pad[i];
    }
    if (x->shape.rank != 4) return refuse_images(builder, layer, x);
    int64_t in = x->shape.dim[1];
    if (in % a->groups || a->out % a->groups)
        return graph_fail(builder->graph, layer->kind->word,
                          "%lld channels in and %lld out must be divisible by %lld groups", (long long)in,
                          (long long)a->out, (long long)a->groups);
    struct cupel_shape shape = CUPEL_SHAPE(transposed ? in : a->out, (transposed ? a->out : in) / a->groups,
                                           a->kernel[0], a->kernel[1]);
    struct cupel_tensor *w = weight(builder, layer, shape, transposed), *b = bias(builder, layer, shape);
    return transposed ? cupel_deconv2d(x, w, b, &conv) : cupel_conv2d(x, w, b, &conv);
}

static struct cupel_tensor *build_conv(struct builder *builder, const struct layer *layer,
                                       struct cupel_tensor **x) {
    return build_convolution(builder, layer, x[0], false);
}

static struct cupel_tensor *build_deconv(struct builder *builder, const struct layer *layer,
                                         struct cupel_tensor **x) {
    return build_convolution(builder, layer, x[0], true);
}

static struct cupel_tensor *build_linear(struct builder *builder, const struct layer *layer,
                                         struct cupel_tensor **x) {
    if (x[0]->shape.rank != 2)
        return refuse(builder, layer, x[0], "vectors [N, features]", "put `flatten` before it");
    struct cupel_shape shape = CUPEL_SHAPE(layer->arguments.out, x[0]->shape.dim[1]);
    struct cupel_tensor *w = weight(builder, layer, shape, 0);
    return cupel_linear(x[0], w, bias(builder, layer, shape));
}

/* A row for each class, normal numbers as torch.nn.Embedding has them. */
static struct cupel_tensor *build_embedding(struct builder *builder, const struct layer *layer,
                                            struct cupel_tensor **x) {
    struct cupel_init normal = {CUPEL_INIT_NORMAL, 0, 1};
    struct cupel_shape shape = CUPEL_SHAPE(builder->network->model->data.classes, layer->arguments.out);
    if (x[0]->dtype != CUPEL_I32) return refuse(builder, layer, x[0], "class labels", "add `from: label`");
    struct cupel_tensor *w =
        builder_parameter(builder, "weight", &shape, layer->has_init ? &layer->init : &normal);
    return cupel_embedding(w, x[0]);
}

/* Weight and bias of a normalisation: ones (or `init`) and zeros. */
static struct cupel_tensor *gain(struct builder *builder, const struct layer *layer,
                                 const struct cupel_shape *shape) {
    struct cupel_init ones = {CUPEL_INIT_CONSTANT, 1, 0};
    return builder_parameter(builder, "weight", shape, layer->has_init ? &layer->init : &ones);
}

static struct cupel_tensor *build_batchnorm(struct builder *builder, const struct layer *layer,
                                            struct cupel_tensor **x) {
    const struct layer_arguments *a = &layer->arguments;
    if (x[0]->shape.rank < 2) return refuse(builder, layer, x[0], "[N, C, ...]", "put `reshape` before it");
    struct cupel_shape shape = CUPEL_SHAPE(x[0]->shape.dim[1]);
    struct cupel_init zeros = {CUPEL_INIT_ZEROS, 0, 0}, ones = {CUPEL_INIT_CONSTANT, 1, 0};
    struct cupel_tensor *w = gain(builder, layer, &shape),
                        *b = builder_parameter(builder, "bias", &shape, &zeros);
    struct cupel_tensor *mean = builder_statistic(builder, "running_mean", &shape, &zeros);
    struct cupel_tensor *variance = builder_statistic(builder, "running_var", &shape, &ones);
    return builder->training ? cupel_batchnorm(x[0], w, b, mean, variance, a->momentum, a->eps)
                             : cupel_batchnorm_eval(x[0], w, b, mean, variance, a->eps);
}

/* Over all axes but the first. */
static struct cupel_tensor *build_layernorm(struct builder *builder, const struct layer *layer,
                                            struct cupel_tensor **x) {
    struct cupel_init zeros = {CUPEL_INIT_ZEROS, 0, 0};
    struct cupel_shape shape = {.rank = x[0]->shape.rank - 1};
    if (shape.rank < 1) return refuse(builder, layer, x[0], "[N, ...]", "put `reshape` before it");
    memcpy(shape.dim, x[0]->shape.dim + 1, sizeof shape.dim - sizeof *shape.dim);
    struct cupel_tensor *w = gain(builder, layer, &shape),
                        *b = builder_parameter(builder, "bias", &shape, &zeros);
    return cupel_layernorm(x[0], w, b, layer->arguments.eps);
}

static struct cupel_tensor *build_instancenorm(struct builder *builder, const struct layer *layer,
                                               struct cupel_tensor **x) {
    const struct layer_arguments *a = &layer->arguments;
    struct cupel_init zeros = {CUPEL_INIT_ZEROS, 0, 0};
    if (x[0]->shape.rank < 3) return refuse(builder, layer, x[0], "[N, C, ...]", "put `reshape` before it");
    if (!a->affine && layer->has_init)
        return graph_fail(builder->graph, layer->kind->word, "`init` is for weights; add `affine: true`");
    if (!a->affine) return cupel_instancenorm(x[0], NULL, NULL, a->eps);
    struct cupel_shape shape = CUPEL_SHAPE(x[0]->shape.dim[1]);
    struct cupel_tensor *w = gain(builder, layer, &shape),
                        *b = builder_parameter(builder, "bias", &shape, &zeros);
    return w && b ? cupel_instancenorm(x[0], w, b, a->eps) : NULL;
}

static struct cupel_pool window(const struct layer_arguments *a) {
    struct cupel_pool pool = {.ceil_mode = a->ceil_mode};
    for (int i = 0; i < 2; i++) {
        pool.kernel[i] = (int)a->kernel[i];
        pool.stride[i] = (int)a->stride[i];
        pool.pad[i] = (int)a->pad[i];
    }
    return pool;
}

static struct cupel_tensor *build_maxpool(struct builder *builder, const struct layer *layer,
                                          struct cupel_tensor **x) {
    struct cupel_pool pool = window(&layer->arguments);
    (void)builder;
    return cupel_maxpool(x[0], &pool);
}

static struct cupel_tensor *build_avgpool(struct builder *builder, const struct layer *layer,
                                          struct cupel_tensor **x) {
    struct cupel_pool pool = window(&layer->arguments);
    (void)builder;
    pool.exclude_pad = !layer->arguments.count_include_pad;
    return cupel_avgpool(x[0], &pool);
}

static struct cupel_tensor *build_adaptive_maxpool(struct builder *builder, const struct layer *layer,
                                                   struct cupel_tensor **x) {
    (void)builder;
    return cupel_adaptive_maxpool(x[0], layer->arguments.size);
}

static struct cupel_tensor *build_adaptive_avgpool(struct builder *builder, const struct layer *layer,
                                                   struct cupel_tensor **x) {
    (void)builder;
    return cupel_adaptive_avgpool(x[0], layer->arguments.size);
}

static struct cupel_tensor *build_unpool(struct builder *builder, const struct layer *layer,
                                         struct cupel_tensor **x) {
    (void)builder, (void)layer;
    return cupel_unpool(x[0], x[1]);
}

/* To a size that is given, or to that of the second input. */
static struct cupel_tensor *build_crop(struct builder *builder, const struct layer *layer,
                                       struct cupel_tensor **x) {
    const bool given = layer->arguments.size[0] > 0, like = layer->input_count > 1;
    if (given == like)
        return graph_fail(builder->graph, layer->kind->word,
                          "it needs a size, `size: [height, width]`, or a layer of that size, `from: [layer, "
                          "like]`, %s",
                          given ? "not both" : "but has neither");
    if (x[like]->shape.rank != 4) return refuse_images(builder, layer, x[like]);
    return cupel_crop(x[0], given ? layer->arguments.size : x[1]->shape.dim + 2);
}

/* `pad` is one number, [down, across] or [top, bottom, left, right]. */
static struct cupel_tensor *build_pad(struct builder *builder, const struct layer *layer,
                                      struct cupel_tensor **x) {
    const struct layer_arguments *a = &layer->arguments;
    const int numbers = a->shape.rank;
    int64_t pad[4];
    if (numbers != 1 && numbers != 2 && numbers != 4)
        return graph_fail(builder->graph, layer->kind->word,
                          "'pad' has %d numbers; write one, [down, across] or [top, bottom, left, right]",
                          numbers);
    if (a->value != 0 && a->mode != CUPEL_PAD_CONSTANT)
        return graph_fail(builder->graph, layer->kind->word, "`value` is for `mode: constant`");
    if (x[0]->shape.rank != 4) return refuse_images(builder, layer, x[0]);
    for (int i = 0; i < 4; i++) pad[i] = a->shape.dim[i * numbers / 4];
    return cupel_pad_image(x[0], pad, (enum cupel_padding)a->mode, a->value);
}

static struct cupel_tensor *build_lrn(struct builder *builder, const struct layer *layer,
                                      struct cupel_tensor **x) {
    const struct layer_arguments *a = &layer->arguments;
    const struct cupel_lrn lrn = {a->size[0], a->alpha, a->beta, a->k};
    if (x[0]->shape.rank != 4) return refuse_images(builder, layer, x[0]);
    return cupel_lrn(x[0], &lrn);
}

static struct cupel_tensor *build_upsample(struct builder *builder, const struct layer *layer,
                                           struct cupel_tensor **x) {
    if (x[0]->shape.rank != 4) return refuse_images(builder, layer, x[0]);
    return cupel_upsample(x[0], layer->arguments.factor, (enum cupel_upsampling)layer->arguments.mode);
}

static struct cupel_tensor *build_pixel_shuffle(struct builder *builder, const struct layer *layer,
                                                struct cupel_tensor **x) {
    if (x[0]->shape.rank != 4) return refuse_images(builder, layer, x[0]);
    return cupel_pixel_shuffle(x[0], layer->arguments.factor[0]);
}

static struct cupel_tensor *build_minibatch_std(struct builder *builder, const struct layer *layer,
                                                struct cupel_tensor **x) {
    (void)builder;
    return cupel_minibatch_std(x[0], layer->arguments.group);
}

/* Of relu first, because at 0 its gradient is 0, as that of torch.nn.ReLU6, and a normalisation before it can apply it. */
static struct cupel_tensor *relu6(struct cupel_tensor *x) {
    return cupel_clamp(cupel_relu(x), 0, 6);
}

static struct cupel_tensor *build_leaky_relu(struct builder *builder, const struct layer *layer,
                                             struct cupel_tensor **x) {
    (void)builder;
    return cupel_leaky_relu(x[0], layer->arguments.slope);
}

static struct cupel_tensor *build_elu(struct builder *builder, const struct layer *layer,
                                      struct cupel_tensor **x) {
    (void)builder;
    return cupel_elu(x[0], layer->arguments.alpha);
}

static struct cupel_tensor *build_softmax(struct builder *builder, const struct layer *layer,
                                          struct cupel_tensor **x) {
    (void)builder, (void)layer;
    return cupel_softmax(x[0], 1);
}

static struct cupel_tensor *build_log_softmax(struct builder *builder, const struct layer *layer,
                                              struct cupel_tensor **x) {
    (void)builder, (void)layer;
    return cupel_log_softmax(x[0], 1);
}

static struct cupel_tensor *build_dropout(struct builder *builder, const struct layer *layer,
                                          struct cupel_tensor **x) {
    if (!builder->training || layer->arguments.p == 0) return x[0];
    return cupel_dropout(x[0], cupel_rng(builder->graph), layer->arguments.p);
}

/* `shape` is of one sample; N goes before it. */
static struct cupel_tensor *build_reshape(struct builder *builder, const struct layer *layer,
                                          struct cupel_tensor **x) {
    const struct cupel_shape *sample = &layer->arguments.shape;
    struct cupel_shape shape = {.rank = sample->rank + 1, .dim = {x[0]->shape.dim[0]}};
    if (sample->rank == CUPEL_MAX_RANK)
        return graph_fail(builder->graph, layer->kind->word, "the shape has more than %d dimensions",
                          CUPEL_MAX_RANK - 1);
    memcpy(shape.dim + 1, sample->dim, sizeof shape.dim - sizeof *shape.dim);
    return cupel_reshape(x[0], &shape);
}

static struct cupel_tensor *build_add(struct builder *builder, const struct layer *layer,
                                      struct cupel_tensor **x) {
    struct cupel_tensor *sum = x[0];
    for (int i = 1; i < layer->input_count; i++) {
        if (!cupel_shape_equal(&x[i]->shape, &x[0]->shape)) {
            char shape[100];
            return refuse(builder, layer, x[i], cupel_shape_text(&x[0]->shape, shape, sizeof shape),
                          "add takes inputs of one shape");
        }
        sum = cupel_add(sum, x[i]);
    }
    return sum;
}

/* Along the channels. */
static struct cupel_tensor *build_concat(struct builder *builder, const struct layer *layer,
                                         struct cupel_tensor **x) {
    (void)builder;
    return cupel_concat(x, layer->input_count, 1);
}

#define KIND(text, arguments, function) \
    { .word = text, .fields = arguments, .field_count = COUNT(arguments), .build = function }
#define JOIN(text, arguments, from, to, function)                                                      \
    {                                                                                                  \
        .word = text, .fields = arguments, .field_count = COUNT(arguments), .least = from, .most = to, \
        .build = function                                                                              \
    }
#define PLAIN(text, function) \
    { .word = text, .fields = common_fields, .field_count = COUNT(common_fields), .apply = function }
#define OF_LABEL(text, arguments, function)                                                      \
    {                                                                                            \
        .word = text, .fields = arguments, .field_count = COUNT(arguments), .takes_label = true, \
        .build = function                                                                        \
    }
const struct layer_kind layer_kinds[] = {
    KIND("conv", conv_fields, build_conv),
    KIND("deconv", deconv_fields, build_deconv),
    KIND("linear", linear_fields, build_linear),
    OF_LABEL("embedding", embedding_fields, build_embedding),
    KIND("batchnorm", batchnorm_fields, build_batchnorm),
    KIND("layernorm", layernorm_fields, build_layernorm),
    KIND("instancenorm", instancenorm_fields, build_instancenorm),
    KIND("lrn", lrn_fields, build_lrn),
    KIND("minibatch_std", minibatch_std_fields, build_minibatch_std),
    KIND("maxpool", maxpool_fields, build_maxpool),
    KIND("avgpool", avgpool_fields, build_avgpool),
    KIND("adaptive_maxpool", adaptive_fields, build_adaptive_maxpool),
    KIND("adaptive_avgpool", adaptive_fields, build_adaptive_avgpool),
    PLAIN("global_avgpool", cupel_global_avgpool),
    KIND("pad", pad_fields, build_pad),
    KIND("upsample", upsample_fields, build_upsample),
    KIND("pixel_shuffle", pixel_shuffle_fields, build_pixel_shuffle),
    PLAIN("relu", cupel_relu),
    PLAIN("relu6", relu6),
    KIND("leaky_relu", leaky_relu_fields, build_leaky_relu),
    KIND("elu", elu_fields, build_elu),
    PLAIN("selu", cupel_selu),
    PLAIN("sigmoid", cupel_sigmoid),
    PLAIN("tanh", cupel_tanh),
    PLAIN("softplus", cupel_softplus),
    PLAIN("gelu", cupel_gelu),
    KIND("softmax", common_fields, build_softmax),
    KIND("log_softmax", common_fields, build_log_softmax),
    KIND("dropout", dropout_fields, build_dropout),
    PLAIN("flatten", cupel_flatten),
    KIND("reshape", reshape_fields, build_reshape),
    JOIN("add", common_fields, 2, INT_MAX, build_add),
    JOIN("concat", common_fields, 2, INT_MAX, build_concat),
    JOIN("unpool", common_fields, 2, 2, build_unpool),
    JOIN("crop", crop_fields, 1, 2, build_crop),
};
const size_t layer_kind_count = COUNT(layer_kinds);
