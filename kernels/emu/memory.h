/* The device's memory, and host memory that the device knows of. */
#ifndef EMU_MEMORY_H
#define EMU_MEMORY_H

#include <cstddef>
#include <cstdint>

namespace emu {

constexpr size_t arena_size = size_t(16) << 30; /* of addresses */

struct allocation {
    char *start, *page; /* what was asked for, and the first of its pages */
    size_t size, pages; /* in bytes, both */
    uint64_t number;    /* of the allocation, from 1 */
    bool live;
};

/* Null when the device's memory is full. */
void *device_allocate(size_t size);
/* False unless `pointer` is the start of a live allocation. */
bool device_free(void *pointer);
void device_free_all();
void device_usage(size_t *used, size_t *total);
void device_set_total(size_t total);

/* Kernels and copies may touch the device's memory while it is open, the host's code must not: it is closed
 * whenever a call returns from waiting for the device. Opening and closing cost a system call per
 * allocation. */
void device_open();
void device_close();

uintptr_t device_base();
inline bool in_device(uintptr_t address) {
    return address - device_base() < arena_size;
}

/* The allocation that an address lies in or nearest to, freed ones included; null when there is none. */
const allocation *device_find(uintptr_t address);
/* Whether all bytes lie in one live allocation. */
bool device_holds(const void *address, size_t size);
/* Writes "12 bytes into allocation 3 of 400 bytes" or the like. */
void device_describe(char *text, size_t size, uintptr_t address);

/* Page-locked host memory: copies of it run by themselves, and kernels may use it. */
void *host_allocate(size_t size);
bool host_free(void *pointer);
bool host_register(void *pointer, size_t size);
bool host_unregister(void *pointer);
bool host_pinned(const void *address, size_t size);

} // namespace emu

#endif
