/* Signals: faults of kernels become CUDA errors, faults of the host on device memory are explained, and a
 * launch that does not end is stopped. */
#ifndef EMU_FAULT_H
#define EMU_FAULT_H

#include "report.h"

namespace emu {

/* Installs the handlers; once is enough. */
void catch_faults();

/* A launch begins. */
void watch_launch();

/* Set when the launch has run for too long. The runtime looks at it wherever threads call it and then ends the
 * kernel; a kernel that never calls is interrupted a little later. */
extern volatile bool overdue;
[[noreturn]] void stop_overdue(site at);

void set_time_limit(double seconds);

} // namespace emu

#endif
