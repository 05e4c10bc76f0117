/* Patterns of tensors' names, as a shell's of files: `*` stands for any characters, dots among them, `?` for one, `[ab]` for one
 * of these. */
#ifndef CUPEL_BASE_PATTERN_H
#define CUPEL_BASE_PATTERN_H

#include <fnmatch.h>
#include <stdbool.h>
#include <stddef.h>

/* Whether it matches the name, or the name that would do as well; that may be NULL. */
static inline bool pattern_matches(const char *pattern, const char *name, const char *short_name) {
    return fnmatch(pattern, name, 0) == 0 || (short_name && fnmatch(pattern, short_name, 0) == 0);
}

#endif
