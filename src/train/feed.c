#include "train/feed.h"

#include <stdlib.h>

#include "base/clock.h"
#include "data/decode.h"
#include "data/loader.h"

struct feed {
    struct loader *loader;
    size_t image; /* bytes */
    bool sending; /* the batch before the next one may still be on its way */
    int buffer_count;
    uint8_t *buffers[];
};

void feed_close(struct setup *setup) {
    struct feed *feed = setup->feed;
    if (!feed) return;
    loader_close(feed->loader);
    for (int i = 0; i < feed->buffer_count; i++) cupel_device_unpin(setup->device, feed->buffers[i]);
    free(feed);
    setup->feed = NULL;
}

static enum cupel_status make_room(struct setup *setup, int count, struct cupel_error *error) {
    struct feed *feed = setup->feed;
    const size_t bytes = (size_t)setup_step_images(setup) * feed->image;
    for (; feed->buffer_count < count; feed->buffer_count++) {
        uint8_t *buffer = feed->buffers[feed->buffer_count] = cupel_device_pin(setup->device, bytes);
        if (!buffer)
            return cupel_fail(error, CUPEL_NOMEM,
                              "no memory for %d batches of %zu bytes; use a smaller batch or `data.prefetch`",
                              count, bytes);
    }
    return CUPEL_OK;
}

enum cupel_status feed_open(struct setup *setup, struct cupel_error *error) {
    /* Those that are read ahead, and the one under way to the device. */
    const int count = (int)setup->data->prefetch + 1;
    if (setup->feed) return CUPEL_OK;
    struct feed *feed = setup->feed = calloc(1, sizeof *feed + (size_t)count * sizeof(uint8_t *));
    if (!feed) return cupel_fail(error, CUPEL_NOMEM, "no memory to send batches");
    feed->image = (size_t)cupel_shape_count(&setup->data->shape);
    enum cupel_status status = make_room(setup, count, error);
    if (!status)
        status = loader_open(decode_threads(setup->spec.threads), &(struct loader_room){feed->buffers, count},
                             &feed->loader, error);
    if (status) feed_close(setup);
    return status;
}

enum cupel_status feed_start(const struct setup *setup, const struct samples *samples, const int32_t *order,
                             int64_t first, int64_t end, int64_t batch, struct cupel_error *error) {
    if (!samples->from) return CUPEL_OK;
    /* What is on its way has left its buffer when the device has nothing to do. */
    if (setup->feed->sending) CUPEL_TRY(cupel_store_settle(setup->store, error));
    setup->feed->sending = false;
    const struct loader_pass pass = {.split = samples->from,
                                     .bytes = setup->feed->image,
                                     .rows = order,
                                     .first = first,
                                     .end = end,
                                     .batch = batch};
    return loader_start(setup->feed->loader, &pass, error);
}

enum cupel_status feed_next(const struct setup *setup, const struct samples *samples, int64_t count,
                            double *waited, struct cupel_error *error) {
    struct feed *feed = setup->feed;
    const uint8_t *images;
    if (!samples->from) return CUPEL_OK;
    const double start = clock_now();
    CUPEL_TRY(loader_next(feed->loader, &images, error));
    if (waited) *waited += clock_now() - start;
    CUPEL_TRY(cupel_store_send(setup->store, STAGED_IMAGES, images, (size_t)count * feed->image, error));
    if (feed->sending) loader_release(feed->loader);
    feed->sending = true;
    return CUPEL_OK;
}
