/* Checkpoints: all that a run needs to go on as if it had never stopped.
 *
 * A checkpoint is a safetensors file with the parameters and running statistics by name, "ema.PARAMETER" with
 * averaged weights, "optimizer.MOMENT.PARAMETER", "rng" i64 [2] (seed, steps done), "data.cursor" i64 [1],
 * "train.verdict" f64 (what evaluations have decided, see schedule.h), and as metadata what must be the same
 * for the run to go on: the batch, the numbers of images, the optimizer; and the checksum of the model file.
 * The order of the images is not stored: seed and epoch make it again. */
#ifndef CUPEL_TRAIN_CHECKPOINT_H
#define CUPEL_TRAIN_CHECKPOINT_H

#include "train/load.h"
#include "train/schedule.h"

#define CHECKPOINT_LAST "checkpoint.safetensors"
#define CHECKPOINT_PREVIOUS "checkpoint.previous.safetensors"
#define CHECKPOINT_BEST "best.safetensors"
#define CHECKPOINT_HEALTHY "healthy.safetensors"

struct checkpoint {
    int64_t step;   /* steps done */
    int64_t cursor; /* in the epoch's order */
    struct verdict verdict;
    int64_t train_count, validation_count; /* images */
};

/* Removes the files that an earlier run left. */
void checkpoint_begin(const char *directory);

/* Keeps the last checkpoint, which has just been written, as the healthy one too. At every moment there is a whole one. */
enum cupel_status checkpoint_keep_healthy(const char *directory, struct cupel_error *error);

/* Writes the last checkpoint; the one that was it becomes the previous one. CUPEL_FAILED, and nothing is
 * written, when a parameter is infinite or NaN. */
enum cupel_status checkpoint_save(struct setup *setup, const struct checkpoint *checkpoint,
                                  const char *directory, struct cupel_error *error);

/* Writes the best weights: those that were evaluated. */
enum cupel_status checkpoint_save_best(struct setup *setup, const struct checkpoint *checkpoint,
                                       const char *directory, struct cupel_error *error);

/* Reads the last checkpoint into the store, whose plans have been compiled, and into `checkpoint`, whose
 * counts are those of this run. `*changed` tells whether the model file has another text by now. */
enum cupel_status checkpoint_load(struct setup *setup, struct checkpoint *checkpoint, const char *directory,
                                  bool *changed, struct cupel_error *error);

#endif
