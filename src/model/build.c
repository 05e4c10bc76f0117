/* Networks as nodes of a graph, and what building one for one sample tells. */
#include <stdio.h>
#include <string.h>

#include "graph/node.h"
#include "model/model.h"

static const int64_t MAX_RANGE = INT64_C(1) << 40;

/* ---- parameters and statistics ---- */

/* Enters a parameter that a probe meets. */
static bool enter_parameter(struct builder *builder, const char *name, const struct cupel_shape *shape,
                            const struct cupel_init *init) {
    struct cupel_network *network = builder->probed;
    struct cupel_heap *heap = builder->heap;
    if (network->parameter_count == builder->parameter_room) {
        int room = builder->parameter_room ? 2 * builder->parameter_room : 32;
        struct cupel_parameter *parameters = cupel_heap_alloc(heap, (size_t)room, sizeof *parameters);
        if (!parameters) return false;
        if (network->parameters)
            memcpy(parameters, network->parameters, (size_t)network->parameter_count * sizeof *parameters);
        network->parameters = parameters;
        builder->parameter_room = room;
    }
    const char *text = cupel_heap_text(heap, "%s.%s", builder->layer->path, name);
    network->parameters[network->parameter_count++] =
        (struct cupel_parameter){text, *shape, network->range, *init, false, 1, -1};
    return text != NULL;
}

struct cupel_tensor *builder_parameter(struct builder *builder, const char *name,
                                       const struct cupel_shape *shape, const struct cupel_init *init) {
    if (!builder->probed) return builder->parts->part[builder->next++];
    struct cupel_network *network = builder->probed;
    struct cupel_error error = {0};
    if (cupel_shape_check(shape, builder->graph->real, &error) != CUPEL_OK)
        return graph_fail(builder->graph, name, "%s", error.message);
    if (!enter_parameter(builder, name, shape, init)) {
        cupel_fail(&builder->graph->error, CUPEL_NOMEM, "no memory for a parameter");
        return NULL;
    }
    network->range += cupel_part_span(shape);
    if (network->range > MAX_RANGE)
        return graph_fail(builder->graph, name, "the network has more than %lld parameters",
                          (long long)MAX_RANGE);
    const char *path = network->parameters[network->parameter_count - 1].name;
    return cupel_state(builder->graph, path, builder->graph->real, shape, init);
}

/* Enters the name of a statistic that a probe meets. */
static bool enter_statistic(struct builder *builder, const char *path) {
    struct cupel_network *network = builder->probed;
    if (network->statistic_count == builder->statistic_room) {
        int room = builder->statistic_room ? 2 * builder->statistic_room : 32;
        const char **names = cupel_heap_alloc(builder->heap, (size_t)room, sizeof *names);
        if (!names) return false;
        if (network->statistics)
            memcpy(names, network->statistics, (size_t)network->statistic_count * sizeof *names);
        network->statistics = names;
        builder->statistic_room = room;
    }
    const char *text = cupel_heap_text(builder->heap, "%s", path);
    if (text) network->statistics[network->statistic_count++] = text;
    return text != NULL;
}

bool network_has_statistic(const struct cupel_network *network, const char *name) {
    for (int i = 0; i < network->statistic_count; i++)
        if (strcmp(network->statistics[i], name) == 0) return true;
    return false;
}

struct cupel_tensor *builder_statistic(struct builder *builder, const char *name,
                                       const struct cupel_shape *shape, const struct cupel_init *init) {
    char path[400];
    if ((size_t)snprintf(path, sizeof path, "%s.%s", builder->layer->path, name) >= sizeof path)
        return graph_fail(builder->graph, name, "the layer's name is too long");
    if (builder->probed && !enter_statistic(builder, path)) {
        cupel_fail(&builder->graph->error, CUPEL_NOMEM, "no memory for a statistic");
        return NULL;
    }
    struct cupel_tensor *state = cupel_state(builder->graph, path, builder->graph->real, shape, init);
    return state ? cupel_state_latest(builder->graph, path) : NULL;
}

/* ---- layers ---- */

static struct cupel_tensor *build_layer(struct builder *builder, const struct layer *layer,
                                        struct cupel_tensor *const *made) {
    struct cupel_tensor **inputs =
        graph_alloc(builder->graph, (size_t)layer->input_count * sizeof(struct cupel_tensor *));
    for (int i = 0; inputs && i < layer->input_count; i++) {
        int from = layer->inputs[i];
        inputs[i] = from == NETWORK_INPUT ? builder->x : from == NETWORK_LABEL ? builder->labels : made[from];
    }
    if (!inputs) return NULL;
    builder->layer = layer;
    builder->training = builder->trains && !layer->frozen;
    cupel_graph_place(builder->graph, builder->probed ? NULL : layer->place);
    cupel_graph_scope(builder->graph, layer->path);
    return layer->kind->build ? layer->kind->build(builder, layer, inputs) : layer->kind->apply(inputs[0]);
}

/* Shapes of batches and of single samples. */
static struct cupel_shape with_batch(const struct cupel_shape *sample, int64_t batch) {
    struct cupel_shape shape = {.rank = sample->rank + 1, .dim = {batch}};
    memcpy(shape.dim + 1, sample->dim, sizeof shape.dim - sizeof *shape.dim);
    return shape;
}

static struct cupel_shape without_batch(const struct cupel_shape *batch) {
    struct cupel_shape shape = {.rank = batch->rank - 1};
    memcpy(shape.dim, batch->dim + 1, sizeof shape.dim - sizeof *shape.dim);
    return shape;
}

/* ---- the probe ---- */

static void probe_layers(struct builder *builder, struct cupel_tensor **made) {
    struct cupel_network *network = builder->probed;
    struct cupel_graph *graph = builder->graph;
    for (int i = 0; i < network->layer_count; i++) {
        const struct layer *layer = &network->layers[i];
        struct cupel_layer_info *info = &network->infos[i];
        int node = graph->n_nodes, parameter = network->parameter_count;
        made[i] = build_layer(builder, layer, made);
        if (!made[i]) return;
        *info = (struct cupel_layer_info){layer->path, layer->kind->word, without_batch(&made[i]->shape), 0,
                                          0,           layer->item->line};
        for (; node < graph->n_nodes; node++)
            info->flops += ops[graph->nodes[node]->op].flops(graph->nodes[node]);
        for (; parameter < network->parameter_count; parameter++)
            info->parameters += cupel_shape_count(&network->parameters[parameter].shape);
    }
}

enum cupel_status network_probe(struct cupel_model *model, struct cupel_network *network,
                                struct cupel_error *error) {
    struct builder builder = {.network = network,
                              .probed = network,
                              .heap = &model->yaml.heap,
                              .graph = cupel_graph_new(CUPEL_F32),
                              .layer = network->layers};
    size_t count = (size_t)network->layer_count;
    struct cupel_tensor **made = cupel_heap_alloc(builder.heap, count, sizeof(struct cupel_tensor *));
    network->infos = cupel_heap_alloc(builder.heap, count, sizeof *network->infos);
    enum cupel_status status = CUPEL_OK;
    if (!builder.graph || !made || !network->infos) {
        status = cupel_yaml_no_memory(&model->yaml, error);
    } else {
        struct cupel_shape shape = with_batch(&network->input, 1);
        builder.x = cupel_state(builder.graph, "input", CUPEL_F32, &shape, NULL);
        builder.labels = cupel_state(builder.graph, "label", CUPEL_I32, &CUPEL_SHAPE(1), NULL);
        probe_layers(&builder, made);
        const struct cupel_error *problem = cupel_graph_error(builder.graph);
        if (problem->status == CUPEL_INVALID) {
            model->yaml.computed = true;
            status = cupel_yaml_fail(&model->yaml, builder.layer->item, error, "%s", problem->message);
        } else if (problem->status != CUPEL_OK)
            status = cupel_fail(error, problem->status, "%s: %s", model->yaml.name, problem->message);
        else if (!network->parameter_count)
            status =
                cupel_yaml_fail(&model->yaml, network->item, error,
                                "the network has nothing to train; add a layer with weights, such as linear");
    }
    cupel_graph_free(builder.graph);
    return status;
}

/* ---- the public side ---- */

const char *cupel_network_name(const struct cupel_network *network) {
    return network->name;
}

struct cupel_shape cupel_network_input(const struct cupel_network *network) {
    return network->input;
}

struct cupel_shape cupel_network_output(const struct cupel_network *network) {
    return network->infos[network->layer_count - 1].output;
}

bool cupel_network_takes_noise(const struct cupel_network *network) {
    return network->noise;
}

bool cupel_network_takes_label(const struct cupel_network *network) {
    return network->labels;
}

int cupel_network_source(const struct cupel_network *network, const struct cupel_network **other) {
    *other = network->source;
    return network->source ? network->source_layer : -1;
}

const struct cupel_layer_info *cupel_network_layers(const struct cupel_network *network, int *count) {
    *count = network->layer_count;
    return network->infos;
}

const struct cupel_parameter *cupel_network_parameters(const struct cupel_network *network, int *count) {
    *count = network->parameter_count;
    return network->parameters;
}

int64_t cupel_network_range(const struct cupel_network *network) {
    return network->range;
}

const struct cupel_parts *cupel_network_parts(const struct cupel_network *network, struct cupel_graph *graph,
                                              struct cupel_tensor *range) {
    struct cupel_tensor *own = NULL;
    if (!range) {
        own = cupel_state(graph, network->name, graph->real, &CUPEL_SHAPE(network->range), NULL);
        range = own ? cupel_state_latest(graph, network->name) : NULL;
    }
    struct cupel_parts *parts = range ? graph_alloc(graph, sizeof *parts) : NULL;
    if (!parts) return NULL;
    parts->network = network;
    parts->range = range;
    parts->count = network->parameter_count;
    parts->part = graph_alloc(graph, (size_t)parts->count * sizeof(struct cupel_tensor *));
    for (int i = 0; parts->part && i < parts->count; i++) {
        const struct cupel_parameter *parameter = &network->parameters[i];
        cupel_graph_scope(graph, parameter->name);
        parts->part[i] = cupel_part(range, range == own ? parameter->name : NULL, parameter->offset,
                                    &parameter->shape, &parameter->init);
    }
    cupel_graph_scope(graph, NULL);
    return graph->error.status == CUPEL_OK ? parts : NULL;
}

struct cupel_tensor *cupel_network_forward(const struct cupel_network *network,
                                           const struct cupel_parts *parts, struct cupel_tensor *x,
                                           struct cupel_tensor *labels, bool training,
                                           struct cupel_tensor **activations) {
    if (!parts || !x) return NULL;
    struct cupel_graph *graph = cupel_tensor_graph(x);
    struct builder builder = {
        .network = network, .graph = graph, .x = x, .labels = labels, .parts = parts, .trains = training};
    struct cupel_shape shape = without_batch(&x->shape);
    if (parts->count != network->parameter_count)
        return graph_fail(graph, network->name, "the parts are of another network: %d, not %d", parts->count,
                          network->parameter_count);
    if (!cupel_shape_equal(&shape, &network->input)) {
        char given[120], wanted[120];
        return graph_fail(graph, network->name, "the input has samples of shape %s, the network takes %s",
                          cupel_shape_text(&shape, given, sizeof given),
                          cupel_shape_text(&network->input, wanted, sizeof wanted));
    }
    if (network->labels && (!labels || labels->dtype != CUPEL_I32 ||
                            !cupel_shape_equal(&labels->shape, &CUPEL_SHAPE(x->shape.dim[0]))))
        return graph_fail(graph, network->name,
                          "the network takes labels; give it %lld of them, an i32 tensor of one dimension",
                          (long long)x->shape.dim[0]);
    struct cupel_tensor **made =
        activations ? activations
                    : graph_alloc(graph, (size_t)network->layer_count * sizeof(struct cupel_tensor *));
    bool good = made != NULL;
    for (int i = 0; good && i < network->layer_count; i++) {
        made[i] = build_layer(&builder, &network->layers[i], made);
        good = made[i] != NULL;
    }
    cupel_graph_place(graph, NULL);
    cupel_graph_scope(graph, NULL);
    return good ? made[network->layer_count - 1] : NULL;
}

struct cupel_tensor *cupel_parts_grad(const struct cupel_parts *parts, struct cupel_tensor *loss,
                                      struct cupel_tensor **gradients) {
    if (!parts || !loss) return NULL;
    struct cupel_graph *graph = cupel_tensor_graph(loss);
    const size_t bytes = (size_t)parts->count * sizeof(struct cupel_tensor *);
    struct cupel_tensor **targets = graph_alloc(graph, bytes), **made = graph_alloc(graph, bytes);
    int count = 0;
    for (int i = 0; targets && i < parts->count; i++)
        if (!parts->network->parameters[i].frozen) targets[count++] = parts->part[i];
    if (!targets || !made || cupel_grad(loss, NULL, targets, count, made) != CUPEL_OK) return NULL;
    for (int i = 0, next = 0; gradients && i < parts->count; i++)
        gradients[i] = parts->network->parameters[i].frozen ? NULL : made[next++];
    return cupel_pack(made, count);
}
