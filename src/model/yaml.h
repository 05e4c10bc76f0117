/* YAML text as a tree in which every item knows where it stands, so that any later complaint can name the
 * place and quote the line. Read with libyaml's events; aliases, anchors and tags are refused, because a
 * model file needs none of them (blocks do their work) and they let a small file grow without bound. */
#ifndef CUPEL_MODEL_YAML_H
#define CUPEL_MODEL_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include "base/heap.h"
#include "cupel/status.h"

enum {
    CUPEL_YAML_MAX_BYTES = 1 << 20,
    CUPEL_YAML_MAX_DEPTH = 32,
    CUPEL_YAML_MAX_ITEMS = 50000, /* of the file, the overrides and the expansion of blocks together */
};

enum cupel_yaml_kind { CUPEL_YAML_NULL, CUPEL_YAML_SCALAR, CUPEL_YAML_SEQUENCE, CUPEL_YAML_MAPPING };

struct cupel_yaml_item {
    enum cupel_yaml_kind kind;
    bool quoted;                       /* a scalar in quotes is a string, whatever it looks like */
    int line, column;                  /* from 1, columns in characters */
    const char *setting;               /* the override this was written in, such as "a.b=3"; NULL: the file */
    const struct cupel_yaml_item *use; /* where the block that this stands in is used; NULL: in no block */
    const char *text;                  /* of a scalar */
    const char *written;               /* the expression that the text is the value of; NULL: none */
    const struct cupel_yaml_item *key; /* a scalar, for an item of a mapping */
    struct cupel_yaml_item *first,
        *next; /* the first child of a collection; the next one of the same parent */
};

struct cupel_yaml {
    struct cupel_heap heap; /* holds everything below */
    const char *name;       /* the file's name in messages */
    const char *text;
    size_t length;
    size_t items;
    bool computed; /* what was complained about is the value of an expression */
    struct cupel_yaml_item *root;
};

/* Reads a file. CUPEL_INVALID when it cannot be opened, is no YAML, holds a duplicate key or passes a limit.
 * On failure too the caller ends with cupel_yaml_free. `yaml` starts zero-initialised. */
enum cupel_status cupel_yaml_read_file(struct cupel_yaml *yaml, const char *path, struct cupel_error *error);

/* The same from `length` bytes of memory, which are copied; `name` stands for the file in messages. */
enum cupel_status cupel_yaml_read_text(struct cupel_yaml *yaml, const char *name, const char *text,
                                       size_t length, struct cupel_error *error);

void cupel_yaml_free(struct cupel_yaml *yaml);

/* Applies an override such as "train.optimizer.adam.lr=0.01": keys joined by dots, then a YAML value.
 * Mappings on the way are made where they are missing, and a scalar that equals the next key (`optimizer:
 * adam`) becomes a mapping of it, so that whoever knows the keys refuses a wrong one at the place of the
 * override. */
enum cupel_status cupel_yaml_override(struct cupel_yaml *yaml, const char *setting,
                                      struct cupel_error *error);

/* A new item at the place of `like`, counted against CUPEL_YAML_MAX_ITEMS. */
enum cupel_status cupel_yaml_new(struct cupel_yaml *yaml, const struct cupel_yaml_item *like,
                                 struct cupel_yaml_item **item, struct cupel_error *error);

/* The item under a key of a mapping; NULL when it is missing or `mapping` is none. */
struct cupel_yaml_item *cupel_yaml_find(const struct cupel_yaml_item *mapping, const char *key);

/* Whether the item is a scalar with just this text. */
bool cupel_yaml_is(const struct cupel_yaml_item *item, const char *text);

/* Records CUPEL_INVALID with the item's place, the message, the line and a caret below it, and returns it:
 *     FILE:LINE:COL: what is wrong; what to do
 *         the line
 *         ^
 * An item that an override wrote is shown as `--set a.b=3: ...`; one inside a block names the block's use
 * too. */
#define cupel_yaml_fail(...) (cupel_yaml_complain(__VA_ARGS__), CUPEL_INVALID)
void cupel_yaml_complain(const struct cupel_yaml *yaml, const struct cupel_yaml_item *item,
                         struct cupel_error *error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Records and returns CUPEL_NOMEM. Like the one above a constant, so that static analysis can follow it. */
#define cupel_yaml_no_memory(yaml, error) \
    (cupel_fail(error, CUPEL_NOMEM, "%s: out of memory while reading", (yaml)->name), CUPEL_NOMEM)

/* An item as messages show it: a short scalar in quotes, an expression with its value, otherwise its kind.
 * Returns `text`. */
char *cupel_yaml_shown(const struct cupel_yaml_item *item, char *text, size_t size);

/* Enough for cupel_yaml_shown. */
enum { CUPEL_YAML_SHOWN = 96 };

#endif
