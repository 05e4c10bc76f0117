#include "train/batch.h"

#include "graph/node.h"

enum { MOST_METRICS = 32 };

struct cupel_shape batch_shape(const struct cupel_shape *sample, int64_t batch) {
    struct cupel_shape shape = {.rank = sample->rank + 1, .dim = {batch}};
    for (int i = 0; i < sample->rank; i++) shape.dim[i + 1] = sample->dim[i];
    return shape;
}

struct cupel_tensor *batch_normalise(const struct setup *setup, struct cupel_tensor *pixels) {
    if (!pixels) return NULL;
    struct cupel_graph *graph = cupel_tensor_graph(pixels);
    struct cupel_shape channels = CUPEL_SHAPE(setup->data->shape.dim[0]);
    return cupel_convert(pixels, cupel_constant(graph, CUPEL_F32, &channels, setup->mean),
                         cupel_constant(graph, CUPEL_F32, &channels, setup->deviation));
}

/* What comes into images from beyond their edges, as it is normalised. */
static struct cupel_tensor *fill_of(const struct setup *setup, struct cupel_graph *graph) {
    const int64_t channels = setup->data->shape.dim[0];
    float *fill = graph_alloc(graph, (size_t)channels * sizeof *fill);
    if (!fill) return NULL;
    for (int64_t c = 0; c < channels && setup->data->augment.fills; c++)
        fill[c] = ((float)setup->data->augment.fill - setup->mean[c]) / setup->deviation[c];
    return cupel_constant(graph, CUPEL_F32, &CUPEL_SHAPE(channels), fill);
}

struct cupel_tensor *batch_augment(const struct setup *setup, struct cupel_tensor *images) {
    if (!images) return NULL;
    const struct cupel_augment_settings *how = &setup->data->augment;
    struct cupel_graph *graph = cupel_tensor_graph(images);
    const struct cupel_shape channels = CUPEL_SHAPE(setup->data->shape.dim[0]);
    struct cupel_tensor *rng = cupel_rng(graph);
    if (how->flip) images = cupel_random_flip(images, rng, 0.5);
    if (how->crop) images = cupel_random_crop(images, rng, (int)how->crop);
    if (how->resamples) images = cupel_random_affine(images, fill_of(setup, graph), rng, &how->affine);
    if (how->recolours)
        images = cupel_color_jitter(images, cupel_constant(graph, CUPEL_F32, &channels, setup->mean),
                                    cupel_constant(graph, CUPEL_F32, &channels, setup->deviation), rng,
                                    &how->jitter);
    if (how->cutout) images = cupel_cutout(images, rng, (int)how->cutout);
    return images;
}

/* Row i + 1 of x in the place of row i, and the first in the last one's. */
static struct cupel_tensor *rolled(struct cupel_tensor *x) {
    if (!x || x->shape.dim[0] == 1) return x;
    const int64_t start[CUPEL_MAX_RANK] = {0}, second[CUPEL_MAX_RANK] = {1};
    struct cupel_shape first = x->shape, rest = x->shape;
    first.dim[0] = 1;
    rest.dim[0]--;
    return cupel_concat(
        (struct cupel_tensor *[]){cupel_slice(x, second, &rest), cupel_slice(x, start, &first)}, 2, 0);
}

struct cupel_tensor *batch_mix(const struct setup *setup, struct cupel_tensor *images,
                               struct targets *targets) {
    const double alpha = setup->data->augment.mixup;
    if (!images || alpha == 0) return images;
    targets->share = cupel_beta(cupel_rng(cupel_tensor_graph(images)), &CUPEL_SCALAR, alpha);
    targets->others = rolled(targets->labels);
    return mixed(targets->share, images, rolled(images));
}

struct cupel_tensor *mixed(struct cupel_tensor *share, struct cupel_tensor *one, struct cupel_tensor *other) {
    return cupel_add(other, cupel_mul(cupel_sub(one, other), share));
}

static struct cupel_tensor *all_images(const struct setup *setup, struct cupel_graph *graph,
                                       const struct samples *samples) {
    const struct cupel_shape shape = batch_shape(&setup->data->shape, samples->rows);
    return cupel_state(graph, samples->images, CUPEL_U8, &shape, NULL);
}

static struct cupel_tensor *all_labels(const struct setup *setup, struct cupel_graph *graph,
                                       const struct samples *samples) {
    const int64_t *dim = setup->data->shape.dim;
    if (setup_segments(setup))
        return cupel_state(graph, samples->labels, CUPEL_U8, &CUPEL_SHAPE(samples->rows, 1, dim[1], dim[2]),
                           NULL);
    return cupel_state(graph, samples->labels, CUPEL_I32, &CUPEL_SHAPE(samples->rows), NULL);
}

/* All splits stage whole batches and remainders in one place. */
static struct cupel_tensor *staged_batch(const struct setup *setup, struct cupel_graph *graph,
                                         int64_t batch) {
    const int64_t room = setup_step_images(setup);
    const struct cupel_shape whole = batch_shape(&setup->data->shape, room),
                             part = batch_shape(&setup->data->shape, batch);
    struct cupel_tensor *place = cupel_state(graph, STAGED_IMAGES, CUPEL_U8, &whole, NULL);
    if (batch == room) return place;
    return cupel_slice(place, (const int64_t[CUPEL_MAX_RANK]){0}, &part);
}

struct cupel_tensor *batch_next(const struct setup *setup, struct cupel_graph *graph,
                                const struct samples *samples, int64_t batch, struct cupel_tensor **labels) {
    struct cupel_tensor *order =
        cupel_state(graph, samples->order, CUPEL_I32, &CUPEL_SHAPE(samples->count), NULL);
    struct cupel_tensor *cursor = cupel_state(graph, samples->cursor, CUPEL_I64, &CUPEL_SHAPE(1), NULL);
    if (cursor) cursor = cupel_state_latest(graph, samples->cursor);
    struct cupel_tensor *pixels = samples->from
                                      ? staged_batch(setup, graph, batch)
                                      : cupel_gather(all_images(setup, graph, samples), order, cursor, batch);
    if (labels) *labels = cupel_gather(all_labels(setup, graph, samples), order, cursor, batch);
    cupel_advance(cursor, batch);
    return batch_normalise(setup, pixels);
}

void metrics_add(struct cupel_graph *graph, const char *name, struct cupel_tensor *const *scalars,
                 int count) {
    struct cupel_tensor *parts[MOST_METRICS];
    for (int i = 0; i < count; i++) parts[i] = cupel_reshape(scalars[i], &CUPEL_SHAPE(1));
    cupel_assign_add(cupel_state(graph, name, CUPEL_F32, &CUPEL_SHAPE(count), NULL),
                     cupel_concat(parts, count, 0));
}

/* A loss is finite when it is below the largest number; NaN is not below anything. */
struct cupel_tensor *loss_is_finite(struct cupel_tensor *loss) {
    return cupel_step(cupel_scale(loss, -1, 3e38));
}
