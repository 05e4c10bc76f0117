/* Images of one size from images of any size. */
#ifndef CUPEL_DATA_RESIZE_H
#define CUPEL_DATA_RESIZE_H

#include "cupel/image.h"

/* Scales the image, keeping its proportions, until it just covers height x width, and cuts that out of its
 * middle: for a square, torchvision's Resize(size) and CenterCrop(size) on a Pillow image. Scaling is Pillow's
 * BILINEAR: each pixel a weighted mean under a triangle as wide as the scale asks for (at least two pixels of
 * the source), first along rows, then along columns, rounded to a byte after each. `to` gets [channels, height,
 * width]. CUPEL_NOMEM. */
enum cupel_status resize_cover(const struct cupel_image *image, int height, int width, uint8_t *to,
                               struct cupel_error *error);

#endif
