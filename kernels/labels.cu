/* Labels of pixels.
 *
 *   mask_labels  one thread a byte, neighbours side by side
 *   one_hot      one thread a label, which writes all classes of it: where classes lie innermost those are neighbours, where
 *                pixels do a warp writes neighbours of each class */
#include "labels.h"
#include "logits.cuh"

constexpr int threads = 256;

__global__ void mask_labels(const uint8_t *masks, int32_t *labels, int64_t n) {
    for (int64_t i = blockIdx.x * int64_t{threads} + threadIdx.x; i < n; i += gridDim.x * int64_t{threads})
        labels[i] = masks[i] - 1;
}

extern "C" kernel_status kernel_mask_labels(const uint8_t *masks, int32_t *labels, int64_t n, void *stream) {
    LAUNCH(mask_labels, blocks_for(n, threads), threads, 0, stream, masks, labels, n);
    return cudaGetLastError();
}

__global__ void one_hot(const int32_t *labels, int ignore, float *y, struct rows rows,
                        struct kernel_fault *fault) {
    for (int64_t i = blockIdx.x * int64_t{threads} + threadIdx.x; i < rows.count;
         i += gridDim.x * int64_t{threads}) {
        const int label = labels[i];
        float *row = y + row_offset(i, rows.pixels, rows.row_stride);
        const bool counts = label != ignore;
        if (counts && (label < 0 || label >= rows.classes))
            report_fault(fault, KERNEL_FAULT_LABEL, label, rows.classes);
        for (int64_t c = 0; c < rows.classes; c++) row[c * rows.class_stride] = counts && c == label;
    }
}

extern "C" kernel_status kernel_one_hot(const int32_t *labels, int ignore, float *y,
                                        const struct kernel_view *view, struct kernel_fault *fault,
                                        void *stream) {
    const struct rows rows = rows_of(view);
    LAUNCH(one_hot, blocks_for(rows.count, threads), threads, 0, stream, labels, ignore, y, rows, fault);
    return cudaGetLastError();
}
