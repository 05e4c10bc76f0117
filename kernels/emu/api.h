/* What the functions of the CUDA runtime have in common. */
#ifndef EMU_API_H
#define EMU_API_H

#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "cuda_runtime_api.h"
#include "task.h"

namespace emu {

std::recursive_mutex &api_mutex();

/* Keeps an error for cudaGetLastError and gives it back. */
cudaError_t note(cudaError_t error);

/* Begins an API function: one thread at a time, and after a sticky error none works. */
#define EMU_API_CALL()                                                \
    std::lock_guard<std::recursive_mutex> api_lock(emu::api_mutex()); \
    if (emu::sticky_error() != cudaSuccess) return emu::sticky_error()

#define EMU_TRY(expression)                                        \
    do {                                                           \
        cudaError_t try_error = (expression);                      \
        if (try_error != cudaSuccess) return emu::note(try_error); \
    } while (0)

/* Puts work on a stream, or into the graph that the stream is captured into. */
cudaError_t submit(cudaStream_t stream, std::shared_ptr<work> work);

/* Waits for what is on the stream. An error while the stream is captured. */
cudaError_t wait_for_stream(cudaStream_t stream);

/* cudaSuccess unless a capture that forbids calls such as cudaMalloc is under way, which the call ends. */
cudaError_t check_capture_allows();

bool is_capturing(cudaStream_t stream);

void streams_reset();
void graphs_reset();
void launches_reset();

} // namespace emu

#endif
