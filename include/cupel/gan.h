/* Using what a GAN has learnt: `task: gan`.
 *
 * cupel_latents_*  what goes into a generator: drawn, interpolated, added up, kept in a file
 * cupel_sample     the images that a generator makes of it
 * cupel_quality    how those compare with real images
 */
#ifndef CUPEL_GAN_H
#define CUPEL_GAN_H

#include "cupel/train.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- latents ---- */

/* Inputs of a generator. Zero-initialise it, free it with cupel_latents_free; the members may be read and changed. */
struct cupel_latents {
    int64_t count;
    struct cupel_shape shape; /* of one: the generator's `noise` */
    float *noise;             /* [count, shape] */
    int32_t *labels;          /* [count], classes of the data set; NULL when there are none */
    int64_t seed;             /* that the noise was drawn with; -1: none, or several */
};
void cupel_latents_free(struct cupel_latents *latents);

/* Draws `count` latents for the model's generator from Philox: the same on every device, and the first of a longer list
 * are those of a shorter one. Noise is standard normal; of an InfoGAN, one category of equal chance and uniform numbers
 * from -1 to 1 follow the normal ones. Labels, of a conditional model, go through all classes in turn. CUPEL_INVALID: the
 * model is no GAN, or `count` or the seed (below 2^63) is impossible. */
enum cupel_status cupel_latents_draw(const struct cupel_model *model, uint64_t seed, int64_t count,
                                     struct cupel_latents *latents, struct cupel_error *error);

/* The classes that can be asked for: the labels of a conditional model, the categories of an InfoGAN; 0 for others. */
int64_t cupel_latents_classes(const struct cupel_model *model);

/* Makes latent `index` one of a class, below cupel_latents_classes; and each row of a grid with so many columns one of
 * the next class. The latents are the model's. */
void cupel_latents_set_class(const struct cupel_model *model, struct cupel_latents *latents, int64_t index,
                             int64_t class_index);
void cupel_latents_class_rows(const struct cupel_model *model, struct cupel_latents *latents,
                              int64_t columns);

/* `rows` walks of `steps` latents each: row r goes from ends[2 r] to ends[2 r + 1], both included, on the great circle
 * through them (Shoemake: "Animating rotation with quaternion curves", 1985; White: "Sampling generative networks", 2016).
 * Labels, and the codes of an InfoGAN, are those of ends[2 r].
 * CUPEL_INVALID: there are too few ends or steps. */
enum cupel_status cupel_latents_interpolate(const struct cupel_model *model, const struct cupel_latents *ends,
                                            int64_t rows, int64_t steps, struct cupel_latents *walks,
                                            struct cupel_error *error);

/* Adds latents of files up (Radford, Metz, Chintala 2016):
 *
 *     EXPRESSION = TERM { (" + " | " - ") TERM }     with spaces round the operators, and nowhere else
 *     TERM = FILE ":" ROWS                           the mean of these rows of a file of latents
 *     ROWS = ROW or FIRST-LAST, several of them with commas; rows count from 0
 *
 * as in "smiling.safetensors:0,4,7 - neutral.safetensors:0-2 + man.safetensors:3". `latents` gets the terms in order and
 * then their sum; labels are those of a term's first row, of the sum the first term's. CUPEL_INVALID, with the place in the
 * expression marked: it is malformed, a file cannot be read, a row is none, or shapes differ. */
enum cupel_status cupel_latents_vector(const char *expression, struct cupel_latents *latents,
                                       struct cupel_error *error);

/* Writes a safetensors file with `noise` f32 [count, shape], `label` i32 [count] if there are labels, and the seed in the
 * metadata; and reads one. Statuses as for cupel_weights_save and cupel_weights_load; CUPEL_INVALID too for a file without
 * such tensors. */
enum cupel_status cupel_latents_save(const struct cupel_latents *latents, const char *path,
                                     struct cupel_error *error);
enum cupel_status cupel_latents_load(const char *path, struct cupel_latents *latents,
                                     struct cupel_error *error);

/* ---- images ---- */

/* Which statistics batchnorm uses in the generator: the running ones, or those of each batch, as in training. */
enum cupel_batchnorm_mode { CUPEL_BATCHNORM_RUNNING, CUPEL_BATCHNORM_BATCH };

/* The generator's images of all latents, u8 [count, data.shape], from `weights`, a file as for cupel_predict. They are made
 * in batches of at most options->batch; with statistics of the batch these count, and the last batch is filled up with the
 * first latents. CUPEL_INVALID: the latents do not fit the model, or the weights are not there or do not fit. */
enum cupel_status cupel_sample(const struct cupel_model *model, const struct cupel_run_options *options,
                               const char *weights, enum cupel_batchnorm_mode mode,
                               const struct cupel_latents *latents, uint8_t *images,
                               struct cupel_error *error);

/* ---- quality ---- */

/* How generated images compare with real ones, seen through a classifier: of each image, what goes into the classifier's
 * last layer with weights. Numbers of different classifiers cannot be compared with one another, and none of them with
 * the figures in papers, whose features come from one certain network. */
struct cupel_quality {
    int64_t generated, real, features; /* images, and numbers of each image */
    double
        frechet_distance; /* the square of the distance between the two sets as Gaussians (Dowson and Landau 1982) */
    /* The parts, 0 to 1, of generated images among real ones, and of real among generated ones (Kynkaanniemi et al. 2019,
     * k = 3), on at most 3000 of each. */
    double precision, recall;
};

/* Draws `count` latents with the seed of the options and compares their images with the test split of the GAN's data set,
 * or with all of a set without one.
 * `classifier` is of `task: classify` and takes images of the same shape, which it normalises in its own way.
 * CUPEL_INVALID: the models do not fit one another, weights do not fit, there are fewer than 4 images, or the features are
 * more than 2048. */
enum cupel_status cupel_quality(const struct cupel_model *model, const struct cupel_run_options *options,
                                const char *weights, const struct cupel_model *classifier,
                                const char *classifier_weights, int64_t count, struct cupel_quality *quality,
                                struct cupel_error *error);

#ifdef __cplusplus
}
#endif
#endif
