/* Streams and events: each operation becomes a task that follows the right ones.
 *
 * As in CUDA, the legacy stream (0) waits for every blocking stream and they for it. */
#include "stream.h"

#include <algorithm>
#include <cstdio>
#include <ctime>

#include "memory.h"
#include "report.h"

using namespace emu;

namespace {

CUstream_st legacy = {true, 0, nullptr, {}};
std::set<CUstream_st *> streams;
std::set<CUevent_st *> events;

struct record_work : work {
    std::shared_ptr<double> time;
    void run() override {
        timespec clock;
        clock_gettime(CLOCK_MONOTONIC, &clock);
        *time = static_cast<double>(clock.tv_sec) * 1e3 + static_cast<double>(clock.tv_nsec) * 1e-6;
    }
    void describe(char *text, size_t size) const override {
        snprintf(text, size, "event");
    }
};

struct host_work : work {
    cudaHostFn_t function;
    void *data;
    void run() override {
        device_close();
        function(data);
    }
    void describe(char *text, size_t size) const override {
        snprintf(text, size, "host function");
    }
};

std::vector<task_id> before_next(const CUstream_st *stream) {
    std::vector<task_id> after = {stream->last};
    if (stream == &legacy) {
        for (const CUstream_st *other : streams)
            if (other->blocking) after.push_back(other->last);
    } else if (stream->blocking) {
        after.push_back(legacy.last);
    }
    return after;
}

/* The legacy stream would have to wait for what is only being captured. */
cudaError_t check_legacy(const CUstream_st *stream) {
    if (stream != &legacy) return cudaSuccess;
    for (CUstream_st *other : streams) {
        if (!other->capture || !other->blocking) continue;
        break_capture(other->capture);
        return cudaErrorStreamCaptureImplicit;
    }
    return cudaSuccess;
}

} // namespace

namespace emu {

CUstream_st *stream_of(cudaStream_t handle) {
    if (!handle) return &legacy;
    return streams.count(handle) ? handle : nullptr;
}

cudaError_t submit(cudaStream_t handle, std::shared_ptr<work> work) {
    CUstream_st *stream = stream_of(handle);
    if (!stream) return cudaErrorInvalidResourceHandle;
    if (stream->capture) {
        if (stream->capture->broken) return cudaErrorStreamCaptureInvalidated;
        auto &nodes = stream->capture->graph.nodes;
        nodes.push_back({std::move(work), stream->tail});
        stream->tail = {nodes.size() - 1};
        return cudaSuccess;
    }
    cudaError_t error = check_legacy(stream);
    if (error == cudaSuccess) stream->last = issue(std::move(work), before_next(stream));
    return error;
}

bool is_capturing(cudaStream_t handle) {
    CUstream_st *stream = stream_of(handle);
    return stream && stream->capture;
}

cudaError_t wait_for_stream(cudaStream_t handle) {
    CUstream_st *stream = stream_of(handle);
    if (!stream) return cudaErrorInvalidResourceHandle;
    if (stream->capture) {
        break_capture(stream->capture);
        return cudaErrorStreamCaptureUnsupported;
    }
    cudaError_t error = check_legacy(stream);
    if (error != cudaSuccess) return error;
    for (task_id task : before_next(stream)) {
        wait_for(task);
        if (stream != &legacy) break; /* what the legacy stream last did is no business of this one's */
    }
    return sticky_error();
}

void streams_leave_capture(const capture *ended) {
    static capture past; /* what events recorded in a capture that has ended point to */
    for (CUevent_st *event : events)
        if (event->capture == ended) event->capture = &past;
    for (CUstream_st *stream : streams) {
        if (stream->capture != ended) continue;
        stream->capture = nullptr;
        stream->tail.clear();
    }
}

void streams_reset() {
    for (CUstream_st *stream : streams) delete stream;
    for (CUevent_st *event : events) delete event;
    streams.clear();
    events.clear();
    legacy = {true, 0, nullptr, {}};
}

} // namespace emu

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned flags) {
    EMU_API_CALL();
    if (!stream || flags > cudaStreamNonBlocking) return note(cudaErrorInvalidValue);
    *stream = *streams.insert(new CUstream_st{flags != cudaStreamNonBlocking, 0, nullptr, {}}).first;
    return cudaSuccess;
}

cudaError_t cudaStreamCreate(cudaStream_t *stream) {
    return cudaStreamCreateWithFlags(stream, cudaStreamDefault);
}

cudaError_t cudaStreamCreateWithPriority(cudaStream_t *stream, unsigned flags, int) {
    return cudaStreamCreateWithFlags(stream, flags);
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
    EMU_API_CALL();
    if (!stream || !stream_of(stream)) return note(cudaErrorInvalidResourceHandle);
    if (stream->capture) {
        break_capture(stream->capture);
        return note(cudaErrorStreamCaptureUnsupported);
    }
    wait_for(stream->last);
    streams.erase(stream);
    delete stream;
    return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
    EMU_API_CALL();
    EMU_TRY(wait_for_stream(stream));
    return cudaSuccess;
}

cudaError_t cudaStreamQuery(cudaStream_t handle) {
    EMU_API_CALL();
    CUstream_st *stream = stream_of(handle);
    if (!stream) return note(cudaErrorInvalidResourceHandle);
    if (stream->capture) return note(wait_for_stream(handle));
    if (!finished(stream->last)) {
        make_progress();
        return cudaErrorNotReady;
    }
    wait_for(stream->last); /* the host knows now */
    return sticky_error();
}

cudaError_t cudaStreamWaitEvent(cudaStream_t handle, cudaEvent_t event, unsigned) {
    EMU_API_CALL();
    CUstream_st *stream = stream_of(handle);
    if (!stream || !events.count(event)) return note(cudaErrorInvalidResourceHandle);
    if (event->capture) {
        if (!captures().count(event->capture)) return note(cudaErrorCapturedEvent);
        if (stream->capture && stream->capture != event->capture)
            return note(cudaErrorStreamCaptureIsolation);
        if (stream == &legacy) return note(cudaErrorStreamCaptureImplicit);
        stream->capture = event->capture;
        stream->tail.insert(stream->tail.end(), event->tail.begin(), event->tail.end());
        return cudaSuccess;
    }
    if (stream->capture) {
        if (!event->recorded) return cudaSuccess;
        break_capture(stream->capture);
        return note(cudaErrorStreamCaptureIsolation);
    }
    if (!event->recorded) return cudaSuccess;
    EMU_TRY(check_legacy(stream));
    std::vector<task_id> after = before_next(stream);
    after.push_back(event->task);
    stream->last = issue(nullptr, after);
    return cudaSuccess;
}

cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void *data) {
    EMU_API_CALL();
    auto work = std::make_shared<host_work>();
    work->function = function;
    work->data = data;
    EMU_TRY(submit(stream, work));
    return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned flags) {
    EMU_API_CALL();
    if (!event) return note(cudaErrorInvalidValue);
    bool timed = !(flags & cudaEventDisableTiming);
    *event = *events.insert(new CUevent_st{timed, false, 0, nullptr, nullptr, {}}).first;
    return cudaSuccess;
}

cudaError_t cudaEventCreate(cudaEvent_t *event) {
    return cudaEventCreateWithFlags(event, cudaEventDefault);
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
    EMU_API_CALL();
    if (!events.erase(event)) return note(cudaErrorInvalidResourceHandle);
    delete event;
    return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t handle) {
    EMU_API_CALL();
    CUstream_st *stream = stream_of(handle);
    if (!stream || !events.count(event)) return note(cudaErrorInvalidResourceHandle);
    event->recorded = true;
    event->capture = stream->capture;
    event->tail = stream->tail;
    if (stream->capture) return cudaSuccess;
    auto work = std::make_shared<record_work>();
    event->time = work->time = std::make_shared<double>(0.0);
    EMU_TRY(submit(handle, work));
    event->task = stream->last;
    return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
    EMU_API_CALL();
    if (!events.count(event)) return note(cudaErrorInvalidResourceHandle);
    if (event->capture) return note(cudaErrorCapturedEvent);
    wait_for(event->task);
    return sticky_error();
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
    EMU_API_CALL();
    if (!events.count(event)) return note(cudaErrorInvalidResourceHandle);
    if (event->capture) return note(cudaErrorCapturedEvent);
    if (!finished(event->task)) {
        make_progress();
        return cudaErrorNotReady;
    }
    wait_for(event->task);
    return sticky_error();
}

cudaError_t cudaEventElapsedTime(float *milliseconds, cudaEvent_t start, cudaEvent_t end) {
    EMU_API_CALL();
    if (!milliseconds) return note(cudaErrorInvalidValue);
    for (cudaEvent_t event : {start, end}) {
        if (!events.count(event) || !event->recorded || !event->timed || event->capture)
            return note(cudaErrorInvalidResourceHandle);
        if (!finished(event->task)) return cudaErrorNotReady;
    }
    *milliseconds = static_cast<float>(*end->time - *start->time);
    return cudaSuccess;
}
