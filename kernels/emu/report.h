/* Errors: what has gone wrong, told with kernel, block, thread, file and line. */
#ifndef EMU_REPORT_H
#define EMU_REPORT_H

#include <cstdio>

#include "block.h"

namespace emu {

/* A place in a kernel: a line, or the address of an instruction, to be looked up when it is told. */
struct site {
    place at;
    const void *pc;
};

/* A second party to the error, such as the other thread of a race. */
struct other_party {
    char who[320];
    site at;
};

/* Records a sticky error of the running thread (or of the host's code when none runs) and, in a thread, ends
 * the kernel. Of several errors the first counts. */
[[noreturn]] void fail_thread(cudaError_t code, site at, const other_party *other, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void fail_host(cudaError_t code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same for a fault of the running thread, which has to be sent to abandon() by other means. */
void record_failure(cudaError_t code, site at, const char *what);

/* Writes "kernel K, block (x, y, z), thread (x, y, z)". */
void name_thread(char *text, size_t size, const kernel_run &kernel, uint64_t block, unsigned thread);

/* Back on the main stack: turns what fail_thread has left into the report. */
void finish_report();

cudaError_t sticky_error();
const char *report_text();
void clear_report();

/* Writes "FILE:LINE" of an instruction, or its module and offset where there is no debug information. */
void describe_site(char *text, size_t size, const site &at);

} // namespace emu

#endif
