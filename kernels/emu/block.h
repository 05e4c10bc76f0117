/* The block that runs: its threads, who waits for what, and how the next to run is chosen. */
#ifndef EMU_BLOCK_H
#define EMU_BLOCK_H

#include "emu.h"
#include "emu_launch.h"
#include "emu_sync.h"
#include "fiber.h"

namespace emu {

constexpr unsigned max_threads = 1024, warp_lanes = 32, max_warps = max_threads / warp_lanes;

enum class state : uint8_t { fresh, ready, at_barrier, at_warp, returned };

struct thread {
    uint3 index;
    unsigned number; /* in the block, x fastest */
    fiber *stack;    /* null until it has begun */
    enum state state;
    warp_kind kind; /* of the warp operation that it waits in */
    unsigned mask;  /* of the same */
    void *operand;  /* of the same */
    place at;       /* where it waits */
};

/* One launch, as it runs. */
struct kernel_run {
    kernel_call *call;
    const char *name;
    dim3 grid, block;
    size_t dynamic_shared, call_size;
};

struct block {
    const kernel_run *kernel;
    enum emu_order order;
    uint64_t number; /* of the block in the grid, x fastest */
    uint64_t serial; /* of all blocks that have run: tells one block's shared memory from the next's */
    unsigned size;   /* threads */
    unsigned arrived, returned;
    int predicates, result; /* of the block barrier: the sum so far, and what the last one gave */
    place barrier_at;
    unsigned waiting[max_warps], gone[max_warps]; /* lanes in a warp operation; lanes that have returned */
    struct thread threads[max_threads];
};

extern block current;
extern thread *running; /* null while the host's code runs */

inline unsigned number_of(const thread *thread) {
    return thread->number;
}
inline unsigned lane_of(const thread *thread) {
    return number_of(thread) % warp_lanes;
}
inline unsigned warp_of(const thread *thread) {
    return number_of(thread) / warp_lanes;
}

/* Runs all blocks of a kernel, in the order that is set, until one fails. Called on the main stack. */
void run_kernel(const kernel_run &kernel);

/* Queues a thread that waited. */
void make_ready(thread *thread);

/* The running thread lets others run until it is made ready. */
void park();

/* What the last thread to meet does once it has made the others ready: in depth-first order it goes on at
 * once, else it queues with them. */
bool last_goes_on();

/* In which order waiting threads are made ready, so that the first to run is the first of the order:
 * the i-th of `count`. */
unsigned release_order(unsigned i, unsigned count);

/* Ends the kernel: the running thread goes no further. fail() of report.h has recorded why. */
[[noreturn]] void abandon();

/* Splitmix64: numbers for every random choice. */
uint64_t random_number();
void seed_random(uint64_t seed);

uint3 block_index(uint64_t number, dim3 grid);
uint3 thread_index(unsigned number, dim3 block);

} // namespace emu

#endif
