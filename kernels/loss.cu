/* Losses of classification.
 *
 * Cross entropy, with l_c the logits of a row, s = smoothing, and the mean over the rows whose label counts:
 *
 *   loss  = mean of sum_c target_c (log sum_k exp(l_k) - l_c)     target_c = s / C + (c == label) (1 - s)
 *   dx_c  = dloss / count (exp(l_c) / sum_k exp(l_k) - target_c)
 *
 * The largest logit m is taken out of every exponential, and differences are formed as (m - l_c) + log sum_k exp(l_k - m),
 * so that large logits lose nothing. A row is the work of 1, 2, 4, ... or 32 neighbouring lanes, each with every so many
 * classes: many where classes lie side by side (rows, NHWC), one where pixels do (NCHW), so that a warp reads together what
 * lies together (groups.cuh). Sums over classes are in float, over rows in double.
 *
 * Binary cross entropy is elementwise, four elements a thread; its mean is summed in float within a thread, then in double.
 *
 * What blocks find is added up in a fixed order (total.cuh): no result depends on timing. Work that one block can do takes
 * one launch. */
#include "logits.cuh"
#include "loss.h"
#include "total.cuh"

constexpr int threads = 256, most_blocks = KERNEL_LOSS_WORKSPACE / sizeof(total);
constexpr int64_t few_labels = 4096; /* so many every block counts for itself */

/* ---- labels ---- */

/* Whether the label counts; a wrong one does, and is reported. */
__device__ __forceinline__ bool counts(int label, int ignore, int64_t classes, struct kernel_fault *fault) {
    if (label == ignore) return false;
    if (label < 0 || label >= classes) report_fault(fault, KERNEL_FAULT_LABEL, label, classes);
    return true;
}

/* The block's part of the number of labels that count, over all blocks of the grid, or all of it (`alone`). */
__device__ __forceinline__ total count_labels(const int32_t *labels, int64_t n, int ignore, int64_t classes,
                                              struct kernel_fault *fault, bool alone) {
    const int64_t first = alone ? 0 : blockIdx.x * int64_t{blockDim.x},
                  step = alone ? blockDim.x : gridDim.x * int64_t{blockDim.x};
    total mine = {0, 0};
    for (int64_t i = first + threadIdx.x; i < n; i += step)
        mine.count += counts(labels[i], ignore, classes, fault);
    return block_total(mine);
}

__global__ void label_counts(const int32_t *labels, int64_t n, int ignore, int64_t classes, total *partial,
                             struct kernel_fault *fault) {
    const total mine = count_labels(labels, n, ignore, classes, fault, false);
    if (threadIdx.x == 0) partial[blockIdx.x] = mine;
}

/* Blocks that leave counts behind for the launch that needs the number; none where each of its blocks counts for
 * itself, because labels are few. */
static int launch_counts(const int32_t *labels, const struct kernel_labels *how, int64_t classes,
                         total *partial, struct kernel_fault *fault, void *stream) {
    if (how->count <= few_labels) return 0;
    const unsigned blocks = blocks_for(how->count, 4 * threads, most_blocks);
    LAUNCH(label_counts, blocks, threads, 0, stream, labels, how->count, how->ignore, classes, partial,
           fault);
    return static_cast<int>(blocks);
}

__device__ __forceinline__ double labels_that_count(const int32_t *labels, int64_t n, int ignore,
                                                    int64_t classes, const total *partial, int partials,
                                                    struct kernel_fault *fault) {
    return partials ? total_of(partial, partials).count
                    : count_labels(labels, n, ignore, classes, fault, true).count;
}

__global__ void label_weight(const int32_t *labels, int64_t n, int ignore, float *weight,
                             const total *partial, int partials, struct kernel_fault *fault) {
    const double count = labels_that_count(labels, n, ignore, INT64_MAX, partial, partials, fault);
    for (int64_t i = blockIdx.x * int64_t{threads} + threadIdx.x; i < n; i += gridDim.x * int64_t{threads})
        weight[i] = labels[i] == ignore ? 0.0f : static_cast<float>(1 / count);
}

extern "C" kernel_status kernel_label_weight(const int32_t *labels, const struct kernel_labels *how,
                                             float *weight, void *workspace, struct kernel_fault *fault,
                                             void *stream) {
    total *partial = static_cast<total *>(workspace);
    const int partials = launch_counts(labels, how, INT64_MAX, partial, fault, stream);
    LAUNCH(label_weight, blocks_for(how->count, threads), threads, 0, stream, labels, how->count, how->ignore,
           weight, partial, partials, fault);
    return cudaGetLastError();
}

/* ---- cross entropy ---- */

/* A row of logits as a group of lanes knows it. A group beyond the last row has no classes. */
struct row {
    const float *logits;
    int64_t classes, stride;
    int lane, lanes;
    float largest, sum; /* of the logits, and of exp(logit - largest) */
};

__device__ __forceinline__ row read_row(const float *logits, const rows &rows, int64_t i, int lane) {
    row row = {logits, 0, rows.class_stride, lane, rows.lanes, -INFINITY, 0};
    if (i < rows.count) {
        row.logits += row_offset(i, rows.pixels, rows.row_stride);
        row.classes = rows.classes;
    }
    for (int64_t c = row.lane; c < row.classes; c += row.lanes)
        row.largest = fmaxf(row.largest, row.logits[c * row.stride]);
    row.largest = group_max(row.largest, row.lanes);
    for (int64_t c = row.lane; c < row.classes; c += row.lanes)
        row.sum += expf(row.logits[c * row.stride] - row.largest);
    row.sum = group_sum(row.sum, row.lanes);
    return row;
}

/* The loss of a row, in its first lane. A class that is not wanted at all costs nothing, were its logit minus infinity. */
__device__ __forceinline__ float row_loss(const row &row, int label, float smoothing) {
    const float log_sum = logf(row.sum);
    float loss = 0;
    if (smoothing != 0) {
        float below = 0;
        for (int64_t c = row.lane; c < row.classes; c += row.lanes)
            below += row.largest - row.logits[c * row.stride];
        loss = smoothing * (log_sum + group_sum(below, row.lanes) / static_cast<float>(row.classes));
    }
    if (smoothing != 1 && label >= 0 && label < row.classes)
        loss += (1 - smoothing) * (log_sum + (row.largest - row.logits[label * row.stride]));
    return loss;
}

/* Writes the block's total, or, being the only block, the mean. */
__device__ __forceinline__ void leave_total(total mine, total *partial, float *mean) {
    mine = block_total(mine);
    if (threadIdx.x != 0) return;
    if (gridDim.x == 1)
        *mean = static_cast<float>(mine.sum / mine.count);
    else
        partial[blockIdx.x] = mine;
}

__global__ void mean_of_totals(const total *partial, int partials, float *mean) {
    const total all = total_of(partial, partials);
    if (threadIdx.x == 0) *mean = static_cast<float>(all.sum / all.count);
}

__global__ void cross_entropy(const float *logits, struct rows rows, const int32_t *labels, int ignore,
                              float smoothing, total *partial, float *loss, struct kernel_fault *fault) {
    total mine = {0, 0};
    FOR_GROUPS(i, lane, rows.lanes, rows.count) {
        const row row = read_row(logits, rows, i, lane);
        const int label = i < rows.count ? labels[i] : ignore;
        const float cost = row_loss(row, label, smoothing);
        if (row.lane == 0 && counts(label, ignore, rows.classes, fault)) {
            mine.sum += cost;
            mine.count++;
        }
    }
    leave_total(mine, partial, loss);
}

extern "C" kernel_status kernel_cross_entropy(const float *logits, const struct kernel_view *view,
                                              const int32_t *labels, const struct kernel_labels *how,
                                              float *loss, void *workspace, struct kernel_fault *fault,
                                              void *stream) {
    const struct rows rows = rows_of(view);
    total *partial = static_cast<total *>(workspace);
    const int64_t work = rows.count * rows.lanes;
    const int block = block_threads(work, threads);
    const unsigned blocks = blocks_for(work, block, most_blocks);
    LAUNCH(cross_entropy, blocks, block, 0, stream, logits, rows, labels, how->ignore, how->smoothing,
           partial, loss, fault);
    if (blocks > 1) LAUNCH(mean_of_totals, 1, threads, 0, stream, partial, static_cast<int>(blocks), loss);
    return cudaGetLastError();
}

__global__ void cross_entropy_grad(const float *logits, struct rows rows, const int32_t *labels, int ignore,
                                   float smoothing, const float *dloss, float *dx, struct rows to,
                                   const total *partial, int partials, struct kernel_fault *fault) {
    const double count =
        labels_that_count(labels, rows.count, ignore, rows.classes, partial, partials, fault);
    const float factor = static_cast<float>(*dloss / count),
                everywhere = smoothing / static_cast<float>(rows.classes);
    FOR_GROUPS(i, lane, rows.lanes, rows.count) {
        const row row = read_row(logits, rows, i, lane);
        if (i >= rows.count) continue;
        const int label = labels[i];
        const float share = 1 / row.sum;
        float *target = dx + row_offset(i, to.pixels, to.row_stride);
        for (int64_t c = row.lane; c < row.classes; c += row.lanes) {
            const float wanted = everywhere + (c == label ? 1 - smoothing : 0);
            const float softmax = expf(row.logits[c * row.stride] - row.largest) * share;
            target[c * to.class_stride] = label == ignore ? 0 : factor * (softmax - wanted);
        }
    }
}

extern "C" kernel_status kernel_cross_entropy_grad(const float *logits, const struct kernel_view *view,
                                                   const int32_t *labels, const struct kernel_labels *how,
                                                   const float *dloss, float *dx,
                                                   const struct kernel_view *dx_view, void *workspace,
                                                   struct kernel_fault *fault, void *stream) {
    const struct rows rows = rows_of(view);
    total *partial = static_cast<total *>(workspace);
    const int partials = launch_counts(labels, how, rows.classes, partial, fault, stream);
    LAUNCH(cross_entropy_grad, blocks_for(rows.count * rows.lanes, threads), threads, 0, stream, logits, rows,
           labels, how->ignore, how->smoothing, dloss, dx, rows_of(dx_view), partial, partials, fault);
    return cudaGetLastError();
}

/* ---- binary cross entropy ---- */

__device__ __forceinline__ float bce(float x, float t) {
    return fmaxf(x, 0.0f) - x * t + log1pf(expf(-fabsf(x)));
}

__global__ void bce_with_logits(const float *x, const float *t, int64_t n, total *partial, float *loss) {
    float sum = 0;
    for (int64_t i = (blockIdx.x * int64_t{blockDim.x} + threadIdx.x) * 4; i < n;
         i += gridDim.x * int64_t{blockDim.x} * 4) {
        if (i + 4 <= n) {
            float logits[4], targets[4];
            load_floats(x + i, logits);
            load_floats(t + i, targets);
            UNROLL
            for (int k = 0; k < 4; k++) logits[k] = bce(logits[k], targets[k]);
            sum += (logits[0] + logits[1]) + (logits[2] + logits[3]);
        } else {
            for (int64_t k = i; k < n; k++) sum += bce(x[k], t[k]);
        }
    }
    leave_total({sum, threadIdx.x == 0 && blockIdx.x == 0 ? static_cast<double>(n) : 0}, partial, loss);
}

extern "C" kernel_status kernel_bce_with_logits(const float *x, const float *t, int64_t n, float *loss,
                                                void *workspace, void *stream) {
    total *partial = static_cast<total *>(workspace);
    const int64_t work = (n + 3) / 4;
    const int block = block_threads(work, threads);
    const unsigned blocks = blocks_for(work, block, most_blocks);
    LAUNCH(bce_with_logits, blocks, block, 0, stream, x, t, n, partial, loss);
    if (blocks > 1) LAUNCH(mean_of_totals, 1, threads, 0, stream, partial, static_cast<int>(blocks), loss);
    return cudaGetLastError();
}

__global__ void bce_with_logits_grad(const float *x, const float *t, int64_t n, const float *dloss,
                                     float *dx) {
    const float factor = static_cast<float>(*dloss / static_cast<double>(n));
    for (int64_t i = (blockIdx.x * int64_t{threads} + threadIdx.x) * 4; i < n;
         i += gridDim.x * int64_t{threads} * 4) {
        if (i + 4 <= n) {
            float logits[4], targets[4];
            load_floats(x + i, logits);
            load_floats(t + i, targets);
            UNROLL
            for (int k = 0; k < 4; k++) logits[k] = factor * (1 / (1 + expf(-logits[k])) - targets[k]);
            store_floats(dx + i, logits);
        } else {
            for (int64_t k = i; k < n; k++) dx[k] = factor * (1 / (1 + expf(-x[k])) - t[k]);
        }
    }
}

extern "C" kernel_status kernel_bce_with_logits_grad(const float *x, const float *t, int64_t n,
                                                     const float *dloss, float *dx, void *stream) {
    LAUNCH(bce_with_logits_grad, blocks_for((n + 3) / 4, threads), threads, 0, stream, x, t, n, dloss, dx);
    return cudaGetLastError();
}
