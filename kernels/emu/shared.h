/* Shared memory of the block that runs. */
#ifndef EMU_SHARED_H
#define EMU_SHARED_H

#include <cstddef>
#include <cstdint>

namespace emu {

constexpr size_t static_shared_limit = 48 * 1024, shared_limit = 227 * 1024;
constexpr size_t shared_capacity = 512 * 1024; /* of addresses: twice what a block may have, for gaps */

/* Empties it and lays out the dynamic part. */
void shared_begin_block(size_t dynamic);

bool in_shared(uintptr_t address, size_t size);
uintptr_t shared_base();

/* Name of the variable around an address and the address's distance from its start; a null name where there
 * is none. */
struct shared_place {
    const char *name;
    size_t offset, size;
};
shared_place shared_find(uintptr_t address);

} // namespace emu

#endif
