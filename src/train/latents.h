/* The inside of latents. */
#ifndef CUPEL_TRAIN_LATENTS_H
#define CUPEL_TRAIN_LATENTS_H

#include "cupel/gan.h"

/* What the numbers of one latent are: standard normals, then a one-hot category, then numbers uniform in -1..1. */
struct latent_layout {
    int64_t normals, categories, uniforms;
};
struct latent_layout latent_layout(const struct cupel_model *model);

/* Memory for `count` zero latents, with labels if asked for. */
enum cupel_status latents_make(int64_t count, const struct cupel_shape *shape, bool labels,
                               struct cupel_latents *latents, struct cupel_error *error);

/* CUPEL_UNSUPPORTED unless the model is a gan; CUPEL_INVALID unless its generator can take the latents. */
enum cupel_status latents_check_model(const struct cupel_model *model, struct cupel_error *error);
enum cupel_status latents_check_fit(const struct cupel_model *model, const struct cupel_latents *latents,
                                    struct cupel_error *error);

/* Draws all noise. */
void latents_fill(struct cupel_latents *latents, const struct latent_layout *layout, uint64_t seed);

/* Writes the point at `part`, 0 to 1, of the way from `from` to `to`. */
void latent_between(const float *from, const float *to, int64_t size, double part, float *between);

#endif
