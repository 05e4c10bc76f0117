/* Metrics of classification: logits are row-major, each row is the work of a group of lanes (groups.cuh).
 *
 *   correct    counts the rows of which fewer than k logits are above the label's; blocks add up through the workspace
 *              (total.cuh), in double, which counts exactly
 *   confusion  finds the first of the largest logits and adds 1 to its entry: a sum of integers, so the order of atomics
 *              does not show */
#include "groups.cuh"
#include "metrics.h"
#include "total.cuh"

constexpr int threads = 256, most_blocks = KERNEL_CORRECT_WORKSPACE / sizeof(total);

__global__ void correct(const float *logits, const int32_t *labels, int64_t rows, int64_t classes, int lanes,
                        int64_t k, total *partial, float *number) {
    total mine = {0, 0};
    FOR_GROUPS(i, lane, lanes, rows) {
        const int label = i < rows ? labels[i] : -1;
        const bool counts = label >= 0 && label < classes;
        const float *row = logits + i * classes, wanted = counts ? row[label] : 0;
        int above = 0;
        for (int64_t c = lane; c < classes && counts; c += lanes) {
            const bool below = c < label ? row[c] < wanted : row[c] <= wanted;
            above += c != label && !below;
        }
        above = group_sum(above, lanes);
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

extern "C" kernel_status kernel_correct(const float *logits, const int32_t *labels, int64_t rows,
                                        int64_t classes, int64_t k, float *number, void *workspace,
                                        void *stream) {
    total *partial = static_cast<total *>(workspace);
    const int lanes = group_lanes(classes), block = block_threads(rows * lanes, threads);
    const unsigned blocks = blocks_for(rows * lanes, block, most_blocks);
    LAUNCH(correct, blocks, block, 0, stream, logits, labels, rows, classes, lanes, k, partial, number);
    if (blocks > 1) LAUNCH(sum_of_totals, 1, threads, 0, stream, partial, static_cast<int>(blocks), number);
    return cudaGetLastError();
}

__global__ void confusion(const float *logits, const int32_t *labels, int64_t rows, int64_t classes,
                          int lanes, int32_t *number) {
    FOR_GROUPS(i, lane, lanes, rows) {
        const float *row = logits + i * classes;
        float best = -INFINITY;
        int64_t at = 0;
        for (int64_t c = lane; c < classes && i < rows; c += lanes) {
            if (!(row[c] > best)) continue;
            best = row[c];
            at = c;
        }
        for (int distance = lanes / 2; distance > 0; distance /= 2) {
            const float other = __shfl_xor_sync(0xffffffffu, best, distance);
            const int64_t other_at = __shfl_xor_sync(0xffffffffu, at, distance);
            if (other > best || (other == best && other_at < at)) {
                best = other;
                at = other_at;
            }
        }
        if (lane != 0 || i >= rows) continue;
        const int label = labels[i];
        if (!(row[0] == row[0])) at = 0;
        if (label >= 0 && label < classes) atomicAdd(&number[label * classes + at], 1);
    }
}

extern "C" kernel_status kernel_confusion(const float *logits, const int32_t *labels, int64_t rows,
                                          int64_t classes, int32_t *number, void *stream) {
    const int lanes = group_lanes(classes);
    cudaMemsetAsync(number, 0, static_cast<size_t>(classes * classes) * sizeof *number,
                    static_cast<cudaStream_t>(stream));
    LAUNCH(confusion, blocks_for(rows * lanes, threads), threads, 0, stream, logits, labels, rows, classes,
           lanes, number);
    return cudaGetLastError();
}
