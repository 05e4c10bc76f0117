#include "train/sampler.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cupel/image.h"
#include "cupel/version.h"
#include "io/file.h"
#include "train/batch.h"
#include "train/path.h"
#include "train/update.h"

/* Where the sampler's latents lie in the store. */
#define SAMPLE_NOISE "sample.noise"
#define SAMPLE_LABELS "sample.labels"

/* ---- the generator ---- */

static const struct learner *generator_of(const struct setup *setup) {
    return &setup->learners[CUPEL_ROLE_GENERATOR];
}

static struct cupel_tensor *generate(const struct setup *setup, struct cupel_graph *graph, int64_t batch,
                                     bool average, bool training) {
    const struct learner *generator = generator_of(setup);
    const struct cupel_shape sample = cupel_network_input(generator->network),
                             shape = batch_shape(&sample, batch);
    struct cupel_tensor *labels = NULL;
    if (cupel_network_takes_label(generator->network))
        labels = cupel_state(graph, SAMPLE_LABELS, CUPEL_I32, &CUPEL_SHAPE(batch), NULL);
    struct cupel_tensor *range = average ? range_state(generator, graph, EMA_PREFIX) : NULL;
    return cupel_network_forward(generator->network, cupel_network_parts(generator->network, graph, range),
                                 cupel_state(graph, SAMPLE_NOISE, CUPEL_F32, &shape, NULL), labels, training,
                                 NULL);
}

static enum cupel_status compile(const struct setup *setup, bool average, bool training,
                                 struct sampler *sampler, struct cupel_error *error) {
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F32);
    if (!graph) return cupel_fail(error, CUPEL_NOMEM, "no memory for the generator");
    struct cupel_tensor *images = generate(setup, graph, sampler->batch, average, training);
    enum cupel_status status =
        cupel_compile(setup->store, graph, &images, 1, &setup->plan, &sampler->plan, error);
    /* Dropout draws; the same in every run. */
    const int64_t rng[2] = {setup->train.seed, 0};
    if (status == CUPEL_OK && training && cupel_state_latest(graph, "rng"))
        status = cupel_store_write(setup->store, "rng", rng, sizeof rng, error);
    cupel_graph_free(graph);
    return status;
}

enum cupel_status sampler_open(const struct setup *setup, int64_t batch, bool average,
                               enum cupel_batchnorm_mode mode, struct sampler *sampler,
                               struct cupel_error *error) {
    const struct cupel_network *network = generator_of(setup)->network;
    const struct cupel_shape noise = cupel_network_input(network);
    const size_t images = (size_t)batch * (size_t)cupel_shape_count(&setup->data->shape);
    *sampler = (struct sampler){.batch = batch};
    sampler->noise = malloc((size_t)batch * (size_t)cupel_shape_count(&noise) * sizeof *sampler->noise);
    sampler->images = malloc(images * sizeof *sampler->images);
    if (cupel_network_takes_label(network)) sampler->labels = malloc((size_t)batch * sizeof *sampler->labels);
    enum cupel_status status = CUPEL_OK;
    if (!sampler->noise || !sampler->images || (cupel_network_takes_label(network) && !sampler->labels))
        status = cupel_fail(error, CUPEL_NOMEM, "no memory for a batch of %" PRId64 " images", batch);
    if (status == CUPEL_OK) status = compile(setup, average, mode == CUPEL_BATCHNORM_BATCH, sampler, error);
    if (status) sampler_close(sampler);
    return status;
}

void sampler_close(struct sampler *sampler) {
    cupel_plan_free(sampler->plan);
    free(sampler->noise);
    free(sampler->images);
    free(sampler->labels);
    *sampler = (struct sampler){0};
}

/* ---- images ---- */

void sampler_pixels(const struct setup *setup, const float *images, int64_t count, uint8_t *pixels) {
    const int64_t channels = setup->data->shape.dim[0];
    const int64_t plane = cupel_shape_count(&setup->data->shape) / channels;
    for (int64_t i = 0; i < count * channels * plane; i++) {
        const int64_t channel = i / plane % channels;
        const float value = 255 * (images[i] * setup->deviation[channel] + setup->mean[channel]);
        pixels[i] = (uint8_t)(value > 0 ? value < 255 ? lrintf(value) : 255 : 0);
    }
}

/* Makes the batch that begins with latent `first`; what is missing at its end are the first latents. */
static enum cupel_status run_batch(const struct setup *setup, const struct sampler *sampler,
                                   const struct cupel_latents *latents, int64_t first,
                                   struct cupel_error *error) {
    const int64_t size = cupel_shape_count(&latents->shape), batch = sampler->batch;
    for (int64_t i = 0; i < batch; i++) {
        const int64_t row = (first + i) % latents->count;
        memcpy(sampler->noise + i * size, latents->noise + row * size, (size_t)size * sizeof(float));
        if (sampler->labels) sampler->labels[i] = latents->labels[row];
    }
    CUPEL_TRY(cupel_store_write(setup->store, SAMPLE_NOISE, sampler->noise,
                                (size_t)(batch * size) * sizeof(float), error));
    if (sampler->labels)
        CUPEL_TRY(cupel_store_write(setup->store, SAMPLE_LABELS, sampler->labels,
                                    (size_t)batch * sizeof *sampler->labels, error));
    CUPEL_TRY(cupel_run(sampler->plan, error));
    const size_t pixels = (size_t)(batch * cupel_shape_count(&setup->data->shape));
    return cupel_plan_read(sampler->plan, 0, sampler->images, pixels * sizeof(float), error);
}

enum cupel_status sampler_run(const struct setup *setup, const struct sampler *sampler,
                              const struct cupel_latents *latents, uint8_t *images,
                              struct cupel_error *error) {
    const int64_t pixels = cupel_shape_count(&setup->data->shape);
    for (int64_t first = 0; first < latents->count; first += sampler->batch) {
        const int64_t left = latents->count - first;
        CUPEL_TRY(run_batch(setup, sampler, latents, first, error));
        sampler_pixels(setup, sampler->images, left < sampler->batch ? left : sampler->batch,
                       images + first * pixels);
    }
    return CUPEL_OK;
}

/* ---- the gallery of a run ---- */

enum { GALLERY_SIDE = 8 };

enum cupel_status gallery_open(const struct setup *setup, struct gallery *gallery,
                               struct cupel_error *error) {
    const int64_t classes = cupel_latents_classes(setup->model), columns = GALLERY_SIDE;
    const int64_t rows = classes ? classes : GALLERY_SIDE, count = rows * columns;
    const bool average = generator_of(setup)->ema > 0;
    *gallery = (struct gallery){.rows = rows, .columns = columns};
    enum cupel_status status =
        cupel_latents_draw(setup->model, (uint64_t)setup->train.seed, count, &gallery->latents, error);
    if (status == CUPEL_OK) {
        cupel_latents_class_rows(setup->model, &gallery->latents, columns);
        status = sampler_open(setup, count < setup->train.batch ? count : setup->train.batch, average,
                              CUPEL_BATCHNORM_RUNNING, &gallery->sampler, error);
    }
    if (status == CUPEL_OK) {
        gallery->images = malloc((size_t)count * (size_t)cupel_shape_count(&setup->data->shape));
        if (!gallery->images)
            status = cupel_fail(error, CUPEL_NOMEM, "no memory for %" PRId64 " images", count);
    }
    if (status) gallery_close(gallery);
    return status;
}

void gallery_close(struct gallery *gallery) {
    sampler_close(&gallery->sampler);
    cupel_latents_free(&gallery->latents);
    free(gallery->images);
    *gallery = (struct gallery){0};
}

static enum cupel_status write_grid(const struct setup *setup, const struct gallery *gallery,
                                    const char *path, int64_t step, struct cupel_error *error) {
    struct cupel_image grid;
    char done[24], seed[24], software[40];
    snprintf(done, sizeof done, "%" PRId64, step);
    snprintf(seed, sizeof seed, "%" PRId64, gallery->latents.seed);
    snprintf(software, sizeof software, "cupel %s", cupel_version());
    const struct cupel_image_text texts[] = {
        {"Software", software}, {"model", cupel_model_name(setup->model)}, {"step", done}, {"seed", seed}};
    CUPEL_TRY(cupel_image_grid(gallery->images, &setup->data->shape, gallery->latents.count, gallery->rows,
                               gallery->columns, &grid, error));
    const enum cupel_status status =
        cupel_image_write(path, &grid, texts, sizeof texts / sizeof *texts, error);
    cupel_image_free(&grid);
    return status;
}

enum cupel_status gallery_write(const struct setup *setup, const struct gallery *gallery,
                                const char *directory, int64_t step, struct cupel_error *error) {
    char name[40], path[PATH_ROOM];
    snprintf(name, sizeof name, "samples/%06" PRId64 ".png", step);
    CUPEL_TRY(path_join(path, directory, "samples", error));
    CUPEL_TRY(directory_make(path, error));
    CUPEL_TRY(path_join(path, directory, name, error));
    CUPEL_TRY(sampler_run(setup, &gallery->sampler, &gallery->latents, gallery->images, error));
    return write_grid(setup, gallery, path, step, error);
}
