/* Patterns of parameters' names: what they stand for, what of the model they choose. */
#ifndef CUPEL_MODEL_GROUPS_H
#define CUPEL_MODEL_GROUPS_H

#include "model/model.h"

/* Writes what a pattern that matches nothing may have meant, as "; did you mean 'net.fc.*'?", or "". Returns `text`. */
const char *pattern_suggest(const struct cupel_model *model, const char *pattern, char *text, size_t size);

#endif
