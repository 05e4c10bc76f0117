/* Planted bugs in how host code uses the device. Marks as in plants.cu. */
#include "common.cuh"
#include "plants.cuh"
#include "plants.h"

__global__ void add_one(float *x, int n) {
    int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    if (i < n) x[i] += 1.0f; /* @copy_unordered */
}

int plant_host_pointer(void) {
    float x[32] = {};
    LAUNCH(add_one, 1, 32, 0, nullptr, x, 32);
    return 0;
}

struct holder {
    float *x;
};
__global__ void add_one_to(holder holder) {
    holder.x[threadIdx.x] += 1.0f; /* @host_pointer_in_struct @use_after_free_hidden */
}

int plant_host_pointer_in_struct(void) {
    std::vector<float> x(32);
    LAUNCH(add_one_to, 1, 32, 0, nullptr, holder{x.data()});
    cudaDeviceSynchronize();
    return 0;
}

int plant_host_reads_device(void) {
    input x(32);
    LAUNCH(add_one, 1, 32, 0, nullptr, x.data, 32);
    cudaDeviceSynchronize();
    return x.data[3] == 4.0f; /* @host_reads_device */
}

int plant_use_after_free(void) {
    input x(32);
    cudaFree(x.data);
    LAUNCH(add_one, 1, 32, 0, nullptr, x.data, 32);
    return 0;
}

int plant_use_after_free_hidden(void) {
    input x(32);
    cudaFree(x.data);
    LAUNCH(add_one_to, 1, 32, 0, nullptr, holder{x.data});
    cudaDeviceSynchronize();
    return 0;
}

__global__ void doubled(float *y, const float *x, int n) {
    int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    if (i < n) y[i] = 2.0f * x[i]; /* @streams_unordered-other @graph_unordered-other */
}
__global__ void reversed(float *y, const float *x, int n) {
    int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    if (i < n) y[i] = x[n - 1 - i]; /* @streams_unordered @graph_unordered */
}

/* Two streams that the second launch wants in order. */
struct two_streams {
    cudaStream_t a, b;
    two_streams() {
        cudaStreamCreateWithFlags(&a, cudaStreamNonBlocking);
        cudaStreamCreateWithFlags(&b, cudaStreamNonBlocking);
    }
};

static int wrong_in_reverse(const output &z) {
    return z.wrong([](int i) { return 2.0f * static_cast<float>(31 - i); });
}

int plant_streams_unordered(void) {
    two_streams streams;
    input x(32), y(32);
    output z(32);
    LAUNCH(doubled, 1, 32, 0, streams.a, y.data, x.data, 32);
    LAUNCH(reversed, 1, 32, 0, streams.b, z.data, y.data, 32);
    cudaDeviceSynchronize();
    return wrong_in_reverse(z);
}

/* The copy forgets that the kernel is on a stream of its own. */
int plant_copy_unordered(void) {
    two_streams streams;
    input x(32);
    float *host;
    cudaMallocHost(reinterpret_cast<void **>(&host), 32 * sizeof(float));
    LAUNCH(add_one, 1, 32, 0, streams.a, x.data, 32);
    cudaMemcpyAsync(host, x.data, 32 * sizeof(float), cudaMemcpyDeviceToHost, streams.b);
    cudaDeviceSynchronize();
    int wrong = host[5] != 6.0f;
    cudaFreeHost(host);
    return wrong;
}

/* A captured fork whose branches depend on one another. */
int plant_graph_unordered(void) {
    two_streams streams;
    input x(32), y(32);
    output z(32);
    cudaEvent_t fork, join;
    cudaEventCreate(&fork);
    cudaEventCreate(&join);
    cudaGraph_t graph;
    cudaGraphExec_t exec;
    cudaStreamBeginCapture(streams.a, cudaStreamCaptureModeGlobal);
    cudaEventRecord(fork, streams.a);
    cudaStreamWaitEvent(streams.b, fork, 0);
    LAUNCH(doubled, 1, 32, 0, streams.a, y.data, x.data, 32);
    LAUNCH(reversed, 1, 32, 0, streams.b, z.data, y.data, 32);
    cudaEventRecord(join, streams.b);
    cudaStreamWaitEvent(streams.a, join, 0);
    cudaStreamEndCapture(streams.a, &graph);
    cudaGraphInstantiate(&exec, graph, 0);
    cudaGraphLaunch(exec, streams.a);
    cudaDeviceSynchronize();
    return wrong_in_reverse(z);
}

/* Reads the result of an asynchronous copy at once. */
int plant_result_not_waited_for(void) {
    two_streams streams;
    input x(32);
    float *host;
    cudaMallocHost(reinterpret_cast<void **>(&host), 32 * sizeof(float));
    LAUNCH(add_one, 1, 32, 0, streams.a, x.data, 32);
    cudaMemcpyAsync(host, x.data, 32 * sizeof(float), cudaMemcpyDeviceToHost, streams.a);
    int wrong = host[5] != 6.0f;
    cudaFreeHost(host);
    return wrong;
}

/* Fills the buffer for the next batch while the last is being copied. */
int plant_source_changed_too_soon(void) {
    two_streams streams;
    input x(32);
    float *host;
    cudaMallocHost(reinterpret_cast<void **>(&host), 32 * sizeof(float));
    for (int i = 0; i < 32; i++) host[i] = 1.0f;
    cudaMemcpyAsync(x.data, host, 32 * sizeof(float), cudaMemcpyHostToDevice, streams.a);
    for (int i = 0; i < 32; i++) host[i] = 5.0f;
    LAUNCH(add_one, 1, 32, 0, streams.a, x.data, 32);
    cudaStreamSynchronize(streams.a);
    int wrong = x.wrong([](int) { return 2.0f; });
    cudaFreeHost(host);
    return wrong;
}
