/* Convolutions of calls in cuDNN's words. */
#ifndef CUPEL_CUDA_NVIDIA_CONV_H
#define CUPEL_CUDA_NVIDIA_CONV_H

#include "cuda/nvidia/graph.h"
#include "cuda/tune.h"

/* How much of a call cuDNN does. */
enum conv_way {
    CONV_WHOLE,  /* all of it */
    CONV_APART,  /* the product; Cupel's kernels add the bias and apply the activation */
    CONV_NARROW, /* the product, and its result in the inputs' 16-bit type, which is converted to f32 */
    CONV_WAYS
};

/* The call, done in that way, as cuDNN is asked for it; false where the way does not apply, or a tensor lies such that
 * cuDNN is better not asked. Images must all be NHWC or all NCHW; the weight is wanted in the same order. */
bool conv_describe(const struct call *call, enum conv_way way, struct cudnn_conv *conv);

/* What the call's precision and determinism allow. */
struct cudnn_rules conv_rules(const struct call *call);

/* The names of ways: "cudnn whole 47 2=1 13=5" is engine 47, its knobs of type 2 and 13 set to 1 and 5. False for what is
 * no such name. */
void conv_way_write(enum conv_way way, const struct cudnn_choice *choice, char *name, size_t size);
bool conv_way_read(const char *name, enum conv_way *way, struct cudnn_choice *choice);

/* Lists ways for a target, as struct tune_source does. */
int conv_list(const struct cudnn_target *target, const struct call *call, struct tune_way *ways, int room);

/* Makes the call be served in the way of that name. */
enum cupel_status conv_prepare(const struct cudnn_target *target, struct call *call, const char *name,
                               struct cupel_error *error);

#endif
