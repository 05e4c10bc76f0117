/* The binary files of CIFAR. */
#ifndef CUPEL_DATA_CIFAR_H
#define CUPEL_DATA_CIFAR_H

#include "cupel/data.h"

/* Adds the records of a file in memory to a split; `file` is its name for messages. A record begins with `labels`
 * labels, of which number `label` is taken; every one must be below `limit`. What was added before a failure
 * stays the split's to free. */
enum cupel_status cifar_parse(const char *file, const unsigned char *bytes, size_t size, int labels,
                              int label, int64_t limit, struct cupel_dataset *dataset,
                              struct cupel_dataset_split *split, struct cupel_error *error);

#endif
