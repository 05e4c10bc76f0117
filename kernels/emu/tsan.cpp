/* The functions that code compiled with -fsanitize=thread calls at every access, with checks of our own in
 * place of ThreadSanitizer's, which knows neither blocks nor barriers nor device memory.
 *
 * Signatures are those that the compiler declares. This file is linked only where such code is: its presence
 * turns the checks on. */
#include "checks.h"

using emu::access_kind;

/* An instrumented module's first call, before main. */
extern "C" void __tsan_init() {
    emu::checking = true;
}

extern "C" void __tsan_func_entry(void *) {
}
extern "C" void __tsan_func_exit(void *) {
}

static inline void access(const void *address, size_t size, access_kind kind, const void *pc) {
    if (emu::running) emu::checks_access(address, size, kind, emu::return_pc(pc));
}

static inline void access_aligned(const void *address, size_t size, access_kind kind, const void *pc) {
    if (!emu::running) return;
    emu::checks_alignment(address, size, {{}, emu::return_pc(pc)});
    emu::checks_access(address, size, kind, emu::return_pc(pc));
}

#define ACCESS(size)                                                                    \
    extern "C" void __tsan_read##size(void *address) {                                  \
        access_aligned(address, size, access_kind::read, __builtin_return_address(0));  \
    }                                                                                   \
    extern "C" void __tsan_write##size(void *address) {                                 \
        access_aligned(address, size, access_kind::write, __builtin_return_address(0)); \
    }
#define ACCESS_UNALIGNED(size)                                                  \
    extern "C" void __tsan_unaligned_read##size(void *address) {                \
        access(address, size, access_kind::read, __builtin_return_address(0));  \
    }                                                                           \
    extern "C" void __tsan_unaligned_write##size(void *address) {               \
        access(address, size, access_kind::write, __builtin_return_address(0)); \
    }
ACCESS(1)
ACCESS(2)
ACCESS(4)
ACCESS(8)
ACCESS(16)
ACCESS_UNALIGNED(2)
ACCESS_UNALIGNED(4)
ACCESS_UNALIGNED(8)
ACCESS_UNALIGNED(16)

extern "C" void __tsan_read_range(void *address, long size) {
    if (size > 0) access(address, static_cast<size_t>(size), access_kind::read, __builtin_return_address(0));
}
extern "C" void __tsan_write_range(void *address, long size) {
    if (size > 0) access(address, static_cast<size_t>(size), access_kind::write, __builtin_return_address(0));
}
/* Objects with virtual functions: the launch's own, never a kernel's. */
extern "C" void __tsan_vptr_update(void *, void *) {
}
extern "C" void __tsan_vptr_read(void *) {
}
