/* Metrics of classification: each row of logits is the work of a group of lanes (logits.cuh).
 *
 *   correct    counts the rows of which fewer than k logits are above the label's; blocks add up through the workspace
 *              (total.cuh), in double, which counts exactly
 *   confusion  finds the first of the largest logits and adds 1 to its entry: a sum of integers, so the order of atomics
 *              does not show */
#include "logits.cuh"
#include "metrics.h"
#include "total.cuh"

constexpr int threads = 256, most_blocks = KERNEL_CORRECT_WORKSPACE / sizeof(total);

__global__ void correct(const float *logits, struct rows rows, const int32_t *labels, int64_t k,
                        total *partial, float *number) {
    total mine = {0, 0};
    FOR_GROUPS(i, lane, rows.lanes, rows.count) {
        const int label = i < rows.count ? labels[i] : -1;
        const bool counts = label >= 0 && label < rows.classes;
        const float *row = logits + row_offset(i, rows.pixels, rows.row_stride),
                    wanted = counts ? row[label * rows.class_stride] : 0;
        int above = 0;
        for (int64_t c = lane; c < rows.classes && counts; c += rows.lanes) {
            const float other = row[c * rows.class_stride];
            const bool below = c < label ? other < wanted : other <= wanted;
            above += c != label && !below;
        }
        above = group_sum(above, rows.lanes);
        if (lane == 0) mine.sum += counts && above < k;
    }
    mine = block_total(mine);
    if (threadIdx.x != 0) return;
    if (gridDim.x == 1)
        *number = static_cast<float>(mine.sum);
    else
        partial[blockIdx.x] = mine;
}

__global__ void sum_of_totals(const total *partial, int partials, float *number) {
    const total all = total_of(partial, partials);
    if (threadIdx.x == 0) *number = static_cast<float>(all.sum);
}

extern "C" kernel_status kernel_correct(const float *logits, const struct kernel_view *view,
                                        const int32_t *labels, int64_t k, float *number, void *workspace,
                                        void *stream) {
    const struct rows rows = rows_of(view);
    total *partial = static_cast<total *>(workspace);
    const int64_t work = rows.count * rows.lanes;
    const int block = block_threads(work, threads);
    const unsigned blocks = blocks_for(work, block, most_blocks);
    LAUNCH(correct, blocks, block, 0, stream, logits, rows, labels, k, partial, number);
    if (blocks > 1) LAUNCH(sum_of_totals, 1, threads, 0, stream, partial, static_cast<int>(blocks), number);
    return cudaGetLastError();
}

__global__ void confusion(const float *logits, struct rows rows, const int32_t *labels, int32_t *number) {
    FOR_GROUPS(i, lane, rows.lanes, rows.count) {
        const float *row = logits + row_offset(i, rows.pixels, rows.row_stride);
        float best = -INFINITY;
        int64_t at = 0;
        for (int64_t c = lane; c < rows.classes && i < rows.count; c += rows.lanes) {
            const float logit = row[c * rows.class_stride];
            if (!(logit > best)) continue;
            best = logit;
            at = c;
        }
        for (int distance = rows.lanes / 2; distance > 0; distance /= 2) {
            const float other = __shfl_xor_sync(0xffffffffu, best, distance);
            const int64_t other_at = __shfl_xor_sync(0xffffffffu, at, distance);
            if (other > best || (other == best && other_at < at)) {
                best = other;
                at = other_at;
            }
        }
        if (lane != 0 || i >= rows.count) continue;
        const int label = labels[i];
        if (!(row[0] == row[0])) at = 0;
        if (label >= 0 && label < rows.classes) atomicAdd(&number[label * rows.classes + at], 1);
    }
}

extern "C" kernel_status kernel_confusion(const float *logits, const struct kernel_view *view,
                                          const int32_t *labels, int32_t *number, void *stream) {
    const struct rows rows = rows_of(view);
    cudaMemsetAsync(number, 0, static_cast<size_t>(rows.classes * rows.classes) * sizeof *number,
                    static_cast<cudaStream_t>(stream));
    LAUNCH(confusion, blocks_for(rows.count * rows.lanes, threads), threads, 0, stream, logits, rows, labels,
           number);
    return cudaGetLastError();
}
