/* Convolution in few multiplications, of images that lie with the channels innermost. */
#ifndef CUPEL_CPU_WINOGRAD_H
#define CUPEL_CPU_WINOGRAD_H

#include "plan/backend.h"

/* Whether the call (conv2d, conv2d_image or conv2d_weight) is one for which this is faster than oneDNN. */
bool winograd_pays(const struct call *call);
/* Sets kernel, engine, workspace and prepared. */
enum cupel_status winograd_prepare(struct call *call, struct cupel_error *error);

#endif
