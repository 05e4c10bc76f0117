/* Stream capture and graphs. A graph's nodes are work with dependencies; a launch issues each as a task, so
 * that nodes that the capture left unordered run in any order. */
#include <algorithm>

#include "memory.h"
#include "report.h"
#include "stream.h"

using namespace emu;

struct CUgraphExec_st {
    std::vector<CUgraph_st::node> nodes;
    task_id last; /* its latest launch, which the next follows */
};

namespace {

std::set<CUgraph_st *> graphs;
std::set<CUgraphExec_st *> execs;

/* Nodes that no other follows. */
std::vector<size_t> leaves(const std::vector<CUgraph_st::node> &nodes) {
    std::vector<bool> followed(nodes.size());
    for (const auto &node : nodes)
        for (size_t before : node.after) followed[before] = true;
    std::vector<size_t> found;
    for (size_t i = 0; i < nodes.size(); i++)
        if (!followed[i]) found.push_back(i);
    return found;
}

bool holds(const std::vector<size_t> &nodes, size_t node) {
    return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
}

} // namespace

namespace emu {

std::set<capture *> &captures() {
    static std::set<capture *> under_way;
    return under_way;
}

void break_capture(capture *capture) {
    capture->broken = true;
}

cudaError_t check_capture_allows() {
    for (capture *capture : captures()) {
        if (capture->mode == cudaStreamCaptureModeRelaxed) continue;
        break_capture(capture);
        return cudaErrorStreamCaptureUnsupported;
    }
    return cudaSuccess;
}

void graphs_reset() {
    for (CUgraph_st *graph : graphs) delete graph;
    for (CUgraphExec_st *exec : execs) delete exec;
    for (capture *capture : captures()) delete capture;
    graphs.clear();
    execs.clear();
    captures().clear();
}

} // namespace emu

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, enum cudaStreamCaptureMode mode) {
    EMU_API_CALL();
    if (!stream) return note(cudaErrorStreamCaptureUnsupported); /* the legacy stream cannot be captured */
    if (!stream_of(stream)) return note(cudaErrorInvalidResourceHandle);
    if (stream->capture) return note(cudaErrorStreamCaptureUnsupported);
    stream->capture = new capture{{}, stream, mode, false};
    stream->tail.clear();
    captures().insert(stream->capture);
    return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph) {
    EMU_API_CALL();
    if (!stream || !stream_of(stream) || !graph) return note(cudaErrorInvalidValue);
    std::unique_ptr<capture> ended(stream->capture);
    *graph = nullptr;
    if (!ended || ended->origin != stream) {
        ended.release();
        return note(cudaErrorStreamCaptureUnmatched);
    }
    std::vector<size_t> tail = stream->tail;
    streams_leave_capture(ended.get());
    captures().erase(ended.get());
    if (ended->broken) return note(cudaErrorStreamCaptureInvalidated);
    for (size_t leaf : leaves(ended->graph.nodes))
        if (!holds(tail, leaf)) return note(cudaErrorStreamCaptureUnjoined);
    *graph = *graphs.insert(new CUgraph_st(std::move(ended->graph))).first;
    return cudaSuccess;
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, enum cudaStreamCaptureStatus *status) {
    EMU_API_CALL();
    if (!status || !stream_of(stream)) return note(cudaErrorInvalidValue);
    const capture *capture = stream_of(stream)->capture;
    *status = !capture          ? cudaStreamCaptureStatusNone
              : capture->broken ? cudaStreamCaptureStatusInvalidated
                                : cudaStreamCaptureStatusActive;
    return cudaSuccess;
}

cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t *nodes, size_t *count) {
    EMU_API_CALL();
    if (!graphs.count(graph) || !count || nodes) return note(cudaErrorInvalidValue); /* counts alone */
    *count = graph->nodes.size();
    return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *exec, cudaGraph_t graph, unsigned long long) {
    EMU_API_CALL();
    if (!exec || !graphs.count(graph)) return note(cudaErrorInvalidValue);
    *exec = *execs.insert(new CUgraphExec_st{graph->nodes, 0}).first;
    return cudaSuccess;
}

cudaError_t cudaGraphUpload(cudaGraphExec_t exec, cudaStream_t stream) {
    EMU_API_CALL();
    return execs.count(exec) && stream_of(stream) ? cudaSuccess : note(cudaErrorInvalidValue);
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t handle) {
    EMU_API_CALL();
    if (!execs.count(exec) || !stream_of(handle)) return note(cudaErrorInvalidValue);
    if (is_capturing(handle)) return note(cudaErrorNotSupported); /* child graphs */
    EMU_TRY(submit(handle, nullptr)); /* begins the graph: after all that the stream waits for */
    CUstream_st *stream = stream_of(handle);
    std::vector<task_id> tasks, last = {stream->last};
    for (const auto &node : exec->nodes) {
        std::vector<task_id> after = {stream->last, exec->last};
        for (size_t before : node.after) after.push_back(tasks[before]);
        tasks.push_back(issue(node.work, after));
    }
    for (size_t leaf : leaves(exec->nodes)) last.push_back(tasks[leaf]);
    stream->last = exec->last = issue(nullptr, last);
    return sticky_error();
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
    EMU_API_CALL();
    if (!execs.erase(exec)) return note(cudaErrorInvalidValue);
    delete exec;
    return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
    EMU_API_CALL();
    if (!graphs.erase(graph)) return note(cudaErrorInvalidValue);
    delete graph;
    return cudaSuccess;
}
