/* What to say when a model makes no sense at its image size: how far the shapes came, and which sizes would
 * do, found by reading the same model with others. */
#include <stdio.h>
#include <string.h>

#include "model/model.h"

/* The search ends when it has done so much work, in items of the file; a trial of a usual model is a few hundred
 * and takes a tenth of a millisecond. A fuzzer has less patience. */
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
enum { MAX_WORK = 3000 };
#else
enum { MAX_WORK = 300000 };
#endif
enum { CHAIN_ROOM = 600, PIECE_ROOM = 200 };

/* ---- shapes ---- */

/* Whether the layer changes the shape of what comes before it in the list. */
static bool reshapes(const struct cupel_network *network, int layer) {
    const struct cupel_shape *before = layer ? &network->infos[layer - 1].output : &network->input;
    return !cupel_shape_equal(before, &network->infos[layer].output);
}

static size_t piece(const struct cupel_network *network, int layer, char *text, size_t size) {
    char shape[120];
    cupel_shape_text(&network->infos[layer].output, shape, sizeof shape);
    return (size_t)snprintf(text, size, " -> %.60s %s", network->layers[layer].name, shape);
}

/* "noise [100, 1, 1] -> up1 [512, 4, 4] -> ...": layers that change the shape, the last ones where not all find
 * room. */
static void chain(const struct cupel_network *network, char *text, size_t size) {
    int made = 0, first;
    size_t room = CHAIN_ROOM;
    char next[PIECE_ROOM], shape[120];
    while (network->infos && made < network->layer_count && network->infos[made].name) made++;
    for (first = made; first > 0; first--) {
        size_t length = reshapes(network, first - 1) ? piece(network, first - 1, next, sizeof next) : 0;
        if (length > room) break;
        room -= length;
    }
    size_t used =
        (size_t)snprintf(text, size, "%s %s%s", network->noise ? "noise" : "input",
                         cupel_shape_text(&network->input, shape, sizeof shape), first ? " -> ..." : "");
    for (int i = first; i < made && used < size; i++)
        if (reshapes(network, i)) used += piece(network, i, text + used, size - used);
}

/* ---- sizes ---- */

/* What a trial costs: the text, the items, and the names, which are compared with one another. */
static size_t work_of(const struct cupel_model *trial) {
    size_t work = 1 + trial->yaml.length / 16 + trial->yaml.items;
    for (int i = 0; i < trial->network_count; i++) {
        size_t layers = (size_t)trial->networks[i].layer_count;
        work += layers * layers / 64;
    }
    return work;
}

/* Whether the model makes sense at the size; *work grows by what that costs. */
static bool fits(const struct cupel_model *model, int64_t size, size_t *work) {
    struct cupel_model trial = {0};
    struct cupel_heap heap = {0};
    int count = model->override_count;
    const char **settings = cupel_heap_alloc(&heap, (size_t)count + 1, sizeof *settings);
    const char *setting = cupel_heap_text(&heap, "image_size=%lld", (long long)size);
    bool good = settings && setting;
    if (good) {
        memcpy(settings, model->overrides, (size_t)count * sizeof *settings);
        settings[count] = setting;
        good = cupel_yaml_read_text(&trial.yaml, model->yaml.name, model->yaml.text, model->yaml.length,
                                    NULL) == CUPEL_OK &&
               model_interpret(&trial, settings, count + 1, NULL) == CUPEL_OK;
    }
    *work += work_of(&trial);
    cupel_yaml_free(&trial.yaml);
    cupel_heap_free(&heap);
    return good;
}

/* The nearest sizes that fit, 0 for none within reach. */
static void nearest(const struct cupel_model *model, int64_t *below, int64_t *above) {
    size_t work = 0;
    *below = *above = 0;
    for (int64_t step = 1; work < MAX_WORK; step++) {
        int64_t low = model->image_size - step, high = model->image_size + step;
        if (low < 1 && high > MAX_IMAGE_SIDE) return;
        if (!*below && low >= 1 && fits(model, low, &work)) *below = low;
        if (!*above && high <= MAX_IMAGE_SIDE && fits(model, high, &work)) *above = high;
        if ((*below || low < 1) && *above) return;
    }
}

void size_explain(const struct cupel_model *model, struct cupel_error *error) {
    char shapes[CHAIN_ROOM + 2 * PIECE_ROOM];
    size_t used = strlen(error->message), room = sizeof error->message;
    if (model->suspect && model->suspect->infos) {
        chain(model->suspect, shapes, sizeof shapes);
        used += (size_t)snprintf(error->message + used, room - used, "\n    shapes of %.60s: %s",
                                 model->suspect->name, shapes);
    }
    int64_t below, above;
    nearest(model, &below, &above);
    if (used >= room || (!below && !above)) return;
    used += (size_t)snprintf(error->message + used, room - used, "\n    image_size %lld does not fit; ",
                             (long long)model->image_size);
    if (used >= room) return;
    if (below && above)
        snprintf(error->message + used, room - used, "the nearest that do are %lld and %lld",
                 (long long)below, (long long)above);
    else
        snprintf(error->message + used, room - used, "the nearest that does is %lld",
                 (long long)(below ? below : above));
}
