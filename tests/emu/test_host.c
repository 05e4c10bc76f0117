/* The host's side: streams, events, graphs and memory as CUDA has them, errors included. */
#include <criterion/criterion.h>

#include <cuda_runtime_api.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "emu.h"
#include "kernels.h"

#define ORDERS 12
#define FOR_EACH_ORDER for (unsigned order = 0; order < ORDERS; set_order(++order))

static void set_order(unsigned i) {
    cudaDeviceReset();
    emu_set_order(i < EMU_RANDOM ? (enum emu_order)i : EMU_RANDOM, i);
}

static void reset(void) {
    cudaDeviceReset();
}
TestSuite(host, .fini = reset);

static void ok(int status) {
    cr_assert_eq(status, 0, "%s: %s", cudaGetErrorName((cudaError_t)status),
                 cudaGetErrorString((cudaError_t)status));
}

enum { COUNT = 64, SIZE = COUNT * sizeof(float) };

/* COUNT floats on the device, all `value`. */
static float *filled(float value) {
    float host[COUNT], *memory;
    for (int i = 0; i < COUNT; i++) host[i] = value;
    ok(cudaMalloc((void **)&memory, SIZE));
    ok(cudaMemcpy(memory, host, SIZE, cudaMemcpyHostToDevice));
    return memory;
}

static void check(const float *memory, float value) {
    float host[COUNT];
    ok(cudaMemcpy(host, memory, SIZE, cudaMemcpyDeviceToHost));
    for (int i = 0; i < COUNT; i++) cr_assert_eq(host[i], value, "%d: %g, not %g", i, host[i], value);
}

static cudaStream_t new_stream(void) {
    cudaStream_t stream;
    ok(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    return stream;
}

static cudaEvent_t new_event(void) {
    cudaEvent_t event;
    ok(cudaEventCreate(&event));
    return event;
}

Test(host, fresh_memory_is_poisoned) {
    unsigned char *memory, host[100];
    ok(cudaMalloc((void **)&memory, sizeof host));
    ok(cudaMemcpy(host, memory, sizeof host, cudaMemcpyDeviceToHost));
    for (size_t i = 0; i < sizeof host; i++) cr_assert_eq(host[i], 0xff);
}

Test(host, one_stream_keeps_order) {
    FOR_EACH_ORDER {
        cudaStream_t stream = new_stream();
        float *x = filled(1.0f), *y = filled(0.0f);
        for (int i = 0; i < 5; i++) { /* y += x, x += y: Fibonacci */
            ok(launch_axpy(y, x, 1.0f, COUNT, stream));
            ok(launch_axpy(x, y, 1.0f, COUNT, stream));
        }
        ok(cudaStreamSynchronize(stream));
        check(y, 55.0f);
        check(x, 89.0f);
    }
}

Test(host, events_order_streams) {
    FOR_EACH_ORDER {
        cudaStream_t a = new_stream(), b = new_stream();
        cudaEvent_t first = new_event(), second = new_event();
        float *x = filled(1.0f), *y = filled(0.0f);
        ok(launch_axpy(y, x, 2.0f, COUNT, a)); /* y = 2 */
        ok(cudaEventRecord(first, a));
        ok(cudaStreamWaitEvent(b, first, 0));
        ok(launch_axpy(x, y, 3.0f, COUNT, b)); /* x = 7 */
        ok(cudaEventRecord(second, b));
        ok(cudaStreamWaitEvent(a, second, 0));
        ok(launch_axpy(y, x, 1.0f, COUNT, a)); /* y = 9 */
        ok(cudaStreamSynchronize(a));
        check(y, 9.0f);
        float milliseconds = -1.0f;
        ok(cudaEventElapsedTime(&milliseconds, first, second));
        cr_assert(milliseconds >= 0.0f);
    }
}

Test(host, legacy_stream_waits_for_blocking_ones) {
    FOR_EACH_ORDER {
        cudaStream_t a, b;
        ok(cudaStreamCreate(&a));
        ok(cudaStreamCreate(&b));
        float *x = filled(1.0f), *y = filled(0.0f);
        ok(launch_axpy(y, x, 2.0f, COUNT, a));
        ok(launch_axpy(x, y, 3.0f, COUNT, NULL));
        ok(launch_axpy(y, x, 1.0f, COUNT, b));
        ok(cudaStreamSynchronize(b));
        check(y, 9.0f);
    }
}

Test(host, polling_gets_on) {
    FOR_EACH_ORDER {
        cudaStream_t stream = new_stream();
        cudaEvent_t event = new_event();
        float *x = filled(1.0f), *y = filled(0.0f);
        ok(launch_axpy(y, x, 2.0f, COUNT, stream));
        ok(cudaEventRecord(event, stream));
        int polls = 0;
        while (cudaEventQuery(event) == cudaErrorNotReady) cr_assert(++polls < 1000);
        while (cudaStreamQuery(stream) == cudaErrorNotReady) cr_assert(++polls < 1000);
        check(y, 2.0f);
        cr_assert_eq(cudaGetLastError(), cudaSuccess);
    }
}

static void add_ten(void *data) {
    *(int *)data += 10;
}

Test(host, pinned_copies_and_host_functions) {
    FOR_EACH_ORDER {
        cudaStream_t stream = new_stream();
        float *host, *x = filled(1.0f), *y = filled(0.0f);
        int calls = 0;
        ok(cudaMallocHost((void **)&host, SIZE));
        for (int i = 0; i < COUNT; i++) host[i] = 5.0f;
        ok(cudaMemcpyAsync(x, host, SIZE, cudaMemcpyHostToDevice, stream));
        ok(launch_axpy(y, x, 2.0f, COUNT, stream));
        ok(cudaMemcpyAsync(host, y, SIZE, cudaMemcpyDeviceToHost, stream));
        ok(cudaLaunchHostFunc(stream, add_ten, &calls));
        ok(cudaStreamSynchronize(stream));
        for (int i = 0; i < COUNT; i++) cr_assert_eq(host[i], 10.0f);
        cr_assert_eq(calls, 10);
        ok(cudaFreeHost(host));
    }
}

/* Pageable memory has been read when the call returns, and written too. */
Test(host, pageable_copies) {
    FOR_EACH_ORDER {
        cudaStream_t stream = new_stream();
        float host[COUNT], *x = filled(1.0f), *y = filled(0.0f);
        for (int i = 0; i < COUNT; i++) host[i] = 5.0f;
        ok(cudaMemcpyAsync(x, host, SIZE, cudaMemcpyHostToDevice, stream));
        memset(host, 0, sizeof host);
        ok(launch_axpy(y, x, 2.0f, COUNT, stream));
        ok(cudaMemcpyAsync(host, y, SIZE, cudaMemcpyDeviceToHost, stream));
        for (int i = 0; i < COUNT; i++) cr_assert_eq(host[i], 10.0f);
    }
}

/* y += 2 x on one stream beside z += 3 x on another, then y += z. */
static cudaGraph_t capture_diamond(cudaStream_t a, cudaStream_t b, float *x, float *y, float *z) {
    cudaEvent_t fork = new_event(), join = new_event();
    cudaGraph_t graph;
    ok(cudaStreamBeginCapture(a, cudaStreamCaptureModeGlobal));
    ok(cudaEventRecord(fork, a));
    ok(cudaStreamWaitEvent(b, fork, 0));
    ok(launch_axpy(y, x, 2.0f, COUNT, a));
    ok(launch_axpy(z, x, 3.0f, COUNT, b));
    ok(cudaEventRecord(join, b));
    ok(cudaStreamWaitEvent(a, join, 0));
    ok(launch_axpy(y, z, 1.0f, COUNT, a));
    ok(cudaStreamEndCapture(a, &graph));
    return graph;
}

Test(host, graphs_replay) {
    FOR_EACH_ORDER {
        cudaStream_t a = new_stream(), b = new_stream();
        float *x = filled(1.0f), *y = filled(0.0f), *z = filled(0.0f);
        cudaGraph_t graph = capture_diamond(a, b, x, y, z);
        size_t nodes;
        ok(cudaGraphGetNodes(graph, NULL, &nodes));
        cr_assert_eq(nodes, 3);
        check(y, 0.0f); /* a capture runs nothing */
        cudaGraphExec_t exec;
        ok(cudaGraphInstantiate(&exec, graph, 0));
        ok(cudaGraphDestroy(graph));
        for (int i = 0; i < 3; i++)
            ok(cudaGraphLaunch(exec, i % 2 ? a : b)); /* launches of one follow each other */
        ok(cudaDeviceSynchronize());
        check(z, 9.0f);
        check(y, 2.0f * 3 + 3.0f + 6.0f + 9.0f);
        ok(cudaGraphExecDestroy(exec));
    }
}

Test(host, captures_refuse_what_cuda_refuses) {
    cudaStream_t a = new_stream(), b = new_stream();
    cudaEvent_t event = new_event();
    cudaGraph_t graph;
    float *x = filled(1.0f), *more;
    ok(cudaStreamBeginCapture(a, cudaStreamCaptureModeGlobal)); /* the host must not wait for it */
    cr_assert_eq(cudaStreamSynchronize(a), cudaErrorStreamCaptureUnsupported);
    cr_assert_eq(launch_axpy(x, x, 1.0f, COUNT, a), cudaErrorStreamCaptureInvalidated);
    cr_assert_eq(cudaStreamEndCapture(a, &graph), cudaErrorStreamCaptureInvalidated);
    cr_assert_null(graph);
    ok(cudaStreamBeginCapture(a, cudaStreamCaptureModeGlobal)); /* nor allocate */
    cr_assert_eq(cudaMalloc((void **)&more, 4), cudaErrorStreamCaptureUnsupported);
    cr_assert_eq(cudaStreamEndCapture(a, &graph), cudaErrorStreamCaptureInvalidated);
    ok(cudaStreamBeginCapture(a, cudaStreamCaptureModeRelaxed)); /* unless it says so */
    ok(cudaMalloc((void **)&more, 4));
    ok(cudaEventRecord(event, a));
    ok(cudaStreamWaitEvent(b, event, 0));
    ok(cudaMemsetAsync(x, 0, SIZE, b)); /* never joined */
    cr_assert_eq(cudaStreamEndCapture(b, &graph), cudaErrorStreamCaptureUnmatched);
    cr_assert_eq(cudaStreamEndCapture(a, &graph), cudaErrorStreamCaptureUnjoined);
    ok(cudaEventRecord(event, b));
    ok(cudaStreamBeginCapture(a, cudaStreamCaptureModeGlobal));
    cr_assert_eq(cudaStreamWaitEvent(a, event, 0), cudaErrorStreamCaptureIsolation);
    cr_assert_eq(cudaStreamEndCapture(a, &graph), cudaErrorStreamCaptureInvalidated);
    cr_assert_eq(cudaStreamBeginCapture(NULL, cudaStreamCaptureModeGlobal),
                 cudaErrorStreamCaptureUnsupported);
}

Test(host, legacy_stream_breaks_a_blocking_capture) {
    cudaStream_t stream;
    cudaGraph_t graph;
    float *x = filled(1.0f);
    ok(cudaStreamCreate(&stream));
    ok(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed));
    cr_assert_eq(cudaMemsetAsync(x, 0, SIZE, NULL), cudaErrorStreamCaptureImplicit);
    enum cudaStreamCaptureStatus status;
    ok(cudaStreamIsCapturing(stream, &status));
    cr_assert_eq(status, cudaStreamCaptureStatusInvalidated);
    cr_assert_eq(cudaStreamEndCapture(stream, &graph), cudaErrorStreamCaptureInvalidated);
}

Test(host, memory_errors) {
    float host[COUNT], *x = filled(1.0f), *more;
    size_t free_bytes, total;
    cr_assert_eq(cudaMemcpy(x, host, SIZE + 4, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
    cr_assert_eq(cudaMemcpy(x, host, SIZE, cudaMemcpyDeviceToHost), cudaErrorInvalidValue);
    cr_assert_eq(cudaMemcpy(host, x, SIZE, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
    cr_assert_eq(cudaMemset(host, 0, SIZE), cudaErrorInvalidValue);
    cr_assert_eq(cudaFree(x + 1), cudaErrorInvalidValue);
    cr_assert_eq(cudaGetLastError(), cudaErrorInvalidValue);
    ok(cudaGetLastError());
    emu_set_memory(1 << 20);
    cr_assert_eq(cudaMalloc((void **)&more, 1 << 20), cudaErrorMemoryAllocation);
    ok(cudaMemGetInfo(&free_bytes, &total));
    cr_assert_eq(total, 1 << 20);
    cr_assert_eq(free_bytes, (1 << 20) - SIZE);
    ok(cudaMalloc((void **)&more, free_bytes));
    ok(cudaFree(more));
    ok(cudaFree(x));
    cr_assert_eq(cudaFree(x), cudaErrorInvalidValue);
    struct cudaPointerAttributes attributes;
    ok(cudaPointerGetAttributes(&attributes, host));
    cr_assert_eq(attributes.type, cudaMemoryTypeUnregistered);
}

Test(host, addresses_are_used_again) {
    emu_set_memory(1 << 20);
    char *kept = (char *)filled(2.0f), *first = NULL, *memory;
    bool again = false;
    for (int i = 0; i < 200; i++) {
        ok(cudaMalloc((void **)&memory, 900000));
        ok(cudaFree(memory));
        cr_assert(memory > kept + SIZE || memory + 900000 < kept);
        again = again || memory == first;
        if (!first) first = memory;
    }
    cr_assert(again);
    check((float *)kept, 2.0f);
    check(filled(3.0f), 3.0f);
}

Test(host, launch_errors) {
    float *x = filled(1.0f), *y = filled(1.0f);
    cr_assert_eq(launch_reverse(x, 1025, 1, 1025, NULL), cudaErrorInvalidConfiguration);
    cr_assert_eq(launch_reverse(x, 64, 0, 64, NULL), cudaErrorInvalidConfiguration);
    ok(launch_axpy(y, x, 1.0f, COUNT, NULL));
    cr_assert_eq(launch_axpy(y, x, 1.0f, COUNT, (void *)x), cudaErrorInvalidResourceHandle);
    check(y, 2.0f);
}

Test(host, sticky_errors_last_until_reset) {
    float host[COUNT] = {0}, *x = filled(1.0f);
    cr_assert_eq(launch_axpy(x, host, 1.0f, COUNT, NULL), cudaErrorIllegalAddress);
    cr_assert_eq(cudaGetLastError(), cudaErrorIllegalAddress);
    cr_assert_eq(cudaDeviceSynchronize(), cudaErrorIllegalAddress);
    cr_assert_eq(cudaFree(x), cudaErrorIllegalAddress);
    cr_assert(strstr(cudaGetErrorString(cudaErrorIllegalAddress), "kernel axpy is given the host pointer"));
    ok(cudaDeviceReset());
    ok(cudaGetLastError());
    cr_assert_str_eq(emu_report(), "");
    check(filled(2.0f), 2.0f);
}

Test(host, device_is_described) {
    struct cudaDeviceProp properties;
    int count, warp, version;
    ok(cudaGetDeviceCount(&count));
    ok(cudaGetDeviceProperties(&properties, 0));
    ok(cudaDeviceGetAttribute(&warp, cudaDevAttrWarpSize, 0));
    ok(cudaRuntimeGetVersion(&version));
    cr_assert_eq(count, 1);
    cr_assert_eq(warp, 32);
    cr_assert_eq(properties.warpSize, 32);
    cr_assert_eq(version, CUDART_VERSION);
    cr_assert_str_eq(cudaGetErrorName(cudaErrorNotReady), "cudaErrorNotReady");
    cr_assert_eq(cudaSetDevice(1), cudaErrorInvalidDevice);
}

Test(host, graph_outlives_its_memory) {
    FOR_EACH_ORDER {
        cudaStream_t stream = new_stream();
        cudaGraph_t graph;
        cudaGraphExec_t exec;
        float *x = filled(1.0f);
        ok(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
        ok(cudaMemsetAsync(x, 0, SIZE, stream));
        ok(cudaStreamEndCapture(stream, &graph));
        ok(cudaGraphInstantiate(&exec, graph, 0));
        ok(cudaFree(x));
        (void)cudaGraphLaunch(exec, stream);
        cr_assert_eq(cudaDeviceSynchronize(), cudaErrorIllegalAddress);
        cr_assert(strstr(emu_report(), "freed allocation 1"));
    }
}

Test(host, environment_steers) {
    setenv("CUPEL_EMU_ORDER", "reversed", 1);
    setenv("CUPEL_EMU_TRACE", "emu-trace.txt", 1);
    remove("emu-trace.txt");
    float *x = filled(1.0f), *y = filled(0.0f);
    ok(launch_axpy(y, x, 2.0f, COUNT, NULL));
    char line[128] = "", more[128];
    cr_assert_null(fopen("emu-trace.txt", "r")); /* reversed: nothing runs before it must */
    check(y, 2.0f);
    FILE *trace = fopen("emu-trace.txt", "r");
    cr_assert(trace && fgets(line, sizeof line, trace));
    cr_assert_null(fgets(more, sizeof more, trace));
    fclose(trace);
    remove("emu-trace.txt");
    cr_assert_str_eq(line, "axpy 1,1,1 256,1,1 0\n");
}

Test(host, environment_is_checked) {
    setenv("CUPEL_EMU_ORDER", "backwards", 1);
    cr_assert_eq(cudaDeviceSynchronize(), cudaErrorInitializationError);
    cr_assert(strstr(emu_report(), "backwards"));
}
