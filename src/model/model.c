/* A model file as a whole. */
#include "model/model.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

const char *const role_words[CUPEL_ROLES] = {[CUPEL_ROLE_GENERATOR] = "generator",
                                             [CUPEL_ROLE_DISCRIMINATOR] = "discriminator",
                                             [CUPEL_ROLE_CODE] = "code"};
const char *const task_words[] = {
    [CUPEL_TASK_CLASSIFY] = "classify", [CUPEL_TASK_GAN] = "gan", [CUPEL_TASK_SEGMENT] = "segment"};

struct model_items {
    int task;
    const struct cupel_yaml_item *image_size, *parameters, *data, *networks, *blocks, *train;
};

#define ITEM(member, other)                                                                       \
    {                                                                                             \
        .key = #member, .type = CUPEL_FIELD_ITEM, .offset = offsetof(struct model_items, member), \
        .fallback = other                                                                         \
    }
static const struct cupel_field model_fields[] = {
    {.key = "task",
     .type = CUPEL_FIELD_CHOICE,
     .offset = offsetof(struct model_items, task),
     .words = CUPEL_WORDS(task_words)},
    ITEM(image_size, ""),
    ITEM(parameters, ""),
    ITEM(data, NULL),
    ITEM(networks, NULL),
    ITEM(blocks, ""),
    ITEM(train, NULL),
};

/* ---- names for expressions ---- */

static enum cupel_status name_bind(struct cupel_model *model, const char *name, double number,
                                   struct cupel_error *error) {
    model->bindings = binding_add(&model->yaml, model->bindings, name, NULL, number);
    return model->bindings ? CUPEL_OK : cupel_yaml_no_memory(&model->yaml, error);
}

/* A name that an expression can hold and that means nothing else there. */
static enum cupel_status parameter_name(struct cupel_model *model, const struct cupel_yaml_item *key,
                                        struct cupel_error *error) {
    static const char *const taken[] = {"image_size", "i"};
    char shown[CUPEL_YAML_SHOWN];
    bool good = isalpha((unsigned char)*key->text) || *key->text == '_';
    for (const char *c = key->text; good && *c; c++) good = isalnum((unsigned char)*c) || *c == '_';
    if (!good)
        return cupel_yaml_fail(&model->yaml, key, error,
                               "%s cannot be a parameter; use letters, digits and _, and begin with a letter",
                               cupel_yaml_shown(key, shown, sizeof shown));
    if (cupel_words_find(CUPEL_WORDS(taken), key->text) >= 0)
        return cupel_yaml_fail(&model->yaml, key, error,
                               "%s already means something in expressions; choose another name",
                               cupel_yaml_shown(key, shown, sizeof shown));
    return CUPEL_OK;
}

/* Reads `image_size:` and `parameters:`, each of which may be NULL; a parameter may use those before it. */
static enum cupel_status names_read(struct cupel_model *model, const struct cupel_yaml_item *image_size,
                                    const struct cupel_yaml_item *parameters, struct cupel_error *error) {
    const struct cupel_field size = {
        .key = "image_size", .type = CUPEL_FIELD_INT, .low = 1, .high = MAX_IMAGE_SIDE};
    if (image_size) {
        CUPEL_TRY(cupel_field_read(&model->yaml, image_size, &size, &model->image_size, error));
        CUPEL_TRY(name_bind(model, size.key, (double)model->image_size, error));
    }
    if (parameters && parameters->kind != CUPEL_YAML_MAPPING)
        return cupel_yaml_fail(&model->yaml, parameters, error,
                               "'parameters' must be a mapping, {name: number}");
    for (const struct cupel_yaml_item *item = parameters ? parameters->first : NULL; item;
         item = item->next) {
        const struct cupel_field field = {.key = item->key->text, .type = CUPEL_FIELD_NUMBER};
        struct cupel_yaml_item *value;
        double number;
        CUPEL_TRY(parameter_name(model, item->key, error));
        CUPEL_TRY(expression_expand(&model->yaml, item, model->bindings, NULL, &value, error));
        CUPEL_TRY(cupel_field_read(&model->yaml, value, &field, &number, error));
        CUPEL_TRY(name_bind(model, field.key, number, error));
    }
    return CUPEL_OK;
}

/* ---- the whole ---- */

/* "[1, 28, 28]" for a message. */
#define SHAPE_TEXT(shape) cupel_shape_text(&(shape), (char[120]){0}, 120)

/* Whether the network's shapes are good; if not, it is to blame for what is said next. */
static bool shapes_good(struct cupel_model *model, const struct cupel_network *network, bool good) {
    model->suspect = network;
    model->yaml.computed = !good;
    return good;
}

/* Auxiliary heads make what the network makes. */
static enum cupel_status check_heads(struct cupel_model *model, const struct cupel_network *network,
                                     struct cupel_error *error) {
    const struct cupel_shape output = cupel_network_output(network);
    for (int i = 0; i < network->layer_count; i++) {
        const struct cupel_shape *made = &network->infos[i].output;
        if (network->layers[i].arguments.auxiliary == 0) continue;
        if (model->task != CUPEL_TASK_CLASSIFY)
            return cupel_yaml_fail(&model->yaml, network->layers[i].item, error,
                                   "'auxiliary' belongs to task classify; remove it");
        if (i == network->layer_count - 1)
            return cupel_yaml_fail(&model->yaml, network->layers[i].item, error,
                                   "the network's output has a loss of its own; remove 'auxiliary'");
        if (!shapes_good(model, network, cupel_shape_equal(made, &output)))
            return cupel_yaml_fail(
                &model->yaml, network->layers[i].item, error,
                "the auxiliary head makes %s for each image, the network %s; make them equal",
                SHAPE_TEXT(*made), SHAPE_TEXT(output));
    }
    return CUPEL_OK;
}

/* The one network of a classifier, which makes a number for each class, or of a segmenter, which does so for each pixel. */
static enum cupel_status check_single(struct cupel_model *model, struct cupel_error *error) {
    const struct cupel_network *network = &model->networks[0];
    const struct cupel_shape output = cupel_network_output(network), *image = &model->data.shape;
    const long long classes = (long long)model->data.classes;
    const struct cupel_yaml_item *last = network->layers[network->layer_count - 1].item;
    const bool pixels = model->task == CUPEL_TASK_SEGMENT;
    const struct cupel_shape wanted =
        pixels ? CUPEL_SHAPE(classes, image->dim[1], image->dim[2]) : CUPEL_SHAPE(classes);
    if (model->network_count > 1)
        return cupel_yaml_fail(&model->yaml, model->networks[1].item, error,
                               "task %s has one network; remove this one", task_words[model->task]);
    if (network->noise)
        return cupel_yaml_fail(&model->yaml, network->item, error,
                               "task %s looks at images; set `input: image`", task_words[model->task]);
    if (network->labels)
        return cupel_yaml_fail(&model->yaml, network->item, error,
                               "task %s must not look at the labels; remove the layer `from: label`",
                               task_words[model->task]);
    if (shapes_good(model, network, cupel_shape_equal(&output, &wanted))) return CUPEL_OK;
    if (pixels)
        return cupel_yaml_fail(
            &model->yaml, last, error,
            "the network ends in %s for each image; the pixels of data.shape in data.classes "
            "classes need %s",
            SHAPE_TEXT(output), SHAPE_TEXT(wanted));
    return cupel_yaml_fail(&model->yaml, last, error,
                           "the network ends in %s for each image, but data.classes is %lld; end it with "
                           "`linear: {out: %lld}`",
                           SHAPE_TEXT(output), classes, classes);
}

/* The head has a number for each of the code's, which the noise has room for. */
static enum cupel_status check_code(struct cupel_model *model, const struct cupel_yaml_item *networks,
                                    struct cupel_error *error) {
    const struct cupel_network *generator = cupel_model_role(model, CUPEL_ROLE_GENERATOR);
    const struct cupel_network *discriminator = cupel_model_role(model, CUPEL_ROLE_DISCRIMINATOR);
    const struct cupel_network *code = cupel_model_role(model, CUPEL_ROLE_CODE);
    const int64_t numbers = model->train.gan.categories + model->train.gan.continuous;
    if (!code && !numbers) return CUPEL_OK;
    if (!code)
        return cupel_yaml_fail(&model->yaml, networks->key, error,
                               "'train.infogan' needs a network 'code' that guesses the code; add it");
    if (code->source != discriminator)
        return cupel_yaml_fail(&model->yaml, code->item, error,
                               "the network 'code' looks at a layer of the discriminator; set "
                               "`input: {layer: discriminator.NAME}`");
    if (!numbers)
        return cupel_yaml_fail(
            &model->yaml, code->item, error,
            "the network 'code' has no code to guess; add `infogan: {categories: ...}` to train");
    const struct cupel_shape guess = cupel_network_output(code);
    if (cupel_shape_count(&guess) != numbers)
        return cupel_yaml_fail(&model->yaml, code->item, error,
                               "the network 'code' makes %s; the code of train.infogan has %lld numbers",
                               SHAPE_TEXT(guess), (long long)numbers);
    if (cupel_shape_count(&generator->input) < numbers)
        return cupel_yaml_fail(&model->yaml, generator->item, error,
                               "the noise %s has no room for the code of train.infogan, %lld numbers",
                               SHAPE_TEXT(generator->input), (long long)numbers);
    return CUPEL_OK;
}

static enum cupel_status check_gan(struct cupel_model *model, const struct cupel_yaml_item *networks,
                                   struct cupel_error *error) {
    const struct cupel_network *generator = cupel_model_role(model, CUPEL_ROLE_GENERATOR);
    const struct cupel_network *discriminator = cupel_model_role(model, CUPEL_ROLE_DISCRIMINATOR);
    const struct cupel_network *code = cupel_model_role(model, CUPEL_ROLE_CODE);
    if (!generator || !discriminator || model->network_count != 2 + (code != NULL))
        return cupel_yaml_fail(&model->yaml, networks->key, error,
                               "task gan has the networks 'generator', 'discriminator' and, for InfoGAN, "
                               "'code'; call them so and remove others");
    struct cupel_shape image = cupel_network_output(generator), verdict = cupel_network_output(discriminator);
    bool makes_images = generator->noise && cupel_shape_equal(&image, &model->data.shape);
    bool judges = !discriminator->noise && !discriminator->source && cupel_shape_count(&verdict) == 1;
    if (!shapes_good(model, generator, makes_images))
        return cupel_yaml_fail(
            &model->yaml, generator->item, error,
            "the generator must turn noise into images of %s (data.shape); from %s it makes %s",
            SHAPE_TEXT(model->data.shape), generator->noise ? "noise" : "images", SHAPE_TEXT(image));
    if (!shapes_good(model, discriminator, judges))
        return cupel_yaml_fail(&model->yaml, discriminator->item, error,
                               "the discriminator must turn an image into one number; from %s it makes %s",
                               discriminator->noise    ? "noise"
                               : discriminator->source ? "another network's layer"
                                                       : "an image",
                               SHAPE_TEXT(verdict));
    return check_code(model, networks, error);
}

enum cupel_status model_interpret(struct cupel_model *model, const char *const *settings, int count,
                                  struct cupel_error *error) {
    struct cupel_yaml *yaml = &model->yaml;
    struct model_items items = {0};
    model->overrides = cupel_heap_alloc(&yaml->heap, (size_t)count + 1, sizeof *model->overrides);
    if (!model->overrides) return cupel_yaml_no_memory(yaml, error);
    for (int i = 0; i < count; i++) {
        CUPEL_TRY(cupel_yaml_override(yaml, settings[i], error));
        const char *copy = cupel_heap_text(&yaml->heap, "%s", settings[i]);
        if (!copy) return cupel_yaml_no_memory(yaml, error);
        model->overrides[model->override_count++] = copy;
    }
    CUPEL_TRY(cupel_fields_read(yaml, yaml->root, yaml->root, "the model", model_fields,
                                sizeof model_fields / sizeof *model_fields, &items, error));
    model->task = (enum cupel_task)items.task;
    CUPEL_TRY(names_read(model, items.image_size, items.parameters, error));
    struct cupel_yaml_item *data;
    CUPEL_TRY(expression_expand(yaml, items.data, model->bindings, NULL, &data, error));
    CUPEL_TRY(data_read(model, data, error));
    CUPEL_TRY(train_read(model, items.train, error));
    CUPEL_TRY(networks_read(model, items.networks, items.blocks, error));
    for (int i = 0; i < model->network_count; i++) CUPEL_TRY(check_heads(model, &model->networks[i], error));
    CUPEL_TRY(groups_read(model, error));
    return model->task == CUPEL_TASK_GAN ? check_gan(model, items.networks, error)
                                         : check_single(model, error);
}

/* Reads from `text`, or from the file `name` when it is NULL. */
static enum cupel_status read_model(const char *name, const char *text, size_t length,
                                    const char *const *settings, int count, struct cupel_model **model,
                                    struct cupel_error *error) {
    *model = NULL;
    struct cupel_model *made = calloc(1, sizeof *made);
    if (!made) return cupel_fail(error, CUPEL_NOMEM, "%s: out of memory while reading", name);
    enum cupel_status status = text ? cupel_yaml_read_text(&made->yaml, name, text, length, error)
                                    : cupel_yaml_read_file(&made->yaml, name, error);
    if (status == CUPEL_OK) status = model_interpret(made, settings, count, error);
    if (status == CUPEL_INVALID && error && made->image_size && made->yaml.computed)
        size_explain(made, error);
    if (status == CUPEL_OK)
        *model = made;
    else
        cupel_model_free(made);
    return status;
}

enum cupel_status cupel_model_read(const char *path, const char *const *settings, int count,
                                   struct cupel_model **model, struct cupel_error *error) {
    return read_model(path, NULL, 0, settings, count, model, error);
}

enum cupel_status cupel_model_read_text(const char *name, const char *text, size_t length,
                                        const char *const *settings, int count, struct cupel_model **model,
                                        struct cupel_error *error) {
    return read_model(name, text, length, settings, count, model, error);
}

void cupel_model_free(struct cupel_model *model) {
    if (!model) return;
    cupel_yaml_free(&model->yaml);
    free(model);
}

const char *cupel_model_name(const struct cupel_model *model) {
    return model->yaml.name;
}

const char *cupel_model_text(const struct cupel_model *model, size_t *length) {
    *length = model->yaml.length;
    return model->yaml.text;
}

const char *const *cupel_model_overrides(const struct cupel_model *model, int *count) {
    *count = model->override_count;
    return model->overrides;
}

enum cupel_task cupel_model_task(const struct cupel_model *model) {
    return model->task;
}

const struct cupel_data_settings *cupel_model_data(const struct cupel_model *model) {
    return &model->data;
}

const struct cupel_train_settings *cupel_model_train(const struct cupel_model *model) {
    return &model->train;
}

const struct cupel_network *cupel_model_network(const struct cupel_model *model, int index) {
    return index >= 0 && index < model->network_count ? &model->networks[index] : NULL;
}

const struct cupel_network *cupel_model_network_named(const struct cupel_model *model, const char *name) {
    for (int i = 0; i < model->network_count; i++) {
        if (!strcmp(model->networks[i].name, name)) return &model->networks[i];
    }
    return NULL;
}

const struct cupel_network *cupel_model_role(const struct cupel_model *model, enum cupel_role role) {
    if (model->task == CUPEL_TASK_GAN) return cupel_model_network_named(model, role_words[role]);
    return role == CUPEL_ROLE_CLASSIFIER ? cupel_model_network(model, 0) : NULL;
}
