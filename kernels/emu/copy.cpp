/* Copies and fills.
 *
 * As on a GPU, a copy of page-locked host memory runs whenever its stream gets to it; a copy of pageable
 * memory takes what it needs, or has brought it, before the call returns. */
#include <cstdio>
#include <cstring>

#include "api.h"
#include "checks.h"
#include "memory.h"
#include "report.h"

using namespace emu;

namespace {

bool on_device(const void *pointer) {
    return in_device(reinterpret_cast<uintptr_t>(pointer));
}

/* A graph may outlive the memory that it was captured with. */
bool still_allocated(const void *memory, size_t size) {
    if (!on_device(memory) || device_holds(memory, size)) return true;
    char where[160];
    device_describe(where, sizeof where, reinterpret_cast<uintptr_t>(memory));
    fail_host(cudaErrorIllegalAddress, "a copy or fill of %zu bytes %s", size, where);
    return false;
}

struct copy_work : work {
    void *to;
    const void *from;
    size_t size;
    std::vector<char> staged; /* stands in for pageable host memory */

    void run() override {
        if (!still_allocated(to, size) || !still_allocated(from, size)) return;
        const void *source = staged.empty() ? from : staged.data();
        if (checking) checks_copy(to, source, size);
        memmove(to, source, size);
    }
    void describe(char *text, size_t length) const override {
        snprintf(text, length, "copy of %zu bytes", size);
    }
};

struct fill_work : work {
    void *to;
    int value;
    size_t size;

    void run() override {
        if (!still_allocated(to, size)) return;
        if (checking) checks_copy(to, nullptr, size);
        memset(to, value, size);
    }
    void describe(char *text, size_t length) const override {
        snprintf(text, length, "fill of %zu bytes", size);
    }
};

/* Each side must be what the kind says, and device memory must be allocated. */
cudaError_t check_copy(const void *to, const void *from, size_t size, cudaMemcpyKind kind) {
    if (!to || !from) return cudaErrorInvalidValue;
    if (kind < cudaMemcpyHostToHost || kind > cudaMemcpyDefault) return cudaErrorInvalidMemcpyDirection;
    bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
    bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
    if (kind != cudaMemcpyDefault && (on_device(to) != to_device || on_device(from) != from_device))
        return cudaErrorInvalidValue;
    if (on_device(to) && !device_holds(to, size)) return cudaErrorInvalidValue;
    if (on_device(from) && !device_holds(from, size)) return cudaErrorInvalidValue;
    return cudaSuccess;
}

/* Puts the copy on the stream; `in_place` leaves pageable memory to be read when the copy runs. */
cudaError_t submit_copy(void *to, const void *from, size_t size, cudaStream_t stream, bool in_place) {
    auto work = std::make_shared<copy_work>();
    work->to = to;
    work->from = from;
    work->size = size;
    if (!in_place && !on_device(from) && !host_pinned(from, size)) {
        auto bytes = static_cast<const char *>(from);
        work->staged.assign(bytes, bytes + size);
    }
    return submit(stream, work);
}

} // namespace

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t size, enum cudaMemcpyKind kind,
                            cudaStream_t stream) {
    EMU_API_CALL();
    if (size == 0) return cudaSuccess;
    EMU_TRY(check_copy(to, from, size, kind));
    bool captured = is_capturing(stream), pinned = host_pinned(to, size);
    EMU_TRY(submit_copy(to, from, size, stream, captured));
    if (captured || on_device(to)) return cudaSuccess;
    if (!pinned) EMU_TRY(wait_for_stream(stream));
    return cudaSuccess;
}

cudaError_t cudaMemcpy(void *to, const void *from, size_t size, enum cudaMemcpyKind kind) {
    EMU_API_CALL();
    if (size == 0) return cudaSuccess;
    EMU_TRY(check_copy(to, from, size, kind));
    EMU_TRY(check_capture_allows());
    EMU_TRY(submit_copy(to, from, size, nullptr, true));
    if (!on_device(to) || !on_device(from)) EMU_TRY(wait_for_stream(nullptr));
    return cudaSuccess;
}

cudaError_t cudaMemsetAsync(void *to, int value, size_t size, cudaStream_t stream) {
    EMU_API_CALL();
    if (size == 0) return cudaSuccess;
    if (!device_holds(to, size) && !host_pinned(to, size)) return note(cudaErrorInvalidValue);
    auto work = std::make_shared<fill_work>();
    work->to = to;
    work->value = value;
    work->size = size;
    EMU_TRY(submit(stream, work));
    return cudaSuccess;
}

cudaError_t cudaMemset(void *to, int value, size_t size) {
    EMU_API_CALL();
    EMU_TRY(check_capture_allows());
    return cudaMemsetAsync(to, value, size, nullptr);
}
