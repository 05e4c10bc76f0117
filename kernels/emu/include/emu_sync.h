/* Barriers, fences, warp operations and atomics of the device language.
 *
 * Functions that wait take the place of their call as default arguments: threads that should meet must do so
 * at one line. */
#ifndef EMU_SYNC_H
#define EMU_SYNC_H

#include <stdint.h>
#include <string.h>
#include <type_traits>

/* Inlined in every build, so that the address of the call is the kernel's own. */
#define EMU_INLINE inline __attribute__((always_inline))

namespace emu {

/* A line of a kernel. */
struct place {
    const char *file;
    int line;
};

enum class barrier_kind { plain, count, all, any };
enum class warp_kind {
    sync,
    shuffle,
    ballot,
    all,
    any,
    add,
    minimum,
    maximum,
    bit_and,
    bit_or,
    bit_xor,
    mma,
    ldmatrix
};
enum class shuffle_kind { index, up, down, exclusive_or };
enum class atomic_kind {
    add,
    exchange,
    compare,
    minimum,
    maximum,
    increment,
    decrement,
    bit_and,
    bit_or,
    bit_xor
};

/* Waits for the whole block; gives what the kind of barrier makes of all threads' predicates. */
int barrier(barrier_kind kind, int predicate, place at);

/* Waits for the lanes in `mask`. Values travel as 64 bits. */
void warp_sync(unsigned mask, place at);
uint64_t shuffle(shuffle_kind kind, unsigned mask, uint64_t value, int operand, int width, place at);
unsigned vote(warp_kind kind, unsigned mask, int predicate, place at);
int64_t reduce(warp_kind kind, unsigned mask, int64_t value, place at);

/* The old value of *address. T is int, unsigned, unsigned long long, float or double. */
template <class T> T atomic(atomic_kind kind, T *address, T value, T compare = T());

void fence(); /* what the thread has done so far becomes visible to whom it signals afterwards */

template <class T>
T shuffle_any(shuffle_kind kind, unsigned mask, T value, int operand, int width, place at) {
    static_assert(std::is_trivially_copyable<T>::value && sizeof(T) <= 8, "up to 8 bytes travel by shuffle");
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof value);
    bits = shuffle(kind, mask, bits, operand, width, at);
    memcpy(&value, &bits, sizeof value);
    return value;
}

} // namespace emu

#define EMU_HERE const char *file = __builtin_FILE(), int line = __builtin_LINE()

EMU_INLINE void __syncthreads(EMU_HERE) {
    emu::barrier(emu::barrier_kind::plain, 0, {file, line});
}
EMU_INLINE int __syncthreads_count(int predicate, EMU_HERE) {
    return emu::barrier(emu::barrier_kind::count, predicate, {file, line});
}
EMU_INLINE int __syncthreads_and(int predicate, EMU_HERE) {
    return emu::barrier(emu::barrier_kind::all, predicate, {file, line});
}
EMU_INLINE int __syncthreads_or(int predicate, EMU_HERE) {
    return emu::barrier(emu::barrier_kind::any, predicate, {file, line});
}

EMU_INLINE void __threadfence() {
    emu::fence();
}
EMU_INLINE void __threadfence_block() {
}
EMU_INLINE void __threadfence_system() {
    emu::fence();
}

EMU_INLINE void __syncwarp(unsigned mask = 0xffffffffu, EMU_HERE) {
    emu::warp_sync(mask, {file, line});
}
EMU_INLINE unsigned __ballot_sync(unsigned mask, int predicate, EMU_HERE) {
    return emu::vote(emu::warp_kind::ballot, mask, predicate, {file, line});
}
EMU_INLINE int __all_sync(unsigned mask, int predicate, EMU_HERE) {
    return static_cast<int>(emu::vote(emu::warp_kind::all, mask, predicate, {file, line}));
}
EMU_INLINE int __any_sync(unsigned mask, int predicate, EMU_HERE) {
    return static_cast<int>(emu::vote(emu::warp_kind::any, mask, predicate, {file, line}));
}

template <class T> EMU_INLINE T __shfl_sync(unsigned mask, T value, int lane, int width = 32, EMU_HERE) {
    return emu::shuffle_any(emu::shuffle_kind::index, mask, value, lane, width, {file, line});
}
template <class T>
EMU_INLINE T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, EMU_HERE) {
    return emu::shuffle_any(emu::shuffle_kind::up, mask, value, static_cast<int>(delta), width, {file, line});
}
template <class T>
EMU_INLINE T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, EMU_HERE) {
    return emu::shuffle_any(emu::shuffle_kind::down, mask, value, static_cast<int>(delta), width,
                            {file, line});
}
template <class T> EMU_INLINE T __shfl_xor_sync(unsigned mask, T value, int lanes, int width = 32, EMU_HERE) {
    return emu::shuffle_any(emu::shuffle_kind::exclusive_or, mask, value, lanes, width, {file, line});
}

#define EMU_REDUCE(name, kind, type)                                                            \
    EMU_INLINE type __reduce_##name##_sync(unsigned mask, type value, EMU_HERE) {               \
        return static_cast<type>(emu::reduce(emu::warp_kind::kind, mask, value, {file, line})); \
    }
EMU_REDUCE(add, add, int)
EMU_REDUCE(add, add, unsigned)
EMU_REDUCE(min, minimum, int)
EMU_REDUCE(min, minimum, unsigned)
EMU_REDUCE(max, maximum, int)
EMU_REDUCE(max, maximum, unsigned)
EMU_REDUCE(and, bit_and, unsigned)
EMU_REDUCE(or, bit_or, unsigned)
EMU_REDUCE(xor, bit_xor, unsigned)
#undef EMU_REDUCE
#undef EMU_HERE

#define EMU_ATOMIC(name, kind, type)                                \
    EMU_INLINE type atomic##name(type *address, type value) {       \
        return emu::atomic(emu::atomic_kind::kind, address, value); \
    }
#define EMU_ATOMIC_WHOLE(name, kind) \
    EMU_ATOMIC(name, kind, int)      \
    EMU_ATOMIC(name, kind, unsigned) \
    EMU_ATOMIC(name, kind, unsigned long long)
EMU_ATOMIC_WHOLE(Add, add)
EMU_ATOMIC(Add, add, float)
EMU_ATOMIC(Add, add, double)
EMU_ATOMIC_WHOLE(Exch, exchange)
EMU_ATOMIC(Exch, exchange, float)
EMU_ATOMIC_WHOLE(Min, minimum)
EMU_ATOMIC_WHOLE(Max, maximum)
EMU_ATOMIC_WHOLE(And, bit_and)
EMU_ATOMIC_WHOLE(Or, bit_or)
EMU_ATOMIC_WHOLE(Xor, bit_xor)
EMU_ATOMIC(Inc, increment, unsigned)
EMU_ATOMIC(Dec, decrement, unsigned)
#undef EMU_ATOMIC
#undef EMU_ATOMIC_WHOLE

EMU_INLINE int atomicSub(int *address, int value) {
    return emu::atomic(emu::atomic_kind::add, address, -value);
}
EMU_INLINE unsigned atomicSub(unsigned *address, unsigned value) {
    return emu::atomic(emu::atomic_kind::add, address, 0u - value);
}
EMU_INLINE int atomicCAS(int *address, int compare, int value) {
    return emu::atomic(emu::atomic_kind::compare, address, value, compare);
}
EMU_INLINE unsigned atomicCAS(unsigned *address, unsigned compare, unsigned value) {
    return emu::atomic(emu::atomic_kind::compare, address, value, compare);
}
EMU_INLINE unsigned long long atomicCAS(unsigned long long *address, unsigned long long compare,
                                        unsigned long long value) {
    return emu::atomic(emu::atomic_kind::compare, address, value, compare);
}

#endif
