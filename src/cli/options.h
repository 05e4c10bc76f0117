/* The command line: one table of flags drives parsing, help and suggestions. */
#ifndef CUPEL_CLI_OPTIONS_H
#define CUPEL_CLI_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "cupel/cupel.h"

/* Exit statuses of the program. */
enum { EXIT_DONE = 0, EXIT_RUN_FAILED = 1, EXIT_BAD_INPUT = 2 };

/* The values of a flag that may be repeated. */
struct list {
    const char **items;
    int count;
};

/* What a command line says. Texts point into argv. */
struct arguments {
    const char *model;
    const char *const *images;
    int image_count;
    const char *data, *device, *precision, *out, *weights, *init, *batch_file;
    const char *features, *features_weights; /* a classifier's model and weights */
    const char *grid, *label, *vector, *latents, *batchnorm;
    const char *against, *filter, *tolerance, *json, *junit, *save_repro, *repro, *compare, *seconds, *trace;
    int64_t epochs, steps, sample_steps, batch, seed, threads, count, repeat,
        rounds; /* 0: not given; the seed -1 */
    bool deterministic, stream, resume, single, interpolate, skip_bad, verbose, unverified;
    struct list settings, init_skip;
    const char **words; /* arguments that are no flags */
    int word_count;
};

struct command {
    const char *name;
    unsigned bit;                                  /* stands for the command in the table of flags */
    const char *words;                             /* "MODEL IMAGE..." */
    const char *summary;                           /* one line */
    const char *about;                             /* what help says beyond it, or NULL */
    int (*run)(const struct arguments *arguments); /* returns an exit status */
};

enum {
    COMMAND_TRAIN = 1 << 0,
    COMMAND_EVAL = 1 << 1,
    COMMAND_PREDICT = 1 << 2,
    COMMAND_PLAN = 1 << 3,
    COMMAND_DUMP = 1 << 4,
    COMMAND_DOCTOR = 1 << 5,
    COMMAND_SAMPLE = 1 << 6,
    COMMAND_DATA = 1 << 7,
    COMMAND_CHECK = 1 << 8,
    COMMAND_BENCH = 1 << 9,
};

int command_train(const struct arguments *arguments);
int command_eval(const struct arguments *arguments);
int command_predict(const struct arguments *arguments);
int command_sample(const struct arguments *arguments);
int command_plan(const struct arguments *arguments);
int command_dump(const struct arguments *arguments);
int command_data(const struct arguments *arguments);
int command_check(const struct arguments *arguments);
int command_bench(const struct arguments *arguments);
int command_doctor(const struct arguments *arguments);

/* Reads argv behind the command's name. On a mistake, or when help was asked for, prints it, sets
 * *exit_status and returns false. `arguments` is to be freed in either case. */
bool arguments_read(const struct command *command, int count, char **argv, struct arguments *arguments,
                    int *exit_status);
void arguments_free(struct arguments *arguments);

/* Writes the help of a command. */
void command_help(const struct command *command, FILE *file);

/* Writes "cupel: " and the message to standard error, on a line of its own. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Complains about an error of the library and returns the exit status that it means. */
int complain_error(const struct cupel_error *error);

#endif
