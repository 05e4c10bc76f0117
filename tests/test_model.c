/* Model files: what is read, and what is refused where. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "model/model.h"

static const char good[] =
    "task: classify\n"                                                                  /* 1 */
    "data:\n"                                                                           /* 2 */
    "  format: idx\n"                                                                   /* 3 */
    "  path: /data\n"                                                                   /* 4 */
    "  shape: [1, 28, 28]\n"                                                            /* 5 */
    "  classes: 10\n"                                                                   /* 6 */
    "networks:\n"                                                                       /* 7 */
    "  net:\n"                                                                          /* 8 */
    "    input: image\n"                                                                /* 9 */
    "    layers:\n"                                                                     /* 10 */
    "      - conv: {name: conv1, out: 6, kernel: 5, pad: 2}\n"                          /* 11 */
    "      - relu\n"                                                                    /* 12 */
    "      - maxpool: {kernel: 2}\n"                                                    /* 13 */
    "      - residual: {out: 8, name: res}\n"                                           /* 14 */
    "      - flatten\n"                                                                 /* 15 */
    "      - linear: {name: fc, out: 10}\n"                                             /* 16 */
    "blocks:\n"                                                                         /* 17 */
    "  residual:\n"                                                                     /* 18 */
    "    params: {out: ~, stride: 1}\n"                                                 /* 19 */
    "    layers:\n"                                                                     /* 20 */
    "      - conv: {out: $out, kernel: 3, pad: 1, stride: $stride}\n"                   /* 21 */
    "      - batchnorm\n"                                                               /* 22 */
    "      - conv: {name: short, from: input, out: $out, kernel: 1, stride: $stride}\n" /* 23 */
    "      - add: {from: [batchnorm1, short]}\n"                                        /* 24 */
    "train:\n"                                                                          /* 25 */
    "  optimizer: {adam: {lr: 0.001}}\n"                                                /* 26 */
    "  batch: 128\n"                                                                    /* 27 */
    "  epochs: 2\n";                                                                    /* 28 */

/* `good` with the first `old` replaced by `new`. */
static struct cupel_model *read_changed(const char *old, const char *new, struct cupel_error *error) {
    char text[4000];
    const char *at = strstr(good, old);
    cr_assert(at, "'%s' is not in the text", old);
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - good), good, new, at + strlen(old));
    struct cupel_model *model;
    cupel_model_read_text("m.yaml", text, strlen(text), NULL, 0, &model, error);
    return model;
}

Test(model, defaults_are_filled_in) {
    struct cupel_error error = {0};
    struct cupel_model *model = read_changed("task", "task", &error);
    cr_assert(model, "%s", error.message);
    const struct cupel_data_settings *data = cupel_model_data(model);
    const struct cupel_train_settings *train = cupel_model_train(model);
    cr_assert_eq(cupel_model_task(model), CUPEL_TASK_CLASSIFY);
    cr_assert_str_eq(data->path, "/data");
    cr_assert(data->shape.dim[2] == 28 && data->classes == 10 && data->mean[0] == 0 &&
              data->deviation[0] == 1);
    cr_assert(!data->augment.flip && !data->augment.crop && !data->augment.resamples &&
              !data->augment.recolours && !data->augment.mixup && !data->validation_count &&
              data->validation_fraction == 0);
    cr_assert(train->batch == 128 && train->epochs == 2 && !train->steps && train->drop_last && !train->seed);
    cr_assert(train->optimizer[0].kind == CUPEL_OPTIMIZER_ADAM && train->optimizer[0].adam.beta2 == 0.999);
    cr_assert(train->loss == CUPEL_LOSS_CROSS_ENTROPY && train->schedule[0].kind == CUPEL_SCHEDULE_CONSTANT);
    cr_assert(!cupel_model_network(model, 1) && !cupel_model_network_named(model, "other"));
    cr_assert_eq(cupel_model_network(model, 0), cupel_model_network_named(model, "net"));
    size_t length;
    cr_assert(!strcmp(cupel_model_text(model, &length), good) && length == strlen(good));
    cupel_model_free(model);
}

Test(model, every_setting_is_read) {
    struct cupel_error error = {0};
    struct cupel_model *model = read_changed(
        "  epochs: 2\n",
        "  steps: 7\n  label_smoothing: 0.1\n  warmup: 5\n  clip_norm: 2\n  clip_value: 3\n  ema: 0.99\n"
        "  early_stopping: {patience: 4}\n  drop_last: false\n  seed: 9\n  loss: cross_entropy\n"
        "  schedule: {plateau: {factor: 0.5, patience: 3}}\n",
        &error);
    cr_assert(model, "%s", error.message);
    const struct cupel_train_settings *train = cupel_model_train(model);
    cr_assert(train->steps == 7 && !train->epochs && train->label_smoothing == 0.1 && train->warmup == 5);
    cr_assert(train->clip_norm == 2 && train->clip_value == 3 && train->ema == 0.99 &&
              train->early_stopping == 4);
    cr_assert(!train->drop_last && train->seed == 9 && train->schedule[0].kind == CUPEL_SCHEDULE_PLATEAU);
    cr_assert(train->schedule[0].factor == 0.5 && train->schedule[0].patience == 3);
    cupel_model_free(model);
    model = read_changed(
        "  classes: 10\n",
        "  classes: 10\n  normalize: {mean: [0.25], std: [0.5]}\n  augment: {flip: true, crop: 4}\n"
        "  validation: 5000\n  class_names: [a, b, c, d, e, f, g, h, i, ankle boot]\n",
        &error);
    cr_assert(model, "%s", error.message);
    const struct cupel_data_settings *data = cupel_model_data(model);
    cr_assert(data->mean[0] == 0.25 && data->deviation[0] == 0.5 && data->augment.flip &&
              data->augment.crop == 4);
    cr_assert_str_eq(data->class_names[9], "ankle boot");
    cr_assert(data->validation_count == 5000 && data->validation_fraction == 0);
    cupel_model_free(model);
}

/* One number for a range lies about the middle; factors do not go below 0. */
Test(model, augmentation_is_read_as_ranges) {
    struct cupel_error error = {0};
    struct cupel_model *model = read_changed(
        "  classes: 10\n",
        "  classes: 10\n  augment: {rotate: 15, translate: 0.1, fill: 0.25, cutout: 8, mixup: 0.2,\n"
        "    color_jitter: {brightness: 0.4, contrast: [0.5, 3]}}\n",
        &error);
    cr_assert(model, "%s", error.message);
    const struct cupel_augment_settings *augment = &cupel_model_data(model)->augment;
    const struct cupel_affine *affine = &augment->affine;
    const struct cupel_jitter *jitter = &augment->jitter;
    cr_expect(augment->resamples && affine->rotate[0] == -15 && affine->rotate[1] == 15);
    cr_expect(affine->translate[0] == 0.1 && affine->translate[1] == 0.1);
    cr_expect(affine->scale[0] == 1 && affine->scale[1] == 1);
    cr_expect(augment->fills && augment->fill == 0.25 && augment->cutout == 8 && augment->mixup == 0.2);
    cr_expect(augment->recolours && jitter->brightness[0] == 0.6 && jitter->brightness[1] == 1.4);
    cr_expect(jitter->contrast[0] == 0.5 && jitter->contrast[1] == 3 && jitter->saturation[0] == 1 &&
              jitter->saturation[1] == 1 && jitter->hue[0] == 0 && jitter->hue[1] == 0);
    cupel_model_free(model);
    model = read_changed("  shape: [1, 28, 28]\n  classes: 10\n",
                         "  shape: [3, 28, 28]\n  classes: 10\n"
                         "  augment: {rotate: [-5, 20], translate: [0.1, 0], scale: [0.5, 2],\n"
                         "    color_jitter: {brightness: 3, saturation: [0, 0], hue: 0.1}}\n",
                         &error);
    cr_assert(model, "%s", error.message);
    augment = &cupel_model_data(model)->augment;
    affine = &augment->affine;
    jitter = &augment->jitter;
    cr_expect(affine->rotate[0] == -5 && affine->rotate[1] == 20 && affine->scale[0] == 0.5 &&
              affine->scale[1] == 2 && affine->translate[0] == 0.1 && affine->translate[1] == 0);
    cr_expect(!augment->fills && augment->cutout == 0 && augment->mixup == 0);
    cr_expect(jitter->brightness[0] == 0 && jitter->brightness[1] == 4 && jitter->saturation[1] == 0 &&
              jitter->hue[0] == -0.1 && jitter->hue[1] == 0.1);
    cupel_model_free(model);
}

Test(model, every_optimizer_has_the_defaults_of_torch) {
    static const struct {
        const char *text;
        struct cupel_optimizer_settings want;
    } cases[] = {
        {"sgd", {.kind = CUPEL_OPTIMIZER_SGD, .rate = 1e-3}},
        {"{sgd: {momentum: 0.9, nesterov: true}}",
         {.kind = CUPEL_OPTIMIZER_SGD, .rate = 1e-3, .sgd = {.momentum = 0.9, .nesterov = true}}},
        {"adam", {.kind = CUPEL_OPTIMIZER_ADAM, .rate = 1e-3, .adam = {0.9, 0.999, 1e-8, 0, false}}},
        {"adamw", {.kind = CUPEL_OPTIMIZER_ADAMW, .rate = 1e-3, .adam = {0.9, 0.999, 1e-8, 1e-2, true}}},
        {"{rmsprop: }", {.kind = CUPEL_OPTIMIZER_RMSPROP, .rate = 1e-2, .rmsprop = {0.99, 1e-8, 0}}},
        {"{adagrad: {}}", {.kind = CUPEL_OPTIMIZER_ADAGRAD, .rate = 1e-2, .adagrad = {1e-10, 0}}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cupel_error error = {0};
        struct cupel_model *model = read_changed("{adam: {lr: 0.001}}", cases[i].text, &error);
        cr_assert(model, "%s", error.message);
        const struct cupel_optimizer_settings *got = &cupel_model_train(model)->optimizer[0],
                                              *want = &cases[i].want;
        cr_expect(got->kind == want->kind && got->rate == want->rate, "%s", cases[i].text);
        cr_expect(got->sgd.momentum == want->sgd.momentum && got->sgd.nesterov == want->sgd.nesterov);
        cr_expect(got->adam.beta1 == want->adam.beta1 && got->adam.beta2 == want->adam.beta2 &&
                  got->adam.eps == want->adam.eps && got->adam.weight_decay == want->adam.weight_decay &&
                  got->adam.decoupled == want->adam.decoupled);
        cr_expect(got->rmsprop.alpha == want->rmsprop.alpha && got->rmsprop.eps == want->rmsprop.eps);
        cr_expect_eq(got->adagrad.eps, want->adagrad.eps);
        cupel_model_free(model);
    }
}

/* One change to the good text, the place of the complaint, and parts of it. */
static const struct {
    const char *old, *new, *place, *message;
} refused[] = {
    /* the whole */
    {"task: classify", "task: clasify", "m.yaml:1:7:", "unknown task 'clasify'; did you mean 'classify'?"},
    {"task: classify\n", "", "m.yaml:1:1:", "the model needs the key 'task'"},
    {"train:", "trian:", "m.yaml:25:1:",
     "did you mean 'train'? (known: task, image_size, parameters, data, networks, "},
    {"train:\n", "train: 3\nother:\n", "m.yaml:26:1:", "unknown key of the model 'other'"},
    /* data */
    {"format: idx", "format: mnist",
     "m.yaml:3:11:", "unknown format 'mnist'; (known: idx, cifar10, cifar100, folder, npy)"},
    {"  path: /data\n", "", "m.yaml:2:1:", "data needs the key 'path'"},
    {"[1, 28, 28]", "[28, 28]", "m.yaml:5:10:", "three: [channels, height, width]"},
    {"[1, 28, 28]", "[1, 28, 0]", "m.yaml:5:18:", "'shape' is '0'"},
    {"  classes: 10\n", "", "m.yaml:2:1:", "task classify needs the key 'classes'"},
    {"classes: 10", "classes: ten", "m.yaml:6:12:", "'classes' is 'ten'; it must be a whole number from 2"},
    {"  classes: 10\n", "  classes: 10\n  normalize: {mean: [0.5, 0.5], std: [0.5]}\n",
     "m.yaml:7:14:", "mean has 2 values and std 1; the images have 1 channels"},
    {"  classes: 10\n", "  classes: 10\n  normalize: {mean: [0.5], std: [0]}\n",
     "m.yaml:7:34:", "'std' is '0'; it must be a number above 0"},
    {"  classes: 10\n", "  classes: 10\n  validation: 1.5\n", "m.yaml:7:15:", "a part of the images (0.1)"},
    {"classes: 10", "classes: 2\n  class_names: [cat]",
     "m.yaml:7:16:", "'class_names' has 1 names for 2 classes; give one for each"},
    {"classes: 10", "classes: 2\n  class_names: [cat, {}]", "m.yaml:7:22:", "'class_names' holds a mapping"},
    {"classes: 10", "classes: 2\n  class_names: cat",
     "m.yaml:7:16:", "'class_names' is 'cat'; it must be a list"},
    {"  classes: 10\n", "  classes: 10\n  augment: {flop: true}\n", "m.yaml:7:13:", "did you mean 'flip'?"},
    {"  classes: 10\n", "  classes: 10\n  augment: {rotate: 200}\n",
     "m.yaml:7:21:", "'rotate' is '200'; it must be a number from 0 to 180"},
    {"  classes: 10\n", "  classes: 10\n  augment: {rotate: [1, 2, 3]}\n",
     "m.yaml:7:21:", "'rotate' has 3 numbers; it must have two"},
    {"  classes: 10\n", "  classes: 10\n  augment: {rotate: [20, -5]}\n",
     "m.yaml:7:21:", "'rotate' goes from 20 down to -5; write the smaller number first"},
    {"  classes: 10\n", "  classes: 10\n  augment: {rotate: [-200, 200]}\n",
     "m.yaml:7:21:", "the angles are more than 360 degrees apart"},
    {"  classes: 10\n", "  classes: 10\n  augment: {rotate: [0, 400]}\n",
     "m.yaml:7:25:", "'rotate' is '400'; it must be a number from -360 to 360"},
    {"  classes: 10\n", "  classes: 10\n  augment: {translate: 1.5}\n",
     "m.yaml:7:24:", "'translate' is '1.5'; it must be a number from 0 to 1"},
    {"  classes: 10\n", "  classes: 10\n  augment: {translate: [0, -1]}\n",
     "m.yaml:7:28:", "'translate' is '-1'"},
    {"  classes: 10\n", "  classes: 10\n  augment: {scale: 0.5}\n",
     "m.yaml:7:20:", "'scale' is '0.5'; it must be a list of numbers"},
    {"  classes: 10\n", "  classes: 10\n  augment: {scale: [0, 1]}\n",
     "m.yaml:7:21:", "'scale' is '0'; it must be a number from 0.001"},
    {"  classes: 10\n", "  classes: 10\n  augment: {fill: 0.5}\n",
     "m.yaml:7:13:", "there is nothing to fill; add 'rotate'"},
    {"  classes: 10\n", "  classes: 10\n  augment: {mixup: 0}\n",
     "m.yaml:7:20:", "'mixup' is '0'; it must be a number above 0"},
    {"  classes: 10\n", "  classes: 10\n  augment: {cutout: -1}\n", "m.yaml:7:21:", "'cutout' is '-1'"},
    {"  classes: 10\n", "  classes: 10\n  augment: {color_jitter: {hue: 0.1}}\n",
     "m.yaml:7:28:", "images of one channel have no hue; remove it"},
    {"  classes: 10\n", "  classes: 10\n  augment: {color_jitter: {contrast: -1}}\n",
     "m.yaml:7:38:", "'contrast' is '-1'; it must be a number from 0"},
    {"  classes: 10\n", "  classes: 10\n  augment: {color_jitter: {colour: 1}}\n",
     "m.yaml:7:28:", "unknown key of color_jitter 'colour'"},
    {"[1, 28, 28]\n  classes: 10\n", "[2, 28, 28]\n  classes: 10\n  augment: {color_jitter: {}}\n",
     "m.yaml:7:13:", "colours have 1 or 3 channels, not 2; remove 'color_jitter'"},
    /* networks */
    {"input: image", "input: imgae", "m.yaml:9:12:", "unknown input 'imgae'; did you mean 'image'?"},
    {"input: image", "input: {image: 3}", "m.yaml:9:20:", "image is '3'; it must be a mapping"},
    {"input: image", "input: noise", "m.yaml:9:12:", "noise needs a shape"},
    {"input: image", "input: {vectors: {features: 10}}", "m.yaml:9:22:", "images of 784 values"},
    {"input: image", "input: layer", "m.yaml:9:12:", "layer needs a name; write {layer: NETWORK.LAYER}"},
    {"input: image", "input: {layer: [1]}", "m.yaml:9:20:", "'layer' is a list; it must be a text"},
    {"input: image", "input: {layer: net.fc}",
     "m.yaml:9:20:", "unknown layer of the networks before this one 'net.fc'; (known: none)"},
    {"  net:\n", "  n.t:\n", "m.yaml:8:3:", "'n.t' cannot be a name"},
    {"- relu\n", "- rleu\n", "m.yaml:12:9:", "unknown layer or block 'rleu'; did you mean 'relu'?"},
    {"- relu\n", "- relu: {slope: 1}\n", "m.yaml:12:16:", "unknown key of relu 'slope'; (known: name, from)"},
    {"- relu\n", "- [relu]\n", "m.yaml:12:9:", "layer is a list; write a word, or word: {arguments}"},
    {"- relu\n", "- relu:\n        tanh:\n", "m.yaml:13:9:", "'tanh' stands beside 'relu'"},
    {"- relu\n", "- upsample\n", "m.yaml:12:9:", "upsample needs the key 'factor'"},
    {"- relu\n", "- upsample: {factor: 0}\n", "m.yaml:12:28:", "'factor' is '0'"},
    {"- relu\n", "- upsample: {factor: 2, mode: bicubic}\n",
     "m.yaml:12:37:", "unknown mode 'bicubic'; (known: nearest, bilinear)"},
    {"- flatten\n", "- flatten\n      - upsample: {factor: 2}\n",
     "m.yaml:16:9:", "the input is [1, 1568], it must be images [N, C, H, W]"},
    {"- relu\n", "- pixel_shuffle: {factor: 2}\n", "m.yaml:12:9:",
     "pixel_shuffle (net.pixel_shuffle1): a factor of 2 needs images of a multiple of 4 channels"},
    {"- flatten\n", "- flatten\n      - pixel_shuffle: {factor: 2}\n",
     "m.yaml:16:9:", "it must be images [N, C, H, W]"},
    {"- relu\n", "- instancenorm: {init: {constant: [2]}}\n", "m.yaml:12:9:", "add `affine: true`"},
    {"- flatten\n", "- flatten\n      - instancenorm\n",
     "m.yaml:16:9:", "the input is [1, 1568], it must be [N, C, ...]"},
    {"- relu\n", "- minibatch_std: {group: 1}\n",
     "m.yaml:12:32:", "'group' is '1'; it must be a whole number from 2"},
    {"- relu\n", "- embedding: {out: 3}\n", "m.yaml:12:9:", "it must be class labels; add `from: label`"},
    {"- relu\n", "- embedding: {out: 3, from: label}\n", "m.yaml:13:9:", "input 0 must have 4 dimensions"},
    {"pad: 2", "spectral_norm: 1", "m.yaml:11:63:", "'spectral_norm' is '1'; it must be true or false"},
    {"kernel: 5", "kernal: 5", "m.yaml:11:37:", "unknown key of conv 'kernal'; did you mean 'kernel'?"},
    {"kernel: 5", "kernel: five", "m.yaml:11:45:", "'kernel' is 'five'"},
    {"kernel: 5, ", "", "m.yaml:11:9:", "conv needs the key 'kernel'"},
    {"pad: 2", "pad: [1, 2, 3]", "m.yaml:11:53:", "one whole number, or two: [down, across]"},
    {"pad: 2", "init: {normal: [0]}",
     "m.yaml:11:55:", "init 'normal' has 1 numbers; write {normal: [mean, standard"},
    {"pad: 2", "init: {normal: [0, -1]}", "m.yaml:11:63:", "standard deviation is negative"},
    {"pad: 2", "init: {uniform: [1, 0]}", "m.yaml:11:64:", "low is above high"},
    {"pad: 2", "init: xavier", "m.yaml:11:54:", "unknown init 'xavier'"},
    {"pad: 2", "bias: 1", "m.yaml:11:54:", "'bias' is '1'; it must be true or false"},
    {"name: conv1", "name: a..b",
     "m.yaml:11:22:", "'a..b' cannot be a name; use letters, digits, _ and -, and"},
    {"name: conv1", "name: .b", "m.yaml:11:22:", "'.b' cannot be a name"},
    {"name: conv1", "name: b.", "m.yaml:11:22:", "'b.' cannot be a name"},
    {"name: conv1", "name: a/b", "m.yaml:11:22:", "'a/b' cannot be a name"},
    {"  net:\n", "  1t:\n", "m.yaml:8:3:", "'1t' cannot be a name; use letters, digits, _ and -, and begin"},
    {"name: conv1", "name: input", "m.yaml:11:22:", "'input' already means what goes into this list"},
    {"name: conv1", "name: label", "m.yaml:11:22:", "'label' already means the class labels"},
    {"name: fc", "name: conv1", "m.yaml:16:24:", "the name 'conv1' is taken by the layer at line 11"},
    {"name: fc", "from: con1",
     "m.yaml:16:24:", "unknown earlier layer 'con1'; did you mean 'conv1'? (known: input, label, conv1,"},
    {"name: fc", "from: [conv1, res]", "m.yaml:16:24:", "linear has one input"},
    {"name: fc", "from: label",
     "m.yaml:16:24:", "linear cannot take the class labels as its input (only: embedding)"},
    {"name: res", "from: label", "m.yaml:21:9:", "conv cannot take the class labels as its input"},
    {"- relu\n", "- add: {from: conv1}\n", "m.yaml:12:21:", "add joins two layers or more"},
    {"- relu\n", "- concat\n", "m.yaml:12:9:", "concat joins two layers or more"},
    {"- relu\n", "- dropout: {p: 1}\n",
     "m.yaml:12:22:", "'p' is '1'; it must be a number of at least 0 and below 1"},
    {"    layers:\n      - conv: {name", "    layers: []\n    x:\n      - conv: {name",
     "m.yaml:11:5:", "unknown key of network 'x'"},
    /* blocks */
    {"{out: 8, name: res}", "{name: res}", "m.yaml:14:9:", "block 'residual' needs the parameter 'out'"},
    {"{out: 8, name: res}", "{out: 8, strid: 2}",
     "m.yaml:14:28:", "did you mean 'stride'? (known: out, stride, name, from)"},
    {"{out: 8, name: res}", "8", "m.yaml:14:19:", "block 'residual' is given '8'"},
    {"{out: 8, name: res}", "{out: x}", "m.yaml:14:25:", "'out' is 'x'; it must be a whole number"},
    {"{out: 8, name: res}", "{out: x}", "m.yaml:14:25:", "(in the block that m.yaml:14:9 uses)"},
    {"stride: 1}", "stride: 0}", "m.yaml:19:30:", "'stride' is '0'"},
    {"stride: $stride}", "stride: $step}", "m.yaml:21:54:", "unknown name 'step'; (known: stride, out)"},
    {"      - batchnorm\n", "      - batchnrom\n", "m.yaml:22:9:", "(in the block that m.yaml:14:9 uses)"},
    {"[batchnorm1, short]", "[batchnorm1, conv1, relu1]", "m.yaml:24:41:", "unknown earlier layer 'relu1'"},
    {"      - batchnorm\n", "      - residual: {out: $out}\n",
     "m.yaml:22:9:", "block 'residual' uses itself"},
    {"  residual:\n    params", "  conv:\n    params", "m.yaml:18:3:", "'conv' is a layer"},
    {"params: {out: ~, stride: 1}", "params: [out]", "m.yaml:19:13:", "'params' must be a mapping"},
    {"params: {", "parms: {", "m.yaml:19:5:", "did you mean 'params'?"},
    /* shapes and tasks */
    {"pad: 2", "groups: 4",
     "m.yaml:11:9:", "conv (net.conv1): 1 channels in and 6 out must be divisible by 4 groups"},
    {"kernel: 5, pad: 2", "kernel: 29", "m.yaml:11:9:", "conv2d (net.conv1): "},
    {"      - flatten\n", "", "m.yaml:15:9:",
     "linear (net.fc): the input is [1, 8, 14, 14], it must be vectors [N, features]; put `flatten` before "
     "it"},
    {"kernel: 1, stride", "kernel: 1, pad: 1, stride", "m.yaml:24:9:", "add takes inputs of one shape"},
    {"- relu\n", "- reshape: {shape: [5, -1]}\n", "m.yaml:12:9:", "cannot fill it"},
    {"- relu\n", "- reshape: {shape: [1, 1, 1, 1, 1, -1]}\n", "m.yaml:12:9:", "more than 5 dimensions"},
    {"- flatten\n", "- flatten\n      - batchnorm\n      - conv: {out: 1, kernel: 1}\n",
     "m.yaml:17:9:", "conv (net.conv2): the input is [1, 1568], it must be images [N, C, H, W]"},
    {"out: 6, kernel: 5", "out: 16777216, kernel: 65536", "m.yaml:11:9:", "(net.conv1)"},
    {"name: fc, out: 10", "name: fc, out: 12",
     "m.yaml:16:9:", "the network ends in [12] for each image, but data.classes is 10"},
    {"blocks:", "  other: {input: image, layers: [flatten, linear: {out: 10}]}\nblocks:", "m.yaml:17:3:",
     "task classify has one network"},
    {"input: image", "input: {noise: [1, 28, 28]}", "m.yaml:8:3:", "task classify looks at images"},
    {"task: classify", "task: gan",
     "m.yaml:7:1:", "task gan has the networks 'generator', 'discriminator' and"},
    /* train */
    {"{adam: {lr: 0.001}}", "adma", "m.yaml:26:14:", "unknown optimizer 'adma'; did you mean 'adam'?"},
    {"{adam: {lr: 0.001}}", "{adam: {rate: 1}}", "m.yaml:26:22:", "unknown key of adam 'rate'"},
    {"lr: 0.001", "lr: -1", "m.yaml:26:26:", "'lr' is '-1'; it must be a number above 0"},
    {"{adam: {lr: 0.001}}", "{sgd: {nesterov: true}}",
     "m.yaml:26:31:", "nesterov has no effect without momentum"},
    {"  batch: 128\n", "", "m.yaml:25:1:", "train needs the key 'batch'"},
    {"batch: 128", "batch: 0", "m.yaml:27:10:", "'batch' is '0'; it must be a whole number from 1"},
    {"  epochs: 2\n", "", "m.yaml:25:1:", "train has no end; add `epochs: ...` or `steps: ...`"},
    {"epochs: 2", "loss: hinge\n  epochs: 2", "m.yaml:28:9:", "unknown loss 'hinge'; (known: cross_entropy)"},
    {"epochs: 2", "epochs: 2\n  schedule: {step: {gamma: 0.5}}",
     "m.yaml:29:14:", "step needs the key 'every'"},
    {"epochs: 2", "epochs: 2\n  schedule: {one_cycle: {max_lr: 1}}\n  warmup: 9",
     "m.yaml:30:11:", "warm-up of its own"},
    {"epochs: 2", "epochs: 2\n  early_stopping: 5",
     "m.yaml:29:19:", "early_stopping is '5'; it must be a mapping"},
    {"epochs: 2", "epochs: 2\n  ema: 1", "m.yaml:29:8:", "a number above 0 and below 1"},
};

Test(model, wrong_models_are_refused_at_their_place) {
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct cupel_error error = {0};
        struct cupel_model *model = read_changed(refused[i].old, refused[i].new, &error);
        cr_expect(!model && error.status == CUPEL_INVALID, "%s", refused[i].new);
        cr_expect(strstr(error.message, refused[i].place) == error.message, "%s: %s", refused[i].new,
                  error.message);
        cr_expect(strstr(error.message, refused[i].message), "%s: %s", refused[i].new, error.message);
        cupel_model_free(model);
    }
}

Test(model, overrides_are_read_last_and_named) {
    const char *const settings[] = {"train.optimizer.adam.lr=0.5", "data.path=/else where", "train.epochs=3",
                                    "train.epochs=4"};
    const char *const wrong[] = {"train.optimizer.sgd.lr=0.1"};
    struct cupel_model *model;
    struct cupel_error error = {0};
    cr_assert_eq(cupel_model_read_text("m.yaml", good, strlen(good), settings, 4, &model, &error), CUPEL_OK);
    cr_assert(cupel_model_train(model)->epochs == 4 && cupel_model_train(model)->optimizer[0].rate == 0.5);
    cr_assert_str_eq(cupel_model_data(model)->path, "/else where");
    int count;
    cr_assert_str_eq(cupel_model_overrides(model, &count)[1], "data.path=/else where");
    cr_assert_eq(count, 4);
    cupel_model_free(model);
    cr_assert_eq(cupel_model_read_text("m.yaml", good, strlen(good), wrong, 1, &model, &error),
                 CUPEL_INVALID);
    cr_assert_str_eq(error.message,
                     "--set train.optimizer.sgd.lr=0.1: optimizer is one word with its arguments below it, "
                     "but 'sgd' stands beside 'adam'; indent it, put it in the braces, or remove it");
    cr_assert_null(model);
}

Test(model, blocks_are_written_out) {
    struct cupel_error error = {0};
    struct cupel_model *model = read_changed(
        "      - flatten\n", "      - residual: {out: 9, stride: 2, from: res}\n      - flatten\n", &error);
    cr_assert(model, "%s", error.message);
    const struct cupel_network *net = cupel_model_network(model, 0);
    static const char *const names[] = {"conv1",
                                        "relu1",
                                        "maxpool1",
                                        "res.conv1",
                                        "res.batchnorm1",
                                        "res.short",
                                        "res.add1",
                                        "residual2.conv1",
                                        "residual2.batchnorm1",
                                        "residual2.short",
                                        "residual2.add1",
                                        "flatten1",
                                        "fc"};
    cr_assert_eq(net->layer_count, 13);
    for (int i = 0; i < 13; i++) cr_expect_str_eq(net->layers[i].name, names[i]);
    cr_assert(net->layers[0].inputs[0] == NETWORK_INPUT && net->layers[3].inputs[0] == 2);
    cr_assert(net->layers[5].inputs[0] == 2 && net->layers[5].arguments.out == 8 &&
              net->layers[5].arguments.stride[0] == 1);
    cr_assert(net->layers[6].input_count == 2 && net->layers[6].inputs[0] == 4 &&
              net->layers[6].inputs[1] == 5);
    cr_assert(net->layers[9].inputs[0] == 6 && net->layers[9].arguments.out == 9 &&
              net->layers[9].arguments.stride[1] == 2);
    cr_assert_eq(net->layers[12].inputs[0], 11);
    cupel_model_free(model);
}

Test(model, blocks_that_grow_without_bound_are_refused) {
    char text[8000];
    int used = snprintf(text, sizeof text,
                        "blocks:\n  b0: {layers: [relu, relu, relu, relu, relu, relu, relu, relu]}\n");
    for (int i = 1; i <= 8; i++)
        used += snprintf(text + used, sizeof text - (size_t)used,
                         "  b%d: {layers: [b%d, b%d, b%d, b%d, b%d, b%d, b%d, b%d]}\n", i, i - 1, i - 1,
                         i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    snprintf(text + used, sizeof text - (size_t)used, "%s", "train:\n");
    struct cupel_error error = {0};
    char whole[12000];
    const char *blocks = strstr(good, "blocks:"), *train = strstr(good, "train:");
    snprintf(whole, sizeof whole, "%.*s%s%s", (int)(blocks - good), good, text, train + strlen("train:\n"));
    char *use = strstr(whole, "residual: {out: 8, name: res}");
    memcpy(use, "b8:                          ", 29);
    struct cupel_model *model;
    cr_assert_eq(cupel_model_read_text("m.yaml", whole, strlen(whole), NULL, 0, &model, &error),
                 CUPEL_INVALID);
    cr_assert(strstr(error.message, "more than 10000 layers"), "%s", error.message);
}
