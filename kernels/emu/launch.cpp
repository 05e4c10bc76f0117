/* Launches: what CUDA would refuse is refused, the rest becomes work on a stream. */
#include "emu_launch.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include "api.h"
#include "memory.h"
#include "report.h"
#include "shared.h"

namespace emu {

namespace {

/* Dynamic shared memory that a kernel has been allowed beyond what every kernel has. */
std::map<const void *, size_t> allowed_shared;

/* LAUNCH gives the kernel as it was written: "(kernel<128>)" is kernel<128>. */
std::string clean_name(const char *name) {
    std::string text = name;
    if (text.size() > 2 && text.front() == '(' && text.back() == ')') text = text.substr(1, text.size() - 2);
    return text;
}

struct kernel_work : work {
    std::string name;
    std::unique_ptr<kernel_call> call;
    kernel_run launched;

    void run() override {
        trace();
        run_kernel(launched);
    }
    void describe(char *text, size_t size) const override {
        snprintf(text, size, "kernel %s", name.c_str());
    }
    const kernel_run *kernel() const override {
        return &launched;
    }
    void trace() const;
};

/* Programs that run side by side may share the file: each line is one write. */
void kernel_work::trace() const {
    static const char *path = getenv("CUPEL_EMU_TRACE");
    if (!path || !path[0]) return;
    const dim3 &grid = launched.grid, &block = launched.block;
    const char *label = getenv("CUPEL_EMU_LABEL");
    char numbers[128];
    snprintf(numbers, sizeof numbers, " %u,%u,%u %u,%u,%u %zu", grid.x, grid.y, grid.z, block.x, block.y,
             block.z, launched.dynamic_shared);
    std::string line = name + numbers;
    if (label && label[0]) line = line + " " + label;
    line += "\n";
    int file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (file < 0) return;
    [[maybe_unused]] ssize_t written = write(file, line.data(), line.size());
    close(file);
}

cudaError_t check_size(const launch_config &config) {
    const dim3 &grid = config.grid, &block = config.block;
    uint64_t threads = static_cast<uint64_t>(block.x) * block.y * block.z;
    if (threads == 0 || threads > max_threads || block.x > 1024 || block.y > 1024 || block.z > 64)
        return cudaErrorInvalidConfiguration;
    if (grid.x == 0 || grid.y == 0 || grid.z == 0 || grid.x > 0x7fffffffu || grid.y > 65535 || grid.z > 65535)
        return cudaErrorInvalidConfiguration;
    auto allowed = allowed_shared.find(config.function);
    size_t limit = allowed == allowed_shared.end() ? static_shared_limit : allowed->second;
    return config.dynamic_shared <= limit ? cudaSuccess : cudaErrorInvalidValue;
}

/* On a GPU a kernel that is given a host pointer fails when it uses it; here at once. */
bool check_pointers(const launch_config &config) {
    for (int i = 0; i < config.pointer_count; i++) {
        const void *pointer = config.pointers[i];
        uintptr_t address = reinterpret_cast<uintptr_t>(pointer);
        std::string name = clean_name(config.name);
        if (host_pinned(pointer, 0)) continue;
        if (!in_device(address)) {
            fail_host(cudaErrorIllegalAddress, "kernel %s is given the host pointer %p as argument %d",
                      name.c_str(), pointer, config.positions[i]);
            return false;
        }
        const allocation *found = device_find(address);
        /* Just past the end is where a pointer to an empty tensor may point. */
        if (found && found->live && address - reinterpret_cast<uintptr_t>(found->start) <= found->size)
            continue;
        char where[160];
        device_describe(where, sizeof where, address);
        fail_host(cudaErrorIllegalAddress, "kernel %s is given as argument %d a pointer %s", name.c_str(),
                  config.positions[i], where);
        return false;
    }
    return true;
}

} // namespace

void launch(kernel_call *call, const launch_config &config) {
    std::lock_guard<std::recursive_mutex> lock(api_mutex());
    auto work = std::make_shared<kernel_work>();
    work->call.reset(call);
    if (sticky_error() != cudaSuccess) return;
    cudaError_t error = check_size(config);
    if (error != cudaSuccess) {
        note(error);
        return;
    }
    if (!check_pointers(config)) return;
    work->name = clean_name(config.name);
    work->launched = {call,         work->name.c_str(),    config.grid,
                      config.block, config.dynamic_shared, config.call_size};
    note(submit(config.stream, work));
}

void launches_reset() {
    allowed_shared.clear();
}

} // namespace emu

cudaError_t cudaFuncSetAttribute(const void *kernel, enum cudaFuncAttribute attribute, int value) {
    EMU_API_CALL();
    if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize) return cudaSuccess;
    if (!kernel || value < 0 || static_cast<size_t>(value) > emu::shared_limit)
        return emu::note(cudaErrorInvalidValue);
    emu::allowed_shared[kernel] = static_cast<size_t>(value);
    return cudaSuccess;
}
