/* Each block gets its variables afresh, exactly as large as declared, every byte 0xff (a NaN, or -1), and
 * with a gap after each: nothing survives from the block before, and nothing is found by accident. */
#include "shared.h"

#include <cstring>
#include <sys/mman.h>

#include "block.h"
#include "checks.h"
#include "report.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

namespace emu {

namespace {

constexpr size_t alignment = 16, gap = 48;
constexpr int max_variables = 256;

struct variable {
    const char *name;
    size_t offset, size;
};

char *arena;
size_t used;
size_t static_used; /* without the gaps: what counts against the limit */
variable variables[max_variables];
int variable_count;

void hide(size_t from, size_t to) {
#ifdef __SANITIZE_ADDRESS__
    __asan_poison_memory_region(arena + from, to - from);
#endif
    if (checking) checks_mark(arena + from, to - from, memory_state::closed);
}

void *allocate(size_t size, const char *name) {
    size_t rounded = (size + alignment - 1) / alignment * alignment;
    if (variable_count == max_variables || used + rounded + gap > shared_capacity) return nullptr;
    void *memory = arena + used;
#ifdef __SANITIZE_ADDRESS__
    __asan_unpoison_memory_region(memory, size);
#endif
    if (checking) checks_mark(memory, size, memory_state::fresh);
    memset(memory, 0xff, size);
    variables[variable_count++] = {name, used, size};
    used += rounded + gap;
    return memory;
}

} // namespace

void shared_begin_block(size_t dynamic) {
    if (!arena) {
        void *memory = mmap(nullptr, shared_capacity, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory == MAP_FAILED) __builtin_trap();
        arena = static_cast<char *>(memory);
        used = shared_capacity;
    }
    if (used > 0) hide(0, used);
    used = gap;
    static_used = 0;
    variable_count = 0;
    allocate(dynamic, "dynamic shared memory");
}

void *shared_memory(shared_slot &slot, size_t size, const char *name) {
    if (slot.block == current.serial) return slot.memory;
    static_used += size;
    bool fits =
        static_used <= static_shared_limit && static_used + current.kernel->dynamic_shared <= shared_limit;
    void *memory = fits ? allocate(size, name) : nullptr;
    if (!memory)
        fail_thread(cudaErrorInvalidValue, {{}, __builtin_return_address(0)}, nullptr,
                    "%s makes %zu bytes of declared shared memory; %zu is the limit", name, static_used,
                    static_shared_limit);
    slot.block = current.serial;
    slot.memory = memory;
    return memory;
}

void *dynamic_shared_memory() {
    return arena + variables[0].offset;
}

bool in_shared(uintptr_t address, size_t size) {
    return address - shared_base() <= shared_capacity - size;
}

uintptr_t shared_base() {
    return reinterpret_cast<uintptr_t>(arena);
}

shared_place shared_find(uintptr_t address) {
    size_t offset = address - shared_base();
    for (int i = 0; i < variable_count; i++)
        if (offset >= variables[i].offset && offset < variables[i].offset + variables[i].size + gap)
            return {variables[i].name, offset - variables[i].offset, variables[i].size};
    return {nullptr, 0, 0};
}

} // namespace emu
