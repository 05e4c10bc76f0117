/* The case table that kernels are tested with, as a check. */
#ifndef CUPEL_CLI_CHECK_OPS_H
#define CUPEL_CLI_CHECK_OPS_H

#include "cupel/check.h"

/* Runs every case in each layout and precision that it is tested in on the device of the options (`run.precision`: only in
 * that one) against the trusted one. Of the options it takes device, threads, precision, against, filter, tolerance and
 * progress. As cupel_check_model otherwise. */
enum cupel_status check_ops(const struct cupel_check_options *options, struct cupel_check *check,
                            struct cupel_error *error);

#endif
