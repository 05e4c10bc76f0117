/* Names of layers: made, checked and found.
 *
 * A layer without `name` is called after its word and its place among the layers of that word in the same
 * list, named ones counted: the second conv is conv2. Layers of a block are called BLOCK.LAYER, where BLOCK
 * is the name of the block's use, made in the same way. `from` finds the names before it in the same list,
 * `input`, the list's own input, and `label`, the class labels. */
#ifndef CUPEL_MODEL_NAMES_H
#define CUPEL_MODEL_NAMES_H

#include "model/model.h"

/* A name in a list of layers: a layer's, or a block's, which stands for its last layer. */
struct name {
    const char *text, *word;
    int layer;
    const struct cupel_yaml_item *item;
    struct name *next;
};

/* What is known while one list of layers is read. */
struct scope {
    const struct scope *outer;
    const struct block *block;         /* whose list this is; NULL: the network's own, or a repeated one */
    const struct cupel_yaml_item *use; /* the word that uses the block; NULL: in none */
    const struct binding *bindings;    /* what names stand for in expressions */
    const char *prefix;                /* of its layers' names: "" or "res1." */
    int input, previous;               /* layers, NETWORK_INPUT or NETWORK_LABEL */
    struct name *names;                /* newest first */
};

/* CUPEL_INVALID unless the name of a network or block begins with a letter, is made of letters, digits, _ and -, and is neither
 * "input" nor "label". */
enum cupel_status word_check(struct cupel_yaml *yaml, const struct cupel_yaml_item *item,
                             struct cupel_error *error);

/* Enters the layer or block that `word` begins into the scope, under its given name (NULL: a made one), whose parts of letters,
 * digits, _ and - may be joined by dots. */
enum cupel_status name_add(struct cupel_yaml *yaml, struct scope *scope, const struct cupel_yaml_item *word,
                           const struct cupel_yaml_item *given, struct name **name,
                           struct cupel_error *error);

/* The layers that a `from` (NULL: none) says, for the layer or block `self` that takes `least` inputs to `most`, INT_MAX for any
 * number. */
enum cupel_status name_inputs(struct cupel_yaml *yaml, const struct scope *scope, const struct name *self,
                              const struct cupel_yaml_item *from, int least, int most, int **inputs,
                              int *count, struct cupel_error *error);

#endif
