/* The cpu device's own kernels. */
#ifndef CUPEL_CPU_FAST_H
#define CUPEL_CPU_FAST_H

#include "plan/backend.h"

typedef enum cupel_status (*fast_prepare_fn)(struct call *call, struct cupel_error *error);

#define FAST(name) enum cupel_status fast_##name(struct call *call, struct cupel_error *error);
#include "cpu/fast/fast.def"
#undef FAST

/* Fewer elements than these are worked on by one thread: that takes less time than to wake the others. The second is for
 * work of ten or more instructions an element. */
enum { FAST_SERIAL = 65536, FAST_SERIAL_HEAVY = 8192 };

/* for (i from 0 up to n) in vectors, and in threads when there are more than `alone` elements. */
#define FAST_PRAGMA(text) _Pragma(#text)
#define FAST_FOR(i, n, count, alone)                                                                 \
    FAST_PRAGMA(omp parallel for simd schedule(static) num_threads(count) if (parallel : n > alone)) \
    for (int64_t i = 0; i < n; i++)

enum cupel_status fast_open(struct cupel_device *device, struct cupel_error *error);
void fast_close(struct cupel_device *device);

/* Name and version of the library behind the heavy ops. */
const char *fast_library(void);

/* Whether the processor multiplies numbers of bf16, and that library is allowed to have it do so. */
bool fast_has_bf16(void);

/* Defines fast_NAME for a kernel run_NAME that wants nothing kept and serves the calls of which `serves` is true. */
#define FAST_PREPARE(name, serves) FAST_PREPARE_AS(name, run_##name, serves)
#define FAST_PREPARE_AS(name, run, serves)                                        \
    enum cupel_status fast_##name(struct call *call, struct cupel_error *error) { \
        (void)error;                                                              \
        if (!(serves)) return CUPEL_OK;                                           \
        call->kernel = run;                                                       \
        call->engine = "cpu";                                                     \
        return CUPEL_OK;                                                          \
    }

#endif
