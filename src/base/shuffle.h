/* Random orders. */
#ifndef CUPEL_BASE_SHUFFLE_H
#define CUPEL_BASE_SHUFFLE_H

#include <stdint.h>

/* Writes a permutation of 0..count-1 to order[0..count), every one equally likely, that depends on count,
 * seed and epoch alone: an interrupted run finds its order again. 0 <= count <= INT32_MAX. */
void philox_shuffle(int32_t *order, int64_t count, uint64_t seed, uint64_t epoch);

#endif
