/* Runs blocks one after another, and the threads of a block on fibers; see block.h.
 *
 * A thread that begins takes over the stack of one that has just returned, without a switch: kernels that
 * meet no barrier run as a loop. When nothing can run and not all have returned, the block is stuck, which is
 * reported instead of waited out. */
#include "block.h"

#include <algorithm>
#include <numeric>

#include "checks.h"
#include "emu_tensor.h"
#include "fault.h"
#include "order.h"
#include "report.h"
#include "shared.h"
#include "task.h"

namespace emu {

/* The built-in variables under the names that kernels use; the header declares them constant. */
#define EMU_BUILT_IN(name, symbol) uint3 name asm(symbol)
EMU_BUILT_IN(thread_index_now, "threadIdx");
EMU_BUILT_IN(block_index_now, "blockIdx");
EMU_BUILT_IN(block_size_now, "blockDim");
EMU_BUILT_IN(grid_size_now, "gridDim");

block current;
thread *running;

namespace {

/* Threads that may run, a ring: every thread is in it at most once. */
uint16_t ready[max_threads];
unsigned ready_first, ready_count;
uint64_t random_state;

uint16_t &ready_at(unsigned i) {
    return ready[(ready_first + i) % max_threads];
}

thread *take_ready() {
    if (ready_count == 0) return nullptr;
    unsigned last = --ready_count;
    if (current.order == EMU_FORWARD || current.order == EMU_REVERSED) {
        unsigned number = ready[ready_first];
        ready_first = (ready_first + 1) % max_threads;
        return &current.threads[number];
    }
    if (current.order == EMU_RANDOM)
        std::swap(ready_at(last), ready_at(static_cast<unsigned>(random_number() % (last + 1))));
    return &current.threads[ready_at(last)];
}

void resume(thread *thread) {
    running = thread;
    thread_index_now = thread->index;
}

void return_from_kernel(thread *thread) {
    thread->state = state::returned;
    current.returned++;
    current.gone[warp_of(thread)] |= 1u << lane_of(thread);
}

[[noreturn]] void stuck(thread *waiting);

/* What every fiber runs: the thread it was taken for, then any that have not begun. */
void thread_entry() {
    fiber_begun();
    for (;;) {
        thread *me = running;
        if (overdue) stop_overdue({});
        current.kernel->call->run_thread();
        return_from_kernel(me);
        thread *next = take_ready();
        if (next && next->state == state::fresh) {
            next->stack = me->stack;
            next->state = state::ready;
            resume(next);
            continue;
        }
        if (!next && current.returned < current.size) {
            for (unsigned i = 0; i < current.size; i++)
                if (current.threads[i].state != state::returned) stuck(&current.threads[i]);
        }
        fiber_give(me->stack);
        running = next;
        if (next) resume(next);
        fiber_leave(me->stack, next ? next->stack : &main_fiber);
    }
}

void begin_on_new_fiber(thread *thread) {
    thread->stack = fiber_take(thread_entry);
    thread->state = state::ready;
}

/* Tells what `other`, for whom a thread waits in vain, is doing. */
void describe_absent(other_party &party, const thread *other) {
    char name[256];
    name_thread(name, sizeof name, *current.kernel, current.number, number_of(other));
    party.at = {other->at, nullptr};
    switch (other->state) {
    case state::returned:
        snprintf(party.who, sizeof party.who, "%s has returned", name);
        party.at = {};
        break;
    case state::at_barrier:
        snprintf(party.who, sizeof party.who, "%s waits at a block barrier", name);
        break;
    default:
        snprintf(party.who, sizeof party.who, "%s waits in a warp operation with mask 0x%08x", name,
                 other->mask);
    }
}

/* Nothing can run: `waiting` waits for a thread that will never come. */
void stuck(thread *waiting) {
    running = waiting;
    other_party party = {};
    if (waiting->state == state::at_barrier) {
        for (unsigned i = 0; i < current.size; i++) {
            if (current.threads[i].state == state::at_barrier) continue;
            describe_absent(party, &current.threads[i]);
            break;
        }
        fail_thread(cudaErrorLaunchFailure, {waiting->at, nullptr}, &party,
                    "a block barrier that only %u of %u threads reach", current.arrived, current.size);
    }
    unsigned warp = warp_of(waiting), absent = 0;
    while (absent < warp_lanes) {
        const thread *lane = &current.threads[warp * warp_lanes + absent];
        bool same =
            lane->state == state::at_warp && lane->mask == waiting->mask && lane->kind == waiting->kind;
        if ((waiting->mask >> absent & 1) && !same) break;
        absent++;
    }
    describe_absent(party, &current.threads[warp * warp_lanes + absent]);
    fail_thread(cudaErrorLaunchFailure, {waiting->at, nullptr}, &party,
                "a warp operation with mask 0x%08x that lane %u does not join", waiting->mask, absent);
}

void begin_block(const kernel_run &kernel, uint64_t number) {
    current.number = number;
    current.serial++;
    current.arrived = current.returned = 0;
    current.predicates = 0;
    std::fill_n(current.waiting, max_warps, 0u);
    std::fill_n(current.gone, max_warps, 0u);
    for (unsigned i = 0; i < current.size; i++) current.threads[i].state = state::fresh;
    ready_first = ready_count = 0;
    for (unsigned i = 0; i < current.size; i++) {
        thread *fresh = &current.threads[release_order(i, current.size)];
        ready[ready_count++] = static_cast<uint16_t>(number_of(fresh));
    }
    block_index_now = block_index(number, kernel.grid);
    shared_begin_block(kernel.dynamic_shared);
    copies_begin_block();
    if (checking) order_begin_block(number, current.size);
}

void run_block(const kernel_run &kernel, uint64_t number) {
    begin_block(kernel, number);
    thread *first = take_ready();
    begin_on_new_fiber(first);
    resume(first);
    fiber_switch(&main_fiber, first->stack);
    running = nullptr;
}

/* A permutation of 0..count-1 that needs no table: i -> a i + b modulo count, a prime to count. */
struct permutation {
    uint64_t count, factor = 1, offset = 0;
    explicit permutation(uint64_t blocks) : count(blocks) {
        if (current.order == EMU_REVERSED) {
            factor = offset = count - 1;
        } else if (current.order == EMU_RANDOM) {
            do factor = random_number() % count;
            while (std::gcd(factor, count) != 1);
            offset = random_number() % count;
        }
    }
    uint64_t operator()(uint64_t i) const {
        return static_cast<uint64_t>((static_cast<unsigned __int128>(factor) * i + offset) % count);
    }
};

} // namespace

void run_kernel(const kernel_run &kernel) {
    current.kernel = &kernel;
    current.order = order_in_force();
    current.size = kernel.block.x * kernel.block.y * kernel.block.z;
    for (unsigned i = 0; i < current.size; i++) {
        current.threads[i].index = thread_index(i, kernel.block);
        current.threads[i].number = i;
    }
    block_size_now = kernel.block;
    grid_size_now = kernel.grid;
    main_fiber.bottom = nullptr;
    uint64_t blocks = static_cast<uint64_t>(kernel.grid.x) * kernel.grid.y * kernel.grid.z;
    permutation order(blocks);
    if (checking) order_begin_launch();
    watch_launch();
    for (uint64_t i = 0; i < blocks && sticky_error() == cudaSuccess; i++) {
        run_block(kernel, order(i));
        finish_report();
    }
    current.kernel = nullptr;
}

void make_ready(thread *thread) {
    thread->state = state::ready;
    ready_at(ready_count++) = static_cast<uint16_t>(number_of(thread));
}

void park() {
    thread *me = running, *next = take_ready();
    if (!next) stuck(me);
    if (overdue) stop_overdue({me->at, nullptr});
    if (next != me) {
        if (next->state == state::fresh) begin_on_new_fiber(next);
        resume(next);
        fiber_switch(me->stack, next->stack);
    }
    resume(me);
}

bool last_goes_on() {
    return current.order == EMU_DEPTH_FIRST;
}

unsigned release_order(unsigned i, unsigned count) {
    /* Depth-first takes the last that was queued. */
    return current.order == EMU_REVERSED || current.order == EMU_DEPTH_FIRST ? count - 1 - i : i;
}

void abandon() {
    fiber *mine = running->stack;
    fiber_leave(mine, &main_fiber);
}

int barrier(barrier_kind kind, int predicate, place at) {
    thread *me = running;
    if (current.arrived == 0) {
        current.barrier_at = at;
    } else if (at.line != current.barrier_at.line || at.file != current.barrier_at.file) {
        other_party party = {};
        for (unsigned i = 0; i < current.size; i++) {
            if (current.threads[i].state != state::at_barrier) continue;
            describe_absent(party, &current.threads[i]);
            break;
        }
        fail_thread(cudaErrorLaunchFailure, {at, nullptr}, &party,
                    "threads of a block wait at different barriers");
    }
    me->at = at;
    me->state = state::at_barrier;
    current.predicates += predicate != 0;
    if (++current.arrived == current.size) {
        int sum = current.predicates;
        current.result = kind == barrier_kind::count ? sum
                         : kind == barrier_kind::all ? sum == static_cast<int>(current.size)
                                                     : sum != 0;
        current.arrived = 0;
        current.predicates = 0;
        if (checking) order_barrier();
        me->state = state::ready;
        for (unsigned i = 0; i < current.size; i++) {
            thread *other = &current.threads[release_order(i, current.size)];
            if (other != me || !last_goes_on()) make_ready(other);
        }
        if (last_goes_on()) return current.result;
    }
    park();
    return current.result;
}

uint64_t random_number() {
    uint64_t x = random_state += 0x9E3779B97F4A7C15u;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

void seed_random(uint64_t seed) {
    random_state = seed;
}

uint3 block_index(uint64_t number, dim3 grid) {
    uint64_t rest = number / grid.x;
    return {static_cast<unsigned>(number % grid.x), static_cast<unsigned>(rest % grid.y),
            static_cast<unsigned>(rest / grid.y)};
}

uint3 thread_index(unsigned number, dim3 block) {
    return {number % block.x, number / block.x % block.y, number / block.x / block.y};
}

} // namespace emu
