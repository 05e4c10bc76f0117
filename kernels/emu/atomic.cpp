/* Atomics and fences. One thread runs at a time, so that plain reads and writes are atomic here; what they
 * mean to other threads matters to the race checks alone. */
#include "checks.h"
#include "fault.h"
#include "order.h"

namespace emu {

namespace {

template <class T> T changed(atomic_kind kind, T old, T value, T compare) {
    switch (kind) {
    case atomic_kind::add:
        return old + value;
    case atomic_kind::exchange:
        return value;
    case atomic_kind::compare:
        return old == compare ? value : old;
    case atomic_kind::minimum:
        return value < old ? value : old;
    case atomic_kind::maximum:
        return old < value ? value : old;
    case atomic_kind::increment:
        return old >= value ? T(0) : old + T(1);
    case atomic_kind::decrement:
        return old == T(0) || old > value ? value : old - T(1);
    default:
        break;
    }
    if constexpr (std::is_integral<T>::value) {
        if (kind == atomic_kind::bit_and) return old & value;
        if (kind == atomic_kind::bit_or) return old | value;
        if (kind == atomic_kind::bit_xor) return old ^ value;
    }
    return old;
}

/* Signed sums wrap. */
int add_wrapping(int x, int y) {
    return static_cast<int>(static_cast<unsigned>(x) + static_cast<unsigned>(y));
}

} // namespace

template <class T> T atomic(atomic_kind kind, T *address, T value, T compare) {
    const void *pc = return_pc(__builtin_return_address(0));
    if (overdue) stop_overdue({{}, pc});
    checks_alignment(address, sizeof *address, {{}, pc});
    if (checking) {
        checks_access(address, sizeof *address, access_kind::atomic, pc);
        order_atomic(number_of(running), reinterpret_cast<uintptr_t>(address));
    }
    T old = *address;
    if constexpr (std::is_same<T, int>::value)
        *address = kind == atomic_kind::add ? add_wrapping(old, value) : changed(kind, old, value, compare);
    else
        *address = changed(kind, old, value, compare);
    return old;
}

template int atomic(atomic_kind, int *, int, int);
template unsigned atomic(atomic_kind, unsigned *, unsigned, unsigned);
template unsigned long long atomic(atomic_kind, unsigned long long *, unsigned long long, unsigned long long);
template float atomic(atomic_kind, float *, float, float);
template double atomic(atomic_kind, double *, double, double);

void fence() {
    if (checking) order_fence(number_of(running));
}

} // namespace emu
