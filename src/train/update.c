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

/* ---- gradients ---- */

/* Loss scaling of torch.amp.GradScaler, with its defaults. */
static const struct cupel_scaling scaling = {.growth = 2, .backoff = 0.5, .interval = 2000};
static const struct cupel_init first_scale = {.kind = CUPEL_INIT_CONSTANT, .a = 65536};

/* Divides the range's gradient by the scale, and hands out the parameters' parts of that. */
static void unscale(struct update *update, struct cupel_tensor *scale, struct cupel_tensor **go) {
    int64_t offset = 0;
    update->gradient = cupel_unscale(update->gradient, scale, go);
    for (int i = 0; update->gradient && update->gradients && i < update->parts->count; i++) {
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

static struct cupel_tensor *optimize(const struct update *update, struct cupel_tensor *gradient,
                                     struct cupel_tensor *rate, struct cupel_tensor *step,
                                     struct cupel_tensor *go) {
    const struct cupel_optimizer_settings *optimizer = update->learner->optimizer;
    struct cupel_tensor *range = update->parts->range, *moment[MAX_MOMENTS] = {0};
    for (int i = 0; i < moment_count(optimizer); i++)
        moment[i] = range_state(update->learner, cupel_tensor_graph(range), moment_name(optimizer, i));
    switch (optimizer->kind) {
    case CUPEL_OPTIMIZER_SGD:
        return cupel_sgd(range, moment[0], gradient, rate, go, &optimizer->sgd);
    case CUPEL_OPTIMIZER_ADAM:
    case CUPEL_OPTIMIZER_ADAMW:
        return cupel_adam(range, moment[0], moment[1], gradient, rate, step, go, &optimizer->adam);
    case CUPEL_OPTIMIZER_RMSPROP:
        return cupel_rmsprop(range, moment[0], gradient, rate, go, &optimizer->rmsprop);
    case CUPEL_OPTIMIZER_ADAGRAD:
        return cupel_adagrad(range, moment[0], gradient, rate, go, &optimizer->adagrad);
    }
    return NULL;
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
        struct cupel_tensor *rate =
            table_entry(graph, range_name(learner, SCHEDULE_RATES, name), epoch_steps);
        updates[i].range = optimize(&updates[i], gradient, rate, steps[i], go);
        if (learner->ema > 0)
            cupel_ema(range_state(learner, graph, EMA_PREFIX), updates[i].range, learner->ema);
    }
}
