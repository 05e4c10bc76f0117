/* Warp operations: lanes meet, the last to come computes for all. */
#ifndef EMU_WARP_H
#define EMU_WARP_H

#include "block.h"

namespace emu {

/* Lanes that have met: their operands are in lane[i].operand for every i in mask. */
struct meeting {
    thread *lane;
    unsigned mask;
    place at;

    template <class T> T &operand(unsigned i) const {
        return *static_cast<T *>(lane[i].operand);
    }
};

/* Waits for all lanes in `mask`, which must call with the same mask, kind and line; then `compute` runs once.
 * Operands live on the callers' stacks. */
void meet(warp_kind kind, unsigned mask, void *operand, place at, void (*compute)(const meeting &));

} // namespace emu

#endif
