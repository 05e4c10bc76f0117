#include "train/classify.h"

#include <stdio.h>

enum { NO_LABEL = -100 }; /* PyTorch's ignore_index; no data set has it */

/* ---- from the data set to the network ---- */

static struct cupel_shape batch_shape(const struct cupel_shape *sample, int64_t batch) {
    struct cupel_shape shape = {.rank = sample->rank + 1, .dim = {batch}};
    for (int i = 0; i < sample->rank; i++) shape.dim[i + 1] = sample->dim[i];
    return shape;
}

/* Pixels to normalised numbers. */
static struct cupel_tensor *normalise(const struct setup *setup, struct cupel_tensor *pixels) {
    if (!pixels) return NULL;
    struct cupel_graph *graph = cupel_tensor_graph(pixels);
    struct cupel_shape channels = CUPEL_SHAPE(setup->data->shape.dim[0]);
    return cupel_convert(pixels, cupel_constant(graph, CUPEL_F32, &channels, setup->mean),
                         cupel_constant(graph, CUPEL_F32, &channels, setup->deviation));
}

static struct cupel_tensor *augment(const struct setup *setup, struct cupel_tensor *images) {
    if (!images) return NULL;
    struct cupel_tensor *rng = cupel_rng(cupel_tensor_graph(images));
    if (setup->data->flip) images = cupel_random_flip(images, rng, 0.5);
    if (setup->data->crop) images = cupel_random_crop(images, rng, (int)setup->data->crop);
    return images;
}

static struct cupel_tensor *all_images(const struct setup *setup, struct cupel_graph *graph,
                                       const struct samples *samples) {
    const struct cupel_shape shape = batch_shape(&setup->data->shape, samples->rows);
    return cupel_state(graph, samples->images, CUPEL_U8, &shape, NULL);
}

/* All splits stage whole batches and remainders in one place. */
static struct cupel_tensor *staged_batch(const struct setup *setup, struct cupel_graph *graph,
                                         int64_t batch) {
    const struct cupel_shape whole = batch_shape(&setup->data->shape, setup->train.batch),
                             part = batch_shape(&setup->data->shape, batch);
    struct cupel_tensor *place = cupel_state(graph, STAGED_IMAGES, CUPEL_U8, &whole, NULL);
    if (batch == setup->train.batch) return place;
    return cupel_slice(place, (const int64_t[CUPEL_MAX_RANK]){0}, &part);
}

/* The next batch of a split, and the cursor behind it. */
static void next_batch(const struct setup *setup, struct cupel_graph *graph, const struct samples *samples,
                       int64_t batch, struct cupel_tensor **images, struct cupel_tensor **labels) {
    struct cupel_tensor *order =
        cupel_state(graph, samples->order, CUPEL_I32, &CUPEL_SHAPE(samples->count), NULL);
    struct cupel_tensor *cursor = cupel_state(graph, samples->cursor, CUPEL_I64, &CUPEL_SHAPE(1), NULL);
    struct cupel_tensor *classes =
        cupel_state(graph, samples->labels, CUPEL_I32, &CUPEL_SHAPE(samples->rows), NULL);
    *images = normalise(setup, samples->staged
                                   ? staged_batch(setup, graph, batch)
                                   : cupel_gather(all_images(setup, graph, samples), order, cursor, batch));
    *labels = cupel_gather(classes, order, cursor, batch);
    cupel_advance(cursor, batch);
}

/* The network's outputs for images, in the shape that its input has. */
static struct cupel_tensor *forward(const struct setup *setup, const struct cupel_parts *parts,
                                    struct cupel_tensor *images, bool training,
                                    struct cupel_tensor **activations) {
    if (!images) return NULL;
    struct cupel_shape input = cupel_network_input(setup->network);
    struct cupel_shape shape = batch_shape(&input, cupel_tensor_shape(images)->dim[0]);
    if (!cupel_shape_equal(&shape, cupel_tensor_shape(images))) images = cupel_reshape(images, &shape);
    return cupel_network_forward(setup->network, parts, images, NULL, training, activations);
}

static struct cupel_tensor *loss_of(const struct setup *setup, struct cupel_tensor *logits,
                                    struct cupel_tensor *labels) {
    return cupel_cross_entropy(logits, labels, setup->train.label_smoothing, NO_LABEL);
}

/* Adds real scalars to a state with one element for each. */
static void add_up(struct cupel_graph *graph, const char *name, struct cupel_tensor *const *scalars,
                   int count) {
    struct cupel_tensor *parts[METRICS];
    for (int i = 0; i < count; i++) parts[i] = cupel_reshape(scalars[i], &CUPEL_SHAPE(1));
    cupel_assign_add(cupel_state(graph, name, CUPEL_F32, &CUPEL_SHAPE(count), NULL),
                     cupel_concat(parts, count, 0));
}

/* ---- optimizer ---- */

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

const char *range_name(const struct setup *setup, const char *prefix, char *name) {
    snprintf(name, NAME_ROOM, "%s.%s", prefix, cupel_network_name(setup->network));
    return name;
}

/* A state as large as the network's range. */
static struct cupel_tensor *range_state(const struct setup *setup, struct cupel_graph *graph,
                                        const char *prefix) {
    char name[NAME_ROOM];
    return cupel_state(graph, range_name(setup, prefix, name), CUPEL_F32,
                       &CUPEL_SHAPE(cupel_network_range(setup->network)), NULL);
}

static struct cupel_tensor *optimize(const struct setup *setup, struct cupel_tensor *range,
                                     struct cupel_tensor *gradient, struct cupel_tensor *rate,
                                     struct cupel_tensor *step, struct cupel_tensor *go) {
    const struct cupel_optimizer_settings *optimizer = &setup->train.optimizer;
    struct cupel_tensor *moment[MAX_MOMENTS] = {0};
    for (int i = 0; i < moment_count(optimizer); i++)
        moment[i] = range_state(setup, cupel_tensor_graph(range), moment_name(optimizer, i));
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

/* ---- gradients ---- */

/* The gradient of the parameters' range. In f16 it is taken of the loss times a scale, so that it does not vanish, and divided
 * by that again. Where that gave an infinity, *go becomes 0: the step is left out. *step then counts the steps that were not. */
static struct cupel_tensor *gradient_of(const struct setup *setup, const struct cupel_parts *parts,
                                        struct training *training, struct cupel_tensor **step,
                                        struct cupel_tensor **go) {
    if (setup->plan.precision != CUPEL_PRECISION_F16)
        return cupel_parts_grad(parts, training->loss, training->gradients);
    static const struct cupel_scaling scaling = {.growth = 2, .backoff = 0.5, .interval = 2000};
    const struct cupel_init start = {.kind = CUPEL_INIT_CONSTANT, .a = 65536};
    struct cupel_graph *graph = cupel_tensor_graph(parts->range);
    struct cupel_tensor *scale = cupel_state(graph, LOSS_SCALE, CUPEL_F32, &CUPEL_SHAPE(1), &start);
    struct cupel_tensor *counts = cupel_state(graph, LOSS_SCALE_COUNTS, CUPEL_I64, &CUPEL_SHAPE(2), NULL);
    struct cupel_tensor *scaled = cupel_mul(training->loss, cupel_reshape(scale, &CUPEL_SCALAR));
    struct cupel_tensor *gradient =
        cupel_unscale(cupel_parts_grad(parts, scaled, training->gradients), scale, go);
    *step = cupel_part(counts, NULL, 1, &CUPEL_SHAPE(1), NULL);
    cupel_adapt_scale(scale, counts, *go, &scaling);
    int64_t offset = 0;
    for (int i = 0; gradient && training->gradients && i < parts->count; i++) {
        const struct cupel_shape shape = *cupel_tensor_shape(parts->part[i]);
        const struct cupel_shape flat = CUPEL_SHAPE(cupel_shape_count(&shape));
        training->gradients[i] = cupel_reshape(cupel_slice(gradient, &offset, &flat), &shape);
        offset += cupel_part_span(&shape);
    }
    return gradient;
}

/* ---- steps ---- */

void training_append(const struct setup *setup, struct cupel_graph *graph, struct cupel_tensor *images,
                     struct cupel_tensor *labels, int64_t epoch_steps, struct training *training) {
    struct cupel_tensor *rng = cupel_rng(graph);
    struct cupel_tensor *step = cupel_part(rng, NULL, 1, &CUPEL_SHAPE(1), NULL);
    struct cupel_shape table = CUPEL_SHAPE(epoch_steps);
    struct cupel_tensor *rate =
        cupel_gather(cupel_state(graph, SCHEDULE_RATES, CUPEL_F32, &table, NULL),
                     cupel_state(graph, SCHEDULE_ORDER, CUPEL_I32, &table, NULL), step, 1);
    const struct cupel_parts *parts = cupel_network_parts(setup->network, graph, NULL);
    if (!parts) return;
    training->logits = forward(setup, parts, images, true, training->activations);
    training->loss = loss_of(setup, training->logits, labels);
    struct cupel_tensor *go = NULL, *gradient = gradient_of(setup, parts, training, &step, &go);
    double norm = setup->train.clip_norm, value = setup->train.clip_value;
    if (norm > 0) gradient = cupel_clip_norm(gradient, norm);
    if (value > 0) gradient = cupel_clamp(gradient, -value, value);
    struct cupel_tensor *updated = optimize(setup, parts->range, gradient, rate, step, go);
    if (setup->train.ema > 0) cupel_ema(range_state(setup, graph, EMA_PREFIX), updated, setup->train.ema);
    cupel_advance(rng, 1);
}

/* A loss is finite when it is below the largest number; NaN is not below anything. */
static struct cupel_tensor *is_finite(struct cupel_tensor *loss) {
    return cupel_step(cupel_scale(loss, -1, 3e38));
}

enum cupel_status training_compile(const struct setup *setup, const struct samples *samples, int64_t batch,
                                   int64_t epoch_steps, struct cupel_plan **plan, struct cupel_error *error) {
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F32);
    if (!graph) return cupel_fail(error, CUPEL_NOMEM, "no memory for the training step");
    struct training training = {0};
    struct cupel_tensor *images, *labels;
    next_batch(setup, graph, samples, batch, &images, &labels);
    training_append(setup, graph, augment(setup, images), labels, epoch_steps, &training);
    struct cupel_tensor *right = cupel_correct(training.logits, labels, 1);
    add_up(graph, TRAIN_METRICS,
           (struct cupel_tensor *[]){training.loss, cupel_scale(right, 1.0 / (double)batch, 0),
                                     is_finite(training.loss)},
           METRICS);
    enum cupel_status status = cupel_compile(setup->store, graph, NULL, 0, &setup->plan, plan, error);
    cupel_graph_free(graph);
    return status;
}

/* The network in evaluation mode. */
static struct cupel_tensor *infer(const struct setup *setup, struct cupel_graph *graph,
                                  struct cupel_tensor *images, bool average) {
    struct cupel_tensor *range = average ? range_state(setup, graph, EMA_PREFIX) : NULL;
    return forward(setup, cupel_network_parts(setup->network, graph, range), images, false, NULL);
}

enum cupel_status evaluation_compile(const struct setup *setup, const struct samples *samples, int64_t batch,
                                     bool average, struct cupel_plan **plan, struct cupel_error *error) {
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F32);
    if (!graph) return cupel_fail(error, CUPEL_NOMEM, "no memory for the evaluation step");
    int64_t classes = setup->data->classes;
    struct cupel_tensor *images, *labels;
    next_batch(setup, graph, samples, batch, &images, &labels);
    struct cupel_tensor *logits = infer(setup, graph, images, average);
    int five = classes < 5 ? (int)classes : 5;
    add_up(graph, EVAL_METRICS,
           (struct cupel_tensor *[]){cupel_scale(loss_of(setup, logits, labels), (double)batch, 0),
                                     cupel_correct(logits, labels, 1), cupel_correct(logits, labels, five)},
           METRICS);
    cupel_assign_add(cupel_state(graph, EVAL_CONFUSION, CUPEL_I32, &CUPEL_SHAPE(classes, classes), NULL),
                     cupel_confusion(logits, labels));
    struct cupel_tensor *probabilities = cupel_softmax(logits, 1);
    enum cupel_status status =
        cupel_compile(setup->store, graph, &probabilities, 1, &setup->plan, plan, error);
    cupel_graph_free(graph);
    return status;
}

enum cupel_status prediction_compile(const struct setup *setup, int64_t batch, struct cupel_plan **plan,
                                     struct cupel_error *error) {
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F32);
    if (!graph) return cupel_fail(error, CUPEL_NOMEM, "no memory for the prediction step");
    struct cupel_shape shape = batch_shape(&setup->data->shape, batch);
    struct cupel_tensor *pixels = cupel_state(graph, PREDICT_IMAGES, CUPEL_U8, &shape, NULL);
    struct cupel_tensor *probabilities =
        cupel_softmax(infer(setup, graph, normalise(setup, pixels), false), 1);
    enum cupel_status status =
        cupel_compile(setup->store, graph, &probabilities, 1, &setup->plan, plan, error);
    cupel_graph_free(graph);
    return status;
}
