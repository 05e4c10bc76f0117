/* A training step on a given batch. */
#ifndef CUPEL_TRAIN_DUMP_H
#define CUPEL_TRAIN_DUMP_H

#include "train/setup.h"

/* Compiles a step on the batch of a file, as cupel_dump has it, for a run of `steps` steps, and fills the store: batch,
 * weights (`weights` may be NULL), rates. The plan's outputs are the losses, one for each learner. */
enum cupel_status dump_compile(struct setup *setup, const char *batch, const char *weights, int64_t steps,
                               struct cupel_plan **plan, struct cupel_error *error);

#endif
