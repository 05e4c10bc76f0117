/* What segmentation adds to classification: masks out of logits, and how well they fit. */
#ifndef CUPEL_TRAIN_SEGMENT_H
#define CUPEL_TRAIN_SEGMENT_H

#include "train/setup.h"

/* The class of the largest logit for each pixel: logits [count, classes, plane] to masks [count, plane]. Of equal ones the first. */
void segment_masks(const struct setup *setup, const float *logits, int64_t count, uint8_t *masks);

/* Accuracy and intersection over union from the confusion of pixels. `class_iou` is [classes]. */
void segment_measure(struct cupel_evaluation *evaluation);

#endif
