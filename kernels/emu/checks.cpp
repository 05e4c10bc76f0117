/* Shadow memory: per word of device and shared memory, which bytes may be touched and have been written, and
 * the last accesses that later ones might race with. See checks.h; what orders accesses is in order.cpp. */
#include "checks.h"

#include <algorithm>
#include <cstring>
#include <sys/mman.h>

#include "fault.h"
#include "memory.h"
#include "order.h"
#include "shared.h"
#include "task.h"

namespace emu {

bool checking;

namespace {

constexpr unsigned word = 4, slots = 4;
constexpr uint32_t no_block = 0xffffffffu; /* of a copy on a stream */
constexpr uint32_t task_mask = 0xfffffffu;

/* One access. Words put together by hand: bit fields are written in pieces, which stalls who reads them
 * whole. */
struct access {
    int32_t pc; /* relative to `anchor` */
    uint32_t block;
    uint32_t task_bytes; /* task << 4 | which bytes of the word; 0: an empty slot */
    uint32_t who;        /* epoch << 12 | kind << 10 | thread */

    uint32_t task() const {
        return task_bytes >> 4;
    }
    unsigned bytes() const {
        return task_bytes & 15u;
    }
    unsigned thread() const {
        return who & (max_threads - 1);
    }
    access_kind kind() const {
        return static_cast<access_kind>(who >> 10 & 3u);
    }
    uint32_t epoch() const {
        return who >> 12;
    }
    bool empty() const {
        return task_bytes == 0;
    }
    /* Of the same thread, in the same epoch, of the same kind and bytes. */
    bool repeats(const access &other) const {
        return who == other.who && task_bytes == other.task_bytes && block == other.block;
    }
};

struct cell {
    access slot[slots];
};

/* A range of memory and its shadow. */
struct shadow {
    uintptr_t base;
    size_t size;
    uint8_t *states; /* per word: low half, bytes that may be touched; high half, bytes written */
    cell *cells;
    bool shared;
};
shadow device_shadow, shared_shadow;

/* Instructions are stored as distances from here. */
void anchor() {
}

int32_t pack_pc(const void *pc) {
    auto distance = static_cast<const char *>(pc) - reinterpret_cast<const char *>(anchor);
    return distance == static_cast<int32_t>(distance) ? static_cast<int32_t>(distance) : 0;
}

site site_of(const access &access) {
    if (access.pc == 0) return {};
    return {{}, reinterpret_cast<const char *>(anchor) + access.pc};
}

template <class T> T *reserve(size_t count) {
    void *memory = mmap(nullptr, count * sizeof(T), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) __builtin_trap();
    return static_cast<T *>(memory);
}

bool make_shadow(shadow &of, uintptr_t base, size_t size, bool shared) {
    if (of.states) return false;
    of = {base, size, reserve<uint8_t>(size / word), reserve<cell>(size / word), shared};
    return true;
}

/* Null for memory that has none. */
shadow *shadow_of(uintptr_t address) {
    if (address - device_shadow.base < device_shadow.size) return &device_shadow;
    if (address - shared_shadow.base < shared_shadow.size) return &shared_shadow;
    bool made = device_base() && make_shadow(device_shadow, device_base(), arena_size, false);
    made = (shared_base() && make_shadow(shared_shadow, shared_base(), shared_capacity, true)) || made;
    return made ? shadow_of(address) : nullptr;
}

/* The bytes of word `w` that lie in [from, to), both counted from the shadow's base. */
uint8_t bytes_of(size_t w, size_t from, size_t to) {
    size_t first = std::max(from, w * word) - w * word, last = std::min(to, (w + 1) * word) - w * word;
    return static_cast<uint8_t>((1u << last) - (1u << first));
}

void describe_memory(char *text, size_t size, const shadow &in, uintptr_t address) {
    if (!in.shared) {
        device_describe(text, size, address);
        return;
    }
    shared_place place = shared_find(address);
    if (!place.name)
        snprintf(text, size, "outside of all shared memory");
    else if (place.offset < place.size)
        snprintf(text, size, "%zu bytes into shared %s of %zu bytes", place.offset, place.name, place.size);
    else
        snprintf(text, size, "%zu bytes past the end of shared %s of %zu bytes", place.offset - place.size,
                 place.name, place.size);
}

const char *name_of(access_kind kind) {
    switch (kind) {
    case access_kind::read:
        return "read";
    case access_kind::write:
        return "write";
    case access_kind::atomic:
        return "atomic operation";
    default:
        return "asynchronous copy";
    }
}

const char *article(const char *name) {
    return name[0] == 'a' ? "an" : "a";
}

/* "an earlier write by kernel K, block, thread" */
void describe_party(other_party &party, const access &earlier) {
    const work *work = work_of(earlier.task());
    const char *what = name_of(earlier.kind());
    char name[256] = "unknown work";
    if (work && work->kernel())
        name_thread(name, sizeof name, *work->kernel(), earlier.block, earlier.thread());
    else if (work)
        work->describe(name, sizeof name);
    snprintf(party.who, sizeof party.who, "an earlier %s by %s", what, name);
    party.at = site_of(earlier);
}

/* One access being checked. */
struct check {
    shadow *in;
    uintptr_t address; /* of its first byte */
    access mine;
    const void *pc;

    [[noreturn]] void fail_closed(uintptr_t at) const;
    [[noreturn]] void fail_unwritten(uintptr_t at) const;
    void fail_race(uintptr_t at, const access &earlier) const;
    bool follows(const access &earlier) const;
    void check_state(size_t w) const;
    void remember(cell &cell, access *free) const;
    bool step(size_t w);
    void run(size_t size);
};

void check::fail_closed(uintptr_t at) const {
    char where[200];
    describe_memory(where, sizeof where, *in, at);
    const char *what = name_of(mine.kind());
    fail_thread(cudaErrorIllegalAddress, {{}, pc}, nullptr, "%s %s out of bounds, %s", article(what), what,
                where);
}

void check::fail_unwritten(uintptr_t at) const {
    char where[200];
    describe_memory(where, sizeof where, *in, at);
    fail_thread(cudaErrorLaunchFailure, {{}, pc}, nullptr, "a read of what was never written, %s", where);
}

void check::fail_race(uintptr_t at, const access &earlier) const {
    char where[200];
    other_party party = {};
    describe_memory(where, sizeof where, *in, at);
    describe_party(party, earlier);
    const char *what = name_of(mine.kind());
    if (mine.block != no_block)
        fail_thread(cudaErrorLaunchFailure, {{}, pc}, &party,
                    "a race: %s %s, %s, that nothing orders after an earlier access", article(what), what,
                    where);
    char who[160], place[4096];
    work_of(running_task())->describe(who, sizeof who);
    describe_site(place, sizeof place, party.at);
    fail_host(cudaErrorLaunchFailure,
              "a race: %s %s, %s, that nothing orders after an earlier access\n  %s\n  %s, at %s",
              article(what), what, where, who, party.who, place);
}

/* Whether the running task follows one that has run. Asked at nearly every access, so the answers are kept.
 */
bool follows_task(uint32_t earlier) {
    static uint32_t asker, followed[64];
    uint32_t now = running_task() & task_mask;
    if (asker != now) {
        asker = now;
        std::fill_n(followed, 64, 0u);
    }
    if (followed[earlier % 64] == earlier) return true;
    if (!task_ordered(earlier, running_task())) return false;
    followed[earlier % 64] = earlier;
    return true;
}

bool check::follows(const access &earlier) const {
    if (earlier.task() != mine.task()) return follows_task(earlier.task());
    if (earlier.kind() == access_kind::copy) return false; /* under way */
    if (mine.block == no_block) return true;
    if (earlier.block != mine.block) return follows_block(earlier.block, earlier.thread(), earlier.epoch());
    return earlier.thread() == mine.thread() ||
           earlier.epoch() <= known_epoch(mine.thread(), earlier.thread());
}

/* Bounds and initialisation. */
void check::check_state(size_t w) const {
    uint8_t &state = in->states[w];
    unsigned bytes = mine.bytes();
    if ((state & bytes) != bytes) fail_closed(std::max(address, in->base + w * word));
    bool writes = mine.kind() == access_kind::write || mine.kind() == access_kind::copy;
    if (writes) state = static_cast<uint8_t>(state | bytes << 4);
    if ((state >> 4 & bytes) == bytes || mine.block == no_block) return; /* copies carry it along */
    fail_unwritten(std::max(address, in->base + w * word));
}

/* Keeps the access, in a free slot if there is one; else in place of another of its kind that it follows, or
 * whose loss leaves more warps and blocks on record. */
void check::remember(cell &cell, access *free) const {
    access *place = free;
    bool new_block = true, new_warp = true;
    for (unsigned i = 0; i < slots && !free; i++) {
        access &slot = cell.slot[i];
        if (slot.kind() != mine.kind()) continue;
        place = &slot;
        if (slot.bytes() == mine.bytes() && follows(slot)) {
            slot = mine;
            return;
        }
        new_block = new_block && slot.block != mine.block;
        new_warp = new_warp && slot.thread() / warp_lanes != mine.thread() / warp_lanes;
    }
    if (!place) place = &cell.slot[slots - 1];
    if (new_block || new_warp) *place = mine;
}

/* Checks `mine`, its bytes of word w. False after a race of a copy, which does not end here. */
bool check::step(size_t w) {
    check_state(w);
    cell &cell = in->cells[w];
    bool shareable = mine.kind() == access_kind::read || mine.kind() == access_kind::atomic;
    access *free = nullptr;
    for (access &slot : cell.slot) {
        if (slot.repeats(mine) && shareable) return true;
        /* What is left of a block that is gone says nothing about shared memory. */
        if (in->shared && (slot.task() != mine.task() || slot.block != mine.block)) slot.task_bytes = 0;
        if (slot.empty()) {
            free = &slot;
        } else if (!(slot.bytes() & mine.bytes()) || (shareable && slot.kind() == mine.kind())) {
            continue; /* no conflict */
        } else if (!follows(slot)) {
            fail_race(std::max(address, in->base + w * word), slot);
            return false;
        } else if (!shareable && !(slot.bytes() & ~mine.bytes())) {
            /* Whatever conflicts with the earlier access will conflict with this write after it. */
            slot.task_bytes = 0;
            free = &slot;
        }
    }
    remember(cell, free);
    return true;
}

void check::run(size_t size) {
    size_t from = address - in->base, to = from + size;
    uint32_t task = mine.task_bytes & ~15u;
    for (size_t w = from / word; w * word < to; w++) {
        mine.task_bytes = task | bytes_of(w, from, to);
        if (!step(w)) return;
    }
}

/* An access without bytes yet. */
access make_access(access_kind kind, const void *pc, uint32_t block, unsigned thread, uint32_t epoch) {
    auto task = static_cast<uint32_t>(running_task());
    return {pack_pc(pc), block, task << 4, epoch << 12 | static_cast<uint32_t>(kind) << 10 | thread};
}

access access_by_running(access_kind kind, const void *pc) {
    unsigned number = number_of(running);
    uint32_t epoch = known_epochs.now[number];
    if (epoch >> epoch_bits)
        fail_thread(cudaErrorNotSupported, {{}, pc}, nullptr, "more barriers than the race checks can count");
    return make_access(kind, pc, static_cast<uint32_t>(current.number), number, epoch);
}

} // namespace

/* Memory that is freed takes no room in the shadow: gives back whole pages of `count` items from `first` on.
 */
template <class T> static void discard(T *first, size_t count) {
    constexpr uintptr_t page = 4096;
    uintptr_t start = (reinterpret_cast<uintptr_t>(first) + page - 1) & ~(page - 1);
    uintptr_t end = reinterpret_cast<uintptr_t>(first + count) & ~(page - 1);
    if (end > start) madvise(reinterpret_cast<void *>(start), end - start, MADV_DONTNEED);
}

void checks_mark(const void *memory, size_t size, memory_state state) {
    if (!checking || size == 0) return;
    uintptr_t address = reinterpret_cast<uintptr_t>(memory);
    shadow *in = shadow_of(address);
    size_t from = address - in->base, to = from + size, first = (from + word - 1) / word, last = to / word;
    auto value = static_cast<uint8_t>(state == memory_state::closed ? 0 : 0x0f);
    for (size_t w : {from / word, to / word}) { /* words of which it has only a part */
        if (w * word >= to) continue;
        uint8_t bytes = bytes_of(w, from, to), both = static_cast<uint8_t>(bytes | bytes << 4);
        in->states[w] = static_cast<uint8_t>((in->states[w] & ~both) | (value & both));
    }
    if (last > first) memset(in->states + first, value, last - first);
    if (state == memory_state::closed && !in->shared && last > first)
        discard(in->cells + first, last - first);
}

void checks_access(const void *pointer, size_t size, access_kind kind, const void *pc) {
    if (overdue) stop_overdue({{}, pc});
    uintptr_t address = reinterpret_cast<uintptr_t>(pointer);
    shadow *in = shadow_of(address);
    if (!in) {
        checks_host_access(address, size, pc);
        return;
    }
    check check = {in, address, access_by_running(kind, pc), pc};
    check.run(size);
}

void checks_alignment(const void *address, size_t alignment, site at) {
    if (reinterpret_cast<uintptr_t>(address) % alignment == 0) return;
    fail_thread(cudaErrorMisalignedAddress, at, nullptr,
                "an access of %zu bytes at the misaligned address %p", alignment, address);
}

void checks_copy(const void *to, const void *from, size_t size) {
    uintptr_t source = reinterpret_cast<uintptr_t>(from), target = reinterpret_cast<uintptr_t>(to);
    if (from && in_device(source)) {
        access mine = make_access(access_kind::read, nullptr, no_block, 0, 0);
        check check = {shadow_of(source), source, mine, nullptr};
        check.run(size);
    }
    if (!in_device(target)) return;
    shadow *in = shadow_of(target);
    access mine = make_access(access_kind::write, nullptr, no_block, 0, 0);
    check check = {in, target, mine, nullptr};
    check.run(size);
    if (!from || !in_device(source)) return;
    for (size_t i = 0; i < size; i++) { /* what was never written stays so */
        size_t s = source - in->base + i, t = target - in->base + i;
        if (in->states[s / word] >> (4 + s % word) & 1) continue;
        in->states[t / word] = static_cast<uint8_t>(in->states[t / word] & ~(16u << t % word));
    }
}

void checks_landed(const void *pointer, size_t size) {
    uintptr_t address = reinterpret_cast<uintptr_t>(pointer);
    shadow *in = shadow_of(address);
    access mine = access_by_running(access_kind::write, nullptr);
    for (size_t w = (address - in->base) / word; w * word < address - in->base + size; w++) {
        for (access &slot : in->cells[w].slot) {
            bool same =
                slot.task() == mine.task() && slot.block == mine.block && slot.thread() == mine.thread();
            if (same && slot.kind() == access_kind::copy) slot.who = mine.who;
        }
    }
}

} // namespace emu
