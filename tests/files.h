/* Files that a test makes, in a directory of its own that goes away with the test's process. */
#ifndef CUPEL_TESTS_FILES_H
#define CUPEL_TESTS_FILES_H

#include <stddef.h>

/* The path of `name` in this process's temporary directory, which is made on first use. The caller frees it,
 * or lets the process do so. */
char *temporary_path(const char *name);

/* Writes a file, and fails the test when that does not work. */
void spill(const char *path, const void *bytes, size_t size);

#endif
