/* Data sets: images and labels in memory. */
#ifndef CUPEL_DATA_H
#define CUPEL_DATA_H

#include "cupel/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a model file says about its data. */
struct cupel_dataset_spec {
    const char *format; /* "idx" */
    const char *path;   /* a directory */
    int64_t shape[3];   /* channels, height, width of an image; 0 takes the file's */
    int64_t classes;    /* 0 takes the largest label plus 1 */
};

struct cupel_dataset_split {
    int64_t count;
    uint8_t *images; /* [count, channels, height, width] */
    int32_t *labels; /* [count], from 0 to classes - 1; NULL when the set has none */
};

struct cupel_dataset {
    struct cupel_dataset_split train, test;
    int64_t shape[3]; /* channels, height, width */
    int64_t classes;  /* 0 when the set has no labels */
};

/* Reads a data set into memory. Free it with cupel_dataset_free; on failure there is nothing to free.
 *
 * Format "idx" (http://yann.lecun.com/exdb/mnist/): the directory holds `train-images-idx3-ubyte`,
 * `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte` and `t10k-labels-idx1-ubyte`, each plain or as gzip
 * with `.gz` behind its name. The two files of labels may both be absent when the spec gives no classes.
 *
 * CUPEL_INVALID, with the path in the message: the set is missing (the message says how to get the default
 * one), a file is cut, damaged or malformed, images and labels differ in number, a label is not below
 * `classes`, or the images have another shape than the spec. */
enum cupel_status cupel_dataset_open(const struct cupel_dataset_spec *spec, struct cupel_dataset *dataset,
                                     struct cupel_error *error);

/* The mean and the standard deviation (of the population, not of a sample) of each channel of the training
 * images, whose pixels count as 0 to 1. Both arrays have shape[0] elements. */
void cupel_dataset_statistics(const struct cupel_dataset *dataset, double *mean, double *deviation);

/* Frees the images and labels and zeroes the set. */
void cupel_dataset_free(struct cupel_dataset *dataset);

#ifdef __cplusplus
}
#endif
#endif
