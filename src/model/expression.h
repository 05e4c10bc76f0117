/* Names and expressions in model files: `$width`, `$(width * image_size / 2^(i + 4))`.
 *
 * A plain scalar that begins with `$` holds an expression, as does `$(...)` further on in one, which is then part of the text: numbers, names, + - * / ^, parentheses, log2(x),
 * min(a, b) and max(a, b); between the two a semicolon does as well, because a comma ends a scalar inside {}
 * and []. */
#ifndef CUPEL_MODEL_EXPRESSION_H
#define CUPEL_MODEL_EXPRESSION_H

#include "model/yaml.h"

/* What a name stands for. The newest of a chain comes first and hides others of its name. */
struct binding {
    const char *name;
    const struct cupel_yaml_item *item; /* any value, which takes the place of `$name`; NULL: the number */
    double number;
    const struct binding *outer;
};

/* `outer` with one name more; NULL when there is no memory. */
const struct binding *binding_add(struct cupel_yaml *yaml, const struct binding *outer, const char *name,
                                  const struct cupel_yaml_item *item, double number);

/* A copy of the item in which every expression is replaced by its value; all of it remembers `use`, unless
 * NULL, as the place where its block is used. The layers of `repeat` stay as they are written, for whoever
 * counts the rounds. A value that a name stands for keeps its own place, because that is what would have to
 * change. */
enum cupel_status expression_expand(struct cupel_yaml *yaml, const struct cupel_yaml_item *item,
                                    const struct binding *bindings, const struct cupel_yaml_item *use,
                                    struct cupel_yaml_item **copy, struct cupel_error *error);

#endif
