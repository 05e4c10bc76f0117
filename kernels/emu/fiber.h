/* Fibers: a stack each, switched by hand. At most 1024, the threads of a block, and the caller's own stack.
 */
#ifndef EMU_FIBER_H
#define EMU_FIBER_H

#include <cstddef>
#include <cstdint>
#if !defined(__x86_64__) || defined(EMU_UCONTEXT)
#define EMU_USES_UCONTEXT 1
#include <ucontext.h>
#endif

namespace emu {

struct fiber {
    void *stack_pointer; /* of a fiber that does not run */
    char *bottom;        /* of its stack */
    size_t size;
    void *fake_stack; /* AddressSanitizer's */
#ifdef EMU_USES_UCONTEXT
    ucontext_t context;
#endif
};

/* The stack of the code that runs blocks. */
extern fiber main_fiber;

/* A fiber that will call `entry` when switched to. `entry` never returns. */
fiber *fiber_take(void (*entry)());

/* Gives a fiber back: may be the running one, if it switches away at once and for good. */
void fiber_give(fiber *fiber);

/* Gives all back, whatever they were doing. Called on the main stack. */
void fiber_give_all();

/* Saves the running fiber in `from` and goes on with `to`. */
void fiber_switch(fiber *from, fiber *to);

/* The same for a fiber that is not coming back. */
[[noreturn]] void fiber_leave(fiber *from, fiber *to);

/* Makes a fiber's whole stack usable again, whatever frames are left in it. */
void fiber_clear(fiber *fiber);

/* The first thing that an entry does. */
void fiber_begun();

bool in_fiber_stacks(uintptr_t address);
/* Whether the address lies in the guard page under a stack. */
bool in_fiber_guard(uintptr_t address);

} // namespace emu

#endif
