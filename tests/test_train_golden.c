/* Twenty steps of LeNet-5 against PyTorch (golden/make_lenet5.py). */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "golden.h"
#include "training.h"

enum { BATCH = 8, STEPS = 20 };

static struct cupel_weight *add(struct cupel_weights *weights, const char *name, enum cupel_dtype dtype,
                                const struct cupel_shape *shape) {
    struct cupel_error error = {0};
    cr_assert_eq(cupel_weights_add(weights, name, dtype, shape, NULL, &error), CUPEL_OK, "%s", error.message);
    return &weights->tensors[weights->count - 1];
}

static void save(struct cupel_weights *weights, const char *path) {
    struct cupel_error error = {0};
    cr_assert_eq(cupel_weights_save(weights, path, &error), CUPEL_OK, "%s", error.message);
    cupel_weights_free(weights);
}

/* The initial weights under the names of a PyTorch state_dict. */
static void write_weights(const struct cupel_model *model, const char *path) {
    struct cupel_weights weights = {0};
    int count;
    const struct cupel_parameter *parameters =
        cupel_network_parameters(cupel_model_network(model, 0), &count);
    double fan = 1;
    for (int i = 0; i < count; i++) {
        const struct cupel_shape *shape = &parameters[i].shape;
        if (shape->rank > 1) fan = (double)cupel_shape_count(shape) / (double)shape->dim[0];
        golden_numbers(add(&weights, parameters[i].name + strlen("net."), CUPEL_F32, shape), (uint32_t)i,
                       (float)pow(fan, -0.5));
    }
    save(&weights, path);
}

static void write_batch(const char *path) {
    struct cupel_weights batch = {0};
    golden_numbers(add(&batch, "image", CUPEL_F32, &CUPEL_SHAPE(BATCH, 1, 28, 28)), 100, 2);
    int64_t *labels = add(&batch, "label", CUPEL_I64, &CUPEL_SHAPE(BATCH))->data;
    for (int i = 0; i < BATCH; i++) labels[i] = i * 7 % 10;
    save(&batch, path);
}

/* ||ours - theirs|| / ||theirs||, over the rows that the golden file keeps. */
static double distance(const struct cupel_weight *ours, const struct cupel_weight *theirs) {
    cr_assert_not_null(ours, "the dump lacks %s", theirs->name);
    cr_assert_eq(ours->shape.rank, theirs->shape.rank, "%s", theirs->name);
    int64_t rows = theirs->shape.dim[0], every = ours->shape.dim[0] / rows;
    int64_t row = cupel_shape_count(&theirs->shape) / rows;
    cr_assert_eq(cupel_shape_count(&ours->shape), every * rows * row, "%s", theirs->name);
    const float *a = ours->data, *b = theirs->data;
    double difference = 0, norm = 0;
    for (int64_t i = 0; i < rows * row; i++) {
        double x = (double)a[i / row * every * row + i % row], y = (double)b[i];
        difference += (x - y) * (x - y);
        norm += y * y;
    }
    cr_assert_gt(norm, 0, "%s", theirs->name);
    return sqrt(difference / norm);
}

static void compare(const char *device) {
    struct cupel_error error = {0};
    struct cupel_model *model;
    struct cupel_weights ours = {0}, theirs = {0};
    char *weights = temporary_path("weights.safetensors"), *batch = temporary_path("batch.safetensors");
    char *out = temporary_path("out.safetensors");
    const struct cupel_run_options options = {.device = device, .threads = 2};
    cr_assert_eq(cupel_model_read(CUPEL_SOURCE_DIR "/models/lenet5.yaml", NULL, 0, &model, &error), CUPEL_OK,
                 "%s", error.message);
    write_weights(model, weights);
    write_batch(batch);
    cr_assert_eq(cupel_dump(model, &options, weights, batch, STEPS, out, &error), CUPEL_OK, "%s",
                 error.message);
    cr_assert_eq(cupel_weights_load(out, &ours, &error), CUPEL_OK, "%s", error.message);
    const char *golden = CUPEL_SOURCE_DIR "/tests/golden/lenet5.safetensors";
    cr_assert_eq(cupel_weights_load(golden, &theirs, &error), CUPEL_OK, "%s", error.message);
    cr_assert_eq(theirs.count, 12 + 10 + 1 + 10);
    for (size_t i = 0; i < theirs.count; i++) {
        const char *name = theirs.tensors[i].name;
        double found = distance(cupel_weights_find(&ours, name), &theirs.tensors[i]);
        double allowed = strncmp(name, "param/", 6) == 0 ? 1e-4 : 1e-5;
        cr_expect_leq(found, allowed, "%s on %s: %g", name, device, found);
    }
    cr_expect_eq(ours.count, theirs.count);
    cupel_weights_free(&ours);
    cupel_weights_free(&theirs);
    cupel_model_free(model);
    free(weights);
    free(batch);
    free(out);
}

Test(train_golden, lenet5_on_reference) {
    compare("reference");
}

Test(train_golden, lenet5_on_cpu) {
    compare("cpu");
}
