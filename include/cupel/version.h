/* What this build is made of, and small helps for programs that talk to people. */
#ifndef CUPEL_VERSION_H
#define CUPEL_VERSION_H

#include <stddef.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The library's version, such as "0.1.0". */
const char *cupel_version(void);

/* The commit that it was built from, with "+" behind it if files had been changed; "" when that is not known. */
const char *cupel_commit(void);

/* Writes one line for each library: the version that this build was compiled with and the one that is loaded
 * now. */
void cupel_libraries_print(FILE *file);

/* Writes the processor's name and cores, and which of the vector instructions that kernels profit from it
 * has. */
void cupel_processor_print(FILE *file);

/* The word nearest to `text`, for "did you mean ...?"; NULL when none is near. `words` are `count` structs of
 * `stride` bytes that each begin with a `const char *`. Near: at most a third of the letters must be added,
 * removed, changed or swapped with their neighbour. */
const char *cupel_nearest(const char *text, const void *words, size_t count, size_t stride);

#ifdef __cplusplus
}
#endif
#endif
