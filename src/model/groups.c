/* `train: {freeze: ..., groups: ...}`: settings of parameters by patterns of their names. */
#include "model/groups.h"

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
