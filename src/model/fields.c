/* Values of fields: from YAML to C, with a message for each way to be wrong. */
#include "model/fields.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* "a whole number from 1 to 64", "a number above 0 and below 1", ... */
static void describe_number(const struct cupel_field *field, bool whole, char *text, size_t size) {
    char low[40] = "", high[40] = "";
    bool bound = field->low != 0 || field->high != 0;
    bool least = bound && field->low > -DBL_MAX, most = bound && field->high < DBL_MAX;
    bool open = field->low == CUPEL_ABOVE_0 || field->high == CUPEL_BELOW_1;
    if (field->low == CUPEL_ABOVE_0)
        snprintf(low, sizeof low, " above 0");
    else if (least)
        snprintf(low, sizeof low, " %s %.15g", most && !open ? "from" : "of at least", field->low);
    if (field->high == CUPEL_BELOW_1)
        snprintf(high, sizeof high, " and below 1");
    else if (most)
        snprintf(high, sizeof high, " %s %.15g", least && !open ? "to" : "and of at most", field->high);
    snprintf(text, size, "a %snumber%s%s", whole ? "whole " : "", low, high);
}

static enum cupel_status mismatch(struct cupel_yaml *yaml, const struct cupel_yaml_item *item,
                                  const struct cupel_field *field, const char *wanted,
                                  struct cupel_error *error) {
    char shown[CUPEL_YAML_SHOWN];
    if (item->written) yaml->computed = true;
    return cupel_yaml_fail(yaml, item, error, "'%s' is %s; it must be %s", field->key,
                           cupel_yaml_shown(item, shown, sizeof shown), wanted);
}

static bool in_bounds(const struct cupel_field *field, double value) {
    return (field->low == 0 && field->high == 0) || (value >= field->low && value <= field->high);
}

static enum cupel_status read_int(struct cupel_yaml *yaml, const struct cupel_yaml_item *item,
                                  const struct cupel_field *field, int64_t *value,
                                  struct cupel_error *error) {
    char *end = NULL, wanted[160];
    describe_number(field, true, wanted, sizeof wanted);
    if (item->kind != CUPEL_YAML_SCALAR || item->quoted) return mismatch(yaml, item, field, wanted, error);
    errno = 0;
    long long number = strtoll(item->text, &end, 10);
    if (errno || *end || end == item->text || !in_bounds(field, (double)number))
        return mismatch(yaml, item, field, wanted, error);
    *value = number;
    return CUPEL_OK;
}

static enum cupel_status read_number(struct cupel_yaml *yaml, const struct cupel_yaml_item *item,
                                     const struct cupel_field *field, double *value,
                                     struct cupel_error *error) {
    char *end = NULL, wanted[160];
    describe_number(field, false, wanted, sizeof wanted);
    if (item->kind != CUPEL_YAML_SCALAR || item->quoted) return mismatch(yaml, item, field, wanted, error);
    double number = strtod(item->text, &end);
    if (*end || end == item->text || !isfinite(number) || !in_bounds(field, number))
        return mismatch(yaml, item, field, wanted, error);
    *value = number;
    return CUPEL_OK;
}

static enum cupel_status read_bool(struct cupel_yaml *yaml, const struct cupel_yaml_item *item,
                                   const struct cupel_field *field, bool *value, struct cupel_error *error) {
    bool plain = item->kind == CUPEL_YAML_SCALAR && !item->quoted;
    if (plain && !strcasecmp(item->text, "true"))
        *value = true;
    else if (plain && !strcasecmp(item->text, "false"))
        *value = false;
    else
        return mismatch(yaml, item, field, "true or false", error);
    return CUPEL_OK;
}

/* A list of whole numbers, or one number for a list of one. */
static enum cupel_status read_shape(struct cupel_yaml *yaml, const struct cupel_yaml_item *item,
                                    const struct cupel_field *field, struct cupel_shape *shape,
                                    struct cupel_error *error) {
    *shape = (struct cupel_shape){.rank = 1};
    if (item->kind == CUPEL_YAML_SCALAR) return read_int(yaml, item, field, &shape->dim[0], error);
    char wanted[80];
    snprintf(wanted, sizeof wanted, "a list of 1 to %d whole numbers", CUPEL_MAX_RANK);
    if (item->kind != CUPEL_YAML_SEQUENCE || !item->first) return mismatch(yaml, item, field, wanted, error);
    shape->rank = 0;
    for (const struct cupel_yaml_item *child = item->first; child; child = child->next) {
        if (shape->rank == CUPEL_MAX_RANK) return mismatch(yaml, item, field, wanted, error);
        CUPEL_TRY(read_int(yaml, child, field, &shape->dim[shape->rank++], error));
    }
    return CUPEL_OK;
}

static enum cupel_status read_pair(struct cupel_yaml *yaml, const struct cupel_yaml_item *item,
                                   const struct cupel_field *field, int64_t *pair,
                                   struct cupel_error *error) {
    struct cupel_shape list;
    CUPEL_TRY(read_shape(yaml, item, field, &list, error));
    bool two = item->kind == CUPEL_YAML_SEQUENCE;
    if (two && list.rank != 2)
        return mismatch(yaml, item, field, "one whole number, or two: [down, across]", error);
    pair[0] = list.dim[0];
    pair[1] = list.dim[two];
    return CUPEL_OK;
}

static enum cupel_status read_numbers(struct cupel_yaml *yaml, const struct cupel_yaml_item *item,
                                      const struct cupel_field *field, struct cupel_numbers *numbers,
                                      struct cupel_error *error) {
    if (item->kind != CUPEL_YAML_SEQUENCE || !item->first)
        return mismatch(yaml, item, field, "a list of numbers, such as [0.5, 0.5]", error);
    size_t count = 0;
    for (const struct cupel_yaml_item *child = item->first; child; child = child->next) count++;
    double *values = cupel_heap_alloc(&yaml->heap, count, sizeof *values);
    if (!values) return cupel_yaml_no_memory(yaml, error);
    *numbers = (struct cupel_numbers){count, values};
    for (const struct cupel_yaml_item *child = item->first; child; child = child->next)
        CUPEL_TRY(read_number(yaml, child, field, values++, error));
    return CUPEL_OK;
}

static enum cupel_status read_choice(struct cupel_yaml *yaml, const struct cupel_yaml_item *item,
                                     const struct cupel_field *field, int *value, struct cupel_error *error) {
    if (item->kind != CUPEL_YAML_SCALAR) return mismatch(yaml, item, field, "one word", error);
    *value = cupel_words_find(field->words, item->text);
    return *value >= 0 ? CUPEL_OK : cupel_words_fail(yaml, item, field->words, field->key, error);
}

enum cupel_status cupel_field_read(struct cupel_yaml *yaml, const struct cupel_yaml_item *item,
                                   const struct cupel_field *field, void *into, struct cupel_error *error) {
    void *at = (char *)into + field->offset;
    switch (field->type) {
    case CUPEL_FIELD_INT:
        return read_int(yaml, item, field, at, error);
    case CUPEL_FIELD_NUMBER:
        return read_number(yaml, item, field, at, error);
    case CUPEL_FIELD_BOOL:
        return read_bool(yaml, item, field, at, error);
    case CUPEL_FIELD_CHOICE:
        return read_choice(yaml, item, field, at, error);
    case CUPEL_FIELD_PAIR:
        return read_pair(yaml, item, field, at, error);
    case CUPEL_FIELD_SHAPE:
        return read_shape(yaml, item, field, at, error);
    case CUPEL_FIELD_NUMBERS:
        return read_numbers(yaml, item, field, at, error);
    case CUPEL_FIELD_ITEM:
        *(const struct cupel_yaml_item **)at = item;
        return CUPEL_OK;
    case CUPEL_FIELD_TEXT:
        break;
    }
    if (item->kind != CUPEL_YAML_SCALAR || !*item->text) return mismatch(yaml, item, field, "a text", error);
    *(const char **)at = item->text;
    return CUPEL_OK;
}

enum cupel_status cupel_fields_read(struct cupel_yaml *yaml, const struct cupel_yaml_item *place,
                                    const struct cupel_yaml_item *mapping, const char *what,
                                    const struct cupel_field *fields, size_t count, void *into,
                                    struct cupel_error *error) {
    if (mapping && mapping->kind == CUPEL_YAML_NULL) mapping = NULL;
    char text[CUPEL_YAML_SHOWN];
    if (mapping && mapping->kind != CUPEL_YAML_MAPPING)
        return cupel_yaml_fail(yaml, mapping, error, "%s is %s; it must be a mapping of keys, {key: value}",
                               what, cupel_yaml_shown(mapping, text, sizeof text));
    struct cupel_words keys = {fields, count, sizeof *fields};
    snprintf(text, sizeof text, "key of %s", what);
    for (const struct cupel_yaml_item *item = mapping ? mapping->first : NULL; item; item = item->next) {
        int index = cupel_words_find(keys, item->key->text);
        if (index < 0) return cupel_words_fail(yaml, item->key, keys, text, error);
        CUPEL_TRY(cupel_field_read(yaml, item, &fields[index], into, error));
    }
    for (size_t i = 0; i < count; i++) {
        const struct cupel_field *field = &fields[i];
        if (cupel_yaml_find(mapping, field->key)) continue;
        if (!field->fallback)
            return cupel_yaml_fail(yaml, place, error, "%s needs the key '%s'; add `%s: ...` to it", what,
                                   field->key, field->key);
        struct cupel_yaml_item value = {.kind = CUPEL_YAML_SCALAR, .text = field->fallback};
        if (*field->fallback) CUPEL_TRY(cupel_field_read(yaml, &value, field, into, error));
    }
    return CUPEL_OK;
}

enum cupel_status cupel_variant_read(struct cupel_yaml *yaml, const struct cupel_yaml_item *item,
                                     const char *what, const struct cupel_yaml_item **word,
                                     const struct cupel_yaml_item **arguments, struct cupel_error *error) {
    bool mapping = item->kind == CUPEL_YAML_MAPPING && item->first;
    char shown[CUPEL_YAML_SHOWN], beside[CUPEL_YAML_SHOWN];
    if (mapping && item->first->next)
        return cupel_yaml_fail(yaml, item->first->next->key, error,
                               "%s is one word with its arguments below it, but %s stands beside %s; "
                               "indent it, put it in the braces, or remove it",
                               what, cupel_yaml_shown(item->first->next->key, shown, sizeof shown),
                               cupel_yaml_shown(item->first->key, beside, sizeof beside));
    if (!mapping && item->kind != CUPEL_YAML_SCALAR)
        return cupel_yaml_fail(yaml, item, error, "%s is %s; write a word, or word: {arguments}", what,
                               cupel_yaml_shown(item, shown, sizeof shown));
    *word = mapping ? item->first->key : item;
    *arguments = mapping && item->first->kind != CUPEL_YAML_NULL ? item->first : NULL;
    return CUPEL_OK;
}

enum cupel_status cupel_variant_fields(struct cupel_yaml *yaml, const struct cupel_yaml_item *item,
                                       const char *what, const struct cupel_variant *variants, size_t count,
                                       int *index, void *into, struct cupel_error *error) {
    const struct cupel_yaml_item *word, *arguments;
    CUPEL_TRY(cupel_variant_read(yaml, item, what, &word, &arguments, error));
    struct cupel_words words = {variants, count, sizeof *variants};
    *index = cupel_words_find(words, word->text);
    if (*index < 0) return cupel_words_fail(yaml, word, words, what, error);
    const struct cupel_variant *variant = &variants[*index];
    return cupel_fields_read(yaml, word, arguments, variant->word, variant->fields, variant->count, into,
                             error);
}
