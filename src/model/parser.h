/* What the readers of `networks:` and `blocks:` share. */
#ifndef CUPEL_MODEL_PARSER_H
#define CUPEL_MODEL_PARSER_H

#include "model/expression.h"
#include "model/names.h"

enum { MAX_LAYERS = 10000 }; /* of a network */

struct block {
    const char *word; /* first, for CUPEL_WORDS */
    const struct cupel_yaml_item *params, *layers;
};

struct parser {
    struct cupel_model *model;
    struct cupel_yaml *yaml;
    struct cupel_network *network;
    int layer_room;
    struct block *blocks;
    size_t block_count;
    const char **words; /* of all layers and blocks, for messages */
    size_t word_count;
    struct cupel_error *error;
};

/* The word that repeats layers. */
extern const char repeat_word[];

/* Reads `blocks:` (which may be NULL). */
enum cupel_status blocks_read(struct parser *parser, const struct cupel_yaml_item *blocks);

/* Writes out the use of a block, or of `repeat`, that `word` begins. */
enum cupel_status block_use(struct parser *parser, struct scope *scope, const struct block *block,
                            const struct cupel_yaml_item *word, const struct cupel_yaml_item *values);
enum cupel_status repeat_use(struct parser *parser, struct scope *scope, const struct cupel_yaml_item *word,
                             const struct cupel_yaml_item *values);

/* Reads a list of layers, called `what` in messages. */
enum cupel_status layers_parse(struct parser *parser, struct scope *scope, const struct cupel_yaml_item *list,
                               const char *what);

#endif
