/* The processor that this program runs on. */
#ifndef CUPEL_BASE_PROCESSOR_H
#define CUPEL_BASE_PROCESSOR_H

#include <stddef.h>

/* Writes its name, cut if need be, or "unknown processor". */
void processor_name(char *name, size_t size);

#endif
