/* Device memory lies in an arena of addresses of its own. Every allocation has its own pages, ends as near as
 * its alignment allows to the last of them, and has pages without access on either side, which stay after it
 * is freed: to reach past an allocation or into a freed one is a fault. Addresses are used again only when
 * the arena is full. */
#include "memory.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <sys/mman.h>

#include "checks.h"
#include "fault.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

namespace emu {

namespace {

constexpr size_t page = 4096, huge_page = 2 << 20, alignment = 256, guard = 64 * 1024;

char *arena;
char *unused; /* what lies behind has never been given out */
size_t total = size_t(8) << 30, used;
uint64_t numbers;
bool is_open;
std::map<uintptr_t, allocation> allocations; /* by first page */

struct pinned {
    size_t size;
    bool owned;
};
std::map<uintptr_t, pinned> pinned_memory;

size_t round_up(size_t size, size_t multiple) {
    return (size + multiple - 1) / multiple * multiple;
}

void set_access(const allocation &of, bool allowed) {
    mprotect(of.page, of.pages, allowed ? PROT_READ | PROT_WRITE : PROT_NONE);
}

char *round_up(char *address, size_t multiple) {
    return reinterpret_cast<char *>(round_up(reinterpret_cast<uintptr_t>(address), multiple));
}

/* The first gap between live allocations that holds `pages` and a guard on both sides; forgets freed ones. */
char *reuse_addresses(size_t pages, size_t start_multiple) {
    for (auto next = allocations.begin(); next != allocations.end();)
        next = next->second.live ? std::next(next) : allocations.erase(next);
    char *gap = round_up(arena + guard, start_multiple);
    for (const auto &[start, live] : allocations) {
        if (live.page >= gap + pages + guard) return gap;
        gap = round_up(live.page + live.pages + guard, start_multiple);
    }
    return gap + pages + guard <= arena + arena_size ? gap : nullptr;
}

char *take_addresses(size_t pages, size_t start_multiple) {
    if (!arena) {
        void *memory =
            mmap(nullptr, arena_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory == MAP_FAILED) return nullptr;
        arena = static_cast<char *>(memory);
        unused = arena + guard;
        catch_faults();
    }
    size_t spread = std::min(arena_size, 4 * total + 64 * guard);
    char *taken = round_up(unused, start_multiple);
    if (taken + pages + guard > arena + spread) return reuse_addresses(pages, start_multiple);
    unused = taken + pages + guard;
    return taken;
}

void mark(const allocation &of, bool open) {
#ifdef __SANITIZE_ADDRESS__
    __asan_poison_memory_region(of.page, of.pages);
    if (open) __asan_unpoison_memory_region(of.start, of.size);
#endif
    checks_mark(of.start, of.size, open ? memory_state::fresh : memory_state::closed);
}

} // namespace

void *device_allocate(size_t size) {
    if (size > total - used) return nullptr;
    size_t body = round_up(std::max(size, size_t(1)), alignment), pages = round_up(body, page);
    /* In huge pages opening and closing cost next to nothing. */
    char *first = take_addresses(pages, pages >= huge_page ? huge_page : page);
    if (!first) return nullptr;
    if (pages >= huge_page) madvise(first, pages, MADV_HUGEPAGE);
    allocation made = {first + pages - body, first, size, pages, ++numbers, true};
    set_access(made, true);
    mark(made, true);
    memset(made.start, 0xff, size);
    if (!is_open) set_access(made, false);
    allocations[reinterpret_cast<uintptr_t>(first)] = made;
    used += size;
    return made.start;
}

static void release(allocation &of) {
    of.live = false;
    used -= of.size;
    mark(of, false);
    madvise(of.page, of.pages, MADV_DONTNEED);
    set_access(of, false);
}

bool device_free(void *pointer) {
    auto after = allocations.upper_bound(reinterpret_cast<uintptr_t>(pointer));
    if (after == allocations.begin()) return false;
    allocation &found = std::prev(after)->second;
    if (found.start != pointer || !found.live) return false;
    release(found);
    return true;
}

void device_free_all() {
    for (auto &[start, found] : allocations)
        if (found.live) release(found);
    allocations.clear();
    unused = arena ? arena + guard : nullptr;
    numbers = 0;
}

void device_usage(size_t *in_use, size_t *in_all) {
    *in_use = used;
    *in_all = total;
}

void device_set_total(size_t bytes) {
    total = std::max(std::min(bytes, arena_size / 4 * 3), used);
}

void device_open() {
    if (is_open) return;
    is_open = true;
    for (const auto &[start, found] : allocations)
        if (found.live) set_access(found, true);
}

void device_close() {
    if (!is_open) return;
    is_open = false;
    for (const auto &[start, found] : allocations)
        if (found.live) set_access(found, false);
}

uintptr_t device_base() {
    return reinterpret_cast<uintptr_t>(arena);
}

const allocation *device_find(uintptr_t address) {
    auto after = allocations.upper_bound(address);
    const allocation *above = after == allocations.end() ? nullptr : &after->second;
    const allocation *below = after == allocations.begin() ? nullptr : &std::prev(after)->second;
    if (!above || !below) return above ? above : below;
    uintptr_t end = reinterpret_cast<uintptr_t>(below->page) + below->pages;
    bool nearer_above = address >= end && reinterpret_cast<uintptr_t>(above->page) - address < address - end;
    return nearer_above ? above : below;
}

bool device_holds(const void *address, size_t size) {
    auto start = static_cast<const char *>(address);
    const allocation *found = in_device(reinterpret_cast<uintptr_t>(address))
                                  ? device_find(reinterpret_cast<uintptr_t>(address))
                                  : nullptr;
    return found && found->live && start >= found->start && start <= found->start + found->size &&
           size <= static_cast<size_t>(found->start + found->size - start);
}

void device_describe(char *text, size_t size, uintptr_t address) {
    const allocation *near = device_find(address);
    if (!near) {
        snprintf(text, size, "at %#zx, in no allocation", static_cast<size_t>(address));
        return;
    }
    uintptr_t start = reinterpret_cast<uintptr_t>(near->start), end = start + near->size;
    const char *kind = near->live ? "" : "freed ";
    unsigned long long number = near->number;
    if (address < start)
        snprintf(text, size, "%zu bytes before %sallocation %llu of %zu bytes", start - address, kind, number,
                 near->size);
    else if (address >= end)
        snprintf(text, size, "%zu bytes past the end of %sallocation %llu of %zu bytes", address - end, kind,
                 number, near->size);
    else
        snprintf(text, size, "%zu bytes into %sallocation %llu of %zu bytes", address - start, kind, number,
                 near->size);
}

void *host_allocate(size_t size) {
    void *memory = aligned_alloc(64, round_up(std::max(size, size_t(1)), 64));
    if (!memory) return nullptr;
    memset(memory, 0xff, size);
    pinned_memory[reinterpret_cast<uintptr_t>(memory)] = {size, true};
    return memory;
}

static bool host_remove(void *pointer, bool owned) {
    auto found = pinned_memory.find(reinterpret_cast<uintptr_t>(pointer));
    if (found == pinned_memory.end() || found->second.owned != owned) return false;
    pinned_memory.erase(found);
    return true;
}

bool host_free(void *pointer) {
    bool known = host_remove(pointer, true);
    if (known) free(pointer);
    return known;
}

bool host_register(void *pointer, size_t size) {
    return !host_pinned(pointer, 1) &&
           pinned_memory.insert({reinterpret_cast<uintptr_t>(pointer), {size, false}}).second;
}

bool host_unregister(void *pointer) {
    return host_remove(pointer, false);
}

bool host_pinned(const void *address, size_t size) {
    uintptr_t start = reinterpret_cast<uintptr_t>(address);
    auto after = pinned_memory.upper_bound(start);
    if (after == pinned_memory.begin()) return false;
    const auto &[base, memory] = *--after;
    return start - base <= memory.size && size <= memory.size - (start - base);
}

} // namespace emu
