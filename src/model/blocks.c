/* `blocks:` and `repeat:`: lists of layers that are written out, with names and values of their own. */
#include "model/parser.h"

enum { MAX_DEPTH = 16 };

const char repeat_word[] = "repeat";

static const struct cupel_field block_fields[] = {
    {.key = "params", .type = CUPEL_FIELD_ITEM, .offset = offsetof(struct block, params), .fallback = ""},
    {.key = "layers", .type = CUPEL_FIELD_ITEM, .offset = offsetof(struct block, layers)},
};

static enum cupel_status block_read(struct parser *parser, const struct cupel_yaml_item *item,
                                    struct block *block) {
    struct cupel_yaml *yaml = parser->yaml;
    block->word = item->key->text;
    CUPEL_TRY(word_check(yaml, item->key, parser->error));
    if (cupel_words_find((struct cupel_words){parser->words, layer_kind_count + 1, sizeof *parser->words},
                         block->word) >= 0)
        return cupel_yaml_fail(yaml, item->key, parser->error, "'%s' is a layer; give the block another name",
                               block->word);
    CUPEL_TRY(cupel_fields_read(yaml, item->key, item, "block", block_fields, 2, block, parser->error));
    if (!block->params) return CUPEL_OK;
    if (block->params->kind != CUPEL_YAML_MAPPING)
        return cupel_yaml_fail(yaml, block->params, parser->error,
                               "'params' must be a mapping, {name: default}");
    struct cupel_yaml_item *params;
    CUPEL_TRY(expression_expand(yaml, block->params, parser->model->bindings, NULL, &params, parser->error));
    block->params = params;
    return CUPEL_OK;
}

enum cupel_status blocks_read(struct parser *parser, const struct cupel_yaml_item *blocks) {
    struct cupel_yaml *yaml = parser->yaml;
    size_t count = 0;
    if (blocks && blocks->kind != CUPEL_YAML_MAPPING)
        return cupel_yaml_fail(yaml, blocks, parser->error,
                               "'blocks' must be a mapping, {name: {params: ..., layers: ...}}");
    for (const struct cupel_yaml_item *item = blocks ? blocks->first : NULL; item; item = item->next) count++;
    parser->blocks = cupel_heap_alloc(&yaml->heap, count + 1, sizeof *parser->blocks);
    parser->words = cupel_heap_alloc(&yaml->heap, layer_kind_count + 1 + count, sizeof *parser->words);
    if (!parser->blocks || !parser->words) return cupel_yaml_no_memory(parser->yaml, parser->error);
    for (size_t i = 0; i < layer_kind_count; i++) parser->words[parser->word_count++] = layer_kinds[i].word;
    parser->words[parser->word_count++] = repeat_word;
    for (const struct cupel_yaml_item *item = blocks ? blocks->first : NULL; item; item = item->next) {
        parser->words[parser->word_count++] = item->key->text;
        CUPEL_TRY(block_read(parser, item, &parser->blocks[parser->block_count++]));
    }
    return CUPEL_OK;
}

/* ---- uses ---- */

/* The value that a use of the block, or its `params`, gives to the parameter; NULL for a wrong name. */
static const struct cupel_yaml_item *param_value(const struct block *block,
                                                 const struct cupel_yaml_item *values, const char *name) {
    const struct cupel_yaml_item *fallback = cupel_yaml_find(block->params, name);
    const struct cupel_yaml_item *value = fallback ? cupel_yaml_find(values, name) : NULL;
    return value ? value : fallback;
}

static const char *const own_keys[] = {"name", "from"};
enum { OWN_KEYS = 2 };

static enum cupel_status param_unknown(struct parser *parser, const struct block *block,
                                       const struct cupel_yaml_item *key) {
    size_t count = OWN_KEYS, i = 0;
    const struct cupel_yaml_item *first = block->params ? block->params->first : NULL;
    for (const struct cupel_yaml_item *param = first; param; param = param->next) count++;
    const char **known = cupel_heap_alloc(&parser->yaml->heap, count, sizeof *known);
    if (!known) return cupel_yaml_no_memory(parser->yaml, parser->error);
    for (const struct cupel_yaml_item *param = first; param; param = param->next)
        known[i++] = param->key->text;
    for (size_t j = 0; j < OWN_KEYS; j++) known[i++] = own_keys[j];
    return cupel_words_fail(parser->yaml, key, (struct cupel_words){known, count, sizeof *known},
                            "parameter of the block", parser->error);
}

/* Keys of a block's use: its parameters, `name` and `from`; every parameter has a value, and is bound to it. */
static enum cupel_status bind_params(struct parser *parser, const struct block *block,
                                     const struct cupel_yaml_item *word, const struct cupel_yaml_item *values,
                                     const struct binding **bindings) {
    char shown[CUPEL_YAML_SHOWN];
    if (values && values->kind != CUPEL_YAML_MAPPING)
        return cupel_yaml_fail(parser->yaml, values, parser->error,
                               "block '%.60s' is given %s; write {parameter: value}", block->word,
                               cupel_yaml_shown(values, shown, sizeof shown));
    for (const struct cupel_yaml_item *value = values ? values->first : NULL; value; value = value->next) {
        if (cupel_words_find(CUPEL_WORDS(own_keys), value->key->text) >= 0) continue;
        if (!cupel_yaml_find(block->params, value->key->text))
            return param_unknown(parser, block, value->key);
    }
    for (const struct cupel_yaml_item *param = block->params ? block->params->first : NULL; param;
         param = param->next) {
        const struct cupel_yaml_item *value = param_value(block, values, param->key->text);
        if (value->kind == CUPEL_YAML_NULL)
            return cupel_yaml_fail(parser->yaml, word, parser->error,
                                   "block '%.60s' needs the parameter '%.60s'; add it here", block->word,
                                   param->key->text);
        *bindings = binding_add(parser->yaml, *bindings, param->key->text, value, 0);
        if (!*bindings) return cupel_yaml_no_memory(parser->yaml, parser->error);
    }
    return CUPEL_OK;
}

/* Begins a list of layers within another: its name, which with `name: ~` is no part of its layers' names, and what goes in. */
static enum cupel_status scope_enter(struct parser *parser, struct scope *outer,
                                     const struct cupel_yaml_item *word, const struct cupel_yaml_item *values,
                                     struct name **name, struct scope *inner) {
    int *inputs, count, depth = 1;
    for (const struct scope *scope = outer->outer; scope; scope = scope->outer) depth++;
    if (depth > MAX_DEPTH)
        return cupel_yaml_fail(parser->yaml, word, parser->error,
                               "blocks are nested more than %d deep; use fewer", MAX_DEPTH);
    const struct cupel_yaml_item *given = cupel_yaml_find(values, "name");
    const bool plain = given && given->kind == CUPEL_YAML_NULL;
    CUPEL_TRY(name_add(parser->yaml, outer, word, plain ? NULL : given, name, parser->error));
    CUPEL_TRY(name_inputs(parser->yaml, outer, *name, cupel_yaml_find(values, "from"), 1, 1, &inputs, &count,
                          parser->error));
    *inner = (struct scope){.outer = outer,
                            .use = outer->use,
                            .bindings = outer->bindings,
                            .input = inputs[0],
                            .previous = inputs[0]};
    inner->prefix =
        plain ? outer->prefix : cupel_heap_text(&parser->yaml->heap, "%s%s.", outer->prefix, (*name)->text);
    return inner->prefix ? CUPEL_OK : cupel_yaml_no_memory(parser->yaml, parser->error);
}

enum cupel_status block_use(struct parser *parser, struct scope *scope, const struct block *block,
                            const struct cupel_yaml_item *word, const struct cupel_yaml_item *values) {
    const struct scope *user = scope;
    while (user->outer && user->block != block) user = user->outer;
    if (user->block == block)
        return cupel_yaml_fail(parser->yaml, word, parser->error,
                               "block '%.60s' uses itself; blocks cannot be circular", block->word);
    struct name *name;
    struct scope inner;
    const struct binding *bindings = parser->model->bindings;
    CUPEL_TRY(bind_params(parser, block, word, values, &bindings));
    CUPEL_TRY(scope_enter(parser, scope, word, values, &name, &inner));
    inner.block = block;
    inner.bindings = bindings;
    inner.use = word;
    CUPEL_TRY(layers_parse(parser, &inner, block->layers, "the block's 'layers'"));
    name->layer = scope->previous = inner.previous;
    return CUPEL_OK;
}

/* ---- repeat ---- */

struct repeat {
    const struct cupel_yaml_item *name, *from, *layers;
    int64_t times;
};

static const struct cupel_field repeat_fields[] = {
    {.key = "times",
     .type = CUPEL_FIELD_INT,
     .offset = offsetof(struct repeat, times),
     .low = 0,
     .high = MAX_LAYERS},
    {.key = "layers", .type = CUPEL_FIELD_ITEM, .offset = offsetof(struct repeat, layers)},
    {.key = "name", .type = CUPEL_FIELD_ITEM, .offset = offsetof(struct repeat, name), .fallback = ""},
    {.key = "from", .type = CUPEL_FIELD_ITEM, .offset = offsetof(struct repeat, from), .fallback = ""},
};

/* Every round is a list of its own, called NAME.0, NAME.1, ... if it has a name, in which `i` is its number. */
enum cupel_status repeat_use(struct parser *parser, struct scope *scope, const struct cupel_yaml_item *word,
                             const struct cupel_yaml_item *values) {
    struct repeat repeat = {0};
    struct name *name;
    struct scope whole;
    CUPEL_TRY(
        cupel_fields_read(parser->yaml, word, values, repeat_word, repeat_fields, 4, &repeat, parser->error));
    CUPEL_TRY(scope_enter(parser, scope, word, values, &name, &whole));
    for (int i = 0; i < repeat.times; i++) {
        struct scope round = whole;
        round.bindings = binding_add(parser->yaml, scope->bindings, "i", NULL, i);
        if (whole.prefix != scope->prefix)
            round.prefix = cupel_heap_text(&parser->yaml->heap, "%s%d.", whole.prefix, i);
        if (!round.bindings || !round.prefix) return cupel_yaml_no_memory(parser->yaml, parser->error);
        CUPEL_TRY(layers_parse(parser, &round, repeat.layers, "the repeated 'layers'"));
        whole.input = whole.previous = round.previous;
    }
    name->layer = scope->previous = whole.previous;
    return CUPEL_OK;
}
