/* The device that host code sees: errors, properties, memory management, and the settings of emu.h. */
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "api.h"
#include "checks.h"
#include "fault.h"
#include "memory.h"
#include "report.h"
#include "shared.h"

using namespace emu;

namespace {

constexpr int processors =
    3; /* few and odd: grids made from it need several rounds and do not divide evenly */
thread_local cudaError_t last_error;

/* Settings from the environment, read once, before anything else. */
struct environment {
    environment() {
        static const char *const names[] = {"forward", "reversed", "depth-first", "random"};
        const char *order = getenv("CUPEL_EMU_ORDER"), *seed = getenv("CUPEL_EMU_SEED");
        if (!order || !order[0]) return;
        for (int i = 0; i < EMU_ORDERS; i++) {
            if (strcmp(order, names[i]) != 0) continue;
            set_order(static_cast<enum emu_order>(i), seed ? strtoull(seed, nullptr, 10) : 0);
            return;
        }
        fail_host(cudaErrorInitializationError,
                  "CUPEL_EMU_ORDER is \"%s\"; it may be forward, reversed, depth-first or random", order);
    }
};

} // namespace

namespace emu {

std::recursive_mutex &api_mutex() {
    static std::recursive_mutex mutex;
    static environment read_once;
    return mutex;
}

cudaError_t note(cudaError_t error) {
    if (error != cudaSuccess) last_error = error;
    return error;
}

} // namespace emu

cudaError_t cudaGetLastError(void) {
    std::lock_guard<std::recursive_mutex> lock(api_mutex());
    cudaError_t error = sticky_error() != cudaSuccess ? sticky_error() : last_error;
    last_error = cudaSuccess;
    return error;
}

cudaError_t cudaPeekAtLastError(void) {
    std::lock_guard<std::recursive_mutex> lock(api_mutex());
    return sticky_error() != cudaSuccess ? sticky_error() : last_error;
}

const char *cudaGetErrorName(cudaError_t error) {
    switch (error) {
#define X(name, value, text) \
    case name:               \
        return #name;
        EMU_ERRORS(X)
#undef X
    }
    return "unrecognized error code";
}

const char *cudaGetErrorString(cudaError_t error) {
    if (error != cudaSuccess && error == sticky_error()) return report_text();
    switch (error) {
#define X(name, value, text) \
    case name:               \
        return text;
        EMU_ERRORS(X)
#undef X
    }
    return "unrecognized error code";
}

cudaError_t cudaRuntimeGetVersion(int *version) {
    *version = CUDART_VERSION;
    return cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int *version) {
    *version = CUDART_VERSION;
    return cudaSuccess;
}

cudaError_t cudaGetDeviceCount(int *count) {
    *count = 1;
    return cudaSuccess;
}

cudaError_t cudaGetDevice(int *device) {
    *device = 0;
    return cudaSuccess;
}

cudaError_t cudaSetDevice(int device) {
    EMU_API_CALL();
    return device == 0 ? cudaSuccess : note(cudaErrorInvalidDevice);
}

cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *properties, int device) {
    EMU_API_CALL();
    if (!properties || device != 0) return note(cudaErrorInvalidDevice);
    size_t used;
    *properties = {};
    snprintf(properties->name, sizeof properties->name, "Cupel emulator");
    device_usage(&used, &properties->totalGlobalMem);
    properties->sharedMemPerBlock = static_shared_limit;
    properties->sharedMemPerBlockOptin = shared_limit;
    properties->sharedMemPerMultiprocessor = shared_limit + 1024;
    properties->regsPerBlock = 65536;
    properties->warpSize = warp_lanes;
    properties->maxThreadsPerBlock = max_threads;
    const int block[3] = {1024, 1024, 64}, grid[3] = {0x7fffffff, 65535, 65535};
    memcpy(properties->maxThreadsDim, block, sizeof block);
    memcpy(properties->maxGridSize, grid, sizeof grid);
    properties->major = 9;
    properties->multiProcessorCount = processors;
    properties->maxThreadsPerMultiProcessor = 2048;
    properties->l2CacheSize = 50 << 20;
    properties->memoryBusWidth = 5120;
    properties->asyncEngineCount = properties->concurrentKernels = 1;
    return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr attribute, int device) {
    EMU_API_CALL();
    if (!value || device != 0) return note(cudaErrorInvalidValue);
    switch (attribute) {
    case cudaDevAttrMaxThreadsPerBlock:
        *value = max_threads;
        return cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerBlock:
        *value = static_shared_limit;
        return cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
        *value = shared_limit;
        return cudaSuccess;
    case cudaDevAttrWarpSize:
        *value = warp_lanes;
        return cudaSuccess;
    case cudaDevAttrMultiProcessorCount:
        *value = processors;
        return cudaSuccess;
    case cudaDevAttrMaxThreadsPerMultiProcessor:
        *value = 2048;
        return cudaSuccess;
    case cudaDevAttrComputeCapabilityMajor:
        *value = 9;
        return cudaSuccess;
    case cudaDevAttrComputeCapabilityMinor:
        *value = 0;
        return cudaSuccess;
    }
    return note(cudaErrorInvalidValue);
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, const void *kernel, int block_size,
                                                          size_t dynamic_shared) {
    EMU_API_CALL();
    if (!blocks || !kernel || block_size <= 0) return note(cudaErrorInvalidValue);
    bool fits = block_size <= static_cast<int>(max_threads) && dynamic_shared <= shared_limit;
    int by_shared = dynamic_shared ? static_cast<int>(shared_limit / dynamic_shared) : 32;
    *blocks = fits ? std::min({2048 / block_size, by_shared, 32}) : 0;
    return cudaSuccess;
}

cudaError_t cudaDeviceSynchronize(void) {
    EMU_API_CALL();
    EMU_TRY(check_capture_allows());
    wait_for_all();
    return sticky_error();
}

cudaError_t cudaDeviceReset(void) {
    std::lock_guard<std::recursive_mutex> lock(api_mutex());
    drop_tasks();
    graphs_reset();
    streams_reset();
    launches_reset();
    device_free_all();
    clear_report();
    last_error = cudaSuccess;
    return cudaSuccess;
}

cudaError_t cudaMalloc(void **pointer, size_t size) {
    EMU_API_CALL();
    if (!pointer) return note(cudaErrorInvalidValue);
    EMU_TRY(check_capture_allows());
    *pointer = nullptr;
    if (size == 0) return cudaSuccess;
    *pointer = device_allocate(size);
    return *pointer ? cudaSuccess : note(cudaErrorMemoryAllocation);
}

cudaError_t cudaFree(void *pointer) {
    EMU_API_CALL();
    if (!pointer) return cudaSuccess;
    EMU_TRY(check_capture_allows());
    wait_for_all();
    if (sticky_error() != cudaSuccess) return sticky_error();
    return device_free(pointer) ? cudaSuccess : note(cudaErrorInvalidValue);
}

cudaError_t cudaHostAlloc(void **pointer, size_t size, unsigned) {
    EMU_API_CALL();
    if (!pointer) return note(cudaErrorInvalidValue);
    EMU_TRY(check_capture_allows());
    *pointer = host_allocate(size);
    return *pointer ? cudaSuccess : note(cudaErrorMemoryAllocation);
}

cudaError_t cudaMallocHost(void **pointer, size_t size) {
    return cudaHostAlloc(pointer, size, cudaHostAllocDefault);
}

cudaError_t cudaFreeHost(void *pointer) {
    EMU_API_CALL();
    if (!pointer) return cudaSuccess;
    wait_for_all();
    return host_free(pointer) ? cudaSuccess : note(cudaErrorInvalidValue);
}

cudaError_t cudaHostRegister(void *pointer, size_t size, unsigned) {
    EMU_API_CALL();
    return pointer && size && host_register(pointer, size) ? cudaSuccess : note(cudaErrorInvalidValue);
}

cudaError_t cudaHostUnregister(void *pointer) {
    EMU_API_CALL();
    wait_for_all();
    return host_unregister(pointer) ? cudaSuccess : note(cudaErrorInvalidValue);
}

cudaError_t cudaMemGetInfo(size_t *free, size_t *total) {
    EMU_API_CALL();
    if (!free || !total) return note(cudaErrorInvalidValue);
    size_t used;
    device_usage(&used, total);
    *free = *total - used;
    return cudaSuccess;
}

cudaError_t cudaPointerGetAttributes(struct cudaPointerAttributes *attributes, const void *pointer) {
    EMU_API_CALL();
    if (!attributes) return note(cudaErrorInvalidValue);
    void *memory = const_cast<void *>(pointer);
    *attributes = {cudaMemoryTypeUnregistered, -2, nullptr, memory};
    if (device_holds(pointer, 0))
        *attributes = {cudaMemoryTypeDevice, 0, memory, nullptr};
    else if (host_pinned(pointer, 0))
        *attributes = {cudaMemoryTypeHost, 0, memory, memory};
    return cudaSuccess;
}

void emu_set_order(enum emu_order order, uint64_t seed) {
    std::lock_guard<std::recursive_mutex> lock(api_mutex());
    set_order(order, seed);
}

void emu_set_memory(size_t bytes) {
    device_set_total(bytes);
}

void emu_set_time_limit(double seconds) {
    set_time_limit(seconds);
}

int emu_checks_races(void) {
    return checking;
}
