/* Tensor-core operations and asynchronous copies; see tensor.h.
 *
 * A product of two elements is exact in float; sums are rounded after every addition, in order of k. The
 * hardware's order and rounding differ: tolerances belong to the GPU. */
#include "emu_tensor.h"

#include "checks.h"
#include "cuda_fp16.h"
#include "report.h"
#include "shared.h"
#include "warp.h"

namespace emu {

namespace {

struct mma_operand {
    matrix_type type;
    float *d;
    const uint32_t *a, *b;
};

/* One element of a register: the i-th half of it, or all for tf32, which ignores the low bits. */
template <matrix_type type> float element(uint32_t word, unsigned half) {
    if constexpr (type == matrix_type::bf16) return bit_cast<float>(half ? word & 0xffff0000u : word << 16);
    if constexpr (type == matrix_type::f16)
        return __half2float(__ushort_as_half(static_cast<unsigned short>(word >> (16 * half))));
    return bit_cast<float>(word & 0xffffe000u);
}

/* Lane 4 g + t holds, in 16-bit types: of A rows g and g + 8, columns 2t, 2t+1, 2t+8, 2t+9; of B rows 2t,
 * 2t+1, 2t+8, 2t+9 of column g. In tf32: of A columns t and t + 4, of B rows t and t + 4. Of D always rows g
 * and g + 8, columns 2t and 2t+1. */
template <matrix_type type> void mma_as(const meeting &all) {
    constexpr unsigned halves = type == matrix_type::tf32 ? 1 : 2, depth = 8 * halves;
    float a[16][depth], b[depth][8], d[16][8];
    for (unsigned lane = 0; lane < warp_lanes; lane++) {
        const auto &in = all.operand<mma_operand>(lane);
        unsigned g = lane / 4, t = lane % 4;
        for (unsigned half = 0; half < halves; half++) {
            for (unsigned i = 0; i < 4; i++)
                a[g + 8 * (i % 2)][halves * (t + 4 * (i / 2)) + half] = element<type>(in.a[i], half);
            for (unsigned i = 0; i < 2; i++) b[halves * (t + 4 * i) + half][g] = element<type>(in.b[i], half);
        }
        for (unsigned i = 0; i < 4; i++) d[g + 8 * (i / 2)][2 * t + i % 2] = in.d[i];
    }
    for (unsigned row = 0; row < 16; row++)
        for (unsigned k = 0; k < depth; k++)
            for (unsigned n = 0; n < 8; n++) d[row][n] += a[row][k] * b[k][n];
    for (unsigned lane = 0; lane < warp_lanes; lane++)
        for (unsigned i = 0; i < 4; i++)
            all.operand<mma_operand>(lane).d[i] = d[lane / 4 + 8 * (i / 2)][2 * (lane % 4) + i % 2];
}

void mma_all(const meeting &all) {
    switch (all.operand<mma_operand>(0).type) {
    case matrix_type::bf16:
        return mma_as<matrix_type::bf16>(all);
    case matrix_type::f16:
        return mma_as<matrix_type::f16>(all);
    case matrix_type::tf32:
        return mma_as<matrix_type::tf32>(all);
    }
}

struct ldmatrix_operand {
    uint32_t *registers;
    const void *row;
    int count;
    bool transposed;
    const void *pc;
};

/* Lane 4 g + t receives of each matrix elements (g, 2t) and (g, 2t+1); transposed, (2t, g) and (2t+1, g). */
void ldmatrix_all(const meeting &all) {
    thread *last = running;
    int count = all.operand<ldmatrix_operand>(0).count;
    bool transposed = all.operand<ldmatrix_operand>(0).transposed;
    for (int i = 0; i < count; i++) {
        unsigned short matrix[8][8];
        for (unsigned row = 0; row < 8; row++) {
            unsigned lane = static_cast<unsigned>(i) * 8 + row;
            const auto &operand = all.operand<ldmatrix_operand>(lane);
            running = &all.lane[lane];
            check_alignment(operand.row, 16, all.at);
            if (!in_shared(reinterpret_cast<uintptr_t>(operand.row), 16))
                fail_thread(cudaErrorIllegalAddress, {all.at, nullptr}, nullptr,
                            "ldmatrix of row %p, which is not in shared memory", operand.row);
            if (checking) checks_access(operand.row, 16, access_kind::read, operand.pc);
            memcpy(matrix[row], operand.row, 16);
        }
        for (unsigned lane = 0; lane < warp_lanes; lane++) {
            unsigned g = lane / 4, t = lane % 4;
            unsigned low = transposed ? matrix[2 * t][g] : matrix[g][2 * t];
            unsigned high = transposed ? matrix[2 * t + 1][g] : matrix[g][2 * t + 1];
            all.operand<ldmatrix_operand>(lane).registers[i] = low | high << 16;
        }
    }
    running = last;
}

struct copy {
    char *to;
    const char *from;
    uint8_t bytes, valid;
    uint16_t group; /* groups that the thread had committed when it was issued */
};

constexpr int max_copies = 64; /* under way per thread */

struct copies {
    uint16_t groups; /* committed */
    uint16_t count;
    copy list[max_copies];
} copies[max_threads];

} // namespace

void mma(matrix_type type, float *d, const uint32_t *a, const uint32_t *b, place at) {
    mma_operand mine = {type, d, a, b};
    meet(warp_kind::mma, 0xffffffffu, &mine, at, mma_all);
}

void ldmatrix(uint32_t *registers, int count, bool transposed, const void *row, place at) {
    ldmatrix_operand mine = {registers, row, count, transposed, return_pc(__builtin_return_address(0))};
    meet(warp_kind::ldmatrix, 0xffffffffu, &mine, at, ldmatrix_all);
}

void cp_async(void *to, const void *from, int bytes, int valid) {
    const void *pc = return_pc(__builtin_return_address(0));
    auto &mine = copies[number_of(running)];
    size_t size = static_cast<size_t>(bytes);
    checks_alignment(to, size, {{}, pc});
    checks_alignment(from, size, {{}, pc});
    if (!in_shared(reinterpret_cast<uintptr_t>(to), size))
        fail_thread(cudaErrorIllegalAddress, {{}, pc}, nullptr,
                    "an asynchronous copy to %p, which is not in shared memory", to);
    if (mine.count == max_copies)
        fail_thread(cudaErrorNotSupported, {{}, pc}, nullptr,
                    "more than %d asynchronous copies of a thread are under way", max_copies);
    if (checking) {
        if (valid > 0) checks_access(from, static_cast<size_t>(valid), access_kind::read, pc);
        checks_access(to, size, access_kind::copy, pc);
    }
    memset(to, 0xff, size);
    mine.list[mine.count++] = {static_cast<char *>(to), static_cast<const char *>(from),
                               static_cast<uint8_t>(bytes), static_cast<uint8_t>(valid), mine.groups};
}

void cp_async_commit() {
    copies[number_of(running)].groups++;
}

void cp_async_wait(int groups) {
    auto &mine = copies[number_of(running)];
    int landed = 0;
    for (; landed < mine.count; landed++) {
        const copy &next = mine.list[landed];
        if (next.group >= mine.groups - groups) break; /* its group is among the latest, or not committed */
        memcpy(next.to, next.from, next.valid);
        memset(next.to + next.valid, 0, next.bytes - next.valid);
        if (checking) checks_landed(next.to, next.bytes);
    }
    mine.count = static_cast<uint16_t>(mine.count - landed);
    memmove(mine.list, mine.list + landed, mine.count * sizeof *mine.list);
}

uint32_t to_tf32(float value) {
    uint32_t bits = bit_cast<uint32_t>(value);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return 0x7fffffffu;
    if ((bits & 0x7f800000u) == 0x7f800000u) return bits;
    return (bits + 0x1000u) & 0xffffe000u;
}

void check_alignment(const void *address, size_t alignment, place at) {
    checks_alignment(address, alignment, {at, nullptr});
}

void copies_begin_block() {
    for (unsigned i = 0; i < current.size; i++) copies[i].groups = copies[i].count = 0;
}

} // namespace emu
