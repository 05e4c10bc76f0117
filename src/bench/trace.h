/* When each node of a step ran. */
#ifndef CUPEL_BENCH_TRACE_H
#define CUPEL_BENCH_TRACE_H

#include "bench/bench.h"

struct trace {
    double *start, *took; /* seconds, by call */
    double whole;
};
/* False when memory is out. */
bool trace_open(struct trace *trace, int calls);
void trace_close(struct trace *trace);
void trace_copy(const struct trace *from, struct trace *to, int calls);

/* Writes it as events of Chrome's trace format, by parts of the step:
 * https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU */
enum cupel_status trace_write(const struct trace *trace, const struct cupel_plan *plan,
                              const enum cupel_bench_part *parts, const char *path,
                              struct cupel_error *error);

#endif
