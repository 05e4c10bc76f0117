/* Stacks and switches; see fiber.h.
 *
 * On x86-64 a switch saves the six registers that a function must preserve and swaps stack pointers, some
 * 2 ns; elsewhere ucontext does it, at the price of a system call. AddressSanitizer is told of every switch.
 */
#include "fiber.h"

#include <sys/mman.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace emu {

fiber main_fiber;

namespace {

constexpr int max_fibers = 1024;
constexpr size_t page = 4096;
#ifdef __SANITIZE_ADDRESS__
constexpr size_t stack_size = 256 * 1024; /* frames have red zones */
#else
constexpr size_t stack_size = 64 * 1024;
#endif
constexpr size_t stride = stack_size + page; /* a guard page lies below each stack */

char *stacks;
fiber fibers[max_fibers];
fiber *free_fibers[max_fibers];
int free_count, made_count;

} // namespace

#ifdef EMU_USES_UCONTEXT

static void prepare(fiber *fiber, void (*entry)(), size_t top) {
    getcontext(&fiber->context);
    fiber->context.uc_stack.ss_sp = fiber->bottom;
    fiber->context.uc_stack.ss_size = top;
    fiber->context.uc_link = nullptr;
    makecontext(&fiber->context, entry, 0);
}

static void swap(fiber *from, fiber *to) {
    swapcontext(&from->context, &to->context);
}

#else

/* Pushes what a call must preserve, leaves the stack pointer in *from, and continues `to` likewise. */
extern "C" void emu_swap_stacks(void **from, void *to);
asm(R"(
    .text
    .hidden emu_swap_stacks
    .globl emu_swap_stacks
    .type emu_swap_stacks, @function
emu_swap_stacks:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
    .size emu_swap_stacks, . - emu_swap_stacks
)");

static void prepare(fiber *fiber, void (*entry)(), size_t top) {
    /* Six registers, the address that `ret` takes, and a word so that the entry finds its stack 8 bytes off a
     * multiple of 16, as after a call. */
    void **frame = reinterpret_cast<void **>(fiber->bottom + top) - 8;
    for (int i = 0; i < 8; i++) frame[i] = nullptr;
    frame[6] = reinterpret_cast<void *>(entry);
    fiber->stack_pointer = frame;
}

static void swap(fiber *from, fiber *to) {
    emu_swap_stacks(&from->stack_pointer, to->stack_pointer);
}

#endif

fiber *fiber_take(void (*entry)()) {
    if (!stacks) {
        void *memory =
            mmap(nullptr, max_fibers * stride, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory == MAP_FAILED) __builtin_trap();
        stacks = static_cast<char *>(memory);
    }
    if (free_count == 0) {
        fiber *made = &fibers[made_count];
        made->bottom = stacks + static_cast<size_t>(made_count++) * stride + page;
        made->size = stack_size;
        mprotect(made->bottom, stack_size, PROT_READ | PROT_WRITE);
        free_fibers[free_count++] = made;
    }
    fiber *taken = free_fibers[--free_count];
    /* Stacks that all began at one offset within a page would fight over a few lines of the cache. */
    size_t offset = static_cast<size_t>(taken - fibers) * 320 % page & ~size_t(63);
    taken->fake_stack = nullptr;
    prepare(taken, entry, stack_size - offset);
    return taken;
}

void fiber_give(fiber *fiber) {
    free_fibers[free_count++] = fiber;
}

void fiber_give_all() {
    free_count = 0;
    for (int i = made_count - 1; i >= 0; i--) {
        fiber_clear(&fibers[i]);
        free_fibers[free_count++] = &fibers[i];
    }
}

void fiber_clear(fiber *fiber) {
#ifdef __SANITIZE_ADDRESS__
    /* Frames that are abandoned leave their red zones. */
    __asan_unpoison_memory_region(fiber->bottom, fiber->size);
#else
    (void)fiber;
#endif
}

void fiber_begun() {
#ifdef __SANITIZE_ADDRESS__
    const void *bottom;
    size_t size;
    __sanitizer_finish_switch_fiber(nullptr, &bottom, &size);
    if (!main_fiber.bottom) { /* the first switch of all comes from there */
        main_fiber.bottom = static_cast<char *>(const_cast<void *>(bottom));
        main_fiber.size = size;
    }
#endif
}

void fiber_switch(fiber *from, fiber *to) {
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_start_switch_fiber(&from->fake_stack, to->bottom, to->size);
    swap(from, to);
    __sanitizer_finish_switch_fiber(from->fake_stack, nullptr, nullptr);
#else
    swap(from, to);
#endif
}

void fiber_leave(fiber *from, fiber *to) {
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_start_switch_fiber(nullptr, to->bottom, to->size);
#endif
    swap(from, to);
    __builtin_unreachable();
}

bool in_fiber_stacks(uintptr_t address) {
    return address - reinterpret_cast<uintptr_t>(stacks) < max_fibers * stride;
}

bool in_fiber_guard(uintptr_t address) {
    return in_fiber_stacks(address) && (address - reinterpret_cast<uintptr_t>(stacks)) % stride < page;
}

} // namespace emu
