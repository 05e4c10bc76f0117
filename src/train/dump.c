/* The parity tool: training steps on a given batch, and every number of the first one. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "train/load.h"
#include "train/schedule.h"

#define IMAGES "dump.images"
#define LABELS "dump.labels"

struct dump {
    struct setup setup;
    const char *batch_path;
    struct cupel_weights batch, out;
    const struct cupel_weight *images;
    int32_t *labels; /* of the batch */
    int64_t count, steps;
    struct cupel_plan *first, *next;
    int layers, parameters;
    struct cupel_tensor **outputs; /* of the first step: loss, activations, gradients */
    struct cupel_shape *shapes;    /* theirs */
    float *losses;
};

/* ---- the batch ---- */

static enum cupel_status read_labels(struct dump *dump, const struct cupel_weight *labels,
                                     struct cupel_error *error) {
    int64_t classes = dump->setup.data->classes;
    dump->labels = malloc((size_t)dump->count * sizeof *dump->labels);
    if (!dump->labels) return cupel_fail(error, CUPEL_NOMEM, "no memory for the batch's labels");
    for (int64_t i = 0; i < dump->count; i++) {
        int64_t label = labels->dtype == CUPEL_I32 ? ((const int32_t *)labels->data)[i]
                                                   : ((const int64_t *)labels->data)[i];
        if (label < 0 || label >= classes)
            return cupel_fail(error, CUPEL_INVALID,
                              "%s: label[%" PRId64 "] is %" PRId64
                              "; the model has the classes 0 to %" PRId64,
                              dump->batch_path, i, label, classes - 1);
        dump->labels[i] = (int32_t)label;
    }
    return CUPEL_OK;
}

static enum cupel_status read_batch(struct dump *dump, struct cupel_error *error) {
    const struct cupel_shape *sample = &dump->setup.data->shape;
    char text[120], had[120];
    CUPEL_TRY(cupel_weights_load(dump->batch_path, &dump->batch, error));
    const struct cupel_weight *images = cupel_weights_find(&dump->batch, "image");
    const struct cupel_weight *labels = cupel_weights_find(&dump->batch, "label");
    if (!images || !labels)
        return cupel_fail(error, CUPEL_INVALID,
                          "%s: there is no tensor '%s'; a batch has `image` and `label`", dump->batch_path,
                          images ? "label" : "image");
    struct cupel_shape shape = {.rank = 4, .dim = {images->shape.dim[0]}};
    memcpy(shape.dim + 1, sample->dim, 3 * sizeof *shape.dim);
    if (images->dtype != CUPEL_F32 || !cupel_shape_equal(&images->shape, &shape))
        return cupel_fail(error, CUPEL_INVALID,
                          "%s: 'image' is %s %s; it must be f32 [N, ...] with images %s", dump->batch_path,
                          cupel_dtype_text(images->dtype), cupel_shape_text(&images->shape, had, sizeof had),
                          cupel_shape_text(sample, text, sizeof text));
    dump->images = images;
    dump->count = shape.dim[0];
    bool whole = labels->dtype == CUPEL_I32 || labels->dtype == CUPEL_I64;
    if (!whole || !cupel_shape_equal(&labels->shape, &CUPEL_SHAPE(dump->count)))
        return cupel_fail(error, CUPEL_INVALID, "%s: 'label' is %s %s; it must be i32 or i64 [%" PRId64 "]",
                          dump->batch_path, cupel_dtype_text(labels->dtype),
                          cupel_shape_text(&labels->shape, had, sizeof had), dump->count);
    return read_labels(dump, labels, error);
}

/* ---- the steps ---- */

/* Compiles a step with the first `outputs` of loss, activations and gradients as outputs. */
static enum cupel_status compile(struct dump *dump, struct cupel_graph *graph, int outputs,
                                 struct cupel_plan **plan, struct cupel_error *error) {
    const struct setup *setup = &dump->setup;
    struct training training = {
        .activations = dump->outputs + 1,
        .gradients = dump->outputs + 1 + dump->layers,
    };
    struct cupel_tensor *images = cupel_state(graph, IMAGES, CUPEL_F32, &dump->images->shape, NULL);
    struct cupel_tensor *labels = cupel_state(graph, LABELS, CUPEL_I32, &CUPEL_SHAPE(dump->count), NULL);
    training_append(setup, graph, images, labels, dump->steps, &training);
    dump->outputs[0] = training.loss;
    CUPEL_TRY(cupel_compile(setup->store, graph, dump->outputs, outputs, &setup->plan, plan, error));
    for (int i = 0; i < outputs; i++) dump->shapes[i] = *cupel_tensor_shape(dump->outputs[i]);
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

static enum cupel_status write_rates(struct dump *dump, float *rates, int32_t *order,
                                     struct cupel_error *error) {
    const struct setup *setup = &dump->setup;
    size_t count = (size_t)dump->steps;
    const struct schedule schedule = {&setup->train.schedule, setup->train.optimizer.rate,
                                      setup->train.warmup, dump->steps, dump->steps};
    for (size_t i = 0; i < count; i++) {
        rates[i] = (float)schedule_rate(&schedule, 1, (int64_t)i);
        order[i] = (int32_t)i;
    }
    CUPEL_TRY(cupel_store_write(setup->store, SCHEDULE_RATES, rates, count * sizeof *rates, error));
    return cupel_store_write(setup->store, SCHEDULE_ORDER, order, count * sizeof *order, error);
}

static enum cupel_status fill_store(struct dump *dump, const char *weights, struct cupel_error *error) {
    struct setup *setup = &dump->setup;
    float *rates = malloc((size_t)dump->steps * sizeof *rates);
    int32_t *order = malloc((size_t)dump->steps * sizeof *order);
    enum cupel_status status = CUPEL_NOMEM;
    if (rates && order)
        status = write_rates(dump, rates, order, error);
    else
        cupel_fail(error, status, "no memory for the rates of %" PRId64 " steps", dump->steps);
    free(rates);
    free(order);
    if (status) return status;
    CUPEL_TRY(cupel_store_write(setup->store, IMAGES, dump->images->data, dump->images->bytes, error));
    CUPEL_TRY(cupel_store_write(setup->store, LABELS, dump->labels,
                                (size_t)dump->count * sizeof *dump->labels, error));
    if (weights) CUPEL_TRY(load_weights(setup, weights, LOAD_PLAIN, error));
    return setup_step(setup, 0, error);
}

/* ---- the file ---- */

static enum cupel_status add_output(struct dump *dump, int output, const char *kind, const char *name,
                                    struct cupel_error *error) {
    char full[NAME_ROOM];
    snprintf(full, sizeof full, "%s/%s", kind, name);
    CUPEL_TRY(cupel_weights_add(&dump->out, full, CUPEL_F32, &dump->shapes[output], NULL, error));
    struct cupel_weight *added = &dump->out.tensors[dump->out.count - 1];
    return cupel_plan_read(dump->first, output, added->data, added->bytes, error);
}

static enum cupel_status add_first_step(struct dump *dump, struct cupel_error *error) {
    int count;
    const struct cupel_layer_info *layers = cupel_network_layers(dump->setup.network, &count);
    for (int i = 0; i < count; i++) CUPEL_TRY(add_output(dump, 1 + i, "act", layers[i].name, error));
    const struct cupel_parameter *parameters = cupel_network_parameters(dump->setup.network, &count);
    for (int i = 0; i < count; i++)
        CUPEL_TRY(add_output(dump, 1 + dump->layers + i, "grad", parameters[i].name, error));
    return CUPEL_OK;
}

/* Adds the parameters, and the running statistics, as "param/NAME". */
static enum cupel_status add_parameters(struct dump *dump, struct cupel_error *error) {
    struct setup *setup = &dump->setup;
    struct cupel_weights last = {0};
    enum cupel_status status =
        collect_range(setup, cupel_network_name(setup->network), "", &last, NULL, error);
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
    for (int64_t i = 0; i < dump->steps; i++) {
        struct cupel_plan *plan = i ? dump->next : dump->first;
        CUPEL_TRY(cupel_run(plan, error));
        CUPEL_TRY(cupel_plan_read(plan, 0, &dump->losses[i], sizeof *dump->losses, error));
        if (i == 0) CUPEL_TRY(add_first_step(dump, error));
    }
    CUPEL_TRY(cupel_weights_add(&dump->out, "loss/loss", CUPEL_F32, &CUPEL_SHAPE(dump->steps), dump->losses,
                                error));
    return add_parameters(dump, error);
}

static enum cupel_status dump_all(struct dump *dump, const char *weights, const char *path,
                                  struct cupel_error *error) {
    CUPEL_TRY(read_batch(dump, error));
    cupel_network_layers(dump->setup.network, &dump->layers);
    cupel_network_parameters(dump->setup.network, &dump->parameters);
    int outputs = 1 + dump->layers + dump->parameters;
    dump->outputs = calloc((size_t)outputs, sizeof(struct cupel_tensor *));
    dump->shapes = calloc((size_t)outputs, sizeof *dump->shapes);
    dump->losses = calloc((size_t)dump->steps, sizeof *dump->losses);
    if (!dump->outputs || !dump->shapes || !dump->losses)
        return cupel_fail(error, CUPEL_NOMEM, "no memory for %d outputs", outputs);
    CUPEL_TRY(compile_step(dump, 1, &dump->next, error));
    CUPEL_TRY(compile_step(dump, outputs, &dump->first, error));
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
    cupel_plan_free(dump.first);
    cupel_plan_free(dump.next);
    cupel_weights_free(&dump.batch);
    cupel_weights_free(&dump.out);
    free(dump.labels);
    free(dump.outputs);
    free(dump.shapes);
    free(dump.losses);
    setup_close(&dump.setup);
    return status;
}
