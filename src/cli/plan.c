/* cupel plan: a model as numbers, and its training step as a plan. */
#include <string.h>

#include "cli/common.h"

static void print_network(const struct cupel_network *network) {
    int count;
    const struct cupel_layer_info *layers = cupel_network_layers(network, &count);
    struct cupel_shape input = cupel_network_input(network), output = cupel_network_output(network);
    const struct cupel_network *other;
    int source = cupel_network_source(network, &other), other_count;
    char shape[120], result[120];
    double flops = 0;
    printf("network %s: %s %s%s -> %s\n\n", cupel_network_name(network),
           other                                ? cupel_network_layers(other, &other_count)[source].name
           : cupel_network_takes_noise(network) ? "noise"
                                                : "image",
           cupel_shape_text(&input, shape, sizeof shape),
           cupel_network_takes_label(network) ? " with its label" : "",
           cupel_shape_text(&output, result, sizeof result));
    int width = 28; /* of the longest name */
    for (int i = 0; i < count; i++)
        if ((int)strlen(layers[i].name) > width) width = (int)strlen(layers[i].name);
    printf("%-*s %-14s %-20s %14s %12s\n", width, "layer", "type", "output", "parameters", "MFLOP");
    for (int i = 0; i < count; i++) {
        const struct cupel_layer_info *layer = &layers[i];
        printf("%-*s %-14s %-20s %14s %12.4f\n", width, layer->name, layer->type,
               cupel_shape_text(&layer->output, shape, sizeof shape), count_text(layer->parameters),
               layer->flops / 1e6);
        flops += layer->flops;
    }
    printf("%-*s %-14s %-20s %14s %12.4f\n", width, "total", "", "", count_text(network_parameters(network)),
           flops / 1e6);
    if (network_frozen(network))
        printf("%-*s %-14s %-20s %14s\n", width, "frozen", "", "", count_text(network_frozen(network)));
    putchar('\n');
}

static enum cupel_status print_step(const struct cupel_model *model, const struct arguments *arguments,
                                    struct cupel_error *error) {
    struct cupel_run_options options = run_options(arguments);
    struct cupel_rehearsal rehearsal;
    CUPEL_TRY(cupel_rehearse(model, &options, true, &rehearsal, error));
    int64_t batch = options.batch ? options.batch : cupel_model_train(model)->batch;
    printf("One training step, batch %s, on %s (%s)\n\n", count_text(batch),
           cupel_device_name(rehearsal.device), cupel_device_describe(rehearsal.device));
    cupel_plan_print(rehearsal.plan, stdout);
    cupel_rehearsal_free(&rehearsal);
    return CUPEL_OK;
}

int command_plan(const struct arguments *arguments) {
    struct cupel_model *model;
    struct cupel_error error = {0};
    if (model_open(arguments, &model, &error)) return complain_error(&error);
    printf("%s: %s parameters; FLOPs are of one sample forward, a multiply-add counts two\n\n",
           cupel_model_name(model), count_text(model_parameters(model)));
    const struct cupel_network *network;
    for (int i = 0; (network = cupel_model_network(model, i)); i++) print_network(network);
    enum cupel_status status = print_step(model, arguments, &error);
    cupel_model_free(model);
    return status ? complain_error(&error) : EXIT_DONE;
}
