/* The parity tool: training steps on a given batch, and every number of the first one. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "train/classify.h"
#include "train/dump.h"
#include "train/gan.h"
#include "train/load.h"
#include "train/schedule.h"

#define IMAGES "dump.images"
#define LABELS "dump.labels"
#define NOISE "dump.noise"

/* The tensors of the first step that are written, in this order: losses, then of each network activations and gradients. */
struct dump {
    struct setup setup;
    bool gan, labelled; /* the model's task; whether the batch has labels */
    const char *batch_path;
    struct cupel_weights batch, out;
    const struct cupel_weight *images, *noise;
    int32_t *labels; /* of the batch */
    int64_t count, steps;
    struct cupel_plan *first, *next;
    int loss_count, output_count;
    struct cupel_tensor **outputs;
    struct cupel_shape *shapes; /* theirs */
    int *place;    /* of each among those that the plan has; -1: frozen parameters have no gradient */
    float *losses; /* [loss_count, steps] */
};

/* ---- the batch ---- */

/* Of one label for each image, or for each of its pixels. */
static struct cupel_shape label_shape(const struct dump *dump) {
    const int64_t *image = dump->setup.data->shape.dim;
    return setup_segments(&dump->setup) ? CUPEL_SHAPE(dump->count, image[1], image[2])
                                        : CUPEL_SHAPE(dump->count);
}

static enum cupel_status read_labels(struct dump *dump, const struct cupel_weight *labels,
                                     struct cupel_error *error) {
    const int64_t classes = dump->setup.data->classes, count = cupel_shape_count(&labels->shape);
    dump->labels = malloc((size_t)count * sizeof *dump->labels);
    if (!dump->labels) return cupel_fail(error, CUPEL_NOMEM, "no memory for the batch's labels");
    for (int64_t i = 0; i < count; i++) {
        int64_t label = labels->dtype == CUPEL_I32 ? ((const int32_t *)labels->data)[i]
                                                   : ((const int64_t *)labels->data)[i];
        if (setup_segments(&dump->setup) && label == CUPEL_NO_CLASS)
            label = NO_LABEL;
        else if (label < 0 || label >= classes)
            return cupel_fail(error, CUPEL_INVALID,
                              "%s: label[%" PRId64 "] is %" PRId64
                              "; the model has the classes 0 to %" PRId64,
                              dump->batch_path, i, label, classes - 1);
        dump->labels[i] = (int32_t)label;
    }
    return CUPEL_OK;
}

/* The batch's f32 tensor of that name with samples of this shape. */
static enum cupel_status read_samples(struct dump *dump, const char *name, const struct cupel_shape *sample,
                                      const struct cupel_weight **weight, struct cupel_error *error) {
    char text[120], had[120];
    *weight = cupel_weights_find(&dump->batch, name);
    if (!*weight)
        return cupel_fail(error, CUPEL_INVALID, "%s: there is no tensor '%s'; a batch for %s has `image`%s%s",
                          dump->batch_path, name, cupel_model_name(dump->setup.model),
                          dump->labelled ? ", `label`" : "", dump->gan ? ", `noise`" : "");
    const struct cupel_shape shape = batch_shape(sample, (*weight)->shape.rank ? (*weight)->shape.dim[0] : 0);
    if ((*weight)->dtype == CUPEL_F32 && cupel_shape_equal(&(*weight)->shape, &shape) &&
        (!dump->count || shape.dim[0] == dump->count)) {
        dump->count = shape.dim[0];
        return CUPEL_OK;
    }
    return cupel_fail(error, CUPEL_INVALID, "%s: '%s' is %s %s; it must be f32 [N, ...] with samples %s%s",
                      dump->batch_path, name, cupel_dtype_text((*weight)->dtype),
                      cupel_shape_text(&(*weight)->shape, had, sizeof had),
                      cupel_shape_text(sample, text, sizeof text),
                      dump->count ? ", as many as there are images" : "");
}

static enum cupel_status read_batch(struct dump *dump, struct cupel_error *error) {
    const struct setup *setup = &dump->setup;
    char had[120], wanted[120];
    CUPEL_TRY(cupel_weights_load(dump->batch_path, &dump->batch, error));
    CUPEL_TRY(read_samples(dump, "image", &setup->data->shape, &dump->images, error));
    if (dump->gan) {
        const struct cupel_shape noise = cupel_network_input(setup->learners[CUPEL_ROLE_GENERATOR].network);
        CUPEL_TRY(read_samples(dump, "noise", &noise, &dump->noise, error));
    }
    if (!dump->labelled) return CUPEL_OK;
    const struct cupel_weight *labels = cupel_weights_find(&dump->batch, "label");
    if (!labels)
        return cupel_fail(error, CUPEL_INVALID, "%s: there is no tensor 'label'; a batch for %s needs it",
                          dump->batch_path, cupel_model_name(setup->model));
    bool whole = labels->dtype == CUPEL_I32 || labels->dtype == CUPEL_I64;
    const struct cupel_shape shape = label_shape(dump);
    if (!whole || !cupel_shape_equal(&labels->shape, &shape))
        return cupel_fail(error, CUPEL_INVALID, "%s: 'label' is %s %s; it must be i32 or i64 %s",
                          dump->batch_path, cupel_dtype_text(labels->dtype),
                          cupel_shape_text(&labels->shape, had, sizeof had),
                          cupel_shape_text(&shape, wanted, sizeof wanted));
    return read_labels(dump, labels, error);
}

/* ---- the steps ---- */

/* Where the outputs of a network begin: its activations, then its gradients. */
static int first_output(const struct dump *dump, int role, int *layers, int *parameters) {
    int first = dump->loss_count;
    for (int i = 0;; i++) {
        const struct cupel_network *network = dump->setup.learners[i].network;
        cupel_network_layers(network, layers);
        cupel_network_parameters(network, parameters);
        if (i == role) return first;
        first += *layers + *parameters;
    }
}

static void append_gan(struct dump *dump, struct cupel_graph *graph, struct cupel_tensor *images,
                       struct cupel_tensor *labels) {
    const struct setup *setup = &dump->setup;
    struct gan_inputs inputs;
    struct gan_step step = {0};
    int layers, parameters;
    for (int64_t i = 0; i < setup->train.gan.discriminator_steps; i++) {
        inputs.images[i] = images;
        inputs.labels[i] = labels;
        inputs.noise[i] = cupel_state(graph, NOISE, CUPEL_F32, &dump->noise->shape, NULL);
    }
    for (int i = 0; i < setup->learner_count; i++) {
        struct cupel_tensor **outputs = dump->outputs + first_output(dump, i, &layers, &parameters);
        step.activations[i] = outputs;
        step.gradients[i] = outputs + layers;
    }
    gan_append(setup, graph, &inputs, dump->steps, false, &step);
    for (int i = 0; i < dump->loss_count; i++) dump->outputs[i] = step.losses[i];
}

static void append_training(struct dump *dump, struct cupel_graph *graph, struct cupel_tensor *images,
                            struct cupel_tensor *labels) {
    int layers, parameters;
    struct cupel_tensor **outputs =
        dump->outputs + first_output(dump, CUPEL_ROLE_CLASSIFIER, &layers, &parameters);
    struct training training = {.activations = outputs, .gradients = outputs + layers};
    training_append(&dump->setup, graph, images, &(struct targets){.labels = labels}, dump->steps, &training);
    dump->outputs[0] = training.loss;
}

/* Compiles a step with the first `outputs` outputs. */
static enum cupel_status compile(struct dump *dump, struct cupel_graph *graph, int outputs,
                                 struct cupel_plan **plan, struct cupel_error *error) {
    const struct setup *setup = &dump->setup;
    const struct cupel_shape row = label_shape(dump);
    struct cupel_tensor *images = cupel_state(graph, IMAGES, CUPEL_F32, &dump->images->shape, NULL);
    struct cupel_tensor *labels = dump->labelled ? cupel_state(graph, LABELS, CUPEL_I32, &row, NULL) : NULL;
    (dump->gan ? append_gan : append_training)(dump, graph, images, labels);
    int kept = 0;
    for (int i = 0; i < outputs; i++) {
        dump->place[i] = dump->outputs[i] ? kept : -1;
        if (dump->outputs[i]) dump->outputs[kept++] = dump->outputs[i];
    }
    CUPEL_TRY(cupel_compile(setup->store, graph, dump->outputs, kept, &setup->plan, plan, error));
    for (int i = 0; i < kept; i++) dump->shapes[i] = *cupel_tensor_shape(dump->outputs[i]);
    return CUPEL_OK;
}

static enum cupel_status compile_step(struct dump *dump, int outputs, struct cupel_plan **plan,
                                      struct cupel_error *error) {
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F32);
    if (!graph) return cupel_fail(error, CUPEL_NOMEM, "no memory for the training step");
    enum cupel_status status = compile(dump, graph, outputs, plan, error);
    cupel_graph_free(graph);
    return status;
}

/* Rates of a run of one epoch, and no instance noise. */
static enum cupel_status write_tables(struct dump *dump, float *table, int32_t *order,
                                      struct cupel_error *error) {
    const struct setup *setup = &dump->setup;
    size_t count = (size_t)dump->steps;
    for (int l = 0; l < setup->learner_count; l++) {
        const struct learner *learner = &setup->learners[l];
        const struct schedule schedule = {learner->schedule, learner->optimizer->rate, setup->train.warmup,
                                          dump->steps, dump->steps};
        char name[NAME_ROOM];
        for (size_t i = 0; i < count; i++) table[i] = (float)schedule_rate(&schedule, 1, (int64_t)i);
        range_name(learner, SCHEDULE_RATES, name);
        CUPEL_TRY(cupel_store_write(setup->store, name, table, count * sizeof *table, error));
    }
    for (size_t i = 0; i < count; i++) order[i] = (int32_t)i;
    return cupel_store_write(setup->store, SCHEDULE_ORDER, order, count * sizeof *order, error);
}

static enum cupel_status fill_store(struct dump *dump, const char *weights, struct cupel_error *error) {
    struct setup *setup = &dump->setup;
    float *table = malloc((size_t)dump->steps * sizeof *table);
    int32_t *order = malloc((size_t)dump->steps * sizeof *order);
    enum cupel_status status = CUPEL_NOMEM;
    if (table && order)
        status = write_tables(dump, table, order, error);
    else
        cupel_fail(error, status, "no memory for the rates of %" PRId64 " steps", dump->steps);
    free(table);
    free(order);
    if (status) return status;
    CUPEL_TRY(cupel_store_write(setup->store, IMAGES, dump->images->data, dump->images->bytes, error));
    if (dump->labelled)
        CUPEL_TRY(cupel_store_write(setup->store, LABELS, dump->labels,
                                    (size_t)cupel_shape_count(&(struct cupel_shape[]){label_shape(dump)}[0]) *
                                        sizeof *dump->labels,
                                    error));
    if (dump->gan)
        CUPEL_TRY(cupel_store_write(setup->store, NOISE, dump->noise->data, dump->noise->bytes, error));
    if (weights) CUPEL_TRY(load_weights(setup, weights, LOAD_PLAIN, error));
    return setup_step(setup, 0, error);
}

/* ---- the file ---- */

static enum cupel_status add_output(struct dump *dump, int index, const char *kind, const char *name,
                                    struct cupel_error *error) {
    char full[NAME_ROOM];
    const int output = dump->place[index];
    if (output < 0) return CUPEL_OK;
    snprintf(full, sizeof full, "%s/%s", kind, name);
    CUPEL_TRY(cupel_weights_add(&dump->out, full, CUPEL_F32, &dump->shapes[output], NULL, error));
    struct cupel_weight *added = &dump->out.tensors[dump->out.count - 1];
    return cupel_plan_read(dump->first, output, added->data, added->bytes, error);
}

static enum cupel_status add_first_step(struct dump *dump, struct cupel_error *error) {
    for (int role = 0; role < dump->setup.learner_count; role++) {
        const struct cupel_network *network = dump->setup.learners[role].network;
        int layers, parameters, output = first_output(dump, role, &layers, &parameters);
        const struct cupel_layer_info *layer = cupel_network_layers(network, &layers);
        const struct cupel_parameter *parameter = cupel_network_parameters(network, &parameters);
        for (int i = 0; i < layers; i++) CUPEL_TRY(add_output(dump, output++, "act", layer[i].name, error));
        for (int i = 0; i < parameters; i++)
            CUPEL_TRY(add_output(dump, output++, "grad", parameter[i].name, error));
    }
    return CUPEL_OK;
}

/* Adds the parameters, and the running statistics, as "param/NAME". */
static enum cupel_status add_parameters(struct dump *dump, struct cupel_error *error) {
    struct setup *setup = &dump->setup;
    struct cupel_weights last = {0};
    enum cupel_status status = CUPEL_OK;
    for (int i = 0; i < setup->learner_count && status == CUPEL_OK; i++) {
        const struct learner *learner = &setup->learners[i];
        status = collect_range(setup, learner, cupel_network_name(learner->network), "", &last, NULL, error);
    }
    if (status == CUPEL_OK) status = collect_statistics(setup, "", &last, error);
    for (size_t i = 0; i < last.count && status == CUPEL_OK; i++) {
        const struct cupel_weight *weight = &last.tensors[i];
        char full[NAME_ROOM];
        snprintf(full, sizeof full, "param/%s", weight->name);
        status = cupel_weights_add(&dump->out, full, weight->dtype, &weight->shape, weight->data, error);
    }
    cupel_weights_free(&last);
    return status;
}

static enum cupel_status run(struct dump *dump, struct cupel_error *error) {
    static const char *const names[CUPEL_ROLES] = {"loss/generator", "loss/discriminator", "loss/code"};
    for (int64_t i = 0; i < dump->steps; i++) {
        struct cupel_plan *plan = i ? dump->next : dump->first;
        CUPEL_TRY(cupel_run(plan, error));
        for (int l = 0; l < dump->loss_count; l++)
            CUPEL_TRY(
                cupel_plan_read(plan, l, &dump->losses[l * dump->steps + i], sizeof *dump->losses, error));
        if (i == 0) CUPEL_TRY(add_first_step(dump, error));
    }
    for (int l = 0; l < dump->loss_count && l < CUPEL_ROLES; l++)
        CUPEL_TRY(cupel_weights_add(&dump->out, dump->gan ? names[l] : "loss/loss", CUPEL_F32,
                                    &CUPEL_SHAPE(dump->steps), dump->losses + l * dump->steps, error));
    return add_parameters(dump, error);
}

/* Reads the batch and makes room for what a step of it makes. */
static enum cupel_status prepare(struct dump *dump, struct cupel_error *error) {
    const struct setup *setup = &dump->setup;
    int layers, parameters;
    dump->gan = cupel_model_task(setup->model) == CUPEL_TASK_GAN;
    dump->labelled = !dump->gan || gan_takes_labels(setup);
    CUPEL_TRY(read_batch(dump, error));
    dump->loss_count = setup->learner_count;
    dump->output_count =
        first_output(dump, setup->learner_count - 1, &layers, &parameters) + layers + parameters;
    dump->outputs = calloc((size_t)dump->output_count, sizeof(struct cupel_tensor *));
    dump->shapes = calloc((size_t)dump->output_count, sizeof *dump->shapes);
    dump->place = calloc((size_t)dump->output_count, sizeof *dump->place);
    dump->losses = calloc((size_t)(dump->loss_count * dump->steps), sizeof *dump->losses);
    if (!dump->outputs || !dump->shapes || !dump->place || !dump->losses)
        return cupel_fail(error, CUPEL_NOMEM, "no memory for %d outputs", dump->output_count);
    return CUPEL_OK;
}

/* Frees all but the setup. */
static void dump_free(struct dump *dump) {
    cupel_plan_free(dump->first);
    cupel_plan_free(dump->next);
    cupel_weights_free(&dump->batch);
    cupel_weights_free(&dump->out);
    free(dump->labels);
    free(dump->outputs);
    free(dump->shapes);
    free(dump->place);
    free(dump->losses);
}

enum cupel_status dump_compile(struct setup *setup, const char *batch, const char *weights, int64_t steps,
                               struct cupel_plan **plan, struct cupel_error *error) {
    struct dump dump = {.setup = *setup, .batch_path = batch, .steps = steps};
    enum cupel_status status = prepare(&dump, error);
    if (status == CUPEL_OK) status = compile_step(&dump, dump.loss_count, &dump.next, error);
    if (status == CUPEL_OK) status = fill_store(&dump, weights, error);
    if (status == CUPEL_OK) {
        *plan = dump.next;
        dump.next = NULL;
    }
    dump_free(&dump);
    return status;
}

static enum cupel_status dump_all(struct dump *dump, const char *weights, const char *path,
                                  struct cupel_error *error) {
    CUPEL_TRY(prepare(dump, error));
    CUPEL_TRY(compile_step(dump, dump->loss_count, &dump->next, error));
    CUPEL_TRY(compile_step(dump, dump->output_count, &dump->first, error));
    CUPEL_TRY(fill_store(dump, weights, error));
    CUPEL_TRY(run(dump, error));
    return cupel_weights_save(&dump->out, path, error);
}

enum cupel_status cupel_dump(const struct cupel_model *model, const struct cupel_run_options *options,
                             const char *weights, const char *batch, int64_t steps, const char *out,
                             struct cupel_error *error) {
    struct dump dump = {.batch_path = batch, .steps = steps};
    if (steps < 1 || steps > INT32_MAX)
        return cupel_fail(error, CUPEL_INVALID, "%" PRId64 " steps are not possible; use 1 to %d", steps,
                          INT32_MAX);
    CUPEL_TRY(setup_open(model, options, &dump.setup, error));
    enum cupel_status status = dump_all(&dump, weights, out, error);
    dump_free(&dump);
    setup_close(&dump.setup);
    return status;
}
