/* Where the first number came from that is infinite or NaN. */
#ifndef CUPEL_TRAIN_CULPRIT_H
#define CUPEL_TRAIN_CULPRIT_H

#include "cupel/train.h"

struct culprit {
    int64_t step;
    char tensor[CUPEL_TENSOR_ROOM]; /* as in struct cupel_warning_point */
    char text[600];                 /* the same as a sentence: step, network, layer, tensor */
};

/* Repeats the steps of a gan's run from its checkpoint, or with saved_step -1 from its start, up to `bad_step`, in which a loss
 * was not finite, or which would have begun with such weights; and looks at all values of the last two. Everything of the run
 * that failed has been closed. False when nothing was found, or the options' flag stopped the search. */
bool culprit_find(const struct cupel_model *model, const struct cupel_train_options *options,
                  int64_t saved_step, int64_t bad_step, struct culprit *culprit);

#endif
