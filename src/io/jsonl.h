/* A file with one JSON object per line: the metrics of a run. */
#ifndef CUPEL_IO_JSONL_H
#define CUPEL_IO_JSONL_H

#include <stdbool.h>
#include <stdint.h>

#include "cupel/status.h"

struct jsonl;

/* Opens the file for writing; with `append`, behind the lines it has already. A last line that a killed run
 * left unfinished is removed. CUPEL_INVALID when it cannot be opened. Close it with jsonl_close. */
enum cupel_status jsonl_open(const char *path, bool append, struct jsonl **jsonl, struct cupel_error *error);

/* Add one member to the line being built. NaN and infinities become null. */
void jsonl_number(struct jsonl *jsonl, const char *key, double value);
void jsonl_integer(struct jsonl *jsonl, const char *key, int64_t value);
void jsonl_numbers(struct jsonl *jsonl, const char *key, const double *values, int64_t count);
void jsonl_text(struct jsonl *jsonl, const char *key, const char *value);

/* Ends the line and hands it to the operating system at once. CUPEL_IO when it could not be written. */
enum cupel_status jsonl_end(struct jsonl *jsonl, struct cupel_error *error);

/* Closes the file and frees the writer, which may be NULL. A line without its jsonl_end is not written. */
void jsonl_close(struct jsonl *jsonl);

#endif
