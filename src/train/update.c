#include "train/update.h"

#include <stdio.h>

/* ---- states ---- */

struct cupel_tensor *table_entry(struct cupel_graph *graph, const char *name, int64_t steps) {
    const struct cupel_shape table = CUPEL_SHAPE(steps);
    struct cupel_tensor *step = cupel_part(cupel_rng(graph), NULL, 1, &CUPEL_SHAPE(1), NULL);
    return cupel_gather(cupel_state(graph, name, CUPEL_F32, &table, NULL),
                        cupel_state(graph, SCHEDULE_ORDER, CUPEL_I32, &table, NULL), step, 1);
}

static const struct {
    const char *moments[MAX_MOMENTS];
} optimizer_states[] = {
    [CUPEL_OPTIMIZER_SGD] = {{"optimizer.velocity"}},
    [CUPEL_OPTIMIZER_ADAM] = {{"optimizer.moment1", "optimizer.moment2"}},
    [CUPEL_OPTIMIZER_ADAMW] = {{"optimizer.moment1", "optimizer.moment2"}},
    [CUPEL_OPTIMIZER_RMSPROP] = {{"optimizer.square"}},
    [CUPEL_OPTIMIZER_ADAGRAD] = {{"optimizer.square"}},
};

const char *moment_name(const struct cupel_optimizer_settings *optimizer, int index) {
    return optimizer_states[optimizer->kind].moments[index];
}

int moment_count(const struct cupel_optimizer_settings *optimizer) {
    if (optimizer->kind == CUPEL_OPTIMIZER_SGD && optimizer->sgd.momentum == 0) return 0;
    int count = 0;
    while (count < MAX_MOMENTS && moment_name(optimizer, count)) count++;
    return count;
}

/* The newest version of a state beside the network's range. */
static struct cupel_tensor *newest(const struct learner *learner, struct cupel_graph *graph,
                                   const char *prefix, enum cupel_dtype dtype, int64_t count,
                                   const struct cupel_init *init) {
    char name[NAME_ROOM];
    range_name(learner, prefix, name);
    return cupel_state(graph, name, dtype, &CUPEL_SHAPE(count), init) ? cupel_state_latest(graph, name)
                                                                      : NULL;
}

struct cupel_tensor *range_state(const struct learner *learner, struct cupel_graph *graph,
                                 const char *prefix) {
    return newest(learner, graph, prefix, CUPEL_F32, cupel_network_range(learner->network), NULL);
}

/* ---- runs ---- */

static bool is_alike(const struct cupel_parameter *a, const struct cupel_parameter *b) {
    return a->frozen == b->frozen && a->rate_scale == b->rate_scale && a->weight_decay == b->weight_decay;
}

bool run_next(const struct learner *learner, struct run *run) {
    int count;
    const struct cupel_parameter *parameters = cupel_network_parameters(learner->network, &count);
    int first = run->next, next;
    while (first < count && parameters[first].frozen) first++;
    if (first == count) return false;
    for (next = first; next < count && is_alike(&parameters[first], &parameters[next]);) next++;
    const int64_t range = cupel_network_range(learner->network), begin = parameters[first].offset;
    const int64_t size = (next < count ? parameters[next].offset : range) - begin;
    *run = (struct run){.offset = begin,
                        .size = size,
                        .gradient_offset = run->gradient_offset + run->size,
                        .whole = size == range,
                        .rate_scale = parameters[first].rate_scale,
                        .weight_decay = parameters[first].weight_decay,
                        .next = next};
    return true;
}

struct cupel_tensor *run_part(const struct run *run, struct cupel_tensor *range) {
    return run->whole ? range : cupel_part(range, NULL, run->offset, &CUPEL_SHAPE(run->size), NULL);
}

/* ---- gradients ---- */

/* Loss scaling of torch.amp.GradScaler, with its defaults. */
static const struct cupel_scaling scaling = {.growth = 2, .backoff = 0.5, .interval = 2000};
static const struct cupel_init first_scale = {.kind = CUPEL_INIT_CONSTANT, .a = 65536};

/* Divides the range's gradient by the scale, and hands out the parameters' parts of that. */
static void unscale(struct update *update, struct cupel_tensor *scale, struct cupel_tensor **go) {
    int64_t offset = 0;
    update->gradient = cupel_unscale(update->gradient, scale, go);
    for (int i = 0; update->gradient && update->gradients && i < update->parts->count; i++) {
        if (!update->gradients[i]) continue;
        const struct cupel_shape shape = *cupel_tensor_shape(update->parts->part[i]);
        const struct cupel_shape flat = CUPEL_SHAPE(cupel_shape_count(&shape));
        update->gradients[i] = cupel_reshape(cupel_slice(update->gradient, &offset, &flat), &shape);
        offset += cupel_part_span(&shape);
    }
}

/* The gradients of the ranges. In f16 they are taken of the loss times a scale, so that they do not vanish, and divided by that
 * again. Where that gave an infinity, what is returned becomes 0: the updates are left out. NULL: they never are. */
static struct cupel_tensor *take_gradients(const struct setup *setup, struct cupel_tensor *loss,
                                           struct update *updates, int count) {
    const bool scaled = setup->plan.precision == CUPEL_PRECISION_F16;
    struct cupel_graph *graph = cupel_tensor_graph(loss);
    const struct learner *first = updates[0].learner;
    struct cupel_tensor *scale = NULL, *go = NULL;
    if (scaled) {
        scale = newest(first, graph, LOSS_SCALE, CUPEL_F32, 1, &first_scale);
        loss = cupel_mul(loss, cupel_reshape(scale, &CUPEL_SCALAR));
    }
    for (int i = 0; i < count; i++) {
        struct update *update = &updates[i];
        struct cupel_tensor *finite = NULL;
        update->gradient = cupel_parts_grad(update->parts, loss, update->gradients);
        if (scaled) unscale(update, scale, &finite);
        go = go ? cupel_mul(go, finite) : finite;
    }
    if (scaled)
        cupel_adapt_scale(scale, newest(first, graph, LOSS_SCALE_COUNTS, CUPEL_I64, 2, NULL), go, &scaling);
    return go;
}

/* ---- optimizers ---- */

/* Updates of the network so far, i64 [1], and that number moved on where nothing else does. */
static struct cupel_tensor *count_update(const struct setup *setup, const struct learner *learner,
                                         const struct learner *scaled, struct cupel_graph *graph) {
    if (setup->plan.precision == CUPEL_PRECISION_F16)
        return cupel_part(newest(scaled, graph, LOSS_SCALE_COUNTS, CUPEL_I64, 2, NULL), NULL, 1,
                          &CUPEL_SHAPE(1), NULL);
    if (learner->updates == 1) return cupel_part(cupel_rng(graph), NULL, 1, &CUPEL_SHAPE(1), NULL);
    struct cupel_tensor *count = newest(learner, graph, UPDATE_COUNT, CUPEL_I64, 1, NULL);
    cupel_advance(count, 1);
    return count;
}

/* The optimizer with the run's weight decay. */
static struct cupel_optimizer_settings optimizer_of(const struct learner *learner, const struct run *run) {
    struct cupel_optimizer_settings optimizer = *learner->optimizer;
    if (run->weight_decay < 0) return optimizer;
    optimizer.sgd.weight_decay = optimizer.adam.weight_decay = run->weight_decay;
    optimizer.rmsprop.weight_decay = optimizer.adagrad.weight_decay = run->weight_decay;
    return optimizer;
}

/* What the updates of a network's runs have in common. */
struct step {
    struct cupel_tensor *gradient, *rate, *count, *go;
};

/* The newest version of the network's parameters. */
static struct cupel_tensor *newest_range(const struct learner *learner, struct cupel_graph *graph) {
    return cupel_state_latest(graph, cupel_network_name(learner->network));
}

/* Updates a run, and returns its new parameters. */
static struct cupel_tensor *optimize(const struct learner *learner, const struct run *run,
                                     const struct step *step, struct cupel_graph *graph) {
    const struct cupel_optimizer_settings optimizer = optimizer_of(learner, run);
    struct cupel_tensor *range = run_part(run, newest_range(learner, graph)), *moment[MAX_MOMENTS] = {0},
                        *gradient = step->gradient, *rate = step->rate, *go = step->go;
    if (!run->whole)
        gradient = cupel_part(gradient, NULL, run->gradient_offset, &CUPEL_SHAPE(run->size), NULL);
    if (run->rate_scale != 1) rate = cupel_scale(rate, run->rate_scale, 0);
    for (int i = 0; i < moment_count(&optimizer); i++)
        moment[i] = run_part(run, range_state(learner, graph, moment_name(&optimizer, i)));
    switch (optimizer.kind) {
    case CUPEL_OPTIMIZER_SGD:
        return cupel_sgd(range, moment[0], gradient, rate, go, &optimizer.sgd);
    case CUPEL_OPTIMIZER_ADAM:
    case CUPEL_OPTIMIZER_ADAMW:
        return cupel_adam(range, moment[0], moment[1], gradient, rate, step->count, go, &optimizer.adam);
    case CUPEL_OPTIMIZER_RMSPROP:
        return cupel_rmsprop(range, moment[0], gradient, rate, go, &optimizer.rmsprop);
    case CUPEL_OPTIMIZER_ADAGRAD:
        return cupel_adagrad(range, moment[0], gradient, rate, go, &optimizer.adagrad);
    }
    return NULL;
}

static void update_runs(struct update *update, const struct step *step, struct cupel_graph *graph) {
    const struct learner *learner = update->learner;
    struct run run = {0};
    while (run_next(learner, &run)) {
        struct cupel_tensor *made = optimize(learner, &run, step, graph);
        if (learner->ema > 0)
            cupel_ema(run_part(&run, range_state(learner, graph, EMA_PREFIX)), made, learner->ema);
    }
    update->range = newest_range(learner, graph);
}

void update_clip_weights(struct update *update, double limit) {
    struct run run = {0};
    while (update->range && run_next(update->learner, &run)) {
        struct cupel_graph *graph = cupel_tensor_graph(update->range);
        struct cupel_tensor *part = run_part(&run, update->range);
        cupel_assign(part, cupel_clamp(part, -limit, limit));
        update->range = newest_range(update->learner, graph);
    }
}

void update_append(const struct setup *setup, struct cupel_tensor *loss, int64_t epoch_steps,
                   struct update *updates, int count) {
    if (!loss) return;
    struct cupel_graph *graph = cupel_tensor_graph(loss);
    const double norm = setup->train.clip_norm, value = setup->train.clip_value;
    struct cupel_tensor *steps[CUPEL_ROLES];
    for (int i = 0; i < count; i++)
        steps[i] = count_update(setup, updates[i].learner, updates[0].learner, graph);
    struct cupel_tensor *go = take_gradients(setup, loss, updates, count);
    for (int i = 0; i < count; i++) {
        const struct learner *learner = updates[i].learner;
        char name[NAME_ROOM];
        struct cupel_tensor *gradient = updates[i].gradient;
        if (norm > 0) gradient = cupel_clip_norm(gradient, norm);
        if (value > 0) gradient = cupel_clamp(gradient, -value, value);
        range_name(learner, SCHEDULE_RATES, name);
        const struct step step = {
            .gradient = gradient,
            .rate = table_entry(graph, name, epoch_steps),
            .count = steps[i],
            .go = go,
        };
        update_runs(&updates[i], &step, graph);
    }
}
