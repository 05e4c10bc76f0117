/* Which accesses of a launch happen before which: the knowledge that barriers, fences and atomics spread.
 *
 * Every thread counts epochs; a barrier, warp barrier or fence begins a new one. An access is known by its
 * thread's number and epoch. Another thread comes after it if it knows of that epoch. */
#ifndef EMU_ORDER_H
#define EMU_ORDER_H

#include <algorithm>
#include <cstdint>

#include "block.h"

namespace emu {

constexpr unsigned epoch_bits = 20;

void order_begin_launch();
void order_begin_block(uint64_t block, unsigned threads);

/* What the threads of the running block know of each other's epochs. */
struct known_epochs {
    uint32_t now[max_threads];                           /* each thread's own */
    uint32_t at_barrier[max_threads];                    /* known to all since the last block barrier */
    uint32_t in_warp[max_warps][warp_lanes][warp_lanes]; /* known to a lane of its warp's lanes */
};
extern known_epochs known_epochs;

/* The latest epoch of `other` that `me` comes after. */
inline uint32_t known_epoch(unsigned me, unsigned other) {
    uint32_t known = known_epochs.at_barrier[other];
    if (me / warp_lanes != other / warp_lanes) return known;
    return std::max(known, known_epochs.in_warp[me / warp_lanes][me % warp_lanes][other % warp_lanes]);
}

/* Whether the running block comes after what a thread of another block of the launch did in `epoch`. */
bool follows_block(uint64_t block, unsigned thread, uint32_t epoch);

void order_barrier();
void order_warp_barrier(unsigned first, unsigned mask);
void order_fence(unsigned thread);
void order_atomic(unsigned thread, uintptr_t address);

} // namespace emu

#endif
