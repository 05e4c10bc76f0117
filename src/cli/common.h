/* What the commands share. */
#ifndef CUPEL_CLI_COMMON_H
#define CUPEL_CLI_COMMON_H

#include "cli/options.h"
#include "cupel/train.h"

/* The options of a run that the command line gives. Notes go to standard error. */
struct cupel_run_options run_options(const struct arguments *arguments);

/* Reads the model file of the command line with its overrides. */
enum cupel_status model_open(const struct arguments *arguments, struct cupel_model **model,
                             struct cupel_error *error);

/* Numbers to train in all networks of the model, or in one network. */
int64_t network_parameters(const struct cupel_network *network);
int64_t model_parameters(const struct cupel_model *model);

/* Those of them in one network that are frozen. */
int64_t network_frozen(const struct cupel_network *network);

/* The text of a number with commas, "61,706". One of a few static buffers: good for a single printf. */
const char *count_text(int64_t number);

/* "3.2 s", "4 min 10 s", "2 h 3 min"; static as above. */
const char *time_text(double seconds);

/* The name of a class, or its number when names are not known; static as above. */
const char *class_text(const struct cupel_class_names *names, int64_t class);

#endif
