/* `train: {freeze: ..., groups: ...}`: settings of parameters by patterns of their names. */
#include "model/groups.h"

#include <float.h>
#include <stdio.h>
#include <string.h>

#include "base/pattern.h"
#include "cupel/version.h"

/* ---- suggestions ---- */

/* Names that patterns may be compared with, newest first. */
struct known {
    struct cupel_heap heap;
    const char **names;
    size_t count, room;
};

static void know(struct known *known, const char *name) {
    if (known->count < known->room && name) known->names[known->count++] = name;
}

/* The parameter's name, and the patterns of what it is in: "net.fc.weight", "net.fc.*", "net.*". */
static void know_parameter(struct known *known, const char *name) {
    know(known, name);
    for (const char *dot = strchr(name, '.'); dot; dot = strchr(dot + 1, '.'))
        know(known, cupel_heap_text(&known->heap, "%.*s.*", (int)(dot - name), name));
}

const char *pattern_suggest(const struct cupel_model *model, const char *pattern, char *text, size_t size) {
    enum { LEVELS = 40 };
    struct known known = {.room = 0};
    *text = '\0';
    for (int i = 0; i < model->network_count; i++)
        known.room += LEVELS * (size_t)model->networks[i].parameter_count;
    known.names = cupel_heap_alloc(&known.heap, known.room, sizeof *known.names);
    for (int i = 0; i < model->network_count && known.names; i++) {
        const struct cupel_network *network = &model->networks[i];
        const size_t length = strlen(network->name);
        const bool brief = model->network_count == 1 &&
                           (strncmp(pattern, network->name, length) != 0 || pattern[length] != '.');
        for (int j = 0; j < network->parameter_count; j++)
            know_parameter(&known, network->parameters[j].name + (brief ? length + 1 : 0));
    }
    const char *nearest =
        known.names ? cupel_nearest(pattern, known.names, known.count, sizeof *known.names) : NULL;
    if (nearest) snprintf(text, size, "; did you mean '%s'?", nearest);
    cupel_heap_free(&known.heap);
    return text;
}

/* ---- choosing parameters ---- */

/* One entry of `groups`. */
struct group {
    const struct cupel_yaml_item *match;
    double rate, rate_scale, weight_decay; /* 0, 0 and -1: not given */
};

#define GROUP(...) CUPEL_FIELD(group, __VA_ARGS__)
static const struct cupel_field group_fields[] = {
    GROUP("match", ITEM, match, 0, 0, NULL),
    GROUP("lr", NUMBER, rate, CUPEL_ABOVE_0, DBL_MAX, ""),
    GROUP("lr_scale", NUMBER, rate_scale, CUPEL_ABOVE_0, DBL_MAX, ""),
    GROUP("weight_decay", NUMBER, weight_decay, 0, DBL_MAX, ""),
};

/* What is done to each parameter that a pattern chooses; `item` is where it is written. */
typedef enum cupel_status choose_fn(struct cupel_model *model, const struct cupel_network *network,
                                    struct cupel_parameter *parameter, const struct group *group,
                                    struct cupel_error *error);

static enum cupel_status choose_by(struct cupel_model *model, const struct cupel_yaml_item *pattern,
                                   const char *what, choose_fn *choose, const struct group *group,
                                   struct cupel_error *error) {
    char shown[CUPEL_YAML_SHOWN], suggestion[200];
    bool found = false;
    cupel_yaml_shown(pattern, shown, sizeof shown);
    if (pattern->kind != CUPEL_YAML_SCALAR)
        return cupel_yaml_fail(&model->yaml, pattern, error,
                               "'%s' holds %s; it must hold patterns of parameters' names, as 'net.conv1.*'",
                               what, shown);
    for (int i = 0; i < model->network_count; i++) {
        struct cupel_network *network = &model->networks[i];
        for (int j = 0; j < network->parameter_count; j++) {
            struct cupel_parameter *parameter = &network->parameters[j];
            const char *brief = parameter->name + strlen(network->name) + 1;
            if (!pattern_matches(pattern->text, parameter->name, model->network_count == 1 ? brief : NULL))
                continue;
            CUPEL_TRY(choose(model, network, parameter, group, error));
            found = true;
        }
    }
    if (found) return CUPEL_OK;
    return cupel_yaml_fail(&model->yaml, pattern, error, "%s matches no parameter%s", shown,
                           pattern_suggest(model, pattern->text, suggestion, sizeof suggestion));
}

/* Chooses by one pattern or a list of them. */
static enum cupel_status choose_all(struct cupel_model *model, const struct cupel_yaml_item *patterns,
                                    const char *what, choose_fn *choose, const struct group *group,
                                    struct cupel_error *error) {
    if (patterns->kind != CUPEL_YAML_SEQUENCE) return choose_by(model, patterns, what, choose, group, error);
    for (const struct cupel_yaml_item *item = patterns->first; item; item = item->next)
        CUPEL_TRY(choose_by(model, item, what, choose, group, error));
    return CUPEL_OK;
}

/* ---- freeze ---- */

static enum cupel_status freeze(struct cupel_model *model, const struct cupel_network *network,
                                struct cupel_parameter *parameter, const struct group *group,
                                struct cupel_error *error) {
    (void)model, (void)network, (void)group, (void)error;
    parameter->frozen = true;
    return CUPEL_OK;
}

/* Finds the layers that are frozen as a whole; false when the network has nothing left to train. */
static bool freeze_layers(struct cupel_network *network) {
    int left = 0;
    for (int i = 0, next = 0; i < network->layer_count; i++) {
        struct layer *layer = &network->layers[i];
        layer->frozen = network->infos[i].parameters > 0;
        for (int64_t count = network->infos[i].parameters; count > 0; next++) {
            const struct cupel_parameter *parameter = &network->parameters[next];
            count -= cupel_shape_count(&parameter->shape);
            layer->frozen = layer->frozen && parameter->frozen;
            left += !parameter->frozen;
        }
    }
    return left > 0;
}

/* ---- groups ---- */

static enum cupel_status set_group(struct cupel_model *model, const struct cupel_network *network,
                                   struct cupel_parameter *parameter, const struct group *group,
                                   struct cupel_error *error) {
    int role = 0;
    while (role < CUPEL_ROLES - 1 && cupel_model_role(model, (enum cupel_role)role) != network) role++;
    if (group->rate > 0 && model->train.schedule[role].kind == CUPEL_SCHEDULE_ONE_CYCLE)
        return cupel_yaml_fail(&model->yaml, group->match, error,
                               "one_cycle has rates of its own, whatever `lr` is; give the group an "
                               "`lr_scale` instead");
    if (group->rate > 0) parameter->rate_scale = group->rate / model->train.optimizer[role].rate;
    if (group->rate_scale > 0) parameter->rate_scale = group->rate_scale;
    if (group->weight_decay >= 0) parameter->weight_decay = group->weight_decay;
    return CUPEL_OK;
}

static enum cupel_status group_read(struct cupel_model *model, const struct cupel_yaml_item *item,
                                    struct cupel_error *error) {
    struct group group = {.weight_decay = -1};
    CUPEL_TRY(cupel_fields_read(&model->yaml, item, item, "a group", group_fields,
                                sizeof group_fields / sizeof *group_fields, &group, error));
    if (group.rate > 0 && group.rate_scale > 0)
        return cupel_yaml_fail(&model->yaml, cupel_yaml_find(item, "lr_scale")->key, error,
                               "'lr_scale' and 'lr' both say how fast the group learns; remove one");
    if (!(group.rate > 0) && !(group.rate_scale > 0) && group.weight_decay < 0)
        return cupel_yaml_fail(&model->yaml, item, error,
                               "the group changes nothing; give it `lr`, `lr_scale` or `weight_decay`");
    return choose_all(model, group.match, "match", set_group, &group, error);
}

enum cupel_status groups_read(struct cupel_model *model, struct cupel_error *error) {
    char shown[CUPEL_YAML_SHOWN];
    const struct cupel_yaml_item *groups = model->groups;
    if (model->freeze) CUPEL_TRY(choose_all(model, model->freeze, "freeze", freeze, NULL, error));
    for (int i = 0; model->freeze && i < model->network_count; i++)
        if (!freeze_layers(&model->networks[i]))
            return cupel_yaml_fail(&model->yaml, model->freeze, error,
                                   "'freeze' leaves nothing of the network '%s' to train; freeze less",
                                   model->networks[i].name);
    if (groups && groups->kind != CUPEL_YAML_SEQUENCE)
        return cupel_yaml_fail(&model->yaml, groups, error,
                               "'groups' is %s; it must be a list, [{match: PATTERN, lr: 0.01}, ...]",
                               cupel_yaml_shown(groups, shown, sizeof shown));
    for (const struct cupel_yaml_item *item = groups ? groups->first : NULL; item; item = item->next)
        CUPEL_TRY(group_read(model, item, error));
    return CUPEL_OK;
}
