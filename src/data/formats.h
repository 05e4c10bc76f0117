/* The formats of data sets. Each opener reads a set as cupel_dataset_open describes into a zeroed one, which
 * the caller frees whatever the outcome. */
#ifndef CUPEL_DATA_FORMATS_H
#define CUPEL_DATA_FORMATS_H

#include "cupel/data.h"

typedef enum cupel_status dataset_opener(const struct cupel_dataset_spec *spec, struct cupel_dataset *dataset,
                                         struct cupel_error *error);

dataset_opener idx_open, cifar10_open, cifar100_open, folder_open, npy_open;

#endif
