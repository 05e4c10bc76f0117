/* Streams, events and captures as the runtime sees them. */
#ifndef EMU_STREAM_H
#define EMU_STREAM_H

#include "api.h"

struct CUgraph_st {
    struct node {
        std::shared_ptr<emu::work> work;
        std::vector<size_t> after; /* nodes before this one */
    };
    std::vector<node> nodes;
};

namespace emu {

/* A capture under way: streams join it by waiting for an event of it. */
struct capture {
    CUgraph_st graph;
    cudaStream_t origin;
    cudaStreamCaptureMode mode;
    bool broken;
};

std::set<capture *> &captures();
void break_capture(capture *capture);

} // namespace emu

struct CUstream_st {
    bool blocking;     /* keeps order with the legacy stream */
    emu::task_id last; /* the latest task on it */
    emu::capture *capture;
    std::vector<size_t> tail; /* while captured: the nodes that the next one follows */
};

struct CUevent_st {
    bool timed, recorded;
    emu::task_id task;
    std::shared_ptr<double> time; /* of the record, in milliseconds */
    emu::capture *capture;        /* where it was last recorded, if in a capture */
    std::vector<size_t> tail;
};

namespace emu {

/* Null for a handle that is none; the legacy stream for 0. */
CUstream_st *stream_of(cudaStream_t handle);

/* Every stream of the capture goes back to running its work. */
void streams_leave_capture(const capture *capture);

} // namespace emu

#endif
