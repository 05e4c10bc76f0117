/* The classic networks of models/: sizes, names, and that they train. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "program.h"
#include "training.h"

/* Reads models/FILE.yaml with the settings, up to the first NULL. */
static struct cupel_model *model_of(const char *file, const char *const *settings) {
    char path[400];
    int count = 0;
    struct cupel_model *model;
    struct cupel_error error = {0};
    while (settings && settings[count]) count++;
    snprintf(path, sizeof path, "%s/models/%s.yaml", CUPEL_SOURCE_DIR, file);
    cr_assert_eq(cupel_model_read(path, settings, count, &model, &error), CUPEL_OK, "%s", error.message);
    return model;
}

/* Numbers to train: those of torchvision 0.20 (torchvision.models: weights' meta["num_params"], GoogLeNet without its heads
 * there; with them, sum(p.numel() for p in googlenet(aux_logits=True).parameters())). ZFNet's follow from its paper, figure 3,
 * those of the variants for CIFAR from tests/zoo_torch.py. */
static const struct {
    const char *file, *setting;
    int64_t parameters;
} sizes[] = {
    {"resnet18", NULL, 11689512},
    {"resnet34", NULL, 21797672},
    {"resnet50", NULL, 25557032},
    {"alexnet", NULL, 61100840},
    {"vgg16", NULL, 138357544},
    {"zfnet", NULL, 62357608},
    {"squeezenet", NULL, 1235496},
    {"googlenet", NULL, 13004888},
    {"googlenet", "parameters.heads=0", 6624904},
    {"densenet121", NULL, 7978856},
    {"mobilenetv2", NULL, 3504872},
    {"resnet18-cifar", NULL, 11173962},
    {"resnet34-cifar", NULL, 21282122},
    {"resnet50-cifar", NULL, 23520842},
};

Test(zoo, sizes_are_the_published_ones) {
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct cupel_model *model = model_of(sizes[i].file, (const char *[]){sizes[i].setting, NULL});
        int count;
        const struct cupel_parameter *parameters =
            cupel_network_parameters(cupel_model_network(model, 0), &count);
        int64_t sum = 0;
        for (int j = 0; j < count; j++) sum += cupel_shape_count(&parameters[j].shape);
        cr_expect_eq(sum, sizes[i].parameters, "%s has %lld", sizes[i].file, (long long)sum);
        cupel_model_free(model);
    }
}

/* Every `--set` in a head makes it smaller, for images of half the size too. */
Test(zoo, small_ones_can_be_had_as_their_heads_say) {
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        if (sizes[i].setting) continue;
        struct cupel_model *model = model_of(sizes[i].file, NULL);
        size_t length;
        char text[8000], size[40];
        const char *settings[8] = {size};
        int count = 1;
        snprintf(text, sizeof text, "%s", cupel_model_text(model, &length));
        snprintf(size, sizeof size, "image_size=%d", (int)cupel_model_data(model)->shape.dim[1] / 2);
        cupel_model_free(model);
        *strstr(text, "\ntask:") = '\0';
        for (char *at = text; (at = strstr(at, "--set ")); count++) {
            settings[count] = at += strlen("--set ");
            at += strcspn(at, " `");
            *at++ = '\0';
        }
        cr_assert_geq(count, 2, "%s", sizes[i].file);
        model = model_of(sizes[i].file, settings);
        const int64_t elements = cupel_network_range(cupel_model_network(model, 0));
        cr_expect_lt(elements, sizes[i].parameters / 4, "%s has %lld", sizes[i].file, (long long)elements);
        cupel_model_free(model);
    }
}

/* The guide's table has what `cupel plan` prints. */
Test(zoo, the_guide_tells_their_sizes) {
    size_t length;
    char *guide = read_whole(CUPEL_SOURCE_DIR "/docs/guide.md", &length);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct cupel_model *model = model_of(sizes[i].file, (const char *[]){sizes[i].setting, NULL});
        int count;
        double flops = 0;
        const struct cupel_layer_info *layers = cupel_network_layers(cupel_model_network(model, 0), &count);
        for (int j = 0; j < count; j++) flops += layers[j].flops;
        char name[60], numbers[100], *row = guide;
        const int millions = (int)(sizes[i].parameters / 1000000),
                  rest = (int)(sizes[i].parameters % 1000000);
        snprintf(name, sizeof name, "| `%s` |", sizes[i].file);
        snprintf(numbers, sizeof numbers,
                 sizes[i].setting ? "%d,%03d,%03d parameters and takes %.4f" : "| %d,%03d,%03d | %.4f |",
                 millions, rest / 1000, rest % 1000, flops / 1e6);
        if (!sizes[i].setting) row = strstr(guide, name);
        cr_assert_not_null(row, "the guide has no %s", name);
        char *found = strstr(row, numbers);
        cr_expect(found && (sizes[i].setting || !memchr(row, '\n', (size_t)(found - row))),
                  "%s: the guide does not say %s", name, numbers);
        cupel_model_free(model);
    }
    free(guide);
}

/* Some of each kind of torchvision's names; tests/parity_zoo.py compares all. */
static const struct {
    const char *file, *name;
    struct cupel_shape shape;
} names[] = {
    {"resnet18", "net.layer2.0.downsample.0.weight", {4, {128, 64, 1, 1}}},
    {"resnet18", "net.layer4.1.bn2.bias", {1, {512}}},
    {"resnet50", "net.layer1.0.downsample.1.weight", {1, {256}}},
    {"resnet50", "net.layer3.5.conv3.weight", {4, {1024, 256, 1, 1}}},
    {"resnet34-cifar", "net.conv1.weight", {4, {64, 3, 3, 3}}},
    {"densenet121", "net.features.denseblock4.denselayer16.norm1.weight", {1, {992}}},
    {"densenet121", "net.features.transition3.conv.weight", {4, {512, 1024, 1, 1}}},
    {"alexnet", "net.classifier.6.bias", {1, {1000}}},
    {"alexnet", "net.features.10.weight", {4, {256, 256, 3, 3}}},
    {"vgg16", "net.features.28.weight", {4, {512, 512, 3, 3}}},
    {"vgg16", "net.classifier.3.weight", {2, {4096, 4096}}},
    {"zfnet", "net.fc6.weight", {2, {4096, 9216}}},
    {"squeezenet", "net.features.12.expand3x3.weight", {4, {256, 64, 3, 3}}},
    {"squeezenet", "net.classifier.1.weight", {4, {1000, 512, 1, 1}}},
    {"googlenet", "net.inception3a.branch2.0.conv.weight", {4, {96, 192, 1, 1}}},
    {"googlenet", "net.inception5b.branch4.1.bn.weight", {1, {128}}},
    {"googlenet", "net.aux2.fc1.weight", {2, {1024, 2048}}},
    {"mobilenetv2", "net.features.17.conv.1.0.weight", {4, {960, 1, 3, 3}}},
    {"mobilenetv2", "net.features.1.conv.2.bias", {1, {16}}},
};

Test(zoo, names_are_those_of_torchvision) {
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct cupel_model *model = model_of(names[i].file, NULL);
        int count, found = 0;
        const struct cupel_parameter *parameters =
            cupel_network_parameters(cupel_model_network(model, 0), &count);
        for (int j = 0; j < count; j++)
            found += !strcmp(parameters[j].name, names[i].name) &&
                     cupel_shape_equal(&parameters[j].shape, &names[i].shape);
        cr_expect_eq(found, 1, "%s has no %s of that shape", names[i].file, names[i].name);
        cupel_model_free(model);
    }
}

/* Columns stay in line behind the longest name. */
Test(zoo, plans_of_long_names_are_tables) {
    const struct outcome outcome =
        run_cupel("plan " CUPEL_SOURCE_DIR
                  "/models/densenet121.yaml --batch 1 --device cpu --set image_size=64 "
                  "--set parameters.growth=2");
    cr_assert_eq(outcome.status, 0, "%s", outcome.err);
    static const char *const rows[] = {"layer ", "net.features.conv0 ",
                                       "net.features.denseblock4.denselayer16.norm1 ", "total "};
    long end = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char line[80];
        snprintf(line, sizeof line, "\n%s", rows[i]);
        const char *row = strstr(outcome.out, line);
        cr_assert_not_null(row, "%s", rows[i]);
        const long length = (long)strcspn(row + 1, "\n");
        cr_expect(i == 0 || length == end, "%.150s", row);
        end = length;
    }
    const char *head = strstr(outcome.out, "\nnode "), *dense = strstr(outcome.out, "concat1 [1, ");
    cr_assert(head && dense);
    while (dense[-1] != '\n') dense--;
    cr_expect_eq(strcspn(head + 1, "\n"), strcspn(dense, "\n"), "%.150s", dense);
}

Test(zoo, other_classes_can_be_had) {
    struct cupel_model *model =
        model_of("resnet18-cifar", (const char *[]){"data.format=cifar100", "parameters.classes=100",
                                                    "data.class_names=~", NULL});
    const struct cupel_shape output = cupel_network_output(cupel_model_network(model, 0));
    cr_expect(cupel_shape_equal(&output, &CUPEL_SHAPE(100)));
    cr_expect_null(cupel_model_data(model)->class_names);
    cupel_model_free(model);
}

#define NARROW " --device cpu --batch 4 --epochs 1 --set parameters.width=2"

Test(zoo, resnet_trains_on_cifar) {
    static uint8_t records[4][3073];
    static const char *const files[] = {"data_batch_1", "data_batch_2", "data_batch_3",
                                        "data_batch_4", "data_batch_5", "test_batch"};
    work_directory();
    run_shell("mkdir cifar-10");
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char name[60];
        snprintf(name, sizeof name, "cifar-10/%s.bin", files[i]);
        for (size_t j = 0; j < 4; j++) memset(records[j], (int)(i + j), sizeof records[j]);
        spill(work_path(name), records, sizeof records);
    }
    const struct outcome outcome =
        run_cupel("train " CUPEL_SOURCE_DIR "/models/resnet18-cifar.yaml --data cifar-10" NARROW);
    cr_expect_eq(outcome.status, 0, "%s", outcome.err);
    cr_expect(strstr(outcome.out, "checkpoint runs/resnet18-cifar/checkpoint.safetensors"), "%s",
              outcome.out);
}

/* ---- what they needed ---- */

static const char heads_text[] =
    "task: classify\n"                                                                /* 1 */
    "data: {format: idx, path: /none, shape: [1, 8, 8], classes: 4}\n"                /* 2 */
    "networks:\n"                                                                     /* 3 */
    "  net:\n"                                                                        /* 4 */
    "    input: image\n"                                                              /* 5 */
    "    layers:\n"                                                                   /* 6 */
    "      - flatten\n"                                                               /* 7 */
    "      - linear: {name: one, out: 4, bias: false, init: zeros, auxiliary: 0.5}\n" /* 8 */
    "      - linear: {name: two, from: flatten1, out: 4, bias: false, init: zeros, auxiliary: 2}\n"
    "      - linear: {name: last, from: flatten1, out: 4, bias: false, init: zeros}\n"       /* 10 */
    "train: {optimizer: {sgd: {lr: 1.0e-20}}, batch: 16, steps: 1, label_smoothing: 0.1}\n"; /* 11 */

/* What one step of the model on a batch of three images dumps, to be freed. */
static struct cupel_weights dump_of(const struct cupel_model *model) {
    char *batch_path = temporary_path("batch"), *out = temporary_path("out");
    struct cupel_error error = {0};
    struct cupel_weights batch = {0}, dump = {0};
    cupel_weights_add(&batch, "image", CUPEL_F32, &CUPEL_SHAPE(3, 1, 8, 8), NULL, &error);
    cupel_weights_add(&batch, "label", CUPEL_I32, &CUPEL_SHAPE(3), NULL, &error);
    float *pixels = batch.tensors[0].data;
    for (int i = 0; i < 3 * 64; i++) pixels[i] = (float)(i % 7);
    cr_assert_eq(cupel_weights_save(&batch, batch_path, &error), CUPEL_OK, "%s", error.message);
    cr_assert_eq(cupel_dump(model, &plainly, NULL, batch_path, 1, out, &error), CUPEL_OK, "%s",
                 error.message);
    cr_assert_eq(cupel_weights_load(out, &dump, &error), CUPEL_OK, "%s", error.message);
    cupel_weights_free(&batch);
    free(batch_path);
    free(out);
    return dump;
}

static double value_of(const struct cupel_weights *dump, const char *name, int index) {
    const struct cupel_weight *found = cupel_weights_find(dump, name);
    cr_assert_not_null(found, "%s", name);
    return (double)((const float *)found->data)[index];
}

/* Every head of zeros has a loss of log(4) and one gradient, which its weight multiplies; an evaluation has none of them. */
Test(zoo, auxiliary_heads_count_by_their_weights_in_training) {
    char setting[400];
    struct cupel_error error = {0};
    struct cupel_model *model;
    snprintf(setting, sizeof setting, "data.path=%s", tiny_set());
    cr_assert_eq(cupel_model_read_text("m.yaml", heads_text, strlen(heads_text), (const char *[]){setting}, 1,
                                       &model, &error),
                 CUPEL_OK, "%s", error.message);
    struct cupel_weights dump = dump_of(model);
    cr_expect_float_eq(value_of(&dump, "loss/loss", 0), 3.5 * log(4), 1e-5);
    const double last = value_of(&dump, "grad/net.last.weight", 5);
    cr_assert_neq(last, 0);
    cr_expect_float_eq(value_of(&dump, "grad/net.one.weight", 5), 0.5 * last, 1e-6);
    cr_expect_float_eq(value_of(&dump, "grad/net.two.weight", 5), 2 * last, 1e-6);
    struct cupel_train_result result = train(
        model, &(struct cupel_train_options){.run = plainly, .out = temporary_path("run")}, CUPEL_OK, NULL);
    cr_expect_float_eq(result.evaluation.loss, log(4), 1e-5, "%g", result.evaluation.loss);
    cupel_train_result_free(&result);
    cupel_weights_free(&dump);
    cupel_model_free(model);
}

/* Weights carry the heads' statistics, which an evaluation has no use for. */
Test(zoo, heads_with_statistics_are_evaluated) {
    char path[400];
    struct cupel_error error = {0};
    struct cupel_model *model;
    struct cupel_evaluation evaluation;
    snprintf(path, sizeof path, "data.path=%s", tiny_set());
    const char *const settings[] = {
        path,
        "networks.net.layers=[flatten, linear: {name: fc, out: 8}, linear: {name: aux1, out: 6}, "
        "batchnorm: {name: aux2}, linear: {name: aux3, out: 4, auxiliary: 0.3}, linear: {from: fc, out: 4}]"};
    cr_assert_eq(cupel_model_read_text("m.yaml", heads_text, strlen(heads_text), settings, 2, &model, &error),
                 CUPEL_OK, "%s", error.message);
    const char *checkpoint = trained(model, "run");
    struct cupel_weights file = {0}, brief = {0};
    cr_assert_eq(cupel_weights_load(checkpoint, &file, &error), CUPEL_OK, "%s", error.message);
    cr_assert_not_null(cupel_weights_find(&file, "net.aux2.running_var"));
    cr_expect_eq(cupel_evaluate(model, &plainly, checkpoint, 0, &evaluation, &error), CUPEL_OK, "%s",
                 error.message);
    cupel_evaluation_free(&evaluation);
    for (size_t i = 0; i < file.count; i++) {
        const struct cupel_weight *weight = &file.tensors[i];
        if (strncmp(weight->name, "net.", 4) != 0) continue;
        cr_assert_eq(
            cupel_weights_add(&brief, weight->name + 4, weight->dtype, &weight->shape, weight->data, &error),
            CUPEL_OK);
    }
    cr_assert_eq(cupel_weights_save(&brief, temporary_path("brief"), &error), CUPEL_OK);
    cr_expect_eq(cupel_evaluate(model, &plainly, temporary_path("brief"), 0, &evaluation, &error), CUPEL_OK,
                 "%s", error.message);
    cupel_evaluation_free(&evaluation);
    cupel_weights_free(&file);
    cupel_weights_free(&brief);
    cupel_model_free(model);
}

Test(zoo, wrong_auxiliary_heads_are_refused) {
    static const struct {
        const char *old, *new, *message;
    } cases[] = {
        {"auxiliary: 0.5", "auxiliary: 0", "m.yaml:8:74: 'auxiliary' is '0'; it must be a number above 0"},
        {"name: one, out: 4", "name: one, out: 5",
         "m.yaml:8:9: the auxiliary head makes [5] for each image, the network [4]; make them equal"},
        {"bias: false, init: zeros}", "auxiliary: 1}",
         "m.yaml:10:9: the network's output has a loss of its own; remove 'auxiliary'"},
        {"- flatten\n", "- flatten: {auxiliary: 1}\n", "m.yaml:7:19: unknown key of flatten 'auxiliary'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[2000];
        struct cupel_model *model;
        struct cupel_error error = {0};
        const char *at = strstr(heads_text, cases[i].old);
        cr_assert_not_null(at, "%s", cases[i].old);
        snprintf(text, sizeof text, "%.*s%s%s", (int)(at - heads_text), heads_text, cases[i].new,
                 at + strlen(cases[i].old));
        cr_expect_eq(cupel_model_read_text("m.yaml", text, strlen(text), NULL, 0, &model, &error),
                     CUPEL_INVALID);
        cr_expect(strstr(error.message, cases[i].message), "%s", error.message);
    }
}

Test(zoo, auxiliary_heads_are_no_part_of_gans) {
    const char *const setting =
        "networks.discriminator.layers=[flatten, linear: {out: 1, auxiliary: 1}, linear: {from: flatten1, "
        "out: 1}]";
    struct cupel_model *model;
    struct cupel_error error = {0};
    cr_expect_eq(cupel_model_read(CUPEL_SOURCE_DIR "/models/dcgan28.yaml", &setting, 1, &model, &error),
                 CUPEL_INVALID);
    cr_expect(strstr(error.message, "'auxiliary' belongs to task classify; remove it"), "%s", error.message);
}

/* As torch.nn.ReLU6: from 0 to 6, and no gradient at 0. */
Test(zoo, relu6_has_two_ends) {
    static const struct {
        const char *init;
        double value;
        bool slope;
    } cases[] = {{"{constant: [0]}", 0, false},
                 {"{constant: [0.01]}", 0.01 * 189, true},
                 {"{constant: [-1]}", 0, false},
                 {"{constant: [1]}", 6, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char layers[400];
        struct cupel_error error = {0};
        struct cupel_model *model;
        snprintf(layers, sizeof layers,
                 "networks.net.layers=[flatten, linear: {name: one, out: 2, bias: false, init: %s}, relu6: "
                 "{name: six}, "
                 "linear: {out: 4}]",
                 cases[i].init);
        cr_assert_eq(cupel_model_read_text("m.yaml", heads_text, strlen(heads_text), (const char *[]){layers},
                                           1, &model, &error),
                     CUPEL_OK, "%s", error.message);
        struct cupel_weights dump = dump_of(model);
        cr_expect_float_eq(value_of(&dump, "act/net.six", 0), cases[i].value, 1e-5, "%s: %g", cases[i].init,
                           value_of(&dump, "act/net.six", 0));
        cr_expect_eq(value_of(&dump, "grad/net.one.weight", 5) != 0, cases[i].slope, "%s", cases[i].init);
        cupel_weights_free(&dump);
        cupel_model_free(model);
    }
}
