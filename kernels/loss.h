/* Losses of classification and their gradients. */
#ifndef CUPEL_KERNEL_LOSS_H
#define CUPEL_KERNEL_LOSS_H

#include "kernel.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Scratch memory that any of these kernels needs, in bytes, aligned to 16. */
enum { KERNEL_LOSS_WORKSPACE = 8 * 1024 };

/* What cross entropies share. The logits are [N, C, P] f32, P the pixels of a plane, with any strides; label i = n P + p
 * is one of 0..C-1, or `ignore`. Another one is reported as a fault. The target of a row is smoothing / C for each class, and
 * 1 - smoothing more for the label. */
struct kernel_labels {
    int64_t count; /* N P */
    int ignore;
    float smoothing;
};

/* loss[0] = mean of the rows' losses, over labels other than `ignore`; NaN when there is none. */
kernel_status kernel_cross_entropy(const float *logits, const struct kernel_view *view, const int32_t *labels,
                                   const struct kernel_labels *how, float *loss, void *workspace,
                                   struct kernel_fault *fault, void *stream);

/* dx = dloss[0] / number of labels that count * (softmax of the row - target), 0 in rows to ignore. */
kernel_status kernel_cross_entropy_grad(const float *logits, const struct kernel_view *view,
                                        const int32_t *labels, const struct kernel_labels *how,
                                        const float *dloss, float *dx, const struct kernel_view *dx_view,
                                        void *workspace, struct kernel_fault *fault, void *stream);

/* weight[i] = 1 / number of labels that count, or 0 where label i is to be ignored. Negative labels are faults. */
kernel_status kernel_label_weight(const int32_t *labels, const struct kernel_labels *how, float *weight,
                                  void *workspace, struct kernel_fault *fault, void *stream);

/* loss[0] = mean of max(x, 0) - x t + log(1 + exp(-|x|)) over n elements. x and t are aligned to 16 bytes. */
kernel_status kernel_bce_with_logits(const float *x, const float *t, int64_t n, float *loss, void *workspace,
                                     void *stream);

/* dx = dloss[0] / n * (sigmoid(x) - t); dx may be x or t. All are aligned to 16 bytes. */
kernel_status kernel_bce_with_logits_grad(const float *x, const float *t, int64_t n, const float *dloss,
                                          float *dx, void *stream);

#ifdef __cplusplus
}
#endif
#endif
