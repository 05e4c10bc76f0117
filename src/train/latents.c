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

struct latent_layout latent_layout(const struct cupel_model *model) {
    const struct cupel_network *generator = cupel_model_network_named(model, "generator");
    const struct cupel_shape shape = cupel_network_input(generator);
    struct latent_layout layout = {.normals = cupel_shape_count(&shape)};
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
