/* Ranges by NVTX, whose headers do nothing unless a tool is attached. */
#ifdef CUPEL_NVTX

#include <nvtx3/nvToolsExt.h>

#include "cuda/device.h"

void cuda_range_begin(const char *name) {
    nvtxRangePushA(name);
}

void cuda_range_end(void) {
    nvtxRangePop();
}

#endif
