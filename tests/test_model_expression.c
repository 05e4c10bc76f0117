/* Expressions, parameters, repetition and image sizes in model files. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "model/model.h"

/* ---- expressions alone ---- */

/* What `text`, an item of a list, becomes where w is 48, half 0.5, list [1, 2] and word "abc". */
static struct cupel_yaml_item *expand(struct cupel_yaml *yaml, const char *text, struct cupel_error *error) {
    char whole[1000];
    snprintf(whole, sizeof whole, "values: [[1, 2], abc, '7']\nof:\n  - %s\n", text);
    cr_assert_eq(cupel_yaml_read_text(yaml, "m.yaml", whole, strlen(whole), error), CUPEL_OK, "%s",
                 error->message);
    const struct cupel_yaml_item *values = cupel_yaml_find(yaml->root, "values")->first;
    const struct binding *bindings = binding_add(yaml, NULL, "list", values, 0);
    bindings = binding_add(yaml, bindings, "word", values->next, 0);
    bindings = binding_add(yaml, bindings, "quoted", values->next->next, 0);
    bindings = binding_add(yaml, bindings, "half", NULL, 0.5);
    bindings = binding_add(yaml, bindings, "w", NULL, 3);
    bindings = binding_add(yaml, bindings, "w", NULL, 48);
    struct cupel_yaml_item *copy = NULL;
    expression_expand(yaml, cupel_yaml_find(yaml->root, "of")->first, bindings, NULL, &copy, error);
    return copy;
}

Test(model_expression, values_are_those_of_arithmetic) {
    static const struct {
        const char *text, *value;
    } cases[] = {
        {"$w", "48"},
        {"$(w)", "48"},
        {"$w * 2", "96"},
        {"$1 + 2 * 3", "7"},
        {"$(1 + 2) * 3", "9"},
        {"$10 - 4 - 3", "3"},
        {"$24 / 4 / 2", "3"},
        {"$2^3^2", "512"},
        {"$-2^2", "-4"},
        {"$2^-2", "0.25"},
        {"$2 - -3", "5"},
        {"$2 * -3", "-6"},
        {"$-0", "0"},
        {"$log2(64)", "6"},
        {"$log2( w / 3 )-1", "3"},
        {"$min(w; 5) + max(w ; 5)", "53"},
        {"\"$w\"", "$w"},
        {"$.5 + half", "1"},
        {"$1 / 3", "0.3333333333333333"},
        {"$0.1 + 0.2", "0.30000000000000004"},
        {"$0.1", "0.1"},
        {"$2^52", "4503599627370496"},
        {"$1e3", "1000"},
        {"w", "w"},
        {"a$w", "a$w"},
        {"a$(w)", "a48"},
        {"a$(w - 40).$(half)-1", "a8.0.5-1"},
        {"'a$(w)'", "a$(w)"},
        {"$word", "abc"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cupel_yaml yaml = {0};
        struct cupel_error error = {0};
        const struct cupel_yaml_item *item = expand(&yaml, cases[i].text, &error);
        cr_expect_eq(error.status, CUPEL_OK, "%s: %s", cases[i].text, error.message);
        cr_expect(cupel_yaml_is(item, cases[i].value), "%s is %s", cases[i].text, item->text);
        cupel_yaml_free(&yaml);
    }
}

Test(model_expression, commas_do_outside_braces) {
    struct cupel_yaml yaml = {0};
    struct cupel_error error = {0};
    const struct cupel_yaml_item *item =
        expand(&yaml, "a: $max(min(w, 7), 2)\n    b: {c: [$list, $w]}", &error);
    cr_assert(cupel_yaml_is(cupel_yaml_find(item, "a"), "7"), "%s", error.message);
    const struct cupel_yaml_item *c = cupel_yaml_find(cupel_yaml_find(item, "b"), "c");
    cr_assert(c->first->kind == CUPEL_YAML_SEQUENCE && cupel_yaml_is(c->first->first->next, "2"));
    cr_assert(cupel_yaml_is(c->first->next, "48") && !c->first->next->next);
    cupel_yaml_free(&yaml);
}

Test(model_expression, malformed_ones_are_refused) {
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"$", "m.yaml:3:5: the expression '$' has its end where a number, a name or '(' must stand"},
        {"$(w", "the expression '$(w' has its end where ')' must stand"},
        {"$(w))", "the expression '$(w))' has ')' where an operator or the end must stand"},
        {"$w 2", "has '2' where an operator or the end must stand"},
        {"$w *", "has its end where a number"},
        {"$* 2", "has '*' where a number"},
        {"$1 + \xC3\xA9", "has something where a number"},
        {"$()", "has ')' where a number"},
        {"$w / 0", "the expression '$w / 0' divides by zero"},
        {"$1 / (w - 48)", "divides by zero"},
        {"$0^-1", "has no finite value"},
        {"$(0-1)^half", "has no finite value"},
        {"$1e400", "has no finite value"},
        {"$2^5000", "has no finite value"},
        {"$1e300 * 1e300", "has no finite value"},
        {"$1e308 + 1e308", "has no finite value"},
        {"$log2(0)", "has no finite value"},
        {"$log2(-1)", "has no finite value"},
        {"$halb",
         "m.yaml:3:5: unknown name 'halb'; did you mean 'half'? (known: w, half, quoted, word, list)"},
        {"$log(2)", "unknown function 'log'; did you mean 'log2'? (known: log2, min, max)"},
        {"$log2(2; 3)", "has ';' where ')' must stand"},
        {"$max(2)", "has ')' where ',' and another argument"},
        {"[$max(2, 3)]", "has its end where ',' and another argument (';' inside {} and []"},
        {"$word + 1", "m.yaml:1:18: 'word' is 'abc'; it must be a number"},
        {"$list * 2", "m.yaml:1:10: 'list' is a list; it must be a number"},
        {"$quoted * 2", "'quoted' is '7'; it must be a number"},
        {"{a: {b: [1, $x]}}", "m.yaml:3:17: unknown name 'x'"},
        {"a$(w", "m.yaml:3:5: the expression 'a$(w' has its end where ')' must stand"},
        {"a$(w)$(x)", "unknown name 'x'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cupel_yaml yaml = {0};
        struct cupel_error error = {0};
        expand(&yaml, cases[i].text, &error);
        cr_expect_eq(error.status, CUPEL_INVALID, "%s", cases[i].text);
        cr_expect(strstr(error.message, cases[i].message), "%s: %s", cases[i].text, error.message);
        cupel_yaml_free(&yaml);
    }
}

Test(model_expression, nesting_has_a_limit) {
    static const char *const openings[] = {"(", "-", "2^", "log2("};
    for (int i = 0; i < 4; i++) {
        struct cupel_yaml yaml = {0};
        struct cupel_error error = {0};
        char text[400] = "$";
        for (int j = 0; j < 70; j++) strcat(text, openings[i]);
        expand(&yaml, text, &error);
        cr_expect(strstr(error.message, "is nested too deep; make it simpler"), "%s", error.message);
        cupel_yaml_free(&yaml);
    }
    struct cupel_yaml flat = {0};
    struct cupel_error none = {0};
    char sum[400] = "$1";
    for (int i = 1; i < 99; i++) strcat(sum, "+1");
    cr_expect(cupel_yaml_is(expand(&flat, sum, &none), "99"), "%s", none.message);
    cupel_yaml_free(&flat);
    struct cupel_yaml yaml = {0};
    struct cupel_error error = {0};
    cr_assert(cupel_yaml_is(
                  expand(&yaml, "$((((((((((((((((((((1))))))))))))))))))))+(((1)))+(((1)))", &error), "3"),
              "%s", error.message);
    cupel_yaml_free(&yaml);
}

/* ---- in a model ---- */

static const char model_text[] =
    "task: classify\n"                                                                            /* 1 */
    "image_size: 8\n"                                                                             /* 2 */
    "parameters: {width: 4, top: $(width * image_size)}\n"                                        /* 3 */
    "data: {format: idx, path: /data, shape: [1, $image_size, $image_size], classes: 10}\n"       /* 4 */
    "networks:\n"                                                                                 /* 5 */
    "  net:\n"                                                                                    /* 6 */
    "    input: image\n"                                                                          /* 7 */
    "    layers:\n"                                                                               /* 8 */
    "      - conv: {out: $width, kernel: 3, pad: 1}\n"                                            /* 9 */
    "      - repeat:\n"                                                                           /* 10 */
    "          name: down\n"                                                                      /* 11 */
    "          times: $(log2(image_size) - 1)\n"                                                  /* 12 */
    "          layers:\n"                                                                         /* 13 */
    "            - conv: {name: one, out: $(width * 2^i), kernel: 4, stride: 2, pad: 1}\n"        /* 14 */
    "            - relu\n"                                                                        /* 15 */
    "            - twice: {to: $(i + 1)}\n"                                                       /* 16 */
    "      - repeat: {times: 0, layers: [conv: {out: 77, kernel: 1}]}\n"                          /* 17 */
    "      - flatten\n"                                                                           /* 18 */
    "      - linear: {out: 10}\n"                                                                 /* 19 */
    "blocks:\n"                                                                                   /* 20 */
    "  twice:\n"                                                                                  /* 21 */
    "    params: {to: ~, more: $top}\n"                                                           /* 22 */
    "    layers:\n"                                                                               /* 23 */
    "      - repeat: {times: 2, layers: [conv: {out: $(100 * i + 10 * to + more), kernel: 1}]}\n" /* 24 */
    "      - concat: {from: [input, repeat1]}\n"                                                  /* 25 */
    "train: {optimizer: sgd, batch: 2, steps: 1}\n";                                              /* 26 */

/* Reads the text above with the first `old` replaced by `new`. */
static struct cupel_model *read_changed(const char *old, const char *new, const char *setting,
                                        struct cupel_error *error) {
    char text[8000];
    const char *at = strstr(model_text, old);
    cr_assert(at, "'%s' is not in the text", old);
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - model_text), model_text, new, at + strlen(old));
    struct cupel_model *model;
    cupel_model_read_text("m.yaml", text, strlen(text), &setting, setting != NULL, &model, error);
    return model;
}

Test(model_expression, repeated_layers_are_written_out) {
    struct cupel_error error = {0};
    struct cupel_model *model = read_changed("", "", NULL, &error);
    cr_assert(model, "%s", error.message);
    static const struct {
        const char *name;
        int64_t out;
    } want[] = {
        {"conv1", 4},
        {"down.0.one", 4},
        {"down.0.relu1", 0},
        {"down.0.twice1.repeat1.0.conv1", 42},
        {"down.0.twice1.repeat1.1.conv1", 142},
        {"down.0.twice1.concat1", 0},
        {"down.1.one", 8},
        {"down.1.relu1", 0},
        {"down.1.twice1.repeat1.0.conv1", 52},
        {"down.1.twice1.repeat1.1.conv1", 152},
        {"down.1.twice1.concat1", 0},
        {"flatten1", 0},
        {"linear1", 10},
    };
    const struct cupel_network *net = cupel_model_network(model, 0);
    cr_assert_eq(net->layer_count, 13);
    for (int i = 0; i < 13; i++) {
        cr_expect_str_eq(net->layers[i].name, want[i].name);
        cr_expect_eq(net->layers[i].arguments.out, want[i].out, "%s", want[i].name);
    }
    /* The second round begins where the first ends, and `input` is what goes into a block or a round. */
    cr_assert(net->layers[6].inputs[0] == 5 && net->layers[5].inputs[0] == 2 &&
              net->layers[5].inputs[1] == 4);
    cr_assert(net->layers[4].inputs[0] == 3 && net->layers[11].inputs[0] == 10);
    cupel_model_free(model);
}

Test(model_expression, repeated_layers_have_an_input_and_names_of_their_own) {
    struct cupel_error error = {0};
    struct cupel_model *model =
        read_changed("            - relu\n",
                     "            - relu: {name: r, from: input}\n            - add: {from: [r, input]}\n"
                     "            - conv: {from: one, out: 5, kernel: 1}\n",
                     NULL, &error);
    cr_assert(model, "%s", error.message);
    const struct cupel_network *net = cupel_model_network(model, 0);
    cr_assert_str_eq(net->layers[8].name, "down.1.one");
    cr_assert(net->layers[8].inputs[0] == 7 && net->layers[9].inputs[0] == 7 &&
              net->layers[10].inputs[1] == 7);
    cr_assert_eq(net->layers[11].inputs[0], 8);
    cupel_model_free(model);
    model = read_changed("      - flatten\n", "      - flatten: {from: down}\n", NULL, &error);
    cr_assert(model && cupel_model_network(model, 0)->layers[11].inputs[0] == 10, "%s", error.message);
    cupel_model_free(model);
    /* Of nothing, the result is what went in. */
    model = read_changed("      - flatten\n",
                         "      - repeat: {name: none, times: 0, from: conv1, layers: [relu]}\n"
                         "      - flatten: {from: none}\n",
                         NULL, &error);
    cr_assert(model && cupel_model_network(model, 0)->layers[11].inputs[0] == 0, "%s", error.message);
    cupel_model_free(model);
}

/* As in torchvision: numbers for names, and lists that add nothing to the names of their layers. */
Test(model_expression, names_can_have_dots_and_numbers) {
    static const char *const want[] = {"conv1",         "stage.0.one",   "stage.1.one",
                                       "stage.2.one",   "stage.2.one.0", "stage.2.one.1",
                                       "stage.2.relu1", "flatten1",      "linear1"};
    struct cupel_error error = {0};
    char text[4000];
    const char *layers = strstr(model_text, "      - repeat:\n"),
               *rest = strstr(model_text, "      - flatten");
    snprintf(
        text, sizeof text, "%.*s%s%s", (int)(layers - model_text), model_text,
        "      - conv: {name: stage.0.one, out: 2, kernel: 1}\n"
        "      - repeat: {name: ~, times: 2, layers: [conv: {name: stage.$(i + 1).one, out: 3, kernel: 1}]}\n"
        "      - twice: {name: ~, to: stage.2, from: stage.0.one}\n"
        "      - relu: {name: stage.2.relu1, from: twice1}\n",
        rest);
    char *block = strstr(text, "    params:");
    cr_assert(block);
    snprintf(block, sizeof text - (size_t)(block - text), "%s",
             "    params: {to: ~}\n    layers:\n"
             "      - conv: {name: stage.2.one.0, out: 4, kernel: 1}\n"
             "      - conv: {name: stage.2.one.1, from: stage.2.one.0, out: 4, kernel: 1}\n"
             "train: {optimizer: sgd, batch: 2, steps: 1}\n");
    struct cupel_model *model;
    cupel_model_read_text("m.yaml", text, strlen(text), NULL, 0, &model, &error);
    cr_assert(model, "%s", error.message);
    const struct cupel_network *net = cupel_model_network(model, 0);
    cr_assert_eq(net->layer_count, 9);
    for (int i = 0; i < 9; i++) cr_expect_str_eq(net->layers[i].name, want[i]);
    cr_assert(net->layers[2].inputs[0] == 2 - 1 && net->layers[4].inputs[0] == 1 &&
              net->layers[6].inputs[0] == 5);
    cupel_model_free(model);
}

Test(model_expression, parameters_and_sizes_can_be_set) {
    static const struct {
        const char *setting;
        int64_t side, first, layers, inner;
    } cases[] = {{"image_size=16", 16, 4, 18, 74},
                 {"parameters.width=3", 8, 3, 13, 34},
                 {"parameters.top=1", 8, 4, 13, 11},
                 {"parameters.width=$(image_size / 4)", 8, 2, 13, 26}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cupel_error error = {0};
        struct cupel_model *model = read_changed("", "", cases[i].setting, &error);
        cr_assert(model, "%s: %s", cases[i].setting, error.message);
        const struct cupel_network *net = cupel_model_network(model, 0);
        cr_expect_eq(cupel_model_data(model)->shape.dim[1], cases[i].side);
        cr_expect_eq(cupel_model_data(model)->shape.dim[2], cases[i].side);
        cr_expect_eq(net->layers[0].arguments.out, cases[i].first);
        cr_expect_eq(net->layers[3].arguments.out, cases[i].inner);
        cr_expect_eq(net->layer_count, cases[i].layers);
        cupel_model_free(model);
    }
}

static const struct {
    const char *old, *new, *place, *message;
} refused[] = {
    {"image_size: 8", "image_size: 0",
     "m.yaml:2:13:", "'image_size' is '0'; it must be a whole number from 1 to 65536"},
    {"image_size: 8", "image_size: $width", "m.yaml:2:13:", "'image_size' is '$width'; it must be a whole"},
    {"$image_size, $image_size]", "8, 9]", "m.yaml:4:41:",
     "images are 8 high and 9 wide here, but image_size is 8; write [1, $image_size, $image_size]"},
    {"parameters: {width: 4, top: $(width * image_size)}", "parameters: 4",
     "m.yaml:3:13:", "'parameters' must be a mapping"},
    {"width: 4", "width: four", "m.yaml:3:21:", "'width' is 'four'; it must be a number"},
    {"width: 4", "width: '4'", "m.yaml:3:21:", "'width' is '4'; it must be a number"},
    {"width: 4", "i: 4", "m.yaml:3:14:", "'i' already means something in expressions"},
    {"width: 4", "image_size: 4", "m.yaml:3:14:", "'image_size' already means something in expressions"},
    {"width: 4", "a-b: 4", "m.yaml:3:14:", "'a-b' cannot be a parameter"},
    {"width: 4", "width: $top", "m.yaml:3:21:", "unknown name 'top'; (known: image_size)"},
    {"out: $width", "out: $(width / 8)",
     "m.yaml:9:21:", "'out' is '$(width / 8)', which is 0.5; it must be a whole number from 1 to 16777216"},
    {"out: $width", "out: $(width * 1e9)",
     "m.yaml:9:21:", "'$(width * 1e9)', which is 4000000000; it must be"},
    {"out: $width", "out: $i", "m.yaml:9:21:", "unknown name 'i'"},
    {"out: $(width * 2^i)", "out: $(width * 2^j)",
     "m.yaml:14:38:", "unknown name 'j'; did you mean 'i'? (known: i, top, width, image_size)"},
    {"out: $(width * 2^i)", "out: $(3 / (1 - i))", "m.yaml:14:38:", "divides by zero"},
    {"$(log2(image_size) - 1)", "$(log2(image_size) - 4)", "m.yaml:12:18:",
     "'times' is '$(log2(image_size) - 4)', which is -1; it must be a whole number from 0 to 10000"},
    {"$(log2(image_size) - 1)", "$(log2(image_size) / 2)",
     "m.yaml:12:18:", "which is 1.5; it must be a whole number"},
    {"times: 0", "times: 20000", "m.yaml:17:25:", "it must be a whole number from 0 to 10000"},
    {"times: 0", "times: 10000", "m.yaml:17:", "the model has more than 50000 items, blocks written out"},
    {"repeat: {times: 0, layers: [conv: {out: 77, kernel: 1}]}",
     "repeat: {times: 9999, layers: [repeat: {times: 9999, layers: [repeat: {times: 0, layers: [relu]}]}]}",
     "m.yaml:17:", "more than 50000 items"},
    {"repeat: {times: 0, layers: [conv: {out: 77, kernel: 1}]}", "repeat: {times: 10000, layers: [relu]}",
     "m.yaml:17:", "more than 10000 layers"},
    {"times: 0, ", "", "m.yaml:17:9:", "repeat needs the key 'times'"},
    {"times: 0", "time: 0", "m.yaml:17:18:", "unknown key of repeat 'time'; did you mean 'times'?"},
    {"- flatten", "- repeat", "m.yaml:18:9:", "repeat needs the key 'times'"},
    {"- flatten", "- repaet: {times: 1}",
     "m.yaml:18:9:", "unknown layer or block 'repaet'; did you mean 'repeat'?"},
    {"times: 0, layers: [conv: {out: 77, kernel: 1}]", "times: 2, layers: []",
     "m.yaml:17:36:", "the repeated 'layers' is empty"},
    {"      - linear: {out: 10}\n", "      - repeat: {times: 0, from: conv1, layers: [relu]}\n",
     "m.yaml:9:7:", "the list ends in a block that has no layers here"},
    {"name: down", "name: conv1", "m.yaml:11:17:", "the name 'conv1' is taken by the layer at line 9"},
    {"{to: $(i + 1)}", "{to: $(i + one)}", "m.yaml:16:27:", "unknown name 'one'"},
    {"more: $top}", "more: $i}", "m.yaml:22:27:", "unknown name 'i'; (known: top, width, image_size)"},
    {"10 * to + more", "10 * to + i / 0", "m.yaml:24:49:", "(in the block that m.yaml:16:15 uses)"},
    {"      - concat: {from: [input, repeat1]}\n", "      - conv: {out: $i, kernel: 1}\n",
     "m.yaml:25:21:", "unknown name 'i'; (known: more, to, top, width, image_size)"},
    {"  twice:\n", "  repeat:\n", "m.yaml:21:3:", "'repeat' is a layer; give the block another name"},
    {"{to: $(i + 1)}", "{to: [1]}", "m.yaml:16:27:", "'to' is a list; it must be a number"},
    {"- flatten", "- relu: {name: ~}", "m.yaml:18:22:", "'name' is nothing; it must be a text"},
    {"- flatten", "- flatten: {name: down.1.one}",
     "m.yaml:18:9:", "the name 'down.1.one' is taken by the layer at line 14; give this one another"},
    {"          name: down\n", "          name: ~\n",
     "m.yaml:14:15:", "the name 'one' is taken by the layer at line 14; give this one another `name`"},
};

Test(model_expression, wrong_uses_are_refused_at_their_place) {
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct cupel_error error = {0};
        struct cupel_model *model = read_changed(refused[i].old, refused[i].new, NULL, &error);
        cr_expect(!model && error.status == CUPEL_INVALID, "%s", refused[i].new);
        cr_expect(strstr(error.message, refused[i].place) == error.message, "%s: %s", refused[i].new,
                  error.message);
        cr_expect(strstr(error.message, refused[i].message), "%s: %s", refused[i].new, error.message);
        cupel_model_free(model);
    }
}

/* ---- sizes ---- */

#define GAN(generator, rest)                                                              \
    "task: gan\nimage_size: 28\nparameters: {judge: 1}\n"                                 \
    "data: {format: idx, path: /data, shape: [1, $image_size, $image_size]}\nnetworks:\n" \
    "  generator: {input: {noise: [8, 1, 1]}, layers: [" generator                        \
    "]}\n"                                                                                \
    "  discriminator: {input: image, layers: [" rest                                      \
    "flatten, linear: {out: $judge}]}\n"                                                  \
    "train: {optimizer: adam, batch: 8, steps: 9}\n"
#define UP "deconv: {out: 4, kernel: 7}, relu, deconv: {out: 1, kernel: 4, stride: 4}"

/* Settings of a model, the message about it, and what follows the quoted line ("...": and so on). */
static const struct {
    const char *text, *setting, *place, *explained;
} sizes[] = {
    {model_text, "image_size=12", "m.yaml:12:18: 'times' is",
     "\n    shapes of net: input [1, 12, 12] -> conv1 [4, 12, 12]\n"
     "    image_size 12 does not fit; the nearest that do are 8 and 16"},
    {model_text, "image_size=3", "m.yaml:12:18: 'times' is",
     "\n    shapes of net: input [1, 3, 3] -> conv1 [4, 3, 3]\n"
     "    image_size 3 does not fit; the nearest that do are 2 and 4"},
    {model_text, "image_size=1", "m.yaml:12:18: 'times' is",
     "\n    shapes of net: input [1, 1, 1] -> conv1 [4, 1, 1]\n"
     "    image_size 1 does not fit; the nearest that does is 2"},
    {model_text, "image_size=60000", "m.yaml:12:18: 'times' is",
     "\n    shapes of net: input [1, 60000, 60000] -> conv1 [4, 60000, 60000]"},
    {GAN(UP, ""), "image_size=30", "m.yaml:6:3: the generator must turn noise into images of [1, 30, 30]",
     "\n    shapes of generator: noise [8, 1, 1] -> deconv1 [4, 7, 7] -> deconv2 [1, 28, 28]\n"
     "    image_size 30 does not fit; the nearest that does is 28"},
    {GAN(UP, ""), "image_size=2", "m.yaml:6:3:",
     "\n    shapes of generator: noise [8, 1, 1] -> deconv1 [4, 7, 7] -> deconv2 [1, 28, 28]\n"
     "    image_size 2 does not fit; the nearest that does is 28"},
    {GAN(UP, ""), "parameters.judge=2", "m.yaml:7:3: the discriminator must turn an image into one number",
     "\n    shapes of discriminator: input [1, 28, 28] -> flatten1 [784] -> linear1 [2]"},
    {GAN("deconv: {out: 1, kernel: $image_size}", "conv: {out: 2, kernel: 9}, "), "image_size=4",
     "m.yaml:7:42: conv2d",
     "\n    shapes of discriminator: input [1, 4, 4]\n"
     "    image_size 4 does not fit; the nearest that does is 9"},
    {GAN("deconv: {out: 1, kernel: $(image_size * (image_size - 5) / (image_size - 5))}", ""), "image_size=5",
     "m.yaml:6:76: the expression", "\n    image_size 5 does not fit; the nearest that do are 4 and 6"},
    {GAN(UP,
         "repeat: {name: r, times: 18, layers: [conv: {out: $(i + 1), kernel: 1}, relu, relu]}, conv: {out: "
         "$(1 / 2), kernel: 1}, "),
     "image_size=28", "m.yaml:7:",
     "\n    shapes of discriminator: input [1, 28, 28] -> r.1.conv1 [2, 28, 28] -> r.2.conv1 [3, 28, 28]..."},
    {GAN(UP,
         "repeat: {name: r, times: 60, layers: [conv: {out: $(i + 1), kernel: 1}]}, conv: {out: $(1 / 2), "
         "kernel: 1}, "),
     "image_size=28", "m.yaml:7:",
     "\n    shapes of discriminator: input [1, 28, 28] -> ... -> r.38.conv1 [39, 28, 28] -> r.39..."},
};

Test(model_expression, sizes_that_do_not_fit_are_explained) {
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct cupel_model *model;
        struct cupel_error error = {0};
        cr_expect_eq(cupel_model_read_text("m.yaml", sizes[i].text, strlen(sizes[i].text), &sizes[i].setting,
                                           1, &model, &error),
                     CUPEL_INVALID, "%zu", i);
        cr_expect(strstr(error.message, sizes[i].place) == error.message, "%zu: %s", i, error.message);
        const char *got = strstr(error.message, "^\n");
        size_t length = strlen(sizes[i].explained);
        bool open = !strcmp(sizes[i].explained + length - 3, "...");
        cr_expect(got && !strncmp(got + 1, sizes[i].explained, open ? length - 3 : length + 1), "%zu: %s", i,
                  error.message);
    }
}
