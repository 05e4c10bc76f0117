/* Random orders by Fisher and Yates's shuffle (Knuth, The Art of Computer Programming 2, algorithm P). */
#include "base/shuffle.h"

#include "philox.h"

/* A number from 0 to bound - 1 without bias: the high half of word * bound, where words whose low half would
 * make some results likelier are drawn again (Lemire, "Fast random integer generation in an interval", 2019).
 */
static uint32_t below(const struct philox *philox, uint64_t *element, uint32_t bound) {
    uint32_t unfair = -bound % bound; /* 2^32 mod bound */
    uint64_t product;
    do product = (uint64_t)philox_word(philox, (*element)++) * bound;
    while ((uint32_t)product < unfair);
    return (uint32_t)(product >> 32);
}

void philox_shuffle(int32_t *order, int64_t count, uint64_t seed, uint64_t epoch) {
    struct philox philox = philox_start(seed, PHILOX_SHUFFLE, 0, epoch);
    uint64_t element = 0;
    for (int64_t i = 0; i < count; i++) order[i] = (int32_t)i;
    for (int64_t i = count - 1; i > 0; i--) {
        uint32_t j = below(&philox, &element, (uint32_t)i + 1);
        int32_t other = order[j];
        order[j] = order[i];
        order[i] = other;
    }
}
