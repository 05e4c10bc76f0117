#include "train/culprit.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "train/gan.h"
#include "train/loop.h"

enum kind { STATE, OUTPUT, GRADIENT, LOSS };

/* A value of a step. */
struct value {
    enum kind kind;
    const char *name; /* NETWORK.LAYER.TENSOR; of an output NETWORK.LAYER, of a loss NETWORK */
    int64_t count;
    struct cupel_tensor *tensor; /* while the graph is there */
};

/* A step under suspicion: its values in the order in which they are computed. */
struct probe {
    struct value *values;
    int count;
    struct cupel_tensor **tensors; /* of the values */
    struct cupel_plan *plan;
};

static bool is_finite(const float *numbers, int64_t count) {
    for (int64_t i = 0; i < count; i++)
        if (!isfinite(numbers[i])) return false;
    return true;
}

/* ---- what is said ---- */

static void accuse(struct culprit *culprit, int64_t step, enum kind kind, const char *name) {
    static const char *const what[] = {
        [STATE] = "", [OUTPUT] = "output of ", [GRADIENT] = "gradient of ", [LOSS] = "loss of "};
    const char *layer = strchr(name, '.'), *tensor = strrchr(name, '.');
    const int network = (int)(layer ? layer - name : (ptrdiff_t)strlen(name));
    culprit->step = step;
    snprintf(culprit->tensor, sizeof culprit->tensor, "%s%s", what[kind], name);
    size_t used = (size_t)snprintf(culprit->text, sizeof culprit->text,
                                   "the first such number is in step %" PRId64 ", network '%.*s', ", step,
                                   network, name);
    char *rest = culprit->text + used;
    const size_t room = sizeof culprit->text - used;
    if (kind == LOSS)
        snprintf(rest, room, "in its loss");
    else if (kind == OUTPUT)
        snprintf(rest, room, "layer '%s', in its output", layer + 1);
    else
        snprintf(rest, room, "layer '%.*s', in its tensor '%s'%s", (int)(tensor - layer - 1), layer + 1,
                 tensor + 1, kind == GRADIENT ? ", in the gradient" : "");
}

/* ---- states ---- */

static enum cupel_status collect_state(struct setup *setup, struct cupel_weights *all) {
    for (int i = 0; i < setup->learner_count; i++) {
        const struct learner *learner = &setup->learners[i];
        CUPEL_TRY(collect_range(setup, learner, cupel_network_name(learner->network), "", all, NULL, NULL));
    }
    return collect_statistics(setup, "", all, NULL);
}

/* Looks at parameters and running statistics as they are between two steps. */
static bool find_in_state(struct loop *loop, int64_t step, struct culprit *culprit) {
    struct cupel_weights all = {0};
    bool found = false;
    const bool read = collect_state(&loop->setup, &all) == CUPEL_OK;
    for (size_t i = 0; read && !found && i < all.count; i++) {
        const struct cupel_weight *weight = &all.tensors[i];
        if (weight->dtype != CUPEL_F32 || is_finite(weight->data, cupel_shape_count(&weight->shape)))
            continue;
        found = true;
        accuse(culprit, step, STATE, weight->name);
    }
    cupel_weights_free(&all);
    return found;
}

/* ---- a step ---- */

static void add_value(struct probe *probe, enum kind kind, const char *name, struct cupel_tensor *tensor) {
    if (!tensor) return;
    probe->values[probe->count] =
        (struct value){kind, name, cupel_shape_count(cupel_tensor_shape(tensor)), tensor};
    probe->tensors[probe->count++] = tensor;
}

static void add_outputs(struct probe *probe, const struct cupel_network *network,
                        struct cupel_tensor *const *outputs) {
    int count;
    const struct cupel_layer_info *layers = cupel_network_layers(network, &count);
    for (int i = 0; i < count; i++) add_value(probe, OUTPUT, layers[i].name, outputs[i]);
}

/* The last layer's come first. */
static void add_gradients(struct probe *probe, const struct cupel_network *network,
                          struct cupel_tensor *const *gradients) {
    int count;
    const struct cupel_parameter *parameters = cupel_network_parameters(network, &count);
    for (int i = count - 1; i >= 0; i--) add_value(probe, GRADIENT, parameters[i].name, gradients[i]);
}

/* The values that training computes from, and those that it makes the weights' updates from. In f16 a gradient may overflow: its
 * update is left out. */
static void add_values(const struct setup *setup, const struct gan_step *step, struct probe *probe) {
    static const enum cupel_role order[] = {CUPEL_ROLE_DISCRIMINATOR, CUPEL_ROLE_CODE, CUPEL_ROLE_GENERATOR};
    const bool overflows = setup->plan.precision == CUPEL_PRECISION_F16;
    for (int i = 0; i < setup->learner_count; i++)
        add_outputs(probe, setup->learners[i].network, step->activations[i]);
    for (int i = 0; i < CUPEL_ROLES; i++) {
        const enum cupel_role role = order[i];
        if (role >= (enum cupel_role)setup->learner_count) continue;
        const struct cupel_network *network = setup->learners[role].network;
        add_value(probe, LOSS, cupel_network_name(network), step->losses[role]);
        if (!overflows) add_gradients(probe, network, step->gradients[role]);
    }
}

/* Room for what a step gives back, `total` tensors in all. */
static struct cupel_tensor **step_room(const struct setup *setup, struct gan_step *step, int *total) {
    int layers[CUPEL_ROLES], parameters[CUPEL_ROLES];
    *total = 0;
    for (int i = 0; i < setup->learner_count; i++) {
        cupel_network_layers(setup->learners[i].network, &layers[i]);
        cupel_network_parameters(setup->learners[i].network, &parameters[i]);
        *total += layers[i] + parameters[i] + 1;
    }
    struct cupel_tensor **room = calloc((size_t)*total + 1, sizeof(struct cupel_tensor *)), **next = room;
    for (int i = 0; room && i < setup->learner_count; i++) {
        step->activations[i] = next;
        step->gradients[i] = next + layers[i];
        next += layers[i] + parameters[i];
    }
    return room;
}

static enum cupel_status compile(struct loop *loop, int64_t batch, struct probe *probe) {
    const struct setup *setup = &loop->setup;
    struct gan_step step = {0};
    int total;
    struct cupel_tensor **room = step_room(setup, &step, &total);
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F32);
    probe->values = calloc((size_t)total + 1, sizeof *probe->values);
    probe->tensors = calloc((size_t)total + 1, sizeof(struct cupel_tensor *));
    enum cupel_status status = CUPEL_NOMEM;
    if (room && graph && probe->values && probe->tensors) {
        gan_append_next(setup, graph, &loop->train, batch, loop->epoch_steps, &step);
        add_values(setup, &step, probe);
        status = cupel_compile(setup->store, graph, probe->tensors, probe->count, &setup->plan, &probe->plan,
                               NULL);
    }
    cupel_graph_free(graph);
    free(room);
    return status;
}

static bool find_in_values(const struct probe *probe, int64_t step, struct culprit *culprit) {
    for (int i = 0; i < probe->count; i++) {
        const struct value *value = &probe->values[i];
        const size_t bytes = (size_t)value->count * sizeof(float);
        float *numbers = malloc(bytes);
        const bool bad = numbers && cupel_plan_read(probe->plan, i, numbers, bytes, NULL) == CUPEL_OK &&
                         !is_finite(numbers, value->count);
        free(numbers);
        if (!bad) continue;
        accuse(culprit, step, value->kind, value->name);
        return true;
    }
    return false;
}

/* Runs the next step with all its values kept, as the loop would run it. */
static bool find_in_step(struct loop *loop, struct culprit *culprit) {
    const int64_t step = loop->state.step + 1, batch = loop->setup.train.batch;
    const int64_t place = loop->state.step % loop->epoch_steps * loop->step_images;
    const bool whole = loop->division.train_count - place >= loop->step_images;
    struct cupel_plan **plan = whole ? &loop->full : &loop->rest, *usual = *plan;
    struct probe probe = {0};
    bool found = false;
    if (compile(loop, whole ? batch : loop->division.train_count % batch, &probe) == CUPEL_OK) {
        *plan = probe.plan;
        loop->steps = step;
        loop_run(loop, NULL); /* which fails if the losses are what is looked for */
        *plan = usual;
        found = loop->state.step == step && find_in_values(&probe, step, culprit);
    }
    cupel_plan_free(probe.plan);
    free(probe.values);
    free(probe.tensors);
    return found;
}

/* ---- the search ---- */

static bool search(struct loop *loop, int64_t bad_step, struct culprit *culprit) {
    if (loop->state.step < bad_step - 2) {
        loop->steps = bad_step - 2;
        if (loop_run(loop, NULL) || loop->state.step < loop->steps) return false;
    }
    for (int64_t step = loop->state.step + 1; step <= bad_step; step++) {
        if (find_in_state(loop, step, culprit) || find_in_step(loop, culprit)) return true;
        if (loop->state.step < step) return false;
    }
    return find_in_state(loop, bad_step, culprit);
}

bool culprit_find(const struct cupel_model *model, const struct cupel_train_options *options,
                  int64_t saved_step, int64_t bad_step, struct culprit *culprit) {
    struct cupel_train_options again = *options;
    struct cupel_train_result result = {0};
    struct loop loop = {.options = &again, .result = &result, .repeats = true};
    again.resume = saved_step >= 0;
    again.init = again.resume ? NULL : options->init;
    again.checkpoint_steps = 0;
    again.watcher = (struct cupel_watcher){0};
    again.run.note = NULL;
    const bool found = loop_open(&loop, model, NULL) == CUPEL_OK && search(&loop, bad_step, culprit);
    loop_close(&loop);
    return found;
}
