/* Device memory of a planted bug: filled, or left as it was allocated. */
#ifndef TESTS_EMU_PLANTS_CUH
#define TESTS_EMU_PLANTS_CUH

#include <cuda_runtime.h>
#include <vector>

struct memory {
    float *data = nullptr;
    int count;

    explicit memory(int n) : count(n) {
        cudaMalloc(reinterpret_cast<void **>(&data), static_cast<size_t>(n) * sizeof(float));
    }
    memory(const memory &) = delete;
    memory &operator=(const memory &) = delete;

    /* Whether element i is not expected(i) for some i; 0 after an error, which tells more. */
    template <class F> int wrong(F expected) const {
        std::vector<float> host(static_cast<size_t>(count));
        if (cudaMemcpy(host.data(), data, host.size() * sizeof(float), cudaMemcpyDeviceToHost) != cudaSuccess)
            return 0;
        for (int i = 0; i < count; i++)
            if (!(host[static_cast<size_t>(i)] == expected(i))) return 1;
        return 0;
    }
};

/* 0, 1, 2, ... */
struct input : memory {
    explicit input(int n) : memory(n) {
        std::vector<float> host;
        for (int i = 0; i < n; i++) host.push_back(static_cast<float>(i));
        cudaMemcpy(data, host.data(), host.size() * sizeof(float), cudaMemcpyHostToDevice);
    }
};

struct output : memory {
    using memory::memory;
};

#endif
