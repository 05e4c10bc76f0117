/* A model's training step on two devices, from the same numbers. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/check.h"
#include "philox.h"
#include "plan/plan.h"
#include "train/classify.h"
#include "train/dump.h"
#include "train/gan.h"
#include "train/load.h"

/* ---- the batch ---- */

static enum cupel_status make_room(struct sides *sides, struct cupel_error *error) {
    const struct setup *setup = &sides->trusted.setup;
    sides->samples = split_test(setup_step_images(setup));
    const size_t rows = (size_t)sides->samples.rows;
    sides->pixels = malloc(rows * (size_t)cupel_shape_count(&setup->data->shape));
    sides->labels = calloc(rows, sizeof *sides->labels);
    sides->masks = calloc(rows, (size_t)setup_plane(setup));
    if (sides->pixels && sides->labels && sides->masks) return CUPEL_OK;
    return cupel_fail(error, CUPEL_NOMEM, "no memory for a batch of %zu images", rows);
}

static void draw_batch(struct sides *sides) {
    const struct setup *setup = &sides->trusted.setup;
    const uint64_t rows = (uint64_t)sides->samples.rows, classes = (uint64_t)setup->data->classes;
    const uint64_t bytes = rows * (uint64_t)cupel_shape_count(&setup->data->shape);
    const uint64_t masked = classes && setup_segments(setup) ? rows * (uint64_t)setup_plane(setup) : 0;
    const struct philox philox = philox_start((uint64_t)setup->train.seed, PHILOX_INIT, 0, 0);
    for (uint64_t i = 0; i < bytes; i++) sides->pixels[i] = (uint8_t)philox_word(&philox, i);
    for (uint64_t i = 0; i < rows && classes; i++) sides->labels[i] = (int32_t)(i % classes);
    for (uint64_t i = 0; i < masked; i++) sides->masks[i] = (uint8_t)(sides->pixels[i] % classes);
}

/* Training images from all over the set, which may lie sorted by class. */
static enum cupel_status take_batch(struct sides *sides, const struct cupel_dataset *dataset,
                                    struct cupel_error *error) {
    const struct cupel_dataset_split *split = &dataset->train;
    const int64_t rows = sides->samples.rows;
    const size_t image = (size_t)cupel_shape_count(&sides->trusted.setup.data->shape),
                 plane = (size_t)setup_plane(&sides->trusted.setup);
    for (int64_t i = 0; i < rows; i++) {
        const int64_t from = split->count >= rows ? i * (split->count / rows) : i % split->count;
        CUPEL_TRY(cupel_dataset_read(dataset, split, from, sides->pixels + (size_t)i * image, error));
        if (split->labels) sides->labels[i] = split->labels[from];
        if (split->masks)
            memcpy(sides->masks + (size_t)i * plane, split->masks + (size_t)from * plane, plane);
    }
    return CUPEL_OK;
}

static enum cupel_status find_batch(struct sides *sides, struct cupel_check *check,
                                    struct cupel_error *error) {
    const struct setup *setup = &sides->trusted.setup;
    struct cupel_dataset dataset;
    struct cupel_error missing = {0};
    CUPEL_TRY(make_room(sides, error));
    const enum cupel_status status = split_open(setup, &dataset, &missing);
    if (status == CUPEL_OK && dataset.train.count > 0) {
        const enum cupel_status taken = take_batch(sides, &dataset, error);
        split_shift(sides->masks, sides->samples.rows * setup_plane(setup));
        snprintf(check->inputs, sizeof check->inputs, "%" PRId64 " images of %s", sides->samples.rows,
                 setup->spec.path);
        cupel_dataset_free(&dataset);
        return taken;
    }
    if (status && sides->options->run.data) return cupel_fail(error, status, "%s", missing.message);
    draw_batch(sides);
    split_shift(sides->masks, sides->samples.rows * setup_plane(setup));
    snprintf(check->inputs, sizeof check->inputs,
             "%" PRId64 " random images, for there is no data set: %.300s", sides->samples.rows,
             missing.message);
    return CUPEL_OK;
}

/* ---- stores ---- */

/* The number into a state that the step may not have. */
static enum cupel_status write_entry(struct setup *setup, const char *name, float value,
                                     struct cupel_error *error) {
    struct cupel_error missing = {0};
    const enum cupel_status status = cupel_store_write(setup->store, name, &value, sizeof value, &missing);
    return status == CUPEL_OK || status == CUPEL_INVALID ? CUPEL_OK
                                                         : cupel_fail(error, status, "%s", missing.message);
}

enum cupel_status side_rewind(struct sides *sides, struct side *side, struct cupel_error *error) {
    const int64_t start = 0;
    if (!sides->pixels) return CUPEL_OK;
    CUPEL_TRY(cupel_store_zero(side->setup.store, TRAIN_METRICS, error));
    return cupel_store_write(side->setup.store, sides->samples.cursor, &start, sizeof start, error);
}

static enum cupel_status fill(struct sides *sides, struct setup *setup, struct cupel_error *error) {
    const struct samples *samples = &sides->samples;
    const size_t bytes = (size_t)(samples->rows * cupel_shape_count(&setup->data->shape));
    CUPEL_TRY(cupel_store_write(setup->store, samples->images, sides->pixels, bytes, error));
    if (setup_segments(setup))
        CUPEL_TRY(cupel_store_write(setup->store, samples->labels, sides->masks,
                                    (size_t)(samples->rows * setup_plane(setup)), error));
    else if (cupel_model_task(setup->model) != CUPEL_TASK_GAN || gan_takes_labels(setup))
        CUPEL_TRY(cupel_store_write(setup->store, samples->labels, sides->labels,
                                    (size_t)samples->rows * sizeof *sides->labels, error));
    CUPEL_TRY(split_order(setup, samples, NULL, 0, error));
    for (int i = 0; i < setup->learner_count; i++) {
        char name[NAME_ROOM];
        range_name(&setup->learners[i], SCHEDULE_RATES, name);
        CUPEL_TRY(write_entry(setup, name, (float)setup->learners[i].optimizer->rate, error));
    }
    CUPEL_TRY(write_entry(setup, SCHEDULE_NOISE, (float)setup->train.gan.noise, error));
    if (sides->options->weights) CUPEL_TRY(load_weights(setup, sides->options->weights, LOAD_PLAIN, error));
    return setup_step(setup, 0, error);
}

/* ---- plans ---- */

static enum cupel_status compile_step(struct sides *sides, struct side *side, struct cupel_error *error) {
    const struct cupel_check_options *options = sides->options;
    struct setup *setup = &side->setup;
    const bool gan = cupel_model_task(setup->model) == CUPEL_TASK_GAN;
    if (options->batch)
        return dump_compile(setup, options->batch, options->weights, sides->steps, &side->step, error);
    CUPEL_TRY((gan ? gan_compile : training_compile)(setup, &sides->samples, setup->train.batch, 1,
                                                     &side->step, error));
    return fill(sides, setup, error);
}

static bool is_optimizer(const struct node *node) {
    switch (node->op) {
    case OP_sgd:
    case OP_sgd_momentum:
    case OP_adam:
    case OP_rmsprop:
    case OP_adagrad:
        return true;
    default:
        return false;
    }
}

/* The step's own outputs and the gradients that optimizers get, as the outputs of a plan for either side. The trusted
 * device's plan is not fused, so its graph is what the step was made from. */
static enum cupel_status observe(struct sides *sides, struct cupel_error *error) {
    const struct cupel_plan *plan = sides->trusted.step;
    struct cupel_graph *graph = plan->graph;
    int room = plan->n_outputs, count = plan->n_outputs;
    for (int n = 0; n < graph->n_nodes; n++) room += is_optimizer(graph->nodes[n]);
    struct cupel_tensor **outputs = calloc((size_t)room + 1, sizeof(struct cupel_tensor *));
    sides->names = calloc((size_t)room + 1, sizeof *sides->names);
    sides->counts = calloc((size_t)room + 1, sizeof *sides->counts);
    if (!outputs || !sides->names || !sides->counts) {
        free(outputs);
        return cupel_fail(error, CUPEL_NOMEM, "no memory for a step's gradients");
    }
    memcpy(outputs, plan->outputs, (size_t)count * sizeof(struct cupel_tensor *));
    for (int n = 0; n < graph->n_nodes; n++) {
        const struct node *node = graph->nodes[n];
        if (!is_optimizer(node)) continue;
        struct cupel_tensor *gradient = node->in[ops[node->op].updates];
        sides->counts[sides->gradients] = tensor_count(gradient);
        snprintf(sides->names[sides->gradients++], sizeof *sides->names, "%s",
                 tensor_root(node->in[0], NULL)->node->attr.state.name);
        outputs[count++] = gradient;
    }
    sides->losses = plan->n_outputs;
    struct setup *trusted = &sides->trusted.setup, *checked = &sides->checked.setup;
    enum cupel_status status =
        cupel_compile(trusted->store, graph, outputs, count, &trusted->plan, &sides->trusted.observed, error);
    /* Gradients in f16 are scaled, which this graph does not know of. */
    if (status == CUPEL_OK && checked->plan.precision != CUPEL_PRECISION_F16)
        status = cupel_compile(checked->store, graph, outputs, count, &checked->plan,
                               &sides->checked.observed, error);
    free(outputs);
    return status;
}

/* ---- opening ---- */

static enum cupel_status open_setups(const struct cupel_model *model, struct sides *sides,
                                     struct cupel_error *error) {
    struct cupel_run_options options = sides->options->run;
    CUPEL_TRY(setup_open(model, &options, &sides->checked.setup, error));
    options.device = sides->options->against ? sides->options->against : "reference";
    options.precision = "f32";
    options.note = NULL; /* the other side has told it */
    CUPEL_TRY(setup_open(model, &options, &sides->trusted.setup, error));
    struct cupel_plan_options *plan = &sides->trusted.setup.plan;
    plan->nofuse = true;
    plan->layout = CUPEL_LAYOUT_NCHW;
    return CUPEL_OK;
}

enum cupel_status sides_open(const struct cupel_model *model, const struct cupel_check_options *options,
                             void (*opened)(struct cupel_device *device), struct sides *sides,
                             struct cupel_check *check, struct cupel_error *error) {
    *sides = (struct sides){.options = options, .steps = options->steps ? options->steps : 5};
    CUPEL_TRY(open_setups(model, sides, error));
    if (opened) opened(sides->checked.setup.device);
    const struct setup *checked = &sides->checked.setup;
    snprintf(check->title, sizeof check->title, "%s", cupel_model_name(model));
    snprintf(check->device, sizeof check->device, "%s", cupel_device_name(checked->device));
    snprintf(check->against, sizeof check->against, "%s", cupel_device_name(sides->trusted.setup.device));
    snprintf(check->precision, sizeof check->precision, "%s", cupel_precision_text(checked->plan.precision));
    if (options->batch)
        snprintf(check->inputs, sizeof check->inputs, "the batch of %s", options->batch);
    else
        CUPEL_TRY(find_batch(sides, check, error));
    CUPEL_TRY(compile_step(sides, &sides->trusted, error));
    CUPEL_TRY(compile_step(sides, &sides->checked, error));
    return observe(sides, error);
}

static void side_close(struct side *side) {
    cupel_plan_free(side->step);
    cupel_plan_free(side->observed);
    setup_close(&side->setup);
}

void sides_close(struct sides *sides) {
    side_close(&sides->trusted);
    side_close(&sides->checked);
    free(sides->pixels);
    free(sides->labels);
    free(sides->masks);
    free(sides->names);
    free(sides->counts);
    *sides = (struct sides){0};
}
