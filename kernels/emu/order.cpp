/* See order.h. Blocks run one at a time, which keeps the bookkeeping small: within the running block there
 * are tables; of each block that has run there is left what it published by a fence and an atomic after it.
 *
 *   - A block barrier lets every thread know every other's epoch.
 *   - A warp barrier lets its lanes know what any of them knew. Shuffles and votes order nothing, as in CUDA.
 *   - A fence publishes what its thread has done and what it knew of the block's others.
 *   - An atomic after a fence leaves at its address what is published of what its thread knows, and all that
 *     was left there before is known to its block from then on. (The memory model wants a second fence on the
 *     reading side; programs commonly leave it out, and here it is not asked for.) */
#include "order.h"

#include <unordered_map>
#include <vector>

namespace emu {

struct known_epochs known_epochs;

namespace {

uint64_t this_block;
unsigned threads;
bool fenced; /* a thread of this block has passed a fence */
uint32_t published[max_threads];

/* Of every block that has left something at an atomic's address: thread -> epoch. */
std::unordered_map<uint64_t, std::vector<uint32_t>> left_by;
using block_set = std::vector<bool>;
std::unordered_map<uintptr_t, block_set> left_at;
block_set known_blocks;

void join(block_set &into, const block_set &from) {
    if (into.size() < from.size()) into.resize(from.size());
    for (size_t i = 0; i < from.size(); i++)
        if (from[i]) into[i] = true;
}

} // namespace

void order_begin_launch() {
    left_by.clear();
    left_at.clear();
}

void order_begin_block(uint64_t block, unsigned size) {
    this_block = block;
    threads = size;
    fenced = false;
    std::fill_n(known_epochs.now, size, 1u);
    std::fill_n(known_epochs.at_barrier, size, 0u);
    for (unsigned warp = 0; warp * warp_lanes < size; warp++)
        for (auto &lane : known_epochs.in_warp[warp]) std::fill_n(lane, warp_lanes, 0u);
    known_blocks.clear();
}

bool follows_block(uint64_t block, unsigned thread, uint32_t epoch) {
    if (block >= known_blocks.size() || !known_blocks[block]) return false;
    return epoch <= left_by[block][thread];
}

void order_barrier() {
    for (unsigned i = 0; i < threads; i++) known_epochs.at_barrier[i] = known_epochs.now[i]++;
}

void order_warp_barrier(unsigned first, unsigned mask) {
    auto &lanes = known_epochs.in_warp[first / warp_lanes];
    uint32_t joined[warp_lanes] = {};
    for (unsigned i = 0; i < warp_lanes; i++) {
        if (!(mask >> i & 1)) continue;
        lanes[i][i] = known_epochs.now[first + i]++;
        for (unsigned other = 0; other < warp_lanes; other++)
            joined[other] = std::max(joined[other], lanes[i][other]);
    }
    for (unsigned i = 0; i < warp_lanes; i++)
        if (mask >> i & 1) std::copy_n(joined, warp_lanes, lanes[i]);
}

void order_fence(unsigned thread) {
    if (!fenced) {
        fenced = true;
        std::fill_n(published, threads, 0u);
    }
    for (unsigned i = 0; i < threads; i++) published[i] = std::max(published[i], known_epoch(thread, i));
    published[thread] = known_epochs.now[thread]++;
}

void order_atomic(unsigned thread, uintptr_t address) {
    auto found = left_at.find(address);
    if (found != left_at.end()) join(known_blocks, found->second);
    if (!fenced) return;
    auto &left = left_by[this_block];
    left.resize(threads);
    for (unsigned i = 0; i < threads; i++) {
        uint32_t known = i == thread ? known_epochs.now[i] : known_epoch(thread, i);
        left[i] = std::max(left[i], std::min(published[i], known));
    }
    block_set &blocks = left_at[address];
    join(blocks, known_blocks);
    if (blocks.size() <= this_block) blocks.resize(this_block + 1);
    blocks[this_block] = true;
}

} // namespace emu
