/* `networks:` to lists of layers: arguments read, inputs resolved. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/parser.h"

enum { MAX_INPUT = 1 << 24 };

/* ---- layers ---- */

/* Room for a layer, which counts once it is read. */
static enum cupel_status layer_new(struct parser *parser, const struct cupel_yaml_item *word,
                                   struct layer **layer) {
    struct cupel_network *network = parser->network;
    if (network->layer_count == MAX_LAYERS)
        return cupel_yaml_fail(parser->yaml, word, parser->error,
                               "the network has more than %d layers; use fewer", MAX_LAYERS);
    if (network->layer_count == parser->layer_room) {
        int room = parser->layer_room ? 2 * parser->layer_room : 16;
        struct layer *layers = cupel_heap_alloc(&parser->yaml->heap, (size_t)room, sizeof *layers);
        if (!layers) return cupel_yaml_no_memory(parser->yaml, parser->error);
        if (network->layers) memcpy(layers, network->layers, (size_t)network->layer_count * sizeof *layers);
        network->layers = layers;
        parser->layer_room = room;
    }
    *layer = &network->layers[network->layer_count];
    *(*layer) = (struct layer){0};
    return CUPEL_OK;
}

/* Labels go only into layers that know what to do with them. */
static enum cupel_status labels_check(struct parser *parser, const struct layer *layer) {
    bool takes = false;
    for (int i = 0; i < layer->input_count; i++) takes = takes || layer->inputs[i] == NETWORK_LABEL;
    if (!takes) return CUPEL_OK;
    const struct cupel_yaml_item *place = layer->arguments.from ? layer->arguments.from : layer->item;
    char takers[200] = "";
    for (size_t i = 0, used = 0; i < layer_kind_count && used < sizeof takers; i++)
        if (layer_kinds[i].takes_label)
            used += (size_t)snprintf(takers + used, sizeof takers - used, "%s%s",
                                     used ? ", " : "only: ", layer_kinds[i].word);
    if (!layer->kind->takes_label)
        return cupel_yaml_fail(parser->yaml, place, parser->error,
                               "%s cannot take the class labels as its input (%s)", layer->kind->word,
                               takers);
    if (!parser->model->data.classes)
        return cupel_yaml_fail(parser->yaml, place, parser->error,
                               "the labels are of no known number of classes; add `classes: ...` to data");
    parser->network->labels = true;
    return CUPEL_OK;
}

static enum cupel_status layer_read(struct parser *parser, struct scope *scope, const struct layer_kind *kind,
                                    const struct cupel_yaml_item *word,
                                    const struct cupel_yaml_item *values) {
    struct layer *layer = NULL;
    struct name *name;
    CUPEL_TRY(layer_new(parser, word, &layer));
    CUPEL_TRY(cupel_fields_read(parser->yaml, word, values, kind->word, kind->fields, kind->field_count,
                                &layer->arguments, parser->error));
    layer->kind = kind;
    layer->item = word;
    CUPEL_TRY(name_add(parser->yaml, scope, word, cupel_yaml_find(values, "name"), &name, parser->error));
    layer->name = cupel_heap_text(&parser->yaml->heap, "%s%s", scope->prefix, name->text);
    layer->path = cupel_heap_text(&parser->yaml->heap, "%s.%s", parser->network->name, layer->name);
    layer->place =
        cupel_heap_text(&parser->yaml->heap, "%s:%d:%d", parser->yaml->name, word->line, word->column);
    if (!layer->name || !layer->path || !layer->place)
        return cupel_yaml_no_memory(parser->yaml, parser->error);
    CUPEL_TRY(name_inputs(parser->yaml, scope, name, layer->arguments.from, kind->least ? kind->least : 1,
                          kind->most ? kind->most : 1, &layer->inputs, &layer->input_count, parser->error));
    CUPEL_TRY(labels_check(parser, layer));
    layer->has_init = layer->arguments.init_item != NULL;
    if (layer->has_init)
        CUPEL_TRY(init_read(parser->yaml, layer->arguments.init_item, &layer->init, parser->error));
    name->layer = scope->previous = parser->network->layer_count++;
    return CUPEL_OK;
}

static enum cupel_status layer_parse(struct parser *parser, struct scope *scope,
                                     const struct cupel_yaml_item *item) {
    const struct cupel_yaml_item *word, *values;
    CUPEL_TRY(cupel_variant_read(parser->yaml, item, "layer", &word, &values, parser->error));
    struct cupel_words kinds = {layer_kinds, layer_kind_count, sizeof *layer_kinds};
    struct cupel_words blocks = {parser->blocks, parser->block_count, sizeof *parser->blocks};
    struct cupel_words all = {parser->words, parser->word_count, sizeof *parser->words};
    int kind = cupel_words_find(kinds, word->text), block = cupel_words_find(blocks, word->text);
    if (kind >= 0) return layer_read(parser, scope, &layer_kinds[kind], word, values);
    if (block >= 0) return block_use(parser, scope, &parser->blocks[block], word, values);
    if (cupel_yaml_is(word, repeat_word)) return repeat_use(parser, scope, word, values);
    return cupel_words_fail(parser->yaml, word, all, "layer or block", parser->error);
}

enum cupel_status layers_parse(struct parser *parser, struct scope *scope, const struct cupel_yaml_item *list,
                               const char *what) {
    char shown[CUPEL_YAML_SHOWN];
    if (list->kind != CUPEL_YAML_SEQUENCE || !list->first)
        return cupel_yaml_fail(
            parser->yaml, list, parser->error, "%s is %s; it must be a list with a layer or more", what,
            list->kind == CUPEL_YAML_SEQUENCE ? "empty" : cupel_yaml_shown(list, shown, sizeof shown));
    for (const struct cupel_yaml_item *item = list->first; item; item = item->next) {
        struct cupel_yaml_item *copy;
        CUPEL_TRY(expression_expand(parser->yaml, item, scope->bindings, scope->use, &copy, parser->error));
        CUPEL_TRY(layer_parse(parser, scope, copy));
    }
    return CUPEL_OK;
}

/* ---- networks ---- */

struct network_items {
    const struct cupel_yaml_item *input, *layers;
};
static const struct cupel_field network_fields[] = {
    {.key = "input", .type = CUPEL_FIELD_ITEM, .offset = offsetof(struct network_items, input)},
    {.key = "layers", .type = CUPEL_FIELD_ITEM, .offset = offsetof(struct network_items, layers)},
};

static const char *const input_words[] = {"image", "noise", "vectors", "layer"};

static const struct cupel_field noise_field = {.key = "noise",
                                               .type = CUPEL_FIELD_SHAPE,
                                               .offset = offsetof(struct cupel_network, input),
                                               .low = 1,
                                               .high = MAX_INPUT};
static const struct cupel_field vectors_fields[] = {
    {.key = "features", .type = CUPEL_FIELD_INT, .low = 1, .high = MAX_INPUT},
};

/* `{layer: discriminator.conv2}`: what a layer of a network before this one makes. */
static enum cupel_status source_read(struct parser *parser, const struct cupel_yaml_item *word,
                                     const struct cupel_yaml_item *path) {
    static const struct cupel_field field = {.key = "layer", .type = CUPEL_FIELD_TEXT};
    const struct cupel_model *model = parser->model;
    struct cupel_network *network = parser->network;
    const char *text;
    size_t count = 0, i = 0;
    if (!path)
        return cupel_yaml_fail(parser->yaml, word, parser->error,
                               "layer needs a name; write {layer: NETWORK.LAYER}");
    CUPEL_TRY(cupel_field_read(parser->yaml, path, &field, &text, parser->error));
    for (const struct cupel_network *other = model->networks; other < network; other++)
        count += (size_t)other->layer_count;
    const char **known = cupel_heap_alloc(&parser->yaml->heap, count + 1, sizeof *known);
    if (!known) return cupel_yaml_no_memory(parser->yaml, parser->error);
    for (const struct cupel_network *other = model->networks; other < network; other++) {
        for (int layer = 0; layer < other->layer_count; layer++) {
            known[i++] = other->infos[layer].name;
            if (strcmp(text, other->infos[layer].name) != 0) continue;
            network->source = other;
            network->source_layer = layer;
            network->input = other->infos[layer].output;
            return CUPEL_OK;
        }
    }
    return cupel_words_fail(parser->yaml, path, (struct cupel_words){known, count, sizeof *known},
                            "layer of the networks before this one", parser->error);
}

/* `input: image`, `{noise: [100, 1, 1]}`, `{vectors: {features: 784}}` or `{layer: discriminator.conv2}`. */
static enum cupel_status input_read(struct parser *parser, const struct cupel_yaml_item *item) {
    const struct cupel_yaml_item *word, *arguments;
    struct cupel_network *network = parser->network;
    CUPEL_TRY(cupel_variant_read(parser->yaml, item, "input", &word, &arguments, parser->error));
    switch (cupel_words_find(CUPEL_WORDS(input_words), word->text)) {
    case 0:
        network->input = parser->model->data.shape;
        return cupel_fields_read(parser->yaml, word, arguments, "image", NULL, 0, NULL, parser->error);
    case 1:
        network->noise = true;
        if (!arguments)
            return cupel_yaml_fail(parser->yaml, word, parser->error,
                                   "noise needs a shape; write {noise: [100, 1, 1]}");
        CUPEL_TRY(cupel_field_read(parser->yaml, arguments, &noise_field, network, parser->error));
        if (network->input.rank == CUPEL_MAX_RANK)
            return cupel_yaml_fail(parser->yaml, arguments, parser->error,
                                   "the noise has %d dimensions; use fewer", CUPEL_MAX_RANK);
        return CUPEL_OK;
    case 2:
        network->input.rank = 1;
        CUPEL_TRY(cupel_fields_read(parser->yaml, word, arguments, "vectors", vectors_fields, 1,
                                    network->input.dim, parser->error));
        if (network->input.dim[0] == cupel_shape_count(&parser->model->data.shape)) return CUPEL_OK;
        return cupel_yaml_fail(
            parser->yaml, arguments, parser->error,
            "%lld features cannot be filled from images of %lld values (data.shape); make them equal",
            (long long)network->input.dim[0], (long long)cupel_shape_count(&parser->model->data.shape));
    case 3:
        return source_read(parser, word, arguments);
    default:
        return cupel_words_fail(parser->yaml, word, CUPEL_WORDS(input_words), "input", parser->error);
    }
}

static int compare_names(const void *a, const void *b) {
    const struct layer *left = *(const struct layer *const *)a, *right = *(const struct layer *const *)b;
    const int order = strcmp(left->name, right->name);
    return order ? order : left < right ? -1 : left > right;
}

/* Names with dots, and lists that add nothing to the names of their layers, can meet one another. */
static enum cupel_status names_differ(struct parser *parser) {
    const struct cupel_network *network = parser->network;
    size_t count = (size_t)network->layer_count;
    const struct layer **sorted = cupel_heap_alloc(&parser->yaml->heap, count, sizeof *sorted);
    if (!sorted) return cupel_yaml_no_memory(parser->yaml, parser->error);
    for (size_t i = 0; i < count; i++) sorted[i] = &network->layers[i];
    qsort(sorted, count, sizeof *sorted, compare_names);
    for (size_t i = 1; i < count; i++) {
        if (strcmp(sorted[i - 1]->name, sorted[i]->name) != 0) continue;
        return cupel_yaml_fail(
            parser->yaml, sorted[i]->item, parser->error,
            "the name '%.60s' is taken by the layer at line %d; give this one another `name`",
            sorted[i]->name, sorted[i - 1]->item->line);
    }
    return CUPEL_OK;
}

static enum cupel_status network_read(struct parser *parser, const struct cupel_yaml_item *item) {
    struct network_items items = {0};
    struct cupel_yaml_item *input;
    struct cupel_network *network = parser->network;
    const struct binding *bindings = parser->model->bindings;
    struct scope scope = {
        .bindings = bindings, .prefix = "", .input = NETWORK_INPUT, .previous = NETWORK_INPUT};
    *network = (struct cupel_network){.name = item->key->text, .model = parser->model, .item = item->key};
    parser->layer_room = 0;
    parser->model->suspect = network;
    CUPEL_TRY(word_check(parser->yaml, item->key, parser->error));
    CUPEL_TRY(cupel_fields_read(parser->yaml, item->key, item, "network", network_fields, 2, &items,
                                parser->error));
    CUPEL_TRY(expression_expand(parser->yaml, items.input, bindings, NULL, &input, parser->error));
    CUPEL_TRY(input_read(parser, input));
    enum cupel_status status = layers_parse(parser, &scope, items.layers, "'layers'");
    if (status == CUPEL_INVALID && parser->yaml->computed && network->layer_count)
        network_probe(parser->model, network, NULL); /* for the shapes so far */
    CUPEL_TRY(status);
    if (!network->layer_count || scope.previous != network->layer_count - 1)
        return cupel_yaml_fail(parser->yaml, items.layers, parser->error,
                               "the list ends in a block that has no layers here; add one behind it");
    CUPEL_TRY(names_differ(parser));
    return network_probe(parser->model, network, parser->error);
}

enum cupel_status networks_read(struct cupel_model *model, const struct cupel_yaml_item *networks,
                                const struct cupel_yaml_item *blocks, struct cupel_error *error) {
    struct parser parser = {.model = model, .yaml = &model->yaml, .error = error};
    CUPEL_TRY(blocks_read(&parser, blocks));
    size_t count = 0;
    if (networks->kind != CUPEL_YAML_MAPPING || !networks->first)
        return cupel_yaml_fail(&model->yaml, networks, error,
                               "'networks' must be a mapping, {name: {input: ..., layers: ...}}");
    for (const struct cupel_yaml_item *item = networks->first; item; item = item->next) count++;
    model->networks = cupel_heap_alloc(&model->yaml.heap, count, sizeof *model->networks);
    if (!model->networks) return cupel_yaml_no_memory(&model->yaml, error);
    for (const struct cupel_yaml_item *item = networks->first; item; item = item->next) {
        parser.network = &model->networks[model->network_count++];
        CUPEL_TRY(network_read(&parser, item));
    }
    return CUPEL_OK;
}
