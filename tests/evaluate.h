/* Evaluates tensors of a small f64 graph: for tests that compare with numbers worked out by hand. */
#ifndef CUPEL_TESTS_EVALUATE_H
#define CUPEL_TESTS_EVALUATE_H

#include "cupel/cupel.h"

/* A constant [count] of the values; `list` wants them written in place: list(graph, 1, 2, 3). */
struct cupel_tensor *values(struct cupel_graph *graph, const double *from, int64_t count);
#define list(graph, ...)                         \
    values(graph, (const double[]){__VA_ARGS__}, \
           (int64_t)(sizeof((const double[]){__VA_ARGS__}) / sizeof(double)))

/* Runs what y needs once on the reference device, from a new store, and copies y, `bytes` long, to `data`. */
enum cupel_status run_once(struct cupel_tensor *y, void *data, size_t bytes, struct cupel_error *error);

/* The same for y's values; `count` is how many y must have. Fails the test on an error. */
void evaluate(struct cupel_tensor *y, double *result, int64_t count);

/* The same for a y of one element. */
double evaluate_one(struct cupel_tensor *y);

/* Fails the test unless y has these values, to 1e-12 of the largest. */
void expect_values(const char *what, struct cupel_tensor *y, const double *expected, int64_t count);
#define expect_list(y, ...)                             \
    expect_values(#y, y, (const double[]){__VA_ARGS__}, \
                  (int64_t)(sizeof((const double[]){__VA_ARGS__}) / sizeof(double)))

#endif
