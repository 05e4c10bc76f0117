/* Sending images that the device does not hold, batch by batch, read ahead and copied while it works on earlier ones. */
#ifndef CUPEL_TRAIN_FEED_H
#define CUPEL_TRAIN_FEED_H

#include "train/batch.h"

struct feed;

/* Prepares to send batches of up to setup_step_images to STAGED_IMAGES, in the way that the model's `data` says; to be closed
 * before the data set is freed. Without `samples` that are streamed nothing else is called. */
enum cupel_status feed_open(struct setup *setup, struct cupel_error *error);
void feed_close(struct setup *setup);

/* Begins to read the samples order[first..end), `batch` at a time; `order` is the one of the split, NULL: all, as they lie. */
enum cupel_status feed_start(const struct setup *setup, const struct samples *samples, const int32_t *order,
                             int64_t first, int64_t end, int64_t batch, struct cupel_error *error);

/* Sends the next `count` of them: a batch, or what is left. `waited`, unless NULL, grows by the seconds in which they were not
 * there. Both do nothing for samples that the device holds. */
enum cupel_status feed_next(const struct setup *setup, const struct samples *samples, int64_t count,
                            double *waited, struct cupel_error *error);

#endif
