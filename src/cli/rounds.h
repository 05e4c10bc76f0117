/* `cupel bench ops` in several processes, one after the other: where code and data happen to lie is then another each time. */
#ifndef CUPEL_CLI_ROUNDS_H
#define CUPEL_CLI_ROUNDS_H

#include "cli/options.h"
#include "cupel/bench.h"

/* Measures, and with --compare compares and measures again what seems to have changed. CUPEL_INVALID as for bench_ops,
 * cupel_bench_load and cupel_bench_compare; CUPEL_FAILED when a round's process fails, which says why itself. */
enum cupel_status bench_rounds(const struct arguments *arguments, const struct cupel_bench_options *options,
                               struct cupel_bench *bench, struct cupel_error *error);

#endif
