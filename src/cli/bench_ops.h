/* The case table that kernels are tested with, and shapes of known models, timed. */
#ifndef CUPEL_CLI_BENCH_OPS_H
#define CUPEL_CLI_BENCH_OPS_H

#include "cupel/bench.h"

/* `against` is a file to compare with, or NULL. CUPEL_INVALID for a filter that is no regular expression or matches nothing;
 * for the file as cupel_bench_load and cupel_bench_compare. */
enum cupel_status bench_ops(const struct cupel_bench_options *options, const char *against,
                            struct cupel_bench *bench, struct cupel_error *error);

#endif
