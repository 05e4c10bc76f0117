#include "train/batch.h"

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

struct cupel_tensor *batch_augment(const struct setup *setup, struct cupel_tensor *images) {
    if (!images) return NULL;
    struct cupel_tensor *rng = cupel_rng(cupel_tensor_graph(images));
    if (setup->data->flip) images = cupel_random_flip(images, rng, 0.5);
    if (setup->data->crop) images = cupel_random_crop(images, rng, (int)setup->data->crop);
    return images;
}

static struct cupel_tensor *all_images(const struct setup *setup, struct cupel_graph *graph,
                                       const struct samples *samples) {
    const struct cupel_shape shape = batch_shape(&setup->data->shape, samples->rows);
    return cupel_state(graph, samples->images, CUPEL_U8, &shape, NULL);
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
    struct cupel_tensor *pixels = samples->staged
                                      ? staged_batch(setup, graph, batch)
                                      : cupel_gather(all_images(setup, graph, samples), order, cursor, batch);
    if (labels)
        *labels =
            cupel_gather(cupel_state(graph, samples->labels, CUPEL_I32, &CUPEL_SHAPE(samples->rows), NULL),
                         order, cursor, batch);
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
