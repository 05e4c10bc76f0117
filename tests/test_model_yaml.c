/* YAML trees: reading, places in messages, typed fields, overrides. */
#include <criterion/criterion.h>

#include "model/fields.h"

static enum cupel_status read_text(struct cupel_yaml *yaml, const char *text, struct cupel_error *error) {
    return cupel_yaml_read_text(yaml, "m.yaml", text, strlen(text), error);
}

Test(model_yaml, a_tree_keeps_kinds_and_places) {
    struct cupel_yaml yaml = {0};
    cr_assert_eq(read_text(&yaml,
                           "\xEF\xBB\xBF"
                           "a: [1, '2']\nb:\n  c: ~\n  d: {e: \"\"}\n",
                           NULL),
                 CUPEL_OK);
    const struct cupel_yaml_item *a = cupel_yaml_find(yaml.root, "a"), *b = cupel_yaml_find(yaml.root, "b");
    cr_assert_eq(a->kind, CUPEL_YAML_SEQUENCE);
    cr_assert_eq(a->column, 4);
    cr_assert_eq(a->key->column, 1);
    cr_assert(!a->first->quoted && a->first->next->quoted && !a->first->next->next);
    cr_assert_eq(cupel_yaml_find(b, "c")->kind, CUPEL_YAML_NULL);
    const struct cupel_yaml_item *e = cupel_yaml_find(cupel_yaml_find(b, "d"), "e");
    cr_assert(cupel_yaml_is(e, ""));
    cr_assert_eq(e->line, 4);
    cr_assert_eq(e->column, 10);
    cr_assert_null(cupel_yaml_find(b, "e"));
    cr_assert_null(cupel_yaml_find(e, "e"));
    cupel_yaml_free(&yaml);
}

/* Texts that are refused, where, and a part of the message. */
static const struct {
    const char *text, *place, *message;
} refused[] = {
    {"", "m.yaml:1:1:", "no model"},
    {"# only a comment\n", "m.yaml:1:1:", "no model"},
    {"- a\n- b\n", "m.yaml:1:1:", "no model"},
    {"just words", "m.yaml:1:1:", "begin with keys"},
    {"a: 1\nb: [1, 2\nc: 3\n", "m.yaml:3:2:", "',' or ']' while parsing a flow sequence (from line 2)"},
    {"a: 1\n  b: 2\n", "m.yaml:2:4:", "mapping values are not allowed"},
    {"a: 1\n\tb: 2\n", "m.yaml:2:1:", "bad YAML"},
    {"a: 'open", "m.yaml:1:9:", "unexpected end of stream while scanning a quoted scalar"},
    {"a: 1\nbc: 2\na: 3\n", "m.yaml:3:1:", "'a' stands here twice, first at line 1"},
    {"a: {b: 1, b: 2}\n", "m.yaml:1:11:", "'b' stands here twice"},
    {"a: &x 1\n", "m.yaml:1:4:", "anchors"},
    {"a: [*x, 1]\n", "m.yaml:1:5:", "aliases"},
    {"a: !!str 1\n", "m.yaml:1:4:", "tags"},
    {"a: &x [1]\n", "m.yaml:1:4:", "anchors"},
    {"a: !t {b: 1}\n", "m.yaml:1:4:", "tags"},
    {"[1, 2]: 3\n", "m.yaml:1:1:", "key must be a word"},
    {"? ~\n: 3\n", "m.yaml:1:3:", "key must be a word"},
    {"a: 1\n---\nb: 1\n", "m.yaml:2:1:", "second document"},
    {"a: \"\\0\"\n", "m.yaml:1:4:", "NUL"},
    {"a: 1\nb: \x01\n", "m.yaml:2:4:", "control characters are not allowed; save the file as plain UTF-8"},
    {"a: 1\nb: \xff\xfe\n", "m.yaml:2:4:", "UTF-8"},
    {"a: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "m.yaml:1:35:", "more than 32 deep"},
};

Test(model_yaml, bad_texts_are_refused_at_their_place) {
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct cupel_yaml yaml = {0};
        struct cupel_error error = {0};
        cr_expect_eq(read_text(&yaml, refused[i].text, &error), CUPEL_INVALID, "text %zu", i);
        cr_expect(strstr(error.message, refused[i].place) == error.message, "%zu: %s", i, error.message);
        cr_expect(strstr(error.message, refused[i].message), "%zu: %s", i, error.message);
        cupel_yaml_free(&yaml);
    }
}

Test(model_yaml, a_message_quotes_the_line_with_a_caret) {
    struct cupel_yaml yaml = {0};
    struct cupel_error error = {0};
    cr_assert_eq(read_text(&yaml, "first: 1\r\n\xC3\xA9t\xC3\xA9: [wrong]\r\nlast: 2\r\n", &error), CUPEL_OK);
    const struct cupel_yaml_item *item = cupel_yaml_find(yaml.root, "\xC3\xA9t\xC3\xA9")->first;
    cr_assert_eq(cupel_yaml_fail(&yaml, item, &error, "no %d; stop", 7), CUPEL_INVALID);
    cr_assert_str_eq(error.message, "m.yaml:2:7: no 7; stop\n    \xC3\xA9t\xC3\xA9: [wrong]\n          ^");
    cupel_yaml_free(&yaml);
}

Test(model_yaml, a_long_line_is_quoted_round_the_place) {
    char text[1000];
    memset(text, 'x', sizeof text);
    memcpy(text + 600, ": [bad]\n", 9);
    struct cupel_yaml yaml = {0};
    struct cupel_error error = {0};
    cr_assert_eq(read_text(&yaml, text, &error), CUPEL_OK);
    cupel_yaml_complain(&yaml, yaml.root->first->first, &error, "stop");
    const char *quoted = strchr(error.message, '\n') + 1, *caret = strchr(quoted, '\n') + 1;
    cr_assert_eq(quoted[strchr(caret, '^') - caret], 'b', "%s", error.message);
    cr_assert_lt(strlen(error.message), 400);
    cupel_yaml_free(&yaml);
}

Test(model_yaml, files_that_are_none_are_refused) {
    struct cupel_yaml yaml = {0};
    struct cupel_error missing = {0}, directory = {0};
    cr_assert_eq(cupel_yaml_read_file(&yaml, "/nowhere/m.yaml", &missing), CUPEL_INVALID);
    cr_assert(strstr(missing.message, "/nowhere/m.yaml: cannot open it: No such file"), "%s",
              missing.message);
    cr_assert_eq(cupel_yaml_read_file(&yaml, CUPEL_SOURCE_DIR, &directory), CUPEL_INVALID);
    cr_assert(strstr(directory.message, "cannot read it: Is a directory"), "%s", directory.message);
    cupel_yaml_free(&yaml);
}

Test(model_yaml, size_and_item_limits_hold) {
    struct cupel_yaml yaml = {0};
    struct cupel_error large = {0}, many = {0};
    size_t size = CUPEL_YAML_MAX_BYTES + 1;
    char *text = malloc(size);
    memset(text, '#', size);
    cr_assert_eq(cupel_yaml_read_text(&yaml, "m.yaml", text, size, &large), CUPEL_INVALID);
    cr_assert(strstr(large.message, "larger than 1048576 bytes"), "%s", large.message);
    memset(text, ' ', size);
    memcpy(text, "a: [", 4);
    for (size_t i = 4; i < size - 1; i += 4) memcpy(text + i, "b,  ", 4);
    cr_assert_eq(cupel_yaml_read_text(&yaml, "m.yaml", text, size - 2, &many), CUPEL_INVALID);
    cr_assert(strstr(many.message, "more than 50000 items"), "%s", many.message);
    free(text);
    cupel_yaml_free(&yaml);
}

struct sample {
    int64_t count, size[2];
    double rate;
    bool fast;
    const char *name;
    int colour;
    struct cupel_shape shape;
    struct cupel_numbers mean;
    const struct cupel_yaml_item *rest;
};

static const char *const colours[] = {"red", "green"};

#define AT(member) offsetof(struct sample, member)
static const struct cupel_field fields[] = {
    {.key = "count", .type = CUPEL_FIELD_INT, .offset = AT(count), .low = 1, .high = 64},
    {.key = "size", .type = CUPEL_FIELD_PAIR, .offset = AT(size), .low = 1, .high = DBL_MAX, .fallback = "3"},
    {.key = "rate",
     .type = CUPEL_FIELD_NUMBER,
     .offset = AT(rate),
     .low = CUPEL_ABOVE_0,
     .high = CUPEL_BELOW_1,
     .fallback = "0.25"},
    {.key = "fast", .type = CUPEL_FIELD_BOOL, .offset = AT(fast), .fallback = "true"},
    {.key = "name", .type = CUPEL_FIELD_TEXT, .offset = AT(name), .fallback = ""},
    {.key = "colour",
     .type = CUPEL_FIELD_CHOICE,
     .offset = AT(colour),
     .fallback = "green",
     .words = {colours, 2, sizeof *colours}},
    {.key = "shape",
     .type = CUPEL_FIELD_SHAPE,
     .offset = AT(shape),
     .low = 1,
     .high = DBL_MAX,
     .fallback = ""},
    {.key = "mean", .type = CUPEL_FIELD_NUMBERS, .offset = AT(mean), .fallback = ""},
    {.key = "rest", .type = CUPEL_FIELD_ITEM, .offset = AT(rest), .fallback = ""},
};

static enum cupel_status read_sample(struct cupel_yaml *yaml, struct sample *sample,
                                     struct cupel_error *error) {
    return cupel_fields_read(yaml, yaml->root, yaml->root, "sample", fields, sizeof fields / sizeof *fields,
                             sample, error);
}

Test(model_yaml, fields_are_read_with_defaults) {
    struct cupel_yaml yaml = {0}, full = {0};
    struct sample sample = {0};
    cr_assert_eq(read_text(&yaml, "count: 7\n", NULL), CUPEL_OK);
    cr_assert_eq(read_sample(&yaml, &sample, NULL), CUPEL_OK);
    cr_assert(sample.count == 7 && sample.size[0] == 3 && sample.size[1] == 3 && sample.rate == 0.25);
    cr_assert(sample.fast && !sample.name && sample.colour == 1 && !sample.shape.rank && !sample.rest);
    const char *text =
        "count: 64\nsize: [2, 5]\nrate: 1e-3\nfast: false\nname: '7'\ncolour: red\n"
        "shape: [4, 5, 6]\nmean: [0.5, -1]\nrest: {a: b}\n";
    cr_assert_eq(read_text(&full, text, NULL), CUPEL_OK);
    cr_assert_eq(read_sample(&full, &sample, NULL), CUPEL_OK);
    cr_assert(sample.count == 64 && sample.size[0] == 2 && sample.size[1] == 5 && sample.rate == 1e-3);
    cr_assert(!sample.fast && !strcmp(sample.name, "7") && sample.colour == 0);
    cr_assert(sample.shape.rank == 3 && sample.shape.dim[2] == 6);
    cr_assert(sample.mean.count == 2 && sample.mean.values[1] == -1 && sample.rest);
    cupel_yaml_free(&yaml);
    cupel_yaml_free(&full);
}

/* Wrong values, where, and a part of the message. A place "set" stands for an override. */
static const struct {
    const char *text, *place, *message;
} mismatched[] = {
    {"rate: 0.5\n", "m.yaml:1:1:", "sample needs the key 'count'; add `count: ...`"},
    {"count: many\n", "m.yaml:1:8:", "'count' is 'many'; it must be a whole number from 1 to 64"},
    {"count: 65\n", "m.yaml:1:8:", "from 1 to 64"},
    {"count: 1.5\n", "m.yaml:1:8:", "whole number"},
    {"count: '3'\n", "m.yaml:1:8:", "whole number"},
    {"count: 99999999999999999999\n", "m.yaml:1:8:", "whole number"},
    {"count:\n", "m.yaml:1:7:", "'count' is nothing"},
    {"count: [1]\n", "m.yaml:1:8:", "'count' is a list"},
    {"count: 1\nrate: 1\n", "m.yaml:2:7:", "a number above 0 and below 1"},
    {"count: 1\nrate: 0\n", "m.yaml:2:7:", "a number above 0 and below 1"},
    {"count: 1\nrate: .nan\n", "m.yaml:2:7:", "a number"},
    {"count: 1\nrate: nan\n", "m.yaml:2:7:", "a number"},
    {"count: 1\nfast: yes\n", "m.yaml:2:7:", "'fast' is 'yes'; it must be true or false"},
    {"count: 1\nname: {}\n", "m.yaml:2:7:", "'name' is a mapping of keys; it must be a text"},
    {"count: 1\ncolour: gren\n",
     "m.yaml:2:9:", "unknown colour 'gren'; did you mean 'green'? (known: red, green)"},
    {"count: 1\ncolour: blue\n", "m.yaml:2:9:", "unknown colour 'blue'; (known: red, green)"},
    {"count: 1\nsize: [1, 2, 3]\n", "m.yaml:2:7:", "one whole number, or two"},
    {"count: 1\nsize: [1, 0]\n", "m.yaml:2:11:", "'size' is '0'"},
    {"count: 1\nshape: [1,1,1,1,1,1,1]\n", "m.yaml:2:8:", "a list of 1 to 6 whole numbers"},
    {"count: 1\nshape: []\n", "m.yaml:2:8:", "a list of 1 to 6 whole numbers"},
    {"count: 1\nmean: 0.5\n", "m.yaml:2:7:", "a list of numbers"},
    {"count: 1\nraet: 0.5\n",
     "m.yaml:2:1:", "unknown key of sample 'raet'; did you mean 'rate'? (known: count, size,"},
    {"count: 1\nzzz: 1\n", "m.yaml:2:1:", "unknown key of sample 'zzz'; (known: count"},
};

Test(model_yaml, wrong_values_are_refused_at_their_place) {
    for (size_t i = 0; i < sizeof mismatched / sizeof *mismatched; i++) {
        struct cupel_yaml yaml = {0};
        struct cupel_error error = {0};
        struct sample sample = {0};
        cr_assert_eq(read_text(&yaml, mismatched[i].text, &error), CUPEL_OK, "%zu: %s", i, error.message);
        cr_expect_eq(read_sample(&yaml, &sample, &error), CUPEL_INVALID, "text %zu", i);
        cr_expect(strstr(error.message, mismatched[i].place) == error.message, "%zu: %s", i, error.message);
        cr_expect(strstr(error.message, mismatched[i].message), "%zu: %s", i, error.message);
        cupel_yaml_free(&yaml);
    }
}

Test(model_yaml, overrides_replace_and_add) {
    struct cupel_yaml yaml = {0};
    cr_assert_eq(read_text(&yaml, "count: 1\nrest: {o: adam}\n", NULL), CUPEL_OK);
    const char *const settings[] = {"count=2", "count=3",    "rest.o.adam.lr=0.5", "rest.new.deep=[1, 2]",
                                    "name=",   "size=[1, 2]"};
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        cr_assert_eq(cupel_yaml_override(&yaml, settings[i], NULL), CUPEL_OK);
    struct cupel_yaml_item *rest = cupel_yaml_find(yaml.root, "rest");
    cr_assert(cupel_yaml_is(cupel_yaml_find(yaml.root, "count"), "3"));
    cr_assert(
        cupel_yaml_is(cupel_yaml_find(cupel_yaml_find(cupel_yaml_find(rest, "o"), "adam"), "lr"), "0.5"));
    cr_assert(cupel_yaml_is(cupel_yaml_find(cupel_yaml_find(rest, "new"), "deep")->first->next, "2"));
    cr_assert_eq(cupel_yaml_find(yaml.root, "name")->kind, CUPEL_YAML_NULL);
    cupel_yaml_free(&yaml);
}

/* Overrides that are refused at once, or when the fields are read. */
static const struct {
    const char *setting, *message;
} overrides[] = {
    {"count", "--set count: this is no setting"},
    {"=3", "--set =3: this is no setting"},
    {".a=3", "--set .a=3: a key is missing"},
    {"rest..a=3", "--set rest..a=3: a key is missing"},
    {"rest.=3", "--set rest.=3: a key is missing"},
    {"count.x=3", "--set count.x=3: there is no 'x' to set in '1'"},
    {"size.0=3", "--set size.0=3: there is no '0' to set in a list"},
    {"rest=[1", "--set rest=[1: bad YAML"},
    {"count=x", "--set count=x: 'count' is 'x'; it must be a whole number"},
    {"count=", "--set count=: 'count' is nothing"},
    {"cuont=3", "--set cuont=3: unknown key of sample 'cuont'; did you mean 'count'?"},
};

Test(model_yaml, wrong_overrides_are_refused_by_name) {
    for (size_t i = 0; i < sizeof overrides / sizeof *overrides; i++) {
        struct cupel_yaml yaml = {0};
        struct cupel_error error = {0};
        struct sample sample = {0};
        cr_assert_eq(read_text(&yaml, "count: 1\nsize: [1, 2]\nrest: {a: b}\n", &error), CUPEL_OK);
        enum cupel_status status = cupel_yaml_override(&yaml, overrides[i].setting, &error);
        if (status == CUPEL_OK) status = read_sample(&yaml, &sample, &error);
        cr_expect_eq(status, CUPEL_INVALID, "override %zu", i);
        cr_expect(strstr(error.message, overrides[i].message) == error.message, "%zu: %s", i, error.message);
        cupel_yaml_free(&yaml);
    }
}
