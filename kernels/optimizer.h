/* Optimizers over flat ranges: each launch gives n parameters, and the moments kept for them, their next values. All
 * ranges are of floats, aligned to 16 bytes, and none overlaps another; what is not const is changed in place. `rate` is
 * one number in device memory, read when the kernel runs; so is `go`, which, where it is 0, leaves everything as it is (NULL:
 * 1). A weight decay of 0 is none. */
#ifndef CUPEL_KERNEL_OPTIMIZER_H
#define CUPEL_KERNEL_OPTIMIZER_H

#include "kernel.h"

#ifdef __cplusplus
extern "C" {
#endif

kernel_status kernel_sgd(float *parameter, const float *gradient, const float *rate, const float *go,
                         int64_t n, float weight_decay, void *stream);

kernel_status kernel_sgd_momentum(float *parameter, float *velocity, const float *gradient, const float *rate,
                                  const float *go, int64_t n, float momentum, float weight_decay,
                                  bool nesterov, void *stream);

struct kernel_adam_options {
    double beta1, beta2, eps, weight_decay;
    bool decoupled; /* AdamW: the decay shrinks the parameter itself */
};
/* `step` is one number in device memory: how many steps came before. */
kernel_status kernel_adam(float *parameter, float *moment1, float *moment2, const float *gradient,
                          const float *rate, const int64_t *step, const float *go, int64_t n,
                          const struct kernel_adam_options *adam, void *stream);

kernel_status kernel_rmsprop(float *parameter, float *square, const float *gradient, const float *rate,
                             const float *go, int64_t n, double alpha, float eps, float weight_decay,
                             void *stream);

kernel_status kernel_adagrad(float *parameter, float *square, const float *gradient, const float *rate,
                             const float *go, int64_t n, float eps, float weight_decay, void *stream);

/* y = x, made shorter by a factor where its Euclidean norm is above `limit`; y may be x itself. `partial` is scratch
 * memory for as many numbers as there are blocks, which kernel_clip_norm_blocks says. */
kernel_status kernel_clip_norm(const float *x, float *y, int64_t n, double limit, double *partial, int blocks,
                               void *stream);
int kernel_clip_norm_blocks(int64_t n, int multiprocessors);

#ifdef __cplusplus
}
#endif
#endif
