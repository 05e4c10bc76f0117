/* First values of states. */
#ifndef CUPEL_BASE_INIT_H
#define CUPEL_BASE_INIT_H

#include "cupel/graph.h"

/* Fills `data`, shape x dtype in host memory, as `init` says. Random kinds depend on seed, name and element
 * alone; f64 gets the f32 draws, widened. CUPEL_INVALID, naming the state, when a kind does not suit the
 * shape (Xavier and Kaiming need two dimensions) or the dtype (random kinds need f32 or f64, constants a
 * value that the dtype holds). */
enum cupel_status init_fill(const struct cupel_init *init, const char *name, uint64_t seed,
                            enum cupel_dtype dtype, const struct cupel_shape *shape, void *data,
                            struct cupel_error *error);

#endif
