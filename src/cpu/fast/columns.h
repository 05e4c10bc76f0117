/* conv2d_image into images of few channels that lie with the channels innermost. */
#ifndef CUPEL_CPU_COLUMNS_H
#define CUPEL_CPU_COLUMNS_H

#include "plan/backend.h"

/* Whether this kernel can run the conv2d_image, and faster than oneDNN's. */
bool columns_pay(const struct call *call);
/* Sets kernel, engine, workspace and prepared. */
enum cupel_status columns_prepare(struct call *call, struct cupel_error *error);

#endif
