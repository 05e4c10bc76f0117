/* The clock that durations are measured by. */
#ifndef CUPEL_BASE_CLOCK_H
#define CUPEL_BASE_CLOCK_H

#include <time.h>

/* Seconds since some moment of the past; never goes back. */
static inline double clock_now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

#endif
