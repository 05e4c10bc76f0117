/* Expressions: evaluated by recursive descent while a tree is copied. */
#include "model/expression.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "model/fields.h"

enum { MAX_NESTING = 64, MAX_ARGUMENTS = 2 };

struct evaluation {
    struct cupel_yaml *yaml;
    const struct cupel_yaml_item *item; /* the scalar */
    const struct binding *bindings;
    const char *at; /* what is read next */
    int nesting;
    struct cupel_error *error;
};

static double two_logarithm(const double *x) {
    return log2(x[0]);
}
static double smaller(const double *x) {
    return x[0] < x[1] ? x[0] : x[1];
}
static double larger(const double *x) {
    return x[0] > x[1] ? x[0] : x[1];
}

static const struct function {
    const char *word;
    int arguments;
    double (*value)(const double *x);
} functions[] = {{"log2", 1, two_logarithm}, {"min", 2, smaller}, {"max", 2, larger}};

const struct binding *binding_add(struct cupel_yaml *yaml, const struct binding *outer, const char *name,
                                  const struct cupel_yaml_item *item, double number) {
    struct binding *made = cupel_heap_alloc(&yaml->heap, 1, sizeof *made);
    if (made) *made = (struct binding){name, item, number, outer};
    return made;
}

static const struct binding *find(const struct binding *bindings, const char *name) {
    while (bindings && strcmp(bindings->name, name) != 0) bindings = bindings->outer;
    return bindings;
}

/* ---- complaints ---- */

static enum cupel_status wrong(struct evaluation *e, const char *what) {
    char shown[CUPEL_YAML_SHOWN];
    return cupel_yaml_fail(e->yaml, e->item, e->error, "the expression %s %s",
                           cupel_yaml_shown(e->item, shown, sizeof shown), what);
}

/* "has ')' where ... must stand" */
static enum cupel_status misplaced(struct evaluation *e, const char *wanted) {
    char found[20] = "its end", what[160];
    if (*e->at) snprintf(found, sizeof found, isprint((unsigned char)*e->at) ? "'%c'" : "something", *e->at);
    snprintf(what, sizeof what, "has %s where %s must stand", found, wanted);
    return wrong(e, what);
}

static enum cupel_status unknown_name(struct evaluation *e, const char *name) {
    struct cupel_yaml_item place = *e->item;
    place.text = name;
    size_t count = 0;
    for (const struct binding *b = e->bindings; b; b = b->outer) count++;
    const char **known = cupel_heap_alloc(&e->yaml->heap, count + 1, sizeof *known);
    if (!known) return cupel_yaml_no_memory(e->yaml, e->error);
    count = 0;
    for (const struct binding *b = e->bindings; b; b = b->outer) {
        struct cupel_words before = {known, count, sizeof *known};
        if (cupel_words_find(before, b->name) < 0) known[count++] = b->name;
    }
    return cupel_words_fail(e->yaml, &place, (struct cupel_words){known, count, sizeof *known}, "name",
                            e->error);
}

/* ---- the grammar, from the inside out ---- */

static enum cupel_status read_sum(struct evaluation *e, double *value);

static void skip_blanks(struct evaluation *e) {
    while (isspace((unsigned char)*e->at)) e->at++;
}

/* Whether the next character, blanks skipped, is one of `set`; then it is read and left in *found. */
static bool accept(struct evaluation *e, const char *set, char *found) {
    skip_blanks(e);
    if (!*e->at || !strchr(set, *e->at)) return false;
    *found = *e->at++;
    return true;
}

static enum cupel_status check_finite(struct evaluation *e, double value) {
    if (isfinite(value)) return CUPEL_OK;
    e->yaml->computed = true;
    return wrong(e, "has no finite value");
}

static enum cupel_status read_call(struct evaluation *e, const char *name, double *value) {
    int index = cupel_words_find(CUPEL_WORDS(functions), name);
    struct cupel_yaml_item place = *e->item;
    place.text = name;
    if (index < 0) return cupel_words_fail(e->yaml, &place, CUPEL_WORDS(functions), "function", e->error);
    const struct function *function = &functions[index];
    double arguments[MAX_ARGUMENTS];
    char found;
    for (int i = 0; i < function->arguments; i++) {
        if (i && !accept(e, ",;", &found))
            return misplaced(e, "',' and another argument (';' inside {} and [], where ',' ends a value)");
        CUPEL_TRY(read_sum(e, &arguments[i]));
    }
    if (!accept(e, ")", &found)) return misplaced(e, "')'");
    *value = function->value(arguments);
    return check_finite(e, *value);
}

static enum cupel_status read_name(struct evaluation *e, double *value) {
    size_t length = 0;
    while (isalnum((unsigned char)e->at[length]) || e->at[length] == '_') length++;
    const char *name = cupel_heap_text(&e->yaml->heap, "%.*s", (int)length, e->at);
    if (!name) return cupel_yaml_no_memory(e->yaml, e->error);
    char found;
    e->at += length;
    if (accept(e, "(", &found)) return read_call(e, name, value);
    const struct binding *binding = find(e->bindings, name);
    if (!binding) return unknown_name(e, name);
    *value = binding->number;
    if (!binding->item) return CUPEL_OK;
    const struct cupel_field field = {.key = name, .type = CUPEL_FIELD_NUMBER};
    return cupel_field_read(e->yaml, binding->item, &field, value, e->error);
}

static enum cupel_status read_atom(struct evaluation *e, double *value) {
    char found;
    if (accept(e, "(", &found)) {
        CUPEL_TRY(read_sum(e, value));
        return accept(e, ")", &found) ? CUPEL_OK : misplaced(e, "')'");
    }
    if (isalpha((unsigned char)*e->at) || *e->at == '_') return read_name(e, value);
    char *end = NULL;
    if (isdigit((unsigned char)*e->at) || *e->at == '.') *value = strtod(e->at, &end);
    if (!end || end == e->at) return misplaced(e, "a number, a name or '('");
    e->at = end;
    return CUPEL_OK;
}

/* A sign binds less than ^, as on paper: -2^2 is -4. Every way to nest passes here. */
static enum cupel_status read_power(struct evaluation *e, double *value) {
    char found;
    double exponent;
    if (++e->nesting > MAX_NESTING) return wrong(e, "is nested too deep; make it simpler");
    if (accept(e, "-", &found)) {
        CUPEL_TRY(read_power(e, value));
        *value = -*value;
    } else {
        CUPEL_TRY(read_atom(e, value));
        if (accept(e, "^", &found)) {
            CUPEL_TRY(read_power(e, &exponent));
            *value = pow(*value, exponent);
        }
    }
    e->nesting--;
    return check_finite(e, *value);
}

static enum cupel_status read_product(struct evaluation *e, double *value) {
    char found;
    double factor;
    CUPEL_TRY(read_power(e, value));
    while (accept(e, "*/", &found)) {
        CUPEL_TRY(read_power(e, &factor));
        if (found == '/' && factor == 0) {
            e->yaml->computed = true;
            return wrong(e, "divides by zero");
        }
        *value = found == '/' ? *value / factor : *value * factor;
    }
    return check_finite(e, *value);
}

static enum cupel_status read_sum(struct evaluation *e, double *value) {
    char found;
    double term;
    CUPEL_TRY(read_product(e, value));
    while (accept(e, "+-", &found)) {
        CUPEL_TRY(read_product(e, &term));
        *value += found == '-' ? -term : term;
    }
    return check_finite(e, *value);
}

/* ---- copies ---- */

/* The shortest text that reads as the number, whole ones without an exponent. */
static const char *number_text(struct cupel_yaml *yaml, double value) {
    char text[40];
    int digits = 15;
    if (value == floor(value) && fabs(value) < 0x1p53)
        return cupel_heap_text(&yaml->heap, "%.0f", value + 0.0);
    do snprintf(text, sizeof text, "%.*g", digits, value);
    while (strtod(text, NULL) != value && ++digits < 18);
    return cupel_heap_text(&yaml->heap, "%s", text);
}

/* Turns a copied scalar that begins with $ into what it stands for. */
static enum cupel_status evaluate(struct cupel_yaml *yaml, struct cupel_yaml_item *copy,
                                  const struct binding *bindings, struct cupel_error *error) {
    const struct binding *binding = find(bindings, copy->text + 1);
    const struct cupel_yaml_item old = *copy;
    if (binding && binding->item) {
        *copy = *binding->item;
        copy->key = old.key;
        copy->next = NULL;
        if (!copy->use) copy->use = old.use;
        return CUPEL_OK;
    }
    struct evaluation e = {
        .yaml = yaml, .item = &old, .bindings = bindings, .at = copy->text + 1, .error = error};
    double value;
    CUPEL_TRY(read_sum(&e, &value));
    skip_blanks(&e);
    if (*e.at) return misplaced(&e, "an operator or the end");
    copy->written = old.text;
    copy->text = number_text(yaml, value);
    return copy->text ? CUPEL_OK : cupel_yaml_no_memory(yaml, error);
}

/* Puts the values of the $(...) into a copied text that has more than that. */
static enum cupel_status fill_in(struct cupel_yaml *yaml, struct cupel_yaml_item *copy,
                                 const struct binding *bindings, struct cupel_error *error) {
    const struct cupel_yaml_item old = *copy;
    struct evaluation e = {.yaml = yaml, .item = &old, .bindings = bindings, .error = error};
    struct buffer made = {0};
    enum cupel_status status = CUPEL_OK;
    const char *rest = old.text;
    for (const char *at; status == CUPEL_OK && (at = strstr(rest, "$(")); rest = e.at) {
        double value = 0;
        e.at = at + 1;
        status = read_atom(&e, &value);
        const char *number = number_text(yaml, value);
        buffer_add(&made, rest, (size_t)(at - rest));
        buffer_text(&made, number ? number : "");
        made.failed = made.failed || !number;
    }
    buffer_text(&made, rest);
    copy->text = made.failed ? NULL : cupel_heap_text(&yaml->heap, "%s", made.data);
    copy->written = old.text;
    buffer_free(&made);
    if (status == CUPEL_OK && !copy->text) return cupel_yaml_no_memory(yaml, error);
    return status;
}

static bool is_repeated(const struct cupel_yaml_item *parent, const struct cupel_yaml_item *child) {
    return cupel_yaml_is(parent->key, "repeat") && cupel_yaml_is(child->key, "layers");
}

enum cupel_status expression_expand(struct cupel_yaml *yaml, const struct cupel_yaml_item *item,
                                    const struct binding *bindings, const struct cupel_yaml_item *use,
                                    struct cupel_yaml_item **copy, struct cupel_error *error) {
    struct cupel_yaml_item *made = NULL, *key = NULL;
    CUPEL_TRY(cupel_yaml_new(yaml, item, &made, error));
    if (item->key) CUPEL_TRY(cupel_yaml_new(yaml, item->key, &key, error));
    if (key && !key->use) key->use = use;
    if (!made->use) made->use = use;
    made->key = key;
    *copy = made;
    if (made->kind == CUPEL_YAML_SCALAR && !made->quoted && *made->text == '$')
        return evaluate(yaml, made, bindings, error);
    if (made->kind == CUPEL_YAML_SCALAR && !made->quoted && strstr(made->text, "$("))
        return fill_in(yaml, made, bindings, error);
    struct cupel_yaml_item **last = &made->first;
    const struct cupel_yaml_item *child = made->first;
    for (made->first = NULL; child; child = child->next, last = &(*last)->next) {
        if (is_repeated(item, child)) {
            CUPEL_TRY(cupel_yaml_new(yaml, child, last, error));
            (*last)->key = child->key;
            if (!(*last)->use) (*last)->use = use;
        } else {
            CUPEL_TRY(expression_expand(yaml, child, bindings, use, last, error));
        }
    }
    return CUPEL_OK;
}
