/* Warp operations; see warp.h. */
#include "warp.h"

#include "checks.h"
#include "order.h"
#include "report.h"

namespace emu {

namespace {

constexpr unsigned full_mask = 0xffffffffu;

/* Lanes that the running thread's warp has. */
unsigned lanes_of_warp(unsigned warp) {
    unsigned rest = current.size - warp * warp_lanes;
    return rest >= warp_lanes ? full_mask : (1u << rest) - 1;
}

void check_mask(unsigned mask, place at) {
    unsigned warp = warp_of(running), missing = mask & ~lanes_of_warp(warp), gone = mask & current.gone[warp];
    if (!(mask >> lane_of(running) & 1))
        fail_thread(cudaErrorLaunchFailure, {at, nullptr}, nullptr,
                    "a warp operation with mask 0x%08x, which leaves out lane %u that calls it", mask,
                    lane_of(running));
    if (missing)
        fail_thread(cudaErrorLaunchFailure, {at, nullptr}, nullptr,
                    "a warp operation with mask 0x%08x, whose lane %d the block does not have", mask,
                    __builtin_ctz(missing));
    if (gone)
        fail_thread(cudaErrorLaunchFailure, {at, nullptr}, nullptr,
                    "a warp operation with mask 0x%08x, whose lane %d has returned", mask,
                    __builtin_ctz(gone));
}

void check_agreement(const thread *lanes, warp_kind kind, unsigned mask, place at) {
    for (unsigned i = 0; i < warp_lanes; i++) {
        const thread &lane = lanes[i];
        if (!(mask >> i & 1)) continue;
        if (lane.mask == mask && lane.kind == kind && lane.at.line == at.line && lane.at.file == at.file)
            continue;
        other_party party = {{}, {lane.at, nullptr}};
        char name[256];
        name_thread(name, sizeof name, *current.kernel, current.number, number_of(&lane));
        snprintf(party.who, sizeof party.who, "%s, with mask 0x%08x", name, lane.mask);
        fail_thread(cudaErrorLaunchFailure, {at, nullptr}, &party,
                    "a warp operation with mask 0x%08x meets another of lane %u", mask, i);
    }
}

} // namespace

void meet(warp_kind kind, unsigned mask, void *operand, place at, void (*compute)(const meeting &)) {
    thread *me = running;
    unsigned warp = warp_of(me);
    check_mask(mask, at);
    me->kind = kind;
    me->mask = mask;
    me->operand = operand;
    me->at = at;
    me->state = state::at_warp;
    current.waiting[warp] |= 1u << lane_of(me);
    if ((current.waiting[warp] & mask) == mask) {
        thread *lanes = &current.threads[warp * warp_lanes];
        check_agreement(lanes, kind, mask, at);
        current.waiting[warp] &= ~mask;
        compute({lanes, mask, at});
        me->state = state::ready;
        for (unsigned i = 0; i < warp_lanes; i++) {
            unsigned lane = release_order(i, warp_lanes);
            if ((mask >> lane & 1) && (&lanes[lane] != me || !last_goes_on())) make_ready(&lanes[lane]);
        }
        if (last_goes_on()) return;
    }
    park();
}

void warp_sync(unsigned mask, place at) {
    meet(warp_kind::sync, mask, nullptr, at, [](const meeting &all) {
        if (checking) order_warp_barrier(number_of(all.lane), all.mask);
    });
}

namespace {

struct shuffle_operand {
    shuffle_kind kind;
    int operand, width;
    uint64_t value, result;
};

/* The lane that `lane` reads: its own where the source would lie outside of its segment. */
unsigned shuffle_source(const shuffle_operand &operand, unsigned lane) {
    unsigned width = static_cast<unsigned>(operand.width), first = lane & ~(width - 1),
             last = first + width - 1;
    unsigned by = static_cast<unsigned>(operand.operand), source = lane;
    switch (operand.kind) {
    case shuffle_kind::index:
        return first + (by & (width - 1));
    case shuffle_kind::up:
        source = lane - by;
        return by <= lane - first ? source : lane;
    case shuffle_kind::down:
        return by <= last - lane ? lane + by : lane;
    case shuffle_kind::exclusive_or:
        source = lane ^ by;
        return source <= last ? source : lane;
    }
    return lane;
}

void shuffle_all(const meeting &all) {
    for (unsigned i = 0; i < warp_lanes; i++) {
        if (!(all.mask >> i & 1)) continue;
        auto &operand = all.operand<shuffle_operand>(i);
        unsigned source = shuffle_source(operand, i);
        if (!(all.mask >> source & 1)) {
            running = &all.lane[i];
            fail_thread(cudaErrorLaunchFailure, {all.at, nullptr}, nullptr,
                        "a shuffle with mask 0x%08x reads lane %u, which is not in the mask", all.mask,
                        source);
        }
        operand.result = all.operand<shuffle_operand>(source).value;
    }
}

struct vote_operand {
    int64_t value;
    int64_t result;
};

int64_t combine(warp_kind kind, int64_t x, int64_t y) {
    switch (kind) {
    case warp_kind::add:
        return x + y;
    case warp_kind::minimum:
        return x < y ? x : y;
    case warp_kind::maximum:
        return x < y ? y : x;
    case warp_kind::all:
    case warp_kind::bit_and:
        return x & y;
    case warp_kind::any:
    case warp_kind::bit_or:
        return x | y;
    default:
        return x ^ y;
    }
}

/* Votes and reductions: one result for all. */
void reduce_all(const meeting &all) {
    unsigned first = static_cast<unsigned>(__builtin_ctz(all.mask));
    warp_kind kind = all.lane[first].kind;
    int64_t result = all.operand<vote_operand>(first).value;
    for (unsigned i = first + 1; i < warp_lanes; i++)
        if (all.mask >> i & 1) result = combine(kind, result, all.operand<vote_operand>(i).value);
    for (unsigned i = first; i < warp_lanes; i++)
        if (all.mask >> i & 1) all.operand<vote_operand>(i).result = result;
}

} // namespace

uint64_t shuffle(shuffle_kind kind, unsigned mask, uint64_t value, int operand, int width, place at) {
    if (width <= 0 || width > 32 || (width & (width - 1)))
        fail_thread(cudaErrorLaunchFailure, {at, nullptr}, nullptr,
                    "a shuffle of width %d, which is not a power of two up to 32", width);
    shuffle_operand mine = {kind, operand, width, value, 0};
    meet(warp_kind::shuffle, mask, &mine, at, shuffle_all);
    return mine.result;
}

unsigned vote(warp_kind kind, unsigned mask, int predicate, place at) {
    bool ballot = kind == warp_kind::ballot;
    vote_operand mine = {predicate != 0, 0};
    if (ballot) mine.value = static_cast<int64_t>(predicate != 0) << lane_of(running);
    meet(kind, mask, &mine, at, reduce_all);
    return static_cast<unsigned>(mine.result);
}

int64_t reduce(warp_kind kind, unsigned mask, int64_t value, place at) {
    vote_operand mine = {value, 0};
    meet(kind, mask, &mine, at, reduce_all);
    return mine.result;
}

} // namespace emu
