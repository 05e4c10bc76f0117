/* The checks of every access, for kernels compiled with -fsanitize=thread: bounds, initialisation, races.
 *
 * Nothing is done, and nothing costs anything, unless such a kernel is linked in (`checking`). */
#ifndef EMU_CHECKS_H
#define EMU_CHECKS_H

#include "report.h"

namespace emu {

extern bool checking;

enum class memory_state { closed, fresh };

/* `copy` is a write by an asynchronous copy under way. */
enum class access_kind { read, write, atomic, copy };

/* Sets the state of device or shared memory. */
void checks_mark(const void *memory, size_t size, memory_state state);

/* An access by the running thread. Fails the thread if it is wrong. `address` may be anywhere. */
void checks_access(const void *address, size_t size, access_kind kind, const void *pc);

/* Fails the thread if the address is misaligned; in every build. */
void checks_alignment(const void *address, size_t alignment, site at);

/* A copy or (without `from`) a fill on a stream, as the running task. */
void checks_copy(const void *to, const void *from, size_t size);

/* An asynchronous copy of the running thread has landed. */
void checks_landed(const void *address, size_t size);

/* An access of the running thread to what is neither: fine on its stack, in the program's own data, in the
 * launch's arguments and in page-locked memory. */
void checks_host_access(uintptr_t address, size_t size, const void *pc);

/* An address within the call that returns to `address`. */
inline const void *return_pc(const void *address) {
    return static_cast<const char *>(address) - 1;
}

} // namespace emu

#endif
