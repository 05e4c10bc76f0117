#include "train/latents.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cupel/weights.h"
#include "philox.h"

/* The sequences of draws. */
enum { STREAM_NORMAL, STREAM_CATEGORY, STREAM_UNIFORM };

void cupel_latents_free(struct cupel_latents *latents) {
    free(latents->noise);
    free(latents->labels);
    *latents = (struct cupel_latents){0};
}

enum cupel_status latents_make(int64_t count, const struct cupel_shape *shape, bool labels,
                               struct cupel_latents *latents, struct cupel_error *error) {
    *latents = (struct cupel_latents){.count = count, .shape = *shape, .seed = -1};
    int64_t numbers;
    if (count < 1 || __builtin_mul_overflow(count, cupel_shape_count(shape), &numbers))
        return cupel_fail(error, CUPEL_INVALID, "%" PRId64 " latents are not possible; use 1 or more", count);
    latents->noise = calloc((size_t)numbers, sizeof *latents->noise);
    latents->labels = labels ? calloc((size_t)count, sizeof *latents->labels) : NULL;
    if (latents->noise && (!labels || latents->labels)) return CUPEL_OK;
    cupel_latents_free(latents);
    return cupel_fail(error, CUPEL_NOMEM, "no memory for %" PRId64 " latents", count);
}

/* ---- drawing ---- */

/* The model is a gan. */
struct latent_layout latent_layout(const struct cupel_model *model) {
    const struct cupel_gan_settings *gan = &cupel_model_train(model)->gan;
    const struct cupel_shape shape = cupel_network_input(cupel_model_role(model, CUPEL_ROLE_GENERATOR));
    struct latent_layout layout = {.normals = cupel_shape_count(&shape)};
    if (!cupel_model_role(model, CUPEL_ROLE_CODE)) return layout;
    layout.categories = gan->categories;
    layout.uniforms = gan->continuous;
    layout.normals -= layout.categories + layout.uniforms;
    return layout;
}

static float normal_at(const struct philox *philox, int64_t element) {
    return philox_normals(philox_words(philox, (uint64_t)element / 4)).value[element % 4];
}

void latents_fill(struct cupel_latents *latents, const struct latent_layout *layout, uint64_t seed) {
    const struct philox normal = philox_start(seed, PHILOX_SAMPLE, STREAM_NORMAL, 0),
                        category = philox_start(seed, PHILOX_SAMPLE, STREAM_CATEGORY, 0),
                        uniform = philox_start(seed, PHILOX_SAMPLE, STREAM_UNIFORM, 0);
    float *to = latents->noise;
    latents->seed = (int64_t)seed;
    for (int64_t row = 0; row < latents->count; row++) {
        for (int64_t i = 0; i < layout->normals; i++) *to++ = normal_at(&normal, row * layout->normals + i);
        const uint64_t word = philox_word(&category, (uint64_t)row);
        const int64_t hot = (int64_t)(word * (uint64_t)layout->categories >> 32);
        for (int64_t i = 0; i < layout->categories; i++) *to++ = i == hot ? 1.0f : 0.0f;
        for (int64_t i = 0; i < layout->uniforms; i++) {
            const uint64_t element = (uint64_t)(row * layout->uniforms + i);
            *to++ = fmaf(2, philox_unit(philox_word(&uniform, element)), -1);
        }
    }
}

static bool takes_label(const struct cupel_model *model) {
    return cupel_network_takes_label(cupel_model_role(model, CUPEL_ROLE_GENERATOR));
}

enum cupel_status cupel_latents_draw(const struct cupel_model *model, uint64_t seed, int64_t count,
                                     struct cupel_latents *latents, struct cupel_error *error) {
    *latents = (struct cupel_latents){0};
    CUPEL_TRY(latents_check_model(model, error));
    if (seed > INT64_MAX)
        return cupel_fail(error, CUPEL_INVALID, "the seed %" PRIu64 " is too large; use less than 2^63",
                          seed);
    const struct cupel_shape shape = cupel_network_input(cupel_model_role(model, CUPEL_ROLE_GENERATOR));
    const struct latent_layout layout = latent_layout(model);
    CUPEL_TRY(latents_make(count, &shape, takes_label(model), latents, error));
    latents_fill(latents, &layout, seed);
    for (int64_t i = 0; latents->labels && i < count; i++)
        latents->labels[i] = (int32_t)(i % cupel_model_data(model)->classes);
    return CUPEL_OK;
}

enum cupel_status latents_check_model(const struct cupel_model *model, struct cupel_error *error) {
    if (cupel_model_task(model) != CUPEL_TASK_GAN)
        return cupel_fail(error, CUPEL_UNSUPPORTED,
                          "%s: images are made by models of `task: gan`; this is none",
                          cupel_model_name(model));
    const struct latent_layout layout = latent_layout(model);
    if (layout.normals >= 0) return CUPEL_OK;
    return cupel_fail(error, CUPEL_INVALID,
                      "%s: the generator's noise has too few numbers for the code of `infogan`: %" PRId64
                      " categories and %" PRId64 " continuous ones",
                      cupel_model_name(model), layout.categories, layout.uniforms);
}

/* ---- classes ---- */

int64_t cupel_latents_classes(const struct cupel_model *model) {
    if (latents_check_model(model, NULL)) return 0;
    return takes_label(model) ? cupel_model_data(model)->classes : latent_layout(model).categories;
}

void cupel_latents_set_class(const struct cupel_model *model, struct cupel_latents *latents, int64_t index,
                             int64_t class_index) {
    const struct latent_layout layout = latent_layout(model);
    const int64_t size = layout.normals + layout.categories + layout.uniforms;
    if (latents->labels) latents->labels[index] = (int32_t)class_index;
    if (takes_label(model)) return;
    float *category = latents->noise + index * size + layout.normals;
    for (int64_t i = 0; i < layout.categories; i++) category[i] = i == class_index ? 1.0f : 0.0f;
}

void cupel_latents_class_rows(const struct cupel_model *model, struct cupel_latents *latents,
                              int64_t columns) {
    const int64_t classes = cupel_latents_classes(model);
    for (int64_t i = 0; classes && i < latents->count; i++)
        cupel_latents_set_class(model, latents, i, i / columns % classes);
}

/* ---- between ---- */

/* Shoemake's formula; where the two lie on one line, no circle is defined, and the way is straight. */
void latent_between(const float *from, const float *to, int64_t size, double part, float *between) {
    double product = 0, square_from = 0, square_to = 0;
    for (int64_t i = 0; i < size; i++) {
        product += (double)from[i] * (double)to[i];
        square_from += (double)from[i] * (double)from[i];
        square_to += (double)to[i] * (double)to[i];
    }
    const double lengths = sqrt(square_from) * sqrt(square_to), cosine = lengths > 0 ? product / lengths : 1;
    double weight_from = 1 - part, weight_to = part;
    if (fabs(cosine) < 1 - 1e-9) {
        const double angle = acos(cosine);
        weight_from = sin((1 - part) * angle) / sin(angle);
        weight_to = sin(part * angle) / sin(angle);
    }
    for (int64_t i = 0; i < size; i++)
        between[i] = (float)(weight_from * (double)from[i] + weight_to * (double)to[i]);
}

enum cupel_status cupel_latents_interpolate(const struct cupel_model *model, const struct cupel_latents *ends,
                                            int64_t rows, int64_t steps, struct cupel_latents *walks,
                                            struct cupel_error *error) {
    *walks = (struct cupel_latents){0};
    CUPEL_TRY(latents_check_fit(model, ends, error));
    int64_t count;
    if (rows < 1 || steps < 2 || __builtin_mul_overflow(rows, steps, &count))
        return cupel_fail(error, CUPEL_INVALID,
                          "%" PRId64 " rows of %" PRId64 " steps are no way; a row has 2 steps or more", rows,
                          steps);
    if (ends->count / 2 < rows)
        return cupel_fail(error, CUPEL_INVALID,
                          "%" PRId64 " rows have %" PRId64 " ends, but there are %" PRId64 " latents", rows,
                          2 * rows, ends->count);
    const struct latent_layout layout = latent_layout(model);
    const int64_t size = cupel_shape_count(&ends->shape), codes = size - layout.normals;
    CUPEL_TRY(latents_make(count, &ends->shape, ends->labels != NULL, walks, error));
    walks->seed = ends->seed;
    for (int64_t i = 0; i < count; i++) {
        const int64_t row = i / steps;
        const float *from = ends->noise + 2 * row * size, *to = from + size;
        float *here = walks->noise + i * size;
        latent_between(from, to, layout.normals, (double)(i % steps) / (double)(steps - 1), here);
        memcpy(here + layout.normals, from + layout.normals, (size_t)codes * sizeof *here);
        if (walks->labels) walks->labels[i] = ends->labels[2 * row];
    }
    return CUPEL_OK;
}

/* ---- do they fit ---- */

enum cupel_status latents_check_fit(const struct cupel_model *model, const struct cupel_latents *latents,
                                    struct cupel_error *error) {
    CUPEL_TRY(latents_check_model(model, error));
    const char *name = cupel_model_name(model);
    const struct cupel_shape shape = cupel_network_input(cupel_model_role(model, CUPEL_ROLE_GENERATOR));
    char had[120], wanted[120];
    if (!cupel_shape_equal(&shape, &latents->shape))
        return cupel_fail(error, CUPEL_INVALID,
                          "%s: the generator takes noise of shape %s, the latents have %s", name,
                          cupel_shape_text(&shape, wanted, sizeof wanted),
                          cupel_shape_text(&latents->shape, had, sizeof had));
    if (!takes_label(model)) return CUPEL_OK;
    if (!latents->labels)
        return cupel_fail(error, CUPEL_INVALID,
                          "%s: the generator takes labels, but the latents have none; choose a class", name);
    const int64_t classes = cupel_model_data(model)->classes;
    for (int64_t i = 0; i < latents->count; i++)
        if (latents->labels[i] < 0 || latents->labels[i] >= classes)
            return cupel_fail(error, CUPEL_INVALID,
                              "%s: latent %" PRId64 " has label %" PRId32 ", which is none of the %" PRId64
                              " classes",
                              name, i, latents->labels[i], classes);
    return CUPEL_OK;
}

/* ---- files ---- */

enum cupel_status cupel_latents_save(const struct cupel_latents *latents, const char *path,
                                     struct cupel_error *error) {
    struct cupel_weights file = {0};
    struct cupel_shape shape = {.rank = latents->shape.rank + 1, .dim = {latents->count}};
    for (int i = 0; i < latents->shape.rank; i++) shape.dim[i + 1] = latents->shape.dim[i];
    char seed[24];
    snprintf(seed, sizeof seed, "%" PRId64, latents->seed);
    enum cupel_status status = cupel_weights_add(&file, "noise", CUPEL_F32, &shape, latents->noise, error);
    if (status == CUPEL_OK && latents->labels)
        status = cupel_weights_add(&file, "label", CUPEL_I32, &CUPEL_SHAPE(latents->count), latents->labels,
                                   error);
    if (status == CUPEL_OK && latents->seed >= 0)
        status = cupel_weights_set_metadata(&file, "seed", seed, error);
    if (status == CUPEL_OK) status = cupel_weights_save(&file, path, error);
    cupel_weights_free(&file);
    return status;
}

static enum cupel_status take_file(const struct cupel_weights *file, const char *path,
                                   struct cupel_latents *latents, struct cupel_error *error) {
    const struct cupel_weight *noise = cupel_weights_find(file, "noise"),
                              *label = cupel_weights_find(file, "label");
    if (!noise || noise->dtype != CUPEL_F32 || noise->shape.rank < 2)
        return cupel_fail(
            error, CUPEL_INVALID,
            "%s: these are no latents: there is no tensor 'noise', f32 [N, ...]; give a file that "
            "`cupel sample` wrote",
            path);
    const int64_t count = noise->shape.dim[0];
    if (label && (label->dtype != CUPEL_I32 || !cupel_shape_equal(&label->shape, &CUPEL_SHAPE(count))))
        return cupel_fail(error, CUPEL_INVALID, "%s: the tensor 'label' must be i32 [%" PRId64 "]", path,
                          count);
    struct cupel_shape shape = {.rank = noise->shape.rank - 1};
    for (int i = 0; i < shape.rank; i++) shape.dim[i] = noise->shape.dim[i + 1];
    CUPEL_TRY(latents_make(count, &shape, label != NULL, latents, error));
    memcpy(latents->noise, noise->data, noise->bytes);
    if (label) memcpy(latents->labels, label->data, label->bytes);
    const char *seed = cupel_weights_metadata(file, "seed");
    if (seed && (sscanf(seed, "%" SCNd64, &latents->seed) != 1 || latents->seed < 0)) latents->seed = -1;
    return CUPEL_OK;
}

enum cupel_status cupel_latents_load(const char *path, struct cupel_latents *latents,
                                     struct cupel_error *error) {
    struct cupel_weights file = {0};
    *latents = (struct cupel_latents){0};
    CUPEL_TRY(cupel_weights_load(path, &file, error));
    enum cupel_status status = take_file(&file, path, latents, error);
    cupel_weights_free(&file);
    return status;
}
