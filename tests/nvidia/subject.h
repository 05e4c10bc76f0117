/* A call made by hand, its tensors in the emulator's device memory, and its numbers on the host. */
#ifndef CUPEL_TESTS_SUBJECT_H
#define CUPEL_TESTS_SUBJECT_H

#include "cuda/cuda.h"

struct subject {
    struct node source, node;
    struct cupel_tensor tensor[4], *in[3];
    struct view view[4]; /* inputs, output */
    struct cuda_device own;
    struct cupel_device device;
    struct call call;
};

/* Puts inputs, of random multiples of 1/4 up to 1, and an output of NaN into device memory. The subject's op, attributes,
 * n_in, and its views but for data are set. */
void subject_start(struct subject *subject);
void subject_end(struct subject *subject);

/* Prepared, gets its workspace and runs; fails the test on an error. */
void subject_run(struct subject *subject);

/* Numbers of the elements from `data` in device memory on, each at its own offset. The caller frees them. */
double *numbers_read(const void *data, int64_t count, enum cupel_dtype type);
void numbers_write(void *data, const double *numbers, int64_t count, enum cupel_dtype type);

double number_activated(enum activation activation, double slope, double x);

#endif
