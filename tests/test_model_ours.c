/* The model files of models/: what they say of themselves, and what they are. */
#include <criterion/criterion.h>
#include <glob.h>
#include <stdio.h>

#include "model/model.h"

static int64_t parameters_of(const struct cupel_model *model) {
    int64_t total = 0;
    const struct cupel_network *network;
    for (int i = 0; (network = cupel_model_network(model, i)); i++) {
        int count;
        const struct cupel_layer_info *layers = cupel_network_layers(network, &count);
        for (int j = 0; j < count; j++) total += layers[j].parameters;
    }
    return total;
}

/* Those of DCGAN are of PyTorch's example, 3,576,704 and 2,765,568. */
Test(model_ours, known_networks_have_known_sizes) {
    static const struct {
        const char *file;
        int64_t parameters;
    } cases[] = {{"lenet5", 61706},
                 {"mlp", 235146},
                 {"perceptron", 7850},
                 {"dcgan64", 3576704 + 2765568},
                 {"resnet18-cifar", 11173962}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[400];
        struct cupel_model *model;
        struct cupel_error error = {0};
        snprintf(path, sizeof path, "%s/models/%s.yaml", CUPEL_SOURCE_DIR, cases[i].file);
        cr_assert_eq(cupel_model_read(path, NULL, 0, &model, &error), CUPEL_OK, "%s", error.message);
        cr_expect_eq(parameters_of(model), cases[i].parameters, "%s has %lld", path,
                     (long long)parameters_of(model));
        cupel_model_free(model);
    }
}

/* Every model of ours: its head names its size, a paper of a year, and the command; narrower ones and other sizes
 * can be had where the file says so. */
Test(model_ours, ours_say_what_they_are) {
    glob_t models;
    cr_assert_eq(glob(CUPEL_SOURCE_DIR "/models/*.yaml", 0, NULL, &models), 0);
    cr_assert_geq(models.gl_pathc, 11);
    for (size_t i = 0; i < models.gl_pathc; i++) {
        struct cupel_model *model;
        struct cupel_error error = {0};
        const char *path = models.gl_pathv[i];
        cr_assert_eq(cupel_model_read(path, NULL, 0, &model, &error), CUPEL_OK, "%s", error.message);
        size_t length;
        const char *text = cupel_model_text(model, &length), *task = strstr(text, "\ntask:");
        char head[2000], size[40], command[400];
        cr_assert(task && (size_t)(task - text) < sizeof head, "%s", path);
        snprintf(head, sizeof head, "%.*s", (int)(task - text), text);
        int64_t count = parameters_of(model), millions = count / 1000000;
        long long thousands = count / 1000 % 1000, ones = count % 1000;
        if (millions)
            snprintf(size, sizeof size, "%lld,%03lld,%03lld parameters", (long long)millions, thousands,
                     ones);
        else
            snprintf(size, sizeof size, "%lld,%03lld parameters", thousands, ones);
        cr_expect(strstr(head, size), "%s does not say %s", path, size);
        snprintf(command, sizeof command, "#     cupel train models/%s", strrchr(path, '/') + 1);
        cr_expect(strstr(head, command), "%s does not say how to train it", path);
        cr_expect(strstr(head, ", 19") || strstr(head, ", 20"), "%s names no year", path);
        cupel_model_free(model);
    }
    globfree(&models);
}

Test(model_ours, dcgans_have_other_widths_and_sizes) {
    static const struct {
        const char *file, *settings[3];
        int64_t parameters;
    } cases[] = {
        {"dcgan28",
         {"parameters.ngf=8", "parameters.ndf=8", "image_size=32"},
         100 * 16 * 64 + 16 * 8 * 16 + 8 * 16 + 48 + 8 * 16 + 8 * 16 * 16 + 16 * 64 + 32},
        {"dcgan64", {"image_size=32", "data.format=cifar10", "train.epochs=1"}, 1732224},
        {"dcgan32", {"image_size=64", "data.format=folder", "train.epochs=1"}, 6342272},
        {"dcgan128", {"image_size=64", "data.format=folder", "train.epochs=1"}, 6342272},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[400];
        struct cupel_model *model;
        struct cupel_error error = {0};
        snprintf(path, sizeof path, "%s/models/%s.yaml", CUPEL_SOURCE_DIR, cases[i].file);
        cr_assert_eq(cupel_model_read(path, cases[i].settings, 3, &model, &error), CUPEL_OK, "%s",
                     error.message);
        cr_expect_eq(parameters_of(model), cases[i].parameters, "%s has %lld", path,
                     (long long)parameters_of(model));
        cupel_model_free(model);
    }
}

Test(model_ours, a_1000_100_20_perceptron_has_102120_parameters) {
    static const char text[] =
        "task: classify\ndata: {format: idx, path: /data, shape: [1, 1, 1000], classes: 20}\n"
        "networks: {net: {input: {vectors: {features: 1000}}, layers: [linear: {out: 100}, sigmoid, linear: "
        "{out: 20}]}}\n"
        "train: {optimizer: sgd, batch: 1, epochs: 1}\n";
    struct cupel_model *model;
    struct cupel_error error = {0};
    cr_assert_eq(cupel_model_read_text("m.yaml", text, strlen(text), NULL, 0, &model, &error), CUPEL_OK, "%s",
                 error.message);
    int count;
    const struct cupel_layer_info *layers = cupel_network_layers(cupel_model_network(model, 0), &count);
    cr_assert_eq(count, 3);
    cr_assert_eq(layers[0].parameters + layers[1].parameters + layers[2].parameters, 102120);
    cupel_model_free(model);
}

/* By hand, for one image: 2 * 6 * 25 * 28 * 28 and so on, a multiply-add counting two. */
Test(model_ours, lenet5_has_the_layers_of_the_paper) {
    struct cupel_model *model;
    struct cupel_error error = {0};
    cr_assert_eq(cupel_model_read(CUPEL_SOURCE_DIR "/models/lenet5.yaml", NULL, 0, &model, &error), CUPEL_OK);
    const struct cupel_network *net = cupel_model_network(model, 0);
    int count;
    const struct cupel_layer_info *layers = cupel_network_layers(net, &count);
    cr_assert_eq(count, 12);
    cr_assert_str_eq(layers[0].name, "net.conv1");
    cr_assert_str_eq(layers[2].name, "net.maxpool1");
    cr_assert_str_eq(layers[2].type, "maxpool");
    cr_assert(cupel_shape_equal(&layers[0].output, &CUPEL_SHAPE(6, 28, 28)) && layers[0].parameters == 156);
    cr_assert(cupel_shape_equal(&layers[3].output, &CUPEL_SHAPE(16, 10, 10)) && layers[3].parameters == 2416);
    cr_assert(cupel_shape_equal(&layers[6].output, &CUPEL_SHAPE(400)) && layers[6].parameters == 0);
    cr_assert_float_eq(layers[0].flops, 2 * 6 * 25 * 28 * 28, 6 * 28 * 28);
    cr_assert_float_eq(layers[7].flops, 2 * 400 * 120, 120);
    const struct cupel_parameter *parameters = cupel_network_parameters(net, &count);
    cr_assert_eq(count, 10);
    cr_assert_str_eq(parameters[2].name, "net.conv2.weight");
    cr_assert(cupel_shape_equal(&parameters[2].shape, &CUPEL_SHAPE(16, 6, 5, 5)));
    cr_assert_eq(parameters[1].offset, 160);
    cr_assert(parameters[4].init.kind == CUPEL_INIT_KAIMING_UNIFORM && parameters[5].init.b == 1 / 20.0);
    cupel_model_free(model);
}
