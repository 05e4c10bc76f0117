/* How well one set of feature vectors covers another, by nearest neighbours. */
#ifndef CUPEL_TRAIN_NEIGHBOURS_H
#define CUPEL_TRAIN_NEIGHBOURS_H

#include <stdint.h>

#include "cupel/status.h"

enum { NEIGHBOUR = 3 }; /* the one whose distance is the radius */

/* The part, 0 to 1, of the `count` vectors in f32 [count, size] that lie in at least one ball round one of the `centres`
 * vectors of `others`, whose radius is the distance to that one's third nearest neighbour among `others`. There are more
 * than NEIGHBOUR of those. This is the precision of generated vectors, with the real ones as `others`, and, the other way
 * round, their recall (Kynkaanniemi, Karras, Laine, Lehtinen, Aila: "Improved precision and recall metric for assessing
 * generative models", 2019). */
enum cupel_status covered_part(const float *vectors, int64_t count, const float *others, int64_t centres,
                               int64_t size, double *part, struct cupel_error *error);

#endif
