/* `networks:` and `blocks:` to lists of layers: blocks written out, arguments read, inputs resolved. */
#include <stdio.h>
#include <string.h>

#include "model/names.h"

enum { MAX_LAYERS = 10000, MAX_BLOCK_DEPTH = 16, MAX_INPUT = 1 << 24 };

struct block {
    const char *word; /* first, for CUPEL_WORDS */
    const struct cupel_yaml_item *params, *layers;
};

static const struct cupel_field block_fields[] = {
    {.key = "params", .type = CUPEL_FIELD_ITEM, .offset = offsetof(struct block, params), .fallback = ""},
    {.key = "layers", .type = CUPEL_FIELD_ITEM, .offset = offsetof(struct block, layers)},
};

struct parser {
    struct cupel_model *model;
    struct cupel_yaml *yaml;
    struct cupel_network *network;
    int layer_room;
    struct block *blocks;
    size_t block_count;
    const char **words; /* of all layers and blocks, for messages */
    struct cupel_error *error;
};

static enum cupel_status layers_parse(struct parser *parser, struct scope *scope,
                                      const struct cupel_yaml_item *list, const char *what,
                                      const struct cupel_yaml_item *use,
                                      const struct cupel_yaml_item *values);

/* ---- blocks ---- */

/* The value that a use of the block, or its `params`, gives to the parameter; NULL for a wrong name. */
static const struct cupel_yaml_item *param_value(const struct block *block,
                                                 const struct cupel_yaml_item *values, const char *name) {
    const struct cupel_yaml_item *fallback = cupel_yaml_find(block->params, name);
    const struct cupel_yaml_item *value = fallback ? cupel_yaml_find(values, name) : NULL;
    return value ? value : fallback;
}

static enum cupel_status param_unknown(struct parser *parser, const struct block *block,
                                       const struct cupel_yaml_item *item, const char *const *extra,
                                       size_t extra_count, const char *what) {
    size_t count = 0;
    for (const struct cupel_yaml_item *param = block->params ? block->params->first : NULL; param;
         param = param->next)
        count++;
    const char **known = cupel_heap_alloc(&parser->yaml->heap, count + extra_count + 1, sizeof *known);
    if (!known) return cupel_yaml_no_memory(parser->yaml, parser->error);
    size_t i = 0;
    for (const struct cupel_yaml_item *param = block->params ? block->params->first : NULL; param;
         param = param->next)
        known[i++] = param->key->text;
    for (size_t j = 0; j < extra_count; j++) known[i++] = extra[j];
    return cupel_words_fail(parser->yaml, item, (struct cupel_words){known, i, sizeof *known}, what,
                            parser->error);
}

/* Replaces `$name` by values in a fresh copy of an item of a block, and copies what is below it; all of it
 * remembers the block's use. A value stands where it was written, because that is what would have to change.
 */
static enum cupel_status substitute(struct parser *parser, const struct block *block,
                                    struct cupel_yaml_item *copy, const struct cupel_yaml_item *use,
                                    const struct cupel_yaml_item *values) {
    if (!copy->use) copy->use = use;
    if (copy->kind == CUPEL_YAML_SCALAR && !copy->quoted && *copy->text == '$') {
        const struct cupel_yaml_item *value = param_value(block, values, copy->text + 1);
        copy->text++;
        if (!value) return param_unknown(parser, block, copy, NULL, 0, "parameter of the block");
        struct cupel_yaml_item old = *copy;
        *copy = *value;
        copy->key = old.key;
        copy->next = NULL;
        if (!copy->use) copy->use = use;
        return CUPEL_OK;
    }
    struct cupel_yaml_item **last = &copy->first;
    const struct cupel_yaml_item *child = copy->first;
    for (copy->first = NULL; child; child = child->next, last = &(*last)->next) {
        struct cupel_yaml_item *key = NULL, *item = NULL;
        if (child->key) CUPEL_TRY(cupel_yaml_new(parser->yaml, child->key, &key, parser->error));
        if (key) key->use = use;
        CUPEL_TRY(cupel_yaml_new(parser->yaml, child, &item, parser->error));
        item->key = key;
        *last = item;
        CUPEL_TRY(substitute(parser, block, item, use, values));
    }
    return CUPEL_OK;
}

/* Keys of a block's use: its parameters, `name` and `from`; every parameter has a value. */
static enum cupel_status use_check(struct parser *parser, const struct block *block,
                                   const struct cupel_yaml_item *word, const struct cupel_yaml_item *values) {
    static const char *const own[] = {"name", "from"};
    char shown[CUPEL_YAML_SHOWN];
    if (values && values->kind != CUPEL_YAML_MAPPING)
        return cupel_yaml_fail(parser->yaml, values, parser->error,
                               "block '%.60s' is given %s; write {parameter: value}", block->word,
                               cupel_yaml_shown(values, shown, sizeof shown));
    for (const struct cupel_yaml_item *value = values ? values->first : NULL; value; value = value->next) {
        if (cupel_words_find(CUPEL_WORDS(own), value->key->text) >= 0) continue;
        if (!cupel_yaml_find(block->params, value->key->text))
            return param_unknown(parser, block, value->key, own, 2, "parameter of the block");
    }
    for (const struct cupel_yaml_item *param = block->params ? block->params->first : NULL; param;
         param = param->next) {
        if (param_value(block, values, param->key->text)->kind == CUPEL_YAML_NULL)
            return cupel_yaml_fail(parser->yaml, word, parser->error,
                                   "block '%.60s' needs the parameter '%.60s'; add it here", block->word,
                                   param->key->text);
    }
    return CUPEL_OK;
}

static enum cupel_status block_use(struct parser *parser, struct scope *scope, const struct block *block,
                                   const struct cupel_yaml_item *word, const struct cupel_yaml_item *values) {
    int depth = 0;
    for (const struct scope *outer = scope; outer; outer = outer->outer, depth++) {
        if (outer->block == block)
            return cupel_yaml_fail(parser->yaml, word, parser->error,
                                   "block '%.60s' uses itself; blocks cannot be circular", block->word);
    }
    if (depth > MAX_BLOCK_DEPTH)
        return cupel_yaml_fail(parser->yaml, word, parser->error,
                               "blocks are nested more than %d deep; use fewer", MAX_BLOCK_DEPTH);
    CUPEL_TRY(use_check(parser, block, word, values));
    struct name *name;
    int *inputs, count;
    CUPEL_TRY(name_add(parser->yaml, scope, word, cupel_yaml_find(values, "name"), &name, parser->error));
    CUPEL_TRY(name_inputs(parser->yaml, scope, name, cupel_yaml_find(values, "from"), false, &inputs, &count,
                          parser->error));
    struct scope inner = {.outer = scope, .block = block, .input = inputs[0], .previous = inputs[0]};
    inner.prefix = cupel_heap_text(&parser->yaml->heap, "%s%s.", scope->prefix, name->text);
    if (!inner.prefix) return cupel_yaml_no_memory(parser->yaml, parser->error);
    CUPEL_TRY(layers_parse(parser, &inner, block->layers, "the block's 'layers'", word, values));
    name->layer = scope->previous = inner.previous;
    return CUPEL_OK;
}

/* ---- layers ---- */

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
    *layer = &network->layers[network->layer_count++];
    return CUPEL_OK;
}

/* Labels go only into layers that know what to do with them. */
static enum cupel_status labels_check(struct parser *parser, const struct layer *layer) {
    bool takes = false;
    for (int i = 0; i < layer->input_count; i++) takes = takes || layer->inputs[i] == NETWORK_LABEL;
    if (!takes) return CUPEL_OK;
    const struct cupel_yaml_item *place = layer->arguments.from ? layer->arguments.from : layer->item;
    char takers[200] = "no layer does yet";
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
    CUPEL_TRY(name_inputs(parser->yaml, scope, name, layer->arguments.from, kind->joins, &layer->inputs,
                          &layer->input_count, parser->error));
    CUPEL_TRY(labels_check(parser, layer));
    layer->has_init = layer->arguments.init_item != NULL;
    if (layer->has_init)
        CUPEL_TRY(init_read(parser->yaml, layer->arguments.init_item, &layer->init, parser->error));
    name->layer = scope->previous = parser->network->layer_count - 1;
    return CUPEL_OK;
}

static enum cupel_status layer_parse(struct parser *parser, struct scope *scope,
                                     const struct cupel_yaml_item *item) {
    const struct cupel_yaml_item *word, *values;
    CUPEL_TRY(cupel_variant_read(parser->yaml, item, "layer", &word, &values, parser->error));
    struct cupel_words kinds = {layer_kinds, layer_kind_count, sizeof *layer_kinds};
    struct cupel_words blocks = {parser->blocks, parser->block_count, sizeof *parser->blocks};
    int kind = cupel_words_find(kinds, word->text), block = cupel_words_find(blocks, word->text);
    if (kind >= 0) return layer_read(parser, scope, &layer_kinds[kind], word, values);
    if (block >= 0) return block_use(parser, scope, &parser->blocks[block], word, values);
    struct cupel_words all = {parser->words, kinds.count + blocks.count, sizeof *parser->words};
    return cupel_words_fail(parser->yaml, word, all, "layer or block", parser->error);
}

/* Reads a list of layers; that of a block is copied first, with the values of its use. */
static enum cupel_status layers_parse(struct parser *parser, struct scope *scope,
                                      const struct cupel_yaml_item *list, const char *what,
                                      const struct cupel_yaml_item *use,
                                      const struct cupel_yaml_item *values) {
    char shown[CUPEL_YAML_SHOWN];
    if (list->kind != CUPEL_YAML_SEQUENCE || !list->first)
        return cupel_yaml_fail(
            parser->yaml, list, parser->error, "%s is %s; it must be a list with a layer or more", what,
            list->kind == CUPEL_YAML_SEQUENCE ? "empty" : cupel_yaml_shown(list, shown, sizeof shown));
    for (const struct cupel_yaml_item *item = list->first; item; item = item->next) {
        struct cupel_yaml_item *copy = NULL;
        if (scope->block) {
            CUPEL_TRY(cupel_yaml_new(parser->yaml, item, &copy, parser->error));
            CUPEL_TRY(substitute(parser, scope->block, copy, use, values));
        }
        CUPEL_TRY(layer_parse(parser, scope, scope->block ? copy : item));
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

static enum cupel_status blocks_read(struct parser *parser, const struct cupel_yaml_item *blocks) {
    struct cupel_yaml *yaml = parser->yaml;
    size_t count = 0, word = 0;
    if (blocks && blocks->kind != CUPEL_YAML_MAPPING)
        return cupel_yaml_fail(yaml, blocks, parser->error,
                               "'blocks' must be a mapping, {name: {params: ..., layers: ...}}");
    for (const struct cupel_yaml_item *item = blocks ? blocks->first : NULL; item; item = item->next) count++;
    parser->blocks = cupel_heap_alloc(&yaml->heap, count + 1, sizeof *parser->blocks);
    parser->words = cupel_heap_alloc(&yaml->heap, count + layer_kind_count, sizeof *parser->words);
    if (!parser->blocks || !parser->words) return cupel_yaml_no_memory(parser->yaml, parser->error);
    while (word < layer_kind_count) {
        parser->words[word] = layer_kinds[word].word;
        word++;
    }
    struct cupel_words kinds = {layer_kinds, layer_kind_count, sizeof *layer_kinds};
    for (const struct cupel_yaml_item *item = blocks ? blocks->first : NULL; item; item = item->next) {
        struct block *block = &parser->blocks[parser->block_count++];
        block->word = parser->words[word++] = item->key->text;
        CUPEL_TRY(name_check(yaml, item->key, parser->error));
        if (cupel_words_find(kinds, block->word) >= 0)
            return cupel_yaml_fail(yaml, item->key, parser->error,
                                   "'%s' is a layer; give the block another name", block->word);
        CUPEL_TRY(cupel_fields_read(yaml, item->key, item, "block", block_fields, 2, block, parser->error));
        if (block->params && block->params->kind != CUPEL_YAML_MAPPING)
            return cupel_yaml_fail(yaml, block->params, parser->error,
                                   "'params' must be a mapping, {name: default}");
    }
    return CUPEL_OK;
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
        struct network_items items = {0};
        struct scope scope = {.prefix = "", .input = NETWORK_INPUT, .previous = NETWORK_INPUT};
        parser.network = &model->networks[model->network_count++];
        parser.layer_room = 0;
        *parser.network = (struct cupel_network){.name = item->key->text, .model = model, .item = item->key};
        CUPEL_TRY(name_check(&model->yaml, item->key, error));
        CUPEL_TRY(
            cupel_fields_read(&model->yaml, item->key, item, "network", network_fields, 2, &items, error));
        CUPEL_TRY(input_read(&parser, items.input));
        CUPEL_TRY(layers_parse(&parser, &scope, items.layers, "'layers'", NULL, NULL));
        CUPEL_TRY(network_probe(model, parser.network, error));
    }
    return CUPEL_OK;
}
