#include "base/memory.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* The first number of a file; false when it has none, such as "max". */
static bool read_number(const char *path, unsigned long long *number) {
    FILE *file = fopen(path, "re");
    const bool found = file && fscanf(file, "%llu", number) == 1;
    if (file) fclose(file);
    return found;
}

/* See proc(5). */
static size_t available_on_machine(void) {
    FILE *file = fopen("/proc/meminfo", "re");
    char line[120];
    unsigned long long kibibytes = SIZE_MAX >> 10;
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "MemAvailable: %llu", &kibibytes) == 1) break;
    if (file) fclose(file);
    return (size_t)kibibytes << 10;
}

size_t memory_available(void) {
    const size_t machine = available_on_machine();
    unsigned long long limit;
    if (!read_number("/sys/fs/cgroup/memory.max", &limit)) return machine;
    return limit < machine ? (size_t)limit : machine;
}
