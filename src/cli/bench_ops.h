/* The case table that kernels are tested with, and shapes of known models, timed. */
#ifndef CUPEL_CLI_BENCH_OPS_H
#define CUPEL_CLI_BENCH_OPS_H

#include "cupel/bench.h"

/* One pass through all rows; `verify` as of bench_subjects. CUPEL_INVALID for a filter that is no regular expression or matches
 * nothing. */
enum cupel_status bench_ops(const struct cupel_bench_options *options, bool verify, struct cupel_bench *bench,
                            struct cupel_error *error);

#endif
