#include "train/classify.h"

#include "graph/node.h"
#include "model/model.h"

static const double DICE_EPS = 1;

/* The network's outputs for images, in the shape that its input has. */
static struct cupel_tensor *forward(const struct setup *setup, const struct cupel_parts *parts,
                                    struct cupel_tensor *images, bool training,
                                    struct cupel_tensor **activations) {
    if (!images) return NULL;
    const struct cupel_network *network = setup->learners[CUPEL_ROLE_CLASSIFIER].network;
    struct cupel_shape input = cupel_network_input(network);
    struct cupel_shape shape = batch_shape(&input, cupel_tensor_shape(images)->dim[0]);
    if (!cupel_shape_equal(&shape, cupel_tensor_shape(images))) images = cupel_reshape(images, &shape);
    return cupel_network_forward(network, parts, images, NULL, training, activations);
}

static struct cupel_tensor *loss_of(const struct setup *setup, struct cupel_tensor *logits,
                                    struct cupel_tensor *labels) {
    const struct cupel_train_settings *train = &setup->train;
    struct cupel_tensor *dice = NULL;
    if (train->loss != CUPEL_LOSS_CROSS_ENTROPY) dice = cupel_dice(logits, labels, NO_LABEL, DICE_EPS);
    if (train->loss == CUPEL_LOSS_DICE) return dice;
    struct cupel_tensor *loss = cupel_cross_entropy(logits, labels, train->label_smoothing, NO_LABEL);
    return dice ? cupel_add(loss, cupel_scale(dice, train->dice_weight, 0)) : loss;
}

static struct cupel_tensor *training_loss(const struct setup *setup, struct cupel_tensor *logits,
                                          const struct targets *targets) {
    struct cupel_tensor *loss = loss_of(setup, logits, targets->labels);
    if (!targets->share) return loss;
    return mixed(targets->share, loss, loss_of(setup, logits, targets->others));
}

struct cupel_tensor *training_right(struct cupel_tensor *logits, const struct targets *targets) {
    struct cupel_tensor *right = cupel_correct(logits, targets->labels, 1);
    if (!targets->share) return right;
    return mixed(cupel_step(cupel_scale(targets->share, 1, -0.5)), right,
                 cupel_correct(logits, targets->others, 1));
}

/* The part of the labels that count; 0 where none does. */
static struct cupel_tensor *accuracy_of(const struct setup *setup, struct cupel_tensor *right,
                                        struct cupel_tensor *labels) {
    if (!labels) return NULL;
    if (!setup_segments(setup)) return cupel_scale(right, 1.0 / (double)labels->shape.dim[0], 0);
    /* Labels that count have the weight 1 / their number, others 0. */
    struct cupel_tensor *weights = NODE_ADD(label_weight, ATTR(number, .n = NO_LABEL), labels);
    return cupel_mul(right, cupel_max(weights, CUPEL_ALL_AXES, false));
}

/* ---- steps ---- */

/* The loss of the network's outputs, and those of auxiliary heads by their weights. */
static struct cupel_tensor *whole_loss(const struct setup *setup, const struct training *training,
                                       const struct targets *targets) {
    const struct cupel_network *network = setup->learners[CUPEL_ROLE_CLASSIFIER].network;
    struct cupel_tensor *loss = training_loss(setup, training->logits, targets);
    for (int i = 0; training->logits && i < network->layer_count; i++) {
        const double weight = network->layers[i].arguments.auxiliary;
        if (weight == 0) continue;
        struct cupel_tensor *head = training_loss(setup, training->activations[i], targets);
        loss = cupel_add(loss, cupel_scale(head, weight, 0));
    }
    return loss;
}

void training_append(const struct setup *setup, struct cupel_graph *graph, struct cupel_tensor *images,
                     const struct targets *targets, int64_t epoch_steps, struct training *training) {
    const struct learner *learner = &setup->learners[CUPEL_ROLE_CLASSIFIER];
    struct update update = {
        .learner = learner,
        .parts = cupel_network_parts(learner->network, graph, NULL),
        .gradients = training->gradients,
    };
    if (!training->activations)
        training->activations =
            graph_alloc(graph, (size_t)learner->network->layer_count * sizeof(struct cupel_tensor *));
    if (training->activations)
        training->logits = forward(setup, update.parts, images, true, training->activations);
    training->loss = whole_loss(setup, training, targets);
    update_append(setup, training->loss, epoch_steps, &update, 1);
    cupel_advance(cupel_rng(graph), 1);
}

enum cupel_status training_compile(const struct setup *setup, const struct samples *samples, int64_t batch,
                                   int64_t epoch_steps, struct cupel_plan **plan, struct cupel_error *error) {
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F32);
    if (!graph) return cupel_fail(error, CUPEL_NOMEM, "no memory for the training step");
    struct training training = {0};
    struct targets targets = {NULL};
    struct cupel_tensor *images = batch_next(setup, graph, samples, batch, &targets.labels);
    images = batch_augment(setup, images);
    if (setup_segments(setup)) targets.labels = cupel_mask_labels(cupel_move_alike(targets.labels, images));
    images = batch_mix(setup, images, &targets);
    training_append(setup, graph, images, &targets, epoch_steps, &training);
    struct cupel_tensor *right = training_right(training.logits, &targets);
    metrics_add(graph, TRAIN_METRICS,
                (struct cupel_tensor *[]){training.loss, accuracy_of(setup, right, targets.labels),
                                          loss_is_finite(training.loss)},
                METRICS);
    enum cupel_status status = cupel_compile(setup->store, graph, NULL, 0, &setup->plan, plan, error);
    cupel_graph_free(graph);
    return status;
}

void training_point(const float *sums, double steps, struct cupel_training_point *point) {
    point->loss = (double)sums[METRIC_LOSS] / steps;
    point->accuracy = (double)sums[METRIC_CORRECT] / steps;
}

/* The network in evaluation mode; `activations` as for cupel_network_forward. */
static struct cupel_tensor *infer(const struct setup *setup, struct cupel_graph *graph,
                                  struct cupel_tensor *images, bool average,
                                  struct cupel_tensor **activations) {
    const struct learner *learner = &setup->learners[CUPEL_ROLE_CLASSIFIER];
    struct cupel_tensor *range = average ? range_state(learner, graph, EMA_PREFIX) : NULL;
    return forward(setup, cupel_network_parts(learner->network, graph, range), images, false, activations);
}

enum cupel_status evaluation_compile(const struct setup *setup, const struct samples *samples, int64_t batch,
                                     bool average, struct cupel_plan **plan, struct cupel_error *error) {
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F32);
    if (!graph) return cupel_fail(error, CUPEL_NOMEM, "no memory for the evaluation step");
    int64_t classes = setup->data->classes;
    struct cupel_tensor *labels, *images = batch_next(setup, graph, samples, batch, &labels);
    if (setup_segments(setup)) labels = cupel_mask_labels(labels);
    struct cupel_tensor *logits = infer(setup, graph, images, average, NULL);
    const int count = evaluation_metrics(setup), five = classes < 5 ? (int)classes : 5;
    struct cupel_tensor *metrics[METRICS] = {cupel_scale(loss_of(setup, logits, labels), (double)batch, 0)};
    if (count == METRICS) {
        metrics[METRIC_CORRECT] = cupel_correct(logits, labels, 1);
        metrics[METRIC_THIRD] = cupel_correct(logits, labels, five);
    }
    metrics_add(graph, EVAL_METRICS, metrics, count);
    cupel_assign_add(cupel_state(graph, EVAL_CONFUSION, CUPEL_I32, &CUPEL_SHAPE(classes, classes), NULL),
                     cupel_confusion(logits, labels));
    struct cupel_tensor *output = setup_segments(setup) ? logits : cupel_softmax(logits, 1);
    enum cupel_status status = cupel_compile(setup->store, graph, &output, 1, &setup->plan, plan, error);
    cupel_graph_free(graph);
    return status;
}

/* What goes into the last layer with weights, [N, numbers]. */
static struct cupel_tensor *features_of(const struct setup *setup, struct cupel_graph *graph,
                                        struct cupel_tensor *images) {
    const struct cupel_network *network = setup->learners[CUPEL_ROLE_CLASSIFIER].network;
    int count, last = 0;
    const struct cupel_layer_info *layers = cupel_network_layers(network, &count);
    struct cupel_tensor **made = graph_alloc(graph, (size_t)count * sizeof(struct cupel_tensor *));
    if (!made || !infer(setup, graph, images, false, made)) return NULL;
    for (int i = 0; i < count; i++)
        if (layers[i].parameters) last = i;
    const int input = network->layers[last].inputs[0];
    return cupel_flatten(input == NETWORK_INPUT ? images : made[input]);
}

enum cupel_status prediction_compile(const struct setup *setup, int64_t batch, enum prediction_kind kind,
                                     struct prediction *prediction, struct cupel_error *error) {
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F32);
    if (!graph) return cupel_fail(error, CUPEL_NOMEM, "no memory for the prediction step");
    struct cupel_shape shape = batch_shape(&setup->data->shape, batch);
    struct cupel_tensor *images =
        batch_normalise(setup, cupel_state(graph, PREDICT_IMAGES, CUPEL_U8, &shape, NULL));
    struct cupel_tensor *output = kind == PREDICT_FEATURES ? features_of(setup, graph, images)
                                                           : infer(setup, graph, images, false, NULL);
    if (kind == PREDICT_CLASSES) output = cupel_softmax(output, 1);
    if (kind == PREDICT_LOGITS) output = cupel_flatten(output);
    *prediction =
        (struct prediction){.batch = batch, .width = output ? cupel_tensor_shape(output)->dim[1] : 0};
    enum cupel_status status =
        cupel_compile(setup->store, graph, &output, 1, &setup->plan, &prediction->plan, error);
    cupel_graph_free(graph);
    return status;
}
