/* Five steps of GANs against PyTorch (golden/make_gan.py). */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "golden.h"

enum { BATCH = 6, STEPS = 5, MAX_OVERRIDES = 10, CATEGORIES = 10 };

/* A case of the golden file: a model, narrow, with one loss or another. */
struct gan_case {
    char name[300];
    char text[300]; /* the model's name, then the overrides */
    const char *overrides[MAX_OVERRIDES];
    int override_count;
    struct cupel_model *model;
    const struct cupel_weight *losses, *values;
};

static bool next_case(const struct cupel_weights *file, size_t *cursor, struct gan_case *gan) {
    struct cupel_error error = {0};
    char path[400];
    while (*cursor < file->count && !strstr(file->tensors[*cursor].name, "/losses")) ++*cursor;
    if (*cursor == file->count) return false;
    *gan = (struct gan_case){.losses = &file->tensors[(*cursor)++]};
    snprintf(gan->text, sizeof gan->text, "%s", gan->losses->name);
    *strchr(gan->text, '/') = '\0';
    memcpy(gan->name, gan->text, sizeof gan->name);
    gan->values = golden_find(file, gan->text, "values");
    strtok(gan->text, " ");
    for (char *word; (word = strtok(NULL, " "));) gan->overrides[gan->override_count++] = word;
    snprintf(path, sizeof path, CUPEL_SOURCE_DIR "/models/%s.yaml", gan->text);
    cr_assert_eq(cupel_model_read(path, gan->overrides, gan->override_count, &gan->model, &error), CUPEL_OK,
                 "%s", error.message);
    return true;
}

/* ---- what make_gan.py begins with ---- */

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

static bool is_scale(const char *name) {
    const char *weight = strstr(name, ".weight");
    return weight && (strstr(name, "bn") || strstr(name, "ln"));
}

/* Statistics of a batchnorm that has seen nothing, beside its bias. */
static void add_statistics(struct cupel_weights *weights, const struct cupel_parameter *parameter) {
    const char *bias = strstr(parameter->name, "bias");
    char name[200];
    if (!bias || !strstr(parameter->name, "bn")) return;
    const int layer = (int)(bias - parameter->name);
    snprintf(name, sizeof name, "%.*srunning_mean", layer, parameter->name);
    add(weights, name, CUPEL_F32, &parameter->shape);
    snprintf(name, sizeof name, "%.*srunning_var", layer, parameter->name);
    float *variance = add(weights, name, CUPEL_F32, &parameter->shape)->data;
    for (int64_t k = 0; k < parameter->shape.dim[0]; k++) variance[k] = 1;
}

static void write_weights(const struct cupel_model *model, const char *path) {
    static const char *const networks[] = {"generator", "discriminator", "code"};
    struct cupel_weights weights = {0};
    for (uint32_t n = 0; n < 3; n++) {
        const struct cupel_network *network = cupel_model_network_named(model, networks[n]);
        int count = 0;
        const struct cupel_parameter *parameters = network ? cupel_network_parameters(network, &count) : NULL;
        for (int i = 0; i < count; i++) {
            struct cupel_weight *weight = add(&weights, parameters[i].name, CUPEL_F32, &parameters[i].shape);
            float *numbers = weight->data;
            golden_numbers(weight, 100 * n + (uint32_t)i, strstr(weight->name, "down3") ? 0.2f : 0.05f);
            for (size_t k = 0; is_scale(weight->name) && k < weight->bytes / sizeof *numbers; k++)
                numbers[k] += 1;
            add_statistics(&weights, &parameters[i]);
        }
    }
    save(&weights, path);
}

static void write_batch(const struct cupel_model *model, const char *path) {
    struct cupel_weights batch = {0};
    const struct cupel_data_settings *data = cupel_model_data(model);
    const struct cupel_network *generator = cupel_model_network_named(model, "generator");
    const int64_t *image = data->shape.dim, noise = cupel_network_input(generator).dim[0];
    const struct cupel_gan_settings *gan = &cupel_model_train(model)->gan;
    golden_numbers(add(&batch, "image", CUPEL_F32, &CUPEL_SHAPE(BATCH, image[0], image[1], image[2])), 1000,
                   1);
    struct cupel_weight *z = add(&batch, "noise", CUPEL_F32, &CUPEL_SHAPE(BATCH, noise, 1, 1));
    golden_numbers(z, 1001, 1.7f);
    for (int64_t i = 0; i < BATCH && gan->categories; i++) {
        float *code = (float *)z->data + (i + 1) * noise - gan->categories - gan->continuous;
        for (int k = 0; k < CATEGORIES; k++) code[k] = k == i * 7 % CATEGORIES;
    }
    if (cupel_network_takes_label(generator)) {
        int64_t *labels = add(&batch, "label", CUPEL_I64, &CUPEL_SHAPE(BATCH))->data;
        for (int i = 0; i < BATCH; i++) labels[i] = i * 7 % 10;
    }
    save(&batch, path);
}

/* ---- comparison ---- */

static int by_name(const void *a, const void *b) {
    const struct cupel_weight *const *one = a, *const *other = b;
    return strcmp((*one)->name, (*other)->name);
}

/* The norm and the product with the numbers of the hash. */
static void summary(const struct cupel_weight *weight, double *norm, double *product) {
    const float *values = weight->data;
    const int64_t count = cupel_shape_count(&weight->shape);
    struct cupel_weights scratch = {0};
    struct cupel_weight *other = add(&scratch, "numbers", CUPEL_F32, &CUPEL_SHAPE(count));
    golden_numbers(other, 2000, 1);
    double squares = 0;
    *product = 0;
    for (int64_t i = 0; i < count; i++) {
        squares += (double)values[i] * (double)values[i];
        *product += (double)values[i] * (double)((float *)other->data)[i];
    }
    *norm = sqrt(squares);
    cupel_weights_free(&scratch);
}

/* A gradient that is only rounding errors: of a bias that shifts what is real and what is not alike. */
static bool is_nothing(const char *name, double norm) {
    return strncmp(name, "grad/", 5) == 0 && norm < 1e-6;
}

static void compare_tensor(const struct gan_case *gan, const struct cupel_weight *ours, const float *theirs,
                           const char *device) {
    const double tolerance = 1e-4, norm = (double)theirs[0];
    double found, product;
    summary(ours, &found, &product);
    if (is_nothing(ours->name, norm)) {
        cr_expect_lt(found, 1e-5, "%s: %s on %s", gan->name, ours->name, device);
        return;
    }
    const double error = fmax(fabs(found - norm), fabs(product - (double)theirs[1])) / fmax(norm, 1e-3);
    cr_expect_leq(error, tolerance, "%s: %s on %s: %.3g", gan->name, ours->name, device, error);
}

static void compare_losses(const struct gan_case *gan, const struct cupel_weight *ours, const float *theirs,
                           const char *device) {
    const float *found = ours->data;
    for (int i = 0; i < STEPS; i++) {
        const double error = fabs((double)found[i] - (double)theirs[i]) / fmax(fabs((double)theirs[i]), 1e-2);
        cr_expect_leq(error, 1e-4, "%s: %s[%d] on %s is %g, not %g", gan->name, ours->name, i, device,
                      (double)found[i], (double)theirs[i]);
    }
}

static void compare(const struct gan_case *gan, const struct cupel_weights *dump, const char *device) {
    const struct cupel_weight **sorted = malloc(dump->count * sizeof *sorted);
    const float *losses = gan->losses->data, *values = gan->values->data;
    for (size_t i = 0; i < dump->count; i++) sorted[i] = &dump->tensors[i];
    qsort(sorted, dump->count, sizeof *sorted, by_name);
    cr_assert_eq((int64_t)dump->count, gan->losses->shape.dim[0] + gan->values->shape.dim[0], "%s: %zu",
                 gan->name, dump->count);
    for (size_t i = 0; i < dump->count; i++) {
        const bool loss = strncmp(sorted[i]->name, "loss/", 5) == 0;
        (loss ? compare_losses : compare_tensor)(gan, sorted[i], loss ? losses : values, device);
        *(loss ? &losses : &values) += loss ? STEPS : 2;
    }
    free(sorted);
}

static void judge(const char *device, bool (*picked)(const struct gan_case *gan)) {
    struct cupel_weights golden = golden_load("gan.safetensors"), ours = {0};
    struct cupel_error error = {0};
    const struct cupel_run_options options = {.device = device, .threads = 2};
    char *weights = temporary_path("weights.safetensors"), *batch = temporary_path("batch.safetensors");
    char *out = temporary_path("out.safetensors");
    struct gan_case gan;
    int cases = 0;
    for (size_t cursor = 0; next_case(&golden, &cursor, &gan); cupel_model_free(gan.model)) {
        if (!picked(&gan)) continue;
        cases++;
        write_weights(gan.model, weights);
        write_batch(gan.model, batch);
        cr_assert_eq(cupel_dump(gan.model, &options, weights, batch, STEPS, out, &error), CUPEL_OK, "%s",
                     error.message);
        cr_assert_eq(cupel_weights_load(out, &ours, &error), CUPEL_OK, "%s", error.message);
        compare(&gan, &ours, device);
        cupel_weights_free(&ours);
    }
    cr_assert_geq(cases, 1);
    cupel_weights_free(&golden);
    free(weights);
    free(batch);
    free(out);
}

static bool any(const struct gan_case *gan) {
    return gan->losses;
}

/* One loss of the large network is enough where the others are tried on the small one. */
static bool few(const struct gan_case *gan) {
    return strcmp(gan->text, "dcgan64") != 0 || strstr(gan->name, "hinge");
}

Test(gan_golden, on_reference) {
    judge("reference", few);
}

Test(gan_golden, on_cpu) {
    judge("cpu", any);
}

Test(gan_golden, on_emu) {
    if (need_device("emu")) judge("emu", few);
}
