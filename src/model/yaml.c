/* Reading: libyaml's events to a tree, and overrides of parts of it. */
#include "model/yaml.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

struct reader {
    yaml_parser_t parser;
    struct cupel_yaml *yaml;
    const char *text;
    size_t length;
    const char *setting;
    struct cupel_error *error;
};

struct cupel_yaml_item *cupel_yaml_find(const struct cupel_yaml_item *mapping, const char *key) {
    if (!mapping || mapping->kind != CUPEL_YAML_MAPPING) return NULL;
    struct cupel_yaml_item *item = mapping->first;
    while (item && strcmp(item->key->text, key) != 0) item = item->next;
    return item;
}

bool cupel_yaml_is(const struct cupel_yaml_item *item, const char *text) {
    return item && item->kind == CUPEL_YAML_SCALAR && strcmp(item->text, text) == 0;
}

enum cupel_status cupel_yaml_new(struct cupel_yaml *yaml, const struct cupel_yaml_item *like,
                                 struct cupel_yaml_item **item, struct cupel_error *error) {
    if (yaml->items >= CUPEL_YAML_MAX_ITEMS)
        return cupel_yaml_fail(yaml, like, error,
                               "the model has more than %d items, blocks written out; make it smaller",
                               CUPEL_YAML_MAX_ITEMS);
    *item = cupel_heap_alloc(&yaml->heap, 1, sizeof **item);
    if (!*item) return cupel_yaml_no_memory(yaml, error);
    yaml->items++;
    **item = *like;
    (*item)->key = NULL;
    (*item)->next = NULL;
    return CUPEL_OK;
}

/* The place of a mark, as a bare item. */
static struct cupel_yaml_item at(const struct reader *reader, yaml_mark_t mark) {
    return (struct cupel_yaml_item){
        .line = (int)mark.line + 1, .column = (int)mark.column + 1, .setting = reader->setting};
}

/* libyaml gives only a byte offset for text that is not UTF-8 or holds control characters. */
static struct cupel_yaml_item at_offset(const struct reader *reader, size_t offset) {
    struct cupel_yaml_item place = {.line = 1, .column = 1, .setting = reader->setting};
    for (size_t i = 0; i < offset && i < reader->length; i++) {
        if (reader->text[i] == '\n') {
            place.line++;
            place.column = 1;
        } else if (((unsigned char)reader->text[i] & 0xC0) != 0x80) {
            place.column++;
        }
    }
    return place;
}

static enum cupel_status next_event(struct reader *reader, yaml_event_t *event) {
    yaml_parser_t *parser = &reader->parser;
    if (yaml_parser_parse(parser, event)) return CUPEL_OK;
    if (parser->error == YAML_MEMORY_ERROR) return cupel_yaml_no_memory(reader->yaml, reader->error);
    if (parser->error == YAML_READER_ERROR) {
        struct cupel_yaml_item place = at_offset(reader, parser->problem_offset);
        return cupel_yaml_fail(reader->yaml, &place, reader->error,
                               "this is no text: %s; save the file as plain UTF-8", parser->problem);
    }
    struct cupel_yaml_item place = at(reader, parser->problem_mark);
    const char *context = parser->context ? parser->context : "while reading";
    return cupel_yaml_fail(reader->yaml, &place, reader->error, "bad YAML: %s %s (from line %d); %s",
                           parser->problem, context, (int)parser->context_mark.line + 1,
                           strstr(context, "alias") ? "put a text that begins with * in quotes"
                                                    : "check brackets, colons and indentation there");
}

static bool is_null_text(const char *text) {
    return !*text || !strcmp(text, "~") || !strcasecmp(text, "null");
}

static enum cupel_status read_value(struct reader *reader, yaml_event_t *event, int depth,
                                    struct cupel_yaml_item **item);

static enum cupel_status read_scalar(struct reader *reader, const yaml_event_t *event,
                                     struct cupel_yaml_item *item) {
    const char *text = (const char *)event->data.scalar.value;
    if (event->data.scalar.length != strlen(text))
        return cupel_yaml_fail(reader->yaml, item, reader->error, "a text holds a NUL character; remove it");
    item->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    item->kind = !item->quoted && is_null_text(text) ? CUPEL_YAML_NULL : CUPEL_YAML_SCALAR;
    item->text = cupel_heap_text(&reader->yaml->heap, "%s", text);
    return item->text ? CUPEL_OK : cupel_yaml_no_memory(reader->yaml, reader->error);
}

static enum cupel_status check_key(struct reader *reader, const struct cupel_yaml_item *mapping,
                                   const struct cupel_yaml_item *key) {
    if (key->kind != CUPEL_YAML_SCALAR)
        return cupel_yaml_fail(reader->yaml, key, reader->error, "a key must be a word; write `key: value`");
    const struct cupel_yaml_item *twin = cupel_yaml_find(mapping, key->text);
    char shown[CUPEL_YAML_SHOWN];
    if (twin)
        return cupel_yaml_fail(reader->yaml, key, reader->error,
                               "the key %s stands here twice, first at line %d; keep one",
                               cupel_yaml_shown(key, shown, sizeof shown), twin->key->line);
    return CUPEL_OK;
}

static enum cupel_status read_children(struct reader *reader, yaml_event_type_t end, int depth,
                                       struct cupel_yaml_item *parent) {
    for (struct cupel_yaml_item **last = &parent->first;; last = &(*last)->next) {
        yaml_event_t event;
        CUPEL_TRY(next_event(reader, &event));
        if (event.type == end) {
            yaml_event_delete(&event);
            return CUPEL_OK;
        }
        struct cupel_yaml_item *key = NULL, *value = NULL;
        if (parent->kind == CUPEL_YAML_MAPPING) {
            CUPEL_TRY(read_value(reader, &event, depth, &key));
            CUPEL_TRY(check_key(reader, parent, key));
            CUPEL_TRY(next_event(reader, &event));
        }
        CUPEL_TRY(read_value(reader, &event, depth, &value));
        value->key = key;
        *last = value;
    }
}

/* Whether a value begins here that has neither anchor nor tag and is no alias. */
static bool is_plain(const yaml_event_t *event) {
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return !event->data.scalar.anchor && !event->data.scalar.tag;
    case YAML_SEQUENCE_START_EVENT:
        return !event->data.sequence_start.anchor && !event->data.sequence_start.tag;
    case YAML_MAPPING_START_EVENT:
        return !event->data.mapping_start.anchor && !event->data.mapping_start.tag;
    default:
        return false;
    }
}

/* Reads the value that begins with `event`, and deletes the event. */
static enum cupel_status read_value(struct reader *reader, yaml_event_t *event, int depth,
                                    struct cupel_yaml_item **item) {
    struct cupel_yaml_item place = at(reader, event->start_mark);
    enum cupel_status status = CUPEL_OK;
    if (!is_plain(event))
        status = cupel_yaml_fail(reader->yaml, &place, reader->error,
                                 "anchors, aliases and tags (& * !) are not read here; write the value out, "
                                 "quote it, or use `blocks:` for layers that repeat");
    else if (depth >= CUPEL_YAML_MAX_DEPTH)
        status = cupel_yaml_fail(reader->yaml, &place, reader->error,
                                 "this is nested more than %d deep; flatten it", CUPEL_YAML_MAX_DEPTH);
    else
        status = cupel_yaml_new(reader->yaml, &place, item, reader->error);
    yaml_event_type_t type = event->type;
    if (status == CUPEL_OK && type == YAML_SCALAR_EVENT) status = read_scalar(reader, event, *item);
    yaml_event_delete(event);
    if (status != CUPEL_OK || type == YAML_SCALAR_EVENT) return status;
    bool mapping = type == YAML_MAPPING_START_EVENT;
    (*item)->kind = mapping ? CUPEL_YAML_MAPPING : CUPEL_YAML_SEQUENCE;
    return read_children(reader, mapping ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT, depth + 1,
                         *item);
}

/* Reads the one document of a text; *root stays NULL when there is none. */
static enum cupel_status read_document(struct reader *reader, struct cupel_yaml_item **root) {
    for (;;) {
        yaml_event_t event;
        CUPEL_TRY(next_event(reader, &event));
        yaml_event_type_t type = event.type;
        struct cupel_yaml_item place = at(reader, event.start_mark);
        if (type == YAML_STREAM_START_EVENT || type == YAML_DOCUMENT_END_EVENT ||
            (type == YAML_DOCUMENT_START_EVENT && !*root)) {
            yaml_event_delete(&event);
        } else if (type == YAML_STREAM_END_EVENT) {
            yaml_event_delete(&event);
            return CUPEL_OK;
        } else if (*root) {
            yaml_event_delete(&event);
            return cupel_yaml_fail(reader->yaml, &place, reader->error,
                                   "a second document begins here; keep one experiment per file");
        } else {
            CUPEL_TRY(read_value(reader, &event, 0, root));
        }
    }
}

static enum cupel_status read_yaml(struct cupel_yaml *yaml, const char *setting, const char *text,
                                   size_t length, struct cupel_yaml_item **root, struct cupel_error *error) {
    struct reader reader = {.yaml = yaml, .text = text, .length = length, .setting = setting, .error = error};
    if (!yaml_parser_initialize(&reader.parser)) return cupel_yaml_no_memory(yaml, error);
    yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text, length);
    *root = NULL;
    enum cupel_status status = read_document(&reader, root);
    yaml_parser_delete(&reader.parser);
    return status;
}

enum cupel_status cupel_yaml_read_text(struct cupel_yaml *yaml, const char *name, const char *text,
                                       size_t length, struct cupel_error *error) {
    static const char byte_order_mark[] = "\xEF\xBB\xBF";
    if (length >= 3 && memcmp(text, byte_order_mark, 3) == 0) {
        text += 3;
        length -= 3;
    }
    yaml->name = cupel_heap_text(&yaml->heap, "%s", name);
    char *copy = cupel_heap_alloc(&yaml->heap, length + 1, 1);
    if (!yaml->name || !copy) return cupel_fail(error, CUPEL_NOMEM, "%s: out of memory while reading", name);
    memcpy(copy, text, length);
    yaml->text = copy;
    yaml->length = length;
    if (length > CUPEL_YAML_MAX_BYTES)
        return cupel_fail(error, CUPEL_INVALID, "%s: larger than %d bytes; is it a model file?", name,
                          CUPEL_YAML_MAX_BYTES);
    CUPEL_TRY(read_yaml(yaml, NULL, yaml->text, length, &yaml->root, error));
    struct cupel_yaml_item start = {.line = 1, .column = 1};
    if (!yaml->root || yaml->root->kind != CUPEL_YAML_MAPPING)
        return cupel_yaml_fail(yaml, yaml->root ? yaml->root : &start, error,
                               "this is no model; begin with keys such as `task: classify`");
    return CUPEL_OK;
}

enum cupel_status cupel_yaml_read_file(struct cupel_yaml *yaml, const char *path, struct cupel_error *error) {
    FILE *file = fopen(path, "rb");
    if (!file)
        return cupel_fail(error, CUPEL_INVALID, "%s: cannot open it: %s; check the path", path,
                          strerror(errno));
    char *text = cupel_heap_alloc(&yaml->heap, CUPEL_YAML_MAX_BYTES + 1, 1);
    size_t length = text ? fread(text, 1, CUPEL_YAML_MAX_BYTES + 1, file) : 0;
    int problem = ferror(file) ? errno : 0;
    fclose(file);
    if (!text) return cupel_fail(error, CUPEL_NOMEM, "%s: out of memory while reading", path);
    if (problem) return cupel_fail(error, CUPEL_INVALID, "%s: cannot read it: %s", path, strerror(problem));
    return cupel_yaml_read_text(yaml, path, text, length, error);
}

void cupel_yaml_free(struct cupel_yaml *yaml) {
    cupel_heap_free(&yaml->heap);
    *yaml = (struct cupel_yaml){0};
}

/* The child of `mapping` under the key of `length` bytes, made (as null) if it is missing. */
static enum cupel_status enter(struct cupel_yaml *yaml, struct cupel_yaml_item *mapping, const char *key,
                               size_t length, const struct cupel_yaml_item *place,
                               struct cupel_yaml_item **child, struct cupel_error *error) {
    const char *text = cupel_heap_text(&yaml->heap, "%.*s", (int)length, key);
    if (!text) return cupel_yaml_no_memory(yaml, error);
    char shown[CUPEL_YAML_SHOWN];
    if (mapping->kind == CUPEL_YAML_SEQUENCE ||
        (mapping->kind == CUPEL_YAML_SCALAR && !cupel_yaml_is(mapping, text)))
        return cupel_yaml_fail(yaml, place, error,
                               "there is no '%s' to set in %s; only values under keys can be set", text,
                               cupel_yaml_shown(mapping, shown, sizeof shown));
    if (mapping->kind != CUPEL_YAML_MAPPING) mapping->first = NULL;
    mapping->kind = CUPEL_YAML_MAPPING;
    *child = cupel_yaml_find(mapping, text);
    if (*child) return CUPEL_OK;
    struct cupel_yaml_item *name;
    CUPEL_TRY(cupel_yaml_new(yaml, place, &name, error));
    CUPEL_TRY(cupel_yaml_new(yaml, place, child, error));
    name->kind = CUPEL_YAML_SCALAR;
    name->text = text;
    (*child)->key = name;
    struct cupel_yaml_item **last = &mapping->first;
    while (*last) last = &(*last)->next;
    *last = *child;
    return CUPEL_OK;
}

enum cupel_status cupel_yaml_override(struct cupel_yaml *yaml, const char *setting,
                                      struct cupel_error *error) {
    const char *value_text = strchr(setting, '=');
    struct cupel_yaml_item place = {.line = 1, .column = 1};
    place.setting = cupel_heap_text(&yaml->heap, "%s", setting);
    if (!place.setting) return cupel_yaml_no_memory(yaml, error);
    if (!value_text || value_text == setting)
        return cupel_yaml_fail(yaml, &place, error,
                               "this is no setting; write key=value, as in train.epochs=3");
    struct cupel_yaml_item *target = yaml->root;
    for (const char *key = setting;; key++) {
        size_t length = strcspn(key, ".=");
        if (!length)
            return cupel_yaml_fail(yaml, &place, error,
                                   "a key is missing before or after a dot; write train.epochs=3");
        CUPEL_TRY(enter(yaml, target, key, length, &place, &target, error));
        key += length;
        if (*key == '=') break;
    }
    struct cupel_yaml_item *value;
    CUPEL_TRY(read_yaml(yaml, place.setting, value_text + 1, strlen(value_text + 1), &value, error));
    if (!value) CUPEL_TRY(cupel_yaml_new(yaml, &place, &value, error));
    value->key = target->key;
    value->next = target->next;
    *target = *value;
    return CUPEL_OK;
}
