/* Data sets whose images are read from files when they are needed. */
#ifndef CUPEL_TESTS_STREAMED_H
#define CUPEL_TESTS_STREAMED_H

#include "cupel/data.h"

/* Opens the set with `stream: true`, and expects of it what `set` has in memory: counts, labels, every image. */
void expect_streamed(const struct cupel_dataset_spec *spec, const struct cupel_dataset *set);

#endif
