/* Typed reading of a mapping by a table of its keys. One table per kind of mapping says which keys there are,
 * their types, bounds and defaults; it fills a struct, and from it come the messages about unknown keys. */
#ifndef CUPEL_MODEL_FIELDS_H
#define CUPEL_MODEL_FIELDS_H

#include <float.h>
#include <stdint.h>

#include "cupel/tensor.h"
#include "model/yaml.h"

/* Words to choose from: `count` structs of `stride` bytes that each begin with a `const char *`. */
struct cupel_words {
    const void *first;
    size_t count, stride;
};
#define CUPEL_WORDS(array) ((struct cupel_words){array, sizeof(array) / sizeof *(array), sizeof *(array)})

/* The index of `text` among the words, -1 if it is none. */
int cupel_words_find(struct cupel_words words, const char *text);

/* Records "unknown WHAT 'x'; did you mean 'y'? (known: ...)" at the item and returns CUPEL_INVALID. */
#define cupel_words_fail(...) (cupel_words_complain(__VA_ARGS__), CUPEL_INVALID)
void cupel_words_complain(const struct cupel_yaml *yaml, const struct cupel_yaml_item *item,
                          struct cupel_words words, const char *what, struct cupel_error *error);

/* What a field holds in YAML, and the C type at its offset. */
enum cupel_field_type {
    CUPEL_FIELD_INT,     /* int64_t: a whole number */
    CUPEL_FIELD_NUMBER,  /* double: a finite number */
    CUPEL_FIELD_BOOL,    /* bool: true or false */
    CUPEL_FIELD_TEXT,    /* const char *: a text that is not empty */
    CUPEL_FIELD_CHOICE,  /* int: the index of a word in `words` */
    CUPEL_FIELD_PAIR,    /* int64_t[2]: [a, b], or a for [a, a] */
    CUPEL_FIELD_SHAPE,   /* struct cupel_shape: a list of whole numbers, or one for [one] */
    CUPEL_FIELD_NUMBERS, /* struct cupel_numbers: a list of numbers */
    CUPEL_FIELD_ITEM, /* const struct cupel_yaml_item *: anything, for the caller to read; NULL when missing
                       */
};

struct cupel_numbers {
    size_t count;
    const double *values; /* in the tree's heap */
};

struct cupel_field {
    const char *key;
    enum cupel_field_type type;
    size_t offset;
    double low, high;     /* bounds of numbers, also of each in a list; both 0: none */
    const char *fallback; /* the default of a scalar as YAML text, "" for none; NULL: the key must be given */
    struct cupel_words words; /* of a CHOICE */
};

/* A field of `struct struct_name`; choices and shapes of other bounds are written out. */
#define CUPEL_FIELD(struct_name, name, field_type, member, from, to, other)                            \
    {                                                                                                  \
        .key = name, .type = CUPEL_FIELD_##field_type, .offset = offsetof(struct struct_name, member), \
        .low = from, .high = to, .fallback = other                                                     \
    }

/* Bounds that messages call "above 0" and "below 1". */
#define CUPEL_ABOVE_0 DBL_MIN
#define CUPEL_BELOW_1 (1 - DBL_EPSILON / 2)

/* Reads `mapping` into the struct `into`. `mapping` may be NULL or null for "no keys given"; `place` is then
 * where a missing key is reported. `what` names the mapping in messages ("conv", "train"). A missing field
 * with the default "" leaves its bytes as they are. */
enum cupel_status cupel_fields_read(struct cupel_yaml *yaml, const struct cupel_yaml_item *place,
                                    const struct cupel_yaml_item *mapping, const char *what,
                                    const struct cupel_field *fields, size_t count, void *into,
                                    struct cupel_error *error);

/* Reads one value as `field` says, whatever its key. */
enum cupel_status cupel_field_read(struct cupel_yaml *yaml, const struct cupel_yaml_item *item,
                                   const struct cupel_field *field, void *into, struct cupel_error *error);

/* A value that names one of several kinds: a word, or a mapping with that word as its only key and the kind's
 * arguments below it (`relu`, `conv: {out: 6}`). Gives the word's item and the arguments (NULL when there are
 * none). `what` names what is being chosen ("a layer"). */
enum cupel_status cupel_variant_read(struct cupel_yaml *yaml, const struct cupel_yaml_item *item,
                                     const char *what, const struct cupel_yaml_item **word,
                                     const struct cupel_yaml_item **arguments, struct cupel_error *error);

/* One kind that a value can name, and what arguments it takes. */
struct cupel_variant {
    const char *word;
    const struct cupel_field *fields;
    size_t count;
};

/* Reads a value that names one of `variants[0..count)`, and its arguments into `into`; *index says which it
 * is. */
enum cupel_status cupel_variant_fields(struct cupel_yaml *yaml, const struct cupel_yaml_item *item,
                                       const char *what, const struct cupel_variant *variants, size_t count,
                                       int *index, void *into, struct cupel_error *error);

#endif
