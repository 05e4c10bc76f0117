/* Which host memory a kernel may touch when every access is checked: see checks_host_access. */
#include <link.h>
#include <vector>

#include "checks.h"
#include "memory.h"

namespace emu {

namespace {

struct range {
    uintptr_t start;
    size_t size;
};
std::vector<range> module_data; /* of all modules that are loaded */

int add_module(dl_phdr_info *info, size_t, void *) {
    for (int i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_LOAD)
            module_data.push_back({info->dlpi_addr + info->dlpi_phdr[i].p_vaddr, info->dlpi_phdr[i].p_memsz});
    return 0;
}

bool in_modules(uintptr_t address) {
    for (const range &range : module_data)
        if (address - range.start < range.size) return true;
    return false;
}

} // namespace

void checks_host_access(uintptr_t address, size_t size, const void *pc) {
    const kernel_run &kernel = *current.kernel;
    if (in_fiber_stacks(address) || address - reinterpret_cast<uintptr_t>(kernel.call) < kernel.call_size)
        return;
    if (in_modules(address) || host_pinned(reinterpret_cast<const void *>(address), size)) return;
    module_data.clear(); /* one may have been loaded since */
    dl_iterate_phdr(add_module, nullptr);
    if (in_modules(address)) return;
    fail_thread(cudaErrorIllegalAddress, {{}, pc}, nullptr, "an access to host memory at %#zx",
                static_cast<size_t>(address));
}

} // namespace emu
