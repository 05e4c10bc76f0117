/* The machine's memory. */
#ifndef CUPEL_BASE_MEMORY_H
#define CUPEL_BASE_MEMORY_H

#include <stddef.h>

/* Bytes that a program may take without others suffering: what the kernel holds to be available, at most what a container's
 * control group allows. SIZE_MAX when neither is known. */
size_t memory_available(void);

#endif
