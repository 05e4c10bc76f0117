/* Convolution of images that lie with the batch innermost (LAYOUT_BATCH_LAST). */
#ifndef CUPEL_CPU_BATCHED_H
#define CUPEL_CPU_BATCHED_H

#include "plan/backend.h"

/* Whether the call (conv2d, conv2d_image or conv2d_weight) has that layout and a size that these kernels
 * take. */
bool batched_fits(const struct call *call);
/* Sets kernel, engine, workspace and prepared. */
enum cupel_status batched_prepare(struct call *call, struct cupel_error *error);

#endif
