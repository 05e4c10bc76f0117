#include "train/gan.h"

#include <stdlib.h>

#include "graph/node.h"

/* A step under construction. */
struct gan {
    const struct setup *setup;
    const struct cupel_gan_settings *settings;
    struct cupel_graph *graph;
    int64_t epoch_steps;
    struct cupel_tensor *deviation; /* of the instance noise, f32 [1]; NULL: none */
};

bool gan_takes_labels(const struct setup *setup) {
    for (int i = 0; i < setup->learner_count; i++)
        if (cupel_network_takes_label(setup->learners[i].network)) return true;
    return false;
}

static bool has_code(const struct setup *setup) {
    return setup->learner_count > CUPEL_ROLE_CODE;
}

/* ---- noise ---- */

/* One of `categories` at random in each row, as zeros and a one: element k is 1 where k <= u categories < k + 1. */
static struct cupel_tensor *draw_category(const struct setup *setup, struct cupel_graph *graph,
                                          int64_t batch) {
    const int64_t categories = setup->train.gan.categories;
    float *places = malloc((size_t)categories * sizeof *places);
    if (!places) return NULL;
    for (int64_t k = 0; k < categories; k++) places[k] = (float)k;
    struct cupel_tensor *place = cupel_constant(graph, CUPEL_F32, &CUPEL_SHAPE(1, categories), places);
    free(places);
    struct cupel_tensor *u = cupel_uniform(cupel_rng(graph), &CUPEL_SHAPE(batch, 1), 0, 1);
    struct cupel_tensor *above = cupel_sub(cupel_scale(u, (double)categories, 0), place);
    return cupel_sub(cupel_step(cupel_scale(above, -1, 1)), cupel_step(cupel_scale(above, -1, 0)));
}

struct cupel_tensor *gan_noise(const struct setup *setup, struct cupel_graph *graph, int64_t batch) {
    const struct cupel_shape sample = cupel_network_input(setup->learners[CUPEL_ROLE_GENERATOR].network);
    const struct cupel_shape shape = batch_shape(&sample, batch);
    const struct cupel_gan_settings *gan = &setup->train.gan;
    if (!has_code(setup)) return cupel_normal(cupel_rng(graph), &shape, 0, 1);
    const int64_t plain = cupel_shape_count(&sample) - gan->categories - gan->continuous;
    struct cupel_tensor *parts[3];
    int count = 0;
    if (plain) parts[count++] = cupel_normal(cupel_rng(graph), &CUPEL_SHAPE(batch, plain), 0, 1);
    if (gan->categories) parts[count++] = draw_category(setup, graph, batch);
    if (gan->continuous)
        parts[count++] = cupel_uniform(cupel_rng(graph), &CUPEL_SHAPE(batch, gan->continuous), -1, 1);
    return cupel_reshape(cupel_concat(parts, count, 1), &shape);
}

/* ---- the discriminator ---- */

/* The discriminator's output for images, [N]. `activations` as for cupel_network_forward. */
static struct cupel_tensor *judge(const struct gan *gan, const struct cupel_parts *parts,
                                  struct cupel_tensor *images, struct cupel_tensor *labels,
                                  struct cupel_tensor **activations) {
    if (!images) return NULL;
    const struct cupel_network *network = gan->setup->learners[CUPEL_ROLE_DISCRIMINATOR].network;
    const struct cupel_shape sample = cupel_network_input(network);
    const struct cupel_shape shape = batch_shape(&sample, cupel_tensor_shape(images)->dim[0]);
    if (!cupel_shape_equal(&shape, cupel_tensor_shape(images))) images = cupel_reshape(images, &shape);
    struct cupel_tensor *y = cupel_network_forward(
        network, parts, images, cupel_network_takes_label(network) ? labels : NULL, true, activations);
    return cupel_reshape(y, &CUPEL_SHAPE(shape.dim[0]));
}

static struct cupel_tensor *add_noise(const struct gan *gan, struct cupel_tensor *images) {
    if (!gan->deviation || !images) return images;
    struct cupel_tensor *noise = cupel_normal(cupel_rng(gan->graph), cupel_tensor_shape(images), 0, 1);
    return cupel_add(images, cupel_mul(noise, gan->deviation));
}

/* ---- losses of outputs [N] ---- */

/* What the discriminator should say: `target`, or with noisy labels now and then the `other`. */
static struct cupel_tensor *targets(const struct gan *gan, struct cupel_tensor *outputs, double target,
                                    double other) {
    const double part = gan->settings->noisy_labels;
    if (!outputs) return NULL;
    const struct cupel_shape *shape = cupel_tensor_shape(outputs);
    if (part == 0) return cupel_fill(gan->graph, shape, target);
    struct cupel_tensor *u = cupel_uniform(cupel_rng(gan->graph), shape, 0, 1);
    return cupel_scale(cupel_step(cupel_scale(u, -1, part)), other - target, target);
}

static struct cupel_tensor *mean(struct cupel_tensor *x) {
    return cupel_mean(x, CUPEL_ALL_AXES, false);
}

/* The discriminator's loss on real or on generated images. */
static struct cupel_tensor *judge_loss(const struct gan *gan, struct cupel_tensor *outputs, bool real) {
    const double one = 1 - gan->setup->train.label_smoothing;
    const double target = real ? one : 0, other = real ? 0 : one, sign = real ? -1 : 1;
    switch (gan->setup->train.loss) {
    case CUPEL_LOSS_HINGE:
        return mean(cupel_relu(cupel_scale(outputs, sign, 1)));
    case CUPEL_LOSS_WASSERSTEIN:
        return cupel_scale(mean(outputs), sign, 0);
    case CUPEL_LOSS_LEAST_SQUARES:
        return cupel_mse(outputs, targets(gan, outputs, target, other));
    default:
        break;
    }
    return cupel_bce_with_logits(outputs, targets(gan, outputs, target, other));
}

/* The generator's loss: what the updated discriminator says of its images. */
static struct cupel_tensor *fool_loss(const struct gan *gan, struct cupel_tensor *outputs) {
    if (!outputs) return NULL;
    const struct cupel_shape *shape = cupel_tensor_shape(outputs);
    switch (gan->setup->train.loss) {
    case CUPEL_LOSS_HINGE:
    case CUPEL_LOSS_WASSERSTEIN:
        return cupel_scale(mean(outputs), -1, 0);
    case CUPEL_LOSS_LEAST_SQUARES:
        return cupel_mse(outputs, cupel_fill(gan->graph, shape, 1));
    case CUPEL_LOSS_MINIMAX:
        return cupel_scale(cupel_bce_with_logits(outputs, cupel_fill(gan->graph, shape, 0)), -1, 0);
    default:
        break;
    }
    return cupel_bce_with_logits(outputs, cupel_fill(gan->graph, shape, 1));
}

struct cupel_tensor *gan_penalty(struct cupel_tensor *outputs, struct cupel_tensor *x) {
    const double tiny = 1e-12; /* keeps the root's derivative finite where the gradient vanishes */
    struct cupel_tensor *sum = cupel_sum(outputs, CUPEL_ALL_AXES, false), *slope;
    if (!sum || cupel_grad(sum, NULL, &x, 1, &slope) != CUPEL_OK) return NULL;
    struct cupel_tensor *squares = cupel_sum(cupel_mul(slope, slope), CUPEL_ALL_AXES & ~1u, false);
    struct cupel_tensor *excess = cupel_scale(cupel_sqrt(cupel_scale(squares, 1, tiny)), 1, -1);
    return mean(cupel_mul(excess, excess));
}

/* The discriminator's penalty at random points on the lines between real and generated images, times its weight. */
static struct cupel_tensor *slope_loss(const struct gan *gan, const struct cupel_parts *parts,
                                       struct cupel_tensor *real, struct cupel_tensor *fake,
                                       struct cupel_tensor *labels) {
    if (!real || !fake) return NULL;
    const struct cupel_shape place = CUPEL_SHAPE(cupel_tensor_shape(real)->dim[0], 1, 1, 1);
    struct cupel_tensor *u = cupel_uniform(cupel_rng(gan->graph), &place, 0, 1);
    struct cupel_tensor *x = cupel_add(fake, cupel_mul(u, cupel_sub(real, fake)));
    return cupel_scale(gan_penalty(judge(gan, parts, x, labels, NULL), x), gan->settings->gradient_penalty,
                       0);
}

/* ---- InfoGAN's code ---- */

/* The block of columns of x [N, ...] from `first` on. */
static struct cupel_tensor *columns(struct cupel_tensor *x, int64_t first, int64_t count) {
    x = cupel_flatten(x);
    if (!x) return NULL;
    return cupel_slice(x, (const int64_t[]){0, first}, &CUPEL_SHAPE(cupel_tensor_shape(x)->dim[0], count));
}

/* How far the head, which looks at a layer `inside` the discriminator, is from the code in the noise: cross entropy of the
 * category, and half the square of each continuous number's difference, which is a Gaussian's log likelihood of variance 1 but
 * for a constant. */
static struct cupel_tensor *code_loss(const struct gan *gan, const struct cupel_parts *parts,
                                      struct cupel_tensor *const *inside, struct cupel_tensor *noise,
                                      struct cupel_tensor **activations) {
    const struct cupel_gan_settings *settings = gan->settings;
    const struct cupel_network *network = gan->setup->learners[CUPEL_ROLE_CODE].network, *other;
    const int64_t categories = settings->categories, continuous = settings->continuous;
    if (!inside) return NULL;
    struct cupel_tensor *guess = cupel_network_forward(
        network, parts, inside[cupel_network_source(network, &other)], NULL, true, activations);
    struct cupel_tensor *loss = NULL;
    if (!guess || !noise) return NULL;
    struct cupel_shape sample = cupel_network_input(gan->setup->learners[CUPEL_ROLE_GENERATOR].network);
    const int64_t batch = cupel_tensor_shape(noise)->dim[0];
    const int64_t first = cupel_shape_count(&sample) - categories - continuous;
    if (categories) {
        struct cupel_tensor *likely = cupel_log_softmax(columns(guess, 0, categories), 1);
        struct cupel_tensor *right = cupel_mul(likely, columns(noise, first, categories));
        loss =
            cupel_scale(cupel_sum(right, CUPEL_ALL_AXES, false), -settings->code_weight / (double)batch, 0);
    }
    if (continuous) {
        struct cupel_tensor *off =
            cupel_sub(columns(guess, categories, continuous), columns(noise, first + categories, continuous));
        const double weight = settings->continuous_weight / 2 / (double)batch;
        struct cupel_tensor *squares =
            cupel_scale(cupel_sum(cupel_mul(off, off), CUPEL_ALL_AXES, false), weight, 0);
        loss = loss ? cupel_add(loss, squares) : squares;
    }
    return loss;
}

/* ---- the two sides ---- */

static const struct cupel_parts *newest_parts(const struct gan *gan, enum cupel_role role) {
    return cupel_network_parts(gan->setup->learners[role].network, gan->graph, NULL);
}

/* Room for the results of a network's layers. */
static struct cupel_tensor **activation_room(const struct gan *gan, enum cupel_role role) {
    int count;
    cupel_network_layers(gan->setup->learners[role].network, &count);
    return graph_alloc(gan->graph, (size_t)count * sizeof(struct cupel_tensor *));
}

/* What an update of the discriminator measures. */
struct verdicts {
    struct cupel_tensor *loss, *code, *real, *fake, *gradient;
};

static struct verdicts update_discriminator(const struct gan *gan, struct cupel_tensor *images,
                                            struct cupel_tensor *labels, struct cupel_tensor *fake,
                                            struct cupel_tensor *noise, struct gan_step *step) {
    const struct setup *setup = gan->setup;
    const struct learner *learners = setup->learners;
    struct update updates[2] = {{.learner = &learners[CUPEL_ROLE_DISCRIMINATOR],
                                 .parts = newest_parts(gan, CUPEL_ROLE_DISCRIMINATOR),
                                 .gradients = step->gradients[CUPEL_ROLE_DISCRIMINATOR]}};
    const struct cupel_parts *parts = updates[0].parts;
    struct verdicts verdicts = {.real = judge(gan, parts, add_noise(gan, images), labels,
                                              step->activations[CUPEL_ROLE_DISCRIMINATOR])};
    struct cupel_tensor **inside = has_code(setup) ? activation_room(gan, CUPEL_ROLE_DISCRIMINATOR) : NULL;
    verdicts.fake = judge(gan, parts, add_noise(gan, fake), labels, inside);
    /* One after the other: their noisy labels take streams in this order. */
    verdicts.loss = judge_loss(gan, verdicts.real, true);
    verdicts.loss = cupel_add(verdicts.loss, judge_loss(gan, verdicts.fake, false));
    if (gan->settings->gradient_penalty > 0)
        verdicts.loss = cupel_add(verdicts.loss, slope_loss(gan, parts, images, fake, labels));
    struct cupel_tensor *loss = verdicts.loss;
    if (has_code(setup)) {
        updates[1] = (struct update){.learner = &learners[CUPEL_ROLE_CODE],
                                     .parts = newest_parts(gan, CUPEL_ROLE_CODE),
                                     .gradients = step->gradients[CUPEL_ROLE_CODE]};
        verdicts.code = code_loss(gan, updates[1].parts, inside, noise, step->activations[CUPEL_ROLE_CODE]);
        loss = cupel_add(loss, verdicts.code);
    }
    update_append(setup, loss, gan->epoch_steps, updates, has_code(setup) ? 2 : 1);
    if (gan->settings->clip_weights > 0) update_clip_weights(&updates[0], gan->settings->clip_weights);
    verdicts.gradient = updates[0].gradient;
    return verdicts;
}

/* What an update of the generator measures. */
struct fooling {
    struct cupel_tensor *loss, *code, *outputs, *gradient, *range;
};

static struct fooling update_generator(const struct gan *gan, const struct cupel_parts *own,
                                       struct cupel_tensor *fake, struct cupel_tensor *labels,
                                       struct cupel_tensor *noise, struct gan_step *step) {
    const struct setup *setup = gan->setup;
    const struct cupel_parts *parts = newest_parts(gan, CUPEL_ROLE_DISCRIMINATOR);
    struct cupel_tensor **inside = has_code(setup) ? activation_room(gan, CUPEL_ROLE_DISCRIMINATOR) : NULL;
    struct fooling fooling = {.outputs = judge(gan, parts, add_noise(gan, fake), labels, inside)};
    fooling.loss = fool_loss(gan, fooling.outputs);
    struct cupel_tensor *loss = fooling.loss;
    if (has_code(setup)) {
        fooling.code = code_loss(gan, newest_parts(gan, CUPEL_ROLE_CODE), inside, noise, NULL);
        loss = cupel_add(loss, fooling.code);
    }
    struct update update = {.learner = &setup->learners[CUPEL_ROLE_GENERATOR],
                            .parts = own,
                            .gradients = step->gradients[CUPEL_ROLE_GENERATOR]};
    update_append(setup, loss, gan->epoch_steps, &update, 1);
    fooling.gradient = update.gradient;
    fooling.range = update.range;
    return fooling;
}

/* ---- what is measured ---- */

static struct cupel_tensor *norm(struct cupel_tensor *range) {
    return cupel_sqrt(cupel_sum(cupel_mul(range, range), CUPEL_ALL_AXES, false));
}

/* The mean output: as a probability where the loss takes it for a logit. */
static struct cupel_tensor *score(const struct gan *gan, struct cupel_tensor *outputs) {
    const enum cupel_loss loss = gan->setup->train.loss;
    const bool logit = loss == CUPEL_LOSS_NONSATURATING || loss == CUPEL_LOSS_MINIMAX;
    return mean(logit ? cupel_sigmoid(outputs) : outputs);
}

/* The part of the outputs on the side where they belong: of the middle between the targets. */
static struct cupel_tensor *accuracy(const struct gan *gan, struct cupel_tensor *outputs, bool real) {
    const double middle = gan->setup->train.loss == CUPEL_LOSS_LEAST_SQUARES ? 0.5 : 0, sign = real ? 1 : -1;
    return mean(cupel_step(cupel_scale(outputs, sign, -sign * middle)));
}

static void measure(const struct gan *gan, struct cupel_tensor *discriminator_loss,
                    const struct verdicts *last, const struct fooling *fooling) {
    struct cupel_tensor *zero = cupel_fill(gan->graph, &CUPEL_SCALAR, 0);
    struct cupel_tensor *metrics[GAN_METRICS] = {
        [GAN_DISCRIMINATOR_LOSS] = discriminator_loss,
        [GAN_GENERATOR_LOSS] = fooling->loss,
        [GAN_CODE_LOSS] = has_code(gan->setup) ? fooling->code : zero,
        [GAN_REAL_SCORE] = score(gan, last->real),
        [GAN_FAKE_SCORE] = score(gan, last->fake),
        [GAN_AFTER_SCORE] = score(gan, fooling->outputs),
        [GAN_REAL_ACCURACY] = accuracy(gan, last->real, true),
        [GAN_FAKE_ACCURACY] = accuracy(gan, last->fake, false),
        [GAN_DISCRIMINATOR_GRADIENT] = norm(last->gradient),
        [GAN_GENERATOR_GRADIENT] = norm(fooling->gradient),
        [GAN_GENERATOR_WEIGHTS] = norm(fooling->range),
        [GAN_FINITE] = cupel_mul(loss_is_finite(discriminator_loss), loss_is_finite(fooling->loss)),
    };
    metrics_add(gan->graph, TRAIN_METRICS, metrics, GAN_METRICS);
}

void gan_point(const float *sums, double steps, struct cupel_training_point *point) {
    double means[GAN_METRICS];
    for (int i = 0; i < GAN_METRICS; i++) means[i] = (double)sums[i] / steps;
    struct cupel_gan_point *gan = &point->gan;
    gan->discriminator_loss = means[GAN_DISCRIMINATOR_LOSS];
    gan->generator_loss = means[GAN_GENERATOR_LOSS];
    gan->code_loss = means[GAN_CODE_LOSS];
    gan->real_score = means[GAN_REAL_SCORE];
    gan->fake_score = means[GAN_FAKE_SCORE];
    gan->after_score = means[GAN_AFTER_SCORE];
    gan->real_accuracy = means[GAN_REAL_ACCURACY];
    gan->fake_accuracy = means[GAN_FAKE_ACCURACY];
    gan->discriminator_gradient = means[GAN_DISCRIMINATOR_GRADIENT];
    gan->generator_gradient = means[GAN_GENERATOR_GRADIENT];
    gan->generator_weights = means[GAN_GENERATOR_WEIGHTS];
}

/* ---- a step ---- */

/* The generator's images, in the shape of the data's. */
static struct cupel_tensor *generate(const struct gan *gan, const struct cupel_parts *parts,
                                     struct cupel_tensor *noise, struct cupel_tensor *labels,
                                     struct cupel_tensor **activations) {
    const struct cupel_network *network = gan->setup->learners[CUPEL_ROLE_GENERATOR].network;
    return cupel_network_forward(network, parts, noise, cupel_network_takes_label(network) ? labels : NULL,
                                 true, activations);
}

void gan_append(const struct setup *setup, struct cupel_graph *graph, const struct gan_inputs *inputs,
                int64_t epoch_steps, bool metrics, struct gan_step *step) {
    struct gan gan = {setup, &setup->train.gan, graph, epoch_steps, NULL};
    if (gan.settings->noise > 0) gan.deviation = table_entry(graph, SCHEDULE_NOISE, epoch_steps);
    const struct cupel_parts *parts = newest_parts(&gan, CUPEL_ROLE_GENERATOR);
    const int64_t updates = gan.settings->discriminator_steps;
    struct cupel_tensor *fake = NULL, *loss = NULL;
    struct verdicts verdicts = {0};
    struct gan_step rest = {0};
    for (int64_t i = 0; i < updates; i++) {
        struct gan_step *out = i ? &rest : step;
        fake = generate(&gan, parts, inputs->noise[i], inputs->labels[i],
                        out->activations[CUPEL_ROLE_GENERATOR]);
        verdicts =
            update_discriminator(&gan, inputs->images[i], inputs->labels[i], fake, inputs->noise[i], out);
        loss = loss ? cupel_add(loss, verdicts.loss) : verdicts.loss;
        out->losses[CUPEL_ROLE_DISCRIMINATOR] = verdicts.loss;
        out->losses[CUPEL_ROLE_CODE] = verdicts.code;
    }
    const int64_t last = updates - 1;
    const struct fooling fooling =
        update_generator(&gan, parts, fake, inputs->labels[last], inputs->noise[last], step);
    step->losses[CUPEL_ROLE_GENERATOR] = fooling.loss;
    if (metrics) measure(&gan, cupel_scale(loss, 1.0 / (double)updates, 0), &verdicts, &fooling);
    cupel_advance(cupel_rng(graph), 1);
}

/* The i-th `batch` rows. */
static struct cupel_tensor *rows(struct cupel_tensor *x, int64_t i, int64_t batch) {
    if (!x) return NULL;
    struct cupel_shape shape = *cupel_tensor_shape(x);
    const int64_t start[CUPEL_MAX_RANK] = {i * batch};
    if (shape.dim[0] == batch) return x;
    shape.dim[0] = batch;
    return cupel_slice(x, start, &shape);
}

void gan_append_next(const struct setup *setup, struct cupel_graph *graph, const struct samples *samples,
                     int64_t batch, int64_t epoch_steps, struct gan_step *step) {
    const int64_t updates = setup->train.gan.discriminator_steps;
    struct cupel_tensor *labels = NULL;
    struct cupel_tensor *images = batch_augment(
        setup, batch_next(setup, graph, samples, updates * batch, gan_takes_labels(setup) ? &labels : NULL));
    struct gan_inputs inputs = {0};
    for (int64_t i = 0; i < updates; i++) {
        inputs.images[i] = rows(images, i, batch);
        inputs.labels[i] = rows(labels, i, batch);
        inputs.noise[i] = gan_noise(setup, graph, batch);
    }
    gan_append(setup, graph, &inputs, epoch_steps, true, step);
}

enum cupel_status gan_compile(const struct setup *setup, const struct samples *samples, int64_t batch,
                              int64_t epoch_steps, struct cupel_plan **plan, struct cupel_error *error) {
    struct gan_step step = {0};
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F32);
    if (!graph) return cupel_fail(error, CUPEL_NOMEM, "no memory for the training step");
    gan_append_next(setup, graph, samples, batch, epoch_steps, &step);
    enum cupel_status status = cupel_compile(setup->store, graph, NULL, 0, &setup->plan, plan, error);
    cupel_graph_free(graph);
    return status;
}
