/* The classic networks of models/: sizes, names, and that they train. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "cupel/model.h"

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
    {"resnet18", NULL, 11689512},       {"resnet34", NULL, 21797672},
    {"resnet50", NULL, 25557032},       {"densenet121", NULL, 7978856},
    {"mobilenetv2", NULL, 3504872},     {"resnet18-cifar", NULL, 11173962},
    {"resnet34-cifar", NULL, 21282122}, {"resnet50-cifar", NULL, 23520842},
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
