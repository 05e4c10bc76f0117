/* Launching a kernel, and the shared memory of its blocks: what LAUNCH, SHARED and DYN_SHARED of common.cuh
 * become on the host. */
#ifndef EMU_LAUNCH_H
#define EMU_LAUNCH_H

#include <tuple>
#include <type_traits>

#include "cuda_runtime_api.h"

namespace emu {

/* A kernel and its arguments: what one thread runs. */
struct kernel_call {
    virtual ~kernel_call() {
    }
    virtual void run_thread() = 0;
};

template <class... P> struct kernel_call_of : kernel_call {
    void (*kernel)(P...);
    std::tuple<P...> arguments;

    template <class... A>
    kernel_call_of(void (*function)(P...), A &&...values) : kernel(function), arguments(values...) {
    }
    void run_thread() override {
        std::apply(kernel, arguments);
    }
};

struct launch_config {
    const char *name;     /* as the launch spells it */
    const void *function; /* the kernel's address */
    dim3 grid, block;
    size_t dynamic_shared;
    cudaStream_t stream;
    size_t call_size;            /* of the kernel_call, which kernels read their arguments from */
    const void *const *pointers; /* the arguments that are pointers */
    const int *positions;        /* which arguments they are, from 1 */
    int pointer_count;
};

/* Checks the launch and puts it on the stream; takes over `call`. Errors go to cudaGetLastError. */
void launch(kernel_call *call, const launch_config &config);

template <class T> const void *pointer_of(const T &value) {
    if constexpr (std::is_pointer<T>::value && !std::is_function<std::remove_pointer_t<T>>::value)
        return const_cast<const void *>(static_cast<const volatile void *>(value));
    else
        return nullptr;
}

template <class... P, class... A>
void launch(void (*kernel)(P...), const char *name, dim3 grid, dim3 block, size_t dynamic_shared,
            void *stream, A &&...values) {
    static_assert(sizeof...(P) == sizeof...(A), "a launch gives every argument of the kernel");
    auto *call = new kernel_call_of<P...>(kernel, values...);
    const void *pointers[sizeof...(P) + 1] = {};
    int positions[sizeof...(P) + 1] = {}, count = 0, position = 0;
    auto note = [&](const auto &value) {
        const void *pointer = pointer_of(value);
        position++;
        if (!pointer) return;
        pointers[count] = pointer;
        positions[count++] = position;
    };
    std::apply([&](const auto &...argument) { (note(argument), ...); }, call->arguments);
    launch(call, {name, reinterpret_cast<const void *>(kernel), grid, block, dynamic_shared,
                  static_cast<cudaStream_t>(stream), sizeof *call, pointers, positions, count});
}

/* Where a __shared__ variable of a kernel lies in the block that runs; one per variable, zero at first. */
struct shared_slot {
    unsigned long long block;
    void *memory;
};

/* The first thread of a block to come here allocates the variable, poisoned. */
void *shared_memory(shared_slot &slot, size_t size, const char *name);
void *dynamic_shared_memory();

template <class T> T &shared_variable(shared_slot &slot, const char *name) {
    return *static_cast<T *>(shared_memory(slot, sizeof(T), name));
}

} // namespace emu

#endif
